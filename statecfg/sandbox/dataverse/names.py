"""What each table's properties are called on the wire: columns, lookups as `_x_value`, and navigation in exact case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.catalog import BY_NAME, TABLES
from statecfg.sandbox.tables import Column, Table, Target


@dataclass(frozen=True, slots=True)
class Single:
    """A navigation property that leads to one record: the lookup column here, and where it leads."""

    column: Column
    target: Target

    @property
    def table(self) -> Table:
        """The table it leads to."""
        return BY_NAME[self.target.table]


@dataclass(frozen=True, slots=True)
class Collection:
    """A navigation property that leads to many records: the other table, and its lookup column that points here."""

    table: Table
    column: Column
    target: Target


@dataclass(frozen=True, slots=True)
class Names:
    """Every name of one table. properties: what a record's JSON has; hidden: columns that are no property."""

    table: Table
    properties: Mapping[str, Column]
    singles: Mapping[str, Single]
    collections: Mapping[str, Collection]

    @property
    def key(self) -> str:
        """The primary key's name."""
        return self.table.key[0]

    def column(self, name: str) -> Column:
        """The column behind a property. Raises Refused."""
        try:
            return self.properties[name]
        except KeyError:
            raise errors.unknown_property(name, self.table) from None


def wire_name(column: Column) -> str:
    """What a column is called in JSON and in queries."""
    return f"_{column.name}_value" if column.type == "lookup" else column.name


def _names(table: Table) -> Names:
    hidden = {f"{column.name}type" for column in table.columns if len(column.targets) > 1}
    properties = {wire_name(column): column for column in table.columns if column.name not in hidden}
    singles = {target.navigation: Single(c, target) for c in table.columns for target in c.targets}
    collections = {
        target.collection: Collection(other, column, target)
        for other in TABLES
        for column in other.columns
        for target in column.targets
        if target.table == table.name and target.collection
    }
    return Names(table, properties, singles, collections)


NAMES: dict[str, Names] = {table.name: _names(table) for table in TABLES}
