"""Single values on their way between the two sides: text forms, value maps, and the types of the other side.

Pure but for the enum names, which are F&O's own. It says *that* a value has no counterpart; what then happens is the
caller's business. Money is Decimal from end to end.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from statecfg.sandbox.dualwrite.mapping import Transform
from statecfg.sandbox.finance import catalog as finance
from statecfg.sandbox.tables import Column

VALUE_MAP = "ValueMap"
DEFAULT = "Default"

# F&O keeps days as noon. Source: reference/finance-and-operations.md, "Values".
NOON = "T12:00:00Z"
_NO = {"no", "false", "0", ""}
_WHOLE = ("int", "bigint", "choice")
_EXACT = ("money", "decimal")


class NoCounterpart(ValueError):
    """A value that the value map of its line doesn't hold."""


class DoesNotFit(ValueError):
    """A value that the field of the other side can't hold."""


def text_form(value: Any) -> str:
    """A value as value maps and keys spell it: numbers without trailing zeros, booleans in lower case, "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)


def mapped_to_finance(transforms: tuple[Transform, ...], value: Any) -> Any:
    """A Dataverse value after the line's transforms: a text where a transform gave it. Raises NoCounterpart."""
    for transform in transforms:
        if transform.kind == DEFAULT:
            value = transform.default if text_form(value) == "" else value
        elif transform.kind == VALUE_MAP and value is not None:
            value = _counterpart(((theirs, ours) for ours, theirs in transform.pairs), text_form(value))
    return value


def mapped_to_dataverse(transforms: tuple[Transform, ...], column: Column, value: Any) -> Any:
    """An F&O value of `column` after the line's transforms. Raises NoCounterpart.

    An enum's member stands in a value map by its name or by its number; both mean the same.
    """
    for transform in transforms:
        if transform.kind == DEFAULT:
            value = transform.default if text_form(value) == "" else value
        elif transform.kind == VALUE_MAP and value is not None:
            value = _counterpart(
                ((canonical(column, ours), theirs) for ours, theirs in transform.pairs),
                canonical(column, text_form(value)),
            )
    return value


def canonical(column: Column, text: str) -> str:
    """A value-map text in one spelling: of an enum the member's name, whether it came as name or number."""
    if column.type != "enum":
        return text
    return finance.member(column.enum, text) or text


def finance_value(column: Column, value: Any) -> Any:
    """A value as the F&O column holds it; the column's empty value for none. Raises DoesNotFit."""
    if value is None or (value == "" and column.type not in ("string", "memo")):
        return column.default
    if column.type == "enum":
        return _enum_member(column, value)
    return _typed(column, value, NOON)


def dataverse_value(column: Column, value: Any) -> Any:
    """A value as the Dataverse column holds it; F&O's empty values become none. Raises DoesNotFit."""
    if value is None or value in ("", finance.NO_DATE, finance.NO_GUID):
        return None
    return _typed(column, value, "T00:00:00Z")


def _typed(column: Column, value: Any, midday: str) -> Any:
    kind = column.type
    if kind in ("string", "memo"):
        return text_form(value)
    if kind in _EXACT:
        return _number(column, value)
    if kind in _WHOLE:
        return int(_number(column, value))
    if kind in ("guid", "lookup"):
        return _guid(column, value)
    if kind in ("date", "datetime"):
        day = _day(column, value)
        return day if kind == "date" else day + midday
    if kind == "bool":
        return text_form(value).lower() not in _NO
    raise DoesNotFit(f"{column.name} cannot take {value!r:.60}")


def _counterpart(pairs: Any, wanted: str) -> str:
    for theirs, ours in pairs:
        if theirs.lower() == wanted.lower():
            return str(ours)
    raise NoCounterpart(wanted)


def _enum_member(column: Column, value: Any) -> str:
    # Yes/no columns of F&O are an enum; Dataverse knows them as booleans.
    if column.enum.lower() == "noyes" and isinstance(value, bool):
        value = "Yes" if value else "No"
    member = finance.member(column.enum, text_form(value))
    if member is None:
        raise DoesNotFit(f"{column.name} has no member {text_form(value)!r:.60}")
    return member


def _number(column: Column, value: Any) -> Decimal:
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as cause:
        raise DoesNotFit(f"{column.name} cannot take {value!r:.60}") from cause
    if not number.is_finite():
        raise DoesNotFit(f"{column.name} cannot take {value!r:.60}")
    return number


def _guid(column: Column, value: Any) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError as cause:
        raise DoesNotFit(f"{column.name} cannot take {value!r:.60}") from cause


def _day(column: Column, value: Any) -> str:
    try:
        return datetime.fromisoformat(str(value)).date().isoformat()
    except ValueError as cause:
        raise DoesNotFit(f"{column.name} cannot take {value!r:.60}") from cause
