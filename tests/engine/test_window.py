from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from statecfg.engine import runfile
from statecfg.engine.attesting import Answers, answered, evidence
from statecfg.engine.windowbook import WindowBook
from statecfg.model.errors import Blocked, PlanRefused
from statecfg.model.plan import Finding, Identity
from statecfg.model.window import Attestation, Mark, Original, Window

HERE = Identity("uat", "org-1", "fo.example", "cid-1")
THERE = replace(HERE, organization_id="org-2")
ORIGINAL = Original("milestones", "Microsoft", "1.0.0.7", "id", "running", "live system")
WINDOW = Window(
    HERE, "run-1", "2026-01-01T00:00:00Z", (ORIGINAL,), {"general_ledger": {"usmf": {"last": 5637144576}}},
    Mark("2026-01-01T00:00:00Z", {"invoices": 7}), (Attestation("a", "Eva", "yes", "t", "e", "run-1"),),
    {"cutover": "t"}, {}, {}, {},
)  # fmt: skip
ASK = Finding("ask", "maintenance-mode", "can't be read here")


def test_a_window_comes_back_from_its_run_file(tmp_path: Path) -> None:
    runfile.write(WINDOW, tmp_path / "run-1.json")
    assert runfile.read(tmp_path / "run-1.json") == WINDOW
    assert (tmp_path / "run-1.json").stat().st_mode & 0o777 == 0o600


def test_only_this_environments_windows_are_found(tmp_path: Path) -> None:
    runfile.write(WINDOW, tmp_path / "run-1.json")
    runfile.write(replace(WINDOW, run="run-2", identity=THERE, opened_at="2026-02-01"), tmp_path / "run-2.json")
    assert WindowBook.find(tmp_path, HERE).current == WINDOW
    assert WindowBook.find(tmp_path, replace(HERE, organization_id="org-3")).current is None


def test_a_run_file_of_another_environment_is_refused(tmp_path: Path) -> None:
    runfile.write(replace(WINDOW, identity=THERE), tmp_path / "given.json")
    with pytest.raises(PlanRefused, match="another environment"):
        WindowBook.find(tmp_path / "own", HERE, tmp_path / "given.json")


def test_run_files_that_disagree_on_an_original_are_refused(tmp_path: Path) -> None:
    runfile.write(WINDOW, tmp_path / "own" / "run-1.json")
    other = replace(ORIGINAL, number="1.0.0.6")
    runfile.write(replace(WINDOW, originals=(other,)), tmp_path / "given.json")
    with pytest.raises(PlanRefused, match="disagree"):
        WindowBook.find(tmp_path / "own", HERE, tmp_path / "given.json")


def test_a_file_that_is_no_run_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PlanRefused):
        runfile.read(tmp_path / "given.json")


def test_an_open_question_names_the_option_that_answers_it() -> None:
    with pytest.raises(Blocked) as caught:
        answered([ASK], (), Answers())
    assert '--attest maintenance-mode="NAME: WORDS"' in caught.value.do


def test_an_answer_is_bound_to_what_was_shown() -> None:
    (given,) = answered([ASK], (), Answers({"maintenance-mode": "Eva: it is on"}, now=lambda: "t"))
    assert (given.who, given.words, given.evidence) == ("Eva", "it is on", evidence(ASK))
    assert answered([ASK], (given,), Answers()) == ()
    with pytest.raises(Blocked):
        answered([replace(ASK, what="something else was shown")], (given,), Answers())


def test_an_answer_must_say_who() -> None:
    with pytest.raises(Blocked, match="must say who"):
        answered([ASK], (), Answers({"maintenance-mode": "it is on"}))
