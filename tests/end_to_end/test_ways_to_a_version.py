"""Each way in which the cutover version may come to be, and versions that aren't what was declared."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statecfg.model.events import Event
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.outcome import assert_complete, confirmed, maps
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import Stage, staged
from tests.foreign.client import CUTOVER_LINE, STOPPED

VERSION = {"version": "1.0.0.8", "description": "Cutover version of the map", "activate": False}
RIGHT = {**VERSION, "mappings": [CUTOVER_LINE]}
CUSTOM = "ContosoDualWriteMaps"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), 2, 6, **{"gateway.request_reads": 0}) as stage:
        yield stage


@pytest.fixture
def rig(stage: Stage) -> Rig:
    """A small world before its cutover."""
    return stage.take()


def both_phases(rig: Rig) -> None:
    """Both phases complete, and no money has moved."""
    ledger, invoices, before = rig.ledger(), confirmed(rig), maps(rig)
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    assert (rig.ledger(), maps(rig)) == (ledger, before)
    assert_complete(rig, invoices)


def used(rig: Rig) -> str:
    """The way that the plan takes."""
    step = next(step for step in rig.plan("cutover").steps if step.verb == "save-version")
    return str(step.detail["via"])


ROWS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "author in a column": ({}, {}),
    "author in properties": (
        {"map_row.author_column": "msdyn_properties"},
        {"map_row.author_column": "msdyn_properties"},
    ),
    "author of the default solution": ({"map_row.author_column": ""}, {"map_row.author_column": ""}),
    "only rows in the solution": (
        {"map_row.solution": "required"},
        {"map_row.solution": CUSTOM, "map_row.restore_solution": CUSTOM},
    ),
    "author of the solution that it is in": (
        {"map_row.author_column": "", "map_row.solution": "required"},
        {"map_row.author_column": "", "map_row.solution": CUSTOM, "map_row.restore_solution": CUSTOM},
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_by_a_row(rig: Rig, case: str) -> None:
    settings, extra = ROWS[case]
    if settings:
        rig.control("settings", "PATCH", **settings)
    rig.extra |= extra
    assert used(rig) == "row"
    start = next(step for step in rig.plan("cutover").steps if step.verb == "start")
    result = rig.apply("cutover", stop_after=start.number)
    assert [step.state for step in result.steps][: start.number] == ["done"] * start.number, said(result)
    assert running(rig) == ("4", "Default publisher", "1.0.0.8")


def running(rig: Rig) -> tuple[str, str, str]:
    """State, publisher and number of the milestones map."""
    state, template = maps(rig)["milestones"]
    (version,) = rig.find("dw.templates", id=template)
    return state, version["author"], version["version"]


def test_by_a_row_both_phases_complete(rig: Rig) -> None:
    both_phases(rig)


def by_hand(rig: Rig, fields: dict[str, Any]) -> list[str]:
    """A person saves the version as soon as the product asks for it; what the product asked."""
    asked: list[str] = []

    class Events(list[Event]):
        def append(self, event: Event) -> None:
            if event.name == "wait" and "Save as" in str(event.data.get("missing", "")) and not asked:
                asked.append(str(event.data["missing"]))
                rig.control("save-as", "POST", **fields)

    rig.events = Events()
    rig.extra["maps.milestones.via"] = "manual"
    return asked


@pytest.mark.parametrize("activate", [False, True], ids=["saved", "saved and chosen"])
def test_by_hand_while_the_product_waits_and_says_how(rig: Rig, activate: bool) -> None:
    asked = by_hand(rig, {**RIGHT, "activate": activate})
    assert used(rig) == "manual"
    both_phases(rig)
    (words,) = asked
    for part in ("TRANSSTATUS <- msdyn_invoicestatus", "4 = 192350001", "Default publisher", "1.0.0.8"):
        assert part in words


def solution(rig: Rig, fields: dict[str, Any]) -> None:
    """Somebody made a solution elsewhere, and the inventory names it."""
    made = rig.control("solution", "POST", **fields)
    file = rig.state_dir / "cutover.zip"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode(made["file"]))
    rig.extra |= {"maps.milestones.via": "solution", "maps.milestones.solution": made["uniquename"]}
    rig.extra["maps.milestones.solution_file"] = str(file)


def test_by_a_solution(rig: Rig) -> None:
    solution(rig, RIGHT)
    assert used(rig) == "solution"
    both_phases(rig)


OTHER_PAIR = {**CUTOVER_LINE, "valueTransforms": [{"transformType": "ValueMap", "valueMap": {"4": "192350000"}}]}
SECOND_ROW = {"syncDirection": 2, "sourceField": "NAME", "destinationField": "msdyn_description"}
WRONG: dict[str, list[dict[str, Any]]] = {
    "another pair": [OTHER_PAIR],
    "a row too many": [CUTOVER_LINE, SECOND_ROW],
    "no row": [],
    "the other way": [{**CUTOVER_LINE, "syncDirection": 1}],
}


def assert_not_activated(rig: Rig, result: Any, *, chosen: bool = False) -> None:
    assert result.exit_code == 7, said(result)
    assert "mapping-not-exact" in codes((*result.plan.findings, *result.findings, *result.error.findings))
    state, template = maps(rig)["milestones"]
    wrong = [row["id"] for row in rig.find("dw.templates", map="milestones") if row["version"] == "1.0.0.8"]
    assert state in STOPPED or template not in wrong
    assert chosen or template not in wrong, "it was never chosen"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_version_saved_before_that_is_not_what_is_declared_blocks_the_plan(rig: Rig, wrong: str) -> None:
    rig.control("save-as", "POST", **VERSION, mappings=WRONG[wrong])
    rig.forget_requests()
    assert codes(rig.plan("cutover").findings) == ["mapping-not-exact"]
    assert_not_activated(rig, rig.apply("cutover"))
    assert rig.writes() == []


@pytest.mark.parametrize("activate", [False, True], ids=["saved", "saved and chosen"])
@pytest.mark.parametrize("wrong", ["another pair", "a row too many"])
def test_a_version_saved_by_hand_that_is_not_what_is_declared_never_runs(rig: Rig, wrong: str, activate: bool) -> None:
    by_hand(rig, {**VERSION, "mappings": WRONG[wrong], "activate": activate})
    assert_not_activated(rig, rig.apply("cutover"), chosen=activate)


def test_a_solution_that_brings_another_mapping_is_not_activated(rig: Rig) -> None:
    solution(rig, {**VERSION, "mappings": WRONG["another pair"]})
    assert_not_activated(rig, rig.apply("cutover"))


def test_a_solution_that_does_not_bring_the_version_ends_the_run(rig: Rig) -> None:
    solution(rig, {**RIGHT, "version": "1.0.0.9"})
    rig.extra["waits.witness_s"] = "0.3"
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert "Default publisher 1.0.0.8 is not on offer" in str(result.error)


def test_a_solution_file_that_is_not_there_blocks_the_plan(rig: Rig) -> None:
    solution(rig, RIGHT)
    rig.extra["maps.milestones.solution_file"] = str(rig.state_dir / "other.zip")
    assert codes(rig.plan("cutover").findings) == ["solution-missing"]


def test_a_file_that_is_no_solution_is_refused_in_the_services_words(rig: Rig) -> None:
    solution(rig, RIGHT)
    Path(rig.extra["maps.milestones.solution_file"]).write_bytes(b"no zip")
    result = rig.apply("cutover")
    assert result.exit_code in (3, 10), said(result)
    assert "Solution file is not valid" in str(result.error)


def test_a_version_changed_before_the_start_is_not_started(rig: Rig) -> None:
    others = Meddler(rig)
    others.at("step_start", lambda: change(others), verb="start")
    result = rig.apply("cutover")
    others.client.close()
    assert_not_activated(rig, result, chosen=True)


def change(others: Meddler) -> None:
    """Somebody changes the pair of the saved cutover version, which is chosen already."""
    (row,) = others.rig.find("msdyn_dualwriteentitymap", msdyn_version="1.0.0.8")
    text = row["msdyn_mapping"].replace("192350001", "192350000")
    with others.rig.sandbox.world.transaction() as tx:
        tx.update("dw.templates", row["msdyn_dualwriteentitymapid"], {"mapping": text})


def test_without_any_value_map_a_row_is_refused_and_says_what_else_will_do(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=2, milestones=6, **{"maps.value_maps": False})
    plan = rig.plan("cutover")
    (found,) = [finding for finding in plan.findings if finding.blocks]
    assert (found.code, "via: manual" in found.do) == ("value-map-type-unknown", True)
    rig.forget_requests()
    assert rig.apply("cutover").exit_code == 7
    assert rig.writes() == []
