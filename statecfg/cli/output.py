"""Where a command's words go: results to stdout, progress and prompts to stderr, and only JSON where JSON was asked."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO

from statecfg.model.errors import StatecfgError, exit_code
from statecfg.model.events import Emit, Event, silent

if TYPE_CHECKING:
    from rich.text import Text

Format = Literal["text", "json", "events", "junit", "sarif"]


@dataclass(slots=True)
class Output:
    """One command's streams.

    close: takes a progress bar off the screen before something else is written. clean: takes secrets out of an error
    that nobody foresaw; the application's own, once there is one.
    """

    command: str = ""
    form: Format = "text"
    verbosity: int = 0
    quiet: bool = False
    no_color: bool = False
    close: Callable[[], None] = lambda: None
    clean: Callable[[str], str] = str

    def listener(self) -> Emit:
        """An Emit for this command: the event stream on stdout, or progress on stderr."""
        if self.form == "events":
            from statecfg.report.event_stream import EventStream

            stream = EventStream(sys.stdout)
            # The command itself says that it is complete, last of all and with the result.
            return lambda event: stream(event) if event.name != "run_complete" else None
        if self.quiet:
            return silent
        from statecfg.report.progress import Progress

        progress = Progress(self._display(), time.monotonic)
        self.close = progress.close
        return progress

    def _display(self) -> Any:
        from statecfg.report import displays

        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            return displays.BarDisplay(sys.stderr, colour=self.colour(sys.stderr), verbosity=self.verbosity)
        return displays.LogDisplay(sys.stderr, verbosity=self.verbosity)

    def colour(self, stream: TextIO) -> bool:
        """Whether a stream may have colour: a terminal, and nobody said no."""
        refused = self.no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return stream.isatty() and not refused

    def lines(self, lines: Iterable[Text]) -> None:
        """Lines for a person: on stdout with text, else on stderr, where they are in no program's way."""
        from statecfg.report.screen import write

        self.close()
        stream = sys.stdout if self.form == "text" else sys.stderr
        write(lines, stream, colour=self.colour(stream))

    def aside(self, lines: Iterable[Text]) -> None:
        """Lines on stderr whatever the format."""
        from statecfg.report.screen import write

        self.close()
        write(lines, sys.stderr, colour=self.colour(sys.stderr))

    def document(self, document: Mapping[str, Any], code: int) -> None:
        """A result for a program: the document itself, or the last event with the document in it."""
        from statecfg.report.as_json import encoded

        self.close()
        if self.form == "events":
            self._event("run_complete", {"command": self.command, "exit_code": code, "result": document})
        else:
            self.raw(encoded(document))

    def raw(self, text: str) -> None:
        """Text as it is, on stdout, with a line end; a character that the stream lacks is written as its escape."""
        self.close()
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()

    def _event(self, name: Any, data: Mapping[str, Any]) -> None:
        from statecfg.report.event_stream import event_line

        self.raw(event_line(Event(name, data), datetime.now(UTC)))

    def error(self, error: StatecfgError) -> None:
        """An error of the tree, in the format that was asked for."""
        from statecfg.report import as_json, as_junit, error_lines

        self.close()
        if self.form in ("json", "events"):
            self._failed(as_json.error_document(error), exit_code(error))
        elif self.form == "junit":
            self.raw(as_junit.error_junit(error))
        else:
            self.aside(error_lines.error_lines(error))

    def plain_error(self, kind: str, what: str, do: str, code: int) -> None:
        """An interruption or a wrong command line, in the format that was asked for."""
        from statecfg.report import as_json, as_junit
        from statecfg.report.error_lines import words

        self.close()
        if self.form in ("json", "events"):
            self._failed(as_json.plain_error_document(kind, what, do, code), code)
        elif self.form == "junit":
            self.raw(as_junit.plain_error_junit(kind, what, do))
        else:
            self.aside(words(what, do))

    def unexpected(self, error: BaseException, code: int) -> None:
        """An error that nobody foresaw: one line and a hint; with -v how it came about, on stderr."""
        do = "run it again with -v for the details, and report them; what is done is kept"
        if self.verbosity:
            sys.stderr.write(self.clean("".join(traceback.format_exception(error))))
            do = "report the lines above; what is done is kept"
        self.plain_error("Unexpected", self.clean(f"unexpected {type(error).__name__}: {error}"), do, code)

    def _failed(self, document: Mapping[str, Any], code: int) -> None:
        if self.form == "events":
            self._event("diagnostic", {"severity": "error", "what": document["what"], "error": document})
            self._event("run_complete", {"command": self.command, "exit_code": code})
        else:
            from statecfg.report.as_json import encoded

            self.raw(encoded(document))
