"""What is known of the cutover's invoices after reading. Pure values; checks and the engine read these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from statecfg.model.plan import Finding

InvoiceStatus = Literal["draft", "confirmed"]


@dataclass(frozen=True, slots=True)
class InvoiceInfo:
    """A project invoice on one of the file's contracts.

    id, number: Dataverse's. content: whether its line details are exactly our milestones of the contract (`ours`),
    only some of them (`partial`), some and other things (`mixed`), or nothing of ours (`foreign`). in_flight: a job
    for it, or for its contract, waits or runs. lines: how many line details; total: the invoice's own total.
    """

    id: str
    number: str
    contract: str
    status: InvoiceStatus
    content: Literal["ours", "partial", "mixed", "foreign"]
    in_flight: bool = False
    lines: int = 0
    total: Decimal = Decimal(0)
    name: str = ""


@dataclass(frozen=True, slots=True)
class InvoicesLive:
    """The live value of an `invoices` resource: `Live.value`.

    invoices: every project invoice on the file's contracts that holds something of ours, by id. creating: numbers of
    contracts for which a job that creates an invoice waits or runs. contracts: number -> what is to be done.
    """

    invoices: Mapping[str, InvoiceInfo] = field(default_factory=dict)
    creating: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

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
