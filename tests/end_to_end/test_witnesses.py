"""The gateway, Dataverse and F&O each say what runs: one that lies is found out, one that lags is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from statecfg.model.errors import Blocked
from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import CREATING, LOADING
from tests.end_to_end.outcome import assert_complete, confirmed
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage

FRESH = "fresh"
WITNESSES = ("gateway", "dataverse", "finance")
QUICK = {"waits.witness_s": "0.5"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=3, milestones=9)
    yield stage
    stage.close()


class Lie(NamedTuple):
    """What one witness says of a map that is otherwise. moment: with the maps running, loading, or stopped."""

    moment: str
    witness: str
    map: str
    says: str
    version: str = ""

    def tell(self, rig: Rig) -> None:
        fields: dict[str, Any] = {"witness": self.witness, "map": self.map, "says": self.says}
        rig.control("witness", "POST", **fields, **({"version": self.version} if self.version else {}))


AT_PLAN = (
    Lie(FRESH, "gateway", "milestones", "stopped"),
    Lie(FRESH, "gateway", "milestones", "running", "9.9.9.9"),
    Lie(FRESH, "dataverse", "milestones", "stopped"),
    Lie(FRESH, "dataverse", "milestones", "running", "1.0.0.6"),
    Lie(FRESH, "dataverse", "invoices", "running", "1.0.0.4"),
    Lie(FRESH, "finance", "actuals", "stopped"),
    Lie(FRESH, "finance", "actuals", "paused"),
    Lie(FRESH, "finance", "actuals", "running", "1.0.0.22"),
    Lie(CREATING, "gateway", "invoices", "running"),
    Lie(CREATING, "dataverse", "invoices", "running"),
    Lie(CREATING, "finance", "actuals", "running"),
    Lie(CREATING, "finance", "actuals", "paused"),
)


def told(lie: Lie) -> str:
    return "-".join(word for word in lie if word)


@pytest.mark.parametrize("lie", AT_PLAN, ids=told)
def test_a_witness_that_lies_blocks_the_plan(stage: Stage, lie: Lie) -> None:
    rig = moments.taken(stage, lie.moment)
    rig.extra |= QUICK
    lie.tell(rig)
    plan = rig.plan("cutover")
    found = [finding for finding in plan.findings if finding.blocks]
    assert [finding.code for finding in found] == ["witnesses-disagree"]
    assert_all_three(found[0].what, lie)
    assert rig.writes() == []


def assert_all_three(what: str, lie: Lie) -> None:
    """What each says is shown, the lie among it."""
    for name in ("gateway: ", "Dataverse: ", "F&O: "):
        assert name in what
    assert f"map/{lie.map}" in what


IN_FENCE = (
    Lie(LOADING, "gateway", "milestones", "stopped"),
    Lie(LOADING, "gateway", "milestones", "running", "9.9.9.9"),
    Lie(LOADING, "dataverse", "milestones", "stopped"),
    Lie(LOADING, "dataverse", "milestones", "running", "1.0.0.7"),
    Lie(CREATING, "gateway", "actuals", "running"),
    Lie(CREATING, "dataverse", "invoices", "running"),
    Lie(CREATING, "finance", "actuals", "running"),
)


@pytest.mark.parametrize("lie", IN_FENCE, ids=told)
def test_a_witness_that_begins_to_lie_is_found_out_by_the_next_fence(stage: Stage, lie: Lie) -> None:
    rig = moments.taken(stage, lie.moment)
    rig.extra |= QUICK
    others = Meddler(rig)
    others.at("step_start", lambda: lie.tell(rig), verb="create")
    result = rig.apply("cutover")
    others.client.close()
    assert result.exit_code == 7, said(result)
    assert isinstance(result.error, Blocked)

    assert_all_three(result.error.what, lie)
    assert "Nothing was sent since the last look." in result.error.what


@pytest.mark.parametrize("witness", WITNESSES)
def test_a_witness_that_lags_is_waited_for(stage: Stage, witness: str) -> None:
    rig = moments.taken(stage, FRESH)
    rig.control("settings", "PATCH", **{f"witness.{witness}.lag_reads": 3})
    rig.done("cutover")
    rig.done("restored")


def test_one_that_never_agrees_blocks_with_what_all_three_say(stage: Stage) -> None:
    rig = moments.taken(stage, FRESH)
    rig.extra |= QUICK
    rig.control("settings", "PATCH", **{"witness.dataverse.lag_reads": 1000})
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert_all_three(str(result.error), Lie("", "", "milestones", ""))


@pytest.mark.parametrize("direction", ["writeback", "two_way"])
def test_a_milestones_map_that_runs_both_ways_has_all_three_witnesses(rigs: Callable[..., Rig], direction: str) -> None:
    settings = {"maps.milestone_direction": direction, "gateway.request_reads": 0}
    rig = rigs(contracts=2, milestones=6, **settings)
    rig.extra |= QUICK
    ledger, invoices = rig.ledger(), confirmed(rig)
    others = Meddler(rig)
    lie = Lie("", "finance", "milestones", "stopped")
    others.at("step_start", lambda: lie.tell(rig), verb="create")
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert_all_three(str(result.error), lie)
    Lie("", "finance", "milestones", "truth").tell(rig)
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    others.client.close()
    assert rig.ledger() == ledger
    assert_complete(rig, invoices)
