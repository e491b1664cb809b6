"""`$apply`: filter, groupby and aggregate over one table, exact sums included.

Source: reference/dataverse.md, "Queries and paging".
"""

# ruff: noqa: S608 - SQL is built from quoted catalog names; values are always parameters.
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.conditions import Conditions
from statecfg.sandbox.dataverse.exchange import PAGE_LIMIT, Exchange
from statecfg.sandbox.dataverse.filtering import Path
from statecfg.sandbox.dataverse.names import Names
from statecfg.sandbox.dataverse.queryoptions import Options
from statecfg.sandbox.dataverse.reading import Within
from statecfg.sandbox.dataverse.scopes import Scope
from statecfg.sandbox.tables import Column, decoder
from statecfg.sandbox.wire import Answer, split_outside_quotes
from statecfg.sandbox.world import Refused, Tx, quoted

ROW_LIMIT = 50_000
_TRANSFORMATION = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_AGGREGATE = re.compile(r"\s*([\w/]+)\s+with\s+(\w+)\s+as\s+(\w+)\s*")
_COUNT = re.compile(r"\s*\$count\s+as\s+(\w+)\s*")
_SUMMABLE = ("money", "decimal", "int", "bigint")
Decode = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Shown:
    """One column of the result."""

    name: str
    sql: str
    decode: Decode | None
    grouped: bool


def apply_page(tx: Tx, exchange: Exchange, names: Names, options: Options, within: Within | None) -> Answer:
    """The answer to a query with `$apply`. Raises Refused."""
    if options.orderby:
        raise errors.bad_uri("The query parameter $orderby is not supported with $apply.")
    build = _Build(tx, exchange, names, options, within)
    for part in split_outside_quotes(options.apply, "/"):
        build.transform(part)
    rows = build.rows()
    columns = ",".join(shown.name for shown in build.shown)
    context = f"{exchange.root}/$metadata#{names.table.entity_set}({columns})"
    return exchange.answer({"@odata.context": context, "value": rows})


class _Build:
    """One statement in the making."""

    def __init__(self, tx: Tx, exchange: Exchange, names: Names, options: Options, within: Within | None) -> None:
        self._tx = tx
        self._names = names
        self._scope = Scope(names, "t")
        self._conditions = Conditions(tx.world, options.aliases, exchange.user)
        self._where: list[str] = []
        self.shown: list[_Shown] = []
        if within is not None:
            self._where.append(f"{self._scope.sql(within.column)} = {self._conditions.bind(within.key)}")
        if options.filter:
            self._where.append(f"({self._conditions.where(options.filter, self._scope)})")

    def transform(self, text: str) -> None:
        """Take in one transformation. Raises Refused."""
        found = _TRANSFORMATION.fullmatch(text)
        if found is None or self.shown:
            raise errors.bad_uri(f"Syntax error in $apply at '{text}'.")
        name, inner = found.groups()
        if name == "filter":
            self._where.append(f"({self._conditions.where(inner, self._scope)})")
        elif name == "aggregate":
            self._aggregates(inner)
        elif name == "groupby":
            self._groups(inner)
        else:
            raise errors.bad_uri(f"The transformation '{name}' is not supported in $apply.")

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the result; a group's empty column is left out."""
        if not self.shown:
            raise errors.bad_uri("$apply needs groupby or aggregate.")
        source = f"FROM {quoted(self._names.table.name)} t{''.join(self._scope.joins)}"
        source += f" WHERE {' AND '.join(self._where)}" if self._where else ""
        self._refuse_too_many(source)
        grouped = ", ".join(shown.sql for shown in self.shown if shown.grouped)
        sql = f"SELECT {', '.join(shown.sql for shown in self.shown)} {source}"
        sql += f" GROUP BY {grouped} ORDER BY {grouped}" if grouped else ""
        found = self._tx.connection.execute(f"{sql} LIMIT {PAGE_LIMIT}", self._conditions.params)
        return [self._row(values) for values in found]

    def _row(self, values: tuple[Any, ...]) -> dict[str, Any]:
        row = {}
        for shown, value in zip(self.shown, values, strict=True):
            if value is not None:
                row[shown.name] = value if shown.decode is None else shown.decode(value)
            elif not shown.grouped:
                row[shown.name] = None
        return row

    def _refuse_too_many(self, source: str) -> None:
        sql = f"SELECT COUNT(*) FROM (SELECT 1 {source} LIMIT {ROW_LIMIT + 1})"
        if self._tx.connection.execute(sql, self._conditions.params).fetchone()[0] > ROW_LIMIT:
            raise Refused(errors.AGGREGATE_LIMIT, "The maximum record limit is exceeded. Reduce the number of records.")

    def _groups(self, text: str) -> None:
        parts = [part.strip() for part in split_outside_quotes(text, ",")]
        if not parts[0].startswith("(") or not parts[0].endswith(")") or len(parts) > 2:
            raise errors.bad_uri(f"Syntax error in $apply at '{text}'.")
        for written in parts[0][1:-1].split(","):
            scope, column = self._place(written.strip())
            name = written.strip() if "/" not in written else f"{scope.names.table.name}_{column.name}"
            self.shown.append(_Shown(name, scope.sql(column.name), decoder(column), True))
        if len(parts) == 2:
            found = _TRANSFORMATION.fullmatch(parts[1])
            if found is None or found[1] != "aggregate":
                raise errors.bad_uri(f"Syntax error in $apply at '{parts[1]}'.")
            self._aggregates(found[2])

    def _aggregates(self, text: str) -> None:
        for part in split_outside_quotes(text, ","):
            counted = _COUNT.fullmatch(part)
            if counted:
                self.shown.append(_Shown(counted[1], "COUNT(*)", None, False))
                continue
            found = _AGGREGATE.fullmatch(part)
            if found is None:
                raise errors.bad_uri(f"Syntax error in $apply at '{part.strip()}'.")
            self.shown.append(self._aggregate(*found.groups()))

    def _aggregate(self, path: str, method: str, name: str) -> _Shown:
        scope, column = self._place(path)
        sql = scope.sql(column.name)
        if method in ("min", "max"):
            return _Shown(name, f"{method.upper()}({sql})", decoder(column), False)
        if method == "countdistinct":
            return _Shown(name, f"COUNT(DISTINCT {sql})", None, False)
        if method not in ("sum", "average") or column.type not in _SUMMABLE:
            raise errors.bad_uri(f"The aggregation method '{method}' is not supported for '{path}'.")
        if method == "sum":
            return _Shown(name, f"exact_sum({sql})", _sum_decoder(column), False)
        return _Shown(name, f"exact_sum({sql}) || '/' || COUNT({sql})", _average_decoder(column), False)

    def _place(self, path: str) -> tuple[Scope, Column]:
        return self._conditions.place(Path(tuple(path.split("/"))), {"": self._scope})


def _sum_decoder(column: Column) -> Decode:
    if column.type in ("money", "decimal"):
        return lambda units: Decimal(units).scaleb(-column.scale)
    return int


def _average_decoder(column: Column) -> Decode:
    total = _sum_decoder(column)

    def average(both: str) -> Decimal:
        units, _, count = both.partition("/")
        return (Decimal(total(units)) / int(count)).quantize(Decimal("1.0000000000"), ROUND_HALF_UP)

    return average
