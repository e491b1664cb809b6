"""Somebody changes the world after a plan was saved: it isn't applied, and what moved is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statecfg.model.errors import StalePlan
from tests.end_to_end import moments
from tests.end_to_end.meddling import MILESTONE, Meddler
from tests.end_to_end.moments import CREATING, LOADING
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import Stage, make_milestone, stones_of
from tests.foreign.client import ACTUALS, INVOICES, MILESTONES, NOT_READY, READY

FRESH = "fresh"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=3, milestones=9)
    yield stage
    stage.close()


@pytest.fixture
def others(stage: Stage) -> Iterator[Callable[[str], Meddler]]:
    """Everybody else, in the world at a moment."""
    made: list[Meddler] = []

    def at(moment: str) -> Meddler:
        made.append(Meddler(moments.taken(stage, moment)))
        return made[-1]

    yield at
    for meddler in made:
        meddler.client.close()


def written(rig: Rig) -> list[str]:
    """Addresses of what was written, the run's own lock left out."""
    return [entry["path"] for entry in rig.writes() if "/annotations" not in entry["path"]]


def stale(rig: Rig, act: Callable[[], object], tmp_path: Path) -> str:
    """What apply says has moved if somebody acts after the plan was saved; nothing must have been written."""
    file = tmp_path / "go-live.plan"
    assert not rig.plan("cutover", out=file).blocked
    act()
    rig.forget_requests()
    result = rig.apply(file)
    assert result.exit_code == 4, said(result)
    assert written(rig) == []
    assert isinstance(result.error, StalePlan)
    return "; ".join(result.error.moved)


def test_a_map_that_was_started(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(CREATING)
    moved = stale(somebody.rig, lambda: somebody.client.start(ACTUALS), tmp_path)
    assert "map/actuals" in moved
    assert "stopped -> running" in moved


def test_a_map_that_was_stopped(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(FRESH)
    moved = stale(somebody.rig, lambda: somebody.client.stop(INVOICES), tmp_path)
    assert ("map/invoices" in moved, "running -> stopped" in moved) == (True, True)


def test_a_map_on_another_version(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(CREATING)

    def switch() -> None:
        versions = somebody.client.maps()[MILESTONES]["detail"]["templates"]
        somebody.client.switch(MILESTONES, next(v["id"] for v in versions if v["author"] == "Microsoft"))

    moved = stale(somebody.rig, switch, tmp_path)
    assert ("map/milestones" in moved, "Default publisher 1.0.0.8 -> Microsoft" in moved) == (True, True)


def first_on(somebody: Meddler, contract: str, status: int) -> str:
    return str(somebody.stones(contract, status)[0][f"{MILESTONE}id"])


CHANGES: dict[str, dict[str, Any]] = {
    "amount": {"msdyn_amount": 1},
    "status": {"msdyn_invoicestatus": NOT_READY},
    "dates": {"msdyn_invoicedate": "2001-01-01T00:00:00Z", "msdyn_milestonedate": "2001-01-01"},
}
NAMED = {
    "amount": r"CON-0002: .*\bamount: [\d,.]+ USD -> [\d,.]+ USD",
    "status": r"CON-0002: .*\bstatus: 2 ready for invoicing -> 1 not ready, 1 ready for invoicing",
    "dates": r"CON-0002: (.*; )?dates moved",
}
"""What is said of each change: contract, then field, then old -> new."""


@pytest.mark.parametrize("what", CHANGES)
def test_a_milestone_that_was_changed(others: Callable[[str], Meddler], tmp_path: Path, what: str) -> None:
    somebody = others(CREATING)
    key = first_on(somebody, "CON-0002", READY)
    moved = stale(somebody.rig, lambda: somebody.edit(MILESTONE, key=key, changes=CHANGES[what]), tmp_path)
    assert re.search(NAMED[what], moved), moved
    others_fields = [field for field in ("amount:", "status:", "dates moved") if not field.startswith(what)]
    assert not any(re.search(rf"(: |; ){field}", moved) for field in others_fields), "and nothing that didn't move"


def test_a_milestone_that_was_deleted(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(CREATING)
    key = first_on(somebody, "CON-0002", READY)
    moved = stale(somebody.rig, lambda: somebody.edit(MILESTONE, key=key, operation="delete"), tmp_path)
    assert re.search(
        r"CON-0002: .*; status: 2 ready for invoicing -> 1 ready for invoicing, 1 not in Dataverse; amount: ", moved
    ), moved


def test_a_milestone_of_the_plan_that_somebody_made(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(FRESH)
    row = next(row for row in somebody.cutover.rows() if not stones_of(somebody.rig, row))
    moved = stale(somebody.rig, lambda: make_milestone(somebody.rig, row), tmp_path)
    key = f"{row['contract']} / {row['line']} / {row['name']}"
    assert re.search(rf"{row['contract']}: milestones: 0 of (\d) -> 1 of \1; to do: ", moved), moved
    assert f"{key}: was to be sent (create), and isn't to be any more: it exists by now" in moved


def test_a_contract_that_is_lost(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(FRESH)
    lost = {"msdyn_psastatusreason": 192350006}
    one = {"ordernumber": "CON-0002"}
    moved = stale(somebody.rig, lambda: somebody.edit("salesorder", match=one, changes=lost), tmp_path)
    assert "CON-0002" in moved


def test_what_blocks_by_now_though_no_digest_shows_it(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(FRESH)
    rig, file = somebody.rig, tmp_path / "go-live.plan"
    rig.plan("cutover", out=file)
    line = somebody.cutover.lines()["CON-0002", "L1"]["salesorderdetailid"]
    somebody.edit("salesorderdetail", key=line, changes={"baseamount": 1, "priceperunit": 1})
    rig.forget_requests()
    result = rig.apply(file)
    assert result.exit_code == 7, said(result)
    assert codes(result.findings) == ["contracted-amount-exceeded"]
    assert written(rig) == []


def test_an_invoice_that_was_made_by_hand(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(CREATING)
    order = somebody.order("CON-0003")
    moved = stale(somebody.rig, lambda: somebody.client.act("salesorders", order, "msdyn_NewInvoiceContract"), tmp_path)
    assert "CON-0003" in moved


def test_what_a_plan_does_not_depend_on_may_change(others: Callable[[str], Meddler], tmp_path: Path) -> None:
    somebody = others(LOADING)
    rig = somebody.rig
    file = tmp_path / "go-live.plan"
    rig.plan("cutover", out=file)
    somebody.edit("salesorder", match={"ordernumber": "CON-0002"}, changes={"description": "Called the customer"})
    result = rig.apply(file)
    assert result.exit_code == 0, said(result)
