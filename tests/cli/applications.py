"""An application made of values: it answers what it was given, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from statecfg.cli.application import Approve, Ask, Surroundings
from statecfg.cli.main import cli
from statecfg.model.errors import Blocked
from statecfg.model.events import Emit, Event
from statecfg.model.options import Options
from statecfg.model.plan import Plan
from statecfg.model.results import (
    ApplyResult,
    DriftReport,
    RunSummary,
    Saved,
    StatusReport,
    ValidationReport,
)
from tests.report import samples


@dataclass
class Values:
    """What this application comes to. error: raised by whatever is called. asks: findings that it asks about."""

    validation: ValidationReport = field(default_factory=lambda: ValidationReport(counts={"files": 4}))
    plan: Plan = samples.EMPTY_PLAN
    result: ApplyResult = samples.DONE
    drift: DriftReport = samples.CLEAN
    error: BaseException | None = None
    opening: BaseException | None = None
    asks: tuple[Any, ...] = ()


@dataclass
class OfValues:
    """An application that returns values."""

    values: Values
    emit: Emit
    asked: dict[str, Any] = field(default_factory=dict)
    saved: Saved | None = samples.SAVED

    def _did(self, name: str, **asked: Any) -> None:
        self.asked.update(asked, did=name)
        if self.values.error:
            raise self.values.error

    def validate(self) -> ValidationReport:
        self._did("validate")
        return self.values.validation

    def plan(
        self, phase: str, *, out: Path | None = None, reopen: str | None = None, from_run: Path | None = None
    ) -> Plan:
        self._did("plan", phase=phase, out=out, reopen=reopen, from_run=from_run)
        self.emit(Event("read", {"address": "map/milestones", "records": 3}))
        return self.values.plan

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
        self._did("apply", target=target, attest=attest, confirm=confirm, stop_after=stop_after, reason=reason)
        self.asked["approved"] = approve(self.values.result.plan)
        for finding in self.values.asks:
            said = ask(finding) if ask else attest.get(finding.code)
            if not said:
                raise Blocked("not attested", [finding])
            self.asked.setdefault("words", []).append(said)
        self.emit(Event("step_start", {"step": 1, "address": "map/milestones", "summary": "stop", "total": 1}))
        self.emit(Event("step_complete", {"step": 1, "state": "done", "done": 1, "total": 1}))
        return self.values.result

    def drift(self, phase: str | None = None) -> DriftReport:
        self._did("drift", phase=phase)
        return self.values.drift

    def status(self) -> StatusReport:
        self._did("status")
        return samples.STATUS

    def clean(self, text: str) -> str:
        return text


@dataclass
class Person:
    """Somebody at a terminal, with what they will type."""

    lines: list[str] = field(default_factory=list)

    def read_line(self) -> str:
        return self.lines.pop(0) + "\n" if self.lines else ""


@dataclass
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str
    asked: dict[str, Any]

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def run(*words: str, values: Values | None = None, person: Person | None = None) -> Ran:
    """Run a command line against an application of values; with a person, at a terminal."""
    asked: dict[str, Any] = {}
    ours = values or Values()

    def opened(options: Options, emit: Emit) -> OfValues:
        asked["options"] = options
        if ours.opening:
            raise ours.opening
        return OfValues(ours, emit, asked)

    surroundings = Surroundings(
        open=opened,
        read_plan=lambda path: _raise_or(ours.error, (samples.PLAN, samples.SAVED)),
        history=lambda directory, run: _raise_or(ours.error, _runs(run)),
        schemas=lambda: {"cutover.schema.json": {"type": "object"}},
        interactive=lambda: person is not None,
        read_line=(person or Person()).read_line,
    )
    result = CliRunner().invoke(cli, list(words), obj=surroundings)
    return Ran(result.exit_code, result.stdout, result.stderr, asked)


def _runs(run: str | None) -> tuple[RunSummary, ...]:
    return (samples.RUN,) if run in (None, samples.RUN.run) else ()


def _raise_or(error: BaseException | None, value: Any) -> Any:
    if error:
        raise error
    return value


Runner = Callable[..., Ran]
