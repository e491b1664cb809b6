"""The only place that composes: files, clients, kinds, journal and engine, for one project and one environment.

Free of click: a command is a call of this module and a rendering of what it returns.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from statecfg import __version__, registry
from statecfg.clients.connect import Clients, connect
from statecfg.clients.redaction import Redaction
from statecfg.engine import admission, drifting, planfile, resuming, run
from statecfg.engine.attesting import Answers, Ask
from statecfg.engine.interrupting import Stop, listening
from statecfg.engine.journal import Journal
from statecfg.engine.lock import is_gone
from statecfg.engine.run import Order, Outcome, Scene
from statecfg.engine.waiting import Pace, Waiting
from statecfg.engine.windowbook import WindowBook
from statecfg.loading.project import Project, load_project, validation_report
from statecfg.model.address import Address
from statecfg.model.declared import Desired, Phase
from statecfg.model.errors import Blocked, DeclarationError, Locked, PlanRefused
from statecfg.model.events import Emit, Event
from statecfg.model.lease import Lease
from statecfg.model.options import Options
from statecfg.model.plan import Header, Plan
from statecfg.model.results import ApplyResult, DriftReport, Saved, StatusReport, ValidationReport
from statecfg.past import history as history
from statecfg.past import plan_path
from statecfg.resources.map.kind import Maps
from statecfg.resources.statuses import map_statuses, phase_statuses
from statecfg.scenes import Stage, declared_phase, now
from statecfg.showing import presentable_plan, without_secrets

EXPIRES_AFTER = timedelta(hours=4)
NOT_YET_PROVED = (
    "AR and GL are unchanged; that is not yet proved, since only importing and posting would move them.",
    "After maintenance, when Import from staging has run for the first time: statecfg drift",
)
Approve = Callable[[Plan], bool]
Act = Callable[[Scene, Order, Journal], Outcome]


def open(options: Options, emit: Emit) -> App:  # noqa: A001 - the application's own verb
    """A project; its files are read, and its services contacted, when something is asked of it."""
    return App(options, emit)


def read_plan(path: Path) -> tuple[Plan, Saved]:
    """A plan file, verified. Raises PlanRefused."""
    plan, sha256 = planfile.read(path)
    return plan, Saved(str(path), sha256)


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
    redaction: Redaction = field(default_factory=Redaction)
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
                emit=self._say,
                cache_dir=self.cache_dir,
                redaction=self.redaction,
                sleep=self.stop.sleep,
            )
        return self._clients

    def clean(self, text: str) -> str:
        """The text without any secret: for what leaves the program past the verbs, such as a trace of a crash."""
        return self.redaction.clean(text)

    def _say(self, event: Event) -> None:
        self.emit(self.redaction.cleaned(event))

    def close(self) -> None:
        """Give the connections back."""
        if self._clients is not None:
            self._clients.close()
            self._clients = None

    @without_secrets
    def validate(self) -> ValidationReport:
        """What the files alone show, of one environment or of every one in the inventory."""
        return validation_report(*self._folders, limit=self.options.limit, **self._vocabulary)

    @without_secrets
    def plan(
        self, phase: str, *, out: Path | None = None, reopen: str | None = None, from_run: Path | None = None
    ) -> Plan:
        """Read the environment and compare it with a phase. Written to `out`, unless something blocks."""
        scene = self._stage.scene(phase, from_run)
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
        return presentable_plan(replace(plan, reads=reads), self.redaction)

    def _header(self, scene: Scene, reopen: str | None) -> Header:
        made_at = datetime.now(UTC)
        return Header(
            tool="statecfg",
            version=__version__,
            environment=scene.book.identity,
            environment_class=self.project.environment.environment_class,
            phase=scene.phase.name,
            position=run.positions(self.project.states, scene.phase.name),
            source=scene.phase.source.file,
            made_at=_stamp(made_at),
            expires_at=_stamp(made_at + EXPIRES_AFTER),
            inputs=dict(self.project.digests),
            options={**({"reopen": reopen} if reopen else {}), "not_here": self._later(scene.phase)},
        )

    def _later(self, phase: Phase) -> str:
        """What the next phase is for, in its own words."""
        following = self.project.states.phases.get(phase.next)
        return following.description.rstrip(".") if following else ""

    @without_secrets
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
        scene = self._stage.scene(plan.header.phase if plan else str(target), from_run)
        if plan and isinstance(target, Path):
            self._admit(plan, scene, target, digest)
        else:
            plan = self._made(scene, reopen)
        if plan.blocked:
            return ApplyResult(plan, error=_blocked(plan), seconds=time.monotonic() - start)
        if not plan.steps:
            return ApplyResult(plan, seconds=time.monotonic() - start)
        identifier = _run_id()
        path = plan_path(self._directory, identifier)
        plan = self._kept_plan(plan, path, target if isinstance(target, Path) else None)
        approve(plan)
        order = self._order(identifier, plan, path, reason, Answers(attest, ask), stop_after)
        return self._carry_out(scene, replace(order, saved=isinstance(target, Path)), run.apply, start)

    def _kept_plan(self, plan: Plan, path: Path, given: Path | None) -> Plan:
        """The plan in the state directory, so that the run can go on whatever becomes of the file it was given."""
        if given:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(given, path)
            kept, sha256 = planfile.read(path)
        else:
            kept, sha256 = planfile.write(plan, path)
        self.saved = Saved(str(given or path), sha256)
        return kept

    @without_secrets
    def resume(
        self,
        identifier: str | None = None,
        *,
        approve: Approve,
        attest: Mapping[str, str],
        ask: Ask | None,
        stop_after: int | None = None,
    ) -> ApplyResult:
        """Go on with a run that was stopped; by default the newest unfinished one of this environment."""
        start = time.monotonic()
        found = identifier or self._unfinished()
        path = plan_path(self._directory, found)
        if not path.is_file():
            raise PlanRefused(
                f"there is no plan of run {found} here", do="make a new plan: it goes on from the live world"
            )
        plan, _ = planfile.read(path)
        scene = self._stage.scene(plan.header.phase)
        admission.same_environment(plan, scene.book.identity, path)
        admission.same_inputs(plan, self.project.digests, path)
        approve(plan)
        order = self._order(found, plan, path, "", Answers(attest, ask), stop_after)
        return self._carry_out(scene, replace(order, resumes=found), resuming.resume, start)

    def _unfinished(self) -> str:
        """The unfinished run of this environment. Raises PlanRefused if there is none, or several."""
        runs = history(self.options.state_dir, None)
        own = [summary for summary in runs if summary.environment == self.project.environment.name]
        # What a later run completed has been finished by it.
        unfinished = list(takewhile(lambda summary: summary.result not in ("complete", "nothing_to_do"), own))
        if not unfinished:
            raise PlanRefused("no run of this environment is unfinished", do="statecfg history lists the runs")
        if len(unfinished) > 1:
            named = ", ".join(f"{summary.run} ({summary.phase}, {summary.result})" for summary in unfinished)
            what = f"{len(unfinished)} runs of this environment are unfinished: {named}"
            raise PlanRefused(what, do=f"say which: statecfg resume {unfinished[0].run}, the newest; or plan afresh")
        return unfinished[0].run

    def _carry_out(self, scene: Scene, order: Order, act: Act, start: float) -> ApplyResult:
        with self._journal() as journal:
            waiting = replace(scene.waiting, emit=_kept(scene.waiting.emit, journal, order.run))
            waiting.emit(Event("run_start", {"run": order.run, "phase": scene.phase.name, "digest": order.digest}))
            with listening(self.stop):
                outcome = act(replace(scene, waiting=waiting), order, journal)
            waiting.emit(Event("run_complete", {"run": order.run}))
        done = outcome.error is None and all(step.whole for step in outcome.steps)
        return ApplyResult(
            plan=order.plan,
            run=order.run,
            steps=outcome.steps,
            findings=outcome.findings,
            error=outcome.error,
            next_command=self._next(scene.phase, order, outcome, done),
            notes=(*outcome.notes, *(NOT_YET_PROVED if done and not scene.phase.next else ())),
            attestations=scene.book.current.attestations if scene.book.current else (),
            refused_file=self._refused_file(scene, order, outcome),
            seconds=time.monotonic() - start,
        )

    def _order(
        self, identifier: str, plan: Plan, path: Path, reason: str, answers: Answers, stop_after: int | None
    ) -> Order:
        who = self.clients.tokens.identity("dataverse")
        resources = [desired for phase in self.project.states.phases.values() for desired in phase.resources]
        return Order(
            run=identifier,
            plan=plan,
            path=str(path),
            digest=planfile.read(path)[1],
            who=who,
            reason=reason or str(plan.header.options.get("reopen", "")),
            reopened=bool(plan.header.options.get("reopen")),
            stop_after=stop_after,
            answers=replace(answers, signed_in=who, run=identifier, now=now),
            tolerant=run.tolerant(resources, _goes_on),
        )

    def _admit(self, plan: Plan, scene: Scene, path: Path, digest: str) -> None:
        """Raise PlanRefused or StalePlan unless a saved plan may be carried out here and now."""
        sha256 = planfile.read(path)[1]
        admission.same_environment(plan, scene.book.identity, path)
        with self._journal() as journal:
            used = journal.used(sha256)
        admission.verify(plan, path, sha256, approved=digest, used=used, now=now())
        admission.same_inputs(plan, self.project.digests, path)

    @without_secrets
    def lock(self) -> Lease | None:
        """Who is at work in this environment; None if nobody is."""
        stage = self._stage
        held = stage.lease(stage.identity()).read()
        return replace(held, void=is_gone(held.holder)) if held else None

    @without_secrets
    def release(self, identifier: str) -> Lease:
        """Remove the lock of a run that is gone for good. Raises Locked if it is another's, or there is none."""
        stage = self._stage
        store = stage.lease(stage.identity())
        held = store.read()
        if held is None or held.holder.run != identifier:
            what = f"the lock is held by {held.holder}" if held else "nobody holds the lock"
            raise Locked(f"{what}, not by run {identifier}", do="statecfg lock show")
        store.delete(held.tag)
        return held

    @without_secrets
    def drift(self, phase: str | None = None) -> DriftReport:
        """What is no longer as it was left, by Dataverse and F&O alone."""
        stage = self._stage
        identity = stage.identity(gateway=False)
        book = WindowBook.find(self._directory / "runs", identity)
        name = phase or self._phase_now(book)
        services = stage.services(book, gateway=False)
        kinds = registry.kinds(services, self.project.states)
        found = drifting.drift(declared_phase(self.project.states, name), self.project.states, kinds, stage.waiting)
        return DriftReport(
            environment=self.project.environment.name,
            phase=name,
            findings=found.findings,
            looked_at=found.looked_at,
            not_looked_at=("the dual-write gateway (drift works without it)", *found.not_looked_at),
            environment_class=self.project.environment.environment_class,
            read_at=now(),
        )

    def _phase_now(self, book: WindowBook) -> str:
        chain = self.project.states.chain()
        begun = [name for name in chain if book.current and name in book.current.begun]
        return begun[-1] if begun else chain[-1]

    @without_secrets
    def status(self) -> StatusReport:
        """Where we are: phases, maps by all witnesses, the last run."""
        chain = self.project.states.chain()
        scene = self._stage.scene(chain[-1], None)
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
            read_at=now(),
        )

    # What a plan or an apply works with.

    @property
    def _directory(self) -> Path:
        return self.options.state_dir / self.project.environment.name

    @property
    def _stage(self) -> Stage:
        waits = self.project.environment.waits
        waiting = Waiting(Pace(waits.first_look_s, waits.longest_look_s), emit=self._say, stopping=self.stop)
        return Stage(self.project, self.clients, self._directory, waiting, self.disabled)

    def _journal(self) -> AbstractContextManager[Journal]:
        return closing(Journal(self.options.state_dir / "journal.sqlite", self.redaction.cleaned))

    def _next(self, phase: Phase, order: Order, outcome: Outcome, done: bool) -> str:
        place = self.options.words
        if not done:
            # Before its first step a run has left nothing to go on with.
            return f"statecfg resume {order.run} {place}" if outcome.steps else f"statecfg plan {phase.name} {place}"
        return f"statecfg apply {phase.next} {place}" if phase.next else ""

    def _refused_file(self, scene: Scene, order: Order, outcome: Outcome) -> str:
        """Where the rows that were refused are kept, one file a resource; "" if there is none."""
        sources = {desired.address: desired.records for desired in scene.resources if desired.records}
        reasons: dict[Address, dict[int, str]] = {}
        for address, refused in outcome.refused:
            if address in sources:
                reasons.setdefault(address, {})[refused.record.row] = refused.words
        kept = []
        for address, words in reasons.items():
            path = self._directory / "refused" / f"{order.run}-{address.name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            # The file may be gone or changed by now; the steps' outcomes name what was refused all the same.
            with suppress(DeclarationError):
                path.write_bytes(sources[address].again(words))
                kept.append(str(path))
        return ", ".join(kept)


def _goes_on(desired: Desired) -> bool:
    """Whether a resource goes on without what the service refuses; one that doesn't say does."""
    return bool(getattr(desired.spec, "on_refused", "continue") == "continue")


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
