"""Where a page ends and the next begins: the order of a query, and the cookie that carries the last row's values.

The next page is asked for by value, not by number of rows, so that rows that others add or delete meanwhile neither
repeat nor hide any. Source of the cookie's form: reference/dataverse.md, "Queries and paging".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr, unescape

from statecfg.sandbox.dataverse import errors

_NUMBER = "#"
_OUTER = re.compile(
    r'<cookie pagenumber="(\d{1,9})" pagingcookie="([^"]*)" istracking="\w+"(?: version="(\d{1,18})")? />'
)


@dataclass(frozen=True, slots=True)
class Sorted:
    """One column of the order: its SQL and its name in the cookie."""

    sql: str
    name: str
    descending: bool = False

    @property
    def clause(self) -> str:
        """The part of ORDER BY."""
        return f"{self.sql} DESC" if self.descending else self.sql


@dataclass(frozen=True, slots=True)
class Cookie:
    """Where to go on: the number of the page to read, and the last values before it, in the order's columns.

    tracked: the version that changes are told from once all pages are read; None without change tracking.
    """

    page: int
    last: tuple[Any, ...]
    tracked: int | None = None


def beyond(order: Sequence[Sorted], last: Sequence[Any]) -> tuple[str, list[Any]]:
    """The SQL condition, with parameters, of rows after the ones with these last values; empty values come first."""
    terms, params = [], []
    for place, (column, value) in enumerate(zip(order, last, strict=True)):
        step, needs = _step(column, value)
        if step is None:
            continue
        before = [f"{earlier.sql} IS ?" for earlier in order[:place]]
        terms.append("(" + " AND ".join([*before, step]) + ")")
        params += [*last[:place], *needs]
    return " OR ".join(terms) or "0", params


def _step(column: Sorted, value: Any) -> tuple[str | None, list[Any]]:
    if not column.descending:
        return (f"{column.sql} IS NOT NULL", []) if value is None else (f"{column.sql} > ?", [value])
    return (None, []) if value is None else (f"({column.sql} < ? OR {column.sql} IS NULL)", [value])


def skiptoken(
    order: Sequence[Sorted], page: int, first: Sequence[Any], last: Sequence[Any], tracked: int | None = None
) -> str:
    """The token for the page after `page`; it stands in an address URL-encoded, so that its cookie is encoded twice."""
    columns = "".join(
        f"<{column.name} last={quoteattr(_text(end))} first={quoteattr(_text(begin))} />"
        for column, begin, end in zip(order, first, last, strict=True)
    )
    inner = quote(f'<cookie page="{page}">{columns}</cookie>', safe="")
    tracking = 'istracking="False"' if tracked is None else f'istracking="True" version="{tracked}"'
    return f'<cookie pagenumber="{page + 1}" pagingcookie="{inner}" {tracking} />'


def cookie(token: str, order: Sequence[Sorted]) -> Cookie:
    """What a token says. Raises Refused if it isn't one of this query's."""
    outer = _OUTER.fullmatch(token)
    inner = unquote(outer[2]) if outer else ""
    found = dict(re.findall(r"<([\w.]+) last=\"([^\"]*)\" first=", inner))
    found |= dict(re.findall(r"<([\w.]+) last='([^']*)' first=", inner))
    if outer is None or any(column.name not in found for column in order):
        raise errors.bad_uri("The paging cookie is not valid for this query.")
    last = tuple(_value(found[column.name]) for column in order)
    return Cookie(int(outer[1]), last, int(outer[3]) if outer[3] else None)


def _text(value: Any) -> str:
    """A value in a cookie: GUIDs in braces and upper case as the service writes them, numbers marked, null empty."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{_NUMBER}{value}"
    text = str(value)
    is_guid = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
    return "{" + text.upper() + "}" if is_guid else f"={text}"


def _value(text: str) -> Any:
    plain = unescape(text, {"&quot;": '"', "&apos;": "'", "&#10;": "\n", "&#13;": "\r", "&#9;": "\t"})
    if plain.startswith("{"):
        return plain.strip("{}").lower()
    if plain.startswith(_NUMBER) and re.fullmatch(r"-?\d{1,18}", plain[1:]):
        return int(plain[1:])
    return plain[1:] if plain.startswith("=") else None
