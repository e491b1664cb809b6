"""Reading answers whose form is known only from other clients: names in any case, numbers as texts, lists wrapped.

Pure: values in, values out. What can't be understood is "" or -1, never a guess; the caller decides what that means.
Source: reference/dual-write.md, "Design rules for the client".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statecfg.clients import numbers

Members = Mapping[str, Any]

_LIST_NAMES = ("value", "entities", "items")
_VERSION_PARTS = ("major", "minor", "build", "revision")


def member(value: Any, *names: str) -> Any:
    """The member of an object by the first of these names that it has and that isn't null; case does not count."""
    if not isinstance(value, Mapping):
        return None
    found = {str(key).lower(): each for key, each in value.items()}
    return next((found[name.lower()] for name in names if found.get(name.lower()) is not None), None)


def text(value: Any, *names: str) -> str:
    """A member as text; "" if there is none. Numbers and booleans are written as JSON has them."""
    found = member(value, *names) if names else value
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None or isinstance(found, Mapping | list) else str(found)


def whole(value: Any, *names: str) -> int:
    """A member as a whole number, from a number or a text; -1 if it is none."""
    said = text(value, *names).strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else -1


def objects(value: Any, *names: str) -> tuple[Members, ...]:
    """The objects of a list: bare, under value, entities or items, or in the member named. An object is no list."""
    found = member(value, *names) if names else value
    if isinstance(found, Mapping):
        found = member(found, *_LIST_NAMES)
    return tuple(each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else ()


def texts(value: Any, *names: str) -> tuple[str, ...]:
    """The texts of a list member."""
    found = member(value, *names)
    return tuple(text(each) for each in found) if isinstance(found, list) else ()


def version(value: Any) -> str:
    """A version as four numbers with dots, from an object of numbers or from dotted text; "" if it is neither."""
    if isinstance(value, Mapping):
        parts = [whole(value, name) for name in _VERSION_PARTS]
        return ".".join(str(max(part, 0)) for part in parts) if parts[0] >= 0 else ""
    parts_said = text(value).strip().split(".")
    if not 2 <= len(parts_said) <= 6 or not all(part.isascii() and part.isdigit() for part in parts_said):
        return ""
    return ".".join(str(int(part)) for part in (*parts_said, "0", "0")[:4])


def unpacked(value: Any) -> Any:
    """A JSON text's value, once or twice encoded; any other value as it is. Raises numbers.NotJson."""
    for _ in range(3):
        if not isinstance(value, str):
            break
        value = numbers.decoded(value)
    return value


def resolved(value: Any) -> Any:
    """The same value with every `{"$ref": n}` replaced by the object whose `$id` is n; unknown ones stay."""
    known: dict[str, Any] = {}
    for each in _walk(value):
        if isinstance(each, dict) and "$id" in each:
            known.setdefault(str(each["$id"]), each)
    if known:
        for each in _walk(value):
            _replace(each, known)
    return value


def _walk(value: Any) -> Sequence[Any]:
    """Every object and list inside a decoded JSON value, each once."""
    found = [value] if isinstance(value, dict | list) else []
    for each in found:
        inner = each.values() if isinstance(each, dict) else each
        found.extend(one for one in inner if isinstance(one, dict | list))
    return found


def _replace(container: Any, known: Members) -> None:
    places = container.items() if isinstance(container, dict) else enumerate(container)
    for place, inner in list(places):
        if isinstance(inner, dict) and set(inner) == {"$ref"} and str(inner["$ref"]) in known:
            container[place] = known[str(inner["$ref"])]
