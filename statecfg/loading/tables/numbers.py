"""What the numbers in a workbook's XML mean: exact amounts and calendar days. Pure.

A workbook keeps binary doubles of which Excel shows 15 digits, so 1.1 stands as 1.1000000000000001. What a person
entered is got back from that; where it can't be for certain, the number is refused, never rounded.
Source: ECMA-376 part 1, 18.8.30 (number formats) and 18.17.4 (dates).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache

from statecfg.loading.tables.cells import Number, Unusable

EXCEL_DIGITS = 15
MOST_DIGITS = 28
NOISE = Decimal("0.000001")
"""What a calculation may leave behind; far below the smallest amount of any currency."""

_FIFTEEN = Context(prec=EXCEL_DIGITS, rounding=ROUND_HALF_EVEN)
_BUILT_IN_DATES = frozenset([*range(14, 18), 22, *range(27, 37), *range(50, 59)])
_BUILT_IN_TIMES = frozenset([18, 19, 20, 21, 45, 46, 47])
_WRITTEN = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?\Z")
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_ZEROS = re.compile(r"0{2,}\Z")


@dataclass(frozen=True, slots=True)
class Format:
    """What a cell's number format says: a day, a time of day only, or a number of at least `zeros` digits."""

    is_date: bool = False
    is_time: bool = False
    zeros: int = 0


GENERAL = Format()


def format_of(number: int, custom: Mapping[int, str]) -> Format:
    """The meaning of a number format by its id; custom: id -> code."""
    if number not in custom:
        return Format(number in _BUILT_IN_DATES, number in _BUILT_IN_TIMES)
    code = _LITERAL.sub("", custom[number]).casefold()
    if code != "general" and re.search(r"[dy]", code):
        return Format(is_date=True)
    if re.search(r"[hs]", code):
        return Format(is_time=True)
    # Months alone (mmm) are a day too; minutes were told apart by their hours or seconds.
    if "m" in code and code != "general":
        return Format(is_date=True)
    return Format(zeros=len(code) if _ZEROS.match(code) else 0)


@lru_cache(maxsize=4096)
def exact_number(text: str, form: Format = GENERAL) -> Number | Unusable:
    """The number that a person entered, from the text in the XML."""
    if not _WRITTEN.match(text):
        return Unusable(f"`{text[:40]}` is no number")
    written = Decimal(text)
    if written and not -30 < written.adjusted() < MOST_DIGITS:
        return Unusable("is a number beyond every amount", "correct it")
    value = written
    if len(written.normalize(Context(prec=400)).as_tuple().digits) > EXCEL_DIGITS and _is_double(text, written):
        value = written.normalize(_FIFTEEN)
        # Fifteen digits that give the same double are what was entered; a calculation may be off by its noise.
        noise = min(NOISE, 8 * Decimal(math.ulp(float(text))))
        if float(value) != float(text) and abs(value - written) > noise:
            return Unusable(
                f"{text} has more digits than a workbook keeps", "format the cell as text and write it again"
            )
    value = canonical(value)
    whole = value == value.to_integral_value()
    return Number(
        value, format(value, "f").zfill(form.zeros) if whole and value >= 0 else format(value, "f") if whole else ""
    )


def _is_double(text: str, written: Decimal) -> bool:
    """Whether a text is how a binary double prints; else a program wrote decimals, and they are meant."""
    double = float(text)
    return written in (Decimal(repr(double)), Decimal(f"{double:.17g}"), Decimal(f"{double:.16g}"))


def canonical(value: Decimal) -> Decimal:
    """The same number in one form: no zeros at its end, no exponent, no minus before nothing."""
    if not value:
        return Decimal(0)
    short = value.normalize(Context(prec=400))
    return short.quantize(Decimal(1), context=Context(prec=400)) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]


@lru_cache(maxsize=4096)
def day_of(text: str, since_1904: bool) -> date | Unusable:
    """The calendar day of a date cell; its time of day doesn't count."""
    try:
        serial = math.floor(Decimal(text))
    except (InvalidOperation, ValueError, OverflowError):
        return Unusable(f"`{text[:40]}` is no date")
    if since_1904:
        return _from(date(1904, 1, 1), serial)
    if serial == 60:
        return Unusable("is 29 February 1900, a day that never was")
    # Before that day Excel counts one less: it takes 1900 for a leap year.
    return _from(date(1899, 12, 30) if serial > 60 else date(1899, 12, 31), serial)


def _from(epoch: date, days: int) -> date | Unusable:
    if not 1 <= days <= 2_958_465:
        return Unusable("is a date cell without a day", "correct it, or format it as what it is")
    return epoch + timedelta(days=days)
