"""Without the lock two runs on one environment do harm that no fence can see: each fence guards what its own run does.

The run that comes first is held before its first step; the other one does the whole cutover and restores the maps.
Then the first one goes on with a plan that was right when it looked, and stops a map that is in use again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from statecfg.model.results import ApplyResult
from tests.end_to_end.outcome import maps
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import MILESTONE, Stage, staged
from tests.end_to_end.test_lock import Pausing

RUNNING = "4"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), contracts=2, milestones=6) as stage:
        yield stage


@pytest.fixture(params=["one project", "two projects"])
def two(request: pytest.FixtureRequest, stage: Stage, tmp_path: Path) -> tuple[Rig, Rig]:
    """Two runs' rigs on one environment."""
    first, second = stage.take(), stage.rig()
    if request.param == "one project":
        second.state_dir = first.state_dir
    return first, second


def overtaken(first: Rig, second: Rig) -> tuple[ApplyResult, list[ApplyResult]]:
    """The first run, held before its first step while the second one does both phases; then the second's results."""
    first.events = pausing = Pausing(1)
    ended: list[ApplyResult] = []
    thread = threading.Thread(target=lambda: ended.append(first.apply("cutover")))
    thread.start()
    try:
        assert pausing.reached.wait(60)
        others = [second.apply(phase) for phase in ("cutover", "restored")]
    finally:
        pausing.go_on.set()
        thread.join(120)
    return ended[0], others


def states(rig: Rig) -> dict[str, str]:
    return {name: state for name, (state, _) in maps(rig).items()}


def test_without_the_lock_a_map_that_another_run_restored_is_stopped_under_its_feet(two: tuple[Rig, Rig]) -> None:
    first, second = two
    before = states(first)
    for rig in two:
        rig.disabled = frozenset({"lock"})
    late, others = overtaken(first, second)
    assert [result.exit_code for result in others] == [0, 0], "\n".join(map(said, others))
    assert late.exit_code != 0, said(late)
    assert set(before.values()) == {RUNNING}
    assert states(first)["milestones"] != RUNNING, "the cutover was over, and people were at work again"
    assert first.find("annotation", subject="statecfg lock") == []


def test_with_the_lock_the_second_run_changes_nothing(two: tuple[Rig, Rig]) -> None:
    first, second = two
    late, others = overtaken(first, second)
    assert others[0].exit_code == 6, said(others[0])
    assert late.exit_code == 0, said(late)
    assert {row["msdyn_invoicestatus"] for row in first.find(MILESTONE)} >= {192350003}
