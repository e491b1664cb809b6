"""The only place that composes: files, clients, kinds, journal and engine, for one project and one environment.

Free of click: a command is a call of this module and a rendering of what it returns.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from statecfg import __version__, registry
from statecfg.clients.connect import Clients, connect
from statecfg.engine import drifting, planfile, run
from statecfg.engine.attesting import Answers, Ask
from statecfg.engine.interrupting import Stop, listening
from statecfg.engine.journal import Journal
from statecfg.engine.run import Order, Scene
from statecfg.engine.waiting import Pace, Waiting
from statecfg.engine.windowbook import WindowBook
from statecfg.loading.project import Project, load_project, validation_report
from statecfg.model.declared import Phase, Seen, StateSet
from statecfg.model.errors import Blocked, DeclarationError, PlanRefused, Problem, StalePlan
from statecfg.model.events import Emit, Event
from statecfg.model.options import Options
from statecfg.model.plan import Header, Identity, Plan
from statecfg.model.results import ApplyResult, DriftReport, RunSummary, Saved, StatusReport, ValidationReport
from statecfg.model.window import Mark, Original
from statecfg.report.refused_rows import refused_csv
from statecfg.resources.map.fencing import untouched
from statecfg.resources.map.kind import Maps, maps_in
from statecfg.resources.marks import take_mark
from statecfg.resources.progress import begun_next
from statecfg.resources.services import Services
from statecfg.resources.statuses import map_statuses, phase_statuses

EXPIRES_AFTER = timedelta(hours=4)
Approve = Callable[[Plan], bool]


def open(options: Options, emit: Emit) -> App:  # noqa: A001 - the application's own verb
    """A project; its files are read, and its services contacted, when something is asked of it."""
    return App(options, emit)


def read_plan(path: Path) -> tuple[Plan, Saved]:
    """A plan file, verified. Raises PlanRefused."""
    plan, sha256 = planfile.read(path)
    return plan, Saved(str(path), sha256)


def history(state_dir: Path, run: str | None) -> tuple[RunSummary, ...]:
    """Runs that the journal knows, newest first; or the one named."""
    path = state_dir / "journal.sqlite"
    if not path.exists():
        return ()
    journal = Journal(path)
    try:
        return tuple(summary for summary in journal.runs() if run is None or summary.run == run)
    finally:
        journal.close()


def schemas() -> Mapping[str, Any]:
    """JSON Schemas for editors, by file name."""
    from statecfg.loading import schema

    return schema.schemas(kinds=registry.KINDS, checks=registry.CHECKS, invariants=registry.INVARIANTS)


@dataclass(slots=True)
class App:
    """A project and the environment it is about. Clients are made when something is contacted.

    disabled: fences and checks left out; only tests set it. pace: how often waits look.
    """

    options: Options
    emit: Emit
    saved: Saved | None = None
    disabled: frozenset[str] = frozenset()
    stop: Stop = field(default_factory=Stop)
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr)
    cache_dir: Path | None = None
    _clients: Clients | None = None
    _project: Project | None = None

    @property
    def project(self) -> Project:
        """What the files declare, loaded once. Raises DeclarationError with every problem; contacts nothing."""
        if self._project is None:
            self._project = load_project(*self._folders, limit=self.options.limit, **self._vocabulary)
        return self._project

    @property
    def _folders(self) -> tuple[Path, Path]:
        return self.options.inventory, self.options.states

    @property
    def _vocabulary(self) -> dict[str, Any]:
        known = {"kinds": registry.KINDS, "checks": registry.CHECKS, "invariants": registry.INVARIANTS}
        return {**known, "extra": self.options.extra}

    @property
    def clients(self) -> Clients:
        """The environment's clients, made once."""
        if self._clients is None:
            self._clients = connect(
                self.project.environment,
                tell=self.tell,
                emit=self.emit,
                cache_dir=self.cache_dir,
                sleep=self.stop.sleep,
            )
        return self._clients

    def close(self) -> None:
        """Give the connections back."""
        if self._clients is not None:
            self._clients.close()
            self._clients = None

    def validate(self) -> ValidationReport:
        """What the files alone show, of one environment or of every one in the inventory."""
        return validation_report(*self._folders, limit=self.options.limit, **self._vocabulary)

    def plan(
        self, phase: str, *, out: Path | None = None, reopen: str | None = None, from_run: Path | None = None
    ) -> Plan:
        """Read the environment and compare it with a phase. Written to `out`, unless something blocks."""
        scene = self._scene(phase, from_run)
        made = self._made(scene, reopen)
        if out and not made.blocked:
            made, sha256 = planfile.write(made, out)
            self.saved = Saved(str(out), sha256)
        return made

    def _made(self, scene: Scene, reopen: str | None) -> Plan:
        start = time.monotonic()
        seen = run.observe(scene)
        plan = run.make_plan(scene, self._header(scene, reopen), seen, reopened=bool(reopen))
        reads = {**plan.reads, "seconds": round(time.monotonic() - start, 1), "requests": self.clients.transport.count}
        return replace(plan, reads=reads)

    def _header(self, scene: Scene, reopen: str | None) -> Header:
        now = datetime.now(UTC)
        return Header(
            tool="statecfg",
            version=__version__,
            environment=scene.book.identity,
            environment_class=self.project.environment.environment_class,
            phase=scene.phase.name,
            position=run.positions(self.project.states, scene.phase.name),
            source=scene.phase.source.file,
            made_at=_stamp(now),
            expires_at=_stamp(now + EXPIRES_AFTER),
            inputs=dict(self.project.digests),
            options={"reopen": reopen} if reopen else {},
        )

    def apply(
        self,
        target: str | Path,
        *,
        approve: Approve,
        attest: Mapping[str, str],
        ask: Ask | None,
        confirm: str = "",
        stop_after: int | None = None,
        reason: str = "",
        digest: str = "",
        reopen: str | None = None,
        from_run: Path | None = None,
    ) -> ApplyResult:
        """Carry out a phase (its name: planned first) or a saved plan (its path)."""
        start = time.monotonic()
        plan = planfile.read(target)[0] if isinstance(target, Path) else None
        scene = self._scene(plan.header.phase if plan else str(target), from_run)
        identifier = _run_id()
        if plan is None:
            plan = self._made(scene, reopen)
            path = self._directory / "plans" / f"{identifier}.plan"
        else:
            path = Path(target)
            self._verify(plan, scene, path, digest)
        if plan.blocked:
            return ApplyResult(plan, error=_blocked(plan), seconds=time.monotonic() - start)
        if not plan.steps:
            return ApplyResult(plan, seconds=time.monotonic() - start)
        if not isinstance(target, Path):
            plan, sha256 = planfile.write(plan, path)
            self.saved = Saved(str(path), sha256)
        approve(plan)
        order = self._order(identifier, plan, path, reason, attest, ask, stop_after)
        return self._carry_out(scene, order, start)

    def _carry_out(self, scene: Scene, order: Order, start: float) -> ApplyResult:
        journal = Journal(self.options.state_dir / "journal.sqlite")
        waiting = replace(scene.waiting, emit=_kept(scene.waiting.emit, journal, order.run))
        waiting.emit(Event("run_start", {"run": order.run, "phase": scene.phase.name, "digest": order.digest}))
        try:
            with listening(self.stop):
                outcome = run.apply(replace(scene, waiting=waiting), order, journal)
        finally:
            waiting.emit(Event("run_complete", {"run": order.run}))
            journal.close()
        done = outcome.error is None and all(step.whole for step in outcome.steps)
        return ApplyResult(
            plan=order.plan,
            run=order.run,
            steps=outcome.steps,
            findings=outcome.findings,
            error=outcome.error,
            next_command=self._next(scene.phase, done),
            notes=tuple(outcome.notes),
            attestations=scene.book.current.attestations if scene.book.current else (),
            refused_file=self._refused_file(scene, order, outcome),
            seconds=time.monotonic() - start,
        )

    def _order(
        self,
        identifier: str,
        plan: Plan,
        path: Path,
        reason: str,
        attest: Mapping[str, str],
        ask: Ask | None,
        stop_after: int | None,
    ) -> Order:
        who = self.clients.tokens.identity("dataverse")
        answers = Answers(attest, ask, who, identifier, lambda: _stamp(datetime.now(UTC)))
        resources = [desired for phase in self.project.states.phases.values() for desired in phase.resources]
        return Order(
            run=identifier,
            plan=plan,
            path=str(path),
            digest=self.saved.sha256 if self.saved else planfile.read(path)[1],
            who=who,
            reason=reason or str(plan.header.options.get("reopen", "")),
            reopened=bool(plan.header.options.get("reopen")),
            stop_after=stop_after,
            answers=answers,
            tolerant=run.tolerant(
                resources, lambda desired: getattr(desired.spec, "on_refused", "continue") == "continue"
            ),
        )

    def _verify(self, plan: Plan, scene: Scene, path: Path, digest: str) -> None:
        """A saved plan is for this environment, from these inputs, and the one that was approved."""
        sha256 = planfile.read(path)[1]
        self.saved = Saved(str(path), sha256)
        if digest and digest != sha256:
            raise PlanRefused(
                f"this plan's SHA-256 is {sha256}, not {digest}", where=str(path), do="ask who approved which plan"
            )
        if plan.header.environment != scene.book.identity:
            raise PlanRefused(
                f"this plan was made for {plan.header.environment.name} "
                f"({plan.header.environment.organization_id}), not for {scene.book.identity.name}",
                where=str(path),
            )
        changed = [name for name, sha in plan.header.inputs.items() if self.project.digests.get(name) != sha]
        if changed:
            raise StalePlan(
                f"files changed since this plan was made: {', '.join(changed)}", tuple(changed), where=str(path),
                do=f"make a new plan: statecfg plan {plan.header.phase}",
            )  # fmt: skip

    def drift(self, phase: str | None = None) -> DriftReport:
        """What is no longer as it was left, by Dataverse and F&O alone."""
        identity = self._identity(gateway=False)
        book = WindowBook.find(self._directory / "runs", identity)
        name = phase or self._phase_now(book)
        services = self._services(book, gateway=False)
        kinds = registry.kinds(services, self.project.states)
        found = drifting.drift(self._phase(name), self.project.states, kinds, self._waiting())
        return DriftReport(
            environment=self.project.environment.name,
            phase=name,
            findings=found.findings,
            looked_at=found.looked_at,
            not_looked_at=("the dual-write gateway (drift works without it)", *found.not_looked_at),
            environment_class=self.project.environment.environment_class,
            read_at=_stamp(datetime.now(UTC)),
        )

    def _phase_now(self, book: WindowBook) -> str:
        chain = self.project.states.chain()
        begun = [name for name in chain if book.current and name in book.current.begun]
        return begun[-1] if begun else chain[-1]

    def status(self) -> StatusReport:
        """Where we are: phases, maps by all witnesses, the last run."""
        chain = self.project.states.chain()
        scene = self._scene(chain[-1], None)
        seen = run.observe(scene)
        runs = history(self.options.state_dir, None)
        own = [summary for summary in runs if summary.environment == self.project.environment.name]
        maps = scene.kinds["map"]
        assert isinstance(maps, Maps)
        return StatusReport(
            environment=self.project.environment.name,
            environment_class=self.project.environment.environment_class,
            phases=phase_statuses(self.project.states, seen, scene.book.current),
            maps=map_statuses(maps, seen),
            last_run=own[0] if own else None,
            read_at=_stamp(datetime.now(UTC)),
        )

    # What a plan or an apply works with.

    @property
    def _directory(self) -> Path:
        return self.options.state_dir / self.project.environment.name

    def _phase(self, name: str) -> Phase:
        states = self.project.states
        if name not in states.phases:
            known = ", ".join(states.phases)
            what = f"there is no phase {name!r} in {states.name}; there are {known}"
            where = next(iter(states.phases.values())).source
            raise DeclarationError([Problem("unknown-phase", replace(where, line=0, column=0), what)])
        return states.phases[name]

    def _waiting(self) -> Waiting:
        waits = self.project.environment.waits
        return Waiting(Pace(waits.first_look_s, waits.longest_look_s), emit=self.emit, stopping=self.stop)

    def _services(self, book: WindowBook, *, gateway: bool = True) -> Services:
        clients = self.clients
        return Services(
            environment=self.project.environment,
            dataverse=clients.dataverse,
            finance=clients.finance,
            gateway=clients.gateway if gateway else None,
            admin=clients.admin,
            window=lambda: book.current,
        )

    def _scene(self, phase: str, from_run: Path | None) -> Scene:
        declared = self._phase(phase)
        states = self.project.states
        book = WindowBook.find(self._directory / "runs", self._identity(), from_run)
        services = self._services(book)
        kinds = registry.kinds(services, states)
        return Scene(
            phase=declared,
            states=states,
            kinds=kinds,
            checks=registry.checks(services, states),
            invariants=registry.invariants(services),
            book=book,
            waiting=self._waiting(),
            now=lambda: _stamp(datetime.now(UTC)),
            passed=lambda seen: declared.next if begun_next(declared, states, seen, book.current) else "",
            not_begun=lambda seen: _not_begun(declared, states, seen, book),
            originals=lambda seen: _originals(kinds["map"], seen),
            take_mark=lambda: self._mark(services),
            settle_s=self.project.environment.waits.witness_s,
            production=self.project.environment.is_production,
            disabled=self.disabled,
        )

    def _mark(self, services: Services) -> Mark:
        return take_mark(services)

    def _identity(self, *, gateway: bool = True) -> Identity:
        """Which environment this is, as its services say. Raises PlanRefused if the two sides don't belong together."""
        environment, clients = self.project.environment, self.clients
        linked = _host(str(clients.dataverse.finance_link().get("url", "")))
        if linked != _host(environment.finance):
            raise PlanRefused(
                f"the inventory's F&O is {_host(environment.finance)}, but Dataverse is linked with {linked}",
                do="correct `finance` or `dataverse` in the inventory",
            )
        return Identity(
            name=environment.name,
            organization_id=str(clients.dataverse.organization()["OrganizationId"]),
            finance_host=linked,
            connection_id=clients.gateway.connection().cid if gateway else "",
            dataverse_host=_host(environment.dataverse),
        )

    def _next(self, phase: Phase, done: bool) -> str:
        name = phase.next if done else phase.name
        limit = f" -l {self.options.limit}" if self.options.limit else ""
        return f"statecfg apply {name} -i {self.options.inventory}{limit}" if name else ""

    def _refused_file(self, scene: Scene, order: Order, outcome: run.Outcome) -> str:
        if not outcome.refused:
            return ""
        text = refused_csv(outcome.refused, [d.records for d in scene.resources if d.records])
        path = self._directory / "refused" / f"{order.run}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8-sig", newline="")
        return str(path)


def _not_begun(phase: Phase, states: StateSet, seen: Seen, book: WindowBook) -> str:
    """The phase before this one in its chain, unless a record of it has been begun."""
    before = next((name for name, other in states.phases.items() if other.next == phase.name), "")
    known = book.current is not None and before in book.current.begun
    return "" if known or not untouched(seen) else before


def _originals(kind: Any, seen: Seen) -> tuple[Original, ...]:
    assert isinstance(kind, Maps)
    found = [kind.original(live, seen) for _, live in maps_in(seen)]
    return tuple(original for original in found if original)


def _blocked(plan: Plan) -> Blocked:
    blocking = [finding for finding in plan.findings if finding.blocks]
    return Blocked(blocking[0].what, blocking, do=blocking[0].do)


def _kept(listener: Emit, journal: Journal, identifier: str) -> Emit:
    def emit(event: Event) -> None:
        listener(event)
        if event.name not in ("wait", "step_progress"):
            journal.event(identifier, event.name, dict(event.data))

    return emit


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_id() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S-") + secrets.token_hex(2)


def _host(address: str) -> str:
    """Host and port of an address, for comparing; the port of https is left out."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    port = f":{parts.port}" if parts.port and parts.port != 443 else ""
    return f"{(parts.hostname or '').casefold()}{port}"
