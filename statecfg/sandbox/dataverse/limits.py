"""Service protection: requests, execution time and concurrency of each user in a sliding window, with the real headers.

Off unless it is switched on; the documented numbers are the defaults. Source: reference/dataverse.md, "Throttling and
throughput".
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from statecfg.sandbox.settings import Settings
from statecfg.sandbox.world import Refused

REQUESTS_CODE, TIME_CODE, CONCURRENCY_CODE = "0x80072322", "0x80072321", "0x80072326"


def declare_settings(settings: Settings) -> None:
    """The knobs of service protection."""
    settings.declare("dataverse.limits", False, "requests beyond the service protection limits are answered with 429")
    settings.declare("dataverse.limit_requests", 6000, "requests a user may send in a window")
    settings.declare("dataverse.limit_time_s", 1200, "seconds of execution a user may use in a window")
    settings.declare("dataverse.limit_concurrent", 52, "requests of a user that may run at once")
    settings.declare("dataverse.limit_window_s", 300, "seconds the window is long")
    settings.declare("dataverse.dop_hint", 8, "recommended parallelism, sent with every answer")


@dataclass(slots=True)
class _Usage:
    """What one user did: when each request came and how long it took, and until when the present ones run.

    pushed: requests that were refused since the last one that wasn't.
    """

    done: deque[tuple[float, float]] = field(default_factory=deque)
    spent: float = 0.0
    running: int = 0
    pushed: int = 0
    busy_until: list[float] = field(default_factory=list)


class Throttled(Refused):
    """Too much, too fast."""

    def __init__(self, code: str, message: str, retry_after_s: int) -> None:
        super().__init__(code, message, 429)
        self.retry_after_s = retry_after_s


class Limits:
    """The limits of one environment."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._usage: dict[str, _Usage] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> float:
        """A request begins; the moment it did. Raises Throttled."""
        now = self._clock()
        with self._lock:
            usage = self._usage.setdefault(user, _Usage())
            self._forget(usage, now)
            if self._settings["dataverse.limits"]:
                self._admit(usage, now)
            usage.running += 1
            usage.pushed = 0
        return now

    def end(self, user: str, began: float, delay_s: float) -> dict[str, str]:
        """A request ends, after it has slept `delay_s`; the headers of its answer."""
        now = self._clock()
        took = now - began + delay_s
        with self._lock:
            usage = self._usage[user]
            usage.running -= 1
            usage.busy_until.append(now + delay_s)
            usage.done.append((began, took))
            usage.spent += took
        return self.left(user)

    def left(self, user: str) -> dict[str, str]:
        """The headers that say what a user who has sent a request may still use; every answer carries them."""
        with self._lock:
            usage = self._usage[user]
            left = max(0, int(self._settings["dataverse.limit_requests"]) - len(usage.done))
            left_s = max(0.0, float(self._settings["dataverse.limit_time_s"]) - usage.spent)
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(left),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{left_s:.2f}",
            "x-ms-dop-hint": str(self._settings["dataverse.dop_hint"]),
        }

    def _forget(self, usage: _Usage, now: float) -> None:
        start = now - float(self._settings["dataverse.limit_window_s"])
        while usage.done and usage.done[0][0] < start:
            usage.spent -= usage.done.popleft()[1]
        usage.busy_until = [until for until in usage.busy_until if until > now]

    def _admit(self, usage: _Usage, now: float) -> None:
        """Let a request in, or count that it was refused: whoever goes on sending waits longer each time."""
        try:
            self._check(usage, now)
        except Throttled as throttled:
            throttled.retry_after_s += min(usage.pushed, int(self._settings["dataverse.limit_window_s"]))
            usage.pushed += 1
            raise

    def _check(self, usage: _Usage, now: float) -> None:
        window_s = float(self._settings["dataverse.limit_window_s"])
        oldest = usage.done[0][0] if usage.done else now
        wait_s = max(1, math.ceil(oldest + window_s - now))
        requests = int(self._settings["dataverse.limit_requests"])
        if len(usage.done) >= requests:
            message = f"Number of requests exceeded the limit of {requests} over time window of {window_s:.0f} seconds."
            raise Throttled(REQUESTS_CODE, message, wait_s)
        time_s = float(self._settings["dataverse.limit_time_s"])
        if usage.spent >= time_s:
            message = (
                f"Combined execution time of incoming requests exceeded limit of {time_s * 1000:,.0f} milliseconds "
                f"over time window of {window_s:.0f} seconds. Decrease number of concurrent requests or reduce the "
                "duration of requests and try again later."
            )
            raise Throttled(TIME_CODE, message, wait_s)
        concurrent = int(self._settings["dataverse.limit_concurrent"])
        if usage.running + len(usage.busy_until) >= concurrent:
            message = f"Number of concurrent requests exceeded the limit of {concurrent}."
            raise Throttled(CONCURRENCY_CODE, message, 1)
