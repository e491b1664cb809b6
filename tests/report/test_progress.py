"""How far an apply is: events in, lines out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from statecfg.model.events import Event
from statecfg.report.displays import BarDisplay, LogDisplay, NoDisplay
from statecfg.report.event_stream import EventStream
from statecfg.report.progress import Pace, Progress, pace_words

START = datetime(2026, 11, 21, 18, 0, 0, tzinfo=UTC)
STEP = {"step": 4, "address": "milestones/x", "verb": "create", "summary": "1,200 to create", "total": 1200}


class Watch:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


class Log:
    """A log display on a stream, with its own clock."""

    def __init__(self, verbosity: int = 0) -> None:
        self.watch, self.stream = Watch(), io.StringIO()
        self.progress = Progress(LogDisplay(self.stream, verbosity=verbosity, now=self.watch.now), self.watch)

    def happens(self, at: float, name: Any, **data: Any) -> None:
        self.watch.seconds = at
        self.progress(Event(name, data))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_log_has_a_line_at_start_and_end_of_a_step_and_every_ten_seconds() -> None:
    log = Log()
    log.happens(0, "step_start", **STEP)
    for second in range(1, 30):
        log.happens(second, "step_progress", step=4, done=second * 40, total=1200)
    log.happens(30, "step_complete", **STEP, state="done", done=1200)
    assert log.lines == [
        "18:00:00  step 4  milestones/x: 1,200 to create",
        "18:00:10  step 4  400 of 1,200, 40 a second, 20 s left",
        "18:00:20  step 4  800 of 1,200, 40 a second, 10 s left",
        "18:00:30  step 4  done, 1,200 of 1,200 in 30 s",
    ]


def test_a_wait_says_what_it_waits_for_and_how_long_at_most() -> None:
    log = Log()
    log.happens(0, "step_start", **{**STEP, "total": 1})
    log.happens(12, "wait", what="map/milestones", missing="Stopping", waited_s=12, deadline_s=900, done=0, total=0)
    log.happens(13, "step_complete", **{**STEP, "total": 1}, state="done", done=1)
    assert log.lines[1:] == [
        "18:00:12  step 4  waits for map/milestones (Stopping), 12 of at most 15 min",
        "18:00:13  step 4  done in 13 s",
    ]


def test_a_step_that_fails_says_why_and_a_refused_row_is_named() -> None:
    log = Log()
    log.happens(0, "step_start", **STEP)
    log.happens(1, "diagnostic", severity="warn", code="refused", step=4, key="C / L / M", row=17, said="no such line")
    log.happens(2, "step_complete", **STEP, state="failed", done=7, refused=1, what="the service is away")
    assert log.lines[1:] == [
        "18:00:01  warning: row 17: C / L / M: no such line",
        "18:00:02  step 4  FAILED, 7 of 1,200, 1 refused in 2.0 s: the service is away",
    ]


def test_reads_fences_and_retries_are_told_only_when_asked_for() -> None:
    def story(log: Log) -> list[str]:
        log.happens(0, "read", address="map/milestones", records=3)
        log.happens(0, "step_start", **STEP)
        log.happens(1, "gate", step=4, moment="batch", breaches=[], skipped=0)
        log.happens(2, "retry", service="dataverse", what="429", wait_s=3)
        return log.lines

    assert len(story(Log())) == 1
    assert story(Log(verbosity=1)) == [
        "18:00:00  read map/milestones: 3 records",
        "18:00:00  step 4  milestones/x: 1,200 to create",
        "18:00:01  step 4: looked again before it goes on: all as it must be",
        "18:00:02  dataverse: 429; again in 3 s",
    ]


def test_a_fence_that_found_something_is_always_told() -> None:
    log = Log()
    log.happens(0, "gate", step=7, moment="confirm", breaches=["map-not-stopped"], skipped=0)
    assert log.lines == ["18:00:00  warning: step 7: looked again before it goes on: map-not-stopped"]


def test_events_that_nobody_knows_are_let_pass() -> None:
    log = Log()
    for name in ("lock", "planned_change", "run_complete", "something_new"):
        log.happens(0, name, anything=1)
    log.happens(0, "step_progress", done=3)
    log.happens(0, "step_complete", state="done")
    assert log.lines == []


def test_a_pace_without_a_rate_makes_none_up() -> None:
    assert pace_words(Pace(4, "a", "s", total=100)) == "0 of 100"
    assert pace_words(Pace(4, "a", "s", total=100, done=3, seconds=0.5)) == "3 of 100"
    assert pace_words(Pace(4, "a", "s", total=40, done=3, seconds=60)) == "3 of 40, 3 a minute, 12 min 20 s left"
    assert pace_words(Pace(4, "a", "s", total=1, retries=2, note="waits")) == "2 retries, waits"


def test_what_services_say_can_not_drive_the_terminal() -> None:
    log = Log()
    log.happens(0, "diagnostic", severity="warn", said="\x1b[2Jgone")
    assert log.lines == ["18:00:00  warning: \\x1b[2Jgone"]


def test_a_bar_leaves_a_line_for_each_finished_step() -> None:
    stream, watch = io.StringIO(), Watch()
    progress = Progress(BarDisplay(stream, colour=False), watch)
    progress(Event("read", {"address": "map/milestones", "records": 3}))
    progress(Event("step_start", STEP))
    progress(Event("diagnostic", {"severity": "warn", "said": "row 17 was refused"}))
    watch.seconds = 20
    progress(Event("step_progress", {"done": 600}))
    progress(Event("step_complete", {**STEP, "state": "done", "done": 1200}))
    progress.close()
    assert "row 17 was refused" in stream.getvalue()
    assert "  4  done  milestones/x  1,200 to create, 1,200 of 1,200 in 20 s" in stream.getvalue()


def test_quiet_shows_nothing_and_asks_for_nothing() -> None:
    progress = Progress(NoDisplay(), Watch())
    for name in ("read", "step_start", "wait", "step_progress", "diagnostic", "step_complete"):
        progress(Event(name, STEP))  # type: ignore[arg-type]
    progress.close()


def test_an_event_is_one_line_of_json_with_its_name_and_time_first() -> None:
    stream = io.StringIO()
    emit = EventStream(stream, lambda: START)
    emit(Event("step_progress", {"step": 4, "done": 3, "what": "two\nlines"}))
    (line,) = stream.getvalue().splitlines()
    assert line.startswith('{"event": "step_progress", "at": "2026-11-21T18:00:00.000Z"')
    assert json.loads(line)["what"] == "two\nlines"
