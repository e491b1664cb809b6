"""What must never happen is done on purpose: a search would see each of these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.stage import MILESTONE, MILESTONE_ID
from tests.kill.bench import Bench
from tests.mixed.procedure import Procedure


@pytest.fixture
def procedure(bench: Bench) -> Iterator[Procedure]:
    procedure = Procedure(bench, "damaged")
    assert procedure.apply("cutover") == 0
    assert procedure.unsafe() == []
    yield procedure
    procedure.close()


def test_money_that_moved_is_seen(procedure: Procedure) -> None:
    procedure.rig.control("business-day", "POST")
    assert procedure.unsafe() == ["the books of F&O have changed"]


def test_an_action_that_was_carried_out_twice_is_seen(procedure: Procedure) -> None:
    path = next(path for path in procedure.bench.carried if "PostInvoice" in path)
    procedure.bench.carried[path] += 1
    assert procedure.unsafe() == [f"2 times: {path}"]


def test_a_milestone_that_went_back_is_seen(procedure: Procedure) -> None:
    with procedure.rig.sandbox.world.transaction() as tx:
        stone = next(row for row in tx.find(MILESTONE) if row["msdyn_invoicestatus"] == 192350003)
        tx.update(MILESTONE, stone[MILESTONE_ID], {"msdyn_invoicestatus": 192350001})
    assert procedure.unsafe() == [f"{stone['msdyn_name']} went back from 192350003 to 192350001"]


def test_an_end_with_a_milestone_too_many_is_seen(procedure: Procedure) -> None:
    with procedure.rig.sandbox.world.transaction() as tx:
        stone = tx.find(MILESTONE)[0]
        tx.insert(MILESTONE, {**stone, MILESTONE_ID: "11111111-1111-4111-8111-111111111111"})
    assert any(MILESTONE in words for words in procedure.end())
