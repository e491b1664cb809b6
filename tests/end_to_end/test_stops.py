"""Ctrl-C and SIGTERM on the program itself: it ends well, its journal is closed, and the next apply finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from statecfg.app import history
from tests.end_to_end import moments
from tests.end_to_end.moments import CONFIRMING, CREATING, LOADING
from tests.end_to_end.outcome import assert_complete, confirmed, export
from tests.end_to_end.rig import ROOT, STATES, Rig, said
from tests.end_to_end.stage import Stage

SMALL = {"writes.batch": "2", "writes.most": "2", "writes.workers": "1", "fence.every_s": "0", "fence.group": "1"}
CREATE_MILESTONES = ("dataverse", "POST", "CreateMultiple")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=3, milestones=12)
    yield stage
    stage.close()


def started(rig: Rig, place: Path) -> subprocess.Popen[str]:
    """The program as a shell starts it, in a project directory of its own."""
    place.mkdir(exist_ok=True)
    extra = [word for name, value in {**rig.extra, **SMALL}.items() for word in ("-e", f"{name}={value}")]
    words = ["apply", "cutover", "-i", str(rig.inventory), "-s", str(STATES), "--yes", *extra]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(place / "tokens")}
    return subprocess.Popen(
        [sys.executable, "-m", "statecfg", *words], cwd=place, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def sent(rig: Rig, request: tuple[str, str, str]) -> int:
    return sum(request[2] in entry["path"] for entry in rig.writes())


def stopped(rig: Rig, place: Path, number: signal.Signals, request: tuple[str, str, str]) -> str:
    """Send a signal while the second such request is under way; what the program said, once it has ended."""
    # The second one takes its time, so that the signal finds the program in the middle of it.
    slow = {"effect": "delay", "path": request[2], "occurrence": 2, "seconds": 1.5}
    rig.sandbox.world.faults.add(slow)
    with started(rig, place) as process:
        deadline = time.monotonic() + 60
        while not sent(rig, request) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    return out + err


CASES = [
    (LOADING, CREATE_MILESTONES, signal.SIGINT),
    (CREATING, moments.CREATE_INVOICE, signal.SIGTERM),
    (CONFIRMING, moments.CONFIRM_INVOICE, signal.SIGINT),
]


@pytest.mark.parametrize(("moment", "request_", "number"), CASES, ids=[f"{c[0]}-{c[2].name}" for c in CASES])
def test_a_signal_ends_the_run_after_the_open_request_and_the_next_apply_finishes(
    stage: Stage, tmp_path: Path, moment: str, request_: tuple[str, str, str], number: signal.Signals
) -> None:
    rig = moments.taken(stage, moment)
    ledger = rig.ledger()
    before = confirmed(rig) - Counter({row["contract"] for row in export(rig)})
    place = tmp_path / "project"
    told = stopped(rig, place, number, request_)
    assert "Interrupted" in told
    assert "statecfg apply cutover" in told or "statecfg resume" in told
    count = sent(rig, request_)
    (run,) = history(place / ".statecfg", None)
    assert run.result == "interrupted"
    assert rig.find("annotation", subject="statecfg lock") == [], "the lock was given back"
    time.sleep(0.3)
    assert sent(rig, request_) == count, "nothing is sent any more"
    rig.state_dir = place / ".statecfg"
    for phase in ("cutover", "restored"):
        result = rig.apply(phase)
        assert result.exit_code == 0, said(result)
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert_complete(rig, before)
