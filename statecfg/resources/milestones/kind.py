"""The kind `milestones`: from a file of invoiced milestones to records that are Ready here and Invoiced in F&O.

Ties the pure parts together: `read` looks, `assess` judges, `steps` plans, `send` acts, `arrival` proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Live, Seen
from statecfg.model.errors import Problem
from statecfg.model.kind import CLEAR, Kind, Look, Observation, Receipt, Settlement
from statecfg.model.plan import Change, FieldChange, Finding, Step, Summary, Unchanged, WorldLine
from statecfg.model.records import Record
from statecfg.resources.milestones import drifting, problems, showing, steps
from statecfg.resources.milestones.arrival import Arrivals, Looker
from statecfg.resources.milestones.assess import Assessment
from statecfg.resources.milestones.key import TABLE
from statecfg.resources.milestones.live import MilestonesLive, Tally
from statecfg.resources.milestones.read import Reader
from statecfg.resources.milestones.send import Sender
from statecfg.resources.milestones.spec import MilestoneRow, MilestonesSpec
from statecfg.resources.milestones.steps import Pending
from statecfg.resources.services import Services


class Milestones(Kind):
    """Milestones of one environment. What a waiting step still waits for is kept between its looks."""

    name: ClassVar[str] = "milestones"
    Spec: ClassVar[type] = MilestonesSpec
    Row: ClassVar[type | None] = MilestoneRow

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sender = Sender(services.dataverse)
        self._looker = Looker(services.dataverse, services.finance)
        self._arrivals: dict[tuple[Address, int], Arrivals] = {}

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        return problems.problems(desired)

    def fresh(self) -> None:
        self._arrivals.clear()

    def read(self, desired: Desired, seen: Seen) -> Live:
        window = self._services.window()
        adopted = {UUID(key).bytes: UUID(own).bytes for key, own in (window.adopted if window else {}).items()}
        reader = Reader(self._services.dataverse, self._services.finance, self._services.environment, adopted)
        known, count = reader.read(desired, seen)
        return Live(desired.address, Assessment(desired, known).judge(desired.records or ()), count)

    def findings(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        value: MilestonesLive = live.value
        return value.findings

    def under(self, desired: Desired, condition: Condition) -> Desired:
        return desired

    def compare(self, desired: Desired, live: Live, seen: Seen) -> Change | None:
        value: MilestonesLive = live.value
        if not value.total("to_send"):
            return None
        pending = self._pending(desired, value)
        return Change(desired, live, tuple(FieldChange(*sample) for sample in steps.samples(pending)), pending)

    def _pending(self, desired: Desired, live: MilestonesLive) -> Pending:
        columns = self._services.dataverse.columns(TABLE)
        return Pending(desired, live, self._services.environment, columns)

    def settled(self, change: Change) -> Finding | None:
        return None

    def steps(self, changes: Sequence[Change], seen: Seen) -> Sequence[Step]:
        return tuple(step for change in changes for step in steps.steps(change.detail))

    def after(self, change: Change) -> Live:
        live: Live = change.live
        value: MilestonesLive = live.value
        tallies = {number: _sent(tally) for number, tally in value.tallies.items()}
        return replace(live, value=replace(value, tallies=tallies))

    def unchanged(self, desired: Desired, live: Live, seen: Seen) -> Unchanged | None:
        return showing.unchanged(desired, live.value)

    def summary(self, desired: Desired, live: Live, seen: Seen) -> Summary | None:
        return showing.summary(desired, live.value)

    def world(self, desired: Desired, live: Live) -> Iterable[WorldLine]:
        return showing.world(desired, live.value)

    def fence(self, step: Step, batch: Sequence[Record], desired: Desired) -> Look:
        return CLEAR

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        if step.verb.startswith("create"):
            self._sender.create(batch)
        else:
            self._sender.touch(batch)
        return Receipt()

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        if step.verb.startswith("create"):
            return self._sender.settle_create(batch)
        return self._sender.settle_touch(batch)

    def observe(self, step: Step, batch: Sequence[Record], receipt: Receipt | None) -> Observation:
        if step.sends:
            return Observation("reached", done=step.count, total=step.count)
        return self._arrived(step)

    def _arrived(self, step: Step) -> Observation:
        """Whether all that the step waits for is in F&O as it must be; for a canary its dimensions too."""
        place = (step.address, step.number)
        if place not in self._arrivals:
            self._arrivals[place] = Arrivals.of(step.records, step.count)
        seen = self._looker.look(self._arrivals[place])
        if seen.state != "reached" or not step.detail.get("canary"):
            return seen
        empty = self._looker.without_dimensions(step.records)
        if empty:
            what = f"no financial dimensions on the contract line in F&O: {', '.join(empty[:3])}"
            return replace(seen, state="failed", what=what, code="canary-without-dimensions")
        return seen

    def drift(self, desired: Desired, live: Live, seen: Seen) -> Iterator[Finding]:
        yield from drifting.drift(desired, live.value)


def _sent(tally: Tally) -> Tally:
    """A contract once everything that is to be sent has arrived."""
    counts: dict[str, Any] = {"create": 0, "set_ready": 0, "resend": 0, "sent": tally.to_send}
    counts["done"] = tally.done + tally.to_send
    return replace(tally, **counts)
