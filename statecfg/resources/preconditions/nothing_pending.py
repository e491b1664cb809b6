"""`nothing_pending: {of: cutover}`: there is still a way back, because no invoice of ours exists (rules 1.4).

Milestones that stay Ready in Dataverse and Invoiced in F&O are listed, and that list is attested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.address import Address
from statecfg.model.declared import Requirement, Seen, StateSet
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.milestones.live import INVOICED, READY, MilestonesLive
from statecfg.resources.preconditions.phase_complete import records_of
from statecfg.resources.services import Services

TITLE = "way back"


@dataclass(frozen=True, slots=True)
class NothingPendingSpec:
    """The phase that is given up."""

    of: str


class NothingPending(Check):
    """Blocks once there is an invoice of ours; asks about milestones that stay Invoiced in F&O."""

    name: ClassVar[str] = "nothing_pending"
    Spec: ClassVar[type] = NothingPendingSpec
    at: ClassVar[frozenset[str]] = frozenset({"start"})
    rereads: ClassVar[bool] = True

    def __init__(self, services: Services, states: StateSet) -> None:
        self._services = services
        self._states = states

    def needs(self, requirement: Requirement) -> tuple[Address, ...]:
        return records_of(self._states, requirement.spec.of)

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        lives = [seen[address].value for address in self.needs(requirement) if address in seen]
        invoices = [live for live in lives if isinstance(live, InvoicesLive)]
        found = [*_confirmed(invoices), *_drafts(invoices), *_creating(invoices)]
        yield from found or [Finding("ok", "invoices-pending", "no invoice of this cutover exists", title=TITLE)]
        for live in lives:
            if isinstance(live, MilestonesLive):
                yield from _left_behind(live)


def _confirmed(invoices: Iterable[InvoicesLive]) -> Iterator[Finding]:
    names = _names(invoice for live in invoices for invoice in live.confirmed)
    if names:
        what = f"{len(names)} invoices are confirmed: {', '.join(names[:5])}. There is no way back any more"
        yield Finding("block", "invoices-confirmed", what, "go on: statecfg apply restored", TITLE, details=names)


def _drafts(invoices: Iterable[InvoicesLive]) -> Iterator[Finding]:
    names = _names(invoice for live in invoices for invoice in live.drafts)
    if names:
        what = f"{len(names)} drafts of this cutover exist: {', '.join(names[:5])}"
        do = "delete these drafts in Dataverse (their milestones go back to ready), then run this again"
        yield Finding("block", "invoices-pending", what, do, TITLE, details=names)


def _creating(invoices: Iterable[InvoicesLive]) -> Iterator[Finding]:
    contracts = tuple(sorted(number for live in invoices for number in live.creating))
    if contracts:
        what = f"invoices are being created on {', '.join(contracts[:5])}"
        yield Finding("block", "invoices-pending", what, "wait until the jobs have ended", TITLE, details=contracts)


def _names(invoices: Iterable[InvoiceInfo]) -> tuple[str, ...]:
    return tuple(sorted(f"{invoice.number} on {invoice.contract}" for invoice in invoices))


def _left_behind(live: MilestonesLive) -> Iterator[Finding]:
    left = sorted(key for key, entry in live.our_entries() if entry.status == READY and entry.finance == INVOICED)
    if left:
        what = f"{len(left)} milestones stay Ready in Dataverse and Invoiced in F&O"
        do = "drift keeps reporting them until they are put right in both"
        names = tuple(left[:200])
        yield Finding("ask", "left-behind", what, do, TITLE, details=names, evidence="\n".join(left))
