"""One read of an entity set: query options understood, company rules applied, one page of rows with its continuation.

Pages continue after the last row's sort values, not at an offset, so that rows written meanwhile neither repeat nor
hide others.
Source: reference/finance-and-operations.md, 3.1.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox.finance.catalog import (
    COMPANY,
    NAMESPACE,
    RECORD_ID,
    RECORD_VERSION,
    EntitySet,
    Navigation,
    entity_set,
)
from statecfg.sandbox.finance.conditions import Condition, condition, joined
from statecfg.sandbox.finance.filtering import Node, parsed
from statecfg.sandbox.finance.wire import Shown, row_reader
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import Tx, quoted

_KNOWN = (
    "$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "$skiptoken", "$format", "cross-company",
)  # fmt: skip


class QueryRefused(ValueError):
    """The query options cannot be met; the service answers 400 with this text."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows are seen: the user's own company, or with `cross_company` all that the user may see (None: every)."""

    company: str
    cross_company: bool = False
    companies: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One sort column."""

    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Expansion:
    """A navigation to follow, and the columns wanted there; empty means all."""

    navigation: Navigation
    select: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asks of one entity set. after: sort values of the last row it has."""

    entity_set: EntitySet
    filter: Node | None = None
    select: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    expand: tuple[Expansion, ...] = ()
    after: tuple[Any, ...] | None = None

    @property
    def sorting(self) -> tuple[Order, ...]:
        """The wanted order, made total by the key."""
        named = {order.column.name for order in self.order}
        keys = (self.entity_set.by_name[key] for key in self.entity_set.keys)
        return (*self.order, *(Order(column) for column in keys if column.name not in named))


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as the wire has them; count of all matching ones if asked; token and remaining $top of the next page."""

    rows: list[dict[str, Any]]
    count: int | None
    token: str = ""
    remaining: int | None = None


def query_of(target: EntitySet, options: Mapping[str, str]) -> Query:
    """The query that these options ask for. Raises QueryRefused, FilterRefused."""
    for name in options:
        if name.startswith("$") and name not in _KNOWN:
            raise QueryRefused(f"The query parameter '{name}' is not supported.")
    order = tuple(_orders(target, options.get("$orderby", "")))
    return Query(
        entity_set=target,
        filter=parsed(options["$filter"]) if options.get("$filter", "").strip() else None,
        select=selected(target, options.get("$select", "")),
        order=order,
        top=_whole(options, "$top"),
        skip=_whole(options, "$skip") or 0,
        count=_flag(options, "$count"),
        expand=tuple(_expansions(target, options.get("$expand", ""))),
        after=_after(options.get("$skiptoken")),
    )


def is_cross_company(options: Mapping[str, str]) -> bool:
    """Whether the request looks beyond the user's own company."""
    return options.get("cross-company", "").strip("'").lower() == "true"


def selected(target: EntitySet, text: str) -> tuple[str, ...]:
    """Column names of a `$select`; empty means all. Raises QueryRefused."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if name != "*" and name not in target.by_name:
            raise QueryRefused(_no_property(target, name))
    return () if "*" in names else names


def run(tx: Tx, query: Query, scope: Scope, page_size: int) -> Page:
    """One page of a query. Raises FilterRefused, QueryRefused."""
    conditions = list(_conditions(query, scope))
    size = page_size if query.top is None else min(page_size, query.top)
    count = _counted(tx, query.entity_set, conditions) if query.count else None
    if query.after is not None:
        conditions.append(_beyond(query.sorting, query.after))
    shown = _fetched(tx, query, conditions, size + 1)
    rows = [row for row, _ in shown[:size]]
    for expansion in query.expand:
        _expand(tx, expansion, shown[:size], scope)
    if len(shown) <= size or size == 0 or query.top == size:
        return Page(rows, count)
    remaining = None if query.top is None else query.top - size
    return Page(rows, count, _token(query.sorting, shown[size - 1][1]), remaining)


def one(tx: Tx, target: EntitySet, key: Mapping[str, Any], scope: Scope) -> dict[str, Any] | None:
    """The stored row with this key if the scope shows it, else None. The company may be left out: the user's own."""
    wanted = dict(key)
    if target.per_company:
        wanted.setdefault(COMPANY, scope.company)
        if not _visible(str(wanted[COMPANY]), scope):
            return None
    found = tx.find(target.table, **wanted)
    return found[0] if found else None


def expanded(tx: Tx, query: Query, stored: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """One stored row as the wire has it, with what the query selects and expands."""
    row = row_reader(query.entity_set, query.select)(stored)
    for expansion in query.expand:
        _expand(tx, expansion, [(row, stored)], scope)
    return row


def _visible(company: str, scope: Scope) -> bool:
    if not scope.cross_company:
        return company.lower() == scope.company.lower()
    return scope.companies is None or company.lower() in scope.companies


def _conditions(query: Query, scope: Scope) -> Iterator[Condition]:
    yield from _company_conditions(query.entity_set, scope)
    if query.filter is not None:
        yield condition(query.entity_set, query.filter)


def _company_conditions(target: EntitySet, scope: Scope) -> Iterator[Condition]:
    if not target.per_company:
        return
    if not scope.cross_company:
        yield f"{quoted(COMPANY)} = ?", [scope.company]
    elif scope.companies is not None:
        marks = ", ".join("?" * len(scope.companies))
        yield f"{quoted(COMPANY)} IN ({marks})", list(scope.companies)


def _where(conditions: Sequence[Condition]) -> Condition:
    return joined("AND", conditions) if conditions else ("1", [])


def _counted(tx: Tx, target: EntitySet, conditions: Sequence[Condition]) -> int:
    where, params = _where(conditions)
    sql = f"SELECT count(*) FROM {quoted(target.table)} WHERE {where}"  # noqa: S608 - catalog names only
    return int(tx.connection.execute(sql, params).fetchone()[0])


def _fetched(
    tx: Tx, query: Query, conditions: Sequence[Condition], limit: int
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows as shown, each with its stored values of the columns that continue or expand the read."""
    where, params = _where(conditions)
    names = _needed(query)
    order = ", ".join(f"{quoted(o.column.name)}{' DESC' if o.descending else ''}" for o in query.sorting)
    listed = ", ".join(quoted(name) for name in names)
    sql = f"SELECT {listed} FROM {quoted(query.entity_set.table)} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    found = tx.connection.execute(sql, [*params, limit, query.skip])
    shown = Shown(query.entity_set, query.select)
    return [(shown(stored), stored) for values in found if (stored := dict(zip(names, values, strict=True)))]


def _needed(query: Query) -> tuple[str, ...]:
    wanted = query.select or tuple(column.name for column in query.entity_set.columns)
    sorting = tuple(order.column.name for order in query.sorting)
    joins = tuple(own for expansion in query.expand for own, _ in expansion.navigation.on)
    return tuple(dict.fromkeys((*wanted, *sorting, *joins, RECORD_ID, RECORD_VERSION)))


def _expand(
    tx: Tx, expansion: Expansion, shown: Sequence[tuple[dict[str, Any], Mapping[str, Any]]], scope: Scope
) -> None:
    target = entity_set(expansion.navigation.target)
    reader = row_reader(target, expansion.select)
    for row, stored in shown:
        equals = {other: stored[own] for own, other in expansion.navigation.on}
        found = [reader(related) for related in tx.find(target.table, **equals) if _seen(target, related, scope)]
        row[expansion.navigation.name] = found if expansion.navigation.many else (found[0] if found else None)


def _seen(target: EntitySet, row: Mapping[str, Any], scope: Scope) -> bool:
    return not target.per_company or _visible(str(row[COMPANY]), scope)


def _beyond(sorting: Sequence[Order], after: Sequence[Any]) -> Condition:
    """Rows sorted after these values: a later first column, or the same one and a later second, and so on."""
    if len(after) != len(sorting):
        raise QueryRefused("The $skiptoken does not fit this query.")
    if None not in after and not any(order.descending for order in sorting):
        # One comparison of rows lets SQLite begin at the place in the key instead of looking for it.
        names, marks = ", ".join(quoted(o.column.name) for o in sorting), ", ".join("?" * len(sorting))
        return f"({names}) > ({marks})", list(after)
    found: list[Condition] = []
    same: list[Condition] = []
    for order, value in zip(sorting, after, strict=True):
        name = quoted(order.column.name)
        found.append(joined("AND", [*same, _later(name, value, order.descending)]))
        same.append((f"{name} IS ?", [value]))
    return joined("OR", found)


def _later(name: str, value: Any, descending: bool) -> Condition:
    """Sorted after a value; empty values come first, or last where the order is descending."""
    if value is None:
        return ("0", []) if descending else (f"{name} IS NOT NULL", [])
    return (f"({name} < ? OR {name} IS NULL)", [value]) if descending else (f"{name} > ?", [value])


def _token(sorting: Sequence[Order], stored: Mapping[str, Any]) -> str:
    values = [stored[order.column.name] for order in sorting]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _after(token: str | None) -> tuple[Any, ...] | None:
    if token is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as cause:
        raise QueryRefused("The $skiptoken is not valid.") from cause
    if not isinstance(values, list) or not all(isinstance(value, str | int | None) for value in values):
        raise QueryRefused("The $skiptoken is not valid.")
    return tuple(values)


def _orders(target: EntitySet, text: str) -> Iterator[Order]:
    for part in text.split(","):
        words = part.split()
        if not words:
            continue
        if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise QueryRefused(f"Syntax error in $orderby '{part.strip()}'.")
        if words[0] not in target.by_name:
            raise QueryRefused(_no_property(target, words[0]))
        yield Order(target.by_name[words[0]], words[-1] == "desc" and len(words) == 2)


def _expansions(target: EntitySet, text: str) -> Iterator[Expansion]:
    for part in _split(text):
        name, bracket, inner = part.partition("(")
        found = next((n for n in target.navigations if n.name == name.strip()), None)
        if found is None:
            raise QueryRefused(_no_property(target, name.strip()))
        yield Expansion(found, _nested(found, inner[:-1]) if bracket else ())


def _split(text: str) -> Iterator[str]:
    """Parts between the commas that stand outside brackets. Raises QueryRefused where they don't match."""
    depth, start = 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        if sign == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    if depth:
        raise QueryRefused(f"Syntax error in $expand '{text}'.")
    if text[start:].strip():
        yield text[start:].strip()


def _nested(navigation: Navigation, inner: str) -> tuple[str, ...]:
    name, _, value = inner.partition("=")
    if name.strip() != "$select":
        raise QueryRefused("Only the first level can be expanded, with $select at most.")
    return selected(entity_set(navigation.target), value)


def _whole(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise QueryRefused(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _flag(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "false").lower()
    if text not in ("true", "false"):
        raise QueryRefused(f"Invalid value '{text}' for {name} query option found.")
    return text == "true"


def _no_property(target: EntitySet, name: str) -> str:
    return f"Could not find a property named '{name}' on type '{NAMESPACE}.{target.entity}'."
