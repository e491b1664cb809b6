"""Dotted paths through Dataverse lookups, both ways: from a row to a key of a related row, and from the key back.

One `Lookups` serves one batch: related rows are read once. It knows tables and rows, nothing of maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import Tx


class NoSuchColumn(LookupError):
    """A path that this Dataverse cannot follow."""


class NotFound(LookupError):
    """No row has the key that a lookup asks for."""

    def __init__(self, entity_set: str, value: object) -> None:
        super().__init__(f"Unable to lookup {entity_set} with values {{{value}}}")


class Lookups:
    """Related rows of one batch, by table and id."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._rows: dict[tuple[str, str], Mapping[str, Any] | None] = {}

    def value(self, table: str, row: Mapping[str, Any], path: str) -> Any:
        """The value at a dotted path from a row; None where a lookup on the way is empty. Raises NoSuchColumn."""
        first, _, rest = path.partition(".")
        if not rest:
            return self._own(table, row, first)
        target = lookup_target(self._tx, table, first, row)
        related = self._related(target, row.get(first))
        return None if related is None else self.value(target, related, rest)

    def identify(self, table: str, path: str, value: Any, row: Mapping[str, Any] | None = None) -> tuple[str, Any]:
        """Which column of `table` a path sets, and to what: the id behind a key value.

        Raises NoSuchColumn, NotFound if no row has that key.
        """
        first, _, rest = path.partition(".")
        if not rest:
            return first, value
        if value in (None, ""):
            return first, None
        target = lookup_target(self._tx, table, first, row or {})
        column, wanted = self.identify(target, rest, value)
        found = self._tx.find(target, **{column: wanted})
        if not found:
            raise NotFound(self._tx.world.shape(target).table.entity_set, value)
        return first, found[0][self._tx.world.shape(target).table.key[0]]

    def _own(self, table: str, row: Mapping[str, Any], name: str) -> Any:
        if name not in row and name not in self._tx.world.shape(table).columns:
            raise NoSuchColumn(f"{table} has no column {name}")
        return row.get(name)

    def _related(self, table: str, identity: str | None) -> Mapping[str, Any] | None:
        if identity is None:
            return None
        key = (table, identity)
        if key not in self._rows:
            self._rows[key] = self._tx.get(table, identity)
        return self._rows[key]


def lookup_target(tx: Tx, table: str, name: str, row: Mapping[str, Any]) -> str:
    """The table that a lookup of a row points to; the first one of several where the row doesn't say."""
    column = tx.world.shape(table).columns.get(name)
    if column is None or not column.targets:
        raise NoSuchColumn(f"{table} has no lookup {name}")
    tables = [target.table for target in column.targets]
    said = row.get(f"{name}type")
    return said if said in tables else tables[0]


def path_column(tx: Tx, table: str, path: str) -> Column | None:
    """The column at the end of a dotted path, or None if this Dataverse cannot follow it."""
    first, _, rest = path.partition(".")
    if not tx.world.has(table):
        return None
    if not rest:
        return tx.world.shape(table).columns.get(first)
    try:
        return path_column(tx, lookup_target(tx, table, first, {}), rest)
    except NoSuchColumn:
        return None


def path_table(tx: Tx, table: str, path: str) -> str | None:
    """The table that a dotted path of lookups leads to, or None if this Dataverse cannot follow it."""
    first, _, rest = path.partition(".")
    if not tx.world.has(table):
        return None
    try:
        target = lookup_target(tx, table, first, {})
    except NoSuchColumn:
        return None
    return path_table(tx, target, rest) if rest else target
