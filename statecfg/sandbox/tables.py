"""Tables as data: what a catalog says about columns, keys and relations, and how values are stored.

Every service describes its tables with these values; nothing here knows a service. Money never becomes a float: it is
stored as a whole number of ten-thousandths, which SQLite keeps exactly up to 922337203685477.5807.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]

MONEY_SCALE = 4
LARGEST_INTEGER = 2**63 - 1

SQL_TYPES = {
    "guid": "TEXT",
    "string": "TEXT COLLATE NOCASE",
    "memo": "TEXT COLLATE NOCASE",
    "int": "INTEGER",
    "bigint": "INTEGER",
    "money": "INTEGER",
    "decimal": "INTEGER",
    "bool": "INTEGER",
    "datetime": "TEXT",
    "date": "TEXT",
    "choice": "INTEGER",
    "lookup": "TEXT",
    "enum": "TEXT COLLATE NOCASE",
}

# Wide enough that scaling never rounds: 19 digits of storage and any scale a catalog uses.
_EXACT = Context(prec=60)


class OutOfRange(ValueError):
    """A number that its column cannot hold."""


@dataclass(frozen=True, slots=True)
class Option:
    """One member of a choice: its number and its label; state: of a status, the state it belongs to."""

    value: int
    label: str
    state: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a lookup points.

    table: name of the table looked up. navigation: the single-valued navigation property, in its exact case.
    collection: the collection-valued navigation property on the other side, "" if nobody follows it.
    on_delete: what a deleted target means for the rows that point to it: "unlink", "cascade" or "restrict".
    """

    table: str
    navigation: str
    collection: str = ""
    on_delete: str = "unlink"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    type: a key of SQL_TYPES. length: of texts, 0 means no limit. precision: decimals kept of a decimal, shown of money.
    default: the value of a new row. sequence: fill a new row from this number sequence; restamped: at updates as well.
    readonly: refused or ignored from outside, as the service decides. create_only: settable on create, never after it.
    format: of a datetime, "DateOnly" if only its day means anything.
    A lookup with several targets needs a companion text column `<name>type` that holds the target's table.
    """

    name: str
    type: str
    length: int = 0
    precision: int = MONEY_SCALE
    options: tuple[Option, ...] = ()
    enum: str = ""
    targets: tuple[Target, ...] = ()
    readonly: bool = False
    create_only: bool = False
    required: bool = False
    default: Any = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    sequence: str = ""
    restamped: bool = False
    schema_name: str = ""
    label: str = ""
    format: str = ""

    @property
    def scale(self) -> int:
        """Decimals stored: four for money, its own precision for any other decimal."""
        return MONEY_SCALE if self.type == "money" else self.precision


@dataclass(frozen=True, slots=True)
class AlternateKey:
    """Columns that are unique together wherever none of them is empty."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: storage, and what a service says about it.

    key: the primary key; a single guid or number is filled in when a row comes without it.
    indexes: column groups looked up often. entity_set, primary_name, schema_name, label: for services with metadata.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    entity_set: str = ""
    primary_name: str = ""
    schema_name: str = ""
    label: str = ""
    alternate_keys: tuple[AlternateKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    tags: tuple[str, ...] = ()


def scaled(value: Any, scale: int) -> int:
    """A number as a whole count of its smallest unit, rounded half up. Raises OutOfRange, TypeError for a float."""
    if isinstance(value, (bool, float)):
        raise TypeError(f"{value!r} is no exact number")
    try:
        units = int(_EXACT.scaleb(Decimal(value), scale).to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError) as cause:
        raise OutOfRange(f"{value!r} is no number") from cause
    if abs(units) > LARGEST_INTEGER:
        raise OutOfRange(f"{value} is too large")
    return units


def unscaled(units: int, scale: int) -> Decimal:
    """The number that `scaled` stored, with exactly `scale` decimals."""
    return Decimal(units).scaleb(-scale)


def encoder(column: Column) -> Encode | None:
    """How a value of this column is stored; None where it is stored as it is. Encoders are not called with None."""
    if column.type in ("money", "decimal"):
        scale = column.scale
        return lambda value: scaled(value, scale)
    if column.type in ("guid", "lookup"):
        return lambda value: value.lower()
    if column.type == "bool":
        return int
    return None


def decoder(column: Column) -> Decode | None:
    """How a stored value is read; None where it is read as it is. Decoders are not called with None."""
    if column.type in ("money", "decimal"):
        scale = -column.scale
        return lambda units: Decimal(units).scaleb(scale)
    if column.type == "bool":
        return bool
    return None
