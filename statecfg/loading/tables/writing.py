"""Rows written as a csv that the same declaration reads again: its headings, its signs, its words.

Text that a spreadsheet would take for a formula is written with an apostrophe before it; reading takes it off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from statecfg.loading.tables.conversion import RISKY
from statecfg.loading.tables.layout import Placed
from statecfg.model.columns import Column

REASON = "reason"


def csv_text(
    rows: Iterable[Any],
    fields: Sequence[Placed],
    columns: Mapping[str, Column],
    reasons: Mapping[int, str],
    separator: str,
) -> str:
    """The rows whose number has a reason, with that in a last column. fields: those that the file has, in its order.

    columns: every field's. separator: "" = a semicolon where numbers have decimal commas, else a comma.
    """
    commas = any(column.decimal == "," for column in columns.values())
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator or (";" if commas else ","))
    writer.writerow([*(field.heading for field in fields), REASON])
    for row in rows:
        if row[0] in reasons:
            cells = (_cell(getattr(row, field.field), columns[field.field]) for field in fields)
            writer.writerow([*cells, _safe(reasons[row[0]])])
    return text.getvalue()


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _word(column, said=value)
    if isinstance(value, Decimal):
        return f"{value:f}".replace(".", column.decimal)
    if isinstance(value, date):
        return value.strftime(column.format) if column.format else value.isoformat()
    return _safe(str(value))


def _word(column: Column, *, said: bool) -> str:
    """A word that means yes, or no, in this column."""
    if said:
        return column.is_[0] if column.is_ else "yes"
    return column.not_[0] if column.not_ else "no"


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(RISKY) else text
