"""Results as JUnit XML, which every pipeline can show: one test case for each thing that was looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from statecfg.model.errors import DeclarationError, Problem, StatecfgError
from statecfg.model.plan import Finding, Plan
from statecfg.model.results import DriftReport, ValidationReport
from statecfg.report.finding_lines import title
from statecfg.report.words import plain, shown

CaseState = Literal["passed", "failure", "skipped", "error"]


@dataclass(frozen=True, slots=True)
class Case:
    """One test case. message: one line; text: the rest."""

    group: str
    name: str
    state: CaseState = "passed"
    message: str = ""
    text: str = ""


def plan_junit(plan: Plan) -> str:
    """A plan's findings as cases: what blocks fails, what must be asked is skipped; then what would be done."""
    cases = [_of_finding(finding, "ask", "block") for finding in (*plan.findings, *plan.settled)]
    steps = f"{len(plan.steps)} steps would be taken" if plan.steps else "nothing to do"
    return junit(f"statecfg plan {plan.header.phase}", [*cases, Case("plan", steps)])


def drift_junit(report: DriftReport) -> str:
    """Drift: each finding a case, blocking ones and warnings fail; what wasn't looked at is skipped."""
    cases = [_of_finding(finding, "", "block", "ask", "warn") for finding in report.findings]
    seen = [Case("looked at", thing) for thing in report.looked_at]
    unseen = [Case("looked at", thing, "skipped", "not looked at") for thing in report.not_looked_at]
    return junit(f"statecfg drift {report.environment}", [*cases, *seen, *unseen])


def validation_junit(report: ValidationReport, *, strict: bool = False) -> str:
    """Problems as failed cases, warnings as failed ones with `strict`, and a passed case for what was looked at."""
    cases = [_of_problem(problem, "failure") for problem in report.problems]
    cases += [_of_problem(problem, "failure" if strict else "skipped") for problem in report.warnings]
    seen = [Case("files", f"{count} {name}") for name, count in report.counts.items()]
    return junit("statecfg validate", [*cases, *seen])


def error_junit(error: StatecfgError) -> str:
    """An error as one case in error; a failed one for each problem of the files."""
    if isinstance(error, DeclarationError):
        return junit("statecfg", [_of_problem(problem, "failure") for problem in error.problems])
    return junit("statecfg", [Case("statecfg", type(error).__name__, "error", str(error), error.do)])


def plain_error_junit(kind: str, what: str, do: str) -> str:
    """An error that isn't of the tree."""
    return junit("statecfg", [Case("statecfg", kind, "error", what, do)])


def junit(suite: str, cases: Iterable[Case]) -> str:
    """The XML of one suite."""
    listed = tuple(cases)
    states = [case.state for case in listed]
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(listed)),
        failures=str(states.count("failure")),
        errors=str(states.count("error")),
        skipped=str(states.count("skipped")),
    )
    for case in listed:
        element = ElementTree.SubElement(root, "testcase", classname=plain(case.group), name=plain(case.name))
        if case.state != "passed":
            told = ElementTree.SubElement(element, case.state, message=plain(case.message))
            told.text = "\n".join(plain(row) for row in case.text.splitlines())
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _of_finding(finding: Finding, skipped: str, *failed: str) -> Case:
    state: CaseState = "passed"
    if finding.severity in failed:
        state = "failure"
    elif finding.severity == skipped:
        state = "skipped"
    rows = [f"{leaf.path}: {shown(leaf.old)} -> {shown(leaf.new)}" for leaf in finding.changes]
    rows += [*finding.details, *([f"Do: {finding.do}"] if finding.do else [])]
    return Case(str(finding.address or "preconditions"), title(finding), state, finding.what, "\n".join(rows))


def _of_problem(problem: Problem, state: CaseState) -> Case:
    return Case(problem.where.file or "files", f"{problem.where} {problem.code}", state, problem.what, problem.do)
