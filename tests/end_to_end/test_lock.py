"""Two runs on one environment: exactly one works (rules 8.4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from statecfg.model.errors import Locked
from statecfg.model.events import Event
from statecfg.model.lease import Holder
from tests.end_to_end.rig import Rig, said


class Pausing(list[Event]):
    """Holds a run at one of its steps until it is let go."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step, self.reached, self.go_on = step, threading.Event(), threading.Event()

    def append(self, event: Event) -> None:
        if event.name == "step_start" and event.data["step"] == self.step:
            self.reached.set()
            self.go_on.wait(60)


@pytest.fixture
def paused(rigs: Callable[..., Rig]) -> tuple[Rig, Pausing, threading.Thread]:
    rig = rigs(contracts=3, milestones=12)
    rig.events = pausing = Pausing(3)
    thread = threading.Thread(target=lambda: rig.done("cutover"))
    thread.start()
    assert pausing.reached.wait(60)
    return rig, pausing, thread


@pytest.mark.parametrize("same_project", [True, False])
def test_of_two_applies_at_once_one_works_and_the_other_exits_6(
    paused: tuple[Rig, Pausing, threading.Thread], tmp_path: Path, same_project: bool
) -> None:
    rig, pausing, thread = paused
    other = Rig(rig.sandbox, rig.state_dir if same_project else tmp_path / "other", rig.inventory, extra=rig.extra)
    rig.forget_requests()
    second = other.apply("cutover")
    assert second.exit_code == 6, said(second)
    assert all("annotations" in entry["path"] for entry in rig.writes()), "but for the lock nothing was tried"
    pausing.go_on.set()
    thread.join(120)
    assert rig.plan("cutover").steps == ()
    for app in other.apps:
        app.close()


def test_the_lock_is_gone_when_the_run_has_ended(rig: Rig) -> None:
    rig.done("cutover")
    assert rig.app().lock() is None
    assert rig.find("annotation", subject="statecfg lock") == []


def foreign_lock(rig: Rig, lease_s: float = 120.0) -> None:
    """A lock that a run on another machine holds."""
    app = rig.app()
    stage = app._stage
    holder = Holder("run-elsewhere", "Eva", "another-host", "boot", 1, "1", "cutover")
    stage.lease(stage.identity()).create(holder, lease_s)


def test_a_lock_of_another_machine_holds_until_it_expires(rig: Rig) -> None:
    foreign_lock(rig)
    result = rig.apply("cutover")
    assert result.exit_code == 6, said(result)
    assert "another-host" in str(result.error)
    held = rig.app().lock()
    assert held is not None
    assert held.holder.who == "Eva"
    assert not held.void, "whether a process of another machine lives can't be seen from here"


def test_an_expired_lock_is_taken_over_once_nothing_is_under_way(rig: Rig) -> None:
    foreign_lock(rig, lease_s=-1.0)
    rig.done("cutover")


def test_only_the_named_runs_lock_is_released(rig: Rig) -> None:
    foreign_lock(rig)
    with pytest.raises(Locked):
        rig.app().release("another-run")
    rig.app().release("run-elsewhere")
    assert rig.app().lock() is None


def test_a_run_that_lost_its_lock_writes_nothing_more(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=3, milestones=12)
    rig.extra["lock.lease_s"] = "0.4"
    pausing = Pausing(8)
    rig.events = pausing
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(rig.apply("cutover").exit_code))
    thread.start()
    assert pausing.reached.wait(60)
    with rig.sandbox.world.transaction() as tx:
        for note in tx.find("annotation", subject="statecfg lock"):
            tx.delete("annotation", note["annotationid"])
    threading.Event().wait(0.5)
    rig.forget_requests()
    pausing.go_on.set()
    thread.join(60)
    assert ended == [6]
    assert [entry for entry in rig.writes() if "annotations" not in entry["path"]] == []
