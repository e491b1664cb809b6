"""From wherever a cutover was left, applying what is left ends in the same world as one undisturbed run.

One run is stopped in words after each of its steps, by keeping the whole world there; each kept world is then taken
up by a project directory that knows nothing of it, and by one whose journal went with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from statecfg.model.events import Event
from tests.end_to_end.outcome import assert_complete, canonical, confirmed
from tests.end_to_end.rig import Rig, said


def keep_worlds(rig: Rig, at: Callable[[Event], str]) -> list[str]:
    """Have the sandbox keep its whole world whenever `at` names it; names in order."""
    kept: list[str] = []

    class Keeping(list[Event]):
        def append(self, event: Event) -> None:
            name = at(event)
            if name:
                rig.control("snapshot", "POST", name=name)
                kept.append(name)

    rig.events = Keeping()
    return kept


def at_each_step(phase: str) -> Callable[[Event], str]:
    return lambda event: f"{phase}-{event.data['step']:02}" if event.name == "step_complete" else ""


def at_each_batch(event: Event) -> str:
    return f"batch-{event.data['step']:02}-{event.data['done']}" if event.name == "step_progress" else ""


def finish(rig: Rig, state_dir: Path) -> None:
    """Apply what is left of both phases, knowing nothing but what the environment and the inventory say."""
    rig.state_dir, rig.events = state_dir, []
    for phase in ("cutover", "restored"):
        result = rig.apply(phase)
        assert result.exit_code == 0, said(result)
    rig.import_and_post()


@pytest.mark.parametrize(
    "small", [{}, {"writes.batch": "4", "writes.most": "4", "writes.workers": "2"}], ids=["steps", "batches"]
)
def test_every_world_between_two_steps_ends_in_the_same_world(
    rigs: Callable[..., Rig], tmp_path: Path, small: dict[str, str]
) -> None:
    rig = rigs(contracts=3, milestones=18)
    rig.extra.update(small)
    ledger, invoices = rig.ledger(), confirmed(rig)
    rig.control("snapshot", "POST", name="fresh")
    kept = keep_worlds(rig, at_each_batch if small else at_each_step("cutover"))
    rig.done("cutover")
    if not small:
        kept += keep_worlds(rig, at_each_step("restored"))
    rig.done("restored")
    rig.import_and_post()
    expected = canonical(rig)
    assert len(kept) >= 8
    for name in kept:
        rig.restore(name)
        finish(rig, tmp_path / f"after-{name}")
        assert rig.ledger() == ledger, name
        assert canonical(rig) == expected, name
        assert_complete(rig, invoices)


def test_a_run_that_was_stopped_goes_on_with_its_own_journal(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=3, milestones=12)
    ledger, invoices = rig.ledger(), confirmed(rig)
    steps = len(rig.plan("cutover").steps)
    for number in range(1, steps + 1, 3):
        result = rig.apply("cutover", stop_after=1)
        assert result.exit_code in (0, 3), said(result)
        assert number <= steps
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert_complete(rig, invoices)
