"""The real command line with a composition of a test's own, and everything that it left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from statecfg.app import App
from statecfg.cli.application import Surroundings
from statecfg.cli.main import cli
from statecfg.model.events import Emit
from statecfg.model.options import Options
from tests.end_to_end.command import Said
from tests.end_to_end.rig import Rig

Composition = Callable[[Options, Emit, Path], App]


def as_it_is(options: Options, emit: Emit, tokens: Path) -> App:
    """The application as users have it."""
    return App(options, emit, cache_dir=tokens)


def run_on(rig: Rig, *words: str, composed: Composition = as_it_is) -> Said:
    """A command on a rig's project, in its directory; nobody is at a terminal."""
    opened: list[App] = []

    def open_(options: Options, emit: Emit) -> App:
        opened.append(composed(options, emit, rig.state_dir / "tokens"))
        return opened[-1]

    out, err = StringIO(), StringIO()
    rig.state_dir.mkdir(parents=True, exist_ok=True)
    with inside(rig.state_dir), redirect_stdout(out), redirect_stderr(err):
        try:
            line = [*words, *project(rig)]
            code = cli.main(line, prog_name="statecfg", standalone_mode=False, obj=Surroundings(open=open_))
        finally:
            for app in opened:
                app.close()
    return Said(int(code), out.getvalue(), err.getvalue())


def project(rig: Rig) -> list[str]:
    """The options that name a rig's project."""
    extra = [word for name, value in rig.extra.items() for word in ("-e", f"{name}={value}")]
    return ["-i", str(rig.inventory), "-s", str(rig.states), *extra]


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class Leak:
    """Where a piece of a secret was found."""

    where: str
    piece: str
    around: str


WINDOW = 20
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")


def leaks(secrets: Iterable[str], said: Said, *directories: Path) -> list[Leak]:
    """Every text in which any secret stands, or a piece of it: output, and every file but those that keep tokens."""
    texts = {"stdout": said.out, "stderr": said.err}
    for directory in directories:
        files = [path for path in directory.rglob("*") if path.is_file() and "tokens" not in path.parts]
        texts |= {str(path): path.read_bytes().decode("latin-1") for path in files}
    pieces = {piece for secret in secrets for piece in _pieces(secret)}
    found = []
    for where, text in texts.items():
        # A screen breaks lines; a secret on two of them is no less a secret.
        for shape in (text, "".join(text.split())):
            seen = [piece for piece in pieces if piece in shape] + TOKEN.findall(shape)
            found += [Leak(where, piece, _around(shape, piece)) for piece in seen]
    return found


def _pieces(secret: str) -> Iterator[str]:
    for line in secret.splitlines():
        whole = "".join(line.split())
        if len(whole) >= 6 and not whole.startswith("-----"):
            yield from (whole[start : start + WINDOW] for start in range(0, max(1, len(whole) - WINDOW + 1), 5))


def _around(text: str, piece: str) -> str:
    at = text.index(piece)
    return text[max(0, at - 60) : at + 80]
