"""JSON with exact numbers: what a service writes as a number is an int or a Decimal here, and goes back digit by digit.

A float anywhere between a file and the wire would change amounts silently, so one in a body to be sent is refused.
Knows nothing of services.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

LARGEST_EXPONENT = 60
MOST_SIGNS = 2_000_000
"""Commas and brackets of an answer; a page of 10,000 rows with 20 columns has a tenth of that. Each may cost a hundred
bytes when it becomes a value, so that a body of a few megabytes could fill the memory."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SORTED = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_SIGNS = (b",", b"[", b"{")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotJson(ValueError):
    """Bytes that are no JSON text, or none that can be taken: truncated, malformed, not UTF-8, nested without end."""


def _number(text: str) -> Decimal:
    """A number with a point or an exponent. 1e999999999 would grow to as many digits wherever it is written out."""
    number = Decimal(text)
    if number and abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"the number {text[:40]} is beyond every amount")
    return number


_DECODER = msgspec.json.Decoder(float_hook=_number)


def decoded(body: bytes | str) -> Any:
    """The value of a JSON text; numbers are int or Decimal with all their digits. Raises NotJson."""
    raw = body.encode() if isinstance(body, str) else body
    if len(raw) > MOST_SIGNS and sum(map(raw.count, _SIGNS)) > MOST_SIGNS:
        raise NotJson(f"more than {MOST_SIGNS:,} values")
    try:
        return _DECODER.decode(raw.removeprefix(_BYTE_ORDER_MARK))
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def encoded(value: Any) -> bytes:
    """A JSON text; Decimals are written as plain numbers with all their digits. Raises TypeError for a float."""
    return _ENCODER.encode(_exact(value))


def canonical(value: Any) -> str:
    """A JSON text that is equal for equal values: members sorted, no spaces."""
    return _SORTED.encode(_exact(value)).decode()


def _exact(value: Any) -> Any:
    """The same value, once nothing in it could lose digits or is no number in JSON."""
    if isinstance(value, dict):
        return {name: _exact(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(member) for member in value]
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: amounts are Decimal")
    if isinstance(value, Decimal):
        return _plain(value)
    return value


def _plain(value: Decimal) -> Decimal | msgspec.Raw:
    if not value.is_finite():
        raise TypeError(f"{value} is no number in JSON")
    # str() turns to an exponent for some exact values (1E+3), which not every service reads.
    return msgspec.Raw(format(value, "f").encode()) if "E" in str(value) else value
