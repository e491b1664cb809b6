"""Facts of the wire, each with its source, and where client and sandbox have their own spelling of it."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. client, sandbox: `module:name` of that side's spelling, "" if it has none."""

    file: str
    name: str
    value: Any
    source: str
    client: str
    sandbox: str

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"


def facts() -> list[Fact]:
    """Every fact of every file."""
    return [
        Fact(place.stem, one["name"], one["value"], one["source"], one["client"] or "", one["sandbox"] or "")
        for place in sorted(HERE.glob("*.json"))
        for one in json.loads(place.read_text())["facts"]
    ]


def spelling(pointer: str) -> Any:
    """What one side says: the value behind `module:name.name`, in the form in which facts are written."""
    module, _, names = pointer.partition(":")
    start: Any = import_module(module)
    value = reduce(_member, names.split("."), start)
    return sorted(value) if isinstance(value, frozenset) else value


def _member(owner: Any, name: str) -> Any:
    """An attribute; of a dataclass with slots, a field's default."""
    if isinstance(owner, type) and is_dataclass(owner):
        found = next(field for field in fields(owner) if field.name == name)
        assert found.default is not MISSING
        return found.default
    return getattr(owner, name)


def same(said: Any, fact: Any) -> bool:
    """Whether a spelling is the fact: equal, or the whole number that a text on the wire stands for."""
    return bool(said == fact) or (isinstance(fact, str) and fact.isdigit() and str(int(said)) == fact)
