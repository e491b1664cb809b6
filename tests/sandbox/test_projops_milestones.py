from decimal import Decimal

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.world import Refused
from tests.sandbox.project_world import (
    CONTRACT,
    LINE_1,
    MILESTONE,
    TIME_LINE,
    identity,
    milestone,
    project_world,
    written,
)


@pytest.fixture
def world():
    made = project_world()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (milestone(line=TIME_LINE), "not fixed price"),
        (milestone(msdyn_contractlineid=None), "needs a project contract line"),
        (milestone(transactioncurrencyid=identity("EUR")), "currency"),
        (milestone(amount="0", msdyn_tax=Decimal(1)), "must be zero"),
        (milestone(msdyn_tax=Decimal(-1)), "outside the valid range"),
        (milestone(status=codes.POSTED), "only invoicing sets"),
        (milestone(status=codes.ON_INVOICE), "only invoicing sets"),
    ],
)
def test_a_milestone_that_breaks_a_rule_is_refused(world, values, words):
    with world.transaction() as tx, pytest.raises(Refused, match=words):
        records.create(tx, MILESTONE, values)


def test_a_line_without_a_project_takes_no_milestone(world):
    with world.transaction() as tx:
        tx.update("salesorderdetail", LINE_1, {"msdyn_project": None})
        with pytest.raises(Refused, match="no project"):
            records.create(tx, MILESTONE, milestone())


def test_ready_and_not_ready_may_be_set_by_people(world):
    with written(world, MILESTONE, milestone(status=codes.NOT_READY)) as (tx, made):
        key = made[0]["msdyn_contractlinescheduleofvalueid"]
        for status in (codes.READY, codes.NOT_READY):
            assert records.update(tx, MILESTONE, key, {"msdyn_invoicestatus": status})["msdyn_invoicestatus"] == status


@pytest.mark.parametrize("status", [codes.ON_INVOICE, codes.POSTED])
def test_statuses_of_invoicing_cannot_be_patched(world, status):
    with written(world, MILESTONE, milestone()) as (tx, made), pytest.raises(Refused):
        records.update(tx, MILESTONE, made[0]["msdyn_contractlinescheduleofvalueid"], {"msdyn_invoicestatus": status})


@pytest.mark.parametrize("changes", [{"msdyn_invoicestatus": codes.READY}, {"msdyn_amount": Decimal(5)}])
def test_a_milestone_on_an_invoice_cannot_be_patched_or_deleted(world, changes):
    with written(world, MILESTONE, milestone()) as (tx, made):
        key = made[0]["msdyn_contractlinescheduleofvalueid"]
        create_invoice(tx, CONTRACT)
        with pytest.raises(Refused, match="cannot be changed"):
            records.update(tx, MILESTONE, key, changes)
        with pytest.raises(Refused, match="cannot be deleted"):
            records.delete(tx, MILESTONE, key)


def test_without_strictness_a_status_can_be_patched_as_on_older_releases():
    world = project_world(**{"projops.strict": False})
    with written(world, MILESTONE, milestone()) as (tx, made):
        key = made[0]["msdyn_contractlinescheduleofvalueid"]
        changed = records.update(tx, MILESTONE, key, {"msdyn_invoicestatus": codes.POSTED})
        assert changed["msdyn_invoicestatus"] == codes.POSTED
    world.close()
