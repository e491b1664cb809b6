"""Waiting, in one place: look, sleep, look again, until reached, failed, stopped, or out of time.

Clock, sleep and the wish to stop are passed in, so that tests need no time and Ctrl-C is heard within a look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from statecfg.model.errors import Interrupted, TimedOut, Unavailable
from statecfg.model.events import Emit, Event, silent
from statecfg.model.kind import Observation


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look: first after `first_s`, then 1.5 times as long each time, at most `longest_s`."""

    first_s: float = 0.2
    longest_s: float = 15.0

    def after(self, pause_s: float) -> float:
        """The pause that follows `pause_s`."""
        return min(pause_s * 1.5, self.longest_s)


FIND_OUT = "find out at the service what holds it up; then the next command goes on from there"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How this run waits. `stopping` says whether somebody asked the run to end."""

    pace: Pace = Pace()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    emit: Emit = silent
    stopping: Callable[[], bool] = lambda: False

    def until(self, look: Callable[[], Observation], what: str, deadline_s: float) -> Observation:
        """The observation that is no longer `not_yet`. A look that finds a service away counts as not yet.

        what: what is waited for, in words. Raises TimedOut at the deadline, Interrupted if the run is to end.
        """
        start, pause = self.clock(), self.pace.first_s
        while True:
            seen = self._look(look)
            if seen.state != "not_yet":
                return seen
            waited = self.clock() - start
            self.emit(Event("wait", _words(what, seen, waited, deadline_s)))
            if waited >= deadline_s:
                missing = f"; at the last look: {seen.what}" if seen.what else ""
                raise TimedOut(f"{what}: not reached after {waited:.0f} s{missing}", do=FIND_OUT)
            if self.stopping():
                raise Interrupted(f"stopped while waiting: {what}")
            self.sleep(min(pause, max(0.0, deadline_s - waited)))
            pause = self.pace.after(pause)

    def _look(self, look: Callable[[], Observation]) -> Observation:
        try:
            return look()
        except Unavailable as away:
            return Observation("not_yet", away.what)


def _words(what: str, seen: Observation, waited: float, deadline_s: float) -> dict[str, object]:
    return {
        "what": what,
        "missing": seen.what,
        "done": seen.done,
        "total": seen.total,
        "waited_s": round(waited, 1),
        "deadline_s": deadline_s,
    }
