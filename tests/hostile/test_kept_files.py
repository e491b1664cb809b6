"""Plans, journals and run files that somebody spoilt: an exit code, the file's name, and nothing written."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecfg.engine import planfile
from statecfg.model.errors import PlanRefused
from tests.end_to_end.command import Said
from tests.end_to_end.rig import Rig
from tests.end_to_end.stage import Stage, staged
from tests.hostile.running import run_on

Line = dict[str, Any]
Lines = list[Line]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("kept"), contracts=2, milestones=4, **{"gateway.request_reads": 0}) as stage:
        yield stage


@pytest.fixture(scope="module")
def plan(stage: Stage) -> bytes:
    """A plan file as it was saved."""
    rig = stage.take()
    said = run_on(rig, "plan", "cutover", "--out", "a.plan")
    assert said.code == 0, said.all
    return (rig.state_dir / "a.plan").read_bytes()


def sealed(lines: Lines) -> bytes:
    """Lines with a digest that fits them."""
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return text + json.dumps({"type": "trailer", "sha256": hashlib.sha256(text).hexdigest()}).encode() + b"\n"


def opened(plan: bytes) -> Lines:
    return [json.loads(line) for line in plan.splitlines()][:-1]


def assert_refused(said: Said, name: str, code: int = 5) -> None:
    assert said.code == code, said.all
    assert name in " ".join(said.all.split()).replace("- ", "-")
    assert "Traceback" not in said.all
    assert "unexpected" not in said.all


def of_type(lines: Lines, kind: str) -> Line:
    return next(line for line in lines if line["type"] == kind)


def sending(lines: Lines) -> Line:
    return next(line for line in lines if line["type"] == "step" and line["batching"])


def record_first(lines: Lines) -> None:
    lines.insert(1, of_type(lines, "record"))


def value(name: str, what: Any) -> Callable[[Lines], None]:
    return lambda lines: of_type(lines, "record")["values"].update({name: what})


def step(**changes: Any) -> Callable[[Lines], None]:
    return lambda lines: sending(lines).update(changes)


def batching(**changes: Any) -> Callable[[Lines], None]:
    return lambda lines: sending(lines)["batching"].update(changes)


def header(**changes: Any) -> Callable[[Lines], None]:
    return lambda lines: lines[0].update(changes)


HOSTILE: dict[str, Callable[[Lines], object]] = {
    "a status that only invoicing sets": value("msdyn_invoicestatus", 192350003),
    "a column that nobody declared": value("ownerid", "somebody"),
    "another amount": value("msdyn_amount", "0.01"),
    "an amount without end": value("msdyn_amount", "1e999999999"),
    "an amount that is none": value("msdyn_amount", "NaN"),
    "a fraction": value("msdyn_name", 1.5),
    "a mapping for a value": value("msdyn_name", {"a": 1}),
    "a record without its step": record_first,
    "a record twice": lambda lines: lines.insert(lines.index(of_type(lines, "record")), of_type(lines, "record")),
    "a step twice": lambda lines: lines.append(of_type(lines, "step")),
    "no step that fences": step(moment="", conditions=[]),
    "a step of no kind": step(address={"kind": "ledger", "name": "x"}),
    "a verb of nobody": step(verb="delete-everything"),
    "a step without its while": step(conditions=[]),
    "minus one record": step(count=-1),
    "more records than atoms": step(count=10**30),
    "a deadline of a thousand years": step(deadline_s=3.2e10),
    "no worker": batching(workers=0),
    "a million workers": batching(workers=10**6),
    "groups of nobody": batching(group=0),
    "two headers": lambda lines: lines.insert(1, lines[0]),
    "no header": lambda lines: lines.pop(0),
    "the header last": lambda lines: lines.append(lines.pop(0)),
    "another format": header(format=99),
    "an expiry that is no time": header(expires_at="~"),
    "an environment of the wrong type": header(environment=7),
    "a line of no type": lambda lines: lines.insert(1, {"type": "surprise"}),
    "a line that is a number": lambda lines: lines.insert(1, 7),  # type: ignore[arg-type]
    "a finding of the wrong type": lambda lines: of_type(lines, "world").update(count="many"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_plan_with_hostile_lines_is_refused_though_its_digest_fits(stage: Stage, plan: bytes, name: str) -> None:
    lines = opened(plan)
    HOSTILE[name](lines)
    rig = stage.take()
    said = applied(rig, sealed(lines))
    assert_refused(said, ".plan")
    assert rig.writes() == [] or {entry["path"].split("(")[0] for entry in rig.writes()} == {LOCK}


LOCK = "/api/data/v9.2/annotations"


def applied(rig: Rig, content: bytes) -> Said:
    rig.state_dir.mkdir(parents=True, exist_ok=True)
    (rig.state_dir / "a.plan").write_bytes(content)
    return run_on(rig, "apply", "a.plan")


def test_the_same_plan_with_a_new_seal_is_carried_out(stage: Stage, plan: bytes) -> None:
    rig = stage.take()
    said = applied(rig, sealed(opened(plan)))
    assert said.code == 0, said.all


BYTES = {
    "nothing": b"",
    "one line end": b"\n",
    "random": bytes(range(256)) * 50,
    "10,000 levels": b'{"type":' + b"[" * 10_000 + b"\n",
    "one line of 20 MB": b'{"type":"header","a":"' + b"x" * 20_000_000,
}


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("command", ["show", "apply"])
def test_a_file_that_is_no_plan_is_refused_by_name(stage: Stage, name: str, command: str) -> None:
    rig = stage.rig()
    rig.state_dir.mkdir(parents=True)
    (rig.state_dir / "a.plan").write_bytes(BYTES[name])
    words = ("show", "a.plan") if command == "show" else ("apply", "a.plan", *project_of(rig))
    assert_refused(run_on_bare(rig, *words), "a.plan")


def project_of(rig: Rig) -> tuple[str, ...]:
    from tests.hostile.running import project

    return tuple(project(rig))


def run_on_bare(rig: Rig, *words: str) -> Said:
    """A command with exactly these words."""
    from tests.end_to_end.command import said_by

    return said_by(*words, directory=rig.state_dir)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_change_of_a_line_is_a_refusal_or_a_plan(
    plan: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = opened(plan)
    where = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["field", "drop", "twice", "swap", "cut"]))
    if how == "field":
        lines[where][data.draw(st.sampled_from(sorted(lines[where])))] = data.draw(JUNK)
    elif how == "drop":
        del lines[where]
    elif how == "twice":
        lines.insert(where, lines[where])
    elif how == "swap":
        other = data.draw(st.integers(0, len(lines) - 1))
        lines[where], lines[other] = lines[other], lines[where]
    content = sealed(lines) if how != "cut" else plan[: data.draw(st.integers(0, len(plan)))]
    path = tmp_path_factory.mktemp("any") / "a.plan"
    path.write_bytes(content)
    # Anything but a refusal comes through and fails the test.
    with suppress(PlanRefused):
        found, _ = planfile.read(path)
        assert sum(len(list(each.records)) for each in found.steps) < 100


def begun(stage: Stage, place: Path) -> Path:
    """A project in which a run was stopped half-way; its state directory, to be spoilt."""
    kept = place / "begun"
    if not kept.exists():
        rig = stage.take()
        said = run_on(rig, "apply", "cutover", "--yes", "--stop-after", "2")
        assert said.code == 3, said.all
        stage.keep("begun")
        shutil.copytree(rig.state_dir, kept)
    return kept


def resumed(stage: Stage) -> Rig:
    kept = begun(stage, stage.place)
    rig = stage.take("begun")
    shutil.copytree(kept, rig.state_dir)
    return rig


def other_schema(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("create table run (id text, when_ text)")
    db.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()


def sql(statement: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()

    return spoil


def bytes_(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


JOURNALS: dict[str, Callable[[Path], object]] = {
    "random bytes": bytes_(bytes(range(256)) * 40),
    "the head of a database and no more": lambda path: path.write_bytes(path.read_bytes()[:200]),
    "a page full of noise": lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192),
    "another schema": other_schema,
    "a newer version": newer,
    "counts that are no JSON": sql("update run set counts = '{'"),
}


@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_that_cannot_be_read_is_refused_by_name_and_never_written_over(stage: Stage, name: str) -> None:
    rig = resumed(stage)
    journal = rig.state_dir / ".statecfg" / "journal.sqlite"
    JOURNALS[name](journal)
    before = journal.read_bytes()
    for words in (("history",), ("resume", "--yes")):
        said = run_on(rig, *words) if words[0] == "resume" else run_on_bare(rig, *words)
        assert_refused(said, "journal.sqlite")
        assert "move it away" in " ".join(said.all.split())
    assert journal.read_bytes() == before
    assert rig.writes() == []


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_journal_without_its_log_or_with_a_foreign_one_is_read(stage: Stage, suffix: str) -> None:
    rig = resumed(stage)
    log = rig.state_dir / ".statecfg" / f"journal.sqlite{suffix}"
    log.write_bytes(bytes(range(256)) * 256)
    said = run_on(rig, "resume", "--yes")
    assert said.code == 0, said.all


RUNS: dict[str, bytes] = {
    "nothing": b"",
    "random": bytes(range(256)),
    "10,000 levels": b'{"format":1,"identity":' + b"[" * 10_000,
    "another version": b'{"format":99}',
    "other types": b'{"format":1,"identity":{"name":7}}',
    "a name that leaves the directory": b'{"format":1,"run":"../../../evil","identity":'
    b'{"name":"a","organization_id":"b","finance_host":"c","connection_id":"d"}}',
    "a list": b"[]",
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_file_that_cannot_be_read_is_refused_by_name(stage: Stage, name: str) -> None:
    rig = stage.take()
    rig.state_dir.mkdir(parents=True)
    (rig.state_dir / "RUN.json").write_bytes(RUNS[name])
    assert_refused(run_on(rig, "plan", "cutover", "--from-run", "RUN.json"), "RUN.json")
    rig = resumed(stage)
    (own,) = (rig.state_dir / ".statecfg").rglob("runs/*.json")
    own.write_bytes(RUNS[name])
    assert_refused(run_on(rig, "resume", "--yes"), own.name[:8])
