"""Results for programs: JSON, JUnit, SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from statecfg.model.errors import Blocked, DeclarationError, Interrupted, Rejected, StalePlan, StatecfgError
from statecfg.report import as_json, as_junit
from statecfg.report.as_sarif import validation_sarif
from tests.report import samples

DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "plan": lambda: as_json.plan_document(samples.PLAN, samples.SAVED),
    "apply": lambda: as_json.apply_document(samples.STOPPED),
    "validate": lambda: as_json.validation_document(samples.VALIDATION),
    "drift": lambda: as_json.drift_document(samples.DRIFT),
    "status": lambda: as_json.status_document(samples.STATUS),
    "history": lambda: as_json.history_document([samples.RUN]),
    "run": lambda: as_json.run_document(samples.RUN),
    "error": lambda: as_json.error_document(DeclarationError(samples.PROBLEMS)),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_json_and_says_its_format_first(name: str) -> None:
    document = json.loads(as_json.encoded(DOCUMENTS[name]()))
    assert list(document)[:2] == ["format", "format_version"]
    assert document["format"] == f"statecfg/{name}"


def test_a_plan_has_every_step_but_no_records() -> None:
    document = as_json.plan_document(samples.PLAN, samples.SAVED)
    assert [step["number"] for step in document["steps"]] == list(range(1, 9))
    assert document["steps"][3]["count"] == 3
    assert all("records" not in step for step in document["steps"])
    assert document["saved"] == {"path": "go-live.plan", "sha256": samples.SAVED.sha256}
    assert document["blocked"] is False


def test_an_address_is_text_and_a_place_has_its_line() -> None:
    document = as_json.plan_document(samples.BLOCKED_PLAN)
    assert document["blocked"] is True
    assert document["steps"][0]["address"] == "map/milestones"
    assert document["findings"][-1]["where"] == {"file": samples.FILE, "line": 13, "column": 5}
    assert document["findings"][0]["where"] is None


def test_money_is_decimal_text_to_the_last_digit() -> None:
    (change,) = as_json.drift_document(samples.DRIFT)["findings"][1]["changes"]
    assert (change["old"], change["new"]) == ("12500.00", "12000.00")


def test_results_carry_the_exit_code_of_their_command() -> None:
    assert as_json.apply_document(samples.STOPPED)["exit_code"] == 7
    assert as_json.apply_document(samples.DONE)["exit_code"] == 0
    assert as_json.drift_document(samples.DRIFT)["exit_code"] == 2
    assert as_json.drift_document(samples.CLEAN)["exit_code"] == 0
    assert as_json.validation_document(samples.VALIDATION)["exit_code"] == 8


@pytest.mark.parametrize(
    ("error", "field", "value"),
    [
        (DeclarationError(samples.PROBLEMS), "problems", 2),
        (Blocked("no", [samples.BLOCKING]), "findings", 1),
        (StalePlan("moved", ["a", "b"]), "moved", 2),
    ],
)
def test_an_error_keeps_what_belongs_to_it(error: StatecfgError, field: str, value: int) -> None:
    assert len(as_json.error_document(error)[field]) == value


def test_an_error_of_the_wire_says_whether_it_may_have_been_carried_out() -> None:
    document = as_json.error_document(Rejected("no", status=400, code="x", request_id="r", sent=True))
    assert document["may_have_been_carried_out"] is True
    assert (document["class"], document["exit_code"], document["status"]) == ("Rejected", 10, 400)


def cases(xml: str) -> dict[str, list[str]]:
    root = ElementTree.fromstring(xml)
    found: dict[str, list[str]] = {"passed": [], "failure": [], "skipped": [], "error": []}
    for case in root:
        found[case[0].tag if len(case) else "passed"].append(case.attrib["name"])
    numbers = {name: root.attrib[f"{name}s" if name != "skipped" else name] for name in ("failure", "error", "skipped")}
    assert numbers == {name: str(len(found[name])) for name in numbers}
    assert root.attrib["tests"] == str(len(root))
    return found


def test_junit_of_a_plan_fails_what_blocks_and_skips_what_is_asked() -> None:
    found = cases(as_junit.plan_junit(samples.BLOCKED_PLAN))
    assert found["failure"] == ["only these milestones ready"]
    assert found["skipped"] == ["maintenance mode"]
    assert "finance version" in found["passed"]


def test_junit_of_drift_skips_what_was_not_looked_at() -> None:
    found = cases(as_junit.drift_junit(samples.DRIFT))
    assert found["failure"] == ["map/invoices", "milestones"]
    assert found["skipped"] == ["the dual-write gateway"]


def test_junit_of_validate_fails_warnings_only_when_strict() -> None:
    assert len(cases(as_junit.validation_junit(samples.VALIDATION))["failure"]) == 2
    assert len(cases(as_junit.validation_junit(samples.VALIDATION, strict=True))["failure"]) == 3


def test_junit_of_an_error() -> None:
    assert cases(as_junit.error_junit(DeclarationError(samples.PROBLEMS)))["failure"] != []
    assert cases(as_junit.error_junit(Interrupted("stopped")))["error"] == ["Interrupted"]
    assert cases(as_junit.plain_error_junit("Usage", "no \x1b such & <option>", "see --help"))["error"] == ["Usage"]


def test_sarif_puts_a_problem_at_its_line() -> None:
    (run,) = validation_sarif(samples.VALIDATION, "0.1.0")["runs"]
    first, second, third = run["results"]
    assert (first["ruleId"], first["level"], third["level"]) == ("unknown-key", "error", "warning")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == samples.FILE
    assert place["region"] == {"startLine": 31, "startColumn": 5}
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 17}
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"unknown-key", "not-a-number", "unused-column"}
