"""What the commands ask of the application, as protocols, so that a command can be tried with another one.

The real one is imported when a command calls it: `--help` and usage errors load nothing of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from statecfg.model.events import Emit
from statecfg.model.lease import Lease
from statecfg.model.options import Options
from statecfg.model.plan import Finding, Plan
from statecfg.model.results import (
    ApplyResult,
    DriftReport,
    RunSummary,
    Saved,
    StatusReport,
    ValidationReport,
)

Approve = Callable[[Plan], bool]
Ask = Callable[[Finding], str | None]


class Application(Protocol):
    """A project and the environment it is about, opened."""

    @property
    def saved(self) -> Saved | None:
        """Where the last plan was saved, if it was."""

    def validate(self) -> ValidationReport:
        """What the files alone show."""

    def plan(
        self, phase: str, *, out: Path | None = None, reopen: str | None = None, from_run: Path | None = None
    ) -> Plan:
        """Read the environment and compare it with a phase; written to `out`, unless it is blocked."""

    def apply(
        self,
        target: str | Path,
        *,
        approve: Approve,
        attest: Mapping[str, str],
        ask: Ask | None,
        confirm: str = "",
        stop_after: int | None = None,
        reason: str = "",
        digest: str = "",
        reopen: str | None = None,
        from_run: Path | None = None,
    ) -> ApplyResult:
        """Carry out a phase (its name) or a saved plan (its path)."""

    def resume(
        self,
        identifier: str | None = None,
        *,
        approve: Approve,
        attest: Mapping[str, str],
        ask: Ask | None,
        stop_after: int | None = None,
    ) -> ApplyResult:
        """Go on with a run that was stopped; by default the newest unfinished one."""

    def lock(self) -> Lease | None:
        """Who is at work in the environment; None if nobody is."""

    def release(self, identifier: str) -> Lease:
        """Remove the lock of a run that is gone for good."""

    def drift(self, phase: str | None = None) -> DriftReport:
        """What is no longer as a phase left it; by default the one that should hold now."""

    def status(self) -> StatusReport:
        """Where we are."""

    def clean(self, text: str) -> str:
        """The text without any secret that the application knows."""


def _open(options: Options, emit: Emit) -> Application:
    from statecfg.app import open as opened

    return opened(options, emit)


def _read_plan(path: Path) -> tuple[Plan, Saved]:
    from statecfg.app import read_plan

    return read_plan(path)


def _history(state_dir: Path, run: str | None) -> tuple[RunSummary, ...]:
    from statecfg.app import history

    return history(state_dir, run)


def _schemas() -> Mapping[str, Any]:
    from statecfg.app import schemas

    return schemas()


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _read_line() -> str:
    return sys.stdin.readline()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command stands in: the application, and the person at the terminal, if there is one.

    read_plan: a plan file, verified. history: the runs recorded in a state directory, newest first, or the one that is
    named, in full. schemas: file name -> JSON Schema. Each raises errors of the tree.
    """

    open: Callable[[Options, Emit], Application] = _open
    read_plan: Callable[[Path], tuple[Plan, Saved]] = _read_plan
    history: Callable[[Path, str | None], tuple[RunSummary, ...]] = _history
    schemas: Callable[[], Mapping[str, Any]] = _schemas
    interactive: Callable[[], bool] = _terminal
    read_line: Callable[[], str] = _read_line
