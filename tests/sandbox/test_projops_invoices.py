from decimal import Decimal

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops import codes, jobs
from statecfg.sandbox.projops.actions import ACTIONS
from statecfg.sandbox.world import Refused
from tests.sandbox.project_world import (
    CONTRACT,
    LINE_1,
    LINE_2,
    MILESTONE,
    TIME_LINE,
    hours,
    identity,
    milestone,
    project_world,
    status_of,
    written,
)

SCHEDULE = "msdyn_contractlineinvoiceschedule"
BY_NAME = {name: action for _, name, action in ACTIONS}


@pytest.fixture
def world():
    made = project_world()
    yield made
    made.close()


def do(tx, name, target=None, **body):
    return BY_NAME[name](tx, target, body)


def new_invoice(tx, contract=CONTRACT):
    return do(tx, "msdyn_NewInvoiceContract", contract)


def confirm(tx, invoice):
    return do(tx, "msdyn_PostInvoice", invoice["invoiceid"])


def details(tx, invoice):
    return tx.find("msdyn_invoicelinetransaction", msdyn_invoice=invoice["invoiceid"])


def test_a_new_invoice_is_a_draft_with_every_contract_line_and_everything_that_is_ready(world):
    later = milestone("Later", status=codes.NOT_READY)
    with written(world, MILESTONE, milestone(), milestone("Design", "200.20", LINE_2), later) as (tx, made):
        records.create(tx, "msdyn_actual", hours())
        invoice = new_invoice(tx)
        assert invoice["msdyn_projectinvoicestatus"] == codes.DRAFT
        assert invoice["totalamount"] == Decimal("380.30")
        assert invoice["name"] == "Rollout"
        lines = tx.find("invoicedetail", invoiceid=invoice["invoiceid"])
        assert {line["salesorderdetailid"] for line in lines} == {LINE_1, LINE_2, TIME_LINE}
        assert {line["salesorderdetailid"]: line["extendedamount"] for line in lines}[LINE_2] == Decimal("200.20")
        assert sorted(d["msdyn_description"] for d in details(tx, invoice)) == ["Design", "Kick-off", "Workshop"]
        assert [status_of(tx, row) for row in made] == [codes.ON_INVOICE, codes.ON_INVOICE, codes.NOT_READY]
        assert tx.find("msdyn_actual", msdyn_transactiontypecode=codes.BILLED_SALES) == []


def test_nothing_ready_is_refused(world):
    with written(world, MILESTONE, milestone(status=codes.NOT_READY)) as (tx, _), pytest.raises(Refused):
        new_invoice(tx)


def test_a_contract_that_is_not_won_cannot_be_invoiced(world):
    with written(world, MILESTONE, milestone()) as (tx, _):
        tx.update("salesorder", CONTRACT, {"msdyn_psastate": 192350000})
        with pytest.raises(Refused, match="not won"):
            new_invoice(tx)


def test_an_unknown_contract_is_not_found(world):
    with world.transaction() as tx, pytest.raises(Refused) as refusal:
        new_invoice(tx, identity("nobody"))
    assert refusal.value.status == 404


@pytest.mark.parametrize(
    ("link", "named", "scheduled"), [("both", True, 1), ("details", True, 0), ("schedules", False, 1)]
)
def test_an_invoice_is_tied_to_its_milestones_as_the_setting_says(link, named, scheduled):
    world = project_world(**{"projops.invoice_link": link})
    with written(world, MILESTONE, milestone()) as (tx, made):
        invoice = new_invoice(tx)
        assert (details(tx, invoice)[0]["msdyn_description"] == "Kick-off") is named
        key = made[0]["msdyn_contractlinescheduleofvalueid"]
        found = tx.find("msdyn_contractlineinvoiceschedule", msdyn_contractlinescheduleofvalue=key)
        assert [row["msdyn_invoice"] for row in found] == [invoice["invoiceid"]] * scheduled
        confirm(tx, invoice)
        assert status_of(tx, made[0]) == codes.POSTED
    world.close()


def schedule(tx, milestone_row):
    key = milestone_row["msdyn_contractlinescheduleofvalueid"]
    values = {"msdyn_name": "S", "msdyn_contractlinescheduleofvalue": key}
    return records.create(tx, SCHEDULE, values)[f"{SCHEDULE}id"]


def test_an_invoice_made_of_schedules_holds_their_milestones_and_nothing_else(world):
    with written(world, MILESTONE, milestone(), milestone("Later", "50")) as (tx, made):
        records.create(tx, "msdyn_actual", hours())
        key = schedule(tx, made[1])
        given = [{"@odata.type": f"Microsoft.Dynamics.CRM.{SCHEDULE}", f"{SCHEDULE}id": key}]
        do(tx, "msdyn_createinvoicefrominvoiceschedule", CONTRACT, InvoiceSchedules=given)
        (invoice,) = tx.find("invoice")
        assert invoice["totalamount"] == Decimal("50")
        assert [row["msdyn_invoice"] for row in tx.select(SCHEDULE)] == [invoice["invoiceid"]]
        assert [status_of(tx, row) for row in made] == [codes.READY, codes.ON_INVOICE]
        with pytest.raises(Refused, match="has a milestone to invoice"):
            do(tx, "msdyn_createinvoicefrominvoiceschedule", CONTRACT, InvoiceSchedules=given)


@pytest.mark.parametrize("given", [None, "x", [1], [{}]])
def test_schedules_that_are_none_are_refused(world, given):
    with world.transaction() as tx, pytest.raises(Refused):
        do(tx, "msdyn_createinvoicefrominvoiceschedule", CONTRACT, InvoiceSchedules=given)


def test_confirming_leaves_exactly_one_billed_actual_a_milestone(world):
    with written(world, MILESTONE, milestone(), milestone("Design", "0.01")) as (tx, made):
        invoice = new_invoice(tx)
        confirm(tx, invoice)
        actuals = tx.find("msdyn_actual", msdyn_invoice=invoice["invoiceid"])
        assert sorted((a["msdyn_description"], a["msdyn_amount"]) for a in actuals) == [
            ("Design", Decimal("0.01")),
            ("Kick-off", Decimal("100.10")),
        ]
        assert {a["msdyn_transactiontypecode"] for a in actuals} == {codes.BILLED_SALES}
        assert {a["msdyn_transactionclassification"] for a in actuals} == {codes.MILESTONE}
        assert len(tx.find("msdyn_actual")) == 2
        assert [status_of(tx, row) for row in made] == [codes.POSTED] * 2
        assert tx.get("invoice", invoice["invoiceid"])["msdyn_projectinvoicestatus"] == codes.CONFIRMED


def test_confirmed_time_leaves_a_billed_actual_and_the_reversal_of_the_unbilled_one(world):
    with written(world, "msdyn_actual", hours()) as (tx, made):
        invoice = new_invoice(tx)
        assert tx.get("msdyn_actual", made[0]["msdyn_actualid"])["msdyn_billingstatus"] == codes.BILLING_CREATED
        confirm(tx, invoice)
        actuals = tx.find("msdyn_actual")
        kinds = sorted((a["msdyn_transactiontypecode"], a["msdyn_amount"], a["msdyn_skipsync"]) for a in actuals)
        assert kinds == [
            (codes.UNBILLED_SALES, Decimal(-80), True),
            (codes.UNBILLED_SALES, Decimal(80), False),
            (codes.BILLED_SALES, Decimal(80), False),
        ]
        assert len(tx.find("msdyn_transactionconnection", msdyn_transaction1=made[0]["msdyn_actualid"])) == 1


def test_an_invoice_is_confirmed_once(world):
    with written(world, MILESTONE, milestone()) as (tx, _):
        invoice = new_invoice(tx)
        confirm(tx, invoice)
        with pytest.raises(Refused, match="confirmed already"):
            confirm(tx, invoice)


def test_deleting_a_draft_makes_its_milestones_and_hours_ready_again(world):
    with written(world, MILESTONE, milestone(), milestone("Design")) as (tx, made):
        time = records.create(tx, "msdyn_actual", hours())
        invoice = new_invoice(tx)
        records.delete(tx, "invoice", invoice["invoiceid"])
        assert [status_of(tx, row) for row in made] == [codes.READY] * 2
        assert tx.get("msdyn_actual", time["msdyn_actualid"])["msdyn_billingstatus"] == codes.READY_TO_INVOICE
        for table in ("invoicedetail", "msdyn_invoicelinetransaction", "msdyn_contractlineinvoiceschedule"):
            assert tx.find(table) == []


def test_a_detail_taken_off_a_draft_makes_its_milestone_ready_and_lowers_the_total(world):
    with written(world, MILESTONE, milestone(), milestone("Design", "50")) as (tx, made):
        invoice = new_invoice(tx)
        first = next(d for d in details(tx, invoice) if d["msdyn_description"] == "Kick-off")
        records.delete(tx, "msdyn_invoicelinetransaction", first["msdyn_invoicelinetransactionid"])
        assert [status_of(tx, row) for row in made] == [codes.READY, codes.ON_INVOICE]
        assert tx.get("invoice", invoice["invoiceid"])["totalamount"] == Decimal(50)


def test_a_time_entry_that_somebody_adds_to_a_draft_raises_its_total_and_is_billed(world):
    with written(world, MILESTONE, milestone()) as (tx, _):
        invoice = new_invoice(tx)
        added = {"msdyn_invoice": invoice["invoiceid"], "msdyn_description": "Workshop", "msdyn_amount": Decimal(40)}
        kind = {"msdyn_transactionclassification": codes.TIME, "msdyn_transactiontypecode": codes.BILLED_SALES}
        records.create(tx, "msdyn_invoicelinetransaction", {**added, **kind, "msdyn_salescontract": CONTRACT})
        assert tx.get("invoice", invoice["invoiceid"])["totalamount"] == Decimal("140.10")
        confirm(tx, invoice)
        assert len(tx.find("msdyn_actual", msdyn_invoice=invoice["invoiceid"])) == 2


def test_a_confirmed_invoice_is_read_only_but_may_change_hands(world):
    with written(world, MILESTONE, milestone()) as (tx, _):
        invoice = new_invoice(tx)
        confirm(tx, invoice)
        key, detail = invoice["invoiceid"], details(tx, invoice)[0]["msdyn_invoicelinetransactionid"]
        for forbidden in (
            lambda: records.update(tx, "invoice", key, {"description": "late"}),
            lambda: records.delete(tx, "invoice", key),
            lambda: records.update(tx, "msdyn_invoicelinetransaction", detail, {"msdyn_amount": Decimal(1)}),
            lambda: records.delete(tx, "msdyn_invoicelinetransaction", detail),
        ):
            with pytest.raises(Refused):
                forbidden()
        tx.insert("systemuser", {"systemuserid": identity("someone"), "fullname": "Someone"})
        records.update(tx, "invoice", key, {"ownerid": identity("someone")})


def test_a_confirmed_invoice_is_paid_by_its_action_only(world):
    with written(world, MILESTONE, milestone()) as (tx, _):
        invoice = new_invoice(tx)
        with pytest.raises(Refused, match="not confirmed"):
            do(tx, "msdyn_InvoicePaid", invoice["invoiceid"])
        with pytest.raises(Refused, match="by its actions"):
            records.update(tx, "invoice", invoice["invoiceid"], {"msdyn_projectinvoicestatus": codes.CONFIRMED})
        confirm(tx, invoice)
        do(tx, "msdyn_InvoicePaid", invoice["invoiceid"])
        assert tx.get("invoice", invoice["invoiceid"])["msdyn_projectinvoicestatus"] == codes.PAID


def test_a_correction_credits_in_full_and_makes_the_milestone_ready_again(world):
    with written(world, MILESTONE, milestone()) as (tx, made):
        invoice = new_invoice(tx)
        confirm(tx, invoice)
        corrective = do(tx, "msdyn_CorrectInvoice", invoice["invoiceid"])
        assert corrective["totalamount"] == Decimal("-100.10")
        assert status_of(tx, made[0]) == codes.POSTED
        confirm(tx, corrective)
        assert status_of(tx, made[0]) == codes.READY
        found = {a["msdyn_amount"]: a["msdyn_adjustmentstatus"] for a in tx.find("msdyn_actual")}
        assert found == {Decimal("100.10"): codes.ADJUSTED, Decimal("-100.10"): codes.UNADJUSTABLE}
        with pytest.raises(Refused, match="corrected already"):
            do(tx, "msdyn_CorrectInvoice", invoice["invoiceid"])


def test_in_the_background_a_confirmation_is_a_job_that_falls_due():
    world = project_world(**{"projops.async_confirm": True, "projops.job_delay_s": 60})
    with written(world, MILESTONE, milestone()) as (tx, _):
        invoice = new_invoice(tx)
        assert confirm(tx, invoice) is None
        with pytest.raises(Refused, match="running already"):
            confirm(tx, invoice)
    assert jobs.run_due(world) == 0
    world.settings["clock.offset_s"] = 120
    assert jobs.run_due(world) == 1
    with world.reading() as tx:
        assert tx.get("invoice", invoice["invoiceid"])["msdyn_projectinvoicestatus"] == codes.CONFIRMED
        assert [job["statuscode"] for job in tx.find("asyncoperation")] == [codes.JOB_SUCCEEDED]
    world.close()


def test_a_job_that_fails_says_why_and_leaves_the_draft_as_it_was():
    world = project_world(**{"projops.async_confirm": True, "projops.job_delay_s": 0})
    with written(world, MILESTONE, milestone()) as (tx, made):
        invoice = new_invoice(tx)
        confirm(tx, invoice)

    def refuse(tx, table, operation, pairs):
        if table == "msdyn_actual":
            raise Refused("", "staging is closed")

    world.hooks.on_changes(refuse)
    jobs.run_due(world)
    with world.reading() as tx:
        job = tx.find("asyncoperation")[0]
        assert (job["statuscode"], job["message"]) == (codes.JOB_FAILED, "staging is closed")
        assert tx.get("invoice", invoice["invoiceid"])["msdyn_projectinvoicestatus"] == codes.DRAFT
        assert status_of(tx, made[0]) == codes.ON_INVOICE
    world.close()


def test_totals_of_a_fixed_price_line_are_compared_with_its_milestones(world):
    with written(world, MILESTONE, milestone(amount="999.99")) as (tx, _):
        body = {"entityTypeName": "salesorderdetail", "entityId": LINE_1}
        assert do(tx, "msdyn_ValidateFixedPriceLineTotals", None, **body)["IsValid"] is False
        records.create(tx, MILESTONE, milestone("Rest", "0.01"))
        assert do(tx, "msdyn_ValidateFixedPriceLineTotals", None, **body)["IsValid"] is True
