"""Wrong orders that move money: each is done by hand, then F&O imports and posts, and the vouchers are named.

Every one of them differs from `Cutover.in_the_right_order` in the one thing that its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from tests.foreign.client import ACTUALS, CLASS_TIME, CREATED, INVOICES, MILESTONES, POSTED, THREE, Refused
from tests.foreign.damage import Damage, damage
from tests.foreign.procedure import Cutover


def posted(cutover: Cutover, wrong: Callable[[], object]) -> Damage:
    """What AR and GL have more after the wrong order, the import and the posting."""
    before = cutover.ledger()
    wrong()
    assert damage(before, cutover.ledger()) == Damage((), {}), "only posting moves the ledger"
    cutover.import_and_post()
    return damage(before, cutover.ledger())


def loaded(cutover: Cutover, *stopped: str) -> None:
    """Everything up to the milestones in F&O, and then these maps stopped."""
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.wait_for_arrival()
    if stopped:
        cutover.client.stop(*stopped)


def expected(cutover: Cutover, billed: Mapping[str, Decimal]) -> dict[tuple[str, str], Decimal]:
    """AR entries by customer and invoice, if what the contracts were billed before is billed again."""
    customers, numbers = cutover.customers(), cutover.numbers()
    return {(customers[contract], numbers[contract]): amount for contract, amount in billed.items()}


def actuals_and_invoices_left_running(cutover: Cutover) -> None:
    loaded(cutover, MILESTONES)
    cutover.invoice()


def all_maps_left_running_on_the_original_version(cutover: Cutover) -> None:
    loaded(cutover, MILESTONES)
    cutover.client.switch(MILESTONES, cutover.original[2])
    cutover.client.refresh(MILESTONES)
    cutover.client.start(MILESTONES)
    cutover.invoice()


def paused_instead_of_stopped(cutover: Cutover) -> None:
    loaded(cutover, MILESTONES)
    cutover.client.pause(ACTUALS, INVOICES)
    cutover.invoice()
    cutover.client.switch(MILESTONES, cutover.original[2])
    cutover.client.start(MILESTONES)
    cutover.client.resume(ACTUALS, INVOICES)


def restarted_with_initial_sync(cutover: Cutover) -> None:
    loaded(cutover, *THREE)
    cutover.invoice()
    cutover.client.switch(MILESTONES, cutover.original[2])
    for name in THREE:
        cutover.client.start(name, initial_sync=True)


def restarted_before_the_invoices_are_confirmed(cutover: Cutover) -> None:
    loaded(cutover, *THREE)
    cutover.create_invoices()
    cutover.restore()
    cutover.confirm()


def loaded_and_invoiced_with_every_map_running_as_original(cutover: Cutover) -> None:
    cutover.load()
    cutover.invoice()


@pytest.mark.parametrize(
    "wrong",
    [
        actuals_and_invoices_left_running,
        all_maps_left_running_on_the_original_version,
        paused_instead_of_stopped,
        restarted_with_initial_sync,
        restarted_before_the_invoices_are_confirmed,
        loaded_and_invoiced_with_every_map_running_as_original,
    ],
)
def test_what_was_billed_in_the_old_system_is_billed_again(cutover: Cutover, wrong: Callable[[Cutover], None]) -> None:
    done = posted(cutover, lambda: wrong(cutover))
    assert done.amounts == expected(cutover, cutover.billed())
    assert done.debited("CustBalance") == done.vouchers
    assert set(done.debited("ProjOnAccount")) == set(done.vouchers)
    invoices = {row["ProjInvoiceId"]: row for row in cutover.client.finance_rows("DocumentProjectInvoiceBases")}
    assert {(entry.company, invoices[entry.invoice]["LedgerVoucher"]) for entry in done.ar} == set(done.vouchers)


def test_with_the_cutover_version_running_no_invoice_can_be_created(cutover: Cutover) -> None:
    """The value map has no pair for "invoice created", so the running map refuses the step to it."""
    loaded(cutover)
    invoices = cutover.client.rows("invoices", select="invoicenumber")
    with pytest.raises(Refused, match=f"msdyn_invoicestatus.*{CREATED}|{CREATED}.*TRANSSTATUS"):
        cutover.create_invoices()
    assert cutover.client.rows("invoices", select="invoicenumber") == invoices


def test_where_a_missing_pair_is_skipped_three_running_maps_bill_everything_again(cutover: Cutover) -> None:
    cutover.client.screen("PATCH", "settings", {"valuemap.missing": "skip"})

    def wrong() -> None:
        loaded(cutover)
        cutover.invoice()

    assert posted(cutover, wrong).amounts == expected(cutover, cutover.billed())


def test_with_all_three_maps_paused_the_milestones_fail_to_replay_and_the_invoices_do_not(cutover: Cutover) -> None:
    def wrong() -> None:
        loaded(cutover)
        cutover.client.pause(*THREE)
        cutover.invoice()
        with pytest.raises(Refused):
            cutover.client.switch(MILESTONES, cutover.original[2])
        cutover.client.resume(*THREE)

    assert posted(cutover, wrong).amounts == expected(cutover, cutover.billed())
    (stuck,) = (row for row in cutover.client.screen("GET", "maps") if row["name"] == "milestones")
    assert stuck["catch_up_errors"] == 2 * 20, "to invoice created and to invoice posted, of each milestone"


def test_one_contract_confirmed_too_late_is_billed_again_and_the_others_are_not(cutover: Cutover) -> None:
    late = cutover.contracts()[-1]

    def wrong() -> None:
        loaded(cutover, *THREE)
        cutover.create_invoices(cutover.contracts()[:-1])
        cutover.confirm()
        cutover.invoices.clear()
        cutover.create_invoices([late])
        cutover.restore()
        cutover.confirm()

    assert posted(cutover, wrong).amounts == expected(cutover, {late: cutover.billed()[late]})


def test_a_confirmation_still_at_work_in_the_background_is_billed_when_the_maps_start(cutover: Cutover) -> None:
    cutover.client.screen("PATCH", "settings", {"projops.async_confirm": True, "projops.job_delay_s": 600})

    def wrong() -> None:
        loaded(cutover, *THREE)
        cutover.invoice()
        cutover.restore()
        cutover.client.screen("PATCH", "settings", {"clock.offset_s": 1200})
        cutover.client.rows("invoices", select="invoiceid")

    assert posted(cutover, wrong).amounts == expected(cutover, cutover.billed())


def test_with_maps_running_other_ready_hours_are_billed_on_the_same_invoice(cutover: Cutover) -> None:
    contract = cutover.contracts()[0]

    def wrong() -> None:
        cutover.other_ready_time(contract, 80)
        actuals_and_invoices_left_running(cutover)

    billed = cutover.billed()
    billed[contract] += 80
    assert posted(cutover, wrong).amounts == expected(cutover, billed)


def test_other_ready_hours_are_swept_in_and_never_billed_in_finance(cutover: Cutover) -> None:
    """The right order, with one time entry nobody thought of: 80 for work that was done and is never asked for."""
    contract = cutover.contracts()[0]
    hours = cutover.other_ready_time(contract, 80)
    done = posted(cutover, cutover.in_the_right_order)
    assert done.ar == ()
    (invoice,) = cutover.client.rows("invoices", filter=f"invoiceid eq {cutover.invoices[contract]}")
    assert Decimal(invoice["totalamount"]) == cutover.billed()[contract] + 80
    (entry,) = cutover.client.rows("msdyn_actuals", filter=f"msdyn_actualid eq {hours}")
    assert entry["msdyn_billingstatus"] == 192350002, "it counts as posted, so no later invoice takes it"


def test_hours_put_on_a_draft_are_confirmed_with_it_and_never_billed_in_finance(cutover: Cutover) -> None:
    contract = cutover.contracts()[0]

    def wrong() -> None:
        loaded(cutover, *THREE)
        cutover.create_invoices()
        cutover.client.create("msdyn_invoicelinetransactions", cutover.hours_on_draft(contract, 80))
        cutover.confirm()
        cutover.restore()

    assert posted(cutover, wrong) == Damage((), {})
    ours = f"_msdyn_invoice_value eq {cutover.invoices[contract]} and msdyn_transactionclassification eq {CLASS_TIME}"
    (billed,) = cutover.client.rows("msdyn_actuals", filter=ours)
    assert (billed["msdyn_description"], Decimal(billed["msdyn_amount"])) == ("Workshop", 80)
    assert billed["msdyn_vouchernumber"] is None


def test_a_migrated_invoice_revised_later_posts_its_credit_and_itself(cutover: Cutover) -> None:
    contract = cutover.contracts()[0]
    numbers: dict[str, str] = {}

    def wrong() -> None:
        cutover.in_the_right_order()
        numbers["original"] = cutover.numbers()[contract]
        made = cutover.client.act("invoices", cutover.invoices[contract], "msdyn_CorrectInvoice")
        numbers["credit"] = made["invoicenumber"]
        cutover.client.act("invoices", made["invoiceid"], "msdyn_PostInvoice")

    done, customer = posted(cutover, wrong), cutover.customers()[contract]
    billed = cutover.billed()[contract]
    assert done.amounts == {(customer, numbers["original"]): billed, (customer, numbers["credit"]): -billed}
    assert POSTED not in {
        row["msdyn_invoicestatus"]
        for row in cutover.client.rows("msdyn_contractlinescheduleofvalues")
        if row["msdyn_contractlinescheduleofvalueid"] in cutover.loaded
        and cutover.loaded[row["msdyn_contractlinescheduleofvalueid"]]["contract"] == contract
    }
