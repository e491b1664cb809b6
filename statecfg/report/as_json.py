"""Results as JSON documents: the same facts as on a screen, whole and unrounded, for programs. Pure.

Every document says its `format` and `format_version`; fields may be added within a version. Money is decimal text.
Records are not in them: a plan file holds those, and can be read line by line.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import singledispatch
from pathlib import PurePath
from typing import Any

from statecfg.model.address import Address, Source
from statecfg.model.errors import (
    ApiError,
    Blocked,
    DeclarationError,
    StalePlan,
    StatecfgError,
    exit_code,
)
from statecfg.model.plan import Plan, Step
from statecfg.model.results import ApplyResult, DriftReport, RunSummary, Saved, StatusReport, ValidationReport
from statecfg.report.estimate import seconds

VERSION = 1


def document(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its format's name first, for example `statecfg/plan`."""
    return {"format": f"statecfg/{name}", "format_version": VERSION, **jsonable(body)}


def encoded(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of any value that `jsonable` takes; None for `indent` writes it in one line."""
    return json.dumps(jsonable(value), indent=indent, ensure_ascii=False, allow_nan=False)


@singledispatch
def jsonable(value: Any) -> Any:
    """`value` in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


@jsonable.register(Decimal)
@jsonable.register(Address)
@jsonable.register(PurePath)
def _text(value: Any) -> str:
    return str(value)


@jsonable.register
def _object(value: Mapping) -> dict[str, Any]:  # type: ignore[type-arg]  # singledispatch needs the bare class
    return {str(key): jsonable(item) for key, item in value.items()}


@jsonable.register(tuple)
@jsonable.register(list)
@jsonable.register(set)
@jsonable.register(frozenset)
def _array(value: Iterable[Any]) -> list[Any]:
    return [jsonable(item) for item in value]


@jsonable.register
def _source(value: Source) -> dict[str, Any] | None:
    return {"file": value.file, "line": value.line, "column": value.column} if value.file else None


@jsonable.register
def _step(step: Step) -> dict[str, Any]:
    kept = (field.name for field in dataclasses.fields(step) if field.name != "records")
    return {name: jsonable(getattr(step, name)) for name in kept}


@jsonable.register
def _error(error: StatecfgError) -> dict[str, Any]:
    body: dict[str, Any] = {
        "class": type(error).__name__,
        "exit_code": exit_code(error),
        "what": error.what,
        "where": error.where,
        "do": error.do,
    }
    return {**body, **_belonging(error)}


def _belonging(error: StatecfgError) -> dict[str, Any]:
    match error:
        case DeclarationError():
            return {"problems": jsonable(error.problems)}
        case Blocked():
            return {"findings": jsonable(error.findings)}
        case StalePlan():
            return {"moved": list(error.moved)}
        case ApiError():
            told = {"status": error.status, "code": error.code, "request_id": error.request_id}
            return {**told, "may_have_been_carried_out": error.sent}
    return {}


def plan_document(plan: Plan, saved: Saved | None = None) -> dict[str, Any]:
    """A plan without its records: header, findings, steps with their counts, what it rests on, where it was saved."""
    low, high = seconds(plan.steps, plan.header.environment_class)
    body = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    takes = {"low_s": round(low, 1), "high_s": round(high, 1)}
    return document("plan", {**body, "blocked": plan.blocked, "takes": takes, "saved": saved})


def apply_document(result: ApplyResult) -> dict[str, Any]:
    """How an apply ended, with the plan it carried out."""
    body = {field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name != "plan"}
    return document("apply", {**body, "exit_code": result.exit_code, "plan": plan_document(result.plan)})


def validation_document(report: ValidationReport, *, strict: bool = False) -> dict[str, Any]:
    """Every problem and warning of the files."""
    return document("validate", {"exit_code": report.exit_code(strict=strict), **_fields(report)})


def drift_document(report: DriftReport, *, fail_on: str = "any") -> dict[str, Any]:
    """What is no longer as it was left, and what was not looked at."""
    return document("drift", {"exit_code": report.exit_code(fail_on=fail_on), **_fields(report)})


def status_document(report: StatusReport) -> dict[str, Any]:
    """Phases, maps by all witnesses, the last run."""
    return document("status", _fields(report))


def history_document(runs: Iterable[RunSummary]) -> dict[str, Any]:
    """Runs, newest first."""
    return document("history", {"runs": tuple(runs)})


def run_document(run: RunSummary) -> dict[str, Any]:
    """One run in full."""
    return document("run", _fields(run))


def error_document(error: StatecfgError) -> dict[str, Any]:
    """An error: what happened, where, what to do, and what it carries."""
    return document("error", _error(error))


def plain_error_document(kind: str, what: str, do: str, code: int) -> dict[str, Any]:
    """An error that isn't of the tree: a wrong command line, an interruption, an unexpected one."""
    return document("error", {"class": kind, "exit_code": code, "what": what, "where": "", "do": do})


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
