"""How the milestones of one contract stand, field by field, in one short text: so that what moved can be named. Pure.

A plan keeps a text a contract and no row. Each part is `field: value`; a value that nobody could read as words, such as
that of many dates, is `#` and a small checksum, good for "moved" or "not" and for nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from statecfg.resources.milestones.live import (
    INVOICED,
    NO_STATUS,
    NONE,
    NOT_READY,
    ON_INVOICE,
    OTHER,
    POSTED,
    READY,
    Entry,
)
from statecfg.resources.milestones.wording import money

IN_DATAVERSE: Mapping[int, str] = {
    NOT_READY: "not ready",
    READY: "ready for invoicing",
    ON_INVOICE: "on an invoice",
    POSTED: "posted",
    NONE: "not in Dataverse",
}
IN_FINANCE: Mapping[int, str] = {
    NO_STATUS: "NoStatus",
    INVOICED: "Invoiced",
    OTHER: "another status",
    NONE: "not in F&O",
}
SMALL = 1 << 16


@dataclass(slots=True)
class Standing:
    """What is counted of one contract's milestones while they are judged."""

    statuses: Counter[int] = field(default_factory=Counter)
    finance: Counter[int] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    sums: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    days: int = 0

    def add(self, record_id: bytes, entry: Entry) -> None:
        """Count one milestone that is in Dataverse or in F&O."""
        self.statuses[entry.status] += 1
        self.finance[entry.finance] += 1
        self.flags["billed"] += entry.billed
        self.flags["posted in F&O"] += entry.posted
        self._sum("amount", entry.amount, entry.currency)
        self._sum("tax", entry.tax, entry.currency)
        self._sum("F&O amount", entry.finance_amount, entry.finance_currency)
        # Weighted by the record, so that two dates that were exchanged show.
        weight = int.from_bytes(record_id[-4:], "big") | 1
        self.days = (self.days + weight * (_ordinal(entry.day) + 3 * _ordinal(entry.finance_day))) % SMALL

    def _sum(self, name: str, amount: Decimal | None, currency: str) -> None:
        if amount is not None:
            self.sums[name, currency] = self.sums.get((name, currency), Decimal(0)) + amount

    def words(self) -> str:
        """All parts that say something, for example `status: 3 ready for invoicing; amount: 1,200.00 USD`."""
        parts = [
            ("status", _counts(self.statuses, IN_DATAVERSE)),
            ("status in F&O", _counts(self.finance, IN_FINANCE)),
            *((name, str(count)) for name, count in self.flags.items() if count),
            *((name, self._amounts(name)) for name in ("amount", "tax", "F&O amount")),
            ("dates", f"#{self.days:04x}" if self.statuses else ""),
        ]
        return "; ".join(f"{name}: {value}" for name, value in parts if value)

    def _amounts(self, name: str) -> str:
        own = sorted((currency, amount) for (kind, currency), amount in self.sums.items() if kind == name)
        return ", ".join(f"{money(amount)} {currency}".rstrip() for currency, amount in own)


def _counts(counts: Counter[int], words: Mapping[int, str]) -> str:
    return ", ".join(f"{counts[each]:,} {words[each]}" for each in words if counts[each])


def _ordinal(day: date | None) -> int:
    return day.toordinal() if day else 0
