"""How far an apply is, while it runs: a listener to events that keeps the pace of the step under way.

What is shown where is left to a `Display`: lines in a log, a bar on a terminal. Events may come from several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from statecfg.model.events import Event
from statecfg.report.words import counted, deed, duration, number, plain


@dataclass(frozen=True, slots=True)
class Pace:
    """A step under way. seconds: since its start. note: what it waits for, or which retry goes on."""

    number: int
    address: str
    summary: str
    total: int
    done: int = 0
    refused: int = 0
    retries: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at this rate; None while that can't be said."""
        if not 0 < self.done < self.total or self.seconds < 1:
            return None
        return (self.total - self.done) * self.seconds / self.done


def pace_words(pace: Pace) -> str:
    """ "400 of 1,200, 38 a second, 21 s left, 2 retries"; what isn't known is left out."""
    parts = [f"{number(pace.done)} of {number(pace.total)}"] if pace.total > 1 else []
    if pace.total > 1 and pace.done and pace.seconds >= 1:
        rate = pace.done / pace.seconds
        parts.append(f"{rate:.0f} a second" if rate >= 2 else f"{rate * 60:.0f} a minute")
    if pace.left_s is not None:
        parts.append(f"{duration(pace.left_s)} left")
    parts += [f"{number(pace.refused)} refused"] if pace.refused else []
    parts += [counted(pace.retries, "retry", "retries")] if pace.retries else []
    parts += [pace.note] if pace.note else []
    return ", ".join(parts)


class Display(Protocol):
    """Where progress is shown."""

    def begun(self, pace: Pace) -> None:
        """A step begins."""

    def moved(self, pace: Pace) -> None:
        """A step went on, or waits for something."""

    def ended(self, pace: Pace, state: str) -> None:
        """A step ended: done, failed, stopped, unknown, not_started. `pace.note` says why, if not done."""

    def told(self, words: str, severity: str) -> None:
        """Something to know that belongs to no step. severity: info, warn, or detail (only when asked for more)."""

    def reading(self, words: str) -> None:
        """Something is being read."""

    def close(self) -> None:
        """Leave the screen to others; the next call may begin afresh."""


@dataclass(slots=True)
class Progress:
    """An Emit that turns events into the pace of the step under way, and tells a display. clock: seconds."""

    display: Display
    clock: Callable[[], float]
    _pace: Pace | None = None
    _start: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, event: Event) -> None:
        """Take note of one event; unknown ones are ignored."""
        handler = _HANDLERS.get(event.name)
        if handler:
            with self._lock:
                handler(self, event.data)

    def close(self) -> None:
        """Leave the screen to a prompt or a result."""
        with self._lock:
            self.display.close()

    def _step_start(self, data: Mapping[str, Any]) -> None:
        self._start = self.clock()
        self._pace = Pace(
            number=int(data.get("step", 0)),
            address=plain(data.get("address", "")),
            summary=plain(deed(str(data.get("verb", "")), str(data.get("summary", "")))),
            total=int(data.get("total", 1)),
        )
        self.display.begun(self._pace)

    def _step_progress(self, data: Mapping[str, Any]) -> None:
        if self._pace:
            done, refused = int(data.get("done", self._pace.done)), int(data.get("refused", 0))
            self._move(replace(self._pace, done=done, refused=refused, note=""))

    def _step_complete(self, data: Mapping[str, Any]) -> None:
        if not self._pace:
            return
        ended = replace(
            self._pace,
            done=int(data.get("done", self._pace.done)),
            total=int(data.get("total", self._pace.total)),
            refused=int(data.get("refused", self._pace.refused)),
            note=plain(data.get("what", "")),
            seconds=self._seconds(),
        )
        self._pace = None
        # What a person ended did not fail.
        self.display.ended(ended, "stopped" if data.get("interrupted") else str(data.get("state", "done")))

    def _wait(self, data: Mapping[str, Any]) -> None:
        missing = f" ({data['missing']})" if data.get("missing") else ""
        waited = f"{data.get('waited_s', 0):.0f} of at most {duration(float(data.get('deadline_s', 0)))}"
        words = plain(f"waits for {data.get('what', 'the service')}{missing}, {waited}")
        if not self._pace:
            self.display.reading(words)
            return
        seen = int(data.get("done") or 0)
        done = seen if int(data.get("total") or 0) == self._pace.total else self._pace.done
        self._move(replace(self._pace, done=done, note=words))

    def _retry(self, data: Mapping[str, Any]) -> None:
        words = plain(f"{data.get('service', '')}: {data.get('what', '')}; again in {data.get('wait_s', '?')} s")
        self.display.told(words, "detail")
        if self._pace:
            self._move(replace(self._pace, retries=self._pace.retries + 1, note="waits as the service asked"))

    def _gate(self, data: Mapping[str, Any]) -> None:
        step = f"step {data['step']}: " if data.get("step") else ""
        breaches = ", ".join(data.get("breaches") or ())
        words = f"{step}looked again before it goes on: {breaches or 'all as it must be'}"
        self.display.told(plain(words), "warn" if breaches else "detail")

    def _read(self, data: Mapping[str, Any]) -> None:
        words = plain(f"read {data.get('address', '')}: {counted(int(data.get('records', 0)), 'record')}")
        self.display.reading(words)

    def _attestation(self, data: Mapping[str, Any]) -> None:
        self.display.told(plain(f"attested: {data.get('name')}, by {data.get('who')}: {data.get('words')}"), "info")

    def _diagnostic(self, data: Mapping[str, Any]) -> None:
        row = f"row {data['row']}: " if data.get("row") else ""
        key = f"{data['key']}: " if data.get("key") else ""
        said = data.get("said") or data.get("what") or data.get("text") or ""
        words = plain(f"{row}{key}{said}") or plain(data.get("code", "")).replace("-", " ")
        severity = str(data.get("severity", "info"))
        self.display.told(words, "detail" if severity == "info" and not said else severity)

    def _interrupted(self, data: Mapping[str, Any]) -> None:
        self.display.told(plain(data.get("what") or "interrupted: finishing what is on its way"), "warn")

    def _run_start(self, data: Mapping[str, Any]) -> None:
        if data.get("run"):
            self.display.told(plain(f"run {data['run']}"), "info")

    def _move(self, pace: Pace) -> None:
        self._pace = replace(pace, seconds=self._seconds())
        self.display.moved(self._pace)

    def _seconds(self) -> float:
        return self.clock() - self._start


_HANDLERS: Mapping[str, Callable[[Progress, Mapping[str, Any]], None]] = {
    "run_start": Progress._run_start,
    "read": Progress._read,
    "gate": Progress._gate,
    "step_start": Progress._step_start,
    "step_progress": Progress._step_progress,
    "step_complete": Progress._step_complete,
    "retry": Progress._retry,
    "wait": Progress._wait,
    "attestation": Progress._attestation,
    "diagnostic": Progress._diagnostic,
    "interrupted": Progress._interrupted,
}
