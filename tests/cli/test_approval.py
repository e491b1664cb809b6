"""Who may say yes, and to what: rules 8.5."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from statecfg.model.plan import Plan
from tests.cli.applications import Person, Values, run
from tests.report import samples

IN_TEST = replace(samples.PLAN, header=replace(samples.header("test")))
QUESTION = next(finding for finding in samples.FOUND if finding.severity == "ask")


def of(plan: Plan, *asks: object) -> Values:
    return Values(result=replace(samples.DONE, plan=plan), asks=asks)


def test_the_plan_is_shown_before_anybody_is_asked() -> None:
    ran = run("apply", "cutover", values=of(IN_TEST), person=Person(["yes"]))
    assert ran.out.index("CANNOT BE UNDONE") < ran.out.index("Phase cutover is complete")
    assert "Carry this out on contoso-prod? Only yes is taken for yes: " in ran.err
    assert ran.code == 0


@pytest.mark.parametrize("said", ["", "y", "YES", "no"])
def test_only_yes_is_taken_for_yes(said: str) -> None:
    ran = run("apply", "cutover", values=of(IN_TEST), person=Person([said]))
    assert ran.code == 5
    assert "not approved: nothing was written" in ran.err
    assert "approved" not in ran.asked


def test_without_a_terminal_a_yes_must_come_as_an_option() -> None:
    refused = run("apply", "cutover", values=of(IN_TEST))
    assert refused.code == 5
    assert "Do: --yes" in refused.err
    assert run("apply", "cutover", "--yes", values=of(IN_TEST)).code == 0


def test_yes_is_never_enough_for_production() -> None:
    ran = run("apply", "cutover", "--yes", values=of(samples.PLAN), person=Person(["contoso-prod"]))
    assert ran.code == 5
    assert "--yes is not enough for contoso-prod, which is of class prod" in ran.err


def test_production_needs_its_name_typed_or_by_option() -> None:
    values = of(samples.PLAN)
    assert run("apply", "cutover", values=values, person=Person(["contoso-prod"])).code == 0
    assert run("apply", "cutover", values=values, person=Person(["yes"])).code == 5
    assert run("apply", "cutover", values=values).code == 5
    assert run("apply", "cutover", "--confirm", "contoso-prod", values=values).code == 0


def test_the_name_of_another_environment_is_refused_everywhere() -> None:
    ran = run("apply", "cutover", "--confirm", "contoso-uat", "--yes", values=of(IN_TEST))
    assert ran.code == 5
    assert "--confirm says contoso-uat, but this plan is for contoso-prod" in ran.err


def test_a_saved_plan_needs_no_yes_outside_production(project: Path) -> None:
    (project / "go-live.plan").write_text("{}", encoding="utf-8")
    ran = run("apply", "go-live.plan", values=of(IN_TEST))
    assert ran.code == 0
    assert ran.asked["target"] == Path("go-live.plan")
    assert "CANNOT BE UNDONE" not in ran.out
    assert "Plan: 4 steps on maps" in ran.out
    assert run("apply", "go-live.plan", values=of(samples.PLAN)).code == 5


def test_in_production_a_saved_plan_is_shown_whole_before_its_name_is_typed(project: Path) -> None:
    (project / "go-live.plan").write_text("{}", encoding="utf-8")
    ran = run("apply", "go-live.plan", values=of(samples.PLAN), person=Person(["contoso-prod"]))
    assert "CANNOT BE UNDONE" in ran.out


def test_a_question_is_asked_at_the_terminal_until_it_says_who_and_what() -> None:
    person = Person(["contoso-prod", "it is on", "A. Smith: it is on since 17:40"])
    ran = run("apply", "cutover", values=of(samples.PLAN, QUESTION), person=person)
    assert ran.code == 0
    assert ran.asked["words"] == ["A. Smith: it is on since 17:40"]
    assert "can't be read here: you will be asked to attest it" in ran.err


def test_a_question_that_nobody_answers_blocks_and_names_the_option() -> None:
    values = of(samples.PLAN, QUESTION)
    at_a_terminal = run("apply", "cutover", values=values, person=Person(["contoso-prod", ""]))
    assert at_a_terminal.code == 7
    without = run("apply", "cutover", "--confirm", "contoso-prod", values=values)
    assert without.code == 7
    assert '--attest maintenance-mode="WHO: WORDS"' in without.err


def test_an_attestation_comes_as_an_option_too() -> None:
    words = "A. Smith: it is on"
    given = "--confirm", "contoso-prod", "--attest", f"maintenance-mode={words}"
    ran = run("apply", "cutover", *given, values=of(samples.PLAN, QUESTION))
    assert (ran.code, ran.asked["words"]) == (0, [words])


@pytest.mark.parametrize("wrong", ["maintenance-mode", "maintenance-mode=it is on", "x=: words", "x=who:", "=who: w"])
def test_an_attestation_without_who_or_what_is_a_wrong_command_line(wrong: str) -> None:
    ran = run("apply", "cutover", "--attest", wrong)
    assert ran.code == 64
    assert "did" not in ran.asked


def test_with_json_the_plan_is_shown_beside_and_stdout_holds_one_document() -> None:
    ran = run("apply", "cutover", "-o", "json", values=of(IN_TEST), person=Person(["yes"]))
    assert ran.document["format"] == "statecfg/apply"
    assert "CANNOT BE UNDONE" in ran.err
