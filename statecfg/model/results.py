"""What the commands come to: values that the application fills and the reports render.

Each says its own exit code, so that no command decides one by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from statecfg.model.address import Address
from statecfg.model.errors import (
    BLOCKED,
    CHANGES,
    FILES,
    INTERRUPTED,
    LOCKED,
    OK,
    PARTIAL,
    REFUSED,
    SIGN_IN,
    STALE,
    UNREACHABLE,
    Problem,
    StatecfgError,
    exit_code,
)
from statecfg.model.plan import Finding, Plan
from statecfg.model.window import Attestation

PRECEDENCE = (INTERRUPTED, BLOCKED, REFUSED, STALE, LOCKED, SIGN_IN, UNREACHABLE, PARTIAL, CHANGES)

StepState = Literal["done", "failed", "unknown", "not_started"]
PhaseState = Literal["not_begun", "open", "complete", "passed"]
RunResult = Literal["running", "complete", "nothing_to_do", "stopped", "interrupted"]


def foremost(codes: Iterable[int]) -> int:
    """The one exit code that stands for several: the first of PRECEDENCE, else the greatest, 0 for none."""
    given = set(codes) - {OK}
    return next((code for code in PRECEDENCE if code in given), max(given, default=OK))


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What the files alone show. counts: what was looked at, for example {"environments": 2, "rows": 1200}."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def exit_code(self, *, strict: bool = False) -> int:
        """8 if anything is wrong; with `strict` a warning is wrong too."""
        return FILES if self.problems or (strict and self.warnings) else OK


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan file on disk: its path, and the SHA-256 over its lines, hex."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one step. done of total: records, or 1 of 1. refused: records left out. what: why, in words.

    breaches: how many of those left out a fence set aside, because of somebody else's work. window_s: the longest time
    from the beginning of a fence's look to a request that left on the strength of it; 0 where no fence stands.
    """

    number: int
    address: Address
    verb: str
    summary: str
    state: StepState
    done: int = 0
    total: int = 0
    refused: int = 0
    what: str = ""
    irreversible: bool = False
    breaches: int = 0
    window_s: float = 0.0

    @property
    def whole(self) -> bool:
        """Nothing of the step is left to do."""
        return self.state == "done" and not self.refused


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """How an apply ended.

    findings: of preconditions, fences and invariants. error: what stopped it, if something did. notes: lines to keep,
    for example the originals for the inventory. next_command: what goes on from here, "" if nothing is left.
    refused_file: the csv of refused records, "" if there is none.
    """

    plan: Plan
    run: str = ""
    steps: tuple[StepOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: StatecfgError | None = None
    next_command: str = ""
    notes: tuple[str, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    refused_file: str = ""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        codes = [self._code(self.error)] if self.error else []
        codes += [BLOCKED] if any(finding.blocks for finding in self.findings) else []
        codes += [BLOCKED] if any(step.breaches for step in self.steps) else []
        codes += [PARTIAL] if not all(step.whole for step in self.steps) else []
        return foremost(codes)

    def _code(self, error: StatecfgError) -> int:
        """As everywhere; but a service that goes away after something was written leaves a run to be resumed."""
        code = exit_code(error)
        written = any(step.done or step.state == "unknown" for step in self.steps)
        return PARTIAL if code == UNREACHABLE and written else code


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What is no longer as it was left. looked_at and not_looked_at: evidence in words, for example "F&O staging".

    findings: severity block and warn are drift; info and ok are not.
    """

    environment: str
    phase: str
    findings: tuple[Finding, ...] = ()
    looked_at: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()
    environment_class: str = ""
    read_at: str = ""

    def exit_code(self, *, fail_on: str = "any") -> int:
        """2 if there is drift; with fail_on "blocking" only for severity block."""
        counted = {"block"} if fail_on == "blocking" else {"block", "warn", "ask"}
        return CHANGES if any(finding.severity in counted for finding in self.findings) else OK


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """Where one phase stands. position: "1 of 2", "" outside the chain. records: in words, "1,212 of 1,212 posted"."""

    name: str
    state: PhaseState
    position: str = ""
    begun_at: str = ""
    completed_at: str = ""
    records: str = ""


@dataclass(frozen=True, slots=True)
class MapStatus:
    """One table map by all witnesses. witnesses: (who, what it says), also "silent" and "not read".

    original: publisher, number and running state before the window, and which record says so; "" if none does.
    """

    name: str
    label: str
    version: str = ""
    witnesses: tuple[tuple[str, str], ...] = ()
    original: str = ""
    agree: bool = True
    what: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run as the journal knows it. Times are UTC, ISO. counts: what was written, by resource."""

    run: str
    environment: str
    phase: str
    result: RunResult
    who: str = ""
    started_at: str = ""
    ended_at: str = ""
    digest: str = ""
    reason: str = ""
    exit_code: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[StepOutcome, ...] = ()
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Where we are: phases, maps by all witnesses, and the last run."""

    environment: str
    environment_class: str
    phases: tuple[PhaseStatus, ...] = ()
    maps: tuple[MapStatus, ...] = ()
    last_run: RunSummary | None = None
    findings: tuple[Finding, ...] = ()
    read_at: str = ""
