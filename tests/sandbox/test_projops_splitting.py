"""Milestones that become several rows: for several customers of a line, and by the progress of one.

Source: reference/project-operations.md, 3.1, 4.3 (one draft a customer) and 1.5 (P4).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import control as finance_control
from statecfg.sandbox.hooks import PropagationFailed
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops import control as projops_control
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.projops.splitting import headers
from statecfg.sandbox.world import Refused
from tests.sandbox.dualwrite_world import ACTUALS, FINANCE_MILESTONES, INVOICES, MILESTONES, Link, running_link
from tests.sandbox.project_world import CONTRACT, LINE_1, LINE_2, MILESTONE, hours, identity, milestone

THREE = (MILESTONES, ACTUALS, INVOICES)
SPLITS = "msdyn_projectcontractsplitbillingrule"
KEY = "msdyn_contractlinescheduleofvalueid"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with running_link(tmp_path_factory.mktemp("ca")) as link:
        finance_control.register(link.kernel.control, link.world)
        projops_control.register(link.kernel.control, link.world)
        yield link


@pytest.fixture
def link(running: Link) -> Link:
    running.world.restore("fresh")
    running.world.faults.clear()
    return running


def shared(link: Link, *percents: str, line: str = LINE_1) -> None:
    """Have as many customers pay a line: US-001 first, then US-002 and so on."""
    with link.world.transaction() as tx:
        for number, percent in enumerate(percents, start=1):
            account = f"US-{number:03d}"
            found = tx.find("account", accountnumber=account)
            payer = found[0] if found else tx.insert("account", {"accountnumber": account, "name": account})
            row = {"msdyn_name": account, "msdyn_accountcustomer": payer["accountid"]}
            row |= {"msdyn_salescontract": CONTRACT, "msdyn_salescontractline": line}
            tx.insert(SPLITS, row | {"msdyn_allocationpercentage": Decimal(percent)})


def amounts(link: Link) -> list[Decimal]:
    return sorted((row["msdyn_amount"] for row in link.rows(MILESTONE)), reverse=True)


def in_finance(link: Link, column: str = "CustomerAccountNumber") -> dict[Any, Decimal]:
    return {row[column]: row["Amount"] for row in link.rows(FINANCE_MILESTONES)}


def invoice(link: Link) -> list[dict[str, Any]]:
    """Create what is ready and confirm every draft of it."""
    with link.world.transaction() as tx:
        create_invoice(tx, CONTRACT)
        drafts = list(tx.select("invoice", "msdyn_projectinvoicestatus = ?", (codes.DRAFT,)))
    for draft in drafts:
        with link.world.transaction() as tx:
            confirm_invoice(tx, draft["invoiceid"])
    return drafts


def posted(link: Link) -> dict[str, Decimal]:
    """AR by customer after the import and the posting of everything."""
    for name in ("import", "post"):
        assert link.control("POST", name).status_code == 200
    return {row["AccountNum"]: row["AmountCur"] for row in link.rows("fo.CustTransactions")}


def one_header(link: Link) -> dict[str, Any]:
    with link.world.reading() as tx:
        (found,) = headers(tx)
    return found


# Several customers


def test_a_milestone_of_a_line_with_two_customers_becomes_a_row_for_each(link: Link) -> None:
    shared(link, "60", "40")
    (asked,) = link.create(milestone(amount="1000", msdyn_tax=Decimal("50")))
    assert asked[KEY] == milestone()[KEY], "the row that was asked for is the first customer's"
    assert (asked["msdyn_amount"], asked["msdyn_tax"], asked["msdyn_amount_after_tax"]) == (600, 30, 630)
    assert amounts(link) == [600, 400]
    assert {row["msdyn_name"] for row in link.rows(MILESTONE)} == {"Kick-off"}
    assert in_finance(link) == {"US-001": 600, "US-002": 400}


@pytest.mark.parametrize(
    ("takes_rest", "shares"), [("first", ["33.34", "33.33", "33.33"]), ("last", ["33.33", "33.33", "33.34"])]
)
def test_one_of_the_customers_takes_what_rounding_leaves(link: Link, takes_rest: str, shares: list[str]) -> None:
    shared(link, "33.3334", "33.3333", "33.3333")
    link.settings(projops__split_rest=takes_rest)
    link.create(milestone(amount="100"))
    by_customer = in_finance(link)
    assert [by_customer[f"US-00{n}"] for n in (1, 2, 3)] == [Decimal(share) for share in shares]


def test_a_bulk_create_answers_for_the_rows_that_were_asked_for(link: Link) -> None:
    shared(link, "60", "40")
    asked = link.create(milestone("a", "10"), milestone("b", "20", LINE_2), milestone("c", "30"))
    assert [(row["msdyn_name"], row["msdyn_amount"]) for row in asked] == [("a", 6), ("b", 20), ("c", 18)]
    assert len(link.rows(MILESTONE)) == 5


def test_milestones_may_be_left_whole(link: Link) -> None:
    shared(link, "60", "40")
    link.settings(projops__customer_split="whole")
    link.create(milestone(amount="1000"))
    assert in_finance(link) == {"US-001": 1000}


def test_a_split_that_does_not_come_to_a_hundred_is_refused(link: Link) -> None:
    shared(link, "60", "30")
    with pytest.raises(Refused, match="must total 100"):
        link.create(milestone())
    assert link.rows(MILESTONE) == []


def test_a_header_is_in_progress_once_a_part_is_ready_and_completed_with_the_last_invoice(link: Link) -> None:
    shared(link, "60", "40")
    link.create(milestone(status=codes.NOT_READY))
    assert one_header(link)["billing_status"] == "Not Started"
    first, second = sorted(link.rows(MILESTONE), key=lambda row: -row["msdyn_amount"])
    link.change(first, msdyn_invoicestatus=codes.READY)
    assert one_header(link)["billing_status"] == "In Progress"
    invoice(link)
    assert one_header(link)["billing_status"] == "In Progress"
    link.change(second, msdyn_invoicestatus=codes.READY)
    invoice(link)
    told = one_header(link)
    assert (told["billing_status"], told["remaining"]) == ("Completed", 0)
    assert [part["customer"] for part in told["parts"]] == ["US-001", "US-002"]


@pytest.mark.parametrize(("drafts", "sums"), [("customer", [60, 40]), ("contract", [100])])
def test_each_customer_has_a_draft_unless_they_share_one(link: Link, drafts: str, sums: list[int]) -> None:
    shared(link, "60", "40")
    link.settings(projops__drafts=drafts)
    link.create(milestone(amount="100"))
    made = invoice(link)
    assert sorted((row["totalamount"] for row in made), reverse=True) == sums
    assert {row["msdyn_invoicestatus"] for row in link.rows(MILESTONE)} == {codes.POSTED}


def test_hours_go_onto_the_draft_of_the_contracts_own_customer(link: Link) -> None:
    shared(link, "60", "40")
    link.create(milestone(amount="100"))
    link.create(hours("80"), table="msdyn_actual")
    made = {row["customerid"]: row["totalamount"] for row in invoice(link)}
    assert made[identity("customer")] == 140
    assert sorted(made.values()) == [40, 140]


def test_each_customer_is_asked_for_its_share_when_maps_run(link: Link) -> None:
    shared(link, "60", "40")
    link.create(milestone(amount="100"))
    invoice(link)
    assert posted(link) == {"US-001": 60, "US-002": 40}


def test_cut_over_in_the_right_order_every_part_is_invoiced_and_nobody_is_asked(link: Link) -> None:
    shared(link, "60", "40")
    original = link.map()["template"]["id"]
    link.run_cutover_version()
    link.create(milestone(amount="100"))
    link.stop(*THREE)
    assert len(invoice(link)) == 2
    assert link.switch(original).status_code == 200
    link.refresh()
    link.start(*THREE)
    assert posted(link) == {}
    assert {row["TransStatus"] for row in link.rows(FINANCE_MILESTONES)} == {"Invoiced"}


def test_a_part_that_is_deleted_is_forgotten_and_its_header_with_the_last(link: Link) -> None:
    shared(link, "60", "40")
    link.create(milestone(status=codes.NOT_READY))
    for row in link.rows(MILESTONE):
        with link.world.transaction() as tx:
            records.delete(tx, MILESTONE, row[KEY])
    assert link.rows("po.parts") == link.rows("po.headers") == []


# Progress


def header(link: Link, amount: str = "1000") -> str:
    """A schedule of values on the first line, as a person adds it."""
    wanted = {"contract": "CON-1", "line": "L1", "name": "Phase 1", "amount": amount, "date": "2024-03-01"}
    answer = link.control("POST", "headers", wanted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def next_percent(link: Link, percent: str) -> int:
    return link.control("POST", "next-invoice", {"header": "Phase 1", "percent": percent}).status_code


def test_a_header_starts_with_one_milestone_that_is_not_ready(link: Link) -> None:
    header(link)
    (row,) = link.rows(MILESTONE)
    assert (row["msdyn_amount"], row["msdyn_invoicestatus"]) == (1000, codes.NOT_READY)
    assert one_header(link)["billing_status"] == "Not Started"


@pytest.mark.parametrize(("keeps", "kept_amount"), [("rest", 800), ("ready", 200)])
def test_the_next_percentage_splits_into_a_ready_part_and_a_rest(link: Link, keeps: str, kept_amount: int) -> None:
    link.settings(projops__progress_keeps=keeps)
    header(link)
    (first,) = link.rows(MILESTONE)
    assert next_percent(link, "20") == 200
    found = {row["msdyn_amount"]: row["msdyn_invoicestatus"] for row in link.rows(MILESTONE)}
    assert found == {Decimal(800): codes.NOT_READY, Decimal(200): codes.READY}
    (kept,) = link.rows(MILESTONE, **{KEY: first[KEY]})
    assert kept["msdyn_amount"] == kept_amount


def test_invoiced_progress_counts_and_the_rest_follows_step_by_step(link: Link) -> None:
    header(link)
    assert next_percent(link, "20") == 200
    invoice(link)
    told = one_header(link)
    assert (told["invoiced_to_date"], told["remaining"], told["billing_status"]) == (200, 800, "In Progress")
    assert next_percent(link, "90") == 409, "900 is more than remains"
    assert next_percent(link, "80") == 200
    invoice(link)
    assert one_header(link)["billing_status"] == "Completed"
    assert amounts(link) == [800, 200]


def test_an_amount_may_be_given_instead(link: Link) -> None:
    key = header(link, "100.01")
    answer = link.control("POST", "next-invoice", {"header": key, "amount": "33.34"})
    assert answer.status_code == 200
    assert amounts(link) == [Decimal("66.67"), Decimal("33.34")]
    assert link.control("POST", "next-invoice", {"header": key}).status_code == 409
    assert link.control("POST", "next-invoice", {"header": "nobody", "percent": 1}).status_code == 404


TWO_PAIRS = {"4": "192350001", "0": "192350000"}


def cutover_version(link: Link, pairs: dict[str, str]) -> str:
    """Save the cutover version with these pairs and run it; the id of the version before."""
    original = str(link.map()["template"]["id"])
    link.stop()
    link.refresh()
    link.save_as(pairs=pairs)
    link.start()
    return original


def test_one_pair_is_not_enough_for_progress(link: Link) -> None:
    """P2.3.8: the rest must arrive as NoStatus, so the value map needs the second pair."""
    cutover_version(link, {"4": "192350001"})
    wanted = {"contract": "CON-1", "line": "L1", "name": "Phase 1", "amount": "1000"}
    answer = link.control("POST", "headers", wanted)
    assert answer.status_code == 409
    assert "TRANSSTATUS" in answer.json()["error"]
    assert link.rows(MILESTONE) == []


@pytest.mark.parametrize("keeps", ["rest", "ready"])
def test_billed_progress_is_cut_over_and_only_the_rest_is_ever_asked_for(link: Link, keeps: str) -> None:
    link.settings(projops__progress_keeps=keeps)
    original = cutover_version(link, TWO_PAIRS)
    header(link)
    assert next_percent(link, "20") == 200
    assert in_finance(link, "TransStatus") == {"Invoiced": 200, "NoStatus": 800}
    link.stop(*THREE)
    invoice(link)
    assert link.switch(original).status_code == 200
    link.refresh()
    link.start(*THREE)
    assert posted(link) == {}
    assert one_header(link)["invoiced_to_date"] == 200
    # Normal billing takes the rest later.
    assert next_percent(link, "80") == 200
    invoice(link)
    assert posted(link) == {"US-001": 800}


def test_billed_progress_with_maps_left_running_is_asked_for_again(link: Link) -> None:
    cutover_version(link, TWO_PAIRS)
    header(link)
    assert next_percent(link, "20") == 200
    link.stop(MILESTONES)
    invoice(link)
    assert posted(link) == {"US-001": 200}


def test_with_the_cutover_version_left_running_the_rest_counts_as_invoiced_too(link: Link) -> None:
    cutover_version(link, TWO_PAIRS)
    header(link)
    assert next_percent(link, "20") == 200
    link.stop(*THREE)
    invoice(link)
    link.start(*THREE)
    assert next_percent(link, "30") == 200
    invoiced = [row["Amount"] for row in link.rows(FINANCE_MILESTONES) if row["TransStatus"] == "Invoiced"]
    assert sorted(invoiced) == [200, 300]
    with pytest.raises(PropagationFailed, match="TRANSSTATUS"):
        invoice(link)
