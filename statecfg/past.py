"""Runs that were, put together from what each left: the journal, the plan that was kept, and the run files.

Part of the composition. Only reads, and contacts nothing: it works where nobody can sign in any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from statecfg.engine import planfile, runfile
from statecfg.engine.journal import Journal, StepEvent
from statecfg.model.address import Address
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Step
from statecfg.model.results import RunSummary, StepOutcome
from statecfg.model.window import Attestation

SETTLED = "needed no more when the run went on"
NO_END = "it was begun, and its end is not recorded"


def history(state_dir: Path, run: str | None) -> tuple[RunSummary, ...]:
    """Runs that the journal knows, newest first; or the one named, with its steps and what people attested."""
    path = state_dir / "journal.sqlite"
    if not path.exists():
        return ()
    with closing(Journal(path)) as journal:
        if run is None:
            return journal.runs()
        return tuple(_whole(summary, journal, state_dir) for summary in journal.runs() if summary.run == run)


def plan_path(directory: Path, run: str) -> Path:
    """Where the plan of a run is kept. directory: `<state directory>/<environment>`."""
    return directory / "plans" / f"{run}.plan"


def _whole(summary: RunSummary, journal: Journal, state_dir: Path) -> RunSummary:
    directory = state_dir / summary.environment
    planned: tuple[Step, ...] = ()
    # The journal alone still says what was begun.
    with suppress(PlanRefused):
        planned = planfile.read(plan_path(directory, summary.run))[0].steps
    steps = _outcomes(planned, journal.steps(summary.run), whole=summary.result == "complete")
    return replace(summary, steps=steps, attestations=tuple(_attested(directory / "runs", summary.run)))


def _outcomes(planned: tuple[Step, ...], told: Mapping[int, StepEvent], *, whole: bool) -> tuple[StepOutcome, ...]:
    """Every step, by number. whole: whether the run is complete, so that nothing is open any more.

    Steps run in order: one that was not told to have ended, while a later one was begun, was looked at and needed no
    more when the run went on.
    """
    last = max(told, default=0)
    of_plan = {step.number: step for step in planned}
    numbers = sorted({*of_plan, *told})
    lasting = {(str(step.address), step.verb) for step in planned if step.irreversible}
    return tuple(
        _outcome(number, of_plan.get(number), told.get(number), lasting, passed=whole or number < last)
        for number in numbers
    )


def _outcome(
    number: int, step: Step | None, event: StepEvent | None, lasting: set[tuple[str, str]], *, passed: bool
) -> StepOutcome:
    begun = event is not None
    if event is None:
        assert step is not None
        event = StepEvent(number, str(step.address), step.verb, step.summary, step.count or 1)
    outcome = StepOutcome(
        number=number,
        address=Address.parse(event.address),
        verb=event.verb,
        summary=event.summary,
        state=event.state or "not_started",
        done=event.done,
        total=event.total,
        refused=event.refused,
        what=event.what,
        irreversible=(event.address, event.verb) in lasting,
    )
    if event.state:
        return outcome
    if passed:
        return replace(outcome, state="done", done=event.total, what=SETTLED)
    return replace(outcome, state="unknown", what=NO_END) if begun else outcome


def _attested(runs: Path, run: str) -> Iterator[Attestation]:
    """What was attested in a run; its window's run file is named after the run that opened the window."""
    found: dict[Attestation, None] = {}
    for path in sorted(runs.glob("*.json")):
        found.update(dict.fromkeys(each for each in runfile.read(path).attestations if each.run == run))
    return iter(found)
