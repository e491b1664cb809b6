"""`on_refused: stop`: the first row that the service refuses ends the run; what was sent before stays (rules 4.6)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from statecfg.past import history
from tests.end_to_end.outcome import export
from tests.end_to_end.rig import STATES, Rig, said
from tests.end_to_end.stage import MILESTONE, Stage, staged, stones_of

WORDS = "The amount is not allowed by our own rule."


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "stage", contracts=2, milestones=8) as stage:
        yield stage


@pytest.fixture
def rig(stage: Stage, tmp_path: Path) -> Rig:
    rig = stage.take()
    rig.states = tmp_path / "states" / "milestone-cutover"
    shutil.copytree(STATES, rig.states)
    file = rig.states / "cutover.yml"
    text = file.read_text(encoding="utf-8")
    assert text.count("on_refused: continue") == 1
    file.write_text(text.replace("on_refused: continue", "on_refused: stop"), encoding="utf-8")
    rig.extra |= {"writes.batch": "1", "writes.most": "1", "writes.workers": "1"}
    return rig


def test_a_refused_row_ends_the_run_is_named_and_once_corrected_the_next_apply_goes_on(rig: Rig) -> None:
    rows = [row for row in export(rig) if not stones_of(rig, row)]
    bad = rows[len(rows) // 2]
    refusal = {"table": MILESTONE, "column": "msdyn_name", "contains": bad["name"], "message": WORDS, "times": 0}
    rig.control("faults", "POST", effect="refuse_row", **refusal)
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert WORDS in str(result.error), said(result)
    assert f"{bad['contract']} / {bad['line']} / {bad['name']}" in str(result.error)
    states = [step.state for step in result.steps]
    stopped = states.index("failed")
    assert set(states[stopped + 1 :]) == {"not_started"}, "nothing comes after it, other rows of the step neither"
    here = [row for row in rows if stones_of(rig, row)]
    assert here, "what was sent before stays"
    assert bad not in here
    assert len(here) < len([row for row in rows if row["name"] != bad["name"]]), "and what came after wasn't sent"
    assert [run.result for run in history(rig.state_dir, None)] == ["stopped"]
    rig.control("faults", "DELETE")
    rig.forget_requests()
    rig.done("cutover")
    assert all(len(stones_of(rig, row)) == 1 for row in rows)
    again = [entry for entry in rig.writes() if "contractlinescheduleofvalues" in entry["path"]]
    assert len([entry for entry in again if entry["method"] == "POST"]) <= len(rows) - len(here)
