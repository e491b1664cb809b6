"""Values as the service shows them to people: labels of choices, money with its sign, days in the user's format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from statecfg.sandbox.tables import Column


def formatted_value(column: Column, value: Any, currency: Mapping[str, Any] | None) -> str | None:
    """A value's text in the en-US format; None where a type has none. value: as rows hold it, never None."""
    if column.type == "choice":
        return next((option.label for option in column.options if option.value == value), None)
    if column.type == "bool":
        return "Yes" if value else "No"
    if column.type == "money":
        return _money(value, currency)
    if column.type in ("int", "bigint"):
        return f"{value:,}"
    if column.type == "decimal":
        return f"{value:,}"
    if column.type == "datetime":
        return _moment(value, column.format == "DateOnly")
    if column.type == "date":
        return _moment(f"{value}T00:00:00Z", True)
    return None


def _money(value: Decimal, currency: Mapping[str, Any] | None) -> str:
    digits = int((currency or {}).get("currencyprecision") or 2)
    sign = (currency or {}).get("currencysymbol") or ""
    amount = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{'-' if amount < 0 else ''}{sign}{abs(amount):,}"


def _moment(text: str, day_only: bool) -> str:
    moment = datetime.fromisoformat(text)
    day = f"{moment.month}/{moment.day}/{moment.year}"
    hour = moment.hour % 12 or 12
    return day if day_only else f"{day} {hour}:{moment.minute:02} {'AM' if moment.hour < 12 else 'PM'}"
