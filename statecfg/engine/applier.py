"""Carries out the steps of a plan, one after the other, exactly as they stand. It never decides anew.

Every step ends in one of four states: done, failed, unknown, not started; whoever stops the run, the outcome says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from statecfg.engine.guard import Guard
from statecfg.engine.journal import Journal
from statecfg.engine.waiting import Waiting
from statecfg.engine.writing import Progress, Writer, breach
from statecfg.model.address import Address
from statecfg.model.errors import Interrupted, StatecfgError, StepFailed, Unavailable
from statecfg.model.events import Event
from statecfg.model.kind import THE_STEP, Kinds, Observation, Receipt, Refused, Settlement
from statecfg.model.plan import Step
from statecfg.model.results import StepOutcome, StepState

NAMED = 5
"""Records that a step names of those it went on without; of more, the number is said."""


@dataclass(slots=True)
class Applier:
    """Carries out steps. tolerant: resources whose refused records are left out instead of ending the run."""

    run: str
    kinds: Kinds
    guard: Guard
    journal: Journal
    waiting: Waiting
    tolerant: frozenset[Address] = frozenset()
    refused: list[tuple[Address, Refused]] = field(default_factory=list)
    outcomes: dict[int, StepOutcome] = field(default_factory=dict)

    def apply(self, steps: Sequence[Step], stop_after: int | None = None) -> StatecfgError | None:
        """Carry out steps in order; the error that ended it early, or None. Outcomes stand in `outcomes`."""
        for step in steps:
            self.outcomes[step.number] = _outcome(step, "not_started")
        for step in steps:
            if stop_after is not None and step.number > stop_after:
                return StepFailed(f"stopped after step {stop_after}, as asked", do="apply again: it goes on from here")
            error = self._one(step)
            if error:
                return error
        return None

    def _one(self, step: Step) -> StatecfgError | None:
        self._say("step_start", step)
        progress = Progress()
        try:
            if self.waiting.stopping():
                raise Interrupted(f"stopped before step {step.number}")
            self._carry_out(step, progress)
        except StatecfgError as error:
            state: StepState = "unknown" if progress.unknown else _state_of(error, progress)
            self._ended(step, state, progress, error.what, interrupted=isinstance(error, Interrupted))
            return error
        self._ended(step, "done", progress, _left_out(progress.refused))
        return None

    def _carry_out(self, step: Step, progress: Progress) -> None:
        if step.batching:
            self._write(step, progress)
        elif step.sends:
            self._send(step, progress)
            progress.done = 1
        else:
            self._await(step, None)
            progress.done = step.count or 1

    def _write(self, step: Step, progress: Progress) -> None:
        kind = self.kinds[step.address.kind]
        stop = step.address not in self.tolerant
        writer = Writer(self.run, step, kind, self.guard, self.journal, self.waiting, stop, progress)
        writer.write()
        self._await(step, None)

    def _send(self, step: Step, progress: Progress) -> None:
        looked = self.waiting.clock()
        look = self.guard.before(step, ())
        breaches = [finding for finding in look.findings if finding.blocks]
        if breaches:
            raise breach(step, breaches, ())
        (intent,) = self.journal.intend(self.run, step, [()])
        progress.window_s = self.waiting.clock() - looked
        receipt = self._performed(step, intent)
        try:
            self._await(step, receipt)
        except Interrupted:
            progress.unknown.append(THE_STEP)
            raise
        self.journal.note(intent, "done")

    def _performed(self, step: Step, intent: int) -> Receipt | None:
        """What the service answered; if the answer is lost, what became of the step is found out by looking."""
        kind = self.kinds[step.address.kind]
        while True:
            try:
                return kind.perform(step, ())
            except Unavailable as lost:
                if not lost.sent:
                    raise
                self.journal.note(intent, "lost", lost.what)
                if not self._is_missing(step):
                    return None

    def _is_missing(self, step: Step) -> bool:
        start, found = self.waiting.clock(), Settlement()

        def look() -> Observation:
            nonlocal found
            found = self.kinds[step.address.kind].settle(step, (), self.waiting.clock() - start)
            return Observation("not_yet" if found.waiting else "reached", found.waiting)

        self.waiting.until(look, f"what became of step {step.number}, whose answer was lost", step.deadline_s)
        return THE_STEP in found.missing

    def _await(self, step: Step, receipt: Receipt | None) -> None:
        kind = self.kinds[step.address.kind]
        seen = self.waiting.until(lambda: kind.observe(step, (), receipt), step.summary, step.deadline_s)
        if seen.state == "failed":
            raise StepFailed(
                f"{step.address} {step.verb} failed: {seen.what}",
                where=f"step {step.number}",
                do="find the cause at the service, then apply again: it goes on from here",
            )

    def _ended(self, step: Step, state: StepState, progress: Progress, what: str, *, interrupted: bool = False) -> None:
        total = step.count or 1
        self.refused.extend((step.address, each) for each in progress.refused)
        refused = len(progress.refused)
        outcome = _outcome(step, state, progress.done, total, refused, what)
        breaches = sum(each.breach for each in progress.refused)
        window_s = round(progress.window_s, 3) if step.moment else 0.0
        self.outcomes[step.number] = replace(outcome, breaches=breaches, window_s=window_s)
        data: dict[str, object] = {"state": state, "done": progress.done, "total": total}
        data |= {"refused": refused, "what": what}
        data |= {"interrupted": True} if interrupted else {}
        data |= {"window_s": window_s} if window_s else {}
        self._say("step_complete", step, data)

    def _say(self, name: str, step: Step, data: Mapping[str, object] | None = None) -> None:
        words = {"step": step.number, "address": str(step.address), "verb": step.verb, "summary": step.summary}
        self.waiting.emit(Event(name, {**words, "total": step.count or 1, **(data or {})}))  # type: ignore[arg-type]


def _state_of(error: StatecfgError, progress: Progress) -> StepState:
    if isinstance(error, Unavailable) and error.sent:
        return "unknown"
    if isinstance(error, Interrupted) and not progress.done:
        return "not_started"
    return "failed"


def _left_out(refused: Sequence[Refused]) -> str:
    """Which records a step went on without, and why, in words; "" if there is none."""
    named = [f"{each.record.key}: {each.words}" for each in refused[:NAMED]]
    more = [f"and {len(refused) - NAMED:,} more"] if len(refused) > NAMED else []
    return "; ".join((*named, *more))


def _outcome(
    step: Step, state: StepState, done: int = 0, total: int = 0, refused: int = 0, what: str = ""
) -> StepOutcome:
    return StepOutcome(
        number=step.number,
        address=step.address,
        verb=step.verb,
        summary=step.summary,
        state=state,
        done=done,
        total=total or step.count or 1,
        refused=refused,
        what=what,
        irreversible=step.irreversible,
    )
