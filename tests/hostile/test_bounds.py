"""Files and answers made to fill the memory end in a message, in a process that may have only so much of it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Said
from tests.end_to_end.rig import ROOT, STATES, Rig
from tests.end_to_end.stage import Stage, staged
from tests.hostile import wire
from tests.hostile.proxy import Proxy, before
from tests.hostile.running import project
from tests.loading.tables import MAIN, forged, text_cells

MOST = 900 * 1024 * 1024
"""Of address space, stacks of threads and libraries included."""
DEADLINE_S = 120


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("bounds"), contracts=2, milestones=4, **{"gateway.request_reads": 0}) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Proxy]:
    with before(stage.sandbox) as proxy:
        yield proxy


def bounded(rig: Rig, *words: str) -> Said:
    """A command in a process of its own that may have no more memory than that, nor take longer."""
    rig.state_dir.mkdir(parents=True, exist_ok=True)
    home = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(rig.state_dir / "home"), "MALLOC_ARENA_MAX": "2"}
    ran = subprocess.run(
        [sys.executable, "-m", "statecfg", *words, *project(rig)],
        cwd=rig.state_dir, env={**os.environ, **home}, capture_output=True, text=True, timeout=DEADLINE_S,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST)),
    )  # fmt: skip
    return Said(ran.returncode, ran.stdout, ran.stderr)


def test_a_good_run_fits_well(stage: Stage) -> None:
    rig = stage.take()
    said = bounded(rig, "apply", "cutover", "--yes")
    assert said.code == 0, said.all


HEADINGS = "contract,line,name,amount,tax,currency,date,invoiced\n"
ROW = "C,L,n,1.00,0,USD,2020-01-01,yes\n"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
HEAD = text_cells(1, *HEADINGS.strip().split(","))


def table(content: bytes, name: str = "m.csv") -> Callable[[Rig, Path], str]:
    def make(rig: Rig, place: Path) -> str:
        (place / name).write_bytes(content)
        rig.extra["milestone_file"] = str(place / name)
        return name

    return make


def workbook(sheet: str = HEAD, **parts: str) -> Callable[[Rig, Path], str]:
    def make(rig: Rig, place: Path) -> str:
        rig.extra["milestone_file"] = str(forged(place, sheet, **parts))
        return "m.xlsx"

    return make


def bombed(rig: Rig, place: Path) -> str:
    """A workbook whose sheet unpacks to two gigabytes."""
    path = forged(place, HEAD)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if "sheet1" not in name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for _ in range(2000):
                part.write(b" " * (1 << 20))
    rig.extra["milestone_file"] = str(path)
    return "m.xlsx"


def state_file(text: str) -> Callable[[Rig, Path], str]:
    def make(rig: Rig, place: Path) -> str:
        for path in STATES.glob("*.yml"):
            (place / path.name).write_bytes(path.read_bytes())
        (place / "cutover.yml").write_text(text, "utf-8")
        rig.states = place
        return "cutover.yml"

    return make


def phase(description: str) -> Callable[[Rig, Path], str]:
    return state_file(f"phase: cutover\ndescription: {description}\nresources: []\n")


FILES: dict[str, Callable[[Rig, Path], str]] = {
    "a YAML bomb": state_file(
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    ),
    "50 MB of YAML": state_file("phase: cutover\n" + "# a comment\n" * 4_500_000),
    "a deep YAML": state_file("phase: " + "{a: " * 100_000),
    "a template that grows": phase("\"{{ 'x' * 10 ** 8 }}\""),
    "a template that grows in steps": phase("\"{{ ('x' * 1000) * 1000 * 1000 }}\""),
    "a range": phase('"{{ range(10 ** 9) | list }}"'),
    "a name that isn't there": phase('"{{ nowhere }}"'),
    "an attribute that leads out": phase("\"{{ ''.__class__.__mro__[1].__subclasses__() }}\""),
    "a cell of 50 MB": table((HEADINGS + "C,L," + "n" * 50_000_000 + ",1,0,USD,2020-01-01,yes\n").encode()),
    "a quotation mark that never closes": table((HEADINGS + 'C,"L' + ROW * 1_500_000).encode()),
    "50 MB without a line end": table(b"a," * 25_000_000),
    "a million columns": table(b"a," * 400_000 + b"\n" + b"1," * 400_000 + b"\n"),
    "an amount beyond every amount": table((HEADINGS + ROW.replace("1.00", "1e308")).encode()),
    "a cell at the far end": workbook(HEAD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "a zip bomb": bombed,
    "laughs": workbook(
        whole=f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]><worksheet xmlns="{MAIN}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&l11;</t></is></c></row></sheetData></worksheet>'
    ),
    "an entity from outside": workbook(
        whole=f'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><worksheet xmlns="{MAIN}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&x;</t></is></c></row></sheetData></worksheet>'
    ),
    "a row beyond every number": workbook(HEAD + f'<row r="{"9" * 5000}"><c r="A2"><v>1</v></c></row>'),
    "digits that are none": workbook(HEAD + '<row r="\u00b2"><c r="A2" s="\u00b2" t="s"><v>\u00b2</v></c></row>'),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_made_to_hurt_is_told_with_its_place(stage: Stage, tmp_path: Path, name: str) -> None:
    rig = stage.rig()
    rig.extra |= {"control.count": "1"}
    file = FILES[name](rig, tmp_path)
    said = bounded(rig, "plan", "cutover")
    assert said.code == 8, said.all
    assert file in said.all
    assert "Traceback" not in said.all
    assert "root:" not in said.all
    assert len(said.all) < 50_000


ANSWERS: dict[str, wire.Spoil] = {
    "200 MB of lists": wire.flood(200 << 20),
    "60 MB of lists": wire.flood(60 << 20),
    "60 MB of objects": wire.flood(60 << 20, b'{"value":[' + b'{"a":{}},' * 50),
    "200 MB of a text": wire.flood(200 << 20, b"x"),
    "10 GB in gzip": wire.encoded(wire.bomb(10 << 30)),
    "gzip within gzip": wire.encoded(wire.TWICE, "gzip, gzip"),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("service", ["dataverse", "entra"])
def test_an_answer_made_to_fill_the_memory_is_told_with_its_address(
    stage: Stage, proxy: Proxy, tmp_path: Path, service: str, name: str
) -> None:
    path = "/token" if service == "entra" else "salesorders"
    proxy.mischief = wire.at(service, path, ANSWERS[name])
    rig = proxy.rig(stage.take(), tmp_path)
    rig.extra["waits.service_s"] = "2"
    said = bounded(rig, "plan", "cutover")
    assert said.code == 10, said.all
    assert "https://localhost:" in said.all
    assert "Traceback" not in said.all
