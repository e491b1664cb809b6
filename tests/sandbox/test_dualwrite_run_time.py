"""What running, stopped and paused maps do with a write on either side."""

from __future__ import annotations

from decimal import Decimal

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import writes
from statecfg.sandbox.projops.confirming import confirm_invoice, mark_paid
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.world import PropagationFailed
from tests.sandbox.dualwrite_world import (
    ACTUALS,
    FINANCE_MILESTONES,
    INVOICES,
    MILESTONE,
    MILESTONES,
    PAUSE,
    RESUME,
    START,
    SYNC,
    Link,
    milestone,
    running_link,
)
from tests.sandbox.project_world import CONTRACT, TIME_LINE, hours, identity

READY, CREATED = 192350001, 192350002
STAGING = "fo.ProjActualsImports"
PROPOSALS = "fo.private.proposals"
LARGEST = "922337203685476.99"


def invoice_everything(link: Link) -> str:
    """Create and confirm the contract's invoice; its id."""
    with link.world.transaction() as tx:
        invoice = create_invoice(tx, CONTRACT)["invoiceid"]
    with link.world.transaction() as tx:
        confirm_invoice(tx, invoice)
    return invoice


def in_finance(link: Link, row):
    found = link.in_finance(row)
    assert found is not None
    return found


@pytest.mark.parametrize("amount", ["1000.10", LARGEST, "0.0001", "-12.5"])
def test_an_amount_arrives_to_the_last_digit(link: Link, amount: str) -> None:
    (row,) = link.create(milestone(amount=amount))
    assert in_finance(link, row)["Amount"] == Decimal(amount)
    assert in_finance(link, row)["TotalSalesAmount"] == Decimal(amount)


def test_a_milestone_arrives_with_all_that_its_lookups_lead_to(link: Link) -> None:
    (row,) = link.create(milestone())
    found = in_finance(link, row)
    assert (found["dataAreaId"], found["CurrencyCode"], found["ProjectContractId"]) == ("usmf", "USD", "CON-1")
    assert (found["ProjectNumber"], found["CustomerAccountNumber"]) == ("PRJ-1", "US-001")
    assert (found["ContractLineId"], found["TransactionDate"]) == (row["msdyn_contractlineid"], "2024-03-01T12:00:00Z")
    assert (found["TransStatus"], found["Description"]) == ("NoStatus", "Kick-off")
    assert found["ContractLineMilestoneIdentifier"]


def test_the_version_decides_which_date_is_carried(link: Link) -> None:
    both = {"msdyn_invoicedate": "2024-02-29T00:00:00Z", "msdyn_milestonedate": "2024-03-01"}
    (row,) = link.create(milestone("newer", **both))
    assert in_finance(link, row)["TransactionDate"] == "2024-03-01T12:00:00Z"
    link.stop()
    assert link.switch(link.version("1.0.0.6")).status_code == 200
    link.start()
    (row,) = link.create(milestone("older", **both))
    assert in_finance(link, row)["TransactionDate"] == "2024-02-29T12:00:00Z"


def test_a_change_updates_the_row_that_is_there(link: Link) -> None:
    (row,) = link.create(milestone())
    first = in_finance(link, row)["ContractLineMilestoneIdentifier"]
    link.change(row, msdyn_amount=Decimal("7.25"), msdyn_name="Renamed")
    found = in_finance(link, row)
    assert (found["Amount"], found["Description"]) == (Decimal("7.25"), "Renamed")
    assert found["ContractLineMilestoneIdentifier"] == first


def test_a_deleted_row_is_deleted_on_the_other_side(link: Link) -> None:
    (row,) = link.create(milestone())
    assert link.in_finance(row)
    with link.world.transaction() as tx:
        records.delete(tx, MILESTONE, row["msdyn_contractlinescheduleofvalueid"])
    assert link.in_finance(row) is None


def test_a_stopped_map_carries_nothing_and_remembers_nothing(link: Link) -> None:
    link.stop()
    (row,) = link.create(milestone())
    link.start()
    assert link.in_finance(row) is None
    assert link.rows("dw.queue") == []


@pytest.mark.parametrize("spelled", ["4", "Invoiced", "invoiced"])
def test_a_value_map_takes_numbers_and_member_names(link: Link, spelled: str) -> None:
    link.run_cutover_version(**{f"_{spelled}": "192350001"})
    (row,) = link.create(milestone())
    assert in_finance(link, row)["TransStatus"] == "Invoiced"


def test_a_second_pair_is_honoured(link: Link) -> None:
    link.run_cutover_version(_4="192350001", _0="192350000")
    ready, rest = link.create(milestone("ready"), milestone("rest", status=192350000))
    assert in_finance(link, ready)["TransStatus"] == "Invoiced"
    assert in_finance(link, rest)["TransStatus"] == "NoStatus"


def test_a_value_without_a_pair_stops_the_write_and_the_error_names_the_field(link: Link) -> None:
    link.run_cutover_version()
    with pytest.raises(PropagationFailed) as failure:
        link.create(milestone("fine"), milestone("not ready", status=192350000))
    assert "192350000 of msdyn_invoicestatus has no pair in the value map of TRANSSTATUS" in str(failure.value)
    assert "failed to process entity msdyn_contractlinescheduleofvalue - (Write failed for entity" in str(failure.value)
    assert link.rows(MILESTONE) == []
    assert link.rows(FINANCE_MILESTONES) == []


@pytest.mark.parametrize("habit", ["skip", "default"])
def test_a_value_without_a_pair_may_be_skipped_or_defaulted(link: Link, habit: str) -> None:
    link.run_cutover_version()
    link.settings(valuemap__missing=habit)
    (row,) = link.create(milestone(status=192350000))
    assert in_finance(link, row)["TransStatus"] == "NoStatus"


def test_creating_invoices_while_the_cutover_version_runs_is_stopped_by_the_missing_pair(link: Link) -> None:
    link.run_cutover_version()
    (row,) = link.create(milestone())
    with pytest.raises(PropagationFailed, match="192350002 of msdyn_invoicestatus"), link.world.transaction() as tx:
        create_invoice(tx, CONTRACT)
    assert link.rows("invoice") == []
    assert link.rows(MILESTONE)[0]["msdyn_invoicestatus"] == READY
    assert in_finance(link, row)["TransStatus"] == "Invoiced"


def test_a_refusal_of_finance_rolls_the_whole_batch_back(link: Link) -> None:
    unknown = identity("a line that finance doesn't know")
    with link.world.transaction() as tx:
        line = {"salesorderdetailid": unknown, "salesorderid": CONTRACT, "msdyn_billingmethod": 192350001}
        tx.insert("salesorderdetail", {**line, "msdyn_project": identity("project"), "baseamount": Decimal(1000)})
    with pytest.raises(PropagationFailed, match="with unknown exception - The contract line"):
        link.create(milestone("good"), milestone("bad", line=unknown))
    assert link.rows(MILESTONE) == []
    assert link.rows(FINANCE_MILESTONES) == []


def test_a_company_outside_the_link_is_left_alone(link: Link) -> None:
    link.settings(gateway__unlinked_companies=["USMF"])
    (row,) = link.create(milestone())
    assert link.in_finance(row) is None


def test_an_invoice_goes_out_when_it_is_confirmed_not_when_it_is_created(link: Link) -> None:
    link.create(milestone(), milestone("Design", "200.20"))
    with link.world.transaction() as tx:
        invoice = create_invoice(tx, CONTRACT)
    assert link.rows(PROPOSALS) == []
    assert link.rows(STAGING) == []
    with link.world.transaction() as tx:
        confirm_invoice(tx, invoice["invoiceid"])
    (proposal,) = link.rows(PROPOSALS)
    assert (proposal["ProposalId"], proposal["InvoiceAmount"]) == (invoice["invoicenumber"], Decimal("300.30"))
    assert (proposal["ProjectContractId"], proposal["ExternalId"]) == ("CON-1", invoice["invoiceid"])
    staged = link.rows(STAGING)
    assert sorted(row["Amount"] for row in staged) == [Decimal("100.10"), Decimal("200.20")]
    assert {row["TransactionType"] for row in staged} == {"BilledSales"}
    assert {row["InvoiceProposalId"] for row in staged} == {invoice["invoicenumber"]}


def test_with_the_three_maps_stopped_a_confirmed_invoice_reaches_nobody(link: Link) -> None:
    link.create(milestone())
    link.stop(MILESTONES, ACTUALS, INVOICES)
    invoice_everything(link)
    link.start(MILESTONES, ACTUALS, INVOICES)
    assert link.rows(PROPOSALS) == []
    assert link.rows(STAGING) == []


def test_a_restart_with_initial_sync_brings_what_was_kept_away(link: Link) -> None:
    (row,) = link.create(milestone())
    link.stop(MILESTONES, ACTUALS, INVOICES)
    invoice = invoice_everything(link)
    link.do(START, ACTUALS, INVOICES, parameters=SYNC)
    (proposal,) = link.rows(PROPOSALS)
    (staged,) = link.rows(STAGING)
    assert proposal["ExternalId"] == invoice
    assert staged["Amount"] == row["msdyn_amount"]
    details = link.send("GET", f"/api/ProjectExecutionWithCompanies/{link.map(INVOICES)['pid']}").json()
    assert details["projectExecutionResponses"][0]["upsertCount"] == 1


def test_actuals_marked_to_be_skipped_are_not_carried(link: Link) -> None:
    link.create(hours(msdyn_skipsync=True), hours(), table="msdyn_actual")
    (staged,) = link.rows(STAGING)
    assert staged["TransactionType"] == "Sales"
    assert staged["ContractLineId"] == TIME_LINE


def test_a_changed_confirmed_invoice_is_sent_again(link: Link) -> None:
    link.create(milestone())
    invoice = invoice_everything(link)
    with link.world.transaction() as tx:
        for row in tx.find(PROPOSALS):
            tx.delete(PROPOSALS, (row["dataAreaId"], row["ProposalId"]))
        mark_paid(tx, invoice)
    assert [row["ExternalId"] for row in link.rows(PROPOSALS)] == [invoice]


def test_a_paused_map_queues_and_replays_every_value_in_order(link: Link) -> None:
    link.do(PAUSE)
    (row,) = link.create(milestone(amount="1"))
    for amount in ("2", LARGEST):
        link.change(row, msdyn_amount=Decimal(amount))
    assert link.in_finance(row) is None
    seen = []
    link.world.hooks.on_changes(
        lambda tx, table, operation, pairs: seen.extend(
            pair[1]["Amount"] for pair in pairs if pair[1] and table == FINANCE_MILESTONES and tx.world is link.world
        )
    )
    link.do(RESUME)
    assert link.state() == "4"
    assert seen == [Decimal(1), Decimal(2), Decimal(LARGEST)]
    assert link.rows("dw.queue") == []


def test_a_resume_that_skips_catch_up_keeps_or_drops_the_queue(link: Link) -> None:
    for keep in (True, False):
        link.do(PAUSE)
        (row,) = link.create(milestone(f"kept {keep}"))
        skip = {"dualWriteSkipCatchUpSyncParameters": {"skipCatchUpSyncPreserveData": keep}}
        link.do(RESUME, parameters=skip)
        assert link.in_finance(row) is None
        assert [error["message"] for error in link.rows("dw.catchuperrors")] == ["Catch-up was skipped."]


def test_what_cannot_be_replayed_is_a_catch_up_error_and_the_rest_goes_on(link: Link) -> None:
    link.do(PAUSE)
    bad, good = link.create(milestone("bad"), milestone("good"))
    fault = {"effect": "refuse_row", "table": FINANCE_MILESTONES, "column": "Description", "contains": "bad"}
    link.control("POST", "faults", fault)
    link.do(RESUME)
    assert link.state() == "4"
    assert link.in_finance(bad) is None
    assert link.in_finance(good)
    assert len(link.rows("dw.catchuperrors")) == 1


def test_a_pause_does_not_last_for_ever(link: Link) -> None:
    link.do(PAUSE)
    link.create(milestone("first"))
    link.settings(clock__offset_s=86_500)
    with pytest.raises(PropagationFailed, match="paused for longer"):
        link.create(milestone("second"))


def test_stopping_a_paused_map_forgets_its_queue(link: Link) -> None:
    link.do(PAUSE)
    (row,) = link.create(milestone())
    link.stop()
    link.start()
    assert link.in_finance(row) is None


def test_changes_made_during_initial_sync_are_sent_after_it(link: Link) -> None:
    link.stop()
    link.settings(gateway__initial_sync_reads=3)
    link.do(START, parameters=SYNC)
    assert link.state() == "2"
    (row,) = link.create(milestone())
    assert link.in_finance(row) is None
    assert [link.state() for _ in range(3)][-1] == "4"
    assert link.in_finance(row)


def test_posting_writes_the_voucher_back_through_the_actuals_map(link: Link) -> None:
    (actual,) = link.create(hours(), table="msdyn_actual")
    (staged,) = link.rows(STAGING)
    with link.world.transaction() as tx:
        writes.change(tx, "ProjActualsImports", staged, {"VoucherNumber": "V-1", "AccountingAmount": Decimal(LARGEST)})
    (row,) = link.rows("msdyn_actual")
    assert (row["msdyn_vouchernumber"], row["msdyn_accountingamount"]) == ("V-1", Decimal(LARGEST))
    assert row["msdyn_actualid"] == actual["msdyn_actualid"]
    # No echo: what came from F&O was not sent to it again.
    assert link.rows(STAGING)[0]["RecVersion"] == staged["RecVersion"] + 1


def test_an_unmapped_change_in_finance_moves_nothing(link: Link) -> None:
    link.create(hours(), table="msdyn_actual")
    before = link.rows("msdyn_actual")
    with link.world.transaction() as tx:
        writes.change(tx, "ProjActualsImports", tx.find(STAGING)[0], {"IsJournalized": "Yes"})
    assert link.rows("msdyn_actual") == before


def test_a_stopped_map_writes_nothing_back(link: Link) -> None:
    link.create(hours(), table="msdyn_actual")
    link.stop(ACTUALS)
    with link.world.transaction() as tx:
        writes.change(tx, "ProjActualsImports", tx.find(STAGING)[0], {"VoucherNumber": "V-1"})
    assert link.rows("msdyn_actual")[0]["msdyn_vouchernumber"] is None


def test_what_dataverse_refuses_rolls_the_finance_transaction_back(link: Link) -> None:
    link.create(hours(), table="msdyn_actual")
    link.control("POST", "faults", {"effect": "refuse_row", "table": "msdyn_actual", "message": "Not in my house."})
    with (
        pytest.raises(PropagationFailed, match="CDS error code : 0x80040265 response message: Not in my house"),
        link.world.transaction() as tx,
    ):
        writes.change(tx, "ProjActualsImports", tx.find(STAGING)[0], {"VoucherNumber": "V-1"})
    assert link.rows(STAGING)[0]["VoucherNumber"] == ""


def test_a_map_in_an_integration_job_fills_a_backlog_that_outlives_its_stop(link: Link) -> None:
    link.settings(async__maps=["actuals", "invoices"])
    link.create(milestone())
    invoice_everything(link)
    assert (link.rows(STAGING), link.rows(PROPOSALS)) == ([], [])
    logs = link.rows("fo.DualWriteAsyncLogs")
    assert {log["UniqueEntityName"] for log in logs} >= {"Project Operations integration actuals"}
    link.stop(ACTUALS, INVOICES)
    assert link.control("POST", "async-run", {}).json()["delivered"] == len(logs)
    assert len(link.rows(STAGING)) == len(link.rows(PROPOSALS)) == 1
    assert link.rows("fo.DualWriteAsyncLogs") == []


def test_what_finance_refuses_of_a_backlog_is_in_the_error_log_until_it_is_delivered(link: Link) -> None:
    link.settings(async__maps=["actuals"])
    link.create(hours(), hours("90"), table="msdyn_actual")
    fault = {"effect": "refuse_row", "table": STAGING, "occurrence": 1, "message": "Not today."}
    link.control("POST", "faults", fault)
    assert link.control("POST", "async-run", {}).json() == {"delivered": 1, "failed": 1}
    (error,) = link.rows("fo.DualWriteAsyncRefErrorLogs")
    assert (error["MarkForRetry"], "Not today." in error["DVErrorLogReference"]) == ("Yes", True)
    assert len(link.rows("fo.DualWriteAsyncLogs")) == 1
    assert link.control("POST", "async-run", {}).json() == {"delivered": 1, "failed": 0}
    assert len(link.rows(STAGING)) == 2


def test_a_backlog_holds_amounts_to_the_last_digit(link: Link) -> None:
    link.settings(async__maps=["actuals"])
    link.create(hours(LARGEST), table="msdyn_actual")
    link.control("POST", "async-run", {"map": "actuals"})
    assert link.rows(STAGING)[0]["Amount"] == Decimal(LARGEST)


def test_a_job_may_go_on_taking_changes_after_its_map_was_stopped(link: Link) -> None:
    link.settings(async__maps=["actuals"], async__survives_stop=True)
    link.stop(ACTUALS)
    link.create(hours(), table="msdyn_actual")
    assert len(link.rows("fo.DualWriteAsyncLogs")) == 1
    link.start(ACTUALS)
    assert link.state(ACTUALS) == "4"


def test_neighbours_carry_too(link: Link) -> None:
    with link.world.transaction() as tx:
        records.update(tx, "salesorder", CONTRACT, {"name": "Renamed"})
    (contract,) = link.rows("fo.ProjectContractHeaders")
    assert (contract["Name"], contract["SalesCurrencyCode"]) == ("Renamed", "USD")


def test_a_two_way_milestone_map_brings_changes_of_finance_back(tmp_path) -> None:
    with running_link(tmp_path, **{"maps.milestone_direction": "two_way"}) as link:
        (row,) = link.create(milestone())
        with link.world.transaction() as tx:
            writes.change(tx, "ProjectContractLineMilestones", tx.find(FINANCE_MILESTONES)[0], {"Description": "There"})
        assert link.rows(MILESTONE)[0]["msdyn_name"] == "There"
        assert in_finance(link, row)["Description"] == "There"
