"""Where progress is shown: lines in a log, a bar on a terminal, or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from statecfg.report.layout import hanging, style
from statecfg.report.progress import Pace, pace_words
from statecfg.report.screen import console, writable
from statecfg.report.words import duration, number

EVERY_S = 10.0
WORDS = {"done": "done", "failed": "FAILED", "unknown": "UNKNOWN", "not_started": "not started", "stopped": "STOPPED"}
SHOWN = {"info": 0, "warn": 0, "error": 0, "block": 0, "ask": 0, "detail": 1}


class LogDisplay:
    """A line when a step begins and ends, and one every ten seconds between: for files and pipelines.

    verbosity: 1 also tells of reads, fences and retries.
    """

    def __init__(
        self, stream: TextIO, *, verbosity: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._stream = stream
        self._verbosity = verbosity
        self._now = now
        self._told_s = 0.0

    def begun(self, pace: Pace) -> None:
        """A step begins."""
        self._told_s = 0.0
        self._write(f"step {pace.number}  {pace.address}: {pace.summary}")

    def moved(self, pace: Pace) -> None:
        """A step goes on; said at most every ten seconds."""
        if pace.seconds - self._told_s >= EVERY_S:
            self._told_s = pace.seconds
            self._write(f"step {pace.number}  {pace_words(pace)}")

    def ended(self, pace: Pace, state: str) -> None:
        """A step ended."""
        self._write(f"step {pace.number}  {WORDS.get(state, state)}{ending(pace)}")

    def told(self, words: str, severity: str) -> None:
        """Something to know."""
        if SHOWN.get(severity, 0) <= self._verbosity:
            self._write(f"{'warning: ' if severity == 'warn' else ''}{words}")

    def reading(self, words: str) -> None:
        """Something is read; only told when asked for more."""
        self.told(words, "detail")

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, words: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        text = writable(Text(f"{self._now().astimezone(UTC):%H:%M:%S}  {words}"), encoding)
        self._stream.write(text.plain + "\n")
        self._stream.flush()


class BarDisplay:
    """A bar for the step under way, with finished steps as lines above it: for a person at a terminal."""

    def __init__(self, stream: TextIO, *, colour: bool, verbosity: int = 0) -> None:
        self._console = console(stream, colour=colour)
        self._verbosity = verbosity
        self._bars: Bars | None = None
        self._task = TaskID(0)

    def begun(self, pace: Pace) -> None:
        """A step begins."""
        self.close()
        self._open(f"{pace.number:>3}  {pace.address}", pace.summary, pace.total)

    def moved(self, pace: Pace) -> None:
        """A step goes on."""
        if self._bars:
            self._bars.update(self._task, completed=pace.done, note=pace_words(pace)[:60])

    def ended(self, pace: Pace, state: str) -> None:
        """A step ended; its line stays."""
        self.close()
        lead = Text(f"{pace.number:>3}  ").append(WORDS.get(state, state), style=style(state))
        for line in hanging(lead, f"{pace.address}  {pace.summary}{ending(pace)}", at=11):
            self._console.print(line)

    def told(self, words: str, severity: str) -> None:
        """Something to know, above the bar."""
        if SHOWN.get(severity, 0) <= self._verbosity:
            where = self._bars.console if self._bars else self._console
            where.print(Text(f"     {words}", style=style(severity)))

    def reading(self, words: str) -> None:
        """Something is read."""
        if not self._bars:
            self._open("", words, None)
        elif self._bars.tasks and self._bars.tasks[0].total is None:
            self._bars.update(self._task, note=words[:60])

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bars:
            self._bars.stop()
            self._bars = None

    def _open(self, name: str, note: str, total: int | None) -> None:
        how_far = BarColumn(bar_width=20) if total else SpinnerColumn("line")
        texts = [TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[note]")]
        self._bars = Bars(texts[0], how_far, texts[1], console=self._console, transient=True, refresh_per_second=5)
        self._task = self._bars.add_task(name, total=total, note=note[:60])
        self._bars.start()


class NoDisplay:
    """Shows nothing (`--quiet`)."""

    def begun(self, pace: Pace) -> None:
        """Not shown."""

    def moved(self, pace: Pace) -> None:
        """Not shown."""

    def ended(self, pace: Pace, state: str) -> None:
        """Not shown."""

    def told(self, words: str, severity: str) -> None:
        """Not shown."""

    def reading(self, words: str) -> None:
        """Not shown."""

    def close(self) -> None:
        """Nothing is held."""


def ending(pace: Pace) -> str:
    """How far a step came: ", 1,200 of 1,200 in 30 s", ", 3 of 40, 1 refused in 2.0 s: why"."""
    took = f"in {duration(pace.seconds)}"
    count = f", {number(pace.done)} of {number(pace.total)}" if pace.total > 1 else ""
    refused = f", {number(pace.refused)} refused" if pace.refused else ""
    return f"{count}{refused} {took}{f': {pace.note}' if pace.note else ''}"
