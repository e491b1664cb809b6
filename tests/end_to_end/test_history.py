"""What is told of runs afterwards: each step, what can't be undone, and what people attested."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from statecfg.model.events import Event
from statecfg.past import NO_END, SETTLED, history
from tests.end_to_end.command import on, said_by
from tests.end_to_end.rig import Rig
from tests.end_to_end.stage import Stage, staged

SAID = "voucher.V-1=Eva Klein: a rent invoice"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("history"), contracts=2, milestones=6) as stage:
        yield stage


@pytest.fixture
def stopped(stage: Stage) -> Rig:
    """A project whose only run was stopped after its third step."""
    rig = stage.take()
    assert on(rig, "apply", "cutover", "--yes", "--stop-after", "3", "--attest", SAID).code != 0
    return rig


def documents(rig: Rig, *words: str) -> Any:
    said = said_by("history", *words, "-o", "json", directory=rig.state_dir)
    assert said.code == 0, said.all
    return said.document


def the_run(rig: Rig) -> str:
    return str(documents(rig)["runs"][0]["run"])


def states(steps: list[dict[str, Any]]) -> Counter[str]:
    return Counter(step["state"] for step in steps)


def test_a_stopped_run_tells_its_steps_those_not_begun_too_and_what_people_attested(stopped: Rig) -> None:
    told = documents(stopped, the_run(stopped))
    assert states(told["steps"][:3]) == {"done": 3}
    assert states(told["steps"][3:]) == {"not_started": len(told["steps"]) - 3}
    assert {step["verb"] for step in told["steps"] if step["irreversible"]} == {"confirm-canary", "confirm"}
    (word,) = told["attestations"]
    assert (word["name"], word["who"], word["words"]) == ("voucher.V-1", "Eva Klein", "a rent invoice")
    screen = said_by("show", the_run(stopped), directory=stopped.state_dir).out
    assert re.search(r"^ +3 +done", screen, re.MULTILINE)
    assert "not started" in screen
    assert "Eva Klein: a rent invoice" in screen


def test_a_run_that_went_on_tells_the_last_that_became_of_each_step(stopped: Rig) -> None:
    before = documents(stopped, the_run(stopped))["steps"]
    assert on(stopped, "resume", "--yes").code == 0
    after = documents(stopped, the_run(stopped))["steps"]
    assert [step["number"] for step in after] == [step["number"] for step in before]
    assert states(after) == {"done": len(before)}


class Ended(BaseException):
    """The process is gone."""


class Ending(list[Event]):
    """Ends the process before it can note that a step has ended."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def append(self, event: Event) -> None:
        if event.name == "step_complete" and event.data["step"] == self.step:
            raise Ended


def test_a_step_whose_end_was_not_noted_is_unknown_until_the_run_went_on(stage: Stage) -> None:
    rig = stage.take()
    rig.events = Ending(1)
    with pytest.raises(Ended):
        rig.apply("cutover")
    (summary,) = history(rig.state_dir, None)
    (told,) = history(rig.state_dir, summary.run)
    assert [(step.state, step.what) for step in told.steps[:2]] == [("unknown", NO_END), ("not_started", "")]
    rig.events = []
    result = rig.app().resume(summary.run, approve=lambda plan: True, attest={}, ask=None)
    assert result.exit_code == 0
    (told,) = history(rig.state_dir, summary.run)
    assert (told.steps[0].state, told.steps[0].what) == ("done", SETTLED)
    assert {step.state for step in told.steps} == {"done"}


def test_without_its_plan_a_run_still_tells_what_was_begun(stopped: Rig) -> None:
    run = the_run(stopped)
    (plan,) = (stopped.state_dir / ".statecfg").glob(f"*/plans/{run}.plan")
    plan.unlink()
    assert states(documents(stopped, run)["steps"]) == {"done": 3}


def test_a_run_that_is_not_recorded_is_a_wrong_command_line_and_the_nearest_one_is_named(stopped: Rig) -> None:
    run = the_run(stopped)
    for command in ("history", "show"):
        near = said_by(command, run[:-1], directory=stopped.state_dir)
        assert (near.code, near.out) == (64, "")
        assert f"No run {run[:-1]} is recorded here; did you mean {run}?" in near.err
    far = said_by("history", "x", "-o", "json", directory=stopped.state_dir)
    assert far.code == 64
    assert "did you mean" not in far.document["what"]
    assert "statecfg history lists" in far.document["what"]


def test_an_event_that_was_damaged_is_named_with_its_file(stopped: Rig) -> None:

    run = the_run(stopped)
    path = stopped.state_dir / ".statecfg" / "journal.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("update event set data = '{\"step\": \"one\"}' where name = 'step_start'")
    db.close()
    said = said_by("history", run, directory=stopped.state_dir)
    assert said.code == 5, said.all
    assert "journal.sqlite" in said.err
