"""`only_these_ready: {of: invoices}`: nothing else on these contracts would be swept into the cutover's invoices.

*Create invoice* takes everything that is ready on a contract: time, expense, material, fees and milestones
(reference/project-operations.md 4.3). The invoices' own fence looks again before each create (rules 6.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from statecfg.clients.choices import MilestoneStatus
from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.invoices.wire import Books
from statecfg.resources.milestones.live import ContractInfo, MilestonesLive
from statecfg.resources.services import Services

TITLE = "ready transactions"
DO = "set them to Not ready, or invoice them the normal way before the cutover"


@dataclass(frozen=True, slots=True)
class OnlyTheseReadySpec:
    """Of which resources; there is only one answer today."""

    of: Literal["invoices"] = "invoices"


class OnlyTheseReady(Check):
    """Blocks a contract with something ready that isn't the file's."""

    name: ClassVar[str] = "only_these_ready"
    Spec: ClassVar[type] = OnlyTheseReadySpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        books = Books(self._services.dataverse, self._services.environment)
        lives = [live.value for live in seen.values() if isinstance(live.value, MilestonesLive)]
        contracts = [contract for live in lives for contract in _open(live)]
        names = (*_time(books, contracts), *_milestones(books, contracts, lives))
        if names:
            what = f"{len(names)} would be swept into cutover invoices, the first: {names[0]}"
            yield Finding("block", "other-ready-transactions", what, DO, TITLE, details=names)
            return
        what = f"nothing but the file's milestones on {len(contracts)} contracts"
        yield Finding("ok", "other-ready-transactions", what, title=TITLE)


def _open(live: MilestonesLive) -> Iterator[ContractInfo]:
    """Contracts that still get an invoice."""
    for number, contract in live.contracts.items():
        if not live.tallies[number].complete:
            yield contract


def _time(books: Books, contracts: Iterable[ContractInfo]) -> Iterator[str]:
    by_id = {contract.id: contract for contract in contracts}
    for contract_id, count in books.ready_time(list(by_id)).items():
        yield f"{by_id[contract_id].number}: {count} time, expense, material or fee entries"


def _milestones(books: Books, contracts: Iterable[ContractInfo], lives: Iterable[MilestonesLive]) -> Iterator[str]:
    by_id, known = {contract.id: contract for contract in contracts}, list(lives)
    for contract_id, stones in books.stones(list(by_id), (MilestoneStatus.READY,)).items():
        for stone in stones:
            if not any(live.owns(stone.id) for live in known):
                yield f"{by_id[contract_id].number}: milestone {stone.name}"
