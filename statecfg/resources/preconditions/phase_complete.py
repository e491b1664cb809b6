"""`phase_complete: cutover`: every record of that phase is done, and nothing of it is in flight.

It looks at records only, never at a map's version or running state, so that an interrupted `restored` can always be
finished (rules 1.3). Read again, afresh, before each map start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.address import Address
from statecfg.model.declared import Requirement, Seen, StateSet
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services


@dataclass(frozen=True, slots=True)
class PhaseCompleteSpec:
    """Name of the phase."""

    phase: str


class PhaseComplete(Check):
    """Blocks until every milestone is posted and Invoiced and every invoice confirmed."""

    name: ClassVar[str] = "phase_complete"
    Spec: ClassVar[type] = PhaseCompleteSpec
    at: ClassVar[frozenset[str]] = frozenset({"start"})
    rereads: ClassVar[bool] = True

    def __init__(self, services: Services, states: StateSet) -> None:
        self._services = services
        self._states = states

    def needs(self, requirement: Requirement) -> tuple[Address, ...]:
        return records_of(self._states, requirement.spec.phase)

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        lives = [seen[address].value for address in self.needs(requirement) if address in seen]
        open_ = [*_milestones(lives), *_invoices(lives)]
        title = f"phase {requirement.spec.phase}"
        if not open_:
            yield Finding("ok", "phase-complete", "complete: every record is done", title=title)
            return
        what = f"phase {requirement.spec.phase} isn't complete: {'; '.join(open_)}"
        do = f"finish it first: statecfg apply {requirement.spec.phase}"
        yield Finding("block", "phase-complete", what, do, title, details=tuple(open_))


def records_of(states: StateSet, phase: str) -> tuple[Address, ...]:
    """Addresses of a phase's records: the resources that are written under a `while`."""
    declared = states.phases[phase].resources if phase in states.phases else ()
    return tuple(desired.address for desired in declared if desired.conditions)


def _milestones(lives: Iterable[object]) -> Iterable[str]:
    for live in lives:
        if isinstance(live, MilestonesLive) and not live.complete:
            rows = live.total("rows")
            yield f"{rows - live.total('posted') - live.total('settled')} of {rows} milestones are not posted"


def _invoices(lives: Iterable[object]) -> Iterable[str]:
    for live in lives:
        if isinstance(live, InvoicesLive):
            if live.in_flight or live.creating:
                yield f"{len(live.in_flight) + len(live.creating)} invoices are in flight"
            if live.drafts:
                yield f"{len(live.drafts)} invoices are drafts: {', '.join(sorted(i.number for i in live.drafts)[:5])}"
