"""The options that commands share, and what they mean where they are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from statecfg.model.options import Options

Function = TypeVar("Function", bound=Callable[..., Any])
STATE_DIR = Path(".statecfg")


def project_options(function: Function) -> Function:
    """Which files, and which environment of them."""
    add = [
        click.option("-i", "--inventory", metavar="DIR", help="The inventory; default: the only one in inventories/."),
        click.option(
            "-l", "--limit", metavar="ENVIRONMENT", help="The environment; default: the inventory's only one."
        ),
        click.option("-s", "--states", metavar="DIR", help="The set of state files; default: the only one in states/."),
        click.option("-e", "extra", metavar="KEY=VALUE", multiple=True, help="A variable that overrides all others."),
    ]
    return _with(add, function)


def output_options(*formats: str) -> Callable[[Function], Function]:
    """In which form, and how much is told; `formats` are those that the command can answer in."""

    def with_options(function: Function) -> Function:
        form = click.Choice(formats)
        words = "Form of the result on stdout; progress is on stderr."
        add = [
            click.option("-o", "--output", "form", type=form, default="text", show_default=True, help=words),
            click.option("--no-color", is_flag=True, help="No colour (also: NO_COLOR in the environment)."),
            click.option("-v", "--verbose", count=True, help="Tell more: reads, fences, retries."),
            click.option("-q", "--quiet", is_flag=True, help="No progress; only the result and errors."),
        ]
        return _with(add, function)

    return with_options


def _with(add: Sequence[Callable[[Function], Function]], function: Function) -> Function:
    for option in reversed(add):
        function = option(function)
    return function


def options(inventory: str | None, limit: str | None, states: str | None, extra: Sequence[str]) -> Options:
    """The options as values. Raises click.UsageError where a default would be a guess."""
    return Options(
        inventory=Path(inventory) if inventory else the_only("inventories", "-i", "inventory"),
        states=_states(Path(states)) if states else the_only("states", "-s", "set of state files"),
        limit=limit,
        extra=pairs(extra, "-e"),
        state_dir=STATE_DIR,
    )


def _states(given: Path) -> Path:
    """A set's own directory; the directory above it will do if it holds only one set."""
    inside = [entry for entry in _directories(given) if any(entry.glob("*.yml"))]
    return inside[0] if len(inside) == 1 and not any(given.glob("*.yml")) else given


def the_only(parent: str, option: str, what: str) -> Path:
    """The one directory inside `parent`. Raises click.UsageError if there is none or a choice."""
    found = _directories(Path(parent))
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.UsageError(f"There is no {what} in {parent}/ here: go to the project's root, or give {option} DIR.")
    names = ", ".join(entry.as_posix() for entry in found)
    raise click.UsageError(f"Which {what}? Give {option} with one of: {names}.")


def _directories(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(entry for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))


def pairs(given: Sequence[str], option: str) -> Mapping[str, str]:
    """("KEY=VALUE", ...) as a mapping. Raises click.UsageError for one without a key or a value, or given twice."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            # A value may be a secret, so only the word before it is repeated.
            raise click.UsageError(f"{option} takes KEY=VALUE; there is no `=` behind {_word(text)!r}.")
        if key.strip() in found:
            raise click.UsageError(f"{option} names {key.strip()!r} twice.")
        found[key.strip()] = value
    return found


def _word(text: str) -> str:
    """The name that a text begins with."""
    return re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0][:30]


def attestations(given: Sequence[str]) -> Mapping[str, str]:
    """("NAME=who: words", ...) as a mapping. Raises click.UsageError unless each says who and what."""
    found = pairs(given, "--attest")
    for name, text in found.items():
        who, colon, words = text.partition(":")
        if not (colon and who.strip() and words.strip()):
            raise click.UsageError(f'--attest {name} must say who and what: --attest {name}="WHO: WORDS".')
    return found
