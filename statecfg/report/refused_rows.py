"""Refused rows as a csv that can be fed back: the file's own values, and the service's words beside them.

Text that a spreadsheet would take for a formula is written with an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from statecfg.model.kind import Refused
from statecfg.model.records import RecordSource

RISKY = ("=", "+", "-", "@", "\t", "\r")


def refused_csv(refused: Sequence[Refused], sources: Iterable[RecordSource | None]) -> str:
    """The rows that were refused, with the headings of their fields, and `reason` as the last column."""
    reasons = {one.record.row: one.words for one in refused if one.record.row}
    text = io.StringIO()
    writer = csv.writer(text)
    for source in sources:
        rows = [row for row in source or () if row[0] in reasons]
        if rows:
            writer.writerow([*rows[0]._fields[1:], "reason"])
            writer.writerows([*map(_plain, row[1:]), _plain(reasons[row[0]])] for row in rows)
    if not text.getvalue():
        writer.writerow(["record", "reason"])
        writer.writerows([_plain(one.record.key), _plain(one.words)] for one in refused)
    return text.getvalue()


def _plain(value: Any) -> str:
    text = (
        ""
        if value is None
        else {True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )
    return f"'{text}" if text.startswith(RISKY) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit()
