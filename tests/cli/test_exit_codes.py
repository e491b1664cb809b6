"""One table maps errors to exit codes; it is walked here, through the command line, in every format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from statecfg.model import errors
from statecfg.model.errors import (
    EXIT_CODES,
    ApiError,
    Blocked,
    DeclarationError,
    Interrupted,
    SignInRefused,
    StalePlan,
    StatecfgError,
    StepFailed,
)
from statecfg.model.results import PRECEDENCE, ApplyResult, foremost
from tests.cli.applications import Values, run
from tests.report import samples

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "StatecfgError": 1, "StepFailed": 3, "TimedOut": 3, "StalePlan": 4, "PlanRefused": 5, "Locked": 6, "Blocked": 7,
    "DeclarationError": 8, "SignInRefused": 9, "Forbidden": 9, "ApiError": 10, "NotFound": 10, "Conflict": 10,
    "Throttled": 10, "Rejected": 10, "Unavailable": 10, "Interrupted": 130,
}  # fmt: skip


def tree(kind: type[StatecfgError] = StatecfgError) -> Iterator[type[StatecfgError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


def made(kind: type[StatecfgError]) -> StatecfgError:
    return kind(samples.PROBLEMS) if issubclass(kind, DeclarationError) else kind("it went wrong", do="look")


OURS = [kind for kind in tree() if kind.__module__ == errors.__name__]


def test_every_error_of_the_tree_has_the_exit_code_that_is_documented() -> None:
    assert {kind.__name__: errors.exit_code(made(kind)) for kind in OURS} == EXPECTED


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_an_error_reaches_the_shell_as_its_exit_code_and_a_person_as_words(kind: type[StatecfgError]) -> None:
    ran = run("plan", "cutover", values=Values(error=made(kind)))
    assert (ran.code, ran.out) == (EXPECTED[kind.__name__], "")
    assert "Traceback" not in ran.err
    assert "it went wrong" in ran.err or "2 problems in the files" in ran.err


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("form", ["json", "events", "junit"])
def test_an_error_keeps_stdout_to_the_format_that_was_asked_for(kind: type[StatecfgError], form: str) -> None:
    ran = run("plan", "cutover", "-o", form, values=Values(error=made(kind)))
    assert (ran.code, ran.err) == (EXPECTED[kind.__name__], "")
    if form == "json":
        assert ran.document["exit_code"] == ran.code
    elif form == "events":
        assert ran.events[-1] == {**ran.events[-1], "event": "run_complete", "exit_code": ran.code}
        assert ran.events[-2]["error"]["what"]
    else:
        assert ran.out.startswith("<?xml")


@pytest.mark.parametrize("form", ["text", "json", "events", "junit"])
def test_ctrl_c_and_sigterm_end_with_130(form: str) -> None:
    ran = run("plan", "cutover", "-o", form, values=Values(error=KeyboardInterrupt()))
    assert ran.code == 130
    assert "interrupted" in ran.out + ran.err


def test_an_error_that_nobody_foresaw_is_one_line_and_a_hint() -> None:
    ran = run("plan", "cutover", values=Values(error=ValueError("oh")))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: unexpected ValueError: oh\n")
    assert "-v" in ran.err
    assert "Traceback" not in ran.err


def test_with_v_an_unforeseen_error_says_how_it_came_about() -> None:
    ran = run("plan", "cutover", "-v", "-o", "json", values=Values(error=ValueError("oh")))
    assert "Traceback" in ran.err
    assert (ran.document["exit_code"], ran.code) == (1, 1)


WRONG = [
    ["nonsense"],
    ["plan"],
    ["plan", "cutover", "--nonsense"],
    ["plan", "cutover", "extra"],
    ["plan", "cutover", "--detail", "everything"],
    ["plan", "cutover", "-e", "novalue"],
    ["plan", "cutover", "-e", "a=1", "-e", "a=2"],
    ["plan", "cutover", "--from-run", "nowhere.json"],
    ["apply", "cutover", "--stop-after", "none"],
    ["apply", "cutover", "--stop-after", "0"],
    ["apply", "nowhere.plan"],
    ["apply", "cutover", "--digest", "abc"],
    ["drift", "--fail-on", "nothing"],
    ["completion", "tcsh"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_64_because_2_means_changes(words: list[str]) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (64, "")
    assert ran.err != ""
    assert "did" not in ran.asked


@pytest.mark.parametrize("words", [["-o", "json"], ["--output=json"], ["--output", "events"], ["-ojson"]], ids=" ".join)
def test_a_wrong_command_line_answers_in_json_if_it_asked_for_it(words: list[str]) -> None:
    ran = run("plan", *words)
    assert (ran.code, ran.err) == (64, "")
    assert [json.loads(line) for line in ran.out.splitlines()] if "events" in words else ran.document


def test_no_command_shows_the_help_and_is_a_wrong_command_line() -> None:
    ran = run()
    assert ran.code == 64
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    ("given", "foremost_code"),
    [([3, 7], 7), ([7, 130], 130), ([2, 3], 3), ([10, 9, 6], 6), ([4, 5], 5), ([], 0), ([0, 0], 0), ([0, 2], 2)],
)
def test_of_several_exit_codes_the_gravest_stands(given: list[int], foremost_code: int) -> None:
    assert foremost(given) == foremost_code


def test_the_order_of_gravity_is_the_documented_one() -> None:
    assert PRECEDENCE == (130, 7, 5, 4, 6, 9, 10, 3, 2)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (samples.DONE, 0),
        (samples.IDLE, 0),
        (samples.STOPPED, 7),
        (replace(samples.STOPPED, error=None), 3),
        (replace(samples.STOPPED, error=StepFailed("no")), 3),
        (replace(samples.STOPPED, error=Interrupted("now")), 130),
        (replace(samples.STOPPED, error=ApiError("away")), 3),
        (replace(samples.STOPPED, error=SignInRefused("revoked")), 9),
        (replace(samples.STOPPED, error=ApiError("away"), steps=samples.STOPPED.steps[-1:]), 10),
        (replace(samples.DONE, error=StalePlan("moved")), 4),
        (replace(samples.DONE, findings=(samples.BLOCKING,)), 7),
        (replace(samples.STOPPED, error=Blocked("no")), 7),
    ],
)
def test_an_apply_exits_by_what_stopped_it_and_what_is_left(result: ApplyResult, code: int) -> None:
    assert result.exit_code == code
    ran = run("apply", "cutover", "--confirm", "contoso-prod", values=Values(result=result))
    assert ran.code == code


def codes_in(text: str) -> set[int]:
    return {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}


def test_the_page_of_exit_codes_lists_each_of_them() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    assert codes_in(page) == {code for _, code in EXIT_CODES} | {0, 2, 64}


def test_help_lists_each_exit_code() -> None:
    text = run("--help").out
    listed = {
        int(code) for code in re.findall(r"\b(\d+) [a-z]", text[text.index("Exit codes") : text.index("Options")])
    }
    assert {code for _, code in EXIT_CODES} | {0, 2, 64} <= listed
