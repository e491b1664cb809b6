"""Each screen against the text that stands beside this file: what people read, whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text

from statecfg.model.errors import DeclarationError, Interrupted, Rejected, StalePlan
from statecfg.report.apply_screen import apply_lines
from statecfg.report.drift_screen import drift_lines
from statecfg.report.error_lines import error_lines
from statecfg.report.layout import WIDTH
from statecfg.report.plan_screen import plan_lines
from statecfg.report.problem_lines import validation_lines
from statecfg.report.status_screen import run_lines, run_table, status_lines
from tests.report import samples

SCREENS = Path(__file__).parent / "screens"
WRITE = bool(os.environ.get("STATECFG_WRITE_SCREENS"))

MOVED = ("map/milestones state: running -> stopped", "milestones/x CON-0001: 3 records -> 4 records")
REFUSED = Rejected(
    "The version can't be saved.",
    where="POST /api/SaveVersion",
    do="look at the map's activity log",
    status=400,
    code="DWAR0042",
    request_id="4c1e",
)
CASES = {
    "plan": lambda: plan_lines(samples.PLAN, saved=samples.SAVED),
    "plan-rows": lambda: plan_lines(samples.PLAN, detail="rows"),
    "plan-full": lambda: plan_lines(samples.PLAN, detail="full"),
    "plan-blocked": lambda: plan_lines(samples.BLOCKED_PLAN),
    "plan-nothing": lambda: plan_lines(samples.EMPTY_PLAN),
    "plan-passed": lambda: plan_lines(samples.PASSED_PLAN),
    "validate": lambda: validation_lines(samples.VALIDATION),
    "apply-stopped": lambda: apply_lines(samples.STOPPED),
    "apply-interrupted": lambda: apply_lines(replace(samples.STOPPED, error=Interrupted("stopped in step 7"))),
    "apply-done": lambda: apply_lines(samples.DONE),
    "apply-nothing": lambda: apply_lines(samples.IDLE),
    "drift": lambda: drift_lines(samples.DRIFT),
    "drift-none": lambda: drift_lines(samples.CLEAN),
    "status": lambda: status_lines(samples.STATUS),
    "history": lambda: run_table([samples.RUN]),
    "history-none": lambda: run_table([]),
    "run": lambda: run_lines(samples.RUN),
    "error-files": lambda: error_lines(DeclarationError(samples.PROBLEMS)),
    "error-stale": lambda: error_lines(StalePlan("the world moved since the plan was made", MOVED, do="plan again")),
    "error-wire": lambda: error_lines(REFUSED),
}


def shown(lines: Iterable[Text]) -> str:
    return "".join(line.plain.rstrip() + "\n" for line in lines)


@pytest.mark.parametrize("name", CASES)
def test_a_screen_reads_as_it_is_written_down(name: str) -> None:
    screen, file = shown(CASES[name]()), SCREENS / f"{name}.txt"
    if WRITE:
        file.write_text(screen, encoding="utf-8")
    assert screen == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_screen_is_at_most_100_columns_wide_and_ascii(name: str) -> None:
    screen = shown(CASES[name]())
    assert [row for row in screen.splitlines() if len(row) > WIDTH] == []
    assert screen.isascii()


def test_every_screen_that_is_written_down_is_one_of_ours() -> None:
    assert {file.stem for file in SCREENS.glob("*.txt")} == set(CASES)
