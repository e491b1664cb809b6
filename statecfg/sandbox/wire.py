"""What every service receives and returns, and JSON with exact numbers; no service's own rules.

Numbers with a fraction are Decimal on the way in and keep all their digits on the way out: no float anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")

JSON_TYPE = "application/json; charset=utf-8"


class MalformedJson(ValueError):
    """A body that is no JSON."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in.

    path: as sent, still percent-encoded. query: the text after "?". headers: names in lower case. base: `https://host:port`
    as the caller wrote it. trusted: made by the sandbox itself for somebody who needs no token.
    """

    service: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    request_id: str
    trusted: bool = False

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def form(self) -> dict[str, str]:
        """The body's form fields, the last of each name."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. note: facts for the request log, for example how many rows were written. delay_s: emulated work."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0


class Service(Protocol):
    """One of the emulated services; handlers run in worker threads."""

    @property
    def name(self) -> str:
        """Short name: entra, dataverse, finance, dualwrite, admin."""

    def answer(self, request: Request) -> Answer:
        """Handle one request; every refusal is an answer in the service's own form."""

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in the service's own form, for faults that are asked for; "" lets the service choose its words."""


def json_value(body: bytes | str) -> Any:
    """The value of a JSON text. Raises MalformedJson."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as cause:
        raise MalformedJson(str(cause)) from cause


def json_bytes(value: Any) -> bytes:
    """A value as JSON; Decimals are numbers with all their digits."""
    return _ENCODER.encode(value)


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """An answer with a JSON body; header names are given with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json_bytes(value), {"Content-Type": JSON_TYPE, **named})


def split_outside_quotes(text: str, separator: str) -> Iterator[str]:
    """The parts of a text between separators that stand in no single-quoted literal and no parentheses."""
    start, depth, quoted = 0, 0, False
    for position, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == separator and depth <= 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]
