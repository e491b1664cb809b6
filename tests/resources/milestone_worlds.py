"""Small worlds of milestones for tests: rows of a file, contracts, and milestones as they stand on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from statecfg.model.address import Address, Source
from statecfg.model.declared import Desired
from statecfg.resources.milestones.assess import Assessment
from statecfg.resources.milestones.key import Keys, KeyText, row_text
from statecfg.resources.milestones.live import (
    INVOICED,
    NONE,
    READY,
    Codes,
    ContractInfo,
    Entry,
    Ids,
    Known,
    LineInfo,
    MilestonesLive,
    packed,
)
from statecfg.resources.milestones.spec import MilestoneRow, MilestonesSpec

TENANT = "11111111-1111-1111-1111-111111111111"
ADDRESS = Address("milestones", "invoiced-before-go-live")
DAY = date(2021, 11, 1)


def a_row(number: int = 2, name: str = "Kick-off", **changes: Any) -> MilestoneRow:
    row = MilestoneRow(
        row=number, contract="CON-1", line="L1", name=name, amount=Decimal("100.00"), tax=None, currency="USD",
        date=DAY, description=None, invoiced=True, billing=None, percent=None,
    )  # fmt: skip
    return row._replace(**changes)


@dataclass(frozen=True)
class Rows:
    """A record source in memory."""

    rows: tuple[MilestoneRow, ...]
    path: str = "data/milestones.csv"
    digest: str = "0" * 64

    def __iter__(self) -> Iterator[MilestoneRow]:
        return iter(self.rows)


def desired(rows: Sequence[MilestoneRow], **spec: Any) -> Desired:
    made = MilestonesSpec(from_="data/milestones.csv", **spec)
    return Desired(ADDRESS, made, Source("cutover.yml", 40, 3), "cutover", records=Rows(tuple(rows)))


def keys(*fields: str) -> Keys:
    return Keys(TENANT, fields or ("contract", "line", "name"))  # type: ignore[arg-type]


def arrived(status: int = READY, **changes: Any) -> Entry:
    """A milestone of `a_row()` that is in both services, Invoiced in F&O."""
    there = in_dataverse(status)._replace(
        finance=INVOICED, finance_amount=Decimal(100), finance_currency="USD", finance_day=DAY
    )
    return there._replace(**changes)


def in_dataverse(status: int = READY, **changes: Any) -> Entry:
    entry = Entry(status=status, amount=Decimal(100), currency="USD", day=DAY, line=0, version=7)
    return entry._replace(**changes)


CONTRACT = ContractInfo("CON-1", "00000000-0000-0000-0000-0000000000c1", "Works", "usmf", "USD", "usd-id", 2, True)


@dataclass
class World:
    """What was read, put together by hand: `live()` judges it against rows."""

    lines: list[LineInfo] = field(
        default_factory=lambda: [
            LineInfo(0, "00000000-0000-0000-0000-0000000000a1", "CON-1", "L1", ("L1",), True, None, "PRJ", "001-A"),
            LineInfo(1, "00000000-0000-0000-0000-0000000000a2", "CON-1", "L2", ("L2",), True, None, "PRJ", "001-A"),
        ]
    )
    contract: ContractInfo = CONTRACT
    entries: dict[bytes, Entry] = field(default_factory=dict)
    candidates: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    keys: Keys = field(default_factory=keys)
    more: dict[str, Any] = field(default_factory=dict)

    def has(self, row: MilestoneRow, entry: Entry) -> bytes:
        """The milestone that this row computes to stands so."""
        computed = self.keys.id(row_text(row))
        self.entries[computed] = entry
        return computed

    def has_by_hand(self, key: KeyText, entry: Entry, number: int = 1) -> bytes:
        """Somebody made a milestone with this key, with an id of its own."""
        own = bytes([0xEE] * 15 + [number])
        self.entries[own] = entry
        computed = self.keys.id(key)
        self.candidates[computed] = (*self.candidates.get(computed, ()), own)
        self.names[own] = self.keys.words(key)
        return own

    def line(self, index: int, **changes: Any) -> None:
        self.lines[index] = replace(self.lines[index], **changes)

    def known(self, rows: Sequence[MilestoneRow]) -> Known:
        codes = Codes()
        contract = replace(self.contract, lines={line.name.casefold(): line for line in self.lines})
        facts: dict[str, Any] = {"contracts": {"con-1": contract}, **self.more}
        return Known(
            keys=self.keys,
            lines=tuple(self.lines),
            entries={each: packed(entry, codes) for each, entry in self.entries.items()},
            codes=codes,
            ids=Ids(self.keys.id(row_text(row)) for row in rows),
            candidates=self.candidates,
            names=self.names,
            **facts,
        )

    def live(self, rows: Sequence[MilestoneRow], **spec: Any) -> MilestonesLive:
        return Assessment(desired(rows, **spec), self.known(rows)).judge(rows)


def absent() -> Entry:
    return Entry(status=NONE)
