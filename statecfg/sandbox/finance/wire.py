"""Values of an entity set on their way out and in: exact numbers, enum members, dates, ETags.

Numbers leave as plain JSON numbers with all their digits and come in as decimals; no float is ever made.
Source: reference/finance-and-operations.md, 3.3 and 3.4.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from statecfg.sandbox.finance.catalog import (
    NO_DATE,
    RECORD_ID,
    RECORD_VERSION,
    EntitySet,
    member,
)
from statecfg.sandbox.finance.filtering import moment
from statecfg.sandbox.tables import Column

INT32 = 2**31 - 1
INT64 = 2**63 - 1
TEXT_LIMIT = 4000

# Names of date columns that carry a time of day; all others are plain days, which travel at noon.
_TIMED = ("DateTime", "CreatedOn", "Timestamp", "Valid")


class Unacceptable(ValueError):
    """A value that its column doesn't take; field: the column's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def etag(row: Mapping[str, Any]) -> str:
    """The weak ETag of a stored row, in the service's form."""
    text = f"'{row[RECORD_VERSION]},{row[RECORD_ID]}'"
    return f'W/"{base64.b64encode(text.encode()).decode()}"'


def is_day(column: Column) -> bool:
    """Whether a date column means a day, without a time."""
    return column.type == "datetime" and not any(part in column.name for part in _TIMED)


def shown_units(units: int, scale: int) -> int | Decimal:
    """A stored number for JSON: whole where it is whole, and without trailing zeros."""
    unit: int = 10**scale
    whole, part = divmod(units, unit)
    if part == 0:
        return whole
    while units % 10 == 0:
        units //= 10
        scale -= 1
    return Decimal(units).scaleb(-scale)


def shown_number(value: Decimal) -> int | Decimal:
    """A number for JSON, as `shown_units` does it."""
    return shown_units(int(value.scaleb(8)), 8)


def _units_shower(scale: int) -> Callable[[Any], Any]:
    return lambda units: shown_units(units, scale)


def _stored_shower(column: Column) -> Callable[[Any], Any] | None:
    if column.type in ("money", "decimal"):
        return _units_shower(column.scale)
    return bool if column.type == "bool" else None


class Shown:
    """Stored values of one entity set as the wire shows them; `select` names the columns, none means all."""

    def __init__(self, entity_set: EntitySet, select: tuple[str, ...]) -> None:
        columns = [entity_set.by_name[name] for name in select] or list(entity_set.columns)
        self._columns = [(column.name, _stored_shower(column)) for column in columns]

    def __call__(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The row with its ETag; `stored` holds values as SQL has them."""
        row: dict[str, Any] = {"@odata.etag": etag(stored)}
        for name, show in self._columns:
            value = stored[name]
            row[name] = value if show is None or value is None else show(value)
        return row


def row_reader(entity_set: EntitySet, select: tuple[str, ...] = ()) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What shows rows of Python values (decimals) as the wire has them, with their ETags."""
    names = select or tuple(column.name for column in entity_set.columns)

    def read(row: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: shown_number(v) if isinstance(v := row[name], Decimal) else v for name in names}
        return {"@odata.etag": etag(row), **values}

    return read


def taken(column: Column, value: Any) -> Any:
    """A value from JSON, a key or a mapping as its column holds it. Raises Unacceptable."""
    if value is None:
        return column.default
    try:
        return _TAKERS[column.type](column, value)
    except (ValueError, TypeError, InvalidOperation, OverflowError) as cause:
        if isinstance(cause, Unacceptable):
            raise
        raise _refused(column, value) from cause


def _refused(column: Column, value: Any) -> Unacceptable:
    text = str(value)[:80]
    return Unacceptable(column.name, f"Cannot convert the value '{text}' of property '{column.name}'.")


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise _refused(column, value)
    return value


def _enum(column: Column, value: Any) -> str:
    found = member(column.enum, value) if isinstance(value, str | int) else None
    if found is None:
        raise Unacceptable(
            column.name, f"Cannot convert the literal '{str(value)[:80]}' to the expected type '{column.enum}'."
        )
    return found


def _number(column: Column, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _refused(column, value)
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= INT64 // 10**column.scale:
        raise Unacceptable(column.name, f"The value '{value}' of property '{column.name}' is out of range.")
    return number


def _whole(column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str) or Decimal(value) % 1:
        raise _refused(column, value)
    number = int(Decimal(value))
    if abs(number) > (INT32 if column.type == "int" else INT64):
        raise Unacceptable(column.name, f"The value '{value}' of property '{column.name}' is out of range.")
    return number


def _moment(column: Column, value: Any) -> str:
    text = moment(str(value))[0]
    return text[:10] + NO_DATE[10:] if is_day(column) else text


def _guid(_column: Column, value: Any) -> str:
    return str(uuid.UUID(str(value).strip("{}")))


def _bool(column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(column, value)
    return value


_TAKERS: Mapping[str, Callable[[Column, Any], Any]] = {
    "string": _text,
    "memo": _text,
    "enum": _enum,
    "money": _number,
    "decimal": _number,
    "int": _whole,
    "bigint": _whole,
    "datetime": _moment,
    "guid": _guid,
    "bool": _bool,
}
