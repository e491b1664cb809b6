"""What an address under `/data` names: a set, one row by its key, an action, a count.

Sloppy forms of real clients are taken: GUID and enum keys with or without apostrophes, qualified or not.
Source: reference/finance-and-operations.md, 3.2 and 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from statecfg.sandbox.finance.catalog import NAMESPACE, EntitySet, entity_sets
from statecfg.sandbox.finance.errors import invalid, no_resource
from statecfg.sandbox.finance.wire import Unacceptable, taken
from statecfg.sandbox.tables import Column
from statecfg.sandbox.wire import split_outside_quotes

COUNT = "$count"


@dataclass(frozen=True, slots=True)
class Address:
    """A place under `/data`. key: None for the whole set. action: its short name, "" for none."""

    entity_set: EntitySet
    key: Mapping[str, Any] | None = None
    action: str = ""
    counts: bool = False
    property_name: str = ""
    target: str = field(default="", compare=False)


def address_of(rest: str) -> Address:
    """The place that `rest`, what follows `/data/` still percent-encoded, names. Raises WireError."""
    segments = [part for part in split_outside_quotes(unquote(rest), "/") if part]
    name, bracket, inner = segments[0].partition("(")
    entity_set = entity_sets().get(name)
    if entity_set is None or (bracket and not inner.endswith(")")) or len(segments) > 2:
        raise no_resource(f"/data/{rest}")
    key = _key(entity_set, inner[:-1]) if bracket and inner[:-1].strip() else None
    return _tail(Address(entity_set, key, target=rest), segments[1] if len(segments) == 2 else "")


def _tail(place: Address, tail: str) -> Address:
    tail = tail.removesuffix("()")
    if not tail:
        return place
    if tail == COUNT and place.key is None:
        return Address(place.entity_set, counts=True, target=place.target)
    namespace, _, action = tail.rpartition(".")
    if namespace == NAMESPACE and action.isidentifier():
        return Address(place.entity_set, place.key, action, target=place.target)
    if place.key is not None and tail in place.entity_set.by_name:
        return Address(place.entity_set, place.key, property_name=tail, target=place.target)
    raise no_resource(f"/data/{place.target}")


def _key(entity_set: EntitySet, text: str) -> dict[str, Any]:
    parts = [part.strip() for part in split_outside_quotes(text, ",")]
    if len(parts) == 1 and len(entity_set.keys) == 1 and not _is_named(parts[0]):
        parts = [f"{entity_set.keys[0]}={parts[0]}"]
    named = dict(_pair(part) for part in parts)
    if set(named) != set(entity_set.keys):
        wanted = ", ".join(entity_set.keys)
        raise invalid(f"The number of keys specified in the URI does not match the key properties: {wanted}.")
    try:
        return {name: _value(entity_set.by_name[name], value) for name, value in named.items()}
    except Unacceptable as refusal:
        raise invalid(refusal.message) from refusal


def _is_named(part: str) -> bool:
    name, sign, _ = part.partition("=")
    return bool(sign) and name.strip().isidentifier()


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


def _value(column: Column, text: str) -> Any:
    prefix, quote, _ = text.partition("'")
    if quote and text.endswith("'") and len(text) > len(prefix) + 1:
        inner = text[len(prefix) + 1 : -1].replace("''", "'")
        if prefix and column.type != "enum":
            raise Unacceptable(column.name, f"The key value {text} is not valid.")
        return taken(column, _boolean(column, inner))
    if quote or column.type in ("string", "memo"):
        raise Unacceptable(column.name, f"The key value {text} is not valid.")
    return taken(column, _boolean(column, text))


def _boolean(column: Column, text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text) if column.type == "bool" else text
