"""Reading records: one, a page of a set or of a relation, and what `$expand` brings along.

Each query is one SQL statement, an expand one more for the whole page.
"""

# ruff: noqa: S608 - SQL is built from quoted catalog names; values are always parameters.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.conditions import Conditions
from statecfg.sandbox.dataverse.exchange import PAGE_LIMIT, TOTAL, TOTAL_EXCEEDED, Exchange, Preferences
from statecfg.sandbox.dataverse.filtering import Path
from statecfg.sandbox.dataverse.names import NAMES, Collection, Names
from statecfg.sandbox.dataverse.paging import Cookie, Sorted, beyond, cookie, skiptoken
from statecfg.sandbox.dataverse.projection import Projection, Record
from statecfg.sandbox.dataverse.queryoptions import Expand, Options
from statecfg.sandbox.dataverse.scopes import Scope
from statecfg.sandbox.dataverse.tracking import delta_link, refuse_other_options, version
from statecfg.sandbox.tables import Table
from statecfg.sandbox.wire import Answer, split_outside_quotes
from statecfg.sandbox.world import Tx, quoted

COUNT_LIMIT = 5000
EXPAND_LIMIT = 15
Stored = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Within:
    """Rows of a relation only: those whose lookup column has this value, and of this kind if it has several targets."""

    column: str
    key: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a query. token: of the next page, "" if this is the last; count: of all, None if not asked.

    tracked: the version that was the last one when the first page was read; None without change tracking.
    """

    records: list[Record]
    token: str = ""
    count: int | None = None
    selected: str = ""
    tracked: int | None = None


class Query:
    """One query of one table, ready to run."""

    def __init__(
        self, tx: Tx, exchange: Exchange, names: Names, options: Options, within: Within | None = None
    ) -> None:
        self._tx = tx
        self._exchange = exchange
        self._names = names
        self._options = options
        self._scope = Scope(names, "t")
        self._conditions = Conditions(tx.world, options.aliases, exchange.user)
        self._where = self._conditions_of(within)
        self._order = self._sorted()
        self._projection = Projection(names, options.select, exchange.prefer, followed(names, options.expand))

    def page(self, nested: bool = False) -> Page:
        """The page that the options ask for. nested: it is itself part of a record that is expanded."""
        limit, pages = self._limit()
        start = cookie(self._options.skiptoken, self._order) if self._options.skiptoken else None
        rows = self._rows(limit + 1 if pages else limit, start)
        more, rows = len(rows) > limit, rows[:limit]
        records = self._projection.records(self._tx, rows)
        expand(self._tx, self._exchange, self._projection, self._options.expand, rows, records, nested)
        tracked, width = self._tracked(start), len(self._projection.columns)
        ends = (rows[0][width:], rows[-1][width:]) if more and rows else None
        token = skiptoken(self._order, start.page if start else 1, *ends, tracked) if ends else ""
        return Page(records, token, self.count() if self._options.count else None, self._context(), tracked)

    def count(self) -> int:
        """How many records fit, at most one more than COUNT_LIMIT."""
        sql = f"SELECT 1 FROM {self._from()}{self._clause(self._where)} LIMIT {COUNT_LIMIT + 1}"
        found = self._tx.connection.execute(f"SELECT COUNT(*) FROM ({sql})", self._conditions.params).fetchone()
        return int(found[0])

    def _tracked(self, start: Cookie | None) -> int | None:
        """From where changes count. What others write while pages are read must be told as a change later."""
        if not self._exchange.prefer.track_changes:
            return None
        return start.tracked if start and start.tracked is not None else version(self._tx)

    def _limit(self) -> tuple[int, bool]:
        """How many rows, and whether there may be another page: `$top` is ignored if a page size is asked for."""
        size, top = self._exchange.prefer.page_size, self._options.top
        if size is None and top is not None:
            return min(top, PAGE_LIMIT), False
        return size or PAGE_LIMIT, True

    def _rows(self, limit: int, start: Cookie | None) -> list[Stored]:
        """The rows of the page; each ends with the values of the order's columns."""
        where, params = list(self._where), list(self._conditions.params)
        if start is not None:
            after, values = beyond(self._order, start.last)
            where.append(f"({after})")
            params += values
        columns = ", ".join([self._projection.sql("t"), *(column.sql for column in self._order)])
        ordered = ", ".join(column.clause for column in self._order)
        sql = f"SELECT {columns} FROM {self._from()}{self._clause(where)} ORDER BY {ordered} LIMIT {limit}"
        return self._tx.connection.execute(sql, params).fetchall()

    def _from(self) -> str:
        return f"{quoted(self._names.table.name)} t{''.join(self._scope.joins)}"

    def _clause(self, where: Sequence[str]) -> str:
        return f" WHERE {' AND '.join(where)}" if where else ""

    def _conditions_of(self, within: Within | None) -> list[str]:
        where = []
        if within is not None:
            where.append(f"{self._scope.sql(within.column)} = {self._conditions.bind(within.key)}")
            if within.kind:
                where.append(f"{self._scope.sql(within.column + 'type')} = {self._conditions.bind(within.kind)}")
        if self._options.filter:
            where.append(f"({self._conditions.where(self._options.filter, self._scope)})")
        return where

    def _sorted(self) -> list[Sorted]:
        """The order asked for, then the primary key, so that it is always total."""
        columns = []
        for order in self._options.orderby:
            scope, column = self._conditions.place(Path(order.path), {"": self._scope})
            columns.append(Sorted(scope.sql(column.name), ".".join(order.path), order.descending))
        key = self._scope.sql(self._names.key)
        return [*columns, Sorted(key, self._names.key)] if all(c.sql != key for c in columns) else columns

    def _context(self) -> str:
        return context_columns(self._projection, self._options)


def context_columns(projection: Projection, options: Options) -> str:
    """What stands in parentheses in the context of an answer; "" for whole records."""
    if options.select is None and not options.expand:
        return ""
    selected = projection.selected if options.select is not None else ""
    return ",".join([*([selected] if selected else []), *(f"{each.navigation}()" for each in options.expand)])


def read_page(tx: Tx, exchange: Exchange, names: Names, options: Options, within: Within | None = None) -> Answer:
    """The answer to a query of a set or of a relation."""
    if exchange.prefer.track_changes:
        refuse_other_options(options)
    page = Query(tx, exchange, names, options, within).page()
    body: Record = {
        "@odata.context": f"{exchange.root}/$metadata#{names.table.entity_set}{_parenthesised(page.selected)}"
    }
    counted = -1 if page.count is None else min(page.count, COUNT_LIMIT)
    if page.count is not None:
        body["@odata.count"] = counted
    if exchange.prefer.annotated(TOTAL):
        body[f"@{TOTAL}"] = counted
        body[f"@{TOTAL_EXCEEDED}"] = (page.count or 0) > COUNT_LIMIT
    body["value"] = page.records
    if page.token:
        body["@odata.nextLink"] = _next_link(exchange, page.token)
    elif page.tracked is not None:
        body["@odata.deltaLink"] = delta_link(tx, exchange, names, options, page.tracked)
    return replace(exchange.answer(body, applied=_applied(exchange.prefer)), note={"rows": len(page.records)})


def read_record(tx: Tx, exchange: Exchange, names: Names, key: str, options: Options, status: int = 200) -> Answer:
    """The answer with one record. Raises Refused if there is none."""
    projection = Projection(names, options.select, exchange.prefer, followed(names, options.expand))
    sql = f"SELECT {projection.sql('t')} FROM {quoted(names.table.name)} t WHERE {quoted(names.key)} = ?"
    row = tx.connection.execute(sql, (key,)).fetchone()
    if row is None:
        raise errors.does_not_exist(names.table, key)
    etag = f'W/"{projection.value(row, "versionnumber")}"'
    plain = not options.expand and not exchange.prefer.annotations
    if exchange.method == "GET" and plain and exchange.if_none_match == etag:
        return exchange.nothing(304, ETag=etag)
    records = projection.records(tx, [row])
    expand(tx, exchange, projection, options.expand, [row], records)
    columns = _parenthesised(context_columns(projection, options))
    context = f"{exchange.root}/$metadata#{names.table.entity_set}{columns}/$entity"
    applied = "return=representation" if exchange.method != "GET" else _applied(exchange.prefer)
    return exchange.answer({"@odata.context": context, **records[0]}, status, applied, ETag=etag)


def followed(names: Names, expands: Sequence[Expand]) -> tuple[str, ...]:
    """Columns that a projection must read so that the expands can be followed. Raises Refused."""
    if len(expands) > EXPAND_LIMIT:
        raise errors.bad_uri(f"The number of $expand options exceeds the limit of {EXPAND_LIMIT}.")
    columns: list[str] = []
    for each in expands:
        single = names.singles.get(each.navigation)
        if single is not None:
            columns.append(single.column.name)
            columns += [f"{single.column.name}type"] if len(single.column.targets) > 1 else []
        elif each.navigation not in names.collections:
            raise errors.unknown_property(each.navigation, names.table)
        elif each.reference:
            raise errors.bad_uri(f"$ref is not supported on the collection '{each.navigation}'.")
    return tuple(columns)


def expand(
    tx: Tx, exchange: Exchange, projection: Projection, expands: Sequence[Expand], rows: Sequence[Stored],
    records: Sequence[Record], nested: bool = False,
) -> None:  # fmt: skip
    """Put into each record what its navigation properties lead to. rows and records belong together.

    nested: the records are themselves expanded. A collection of the first level always has a nextLink, a deeper one
    comes in pages.
    """
    for each in expands:
        if each.navigation in projection.names.singles:
            _expand_single(tx, exchange, projection, each, rows, records)
        elif nested:
            _expand_pages(tx, exchange, projection, each, rows, records)
        else:
            _expand_collection(tx, exchange, projection, each, rows, records)


def _expand_single(
    tx: Tx, exchange: Exchange, projection: Projection, each: Expand, rows: Sequence[Stored], records: Sequence[Record]
) -> None:
    single = projection.names.singles[each.navigation]
    names = NAMES[single.target.table]
    several = len(single.column.targets) > 1
    keys: list[str | None] = []
    for row in rows:
        fits = not several or projection.value(row, f"{single.column.name}type") == names.table.name
        keys.append(projection.value(row, single.column.name) if fits else None)
    found = _related(tx, exchange, names, each.options, names.key, sorted({key for key in keys if key is not None}))
    for key, record in zip(keys, records, strict=True):
        related = found.get(key or "", [])
        if each.reference:
            record[each.navigation] = {"@odata.id": exchange.address(names.table.entity_set, key)} if key else None
        else:
            record[each.navigation] = related[0] if related else None


def _expand_collection(
    tx: Tx, exchange: Exchange, projection: Projection, each: Expand, rows: Sequence[Stored], records: Sequence[Record]
) -> None:
    names = projection.names
    keys, found = _children(tx, exchange, projection, each, rows)
    for key, record in zip(keys, records, strict=True):
        record[each.navigation] = found.get(key, [])[: each.options.top]
        record[f"{each.navigation}@odata.nextLink"] = _relation_link(exchange, names.table, key, each)


def _expand_pages(
    tx: Tx, exchange: Exchange, projection: Projection, each: Expand, rows: Sequence[Stored], records: Sequence[Record]
) -> None:
    names, size = projection.names, exchange.prefer.page_size or PAGE_LIMIT
    collection = names.collections[each.navigation]
    keys, found = _children(tx, exchange, projection, each, rows)
    for key, record in zip(keys, records, strict=True):
        record[each.navigation] = found.get(key, [])[: each.options.top]
        if len(record[each.navigation]) > size:
            child = NAMES[collection.table.name]
            page = Query(tx, exchange, child, each.options, relation(collection, key)).page(nested=True)
            record[each.navigation] = page.records
            if page.token:
                link = _relation_link(exchange, names.table, key, each)
                joint = "&" if "?" in link else "?"
                record[f"{each.navigation}@odata.nextLink"] = f"{link}{joint}{_token(page.token)}"


def _children(
    tx: Tx, exchange: Exchange, projection: Projection, each: Expand, rows: Sequence[Stored]
) -> tuple[list[str], dict[str, list[Record]]]:
    """The keys of rows, in order, and by key the records of a collection."""
    names = projection.names
    collection = names.collections[each.navigation]
    keys = [projection.value(row, names.key) for row in rows]
    return keys, _related(
        tx, exchange, NAMES[collection.table.name], each.options, collection.column.name, sorted(keys),
        collection.target.table if len(collection.column.targets) > 1 else "",
    )  # fmt: skip


def _related(
    tx: Tx, exchange: Exchange, names: Names, options: Options, column: str, keys: Sequence[str], kind: str = ""
) -> dict[str, list[Record]]:
    """Records of a table by the value of one of its columns, in the order of the options."""
    scope = Scope(names, "t")
    conditions = Conditions(tx.world, options.aliases, exchange.user)
    wanted = f"({conditions.where(options.filter, scope)})" if options.filter else "1"
    if kind:
        wanted += f" AND {scope.sql(column + 'type')} = {conditions.bind(kind)}"
    order = []
    for each in options.orderby:
        where, ordered = conditions.place(Path(each.path), {"": scope})
        order.append(Sorted(where.sql(ordered.name), "", each.descending).clause)
    projection = Projection(names, options.select, exchange.prefer, (column, *followed(names, options.expand)))
    head = f"SELECT {projection.sql('t')} FROM {quoted(names.table.name)} t{''.join(scope.joins)} WHERE {wanted}"
    tail = f"ORDER BY {', '.join([*order, scope.sql(names.key)])}"
    rows: list[Stored] = []
    for at in range(0, len(keys), 5000):
        chunk = keys[at : at + 5000]
        sql = f"{head} AND {scope.sql(column)} IN ({', '.join('?' * len(chunk))}) {tail}"
        rows += tx.connection.execute(sql, [*conditions.params, *chunk])
    records = projection.records(tx, rows)
    expand(tx, exchange, projection, options.expand, rows, records, nested=True)
    grouped: dict[str, list[Record]] = {}
    for row, record in zip(rows, records, strict=True):
        grouped.setdefault(projection.value(row, column), []).append(record)
    return grouped


def relation(collection: Collection, key: str) -> Within:
    """The rows of a collection-valued navigation property of one record."""
    kind = collection.target.table if len(collection.column.targets) > 1 else ""
    return Within(collection.column.name, key, kind)


def _relation_link(exchange: Exchange, table: Table, key: str, each: Expand) -> str:
    inner = each.text.partition("(")[2].removesuffix(")")
    query = "&".join(
        quote(part.strip(), safe="$=,/()' ").replace(" ", "%20")
        for part in split_outside_quotes(inner, ";")
        if part.strip()
    )
    address = f"{exchange.address(table.entity_set, key)}/{each.navigation}"
    return f"{address}?{query}" if query else address


def _next_link(exchange: Exchange, token: str) -> str:
    kept = [part for part in exchange.request.query.split("&") if part and not _is_token(part)]
    return f"{exchange.root}/{exchange.path}?{'&'.join([*kept, _token(token)])}"


def _token(token: str) -> str:
    return f"$skiptoken={quote(token, safe='=/')}"


def _is_token(part: str) -> bool:
    return part.partition("=")[0].lower() in ("$skiptoken", "%24skiptoken")


def _applied(prefer: Preferences) -> str:
    parts = [f"odata.maxpagesize={prefer.page_size}"] if prefer.page_size is not None else []
    if prefer.annotations:
        parts.append(f'odata.include-annotations="{",".join(prefer.annotations)}"')
    if prefer.track_changes:
        parts.append("odata.track-changes")
    return ",".join(parts)


def _parenthesised(text: str) -> str:
    return f"({text})" if text else ""
