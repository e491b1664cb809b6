"""Problems of the files as SARIF 2.1.0, so that a pull request shows them at their lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from statecfg.model.errors import Problem
from statecfg.model.results import ValidationReport

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def validation_sarif(report: ValidationReport, tool_version: str) -> dict[str, Any]:
    """One run with every problem as an error and every warning as a warning."""
    results = [*_results(report.problems, "error"), *_results(report.warnings, "warning")]
    rules = sorted({problem.code for problem in (*report.problems, *report.warnings)})
    driver = {"name": "statecfg", "version": tool_version, "rules": [{"id": code} for code in rules]}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _results(problems: Iterable[Problem], level: str) -> list[dict[str, Any]]:
    return [
        {"ruleId": problem.code, "level": level, "message": {"text": _text(problem)}, "locations": _places(problem)}
        for problem in problems
    ]


def _text(problem: Problem) -> str:
    return f"{problem.what} Do: {problem.do}" if problem.do else problem.what


def _places(problem: Problem) -> list[dict[str, Any]]:
    where = problem.where
    if not where.file:
        return []
    place: dict[str, Any] = {"artifactLocation": {"uri": where.file.replace("\\", "/")}}
    if where.line:
        region: dict[str, Any] = {"startLine": where.line}
        if isinstance(where.column, int) and where.column:
            region["startColumn"] = where.column
        place["region"] = region
    return [{"physicalLocation": place}]
