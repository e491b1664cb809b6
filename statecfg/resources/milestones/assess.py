"""One pass over the file's rows against what was read: how far each contract is, and what must be said. Pure.

Nothing is kept a row but its 16-byte id; sums and counts are kept a contract and a line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from statecfg.model.declared import Desired
from statecfg.resources.milestones.decide import FINAL, Match, Verdict, is_invoiced, matched
from statecfg.resources.milestones.key import normal, row_text
from statecfg.resources.milestones.live import (
    NONE,
    ON_INVOICE,
    Entry,
    Ids,
    Known,
    LineInfo,
    MilestonesLive,
    Tally,
    unpacked,
)
from statecfg.resources.milestones.spec import MilestoneRow, MilestonesSpec
from statecfg.resources.milestones.standing import Standing
from statecfg.resources.milestones.wording import Notes, money

WHOLE = 1 << 128
"""Digests of records are added modulo this, so that their order doesn't matter."""


@dataclass(slots=True)
class _Sum:
    """Rows and their amount."""

    rows: int = 0
    amount: Decimal = Decimal(0)

    def add(self, amount: Decimal) -> None:
        self.rows += 1
        self.amount += amount


@dataclass(slots=True)
class _Count:
    """A Tally while it is counted."""

    verdicts: dict[Verdict, int] = field(default_factory=lambda: defaultdict(int))
    rows: int = 0
    amount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    found: int = 0
    digest: int = 0
    on_invoices: int = 0
    standing: Standing = field(default_factory=Standing)

    def tally(self) -> Tally:
        return Tally(
            rows=self.rows, amount=self.amount, tax=self.tax, found=self.found, digest=self.digest % WHOLE,
            on_invoices=self.on_invoices, standing=self.standing.words(),
            **self.verdicts,
        )  # fmt: skip


@dataclass(slots=True)
class _OfLine:
    """What the file has on one contract line. is_open: some of it may still be written or invoiced."""

    file: Decimal = Decimal(0)
    first_row: int = 0
    is_open: bool = False


def digest(record_id: bytes, entry: Entry) -> int:
    """A record's 16 bytes of BLAKE2b over its id and everything that a plan depends on, as a number."""
    facts = (
        entry.status, entry.finance, entry.amount, entry.tax, entry.currency, entry.day, entry.billed, entry.posted,
        entry.finance_amount, entry.finance_currency, entry.finance_day,
    )  # fmt: skip
    return digest_of(record_id + "|".join(map(str, facts)).encode())


def digest_of(data: bytes) -> int:
    """16 bytes of BLAKE2b, as a number."""
    return int.from_bytes(blake2b(data, digest_size=16).digest(), "big")


class Assessment:
    """Judges every row once and collects what the plan, the screen and the checks need to know."""

    def __init__(self, desired: Desired, known: Known) -> None:
        self.desired = desired
        self.known = known
        self.spec: MilestonesSpec = desired.spec
        self.notes = Notes(desired.address, desired.records.path if desired.records else "", self.spec.columns)
        self._counts: dict[str, _Count] = defaultdict(_Count)
        self._lines: dict[int, _OfLine] = defaultdict(_OfLine)
        self._sums: dict[str, _Sum] = defaultdict(_Sum)
        self._aside: dict[str, _Sum] = defaultdict(_Sum)
        self._ours: list[bytes] = []
        self._adopted: dict[bytes, bytes] = {}
        self._first = ""

    def judge(self, rows: Iterable[MilestoneRow]) -> MilestonesLive:
        """What is known of the file's milestones, all rows taken together."""
        for row in rows:
            if is_invoiced(row):
                self._row(matched(row, self.spec, self.known))
            else:
                self._set_aside(row)
        ours = Ids(self._ours)
        self._ours.clear()
        self._contracted(ours)
        return MilestonesLive(
            desired=self.desired,
            known=self.known,
            tallies={number: count.tally() for number, count in self._counts.items()},
            ours=ours,
            adopted=self._adopted,
            findings=self.notes.findings(),
            sums=_frozen(self._sums),
            aside=_frozen(self._aside),
            first=self._first,
        )

    def _row(self, match: Match) -> None:
        row = match.row
        count = self._counts[normal(row.contract)]
        count.rows += 1
        count.verdicts[match.verdict] += 1
        count.amount += row.amount
        count.tax += match.tax
        if match.entry.status != NONE or match.entry.finance != NONE:
            count.found += 1
            count.digest += digest(match.id, match.entry)
            count.standing.add(match.id, match.entry)
            count.on_invoices += match.entry.status >= ON_INVOICE
        self._ours.append(match.id)
        if match.id != match.computed:
            self._adopted[match.computed] = match.id
        self._sums[row.currency.upper()].add(row.amount)
        if match.line:
            self._on_line(match, match.line)
        self._first = self._first or f"{self._words(row)}   {row.date or ''}   {money(row.amount)} {row.currency}"
        self._tell(match)

    def _on_line(self, match: Match, line: LineInfo) -> None:
        on_line = self._lines[line.index]
        on_line.file += match.row.amount
        on_line.first_row = on_line.first_row or match.row.row
        on_line.is_open = on_line.is_open or match.verdict not in FINAL

    def _tell(self, match: Match) -> None:
        for complaint in match.complaints:
            words = self._words(match.row)
            self.notes.add(complaint.code, words, complaint.words, row=match.row.row, name=complaint.field)
        if match.row.percent is not None:
            self.notes.add("percent-not-used", self._words(match.row), row=match.row.row, name="percent")

    def _set_aside(self, row: MilestoneRow) -> None:
        self._aside[row.currency.upper()].add(row.amount)
        self.notes.add("rows-set-aside", self._words(row), row=row.row, name="invoiced")

    def _words(self, row: MilestoneRow) -> str:
        return self.known.keys.words(row_text(row))

    def _contracted(self, ours: Ids) -> None:
        """Lines whose milestones, the file's and others', exceed what was contracted, or fall short (rules 4.5)."""
        if not any(on_line.is_open for on_line in self._lines.values()):
            return
        others = self._others(ours)
        for index, on_line in self._lines.items():
            line = self.known.lines[index]
            if not on_line.is_open or line.amount is None:
                continue
            whole = on_line.file + others.get(index, Decimal(0))
            if whole == line.amount:
                continue
            code = "contracted-amount-exceeded" if whole > line.amount else "open-remainder"
            words = f"{money(whole)} of {money(line.amount)} contracted"
            words += f", {money(others[index])} of it milestones that are not in the file" if index in others else ""
            self.notes.add(code, f"{line.contract} / {line.name}", words, row=on_line.first_row, name="amount")

    def _others(self, ours: Ids) -> dict[int, Decimal]:
        """Amounts of live milestones that are not the file's, by line."""
        others: dict[int, Decimal] = {}
        for record_id, facts in self.known.entries.items():
            if record_id in ours:
                continue
            entry = unpacked(facts, self.known.codes)
            if entry.status != NONE and entry.line in self._lines and entry.amount is not None:
                others[entry.line] = others.get(entry.line, Decimal(0)) + entry.amount
        return others


def _frozen(sums: Mapping[str, _Sum]) -> dict[str, tuple[int, Decimal]]:
    return {currency: (each.rows, each.amount) for currency, each in sums.items()}
