from __future__ import annotations

import pytest

from statecfg.engine.waiting import Pace, Waiting
from statecfg.model.errors import Interrupted, TimedOut, Unavailable
from statecfg.model.kind import REACHED, Observation


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []  # type: ignore[var-annotated]

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def waiting(clock: Clock, **options: object) -> Waiting:
    return Waiting(Pace(1.0, 4.0), clock, clock.sleep, **options)  # type: ignore[arg-type]


def test_pauses_grow_up_to_the_longest() -> None:
    clock, answers = Clock(), iter([Observation("not_yet")] * 5 + [REACHED])
    assert waiting(clock).until(lambda: next(answers), "x", 100.0) is REACHED
    assert clock.slept == [1.0, 1.5, 2.25, 3.375, 4.0]


def test_a_deadline_ends_the_wait_and_says_what_was_missing() -> None:
    clock = Clock()
    with pytest.raises(TimedOut, match=r"milestones in F&O: not reached after 10 s; at the last look: 3 of 5$"):
        waiting(clock).until(lambda: Observation("not_yet", "3 of 5"), "milestones in F&O", 10.0)
    assert clock.now == 10.0


def test_a_service_that_is_away_is_waited_for() -> None:
    clock, answers = Clock(), iter([True, True, False])

    def look() -> Observation:
        if next(answers):
            raise Unavailable("away")
        return REACHED

    assert waiting(clock).until(look, "x", 100.0) is REACHED


def test_a_wish_to_stop_is_heard_within_a_look() -> None:
    clock = Clock()
    with pytest.raises(Interrupted):
        waiting(clock, stopping=lambda: clock.now > 3).until(lambda: Observation("not_yet"), "x", 1000.0)
    assert clock.now < 10
