"""From stored values to a record's JSON: which columns are read, how each is written, which annotations go before it.

Made once a query and then applied to each row, so that a page of thousands costs little more than its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.exchange import FORMATTED, LOOKUP_NAVIGATION, LOOKUP_TABLE, Preferences
from statecfg.sandbox.dataverse.formatted import formatted_value
from statecfg.sandbox.dataverse.names import NAMES, Names, wire_name
from statecfg.sandbox.tables import Column, decoder
from statecfg.sandbox.world import Tx, quoted

Record = dict[str, Any]
VERSION = "versionnumber"
_CURRENCY = "transactioncurrencyid"


class Projection:
    """The columns of one table that a query returns. Raises Refused for a name the table doesn't have."""

    def __init__(
        self, names: Names, select: Sequence[str] | None, prefer: Preferences, follow: Sequence[str] = ()
    ) -> None:
        self.names = names
        self._prefer = prefer
        shown = _shown(names, select)
        # Columns that the record doesn't show but that its ETag, its annotations or an expand needs.
        kinds = [f"{c.name}type" for c in shown if len(c.targets) > 1]
        hidden = (
            VERSION,
            names.key,
            *follow,
            *kinds,
            *((_CURRENCY,) if self._formats and _has_currency(names) else ()),
        )
        self.columns = tuple(dict.fromkeys((*(column.name for column in shown), *hidden)))
        self._place = {name: place for place, name in enumerate(self.columns)}
        self._version = self._place[VERSION]
        self._plain = tuple((wire_name(c), self._place[c.name], decoder(c)) for c in shown)
        self._shown = shown

    @property
    def _formats(self) -> bool:
        return self._prefer.annotated(FORMATTED)

    @property
    def selected(self) -> str:
        """The names for the context of the answer, "id,name"."""
        return ",".join(wire_name(column) for column in self._shown)

    def sql(self, alias: str) -> str:
        """The columns to select."""
        return ", ".join(f"{alias}.{quoted(name)}" for name in self.columns)

    def value(self, values: Sequence[Any], name: str) -> Any:
        """A column's stored value in a row."""
        return values[self._place[name]]

    def records(self, tx: Tx, rows: Sequence[Sequence[Any]]) -> list[Record]:
        """The JSON objects of rows, in order."""
        if self._prefer.annotations:
            annotate = self._annotator(tx, rows)
            return [self._annotated(row, annotate) for row in rows]
        return [self._record(row) for row in rows]

    def _record(self, row: Sequence[Any]) -> Record:
        record: Record = {"@odata.etag": f'W/"{row[self._version]}"'}
        for name, place, decode in self._plain:
            value = row[place]
            record[name] = value if decode is None or value is None else decode(value)
        return record

    def _annotated(self, row: Sequence[Any], annotate: Callable[[Column, Any, Sequence[Any], Record], None]) -> Record:
        record: Record = {"@odata.etag": f'W/"{row[self._version]}"'}
        for column, (name, place, decode) in zip(self._shown, self._plain, strict=True):
            value = row[place]
            if value is not None:
                value = value if decode is None else decode(value)
                annotate(column, value, row, record)
            record[name] = value
        return record

    def _annotator(self, tx: Tx, rows: Sequence[Sequence[Any]]) -> Callable[[Column, Any, Sequence[Any], Record], None]:
        formats, tables, navigations = (self._prefer.annotated(n) for n in (FORMATTED, LOOKUP_TABLE, LOOKUP_NAVIGATION))
        titles = self._titles(tx, rows) if formats else {}
        currencies = self._currencies(tx, rows) if formats else {}

        def annotate(column: Column, value: Any, row: Sequence[Any], record: Record) -> None:
            name = wire_name(column)
            if column.type == "lookup":
                target = self._target(column, row)
                if navigations:
                    record[f"{name}@{LOOKUP_NAVIGATION}"] = next(
                        t.navigation for t in column.targets if t.table == target
                    )
                if tables:
                    record[f"{name}@{LOOKUP_TABLE}"] = target
                text = titles.get((target, value))
            else:
                text = formatted_value(column, value, currencies.get(self._currency(row))) if formats else None
            if formats and text is not None:
                record[f"{name}@{FORMATTED}"] = text

        return annotate

    def _target(self, column: Column, row: Sequence[Any]) -> str:
        """The table that a lookup of a row leads to."""
        kind = self.value(row, f"{column.name}type") if len(column.targets) > 1 else None
        return str(kind or column.targets[0].table)

    def _currency(self, row: Sequence[Any]) -> Any:
        return self.value(row, _CURRENCY) if _CURRENCY in self._place else None

    def _titles(self, tx: Tx, rows: Sequence[Sequence[Any]]) -> Mapping[tuple[str, str], str]:
        """The primary names of all records that these rows point to."""
        wanted: dict[str, set[str]] = {}
        for column in self._shown:
            if column.type == "lookup":
                for row in rows:
                    value = self.value(row, column.name)
                    if value is not None:
                        wanted.setdefault(self._target(column, row), set()).add(value)
        return {(table, key): title for table, keys in wanted.items() for key, title in _named(tx, table, keys)}

    def _currencies(self, tx: Tx, rows: Sequence[Sequence[Any]]) -> Mapping[Any, Mapping[str, Any]]:
        ids = {self._currency(row) for row in rows} - {None}
        return {key: row for key in ids if (row := tx.get("transactioncurrency", key)) is not None}


def _shown(names: Names, select: Sequence[str] | None) -> tuple[Column, ...]:
    if select is None:
        return tuple(names.properties.values())
    chosen = {
        name: names.column(name)
        for name in (*select, names.key)
        if name not in names.singles or name in names.properties
    }
    for name in select:
        if name in names.singles and name not in names.properties:
            # A lookup chosen by its navigation property stands for its value.
            column = names.singles[name].column
            chosen[wire_name(column)] = column
        elif name in names.collections:
            raise errors.unknown_property(name, names.table)
    if any(column.type == "money" for column in chosen.values()) and _has_currency(names):
        chosen["_transactioncurrencyid_value"] = names.properties["_transactioncurrencyid_value"]
    return tuple(dict.fromkeys(chosen.values()))


def _has_currency(names: Names) -> bool:
    return "_transactioncurrencyid_value" in names.properties


def _named(tx: Tx, table: str, keys: set[str]) -> list[tuple[str, str]]:
    described = NAMES[table].table
    if not described.primary_name:
        return []
    key, title = quoted(described.key[0]), quoted(described.primary_name)
    found: list[tuple[str, str]] = []
    listed = sorted(keys)
    for at in range(0, len(listed), 5000):
        chunk = listed[at : at + 5000]
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT {key}, {title} FROM {quoted(table)} WHERE {key} IN ({marks}) AND {title} IS NOT NULL"  # noqa: S608
        found += tx.connection.execute(sql, chunk)
    return found
