"""Values as people write them: counts, times, durations, and text that can't harm a terminal. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def plain(value: object) -> str:
    """`value` as text of one line, with nothing in it that a terminal would obey.

    Tabs and line ends become spaces; every other character that doesn't print (controls, text direction marks, lone
    surrogates) is written as its escape. Data comes from files and services, which may hold anything.
    """
    text = " ".join(str(value).split()) if any(c in "\t\r\n\v\f" for c in str(value)) else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def number(value: int | Decimal) -> str:
    """1212 -> "1,212"; a Decimal keeps every digit it has."""
    return f"{value:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """1 -> "1 row", 1200 -> "1,200 rows"; `many` where an s isn't enough."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def money(amount: Decimal) -> str:
    """An amount with two decimals at least, as people write it, and with every digit it has."""
    whole, _, decimals = number(amount).partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def shown(value: Any) -> str:
    """A value of a difference: empty ones are told apart, money keeps its digits."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return money(value)
    return plain(value) if value != "" else "(empty)"


def duration(seconds: float) -> str:
    """0.42 -> "0.4 s", 75 -> "1 min 15 s", 7260 -> "2 h 1 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 >= 60 else f"{whole // 3600} h"


def span(low_s: float, high_s: float) -> str:
    """A rough time in words: "under a minute", "about 4 minutes", "about 11 to 16 minutes", "about 2 to 3 hours"."""
    if high_s < 60:
        return "under a minute"
    unit, name = (60.0, "minute") if high_s < 7200 else (3600.0, "hour")
    low, high = max(1, int(low_s // unit)), max(1, -int(-high_s // unit))
    return f"about {counted(high, name)}" if low >= high else f"about {low} to {counted(high, name)}"


def instant(iso: str) -> str:
    """An ISO instant as `2026-11-21 18:02:11 UTC`; what isn't one is returned as it is."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return plain(iso)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def deed(verb: str, summary: str) -> str:
    """What a step does, in words: its summary, led by its verb where the summary doesn't say it.

    ("wait-canary", "until 3 are there") -> "wait until 3 are there"; ("stop", "stop milestones") -> "stop milestones".
    """
    first = verb.partition("-")[0]
    if not summary or first in re.findall(r"\w+", summary.casefold()):
        return summary or verb.replace("-", " ")
    return f"{first} {summary}" if first in ("wait", "check") else f"{verb.replace('-', ' ')}: {summary}"


def short_digest(digest: str) -> str:
    """The first and last four hex digits of a long digest, for a screen; the whole stands in files and JSON."""
    return f"{digest[:4]}...{digest[-4:]}" if len(digest) > 12 else digest
