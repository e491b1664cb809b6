"""Events as JSON Lines: one object a line, its `event` and `at` first. Readers ignore fields that they don't know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from statecfg.model.events import Event
from statecfg.report.as_json import encoded, jsonable

FORMAT_VERSION = 1


def event_line(event: Event, at: datetime) -> str:
    """One event as one line of JSON, without the line end."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"event": event.name, "at": moment, "format_version": FORMAT_VERSION, **jsonable(event.data)}
    return encoded(body, indent=None)


class EventStream:
    """An Emit that writes every event to a stream as it happens. Safe to call from several threads."""

    def __init__(self, stream: TextIO, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._stream = stream
        self._now = now
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write one event."""
        with self._lock:
            self._stream.write(event_line(event, self._now()) + "\n")
            self._stream.flush()
