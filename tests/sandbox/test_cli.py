"""`statecfg sandbox`: what its commands do, say, and end with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from statecfg.cli import sandbox as command
from statecfg.cli.main import cli
from statecfg.sandbox import process, wanted
from statecfg.sandbox.server import Sandbox

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(["sandbox", *words], standalone_mode=False)
        told = capsys.readouterr()
        return int(code), told.out, told.err

    return called


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=2, milestones=12) as started:
        yield started


def in_dir(running: Sandbox) -> tuple[str, str]:
    return "--dir", str(running.directory)


@pytest.mark.parametrize(("knob", "words"), [("maps.stopped=x", "is a list"), ("nobody=1", "no setting 'nobody'")])
def test_a_knob_that_is_turned_wrongly_is_a_mistake_of_the_command(
    run: Run, tmp_path: Path, knob: str, words: str
) -> None:
    small = ("--port", "0", "--contracts", "1", "--milestones", "1")
    code, _, err = run("up", "--dir", str(tmp_path), *small, "--set", knob)
    assert (code, words in err) == (64, True)


def test_up_detached_serves_a_world_until_down(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "box"
    small = ("--port", "0", "--contracts", "2", "--milestones", "12")
    code, out, _ = run("up", "--dir", str(directory), "--detach", *small)
    try:
        assert code == 0
        assert "2 contracts, 12 milestones to migrate" in out
        assert f"statecfg plan cutover -i {directory / 'inventory'}" in out
        details = json.loads((directory / "sandbox.json").read_text("utf-8"))
        assert details["dataverse_url"] in out

        again, _, err = run("up", "--dir", str(directory), "--detach", *small)
        assert again == 6
        assert f"process {details['pid']}" in err
    finally:
        code, out, _ = run("down", "--dir", str(directory))
    assert (code, f"process {details['pid']}" in out) == (0, True)
    assert process.running(directory) is None


def test_down_where_nothing_runs_is_no_error(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("down", "--dir", str(tmp_path))
    assert (code, "No sandbox is running" in out) == (0, True)


@pytest.mark.parametrize("words", [("status",), ("seed",), ("settings",), ("import-and-post",), ("fault",)])
def test_a_command_for_a_sandbox_that_does_not_run_says_how_to_start_one(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, _, err = run(*words, "--dir", str(tmp_path))
    assert code == 10
    assert "no sandbox is running" in err
    assert f"statecfg sandbox up --detach --dir {tmp_path}" in " ".join(err.split())


def test_a_taken_port_is_a_wrong_command_line(run: Run, running: Sandbox, tmp_path: Path) -> None:
    port = running.url("entra").rpartition(":")[2]
    code, _, err = run("up", "--dir", str(tmp_path), "--port", port)
    assert code == 64
    assert "--port 0" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--contracts", "0"), "contracts"),
        (("--columns", "{file}"), "--from"),
        (("--from", "nowhere.csv"), "nowhere.csv"),
        (("--port", "99999"), "port"),
        (("--set", "novalue"), "KEY=VALUE"),
    ],
)
def test_a_wrong_command_line_ends_with_64(run: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = tmp_path / "file.yml"
    file.touch()
    code, _, err = run("up", "--dir", str(tmp_path / "box"), *(word.format(file=file) for word in words))
    assert (code, said in err) == (64, True)


def test_an_unknown_setting_is_refused_before_anything_listens(run: Run, tmp_path: Path) -> None:
    code, _, err = run("up", "--dir", str(tmp_path), "--port", "0", "--detach", "--set", "no.such.knob=1")
    assert (code, "no.such.knob" in err) == (1, True)
    assert not (tmp_path / "sandbox.json").exists()


def test_an_export_without_a_usable_row_is_a_wrong_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text("contract,line,name,amount,currency,date\nTotal,,,5,,\n", encoding="utf-8")
    code, _, err = run("up", "--dir", str(tmp_path / "box"), "--from", str(file))
    assert (code, "no row of it can be used" in err) == (8, True)


def test_status_tells_maps_by_all_witnesses_counts_and_ledger(run: Run, running: Sandbox) -> None:
    code, out, _ = run("status", *in_dir(running))
    assert code == 0
    assert [out.count("running"), out.count("no row")] == [7, 2]
    assert "Microsoft 1.0.0.7" in out
    assert "usmf USD" in out


def test_status_as_json_holds_the_exact_ledger_and_no_secret(run: Run, running: Sandbox) -> None:
    code, out, _ = run("status", *in_dir(running), "-o", "json")
    document = json.loads(out, parse_float=str)
    assert code == 0
    assert set(document["ledger"]) == {"usmf", "demf", "gbsi"}
    assert running.details["client_secret"] not in out
    assert running.details["refresh_token"] not in out


def test_faults_are_added_listed_and_cleared(run: Run, running: Sandbox) -> None:
    words = ("add", "throttle", "--service", "dataverse", "--nth", "3", "--seconds", "2")
    assert run("fault", *in_dir(running), *words)[0] == 0
    (asked,) = running.kernel.control.call("faults", "GET")
    wanted_fault = {"effect": "status", "status": 429, "retry_after": 2, "service": "dataverse", "occurrence": 3}
    assert wanted_fault.items() <= asked.items()
    assert "status=429" in run("fault", *in_dir(running))[1]
    assert run("fault", *in_dir(running), "clear", str(asked["number"]))[0] == 0
    assert running.kernel.control.call("faults", "GET") == []


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("delay", "--seconds", "0.5"), {"effect": "delay", "seconds": 0.5}),
        (("error",), {"effect": "status", "status": 503}),
        (("error", "--status", "500", "--message", "no"), {"effect": "status", "status": 500, "message": "no"}),
        (("lost-answer", "--method", "POST", "--nth", "1"), {"effect": "lost", "method": "POST", "phase": "after"}),
        (("cut-answer",), {"effect": "truncate"}),
        (("drop", "--path", "Entities", "--after"), {"effect": "drop", "path": "Entities", "phase": "after"}),
        (("expire-token", "--times", "2"), {"effect": "expire_token", "times": 2}),
        (("refuse-row", "--contains", "Kick-off"), {"effect": "refuse_row", "contains": "Kick-off"}),
        (("raw", '{"effect": "delay", "seconds": 3}'), {"effect": "delay", "seconds": 3}),
    ],
)
def test_a_fault_in_friendly_words_is_the_control_paths_own(
    run: Run, running: Sandbox, words: tuple[str, ...], asked: Mapping[str, Any]
) -> None:
    try:
        assert run("fault", *in_dir(running), "add", *words)[0] == 0
        (found,) = running.kernel.control.call("faults", "GET")
        assert asked.items() <= found.items()
    finally:
        running.kernel.control.call("faults", "DELETE")


@pytest.mark.parametrize(
    ("words", "code"),
    [(("nonsense",), 64), (("raw", "{"), 64), (("raw", '{"no": "effect"}'), 1), (("delay", "--path", "("), 1)],
)
def test_a_fault_that_nobody_understands_is_refused(
    run: Run, running: Sandbox, words: tuple[str, ...], code: int
) -> None:
    assert run("fault", *in_dir(running), "add", *words)[0] == code


def test_settings_are_shown_and_turned(run: Run, running: Sandbox) -> None:
    code, out, _ = run("settings", *in_dir(running), "valuemap.missing=skip", "clock.offset_s=5")
    assert (code, out.splitlines()) == (0, ["clock.offset_s = 5", 'valuemap.missing = "skip"'])
    assert "valuemap.missing" in run("settings", *in_dir(running))[1]
    assert run("settings", *in_dir(running), "no.such.knob=1")[0] == 1


def test_import_and_post_brings_what_is_in_staging_to_the_ledger(run: Run, running: Sandbox) -> None:
    assert "Posted: 0 invoices." in run("import-and-post", *in_dir(running))[1]
    before = running.kernel.control.call("ledger", "GET")
    running.kernel.control.call("settings", "PATCH", {"valuemap.missing": "skip"})
    (day,) = (running.kernel.control.call("business-day", "POST", {"milestones": 0, "invoices": 1, "payments": 0}),)
    assert day["vouchers"]
    assert running.kernel.control.call("ledger", "GET") != before


def test_seed_replaces_the_world_of_a_running_sandbox(run: Run, tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, contracts=2, milestones=12) as started:
        code, out, _ = run("seed", "--dir", str(tmp_path), "--contracts", "3", "--milestones", "7")
        assert (code, "3 contracts, 7 milestones" in out) == (0, True)
        assert started.details["world"]["milestones"] == 7


def test_the_defaults_in_help_are_the_sandboxes_own() -> None:
    ours = (command.DIRECTORY, command.CONTRACTS, command.MILESTONES, command.SEED, command.PORT)
    assert ours == (wanted.DIRECTORY, wanted.CONTRACTS, wanted.MILESTONES, wanted.SEED, wanted.PORT)
