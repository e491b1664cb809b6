"""The query options of an address: `$select`, `$filter`, `$orderby`, `$top`, `$expand`, `$count`, `$apply`, aliases.

Texts in, values out; what the names mean is decided against the catalog later. Source: reference/dataverse.md,
"Queries and paging".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.wire import split_outside_quotes

_OPTIONS = (
    "$select",
    "$filter",
    "$orderby",
    "$top",
    "$expand",
    "$count",
    "$apply",
    "$skiptoken",
    "$deltatoken",
    "$format",
)
_NOT_IMPLEMENTED = ("fetchxml", "savedquery", "userquery", "sql")
_EXPAND_OPTIONS = ("$select", "$filter", "$orderby", "$top", "$expand")
_LARGEST_TOP = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Order:
    """One column of `$orderby`."""

    path: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one query or of one `$expand`. select: None for every column; top: None for no limit."""

    select: tuple[str, ...] | None = None
    filter: str = ""
    orderby: tuple[Order, ...] = ()
    top: int | None = None
    expand: tuple[Expand, ...] = ()
    count: bool = False
    apply: str = ""
    skiptoken: str = ""
    deltatoken: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expand:
    """One navigation property to follow. reference: only the address of the record, `nav/$ref`. text: as written."""

    navigation: str
    options: Options
    reference: bool = False
    text: str = ""


def decoded_fields(query: str) -> list[tuple[str, str]]:
    """Names and values of a query string; both `+` and `%20` are spaces."""
    parts = [part.partition("=") for part in query.split("&") if part]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in parts]


def query_options(query: str) -> Options:
    """The options of a query string. Raises Refused."""
    found: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for name, value in decoded_fields(query):
        if name.startswith("@"):
            aliases[name] = value
        elif name.lower() in _NOT_IMPLEMENTED:
            raise errors.bad_uri(f"The query parameter {name} is not emulated by this sandbox.", 501)
        elif name.startswith("$"):
            if name not in _OPTIONS:
                raise errors.bad_uri(f"The query parameter {name} is not supported.")
            if name in found:
                raise errors.bad_uri(
                    f"Query option '{name}' was specified more than once, but it must be specified at most once."
                )
            found[name] = value
    return _options(found, aliases)


def _options(found: Mapping[str, str], aliases: Mapping[str, str]) -> Options:
    return Options(
        select=_select(found["$select"]) if "$select" in found else None,
        filter=_filter(found["$filter"]) if "$filter" in found else "",
        orderby=tuple(_orders(found.get("$orderby", ""))),
        top=_top(found["$top"]) if "$top" in found else None,
        expand=tuple(_expands(found.get("$expand", ""))),
        count=_truth(found.get("$count", "false")),
        apply=found.get("$apply", ""),
        skiptoken=found.get("$skiptoken", ""),
        deltatoken=found.get("$deltatoken", ""),
        aliases=aliases,
    )


def _filter(text: str) -> str:
    if not text.strip():
        raise errors.bad_uri("The value for OData query '$filter' cannot be empty.")
    return text.strip()


def _select(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    return None if "*" in names or not names else names


def _orders(text: str) -> Iterable[Order]:
    for part in split_outside_quotes(text, ","):
        words = part.split()
        if not words:
            continue
        if len(words) > 2 or words[1:] not in ([], ["asc"], ["desc"]):
            raise errors.bad_uri(f"Syntax error at position {len(part)} in '{part.strip()}'.")
        yield Order(tuple(words[0].split("/")), words[1:] == ["desc"])


def _top(text: str) -> int:
    if not text.strip().isdecimal() or int(text[:20]) > _LARGEST_TOP:
        raise errors.bad_uri(
            f"Invalid value '{text}' for $top query option found. "
            "The $top query option requires a non-negative integer value."
        )
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise errors.bad_uri(f"Invalid value '{text}' for $count query option found.")
    return text.lower() == "true"


def _expands(text: str) -> Iterable[Expand]:
    for part in split_outside_quotes(text, ","):
        written = part.strip()
        if not written:
            continue
        name, parenthesis, inner = written.partition("(")
        if parenthesis and not inner.endswith(")"):
            raise errors.bad_uri(f"Syntax error at position {len(text)} in '{text}'.")
        navigation, slash, rest = name.strip().partition("/")
        if slash and rest != "$ref":
            raise errors.bad_uri(f"Found a path with multiple navigation properties in an expand clause: '{name}'.")
        yield Expand(navigation, _expand_options(inner[:-1]), bool(slash), written)


def _expand_options(text: str) -> Options:
    found: dict[str, str] = {}
    for part in split_outside_quotes(text, ";"):
        name, equals, value = part.strip().partition("=")
        if not name:
            continue
        if name.strip() not in _EXPAND_OPTIONS or not equals:
            raise errors.bad_uri(f"The query option '{name.strip()}' is not supported within $expand.")
        found[name.strip()] = value.strip()
    return _options(found, {})
