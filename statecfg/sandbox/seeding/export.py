"""The legacy files a sandbox writes: the milestones to migrate, and the rows of an export that can't be used.

Both are plain UTF-8 csv with a comma, a decimal point and ISO dates, so that they read the same everywhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from statecfg.sandbox.seeding.legacy import Export
from statecfg.sandbox.seeding.portfolio import Milestone

HEADINGS = ("contract", "line", "name", "amount", "tax", "currency", "date", "description", "invoiced")
# A cell that begins with one of these is a formula to a spreadsheet.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def write_milestones(path: Path, milestones: Iterable[Milestone]) -> None:
    """Write the legacy export, one row a milestone, under the default headings."""
    _write(path, HEADINGS, (_row(milestone) for milestone in milestones))


def write_unusable(path: Path, export: Export) -> None:
    """Write the rows that can't be used: their row in the export, the reason, and their cells as they stood."""
    rows = ((str(u.row), u.reason, *map(_harmless, u.cells)) for u in export.unusable)
    _write(path, ("row", "reason", *export.headings), rows)


def totals(milestones: Iterable[Milestone]) -> tuple[int, dict[str, Decimal]]:
    """Control totals: how many milestones, and their sum by currency."""
    sums: dict[str, Decimal] = {}
    count = 0
    for milestone in milestones:
        count += 1
        sums[milestone.currency] = sums.get(milestone.currency, Decimal(0)) + milestone.amount
    return count, dict(sorted(sums.items()))


def repeats_names(milestones: Iterable[Milestone]) -> bool:
    """Whether some line has a milestone name twice, so that only the day tells the two apart."""
    seen: set[tuple[str, ...]] = set()
    for m in milestones:
        key = tuple(" ".join(text.split()).casefold() for text in (m.contract, m.line, m.name))
        if key in seen:
            return True
        seen.add(key)
    return False


def _row(m: Milestone) -> tuple[str, ...]:
    day = m.date.isoformat()
    return m.contract, m.line, m.name, f"{m.amount:f}", f"{m.tax:f}", m.currency, day, m.description, "yes"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell


def _write(path: Path, headings: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
