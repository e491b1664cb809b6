"""What is known of the cutover's invoices after reading. Pure values; checks and the engine read these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Content = Literal["ours", "partial", "mixed"]


@dataclass(frozen=True, slots=True)
class InvoiceInfo:
    """A project invoice that holds something of ours.

    id, number: Dataverse's. contract: the contract's number. content: whether its line details are exactly our
    milestones (of a draft: all that are still to be invoiced), only some of them, or other things too. in_flight: a
    job for it waits or runs. lines: how many line details; ours: how many of them are our milestones. total: the
    invoice's own total. corrected: somebody has credited it.
    """

    id: str
    number: str
    contract: str
    status: Literal["draft", "confirmed"]
    content: Content
    in_flight: bool = False
    lines: int = 0
    ours: int = 0
    total: Decimal = Decimal(0)
    name: str = ""
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class InvoicesLive:
    """The live value of an `invoices` resource: `Live.value`.

    invoices: every project invoice on the file's contracts that holds something of ours, by id. creating: numbers of
    contracts for which a job that creates an invoice waits or runs. unclear: numbers of contracts with drafted
    milestones that no draft accounts for.
    """

    invoices: Mapping[str, InvoiceInfo] = field(default_factory=dict)
    creating: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()

    @property
    def in_flight(self) -> tuple[InvoiceInfo, ...]:
        """Invoices with a job that waits or runs (rules 6.3)."""
        return tuple(invoice for invoice in self.invoices.values() if invoice.in_flight)

    @property
    def drafts(self) -> tuple[InvoiceInfo, ...]:
        """Drafts that hold anything of ours."""
        return tuple(invoice for invoice in self.invoices.values() if invoice.status == "draft")

    @property
    def confirmed(self) -> tuple[InvoiceInfo, ...]:
        """Confirmed invoices over our milestones."""
        return tuple(invoice for invoice in self.invoices.values() if invoice.status == "confirmed")

    @property
    def numbers(self) -> frozenset[str]:
        """Proforma numbers of the cutover's invoices."""
        return frozenset(invoice.number for invoice in self.invoices.values())

    def of(self, contract: str) -> Iterator[InvoiceInfo]:
        """Invoices of one contract, by its number."""
        return (invoice for invoice in self.invoices.values() if invoice.contract == contract)
