"""JSON with exact numbers: what a service writes as a number is an int or a Decimal here, and goes back digit by digit.

A float anywhere between a file and the wire would change amounts silently, so one in a body to be sent is refused.
Knows nothing of services.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SORTED = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotJson(ValueError):
    """Bytes that are no JSON text: truncated, malformed, not UTF-8, or nested without end."""


def decoded(body: bytes | str) -> Any:
    """The value of a JSON text; numbers are int or Decimal with all their digits. Raises NotJson."""
    raw = body.encode() if isinstance(body, str) else body
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
