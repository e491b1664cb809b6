from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from statecfg.model.address import Address
from tests.loading.projects import HOST_VARS, load, problems, told, written


def states(folder: Path, text: str, **others: str) -> Path:
    files = {f"states/{name}.yml": body for name, body in others.items()}
    return written(folder, {"states/cutover.yml": text, **files})


def resources(folder: Path, text: str) -> list[str]:
    return told(states(folder, f"phase: cutover\nresources:\n{text}"))


def test_a_phase_holds_what_its_file_declares(tmp_path: Path) -> None:
    states(
        tmp_path,
        "phase: cutover\nnext: restored\ndescription: d\n"
        "requires: [{mode: {mode: 'on'}}, nothing, {complete: cutover}]\nholds: [{ledger: 'off'}]\n"
        "resources:\n  - switch: a\n    on: true\n    version: {publisher: p, number: 1.10, values: {4: 192350001}}\n"
        "  - switch: b\n    version: original\n    after: [switch/a]\n    while: [{switch: a, running: stopped}]\n",
        restored="phase: restored\n",
    )
    phase = load(tmp_path).states.phases["cutover"]
    assert (phase.name, phase.next, phase.description) == ("cutover", "restored", "d")
    assert [(each.name, each.spec.__class__.__name__) for each in phase.requires] == [
        ("mode", "ModeSpec"),
        ("nothing", "NothingSpec"),
        ("complete", "PhaseSpec"),
    ]
    assert phase.requires[2].spec.phase == "cutover"
    assert phase.holds[0].spec.mode == "off"
    first, second = phase.resources
    assert first.address == Address("switch", "a")
    assert (first.source.line, first.source.column) == (7, 5)
    assert first.spec.version.number == "1.10"
    assert first.spec.version.values == {"4": "192350001"}
    assert second.spec.version == "original"
    assert second.after == (first.address,)
    assert [(each.target, each.wants) for each in second.conditions] == [(first.address, {"running": "stopped"})]


@pytest.mark.parametrize(
    ("text", "told_as"),
    [
        ("  - {swich: a}\n", ["unknown-kind cutover.yml:3:5"]),
        ("  - {on: true}\n", ["unknown-kind cutover.yml:3:5"]),
        ("  - {switch: a, lists: b, of: switch/a}\n", ["unknown-kind cutover.yml:3:5"]),
        ("  - switch\n", ["unknown-kind cutover.yml:3:5"]),
        ("  - {switch: a/b}\n", ["bad-name cutover.yml:3:14"]),
        ("  - {switch: }\n", ["bad-name cutover.yml:3:13"]),
        ("  - {switch: a, onn: true}\n", ["unknown-key cutover.yml:3:17"]),
        ("  - {switch: a}\n  - {switch: a}\n", ["duplicate-resource cutover.yml:4:6"]),
        ("  - {switch: a, after: [switch/b]}\n", ["unknown-reference cutover.yml:3:25"]),
        ("  - {switch: a, after: [b]}\n", ["bad-address cutover.yml:3:25"]),
        ("  - {switch: a, after: switch/a}\n", ["wrong-type cutover.yml:3:24"]),
        ("  - {switch: a, after: [switch/a]}\n", ["circular-after cutover.yml:3:6"]),
        ("  - {switch: a, while: [{switch: b, running: stopped}]}\n", ["unknown-reference cutover.yml:3:26"]),
        ("  - {switch: a, while: [{switch: a, runing: stopped}]}\n", ["unknown-key cutover.yml:3:37"]),
        ("  - {switch: a, while: [{switch: a, running: walking}]}\n", ["unknown-value cutover.yml:3:46"]),
        ("  - {switch: a, while: [{switch: a}]}\n", ["wrong-while cutover.yml:3:25"]),
        ("  - {switch: a, while: [{switch: a, running: running}]}\n", ["while-without-version cutover.yml:3:25"]),
        ("  - {lists: a, of: switch/b}\n", ["unknown-reference cutover.yml:3:20"]),
        ("  - {lists: a, of: switch/b, while: [{lists: a}]}\n", ["wrong-while", "unknown-reference"]),
        ("  - {rows: a, from: ''}\n", ["no-record-file cutover.yml:3:21"]),
        ("  - {rows: a, from: absent.csv}\n", ["no-record-file cutover.yml:3:21"]),
        ("  - {rows: a, from: ../states}\n", ["no-record-file cutover.yml:3:21"]),
        ("  - {rows: a, from: cutover.yml}\n", ["no-record-file cutover.yml:3:21"]),
        ("  switch: a\n", ["wrong-type cutover.yml:3:3"]),
    ],
)
def test_what_is_wrong_with_resources_is_told(tmp_path: Path, text: str, told_as: list[str]) -> None:
    found = resources(tmp_path, text)
    assert [each[: len(wanted)] for each, wanted in zip(sorted(found), sorted(told_as), strict=True)] == sorted(told_as)


@pytest.mark.parametrize(
    ("text", "told_as"),
    [
        ("phaze: cutover\n", ["unknown-key cutover.yml:1:1", "missing-key cutover.yml:1:1"]),
        ("phase: cutover\nnext: nowhere\n", ["unknown-reference cutover.yml:2:1"]),
        ("phase: cutover\nnext: cutover\n", ["chain cutover.yml:1:1"]),
        ("phase: cutover\nrequires: [{mod: on}]\n", ["unknown-check cutover.yml:2:13"]),
        ("phase: cutover\nrequires: [{mode: {mod: on}}]\n", ["unknown-key cutover.yml:2:20"]),
        ("phase: cutover\nrequires: [{mode: maybe}]\n", ["unknown-value cutover.yml:2:19"]),
        ("phase: cutover\nrequires: [{nothing: x}]\n", ["wrong-type cutover.yml:2:22"]),
        ("phase: cutover\nrequires: [{mode: on, nothing: {}}]\n", ["wrong-type cutover.yml:2:12"]),
        ("phase: cutover\nrequires: {mode: on}\n", ["wrong-type cutover.yml:2:11"]),
        ("phase: cutover\nrequires: [{mode: {of: nothing}}]\n", ["unknown-reference cutover.yml:2:24"]),
        ("phase: cutover\nrequires: [{complete: nowhere}]\n", ["unknown-reference cutover.yml:2:23"]),
        ("phase: cutover\nholds: [{leger: on}]\n", ["unknown-invariant cutover.yml:2:10"]),
        ("phase: cutover\nholds: {same_as: nowhere}\n", ["unknown-reference cutover.yml:2:18"]),
        ("phase: cutover\nholds: {same_as: cutover}\n", ["circular-same-as cutover.yml:2:18"]),
        ("- phase: cutover\n", ["no-phase cutover.yml:0:0"]),
        ("", ["no-phase cutover.yml:0:0"]),
        ("phase: [a]\n", ["wrong-type cutover.yml:1:8"]),
        ("phase: cutover\nvars: [a]\n", ["wrong-type cutover.yml:2:7"]),
    ],
)
def test_what_is_wrong_with_a_phase_is_told(tmp_path: Path, text: str, told_as: list[str]) -> None:
    assert sorted(told(states(tmp_path, text))) == sorted(told_as)


def test_the_chain_comes_first_and_ways_back_last(tmp_path: Path) -> None:
    states(tmp_path, "phase: one\nnext: two\n", a="phase: aside\n", b="phase: three\n", z="phase: two\nnext: three\n")
    found = load(tmp_path).states
    assert list(found.phases) == ["one", "two", "three", "aside"]
    assert found.position("two") == (2, 3)


def test_two_files_with_one_phase_are_told_by_both_names(tmp_path: Path) -> None:
    found = problems(states(tmp_path, "phase: one\n", b="phase: one\n"))
    assert [problem.code for problem in found] == ["duplicate-phase"]
    assert {Path(found[0].where.file).name, Path(found[0].what.split()[-1]).name} == {"b.yml", "cutover.yml"}


@pytest.mark.parametrize(
    "others",
    [{"b": "phase: b\nnext: c\n", "c": "phase: c\n"}, {"b": "phase: b\nnext: a\n", "c": "phase: c\n"}],
)
def test_a_phase_follows_one_other_and_never_itself(tmp_path: Path, others: dict[str, str]) -> None:
    states(tmp_path, "phase: a\nnext: " + ("c" if "next: c" in others["b"] else "b") + "\n", **others)
    assert {problem.code for problem in problems(tmp_path)} == {"chain"}


def test_invariants_can_be_those_of_another_phase(tmp_path: Path) -> None:
    states(
        tmp_path,
        "phase: one\nnext: two\nholds: [{ledger: 'off'}]\n",
        a="phase: two\nholds: {same_as: one}\n",
        b="phase: three\nholds: {same_as: two}\n",
    )
    phases = load(tmp_path).states.phases
    assert phases["three"].holds == phases["two"].holds == phases["one"].holds != ()


def test_of_may_name_a_resource_a_kind_or_a_phase(tmp_path: Path) -> None:
    states(
        tmp_path,
        "phase: one\nrequires: [{mode: {of: one}}, {mode: {of: switch}}, {mode: {of: switch/a}}]\n"
        "resources: [{switch: a}, {lists: l, of: switch/a}]\n",
    )
    assert load(tmp_path).states.phases["one"].resources[1].spec.of == "switch/a"


def test_a_wrong_resource_does_not_make_references_to_it_wrong(tmp_path: Path) -> None:
    found = resources(tmp_path, "  - {switch: a, onn: true}\n  - {switch: b, after: [switch/a]}\n")
    assert found == ["unknown-key cutover.yml:3:17"]


def test_control_totals_come_from_the_inventory_with_their_types(tmp_path: Path) -> None:
    files = {
        "inventory/host_vars/uat.yml": HOST_VARS + "control: {count: 1, sum: {USD: '922337203685476.99'}}\n",
        "states/cutover.yml": "phase: cutover\nresources:\n  - rows: a\n    from: m.csv\n"
        "    expect: {count: '{{ control.count }}', sum: '{{ control.sum }}'}\n"
        "  - rows: b\n    from: m.csv\n    expect: {count: '{{ none }}'}\n",
        "states/m.csv": "contract,name,amount\nC,n,1\n",
    }
    first, second = load(written(tmp_path, files)).states.phases["cutover"].resources
    assert first.spec.expect.count == 1
    assert first.spec.expect.sum == {"USD": Decimal("922337203685476.99")}
    assert second.spec.expect.count is None


def test_the_kinds_own_problems_are_told_with_the_others(tmp_path: Path) -> None:
    files = {
        "states/cutover.yml": "phase: cutover\nresources: [{rows: a, from: m.csv}]\n",
        "states/m.csv": "contract,name,amount\nC,twice,1\nC,n,x\n",
    }
    assert [problem.code for problem in problems(written(tmp_path, files))] == ["twice", "not-a-number"]


def test_a_folder_without_state_files_is_told(tmp_path: Path) -> None:
    written(tmp_path, {})
    (tmp_path / "states/cutover.yml").unlink()
    assert told(tmp_path) == ["no-states states:0:0"]
    for name in ("one", "two"):
        (tmp_path / "states" / name).mkdir()
        (tmp_path / "states" / name / "a.yml").write_text("phase: a\n")
    assert "which-states states:0:0" in told(tmp_path)


def test_places_do_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    text = "phase: {}\nresources: [{{switch: a}}]\n"
    names = ["m", "a", "z"]
    states(tmp_path, text.format("cutover"), **{name: text.format(name) for name in names})
    assert list(load(tmp_path).states.phases) == ["a", "cutover", "m", "z"]
