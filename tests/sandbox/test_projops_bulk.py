"""*Bulk confirm*: what is scheduled, what an invoice shows meanwhile, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from statecfg.sandbox.projops import codes, jobs
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.world import Refused, World
from tests.sandbox.project_world import CONTRACT, MILESTONE, identity, milestone, project_world, written

STATUS, BULK = "msdyn_projectinvoicestatus", "msdyn_bulkconfirmationstatus"


@pytest.fixture
def world() -> Iterator[World]:
    made = project_world(**{"projops.job_delay_s": 0})
    yield made
    made.close()


@pytest.fixture
def draft(world: World) -> str:
    with written(world, MILESTONE, milestone()) as (tx, _):
        return str(create_invoice(tx, CONTRACT)["invoiceid"])


def shown(world: World, invoice: str) -> tuple[Any, Any]:
    with world.reading() as tx:
        row = tx.get("invoice", invoice) or {}
    return row[STATUS], row[BULK]


def confirmed_in_bulk(world: World, *invoices: str) -> tuple[list[str], dict[str, str]]:
    with world.transaction() as tx:
        return jobs.bulk_confirm(tx, invoices)


def test_an_invoice_is_scheduled_then_processing_then_confirmed_and_complete(world: World, draft: str) -> None:
    assert shown(world, draft) == (codes.DRAFT, None)
    assert confirmed_in_bulk(world, draft) == ([draft], {})
    seen = [shown(world, draft)]
    for _ in range(2):
        jobs.run_due(world)
        seen.append(shown(world, draft))
    assert seen == [
        (codes.DRAFT, codes.BULK_SCHEDULED),
        (codes.DRAFT, codes.BULK_PROCESSING),
        (codes.CONFIRMED, codes.BULK_COMPLETE),
    ]


def test_what_does_not_pass_validation_is_not_scheduled(world: World, draft: str) -> None:
    with world.transaction() as tx:
        confirm_invoice(tx, draft)
    scheduled, declined = confirmed_in_bulk(world, draft, identity("nobody"))
    assert scheduled == []
    assert ["confirmed already" in declined[draft], "Does Not Exist" in declined[identity("nobody")]] == [True, True]


def test_a_failure_stands_on_the_timeline_and_the_invoice_stays_a_draft(world: World, draft: str) -> None:
    confirmed_in_bulk(world, draft)
    world.faults.add({"effect": "refuse_row", "table": "msdyn_actual", "message": "Staging is closed."})
    for _ in range(2):
        jobs.run_due(world)
    assert shown(world, draft) == (codes.DRAFT, codes.BULK_FAILED)
    with world.reading() as tx:
        assert [row["notetext"] for row in tx.find("annotation", objectid=draft)] == ["Staging is closed."]


def test_only_so_many_are_confirmed_at_a_time(world: World) -> None:
    with pytest.raises(Refused, match="At most 250 invoices"):
        confirmed_in_bulk(world, *(identity(str(n)) for n in range(251)))
