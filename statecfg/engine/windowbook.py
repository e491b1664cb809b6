"""The window that this run works in: found, opened, and written to its run file before the first write goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from statecfg.engine import runfile
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Identity
from statecfg.model.window import Attestation, Mark, Original, Window


@dataclass(slots=True)
class WindowBook:
    """Holds the current window. `current` is None until one was found or opened.

    directory: where run files are kept, `<state directory>/runs`.
    """

    directory: Path
    identity: Identity
    current: Window | None = None

    @classmethod
    def find(cls, directory: Path, identity: Identity, given: Path | None = None) -> WindowBook:
        """The book for an environment: with the window of `--from-run`, else of the newest run file, else empty.

        Raises PlanRefused if the given file is another environment's, or if the two disagree on an original.
        """
        own = runfile.newest(directory, identity)
        if given is None:
            return cls(directory, identity, own)
        window = runfile.read(given)
        if not runfile.same_environment(window.identity, identity):
            raise PlanRefused(f"this run file is of {window.identity.name}, another environment", where=str(given))
        if own and not _agree(own, window):
            raise PlanRefused(
                "this run file and the one in the state directory disagree on the originals",
                where=str(given),
                do="find out which is right and move the other out of the state directory",
            )
        return cls(directory, identity, _later(own, window))

    def open(
        self, run: str, at: str, originals: tuple[Original, ...], baseline: Mapping[str, Any], mark: Mark | None
    ) -> Window:
        """A new window, on disk. Only where none is open: a window's baseline is never silently taken again."""
        return self.keep(Window(self.identity, run, at, originals, baseline, mark))

    def keep(self, window: Window) -> Window:
        """Put a changed window on disk and make it the current one."""
        runfile.write(window, self.directory / f"{window.run}.json")
        self.current = window
        return window

    def attest(self, attestations: tuple[Attestation, ...]) -> None:
        """Add answers to the window."""
        if attestations and self.current:
            self.keep(replace(self.current, attestations=(*self.current.attestations, *attestations)))


def _agree(one: Window, other: Window) -> bool:
    both = [(one.original(o.map), o) for o in other.originals if one.original(o.map)]
    return all(mine and (mine.identity, mine.running) == (theirs.identity, theirs.running) for mine, theirs in both)


def _later(own: Window | None, given: Window) -> Window:
    return own if own and (own.opened_at, len(own.begun)) > (given.opened_at, len(given.begun)) else given
