"""Killed or stopped, and going on: `resume` settles what is unknown and sends only what the plan holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from statecfg.engine import planfile
from statecfg.model.errors import PlanRefused, StalePlan
from tests.end_to_end.outcome import assert_complete, confirmed
from tests.end_to_end.rig import STATES, Rig, said

SLOW = {"writes.batch": "2", "writes.most": "2", "writes.workers": "1", "waits.first_look_s": "0.05"}


def resumed(rig: Rig, run: str | None = None) -> int:
    result = rig.app().resume(run, approve=lambda plan: True, attest={}, ask=None)
    assert result.exit_code == 0, said(result)
    return len(result.steps)


def finish(rig: Rig, ledger: object, invoices: object) -> None:
    rig.done("restored")
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert_complete(rig, invoices)  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [1, 5, 8, 12, 14, 16, 18])
def test_a_run_that_was_stopped_after_a_step_goes_on_from_there(rigs: Callable[..., Rig], last: int) -> None:
    rig = rigs(contracts=3, milestones=12)
    ledger, invoices = rig.ledger(), confirmed(rig)
    first = rig.apply("cutover", stop_after=last)
    assert first.exit_code == 3, said(first)
    assert first.next_command.startswith(f"statecfg resume {first.run}")
    assert resumed(rig) < len(first.plan.steps)
    finish(rig, ledger, invoices)


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_restore_that_was_stopped_after_a_step_goes_on_from_there(rigs: Callable[..., Rig], last: int) -> None:
    rig = rigs(contracts=2, milestones=6)
    ledger, invoices = rig.ledger(), confirmed(rig)
    rig.done("cutover")
    first = rig.apply("restored", stop_after=last)
    assert first.exit_code == 3, said(first)
    resumed(rig)
    finish(rig, ledger, invoices)


@pytest.mark.parametrize("last", [2, 3, 6])
def test_what_does_not_show_may_be_done_again(rigs: Callable[..., Rig], last: int) -> None:
    """Refreshed tables and a saved version show with what comes after them only."""
    rig = rigs(contracts=2, milestones=6)
    ledger, invoices = rig.ledger(), confirmed(rig)
    first = rig.apply("cutover", stop_after=last)
    assert first.exit_code == 3, said(first)
    resumed(rig)
    finish(rig, ledger, invoices)


def apply_in_a_process(rig: Rig, project: Path) -> subprocess.Popen[bytes]:
    """The real command, in a process of its own."""
    words = [sys.executable, "-m", "statecfg", "apply", "cutover", "-i", str(rig.inventory), "-s", str(STATES), "--yes"]
    words += [word for key, value in SLOW.items() for word in ("-e", f"{key}={value}")]
    project.mkdir(exist_ok=True)
    return subprocess.Popen(words, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(rig: Rig, path: str, count: int, process: subprocess.Popen[bytes]) -> None:
    """Until the sandbox has seen so many requests whose path holds these words."""
    for _ in range(600):
        log = rig.control("requests")
        entries = log["requests"] if isinstance(log, dict) else log
        if sum(path in entry["path"] for entry in entries) >= count or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} was not asked for {count} times")


@pytest.mark.parametrize(
    ("path", "count"), [("CreateMultiple", 2), ("msdyn_NewInvoiceContract", 2), ("msdyn_PostInvoice", 2)]
)
def test_a_killed_run_is_resumed_at_once_on_the_same_host(
    rigs: Callable[..., Rig], tmp_path: Path, path: str, count: int
) -> None:
    rig = rigs(contracts=4, milestones=16)
    ledger, invoices = rig.ledger(), confirmed(rig)
    project = tmp_path / "project"
    process = apply_in_a_process(rig, project)
    wait_for(rig, path, count, process)
    assert process.poll() is None, "it ended before it was killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    rig.state_dir = project / ".statecfg"
    rig.extra = dict(SLOW)
    left = rig.app().lock()
    assert left is not None
    assert left.void, "its process is gone"
    resumed(rig)
    finish(rig, ledger, invoices)


def test_a_run_is_not_continued_where_somebody_undid_a_step(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=3, milestones=12)
    result = rig.apply("cutover", stop_after=13)
    assert result.exit_code == 3, said(result)
    rig.control("settings", "PATCH")
    started = rig.app()
    gateway = started.clients.gateway
    maps = started.project.environment.maps
    gateway.start([gateway.find(maps.actuals.entity_set, maps.actuals.entity)])
    for _ in range(50):
        if gateway.find(maps.actuals.entity_set, maps.actuals.entity).running == "running":
            break
        time.sleep(0.05)
    ended = rig.app().resume(None, approve=lambda plan: True, attest={}, ask=None)
    assert ended.exit_code == 4, said(ended)
    assert isinstance(ended.error, StalePlan)
    assert "somebody undid it" in str(ended.error)


def test_without_an_unfinished_run_there_is_nothing_to_resume(rig: Rig) -> None:
    with pytest.raises(PlanRefused, match="no run of this environment is unfinished"):
        rig.app().resume(None, approve=lambda plan: True, attest={}, ask=None)


def test_a_plan_is_used_once(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "cutover.plan"
    rig.plan("cutover", out=path)
    assert rig.apply(path, stop_after=1).exit_code == 3
    with pytest.raises(PlanRefused, match="was used by run"):
        rig.apply(path)


def test_an_expired_plan_is_refused(rig: Rig, tmp_path: Path) -> None:
    plan = rig.plan("cutover")
    expired = replace(plan, header=replace(plan.header, expires_at=plan.header.made_at[:3] + "0-01-01T00:00:00Z"))
    planfile.write(expired, tmp_path / "cutover.plan")
    rig.forget_requests()
    with pytest.raises(PlanRefused, match="expired"):
        rig.apply(tmp_path / "cutover.plan")
    assert rig.writes() == []
