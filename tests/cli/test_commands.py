"""What each command asks of the application, and how it shows the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from statecfg.model.results import ValidationReport
from tests.cli.applications import Values, run
from tests.report import samples

PROJECT = "-i", "inventories/contoso", "-l", "contoso-prod"


def test_options_reach_the_application_as_values() -> None:
    ran = run("plan", "cutover", *PROJECT, "-s", "states/milestone-cutover", "-e", "a=1", "-e", "b=x=y")
    options = ran.asked["options"]
    assert (options.inventory, options.limit) == (Path("inventories/contoso"), "contoso-prod")
    assert (options.states, options.extra) == (Path("states/milestone-cutover"), {"a": "1", "b": "x=y"})
    assert options.state_dir == Path(".statecfg")


def test_the_only_inventory_and_the_only_set_need_not_be_named() -> None:
    options = run("plan", "cutover").asked["options"]
    assert options.inventory == Path("inventories/contoso")
    assert options.states == Path("states/milestone-cutover")


def test_the_directory_above_the_only_set_will_do() -> None:
    assert run("plan", "cutover", "-s", "states").asked["options"].states == Path("states/milestone-cutover")


def test_two_inventories_are_a_question_and_no_guess(project: Path) -> None:
    (project / "inventories" / "sandbox").mkdir()
    ran = run("plan", "cutover")
    assert ran.code == 64
    assert "inventories/contoso, inventories/sandbox" in ran.err
    assert ran.asked == {}


def test_outside_of_a_project_the_way_back_is_told(project: Path) -> None:
    (project / "inventories" / "contoso").rmdir()
    ran = run("plan", "cutover")
    assert ran.code == 64
    assert "go to the project's root, or give -i DIR" in ran.err


def test_validate_names_every_problem_and_exits_8() -> None:
    ran = run("validate", values=Values(validation=samples.VALIDATION))
    assert ran.code == 8
    assert f"{samples.FILE}:31:5: `runing` is no key of a map." in ran.out
    assert "data/milestones.csv:17:amount:" in ran.out


def test_validate_treats_files_that_can_not_be_opened_as_any_other_problem() -> None:
    from statecfg.model.errors import DeclarationError

    ran = run("validate", "-o", "json", values=Values(opening=DeclarationError(samples.PROBLEMS)))
    assert (ran.code, ran.document["format"]) == (8, "statecfg/validate")
    assert len(ran.document["problems"]) == 2


def test_with_strict_a_warning_is_a_problem() -> None:
    warned = Values(validation=replace(samples.VALIDATION, problems=()))
    assert run("validate", values=warned).code == 0
    assert run("validate", "--strict", values=warned).code == 8
    assert run("validate", "--strict", values=Values(validation=ValidationReport())).code == 0


def test_validate_answers_in_junit_and_sarif() -> None:
    values = Values(validation=samples.VALIDATION)
    assert run("validate", "-o", "junit", values=values).out.startswith("<?xml")
    assert run("validate", "-o", "sarif", values=values).document["version"] == "2.1.0"


def test_a_plan_exits_2_only_when_asked_for_it() -> None:
    values = Values(plan=samples.PLAN)
    assert run("plan", "cutover", values=values).code == 0
    assert run("plan", "cutover", "--detailed-exitcode", values=values).code == 2
    assert run("plan", "cutover", "--detailed-exitcode", values=Values(plan=samples.EMPTY_PLAN)).code == 0


def test_a_plan_that_is_blocked_exits_7_and_is_not_called_saved() -> None:
    ran = run("plan", "cutover", "--detailed-exitcode", "--out", "x.plan", values=Values(plan=samples.BLOCKED_PLAN))
    assert ran.code == 7
    assert "BLOCKED" in ran.out
    assert "Saved" not in ran.out


def test_a_plan_shows_where_it_was_saved() -> None:
    ran = run("plan", "cutover", "--out", "go-live.plan", values=Values(plan=samples.PLAN))
    assert ran.asked["out"] == Path("go-live.plan")
    assert "Saved go-live.plan   sha256 9f3c...e1a2" in ran.out


def test_the_detail_of_a_plan_can_be_asked_for() -> None:
    values = Values(plan=samples.PLAN)
    assert "CON-0003 / L1 / Kick-off" not in run("plan", "cutover", values=values).out
    assert "CON-0003 / L1 / Kick-off" in run("plan", "cutover", "--detail", "rows", values=values).out
    assert "msdyn_amount" in run("plan", "cutover", "--detail", "full", values=values).out


def test_drift_exits_2_for_what_counts() -> None:
    only_warning = replace(samples.DRIFT, findings=samples.DRIFT.findings[:1])
    assert run("drift", values=Values(drift=samples.CLEAN)).code == 0
    assert run("drift", values=Values(drift=only_warning)).code == 2
    assert run("drift", "--fail-on", "blocking", values=Values(drift=only_warning)).code == 0
    assert run("drift", "--fail-on", "blocking", values=Values(drift=samples.DRIFT)).code == 2


def test_drift_takes_a_phase_and_names_the_records() -> None:
    ran = run("drift", "--phase", "cutover", "--detail", "rows", values=Values(drift=samples.DRIFT))
    assert ran.asked["phase"] == "cutover"
    assert "CON-0002 / L1 / Kick-off" in ran.out
    assert run("drift", "-o", "junit").out.startswith("<?xml")


def test_status_history_and_show_answer_as_text_and_as_json() -> None:
    assert "map/actuals" in run("status").out
    assert run("status", "-o", "json").document["format"] == "statecfg/status"
    assert samples.RUN.run in run("history").out
    assert run("history", "-o", "json").document["runs"][0]["run"] == samples.RUN.run
    assert "A. Smith: administration mode is on" in run("history", samples.RUN.run).out
    assert run("show", samples.RUN.run, "-o", "json").document["format"] == "statecfg/run"


def test_history_needs_no_inventory_and_keeps_to_the_environment_that_was_named(project: Path) -> None:
    (project / "inventories" / "contoso").rmdir()
    assert samples.RUN.run in run("history").out
    assert samples.RUN.run in run("history", "-l", "contoso-prod").out
    assert "No run is recorded here." in run("history", "-l", "contoso-uat").out


def test_a_run_that_is_not_recorded_is_a_wrong_command_line() -> None:
    ran = run("show", "20200101-000000-cutover")
    assert (ran.code, ran.out) == (64, "")
    assert "No run 20200101-000000-cutover is recorded here" in ran.err


def test_a_saved_plan_is_shown_again(project: Path) -> None:
    (project / "go-live.plan").write_text("{}", encoding="utf-8")
    assert "CANNOT BE UNDONE" in run("show", "go-live.plan").out
    assert run("show", "go-live.plan", "-o", "json").document["format"] == "statecfg/plan"


def test_schemas_are_printed_or_written(project: Path) -> None:
    assert run("schema").document == {"cutover.schema.json": {"type": "object"}}
    assert run("schema", "--write", "out").out == "Wrote out/cutover.schema.json\n"
    assert json.loads((project / "out" / "cutover.schema.json").read_text(encoding="utf-8")) == {"type": "object"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_names_us(shell: str) -> None:
    ran = run("completion", shell)
    assert ran.code == 0
    assert "_STATECFG_COMPLETE" in ran.out


def test_results_go_to_stdout_and_progress_to_stderr() -> None:
    ran = run("apply", "cutover", "--confirm", "contoso-prod")
    assert "step 1" in ran.err
    assert "step 1  " not in ran.out
    assert "Phase cutover is complete" in ran.out


def test_quiet_leaves_only_the_result() -> None:
    assert run("apply", "cutover", "--confirm", "contoso-prod", "-q").err == ""


def test_events_are_the_only_thing_on_stdout_and_the_last_one_has_the_result() -> None:
    ran = run("apply", "cutover", "--confirm", "contoso-prod", "-o", "events")
    assert [event["event"] for event in ran.events] == ["step_start", "step_complete", "run_complete"]
    assert ran.events[-1]["exit_code"] == 0
    assert ran.events[-1]["result"]["format"] == "statecfg/apply"
