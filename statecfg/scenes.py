"""Everything that a plan or an apply of one phase works with, put together for one environment.

Part of the composition: it knows files' values, clients, kinds and engine, and hands them to each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from statecfg import registry
from statecfg.clients.connect import Clients
from statecfg.clients.hearing import understood
from statecfg.engine.lock import Lock, this_process
from statecfg.engine.run import Scene
from statecfg.engine.waiting import Pace, Waiting
from statecfg.engine.windowbook import WindowBook
from statecfg.loading.problems import advice
from statecfg.loading.project import Project
from statecfg.model.declared import Phase, Seen, StateSet
from statecfg.model.errors import DeclarationError, PlanRefused, Problem
from statecfg.model.events import Emit
from statecfg.model.kind import Kind, Kinds
from statecfg.model.plan import Finding, Identity
from statecfg.model.window import Original
from statecfg.resources.lease_record import LeaseRecord
from statecfg.resources.map.fencing import untouched
from statecfg.resources.map.kind import Maps, maps_in
from statecfg.resources.marks import take_mark
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.progress import begun_next
from statecfg.resources.services import Services
from statecfg.understanding import LEASE, understanding

LOCK = "lock"
"""Among what is disabled: neither the lease nor the local lock is taken."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenes are made: one project, its clients, and the directory of its environment.

    directory: `<state directory>/<environment>`. disabled: fences and checks left out; only tests set it.
    """

    project: Project
    clients: Clients
    directory: Path
    waiting: Waiting
    disabled: frozenset[str] = frozenset()

    def scene(self, phase: str, from_run: Path | None = None) -> Scene:
        """The scene of a phase. Raises DeclarationError, PlanRefused, and what the clients raise."""
        declared, states = declared_phase(self.project.states, phase), self.project.states
        book = WindowBook.find(self.directory / "runs", self.identity(), from_run)
        services = self.services(book)
        kinds = registry.kinds(services, states)
        return Scene(
            phase=declared,
            states=states,
            kinds=kinds,
            checks=registry.checks(services, states),
            invariants=registry.invariants(services),
            book=book,
            waiting=self.waiting,
            now=now,
            passed=lambda seen: declared.next if begun_next(declared, states, seen, book.current) else "",
            not_begun=lambda seen: _not_begun(declared, states, seen, book),
            originals=lambda seen: _originals(kinds["map"], seen),
            take_mark=understood()(lambda: take_mark(services)),
            adopted=_adopted,
            lock=None if LOCK in self.disabled else lambda run: self._lock(run, declared, kinds, book),
            directory=self.directory,
            settle_s=self.project.environment.waits.witness_s,
            production=self.project.environment.is_production,
            disabled=self.disabled,
        )

    def _lock(self, run: str, phase: Phase, kinds: Kinds, book: WindowBook) -> Lock:
        settings = self.project.environment.lock
        who = self.clients.tokens.identity("dataverse")
        return Lock(
            self.lease(book.identity),
            this_process(run, who, phase.name),
            settings.lease_s,
            lambda: _under_way(phase, kinds),
            self.waiting.emit,
        )

    def lease(self, identity: Identity) -> LeaseRecord:
        """Where this environment's lease is kept."""
        return understanding(LeaseRecord, LEASE)(
            self.clients.dataverse, identity.organization_id, self.project.environment.lock
        )

    def services(self, book: WindowBook, *, gateway: bool = True) -> Services:
        """What kinds and checks are handed. gateway: False where only Dataverse and F&O may be asked."""
        clients = self.clients
        return Services(
            environment=self.project.environment,
            dataverse=clients.dataverse,
            finance=clients.finance,
            gateway=clients.gateway if gateway else None,
            admin=clients.admin,
            window=lambda: book.current,
        )

    def identity(self, *, gateway: bool = True) -> Identity:
        """Which environment this is, as its services say. Raises PlanRefused if the two sides don't belong together."""
        with understood():
            return self._identity(gateway=gateway)

    def _identity(self, *, gateway: bool) -> Identity:
        environment, clients = self.project.environment, self.clients
        linked = host(str(clients.dataverse.finance_link().get("url", "")))
        if linked != host(environment.finance):
            raise PlanRefused(
                f"the inventory's F&O is {host(environment.finance)}, but Dataverse is linked with {linked}",
                do="correct `finance` or `dataverse` in the inventory",
            )
        return Identity(
            name=environment.name,
            organization_id=str(clients.dataverse.organization()["OrganizationId"]),
            finance_host=linked,
            connection_id=clients.gateway.connection().cid if gateway else "",
            dataverse_host=host(environment.dataverse),
        )


def waiting_of(project: Project, emit: Emit, stopping: Waiting) -> Waiting:
    """How a project's environment is waited for."""
    waits = project.environment.waits
    return replace(stopping, pace=Pace(waits.first_look_s, waits.longest_look_s), emit=emit)


def declared_phase(states: StateSet, name: str) -> Phase:
    """The phase of that name. Raises DeclarationError, naming those there are."""
    if name not in states.phases:
        what = f"there is no phase {name!r} in {states.name}; there are {', '.join(states.phases)}"
        where = next(iter(states.phases.values())).source
        do = advice(name, states.phases)
        raise DeclarationError([Problem("unknown-phase", replace(where, line=0, column=0), what, do)])
    return states.phases[name]


def now() -> str:
    """The time, UTC, ISO."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def host(address: str) -> str:
    """Host and port of an address, for comparing; the port of https is left out."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    port = f":{parts.port}" if parts.port and parts.port != 443 else ""
    return f"{(parts.hostname or '').casefold()}{port}"


def _under_way(phase: Phase, kinds: Kinds) -> tuple[Finding, ...]:
    return tuple(f for desired in phase.resources for f in kinds[desired.address.kind].quiet(desired))


def _not_begun(phase: Phase, states: StateSet, seen: Seen, book: WindowBook) -> str:
    """The phase before this one in its chain, unless a record of it has been begun."""
    before = next((name for name, other in states.phases.items() if other.next == phase.name), "")
    known = book.current is not None and before in book.current.begun
    return "" if known or not untouched(seen) else before


def _adopted(seen: Seen) -> dict[str, str]:
    lives = [live.value for live in seen.values() if isinstance(live.value, MilestonesLive)]
    return {str(UUID(bytes=key)): str(UUID(bytes=own)) for live in lives for key, own in live.adopted.items()}


def _originals(kind: Kind, seen: Seen) -> tuple[Original, ...]:
    assert isinstance(kind, Maps)
    found = [kind.original(live, seen) for _, live in maps_in(seen)]
    return tuple(original for original in found if original)
