"""Maps that are paused, busy, slow, or don't start: what is waited for, what blocks, and what stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import CONFIRMED
from tests.end_to_end.outcome import maps
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import Stage
from tests.foreign.client import ACTUALS, INVOICES, MILESTONES, RUNNING, STOPPED

FRESH = "fresh"
MAPS = {"milestones": MILESTONES, "actuals": ACTUALS, "invoices": INVOICES}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=2, milestones=6)
    yield stage
    stage.close()


@pytest.fixture
def others(stage: Stage) -> Iterator[Meddler]:
    """Everybody else, before the cutover."""
    meddler = Meddler(moments.taken(stage, FRESH))
    yield meddler
    meddler.client.close()


def states(rig: Rig) -> dict[str, str]:
    return {name: state for name, (state, _) in maps(rig).items()}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_that_is_paused_before_the_cutover_blocks(others: Meddler, name: str) -> None:
    others.client.pause(MAPS[name])
    rig = others.rig
    rig.forget_requests()
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert "map-paused" in codes(result.plan.findings)
    assert rig.writes() == []


def test_a_map_that_is_paused_in_mid_run_blocks_and_is_neither_stopped_nor_resumed(others: Meddler) -> None:
    others.at("step_start", lambda: others.client.pause(ACTUALS), verb="create")
    result = others.rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert "paused" in str(result.error)
    assert others.client.state(ACTUALS) == "5"


@pytest.mark.parametrize("name", ["actuals", "invoices"])
def test_a_map_in_initial_sync_is_waited_for_and_then_stopped(others: Meddler, name: str) -> None:
    others.client.stop(MAPS[name])
    others.rig.settings(gateway__initial_sync_reads=6)
    detail = others.client.maps()[MAPS[name]]["detail"]
    body = {"action": "1", "details": [{"pid": detail["pid"], "tid": detail["template"]["id"]}]}
    others.client.call("dualwrite", "POST", f"{moments.MANAGE}/Start", body)
    assert others.client.state(MAPS[name]) == "2"
    result = others.rig.done("cutover")
    assert (result.steps[0].verb, str(result.steps[0].address)) == ("wait", f"map/{name}")


def test_a_map_that_catches_up_is_waited_for_and_then_stopped(others: Meddler) -> None:
    others.client.pause(MILESTONES)
    others.rig.settings(gateway__catch_up_reads=6)
    detail = others.client.maps()[MILESTONES]["detail"]
    body = {"action": "6", "details": [{"pid": detail["pid"], "tid": detail["template"]["id"]}]}
    others.client.call("dualwrite", "POST", f"{moments.MANAGE}/Start", body)
    assert others.client.state(MILESTONES) == "3"
    result = others.rig.done("cutover")
    assert (result.steps[0].verb, result.steps[1].verb) == ("wait", "stop")


def test_a_start_that_fails_leaves_the_remaining_maps_stopped_and_says_the_code(stage: Stage) -> None:
    rig = moments.taken(stage, CONFIRMED)
    rig.settings(gateway__start_failures={"actuals": "DIPV1022"})
    result = rig.apply("restored")
    assert result.exit_code == 3, said(result)
    assert "DIPV1022" in str(result.error)
    found = states(rig)
    assert found["milestones"] == RUNNING
    assert {found["actuals"], found["invoices"]} <= set(STOPPED)
    rig.settings(gateway__start_failures={})
    rig.done("restored")
    assert set(states(rig).values()) == {RUNNING}


def test_a_cutover_version_that_does_not_start_is_not_replaced_by_another(stage: Stage) -> None:
    rig = moments.taken(stage, FRESH)
    rig.settings(gateway__start_failures={"milestones": "DIPV1023"})
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert "DIPV1023" in str(result.error)
    assert states(rig)["milestones"] in STOPPED
    rig.settings(gateway__start_failures={})
    rig.done("cutover")


def test_a_map_that_takes_many_polls_is_waited_for(stage: Stage) -> None:
    rig = moments.taken(stage, FRESH)
    rig.settings(gateway__request_reads=5)
    rig.done("cutover")
    rig.done("restored")
    assert set(states(rig).values()) == {RUNNING}


def test_a_map_that_never_gets_there_ends_the_wait_with_what_is_missing(stage: Stage) -> None:
    rig = moments.taken(stage, FRESH)
    rig.settings(gateway__request_s=60)
    rig.extra["waits.map_s"] = "0.5"
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert "stop milestones: not reached" in str(result.error)


def test_a_target_mapping_that_was_not_generated_blocks_with_the_instructions(stage: Stage) -> None:
    rig = moments.taken(stage, FRESH)
    rig.control("forget-mapping", "POST")
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    (finding,) = [each for each in result.plan.findings if each.blocks]
    assert (finding.code, "Generate mapping" in finding.do) == ("target-mapping", True)
    rig.control("generate-mapping", "POST")
    rig.done("cutover")
