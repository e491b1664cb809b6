"""What a seeded company is made of, in business words.

These values know nothing of tables, columns or requests: `generate` and `fit` make them, `rows` turns them into
rows of the two services, `export` writes the legacy file from them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache

NAMESPACE = uuid.UUID("5f0c6f0e-51de-5d9b-9f5b-0d5a9c1b7a3e")


@lru_cache(maxsize=4096)
def _identity(key: str) -> str:
    """The id of a key; a line's milestones ask for their contract's and line's again and again."""
    return str(uuid.uuid5(NAMESPACE, key))


class Standing(Enum):
    """Where a milestone stands when the world begins."""

    IN_FILE = "in the legacy file only"
    BY_HAND = "in the legacy file, and made by hand while the map was stopped"
    OPEN = "not invoiced, not in the file"
    DRAFTED = "on somebody's draft invoice"
    POSTED = "on a posted invoice"


class Billing(Enum):
    """How a contract line is billed."""

    FIXED_PRICE = "fixed price"
    TIME_AND_MATERIAL = "time and material"


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency; `rate` is units of it for one unit of the base currency (USD)."""

    code: str
    name: str
    symbol: str
    precision: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company of the group, with the currency its ledger is kept in."""

    code: str
    name: str
    currency: str
    country: str
    city: str


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of one legal entity."""

    account: str
    name: str
    entity: str


@dataclass(frozen=True, slots=True)
class Line:
    """A contract line; `amount` and `tax` are what was contracted, `dimensions` the financial dimensions in Finance."""

    contract: str
    name: str
    number: int
    description: str
    billing: Billing
    project: str
    amount: Decimal
    tax: Decimal
    dimensions: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A won project contract with its lines; `in_file` if the legacy export speaks of it."""

    number: str
    name: str
    entity: str
    customer: str
    currency: str
    lines: tuple[Line, ...]
    in_file: bool


@dataclass(frozen=True, slots=True)
class Milestone:
    """A billing milestone of a fixed-price line, in the contract's currency."""

    contract: str
    line: str
    name: str
    amount: Decimal
    tax: Decimal
    currency: str
    date: date
    description: str
    standing: Standing

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it apart: contract, line, name and, where names repeat, the day."""
        return self.contract, self.line, self.name, self.date.isoformat()


@dataclass(frozen=True, slots=True)
class TimeEntry:
    """Approved hours of a time-and-material line, ready to be invoiced."""

    contract: str
    line: str
    description: str
    hours: Decimal
    price: Decimal
    date: date


@dataclass(frozen=True, slots=True)
class Invoice:
    """Somebody's project invoice: posted through to AR and GL, or still a draft."""

    contract: str
    posted: bool
    milestones: tuple[Milestone, ...]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An older customer transaction: an invoice (positive) or a payment (negative) with its voucher."""

    entity: str
    customer: str
    voucher: str
    document: str
    date: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A whole company at the moment before its cutover."""

    seed: int
    currencies: tuple[Currency, ...]
    entities: tuple[LegalEntity, ...]
    customers: tuple[Customer, ...]
    contracts: tuple[Contract, ...]
    milestones: tuple[Milestone, ...]
    invoices: tuple[Invoice, ...]
    time_entries: tuple[TimeEntry, ...]
    ledger: tuple[LedgerEntry, ...]

    def identity(self, kind: str, *key: str) -> str:
        """The id of one record of this company; the same seed and key give the same id."""
        return _identity("/".join((str(self.seed), kind, *key)))

    def of_file(self) -> Iterator[Milestone]:
        """The milestones that the legacy export holds, in its order."""
        return (m for m in self.milestones if m.standing in (Standing.IN_FILE, Standing.BY_HAND))

    def live(self) -> Iterator[Milestone]:
        """The milestones that Dataverse holds when the world begins."""
        return (m for m in self.milestones if m.standing is not Standing.IN_FILE)
