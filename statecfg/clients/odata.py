"""What Dataverse and finance and operations have in common: literals, query strings, and reads that go page by page.

A read is whole or it raises: no page is skipped, cut or taken twice. It knows no table and no service.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

from statecfg.model.errors import Unavailable

Row = dict[str, Any]
T = TypeVar("T")
Fetch = Callable[[str], Any]
"""Reads an absolute address and returns the decoded body."""

MOST_PAGES = 5_000
"""A million records are 200 pages of Dataverse, 100 of F&O."""

_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def text(value: str) -> str:
    """A string literal: in apostrophes, those inside doubled."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: str | UUID | int | bool | Decimal | datetime | date | None) -> str:
    """A value as it stands in a filter. A str is a string; pass a UUID for a GUID column."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def is_guid(value: str) -> bool:
    """Whether a text is spelt like a GUID."""
    return _GUID.fullmatch(value) is not None


def query(**options: str | int | None) -> str:
    """A query string: `select="a,b"` becomes `?$select=a,b`. Empty options are left out; spaces become %20."""
    parts = [
        f"${name}={quote(str(value), safe=READABLE)}" for name, value in options.items() if value not in ("", None)
    ]
    return "?" + "&".join(parts) if parts else ""


# Signs that stand for themselves in a query, so that requests stay readable in logs.
READABLE = "(),'=:;/@*$!-._~"


def any_of(column: str, literals: Sequence[str]) -> str:
    """A filter that is true for rows whose column is one of these literals."""
    return "(" + " or ".join(f"{column} eq {one}" for one in literals) + ")"


def both(first: str, second: str) -> str:
    """Two filters that must hold together; either may be empty."""
    return f"({first}) and ({second})" if first and second else first or second


def pages(first: str, fetch: Fetch, next_address: Callable[[str], str]) -> Iterator[list[Row]]:
    """Every page of a read, each whole, until the service names no next one.

    Raises Unavailable for a page that isn't one, or for a chain of pages that comes back to where it was or never ends.
    """
    address, visited = first, {first}
    while address:
        body = fetch(address)
        yield _rows_of(body, address)
        link = body.get("@odata.nextLink")
        address = next_address(link) if link else ""
        if address in visited or len(visited) >= MOST_PAGES:
            what = "go round in circles" if address in visited else f"are more than {MOST_PAGES:,} and go on"
            raise Unavailable(f"the pages of a read {what}", where=_place(first), do="Run the command again.")
        visited.add(address)


def _rows_of(body: Any, address: str) -> list[Row]:
    rows = body.get("value") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unavailable("a page of a read is no list of rows", where=_place(address), do="Run the command again.")
    return rows


def _place(address: str) -> str:
    parts = urlsplit(address)
    return f"GET {parts.scheme}://{parts.netloc}{parts.path}"


def chunks(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Values in tuples of at most `size`, in their order; a value that is twice in one tuple stands there once."""
    stream = iter(values)
    while chunk := tuple(dict.fromkeys(itertools.islice(stream, size))):
        yield chunk


def side_by_side(read: Callable[[T], list[Row]], parts: Iterable[T], workers: int) -> Iterator[Row]:
    """Rows of many reads, several at once, in the order of their parts; never more than `workers` ahead.

    The first read that fails ends them all.
    """
    if workers <= 1:
        yield from itertools.chain.from_iterable(map(read, parts))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="read") as pool:
        waiting: deque[Future[list[Row]]] = deque()
        stream = iter(parts)
        try:
            waiting.extend(pool.submit(copy_context().run, read, part) for part in itertools.islice(stream, workers))
            while waiting:
                rows = waiting.popleft().result()
                waiting.extend(pool.submit(copy_context().run, read, part) for part in itertools.islice(stream, 1))
                yield from rows
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def without(row: Row, names: Iterable[str]) -> Row:
    """A row without some members, whatever their case."""
    unwanted = {name.lower() for name in names}
    return {name: value for name, value in row.items() if name.lower() not in unwanted}


def members(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same members by lower-case names, for answers whose spelling of names is not established."""
    return {str(name).lower(): member for name, member in value.items()}
