"""Collects everything that is wrong with the files, so that a person sees it all at once.

Whoever reads files adds what it finds and goes on; only `close` raises. Knows nothing of what is being read.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from statecfg.model.address import Source
from statecfg.model.errors import DeclarationError, Problem


class Problems:
    """What was found so far: errors in `found`, warnings in `warnings`, each problem once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}

    def add(self, code: str, where: Source, what: str, do: str = "") -> None:
        """Note one thing that is wrong."""
        self._found[Problem(code, where, what, do)] = None

    def warn(self, code: str, where: Source, what: str, do: str = "") -> None:
        """Note one thing that is worth a look but not wrong."""
        self._warnings[Problem(code, where, what, do)] = None

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note problems that somebody else found."""
        self._found.update(dict.fromkeys(problems))

    def extend_warnings(self, problems: Iterable[Problem]) -> None:
        """Note warnings that somebody else found."""
        self._warnings.update(dict.fromkeys(problems))

    @property
    def found(self) -> tuple[Problem, ...]:
        """Everything that is wrong, by file and line."""
        return tuple(sorted(self._found, key=_place))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Everything worth a look, by file and line."""
        return tuple(sorted(self._warnings, key=_place))

    def __bool__(self) -> bool:
        return bool(self._found)

    def close(self) -> None:
        """Raises DeclarationError with all problems, if there is any."""
        if self._found:
            raise DeclarationError(self.found)


def _place(problem: Problem) -> tuple[str, int, int, str]:
    column = problem.where.column
    return (problem.where.file, problem.where.line, column if isinstance(column, int) else 0, str(column))


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word that `word` is probably meant to be, or "". likeness: from 0 to 1, how near it must be."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[close[0]] if close else ""


def advice(word: str, known: Iterable[str]) -> str:
    """What to do about an unknown word: `did you mean ...?`, or the list of the known ones."""
    names = sorted(set(known))
    close = nearest(word, names)
    if close:
        return f"did you mean `{close}`?"
    return f"known here: {', '.join(names)}" if names else "nothing is known here"


def shown(path: Path) -> str:
    """A path as messages show it: relative to the current directory where it is inside it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
