"""From a literal of a query or a key to the stored form of a column, strictly by type.

Numbers are compared exactly: a literal with more decimals than the column keeps is not rounded to a false match.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.filtering import Literal
from statecfg.sandbox.tables import Column

GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

EDM_TYPES = {
    "guid": "Edm.Guid", "lookup": "Edm.Guid", "string": "Edm.String", "memo": "Edm.String", "int": "Edm.Int32",
    "choice": "Edm.Int32", "bigint": "Edm.Int64", "money": "Edm.Decimal", "decimal": "Edm.Decimal",
    "bool": "Edm.Boolean", "datetime": "Edm.DateTimeOffset", "date": "Edm.Date",
}  # fmt: skip
_LITERAL_TYPES = {
    "string": "Edm.String", "guid": "Edm.Guid", "moment": "Edm.DateTimeOffset", "day": "Edm.Date",
    "number": "Edm.Int32", "enum": "Edm.Int32", "word": "Edm.Boolean", "array": "Collection",
}  # fmt: skip
_OPERATORS = {
    "eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual", "lt": "LessThan",
    "le": "LessThanOrEqual",
}  # fmt: skip
_NUMBERS = ("int", "bigint", "choice", "money", "decimal")
_LARGEST = Decimal(10) ** 30


def is_guid(text: object) -> bool:
    """Whether a text is a GUID in its usual form."""
    return isinstance(text, str) and GUID.fullmatch(text) is not None


def edm_type(column: Column) -> str:
    """The column's type as the service's metadata and errors name it."""
    return EDM_TYPES[column.type]


def stored(column: Column, literal: Literal, op: str = "eq") -> Any:
    """A literal in the column's stored form; a number that the column can't hold stays a Decimal.

    Raises Refused if the types don't go together.
    """
    kind, value = literal.kind, literal.value
    if value is None:
        return None
    if column.type in ("guid", "lookup") and kind in ("guid", "string") and is_guid(value):
        return value.lower()
    if column.type in ("string", "memo", "enum") and kind in ("string", "enum"):
        return value
    if column.type in _NUMBERS and kind == "number":
        return _number(column, value)
    if column.type == "bool" and kind == "word":
        return int(value)
    if column.type == "datetime" and kind in ("moment", "day"):
        return _moment(value)
    if column.type == "date" and kind == "day":
        return _day(value)
    raise errors.bad_uri(
        "A binary operator with incompatible types was detected. Found operand types "
        f"'{edm_type(column)}' and '{_LITERAL_TYPES[kind]}' for operator kind '{_OPERATORS.get(op, op)}'."
    )


def stored_text(column: Column, text: Any) -> Any:
    """A value that a query function or a key gives as text (or number) in the column's stored form. Raises Refused."""
    if column.type in ("guid", "lookup"):
        return stored(column, Literal("guid" if is_guid(text) else "string", text))
    if column.type in _NUMBERS:
        try:
            return _number(column, Decimal(str(text)))
        except ArithmeticError as cause:
            raise errors.bad_uri(f"'{text}' is no number.") from cause
    if column.type == "bool" and str(text).lower() in ("true", "false", "1", "0"):
        return int(str(text).lower() in ("true", "1"))
    if column.type == "datetime":
        return _moment(str(text))
    if column.type == "date":
        return _day(str(text)[:10])
    return str(text)


def _number(column: Column, value: Decimal) -> Any:
    if abs(value) > _LARGEST or value.adjusted() < -30:
        raise errors.bad_uri(f"The number {value} is out of range.")
    units = value.scaleb(column.scale if column.type in ("money", "decimal") else 0)
    whole = int(units)
    return whole if whole == units and abs(whole) < 2**63 else units


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as cause:
        raise errors.bad_uri(f"'{text}' is no date.") from cause


def _moment(text: str) -> str:
    """A moment in UTC to the second, as rows hold it."""
    try:
        return utc_moment(text)
    except ValueError as cause:
        raise errors.bad_uri(f"'{text}' is no date and time.") from cause


def utc_moment(text: str) -> str:
    """A date, or a date and time with or without offset, as `2024-01-31T00:00:00Z`. Raises ValueError."""
    upper = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
    moment = datetime.fromisoformat(upper)
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as cause:
        raise ValueError(f"{text} is out of range") from cause
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def shifted(moment: datetime, **delta: float) -> str:
    """A moment some days, hours and so on away, as rows hold it."""
    return (moment + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")
