"""The command line on a real project: what each mistake says, how it exits, and that stdout keeps to its format."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statecfg.cli.main import COMMANDS
from tests.end_to_end.command import Said, on, said_by
from tests.end_to_end.outcome import confirmed, export
from tests.end_to_end.rig import ROOT, STATES, Rig
from tests.end_to_end.stage import Stage, give, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(
        tmp_path_factory.mktemp("commands"), contracts=2, milestones=4, **{"gateway.request_reads": 0}
    ) as stage:
        yield stage


def process(*words: str) -> Said:
    """The program as a shell starts it."""
    ran = subprocess.run(
        [sys.executable, "-m", "statecfg", *words], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    return Said(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plam", "cutover"), "plam"),
        (("plan", "cutover", "--outt", "x"), "--outt"),
        (("apply", "cutover", "--stop-after", "soon"), "soon"),
        (("plan",), "PHASE"),
        (("sandbox", "upp"), "upp"),
    ],
)
def test_a_misspelt_command_line_exits_64_and_names_the_word(words: tuple[str, ...], told: str) -> None:
    said = process(*words)
    assert said.code == 64
    assert told in said.err
    assert "--help" in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


def test_every_command_and_subcommand_explains_itself() -> None:
    assert all(f"\n  {name} " in process("--help").out for name in COMMANDS)
    lines = [("sandbox", "up"), ("sandbox", "down"), ("sandbox", "fault"), *((name,) for name in COMMANDS)]
    for words in lines:
        said = said_by(*words, "--help", directory=ROOT)
        assert said.code == 0
        assert said.out.startswith(f"Usage: statecfg {' '.join(words)}")
        assert max(map(len, said.out.splitlines())) <= 100


Mistake = Callable[[Rig], tuple[str, ...]]


def with_extra(rig: Rig, **extra: str) -> tuple[str, ...]:
    rig.extra |= {name.replace("__", "."): value for name, value in extra.items()}
    return ("plan", "cutover")


def no_answer(rig: Rig, **fault: Any) -> tuple[str, ...]:
    """A service that is away, or out of its mind."""
    rig.sandbox.world.faults.add(fault)
    # Long enough for what does answer, on a machine that has much else to do.
    return with_extra(rig, waits__service_s="2")


def broken(rig: Rig, name: str, text: str | bytes) -> tuple[str, ...]:
    """A project whose file of this name is broken."""
    folder = rig.state_dir / "broken"
    folder.mkdir(parents=True)
    for path in STATES.glob("*.yml"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    rig.states = folder
    return ("plan", "cutover")


def other_file(rig: Rig, text: bytes, name: str = "m.csv") -> tuple[str, ...]:
    """A project whose record file is this."""
    path = rig.state_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return with_extra(rig, milestone_file=str(path))


NO_TENANT = "00000000-0000-0000-0000-000000000001"
MISTAKES: dict[str, tuple[Mistake, int, tuple[str, ...]]] = {
    "unknown phase": (lambda rig: ("apply", "cutovr", "--yes"), 8, ("cutovr", "did you mean `cutover`?")),
    "unknown phase of drift": (lambda rig: ("drift", "--phase", "go-live"), 8, ("go-live", "restored")),
    "unknown environment": (lambda rig: ("plan", "cutover", "-l", "nowhere"), 8, ("`nowhere`", "known here: sandbox")),
    "unknown variable": (lambda rig: with_extra(rig, milestone_fil="x"), 8, ("did you mean `milestone_file`?",)),
    "no such record file": (lambda rig: with_extra(rig, milestone_file="/nowhere.csv"), 8, ("/nowhere.csv", "make it")),
    "empty record file": (lambda rig: other_file(rig, b""), 8, ("is empty",)),
    "record file that is none": (lambda rig: other_file(rig, b"\x00\xff\xfe\x00" * 9), 8, ("m.csv",)),
    "workbook that is none": (lambda rig: other_file(rig, b"contract\n", "m.xlsx"), 8, ("m.xlsx", "no workbook")),
    "broken YAML": (lambda rig: broken(rig, "cutover.yml", "phase: [cutover\nnext:"), 8, ("cutover.yml:2",)),
    "no text at all": (lambda rig: broken(rig, "cutover.yml", b"\xff\xfe\x00phase"), 8, ("cutover.yml",)),
    "unknown key": (
        lambda rig: broken(rig, "restored.yml", "phase: restored\nrequire: []\n"), 8, ("restored.yml:2", "require"),
    ),
    "no authority's file": (lambda rig: with_extra(rig, ca_file="/nowhere.pem"), 8, ("/nowhere.pem", "ca_file")),
    "a secret that isn't there": (
        lambda rig: with_extra(rig, auth__dataverse__client_secret__env="NOT_SET_ANYWHERE"), 9, ("NOT_SET_ANYWHERE",),
    ),
    "wrong address": (lambda rig: with_extra(rig, dataverse="https://localhost:1"), 9, ("address of `dataverse`",)),
    "wrong tenant": (lambda rig: with_extra(rig, tenant=NO_TENANT), 10, ("Check `authority` and `tenant`",)),
    "other environment's F&O": (
        lambda rig: with_extra(rig, finance="https://localhost:1"), 5, ("is linked with", "`finance`"),
    ),
    "no such plan file": (lambda rig: ("apply", "none.plan"), 64, ("none.plan", "--out")),
    "Dataverse away": (lambda rig: no_answer(rig, effect="drop", service="dataverse"), 10, ("Dataverse",)),
    "F&O in trouble": (lambda rig: no_answer(rig, effect="status", status=503, service="finance"), 10, ("503",)),
    "an answer cut short": (
        lambda rig: no_answer(rig, effect="truncate", phase="after", service="finance"), 10,
        ("Finance and operations gave no whole answer",),
    ),
    "not allowed": (lambda rig: no_answer(rig, effect="status", status=403, service="finance"), 9, ("403",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_words_and_writes_nothing(stage: Stage, name: str) -> None:
    make, code, told = MISTAKES[name]
    rig = stage.take()
    words = make(rig)
    said = on(rig, *words)
    assert said.code == code, said.all
    text = " ".join(said.all.split())
    for each in told:
        assert each in text, said.all
    assert "Do:" in text or code == 64
    assert "Traceback" not in text
    assert "unexpected" not in text
    assert rig.writes() == []


SLOW = ("F&O in trouble", "an answer cut short")
"""Told the same way as "Dataverse away", after the same wait."""


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in SLOW])
def test_with_json_a_mistake_is_one_document_and_with_events_lines_of_json(stage: Stage, name: str) -> None:
    make, code, _ = MISTAKES[name]
    rig = stage.take()
    words = make(rig)
    said = on(rig, *words, "-o", "json")
    assert (said.code, said.document["exit_code"]) == (code, code), said.all
    assert said.document["what"]
    events = on(rig, *words, "-o", "events")
    lines = [json.loads(line) for line in events.out.splitlines()]
    assert (events.code, lines[-1]["event"], lines[-1]["exit_code"]) == (code, "run_complete", code)


def test_in_an_empty_directory_the_way_to_a_project_is_told(tmp_path: Path) -> None:
    for command in (("plan", "cutover"), ("apply", "cutover"), ("drift",), ("validate",), ("status",)):
        said = said_by(*command, directory=tmp_path)
        assert said.code == 64
        assert "go to the project's root, or give -i DIR" in said.err


def test_an_inventory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, words in (("nowhere", "no such inventory"), ("empty", "no hosts.yml"), ("file", "is a file")):
        said = said_by("plan", "cutover", "-i", name, "-s", str(STATES), directory=tmp_path)
        assert said.code == 8
        assert words in said.err
        assert name in said.err


def test_a_saved_plan_is_what_is_applied_and_a_phase_with_nothing_to_do_exits_0(stage: Stage) -> None:
    rig = stage.take()
    shown = on(rig, "plan", "cutover", "--detailed-exitcode", "--out", "go.plan")
    assert shown.code == 2
    assert "Saved go.plan" in shown.out
    shown_again = said_by("show", "go.plan", directory=rig.state_dir)
    assert shown_again.code == 0
    applied = on(rig, "apply", "go.plan", "-o", "json")
    assert applied.code == 0, applied.all
    assert applied.document["exit_code"] == 0
    assert {row["contract"] for row in export(rig)} <= set(confirmed(rig))
    assert on(rig, "plan", "cutover", "--detailed-exitcode").code == 0
    assert on(rig, "apply", "cutover").code == 0, "nothing to do needs no yes"


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: text.replace('"msdyn_amount":"', '"msdyn_amount":"1', 1),
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        lambda text: text.replace('"environment_class":"sandbox"', '"environment_class":"test"'),
        lambda text: text + text,
        lambda text: "",
    ],
    ids=["amount", "cut short", "class", "twice", "empty"],
)
def test_a_plan_that_was_tampered_with_is_refused(stage: Stage, tamper: Callable[[str], str]) -> None:
    rig = stage.take()
    on(rig, "plan", "cutover", "--out", "go.plan")
    path = rig.state_dir / "go.plan"
    before = path.read_text("utf-8")
    path.write_text(tamper(before), "utf-8")
    assert path.read_text("utf-8") != before
    rig.forget_requests()
    said = on(rig, "apply", "go.plan", "--yes")
    assert said.code == 5, said.all
    assert "go.plan" in said.err
    assert rig.control("requests") == []


def test_a_plan_whose_file_changed_since_is_refused(stage: Stage) -> None:
    rig = stage.take()
    path = give(rig, export(rig))
    on(rig, "plan", "cutover", "--out", "go.plan")
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    said = on(rig, "apply", "go.plan", "--yes")
    assert said.code == 4, said.all
    assert "make a new plan" in said.err
    assert rig.writes() == []


def test_production_takes_its_name_and_no_yes(stage: Stage) -> None:
    rig = stage.take()
    rig.extra["class"] = "prod"
    refused = on(rig, "apply", "cutover", "--yes")
    assert refused.code == 5
    assert "--yes is not enough" in refused.err
    assert "--confirm sandbox" in refused.err
    other = on(rig, "apply", "cutover", "--confirm", "contoso-prod")
    assert other.code == 5
    assert "this plan is for sandbox" in other.err
    confirmed_ = on(rig, "apply", "cutover", "--confirm", "sandbox")
    assert confirmed_.code == 7, "its name was enough; what nobody has attested is not"
    assert confirmed_.out.count('Do: add --attest async-integration="NAME: WORDS"\n') == 1, "asked once"
    locks = [entry for entry in rig.writes() if "/annotations" in entry["path"]]
    assert rig.writes() == locks, "nothing but the lock, taken and given back"


def test_no_yes_and_nobody_to_ask_writes_nothing(stage: Stage) -> None:
    rig = stage.take()
    said = on(rig, "apply", "cutover")
    assert said.code == 5
    assert "--yes" in said.err
    assert rig.writes() == []


def test_what_every_command_answers_in_json_is_one_document(stage: Stage) -> None:
    rig = stage.take()
    commands = ("validate",), ("plan", "cutover"), ("drift",), ("status",), ("apply", "cutover", "--yes")
    answers = [on(rig, *words, "-o", "json") for words in commands]
    answers.append(said_by("history", "-o", "json", directory=rig.state_dir))
    for said in answers:
        assert said.code == 0, said.all
        assert isinstance(said.document, dict)
