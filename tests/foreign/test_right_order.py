"""The procedure in Microsoft's order, by hand, leaves AR and GL as they were: the measure for the wrong orders."""

from __future__ import annotations

from decimal import Decimal

from tests.foreign.client import CONFIRMED, POSTED, RUNNING, STOPPED, THREE, Client
from tests.foreign.procedure import MILESTONE_ID, MILESTONE_SET, Cutover


def test_in_the_right_order_nothing_reaches_ar_or_gl(cutover: Cutover) -> None:
    before = cutover.ledger()
    posted_before = cutover.client.finance_rows("DocumentProjectInvoiceBases")
    cutover.in_the_right_order()
    cutover.import_and_post()
    assert cutover.ledger() == before
    assert cutover.client.finance_rows("ProjActualsImports") == []
    assert cutover.client.finance_rows("DocumentProjectInvoiceBases") == posted_before


def test_in_the_right_order_every_milestone_is_posted_here_and_invoiced_in_finance(cutover: Cutover) -> None:
    cutover.in_the_right_order()
    cutover.import_and_post()
    here = {row[MILESTONE_ID]: row for row in cutover.client.rows(MILESTONE_SET)}
    there = cutover.arrived()
    assert len(cutover.loaded) == len(there) == 20
    for key, row in cutover.loaded.items():
        assert here[key]["msdyn_invoicestatus"] == POSTED
        assert there[key]["TransStatus"] == "Invoiced"
        assert Decimal(there[key]["Amount"]) == Decimal(here[key]["msdyn_amount"]) == Decimal(row["amount"])


def test_in_the_right_order_each_contract_has_one_confirmed_invoice_over_what_was_billed(cutover: Cutover) -> None:
    earlier = {row["invoiceid"] for row in cutover.client.rows("invoices")}
    cutover.in_the_right_order()
    made = {row["invoiceid"]: row for row in cutover.client.rows("invoices") if row["invoiceid"] not in earlier}
    assert set(made) == set(cutover.invoices.values())
    assert {row["msdyn_projectinvoicestatus"] for row in made.values()} == {CONFIRMED}
    sums = {contract: Decimal(made[key]["totalamount"]) for contract, key in cutover.invoices.items()}
    assert sums == cutover.billed()


def test_in_the_right_order_the_maps_run_on_the_versions_they_had(cutover: Cutover) -> None:
    before = versions(cutover.client)
    cutover.in_the_right_order()
    assert versions(cutover.client) == before
    assert {cutover.client.state(name) for name in THREE} == {RUNNING}


def test_a_stopped_map_drops_what_it_misses(cutover: Cutover) -> None:
    cutover.bring_up_cutover_version()
    cutover.client.stop(*THREE)
    assert all(cutover.client.state(name) in STOPPED for name in THREE)
    cutover.load()
    assert cutover.arrived() == {}
    cutover.restore()
    assert cutover.arrived() == {}


def versions(client: Client) -> dict[str, tuple[str, str, str]]:
    """Publisher, number and id of the active version of every map of the procedure."""
    return {name: client.version(name) for name in THREE}
