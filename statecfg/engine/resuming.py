"""Going on with a run that was stopped: what is unknown is settled by looking, and only what the plan holds is sent.

A new reading is compared with the plan's own phase; what is left of it must be part of the old plan. Anything else
means that somebody else was at work, and the run is not continued (rules 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from statecfg.engine import planner, run
from statecfg.engine.attesting import answered, explanations
from statecfg.engine.journal import Journal, OpenIntent
from statecfg.engine.lock import Lock
from statecfg.engine.run import Order, Outcome, Scene
from statecfg.engine.waiting import Waiting
from statecfg.model.errors import StalePlan, StatecfgError
from statecfg.model.kind import Kind, Kinds, Observation, Settlement
from statecfg.model.plan import Plan, Step
from statecfg.model.records import Record


def resume(scene: Scene, order: Order, journal: Journal) -> Outcome:
    """Go on with the run `order.resumes`. Everything that can go wrong is in the outcome's `error`."""
    outcome = Outcome()
    try:
        with run.locked(scene, order) as lock:
            _resume(scene, order, journal, outcome, lock)
    except StatecfgError as error:
        outcome.error = error
        outcome.findings = run.with_new(outcome.findings, error)
    return outcome


def _resume(scene: Scene, order: Order, journal: Journal, outcome: Outcome, lock: Lock | None) -> None:
    settle(order.run, order.plan.steps, scene.kinds, scene.waiting, journal)
    seen = run.observe(scene)
    left = planner.draft(scene.phase, seen, scene.kinds, "" if order.reopened else scene.passed(seen))
    strange = beyond(left.steps, order.plan, journal.completed_steps(order.run))
    if strange:
        outcome.findings = run.in_the_window(scene, seen)
        raise StalePlan(
            "the world is not as this run left it: " + "; ".join(strange[:5]),
            strange,
            do=f"look at a new plan: statecfg plan {scene.phase.name}",
        )
    outcome.findings = run.look_at_checks(scene, seen) if left.steps else ()
    run.refuse_blocked((*outcome.findings, *left.findings), lambda: run.in_the_window(scene, seen))
    answers = answered(outcome.findings, run.known(scene), order.answers)
    scene.book.attest((*answers, *explanations(order.answers, run.known(scene))))
    journal.reopen(order.run)
    rest = replace(
        order.plan, steps=numbered(left.steps, order.plan.steps), world=left.world, findings=left.findings, passed=""
    )
    try:
        run.write(scene, replace(order, plan=rest), seen, journal, outcome, lock)
    finally:
        journal.end(order.run, run.result(outcome), outcome.counts)


def settle(run_id: str, steps: Sequence[Step], kinds: Kinds, waiting: Waiting, journal: Journal) -> None:
    """Find out, by looking, what became of every intent whose result is unknown, and note it.

    A run that ended in order has sent nothing since. When a killed one sent its last request nobody can say: it may
    have been a moment ago, so the service's execution limit is counted from now (rules 6.4).
    """
    ended_s = journal.ended_s(run_id)
    for intent in journal.open_intents(run_id):
        step = _intended(intent, steps)
        found = _settled(kinds[step.address.kind], step, _records(intent.ids, steps), waiting, ended_s)
        journal.note(intent.number, "settled", {"done": len(found.done), "missing": len(found.missing)})


def _intended(intent: OpenIntent, steps: Sequence[Step]) -> Step:
    """The plan's step that a request was sent for. Raises StalePlan if the plan has none."""
    alike = [step for step in steps if (str(step.address), step.verb) == (intent.address, intent.verb)]
    step = next((step for step in alike if step.number == intent.step), alike[0] if alike else None)
    if step is None:
        what = f"this run sent {intent.verb} to {intent.address}, which its plan does not hold"
        raise StalePlan(what, do="make a new plan: it goes on from the live world")
    return step


def _records(ids: Sequence[str], steps: Iterable[Step]) -> tuple[Record, ...]:
    wanted = set(ids) - {""}
    streams = [step.records for step in steps if step.batching and wanted]
    return tuple({record.id: record for stream in streams for record in stream if record.id in wanted}.values())


def numbered(left: Sequence[Step], steps: Sequence[Step]) -> tuple[Step, ...]:
    """What is left, with the numbers that it has in the old plan, so that a run counts its steps in one way only.

    A step that the old plan doesn't hold gets a free number in between; if there is none, all count on from its end.
    """
    numbers: list[int | None] = []
    last = 0
    for step in left:
        found = next((old.number for old in steps if old.number > last and _alike(old, step)), None)
        numbers.append(found)
        last = found or last
    filled: list[int] = []
    for place, given in enumerate(numbers):
        following = next((number for number in numbers[place:] if number), len(steps) + len(left))
        filled.append(given or (filled[-1] if filled else 0) + 1)
        if not given and filled[-1] >= following:
            return tuple(replace(step, number=len(steps) + n) for n, step in enumerate(left, 1))
    return tuple(replace(step, number=number) for step, number in zip(left, filled, strict=True))


def _alike(old: Step, step: Step) -> bool:
    return (old.address, old.verb, old.sends) == (step.address, step.verb, step.sends)


def _settled(kind: Kind, step: Step, batch: Sequence[Record], waiting: Waiting, quiet_s: float) -> Settlement:
    start, found = waiting.clock() - quiet_s, Settlement()

    def look() -> Observation:
        nonlocal found
        found = kind.settle(step, batch, waiting.clock() - start)
        return Observation("not_yet" if found.waiting else "reached", found.waiting)

    waiting.until(look, f"what became of step {step.number} when the run was stopped", step.deadline_s)
    return found


def beyond(left: Iterable[Step], plan: Plan, completed: frozenset[int]) -> tuple[str, ...]:
    """What is to be done now that the old plan doesn't hold any more, in words; empty if it is part of the plan.

    completed: steps that the run completed; one without records is not needed a second time unless somebody undid it.
    """
    return tuple(word for step in left for word in _strange(step, plan, completed))


def _strange(step: Step, plan: Plan, completed: frozenset[int]) -> Iterable[str]:
    if not step.sends:
        return
    same = [old for old in plan.steps if old.address.kind == step.address.kind and old.sends]
    if step.batching or step.count:
        known = {_identity(record) for old in same for record in old.records}
        missing = [record.key for record in step.records if _identity(record) not in known]
        if missing:
            yield f"{step.address}: {len(missing)} records that the plan doesn't hold, the first: {missing[0]}"
    elif not any(old.verb == step.verb and set(step.targets) <= set(old.targets) for old in same):
        yield f"{step.summary} is not part of the plan"
    elif step.shows and all(
        old.number in completed for old in same if old.verb == step.verb and set(step.targets) <= set(old.targets)
    ):
        yield f"{step.summary} was done by this run, and somebody undid it"


def _identity(record: Record) -> tuple[str, str]:
    return (record.key, record.id)
