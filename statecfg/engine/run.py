"""The order of a plan and of an apply: what is read, asked, fenced, written and read again, and when.

Everything that knows a service, a file format or a clock is passed in; this only says what comes before what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from statecfg.engine import admission, planfile, planner, reading
from statecfg.engine.applier import Applier
from statecfg.engine.attesting import Answers, answered, explanations, is_known
from statecfg.engine.guard import Guard
from statecfg.engine.journal import Journal
from statecfg.engine.lock import Lock, held
from statecfg.engine.waiting import Waiting
from statecfg.engine.windowbook import WindowBook
from statecfg.model.address import Address
from statecfg.model.declared import Desired, Live, Phase, Requirement, Seen, StateSet
from statecfg.model.errors import ApiError, Blocked, Interrupted, StalePlan, StatecfgError, StepFailed
from statecfg.model.events import Event
from statecfg.model.kind import Checks, Invariants, Kinds, Refused
from statecfg.model.plan import Finding, Header, Plan, Step
from statecfg.model.results import RunResult, StepOutcome
from statecfg.model.window import Attestation, Mark, Original


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a plan or an apply works with.

    passed: the phase that has begun after this one, by what was read ("" = none has). not_begun: the
    phase before this one, if it has not begun ("" = it has). originals: what was read of the maps before the window.
    take_mark: the mark for writes by others, read from the services. adopted: computed ids -> ids of live records that
    stand for them, to be kept with the window. lock: makes the lock of a run; directory: where
    the local one is. settle_s: how long a reading that the live systems don't agree on is repeated.
    """

    phase: Phase
    states: StateSet
    kinds: Kinds
    checks: Checks
    invariants: Invariants
    book: WindowBook
    waiting: Waiting
    now: Callable[[], str]
    passed: Callable[[Seen], str]
    not_begun: Callable[[Seen], str]
    originals: Callable[[Seen], tuple[Original, ...]]
    take_mark: Callable[[], Mark | None]
    adopted: Callable[[Seen], Mapping[str, str]] = lambda seen: {}
    lock: Callable[[str], Lock] | None = None
    directory: Path = Path()
    settle_s: float = 120.0
    production: bool = False
    disabled: frozenset[str] = frozenset()

    @property
    def needs(self) -> tuple[Address, ...]:
        """What the phase's checks and invariants must have read."""
        of_checks = [self.checks[r.name].needs(r) for r in self.phase.requires if r.name in self.checks]
        of_holds = [self.invariants[r.name].needs(r) for r in self.phase.holds if r.name in self.invariants]
        return tuple(address for addresses in (*of_checks, *of_holds) for address in addresses)

    @property
    def resources(self) -> tuple[Desired, ...]:
        """What is read: the phase's own resources and those that its checks look at."""
        return reading.resources_for(self.phase, self.states, self.kinds, self.needs)


def observe(scene: Scene) -> dict[Address, Live]:
    """One round of reading everything that the phase is about."""
    return reading.read(scene.resources, scene.kinds, scene.waiting, scene.settle_s)


def make_plan(scene: Scene, header: Header, seen: Seen, *, reopened: bool = False) -> Plan:
    """The plan of the phase against what was read. Preconditions are looked at only if there is something to do."""
    passed = "" if reopened else scene.passed(seen)
    drawn = planner.draft(scene.phase, seen, scene.kinds, passed)
    findings = drawn.findings
    if drawn.steps:
        findings = (*findings, *look_at_checks(scene, seen))
    elif before := scene.not_begun(seen):
        findings = (*findings, Finding("info", "not-begun", f"phase {before} has not begun", title="phase"))
    if any(finding.blocks for finding in findings):
        findings = (*findings, *in_the_window(scene, seen))
    records = sum(live.records for live in seen.values())
    return Plan(
        header=header,
        findings=findings,
        steps=drawn.steps,
        world=drawn.world,
        unchanged=drawn.unchanged,
        summaries=drawn.summaries,
        settled=drawn.settled,
        reads={"records": records, **{str(address): live.records for address, live in seen.items()}},
        passed=passed,
    )


def look_at_checks(scene: Scene, seen: Seen) -> tuple[Finding, ...]:
    """What every precondition says, in the order of the state file."""
    with ThreadPoolExecutor(4, "check") as pool:
        looks = [pool.submit(_look, scene, requirement, seen) for requirement in scene.phase.requires]
        return tuple(finding for look in looks for finding in look.result())


def _look(scene: Scene, requirement: Requirement, seen: Seen) -> tuple[Finding, ...]:
    if requirement.name in scene.disabled:
        return ()
    found = tuple(scene.checks[requirement.name].look(requirement, seen))
    return tuple(finding if finding.where.file else replace(finding, where=requirement.source) for finding in found)


def look_at_invariants(scene: Scene, seen: Seen) -> tuple[Finding, ...]:
    """Whether what must not change since the window's baseline has changed."""
    baseline = scene.book.current.baseline if scene.book.current else {}
    found: list[Finding] = []
    for requirement in scene.phase.holds:
        if requirement.name not in scene.disabled:
            invariant = scene.invariants[requirement.name]
            found.extend(invariant.look(requirement, seen, baseline.get(requirement.name)))
    return tuple(found)


def in_the_window(scene: Scene, seen: Seen) -> tuple[Finding, ...]:
    """What the invariants say now, for where something blocks before any write: it may be the sign of harm.

    Empty without a window, and once its last phase is complete: from then on AR and GL move rightly (rules 7.3).
    """
    window = scene.book.current
    is_open = window is not None and scene.states.chain()[-1] not in window.completed
    return look_at_invariants(scene, seen) if is_open else ()


@dataclass(slots=True)
class Outcome:
    """What an apply came to; filled as it goes, so that whatever stops it, what is known is here."""

    steps: tuple[StepOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: StatecfgError | None = None
    notes: list[str] = field(default_factory=list)
    refused: tuple[tuple[Address, Refused], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """How an apply is to be carried out. tolerant: resources that go on without refused records.

    resumes: the run that goes on, "" for a new one. saved: whether the plan came from a file, which others can write.
    """

    run: str
    plan: Plan
    path: str
    digest: str
    who: str
    reason: str = ""
    reopened: bool = False
    stop_after: int | None = None
    answers: Answers = field(default_factory=Answers)
    resumes: str = ""
    saved: bool = False
    tolerant: frozenset[Address] = frozenset()


def apply(scene: Scene, order: Order, journal: Journal) -> Outcome:
    """Carry out a plan: read again, ask, open the window, write step by step, look at the invariants, read again.

    Everything that can go wrong is in the outcome's `error`; only what no one foresaw is raised.
    """
    outcome = Outcome()
    try:
        with locked(scene, order) as lock:
            outcome.findings = _unshared(lock, scene)
            _apply(scene, order, journal, outcome, lock)
    except StatecfgError as error:
        outcome.error = error
        outcome.findings = with_new(outcome.findings, error)
    return outcome


def with_new(findings: tuple[Finding, ...], error: StatecfgError) -> tuple[Finding, ...]:
    """Findings, and those of an error that are not among them."""
    own: tuple[Finding, ...] = getattr(error, "findings", ())
    return (*findings, *(finding for finding in own if finding not in findings))


def locked(scene: Scene, order: Order) -> AbstractContextManager[Lock | None]:
    """The lock of this run, held for as long as this lasts; None where the composition has none."""
    return held(scene.lock(order.run), scene.directory, order.resumes) if scene.lock else nullcontext()


def _unshared(lock: Lock | None, scene: Scene) -> tuple[Finding, ...]:
    if lock is None or not lock.unavailable:
        return ()
    what = f"no shared lock could be made ({lock.unavailable}): only this machine is kept from working here twice"
    return (Finding("ask" if scene.production else "warn", "no-shared-lock", what, title="lock", evidence="no lock"),)


def _apply(scene: Scene, order: Order, journal: Journal, outcome: Outcome, lock: Lock | None) -> None:
    seen = observe(scene)
    now = planner.draft(scene.phase, seen, scene.kinds, "" if order.reopened else scene.passed(seen))
    _refuse_stale(scene, order, now, seen, outcome)
    if order.saved:
        admission.same_steps(order.plan, now.steps, Path(order.path))
    outcome.findings = (*outcome.findings, *look_at_checks(scene, seen))
    # What blocks need not be part of the world's digest: a contract's amount, or a second record with a row's key.
    refuse_blocked((*outcome.findings, *now.findings), lambda: in_the_window(scene, seen))
    answers = answered([*outcome.findings, *order.plan.findings], known(scene), order.answers)
    _open_window(scene, order, seen, outcome)
    scene.book.attest((*answers, *explanations(order.answers, known(scene))))
    begun = scene.book.current
    if begun:
        adopted = {**begun.adopted, **scene.adopted(seen)}
        scene.book.keep(replace(begun.with_begun(scene.phase.name, scene.now()), adopted=adopted))
    journal.begin(order.run, scene.book.identity, scene.phase.name, order.path, order.digest, order.who, order.reason)
    try:
        write(scene, order, seen, journal, outcome, lock)
    finally:
        journal.end(order.run, result(outcome), outcome.counts)


def result(outcome: Outcome) -> RunResult:
    """The word for how a run ended."""
    if isinstance(outcome.error, Interrupted):
        return "interrupted"
    return "complete" if outcome.error is None and all(step.whole for step in outcome.steps) else "stopped"


def known(scene: Scene) -> tuple[Attestation, ...]:
    """Every answer that this window already has."""
    return scene.book.current.attestations if scene.book.current else ()


def _refuse_stale(scene: Scene, order: Order, now: planner.Draft, seen: Seen, outcome: Outcome) -> None:
    moved = planfile.moved(order.plan.world, now.world)
    if moved:
        outcome.findings = (*outcome.findings, *in_the_window(scene, seen))
        moved = (*moved, *planfile.records_moved(order.plan.steps, now.steps))
        raise StalePlan(
            "the world moved since this plan was made: " + "; ".join(moved[:5]),
            moved,
            do=f"look at a new plan: statecfg plan {scene.phase.name}",
        )


def refuse_blocked(findings: Iterable[Finding], more: Callable[[], Iterable[Finding]] = tuple) -> None:
    """Raise Blocked if a finding blocks. more: what else is then looked at and told."""
    blocking = [finding for finding in findings if finding.blocks]
    if blocking:
        found = [*blocking, *(finding for finding in more() if finding.blocks)]
        raise Blocked(blocking[0].what, found, do=blocking[0].do)


def _open_window(scene: Scene, order: Order, seen: Seen, outcome: Outcome) -> None:
    """Take the baseline, once a window, and put it on disk before anything is written."""
    if scene.book.current and not (order.reopened and scene.book.current.completed):
        return
    baseline = {r.name: scene.invariants[r.name].baseline(r, seen) for r in scene.phase.holds}
    originals = scene.originals(seen)
    window = scene.book.open(order.run, scene.now(), originals, baseline, scene.take_mark())
    scene.waiting.emit(Event("diagnostic", {"severity": "info", "code": "window-opened", "run": window.run}))
    outcome.notes.extend(_for_the_inventory(originals))


def _for_the_inventory(originals: Sequence[Original]) -> tuple[str, ...]:
    if not originals:
        return ()
    lines = [
        f"  {o.map}: {{original: {{publisher: {o.publisher}, number: {o.number}, running: {o.running}}}}}"
        for o in originals
    ]
    return ("The maps before this window, for the inventory:", "maps:", *lines)


def write(scene: Scene, order: Order, seen: Seen, journal: Journal, outcome: Outcome, lock: Lock | None) -> None:
    """Carry out the steps, then look at everything again."""
    resources = {desired.address: desired for desired in scene.resources}
    guard = Guard(
        requires=scene.phase.requires,
        resources=resources,
        kinds=scene.kinds,
        checks=scene.checks,
        seen=seen,
        again=lambda addresses: reread(scene, addresses),
        emit=scene.waiting.emit,
        answered=lambda finding: is_known(finding, known(scene)),
        lease=lock.check if lock else lambda: None,
        disabled=scene.disabled,
    )
    applier = Applier(order.run, scene.kinds, guard, journal, scene.waiting, order.tolerant)
    try:
        outcome.error = applier.apply(order.plan.steps, order.stop_after)
    finally:
        guard.pool.shutdown(wait=False)
        outcome.steps = tuple(applier.outcomes.values())
        outcome.refused = tuple(applier.refused)
        outcome.counts = _counts(order.plan.steps, applier.outcomes)
    _finish(scene, outcome, order)


def _counts(steps: Iterable[Step], outcomes: Mapping[int, StepOutcome]) -> dict[str, int]:
    """How many records were written, by kind and verb; a canary counts with the others."""
    counts: dict[str, int] = {}
    for step in steps:
        done = outcomes[step.number].done if step.number in outcomes else 0
        if done and step.moment in ("batch", "create", "confirm"):
            key = f"{step.address.kind} {step.verb.removesuffix('-canary')}"
            counts[key] = counts.get(key, 0) + done
    return counts


def _finish(scene: Scene, outcome: Outcome, order: Order) -> None:
    """Read everything again, whatever happened: the invariants, and, if all went well, that nothing is left."""
    try:
        seen = observe(scene)
        outcome.findings = (*outcome.findings, *look_at_invariants(scene, seen), *_at_the_end(scene, seen))
    except ApiError as unread:
        outcome.error = outcome.error or unread
        return
    broken = [finding for finding in outcome.findings if finding.blocks]
    if outcome.error is None and broken:
        outcome.error = Blocked(broken[0].what, (), do=broken[0].do)
    if outcome.error is None and all(step.whole for step in outcome.steps):
        outcome.error = _left_over(scene, order, seen)
    if outcome.error is None and scene.book.current and all(step.whole for step in outcome.steps):
        window = scene.book.current
        scene.book.keep(replace(window, completed={**window.completed, scene.phase.name: scene.now()}))


def _at_the_end(scene: Scene, seen: Seen) -> tuple[Finding, ...]:
    again = [r for r in scene.phase.requires if "end" in scene.checks[r.name].at]
    found = [finding for requirement in again for finding in _look(scene, requirement, seen)]
    return tuple(
        replace(f, severity="block") if f.severity == "ask" and not is_known(f, known(scene)) else f for f in found
    )


def reread(scene: Scene, addresses: Iterable[Address]) -> Seen:
    """Some resources, and what they depend on, read afresh."""
    wanted = reading.resources_for(replace(scene.phase, resources=()), scene.states, scene.kinds, addresses)
    return reading.read(wanted, scene.kinds, scene.waiting, scene.settle_s)


def _left_over(scene: Scene, order: Order, seen: Seen) -> StatecfgError | None:
    passed = "" if order.reopened else scene.passed(seen)
    left = planner.draft(scene.phase, seen, scene.kinds, passed)
    if not left.steps:
        return None
    return StepFailed(
        f"everything was sent, but a new plan still has {len(left.steps)} steps; the first: {left.steps[0].summary}",
        do=f"look at it: statecfg plan {scene.phase.name}",
    )


def tolerant(resources: Iterable[Desired], policy: Callable[[Desired], bool]) -> frozenset[Address]:
    """Addresses of resources that go on without records that the service refuses."""
    return frozenset(desired.address for desired in resources if policy(desired))


def positions(states: StateSet, phase: str) -> str:
    """Where a phase stands in its chain, for a header: `1 of 2; next: restored`."""
    place, length = states.position(phase)
    following: Mapping[str, Phase] = states.phases
    after = following[phase].next
    return (f"{place} of {length}" if place else "outside the chain") + (f"; next: {after}" if after else "")
