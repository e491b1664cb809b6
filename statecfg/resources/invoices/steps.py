"""From the contracts to be invoiced to the steps: a canary all the way, then the creates, then the confirms. Pure.

Each record says which milestones belong on its invoice, with a digest over their amounts, so that a fence can tell
whether exactly these are there without the file at hand (rules 2.3, 6.1, 6.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from statecfg.model.declared import Desired
from statecfg.model.environment import Environment
from statecfg.model.plan import Batching, Mark, Step
from statecfg.model.records import LazyRecords, Record
from statecfg.resources.invoices.content import Stone, digest_of_stones
from statecfg.resources.invoices.decide import Work
from statecfg.resources.invoices.read import stone_of
from statecfg.resources.milestones.assess import WHOLE
from statecfg.resources.milestones.decide import FINAL, matches_of
from statecfg.resources.milestones.key import normal
from statecfg.resources.milestones.live import ContractInfo, MilestonesLive
from statecfg.resources.milestones.steps import counted

GROUP = 8
"""Invoices between two fences, unless the inventory says otherwise; in production one."""


@dataclass(slots=True)
class _Invoice:
    """What goes on one contract's invoice, while the file streams by."""

    row: int = 0
    ids: bytearray = field(default_factory=bytearray)
    amount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    digest: int = 0

    def add(self, row: int, stone: Stone) -> None:
        self.row = self.row or row
        self.ids += UUID(stone.id).bytes
        self.amount += stone.amount
        self.tax += stone.tax
        self.digest = (self.digest + int(digest_of_stones([stone]), 16)) % WHOLE


@dataclass(frozen=True, slots=True)
class Planned:
    """What a change is about: the work, and how the milestones will stand by then. gathered: filled when first used."""

    desired: Desired
    live: MilestonesLive
    work: Work
    environment: Environment
    gathered: dict[str, _Invoice] = field(default_factory=dict)

    def records(self, contracts: Sequence[str]) -> LazyRecords:
        """A record for each of these contracts, in their order."""
        return LazyRecords(lambda: self._made(contracts))

    def _made(self, contracts: Sequence[str]) -> Iterator[Record]:
        self._gather()
        drafts = {invoice.contract: invoice.id for invoice in self.work.adopted}
        for number in contracts:
            contract = self.live.contracts[normal(number)]
            yield _record(contract, self.gathered[normal(number)], drafts.get(number, ""))

    def _gather(self) -> None:
        """What goes on each invoice: one pass over the file for all steps, and 16 bytes a milestone."""
        if self.gathered:
            return
        self.gathered.update((normal(number), _Invoice()) for number in self.work.confirm)
        for match in matches_of(self.live):
            invoice = self.gathered.get(normal(match.row.contract))
            if invoice and match.verdict not in FINAL:
                invoice.add(match.row.row, stone_of(match))

    def canary(self, contracts: Sequence[str]) -> str:
        """The contract that goes first: of those that have arrived the one with the fewest milestones.

        The least is at stake with it. A contract with milestones still to be sent comes after all that have arrived: a
        row of it may be refused, time and again, and without a canary nothing is invoiced.
        """

        def risk(number: str) -> tuple[bool, int]:
            tally = self.live.tallies[normal(number)]
            return tally.sent > 0, tally.rows

        return min(contracts, key=risk)


def _record(contract: ContractInfo, invoice: _Invoice, draft: str) -> Record:
    values: dict[str, Any] = {
        "contract": contract.number,
        "company": contract.company,
        "currency": contract.currency,
        "count": len(invoice.ids) // 16,
        "amount": invoice.amount,
        "tax": invoice.tax,
        "digest": f"{invoice.digest:032x}",
        "milestones": invoice.ids.hex(" ", 16),
        "invoice": draft or None,
    }
    return Record(contract.number, contract.id, "", values, invoice.row)


def steps(planned: Planned) -> Iterator[Step]:
    """The steps of one resource, in order; none if nothing is to be done."""
    work = planned.work
    if not work.confirm:
        return
    canary = planned.canary(work.create or work.confirm)
    if canary in work.create:
        yield _create(planned, "create-canary", (canary,), f"1 invoice to create first, on {canary}")
    yield from _canary(planned, canary)
    rest = tuple(number for number in work.create if number != canary)
    if rest:
        yield _create(planned, "create", rest, f"{counted(len(rest), 'invoice')} to create")
    rest = tuple(number for number in work.confirm if number != canary)
    if rest:
        yield _confirm(planned, "confirm", rest, f"{counted(len(rest), 'invoice')} to confirm")
        words = "until every invoice is confirmed"
        yield _look(planned, "wait", rest, words, planned.environment.waits.confirm_s)


def _canary(planned: Planned, canary: str) -> Iterator[Step]:
    waits = planned.environment.waits
    yield _look(
        planned, "check-canary", (canary,), f"that the invoice on {canary} holds exactly our milestones", waits.create_s
    )
    yield _confirm(planned, "confirm-canary", (canary,), f"the invoice on {canary} to confirm first")
    yield _look(
        planned, "wait-canary", (canary,), "until its milestones are posted, one actual each, and none of it is in F&O",
        waits.confirm_s,
    )  # fmt: skip


def _create(planned: Planned, verb: str, contracts: Sequence[str], words: str) -> Step:
    return _sent(planned, verb, contracts, words, "+", "create")


def _confirm(planned: Planned, verb: str, contracts: Sequence[str], words: str) -> Step:
    return _sent(planned, verb, contracts, words, "!", "confirm")


def _sent(planned: Planned, verb: str, contracts: Sequence[str], words: str, mark: Mark, moment: str) -> Step:
    environment = planned.environment
    group = environment.fence.group or (1 if environment.is_production else GROUP)
    workers = 1 if environment.is_production else min(group, environment.writes.workers)
    return Step(
        planned.desired.address,
        verb,
        words,
        mark=mark,
        moment=moment,
        irreversible=moment == "confirm",
        deadline_s=environment.waits.create_s if moment == "create" else environment.waits.confirm_s,
        batching=Batching(size=1, most=1, workers=workers, every_s=None, group=group),
        count=len(contracts),
        records=planned.records(contracts),
    )


def _look(planned: Planned, verb: str, contracts: Sequence[str], words: str, deadline_s: float) -> Step:
    return Step(
        planned.desired.address,
        verb,
        words,
        sends=False,
        deadline_s=deadline_s,
        count=len(contracts),
        records=planned.records(contracts),
    )
