"""Going on with a run that was stopped: what is unknown is settled by looking, and only what the plan holds is sent.

A new reading is compared with the plan's own phase; what is left of it must be part of the old plan. Anything else
means that somebody else was at work, and the run is not continued (rules 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from statecfg.engine import planner, run
from statecfg.engine.attesting import answered, explanations
from statecfg.engine.journal import Journal
from statecfg.engine.lock import Lock
from statecfg.engine.run import Order, Outcome, Scene
from statecfg.engine.waiting import Waiting
from statecfg.model.errors import StalePlan, StatecfgError
from statecfg.model.kind import Kind, Observation, Settlement
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
    settle(scene, order, journal)
    seen = run.observe(scene)
    left = planner.draft(scene.phase, seen, scene.kinds, "" if order.reopened else scene.passed(seen))
    strange = beyond(left.steps, order.plan, journal.completed_steps(order.run))
    if strange:
        raise StalePlan(
            "the world is not as this run left it: " + "; ".join(strange[:5]),
            strange,
            do=f"look at a new plan: statecfg plan {scene.phase.name}",
        )
    outcome.findings = run.look_at_checks(scene, seen) if left.steps else ()
    run.refuse_blocked((*outcome.findings, *left.findings))
    answers = answered(outcome.findings, run.known(scene), order.answers)
    scene.book.attest((*answers, *explanations(order.answers, run.known(scene))))
    journal.reopen(order.run)
    rest = replace(order.plan, steps=left.steps, world=left.world, findings=left.findings, passed="")
    try:
        run.write(scene, replace(order, plan=rest), seen, journal, outcome, lock)
    finally:
        journal.end(order.run, run.result(outcome), outcome.counts)


def settle(scene: Scene, order: Order, journal: Journal) -> None:
    """Find out, by looking, what became of every intent whose result is unknown, and note it."""
    steps = {step.number: step for step in order.plan.steps}
    for intent, number, ids in journal.open_intents(order.run):
        step = steps[number]
        kind = scene.kinds[step.address.kind]
        batch = tuple(record for record in step.records if record.id in set(ids)) if any(ids) else ()
        found = _settled(kind, step, batch, scene.waiting)
        journal.note(intent, "settled", {"done": len(found.done), "missing": len(found.missing)})


def _settled(kind: Kind, step: Step, batch: Sequence[Record], waiting: Waiting) -> Settlement:
    start, found = waiting.clock(), Settlement()

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
