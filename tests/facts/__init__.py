"""Facts of the wire, each with its source, and where client and sandbox have their own spelling of it.

A side that has no spelling of its own says why: `why_no_client`, `why_no_sandbox`. A spelling is written as
`module:` and a way from there: `NAME.name` (attributes; of a dataclass, a field's default), `NAME()` (called),
`NAME[key]` (what a mapping holds), `NAME{word}` (the member or key that is this word) and `NAME{=label}` (the value of
the option with this label, or the first key of this value). Several, with commas between them, are a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_STEP = re.compile(r"\.?(\w+)|(\(\))|\[([^\]]*)\]|\{(=?)([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. client, sandbox: that side's spelling, "" if it has none. any_case: whether case is of no matter."""

    file: str
    name: str
    value: Any
    source: str
    client: str
    sandbox: str
    why_no_client: str
    why_no_sandbox: str
    any_case: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"


def facts() -> list[Fact]:
    """Every fact of every file."""
    return [_fact(place.stem, one) for place in sorted(HERE.glob("*.json")) for one in _listed(place)]


def _listed(place: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(place.read_text())["facts"]
    return listed


def _fact(file: str, one: Mapping[str, Any]) -> Fact:
    sides = {side: one[side] or "" for side in ("client", "sandbox")}
    reasons = {name: one.get(name, "") for name in ("why_no_client", "why_no_sandbox")}
    return Fact(file, one["name"], one["value"], one["source"], **sides, **reasons, any_case=one.get("any_case", False))


def spelling(pointer: str) -> Any:
    """What one side says, in the form in which facts are written."""
    said = [_said(each.strip()) for each in pointer.split(", ")]
    return sorted(said) if len(said) > 1 else said[0]


def _said(pointer: str) -> Any:
    module, _, way = pointer.partition(":")
    steps = list(_STEP.finditer(way))
    assert "".join(step[0] for step in steps) == way, f"{pointer} can't be followed"
    start: Any = import_module(module)
    value = reduce(_followed, steps, start)
    return sorted(value) if isinstance(value, frozenset) else value


def _followed(owner: Any, step: re.Match[str]) -> Any:
    name, called, key, equals, word = step.groups()
    if name is not None:
        return _member(owner, name)
    if called is not None:
        return owner()
    if key is not None:
        return owner[key]
    return _standing_for(owner, word) if equals else next(each for each in owner if each == word)


def _standing_for(owner: Any, label: str) -> Any:
    """The first key of a mapping with this value, or the value of a choice's option with this label."""
    pairs = owner.items() if isinstance(owner, Mapping) else ((option.value, option.label) for option in owner)
    return next(key for key, value in pairs if value == label)


def _member(owner: Any, name: str) -> Any:
    """An attribute; of a dataclass with slots, a field's default."""
    if isinstance(owner, type) and is_dataclass(owner):
        found = next(field for field in fields(owner) if field.name == name)
        assert found.default is not MISSING
        return found.default
    return getattr(owner, name)


def same(said: Any, fact: Fact) -> bool:
    """Whether a spelling is the fact.

    It is equal, or the one member of a list, or the whole number that a text on the wire stands for, or a pattern that
    takes the text.
    """
    value = fact.value
    if isinstance(said, re.Pattern):
        return said.fullmatch(value) is not None
    if isinstance(value, list):
        return _folded(said if isinstance(said, list) else [said], fact) == _folded(value, fact)
    if isinstance(value, str) and isinstance(said, str):
        return _folded([said], fact) == _folded([value], fact)
    return bool(said == value) or (isinstance(value, str) and value.isdigit() and str(int(said)) == value)


def _folded(texts: list[Any], fact: Fact) -> list[Any]:
    return [text.casefold() for text in texts] if fact.any_case else texts
