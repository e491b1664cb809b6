"""What a service, or something that stands in its place, might send instead of an answer."""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator

from tests.hostile.proxy import Exchange, Mischief

Spoil = Callable[[Exchange], Exchange | Iterable[bytes]]
JSON = b"Content-Type: application/json\r\n"


def at(service: str, path: str, spoil: Spoil) -> Mischief:
    """Mischief with the answers of one service to requests whose target has this pattern in it."""

    def mischief(exchange: Exchange) -> Exchange | Iterable[bytes]:
        meant = exchange.service == service and re.search(path, exchange.target)
        return spoil(exchange) if meant else exchange

    return mischief


def body(content: bytes, status: int = 200, kind: str = "application/json") -> Spoil:
    """Another body."""
    return lambda exchange: exchange.with_body(content, status, Content_Type=kind)


def half(exchange: Exchange) -> Exchange:
    """A body that ends in the middle, with a length that fits."""
    return exchange.with_body(exchange.body[: len(exchange.body) // 2])


def redirect(status: int, url: str) -> Spoil:
    """Go elsewhere, with all that you have."""
    return lambda exchange: exchange.with_body(b"", status, Location=url)


def next_link(link: Callable[[Exchange], str]) -> Spoil:
    """A page that names a next one."""

    def spoil(exchange: Exchange) -> Exchange:
        page = json.loads(exchange.body)
        return exchange.with_body(json.dumps({**page, "@odata.nextLink": link(exchange)}).encode())

    return spoil


def raw(*pieces: bytes) -> Spoil:
    """Bytes as they are."""
    return lambda exchange: pieces


def long_by(difference: int) -> Spoil:
    """A Content-Length that is wrong by so many bytes."""

    def spoil(exchange: Exchange) -> Iterable[bytes]:
        length = len(exchange.body) + difference
        yield b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % length
        yield exchange.body

    return spoil


def chunked(exchange: Exchange) -> Iterator[bytes]:
    """A body without an end, in chunks, with some time between them."""
    yield b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n"
    while True:
        yield b"3\r\n 1,\r\n"
        time.sleep(0.02)


def trickled(exchange: Exchange) -> Iterator[bytes]:
    """A head that comes letter by letter and has no end."""
    yield b"HTTP/1.1 200 OK\r\nX-Slow: "
    while True:
        yield b"x"
        time.sleep(0.1)


def trickled_body(exchange: Exchange) -> Iterator[bytes]:
    """A body that comes letter by letter."""
    yield b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 1000000\r\n\r\n["
    while True:
        yield b" "
        time.sleep(0.1)


def continuing(exchange: Exchange) -> Iterator[bytes]:
    """100 Continue, and again."""
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        time.sleep(0.02)


def encoded(content: bytes, encoding: str = "gzip") -> Spoil:
    """A body that claims an encoding."""
    return lambda exchange: exchange.with_body(content, Content_Encoding=encoding)


def bomb(size: int) -> bytes:
    """Gzip of so many spaces: a thousandth of it on the wire."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * (1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 20)), packer.flush()])


def flood(size: int, piece: bytes = b'{"value":[' + b"[],") -> Spoil:
    """A body of so many bytes, in the form of JSON."""

    def spoil(exchange: Exchange) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % size
        block = piece * (1 + (1 << 20) // len(piece))
        for _ in range(size // len(block) + 1):
            yield block

    return spoil


DEEP = b'{"value":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
PORTAL = b"<!DOCTYPE html><html><head><title>Hotel</title></head><body>Please accept our terms\x1b[2J</body></html>"
NO_GZIP = b"this is not gzip"
TWICE = gzip.compress(bomb(64 << 20))
