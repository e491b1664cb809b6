"""Invoices against the sandbox, over real sockets: what is created and confirmed, left alone, lost, or on its way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.end_to_end.outcome import export
from tests.end_to_end.rig import Rig, codes, said
from tests.resources.test_milestones_on_sandbox import POSTED, READY, by_hand, fault, stones, until_arrived

DRAFT, CONFIRMED = 192350000, 192350002
CREATE, CONFIRM = "msdyn_NewInvoiceContract", "msdyn_PostInvoice"
QUICK = {"waits.execution_limit_s": "0.5"}


def contracts(rig: Rig) -> dict[str, str]:
    """The file's contracts: number -> id."""
    numbers = {row["contract"] for row in export(rig)}
    return {o["ordernumber"]: o["salesorderid"] for o in rig.find("salesorder") if o["ordernumber"] in numbers}


def invoices(rig: Rig, **equals: Any) -> list[dict[str, Any]]:
    """Invoices of the file's contracts."""
    ids = set(contracts(rig).values())
    return [row for row in rig.find("invoice", **equals) if row["salesorderid"] in ids]


def until(rig: Rig, verb: str, count: int = 1) -> Any:
    """Apply up to a step of the invoices, that one included."""
    steps = [step for step in rig.plan("cutover").steps if step.verb == verb and step.address.kind == "invoices"]
    return rig.apply("cutover", stop_after=steps[count - 1].number)


def create_by_hand(rig: Rig, number: str) -> None:
    by_hand(rig, "POST", f"salesorders({contracts(rig)[number]})/Microsoft.Dynamics.CRM.{CREATE}", {})


def add_time(rig: Rig, number: str) -> None:
    """Hours of somebody, ready to be invoiced, on a contract of the file."""
    contract = contracts(rig)[number]
    line = rig.find("salesorderdetail", salesorderid=contract)[0]
    body = {
        "msdyn_description": "Hours of a colleague",
        "msdyn_SalesContract@odata.bind": f"/salesorders({contract})",
        "msdyn_SalesContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "msdyn_amount": 100, "msdyn_quantity": 1, "msdyn_price": 100,
        "msdyn_transactiontypecode": 192350005, "msdyn_transactionclassification": 192350000,
        "msdyn_billingstatus": 192350004, "msdyn_billingtype": 192350001,
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({line['transactioncurrencyid']})",
    }  # fmt: skip
    by_hand(rig, "POST", "msdyn_actuals", body)


def add_to_draft(rig: Rig, invoice: dict[str, Any]) -> dict[str, Any]:
    """The request that puts somebody's hours on a draft."""
    line = rig.find("invoicedetail", invoiceid=invoice["invoiceid"])[0]
    return {
        "service": "dataverse", "method": "POST", "path": "/api/data/v9.2/msdyn_invoicelinetransactions",
        "body": {
            "msdyn_description": "Hours of a colleague",
            "msdyn_Invoice@odata.bind": f"/invoices({invoice['invoiceid']})",
            "msdyn_InvoiceLineId@odata.bind": f"/invoicedetails({line['invoicedetailid']})",
            "msdyn_SalesContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
            "msdyn_SalesContract@odata.bind": f"/salesorders({invoice['salesorderid']})",
            "msdyn_amount": 100, "msdyn_tax": 0, "msdyn_extendedamount": 100,
            "msdyn_transactiontypecode": 192350006, "msdyn_transactionclassification": 192350000,
        },
    }  # fmt: skip


def assert_one_confirmed_each(rig: Rig) -> None:
    found = invoices(rig)
    assert {row["msdyn_projectinvoicestatus"] for row in found} == {CONFIRMED}
    assert sorted(row["salesorderid"] for row in found) == sorted(contracts(rig).values())
    assert len(stones(rig, msdyn_invoicestatus=POSTED)) == len(export(rig))
    ours = {row["invoiceid"] for row in found}
    actuals = [row for row in rig.find("msdyn_actual") if row["msdyn_invoice"] in ours]
    assert len(actuals) == len(export(rig))
    assert rig.find("fo.ProjActualsImports") == []


def test_each_contract_gets_one_confirmed_invoice_of_its_sum(rig: Rig) -> None:
    rig.done("cutover")
    assert_one_confirmed_each(rig)
    sums: dict[str, Decimal] = {}
    for row in export(rig):
        whole = Decimal(row["amount"]) + Decimal(row["tax"] or 0)
        sums[row["contract"]] = sums.get(row["contract"], Decimal(0)) + whole
    numbers = {own: number for number, own in contracts(rig).items()}
    assert {numbers[row["salesorderid"]]: row["totalamount"] for row in invoices(rig)} == sums


@pytest.mark.parametrize("action", [CREATE, CONFIRM])
@pytest.mark.parametrize("effect", ["lost", "drop"])
@pytest.mark.parametrize("occurrence", [1, 3])
def test_a_lost_answer_is_settled_once_the_service_is_quiet(
    rig: Rig, action: str, effect: str, occurrence: int
) -> None:
    rig.extra.update(QUICK)
    fault(rig, effect=effect, service="dataverse", path=action, occurrence=occurrence)
    rig.done("cutover")
    assert_one_confirmed_each(rig)
    assert [each["fired"] for each in rig.control("faults")] == [1]


def test_in_the_background_is_as_good_as_at_once(rigs: Callable[..., Rig]) -> None:
    settings = {"projops.async_create": True, "projops.async_confirm": True, "projops.job_delay_s": 1}
    rig = rigs(**settings)
    rig.done("cutover")
    assert_one_confirmed_each(rig)


@pytest.mark.parametrize("link", ["details", "schedules"])
def test_either_way_of_tying_invoices_to_milestones_works(rigs: Callable[..., Rig], link: str) -> None:
    rig = rigs(**{"projops.invoice_link": link})
    rig.extra["invoice_link"] = link
    rig.done("cutover")
    assert_one_confirmed_each(rig)
    assert rig.plan("cutover").steps == ()
    rig.done("restored")


def test_a_draft_of_exactly_our_milestones_is_adopted(rig: Rig) -> None:
    until_arrived(rig)
    until_stopped(rig)
    create_by_hand(rig, "CON-0002")
    plan = rig.plan("cutover")
    assert codes(plan.findings) == []
    rig.done("cutover")
    assert_one_confirmed_each(rig)


def until_stopped(rig: Rig) -> None:
    """Apply up to where the three maps are stopped again."""
    steps = rig.plan("cutover").steps
    first = next(step.number for step in steps if step.address.kind == "invoices")
    rig.apply("cutover", stop_after=first - 1)


def test_time_that_is_ready_on_a_contract_blocks_the_plan(rig: Rig) -> None:
    add_time(rig, "CON-0003")
    plan = rig.plan("cutover")
    assert codes(plan.findings)
    assert "CON-0003" in str(plan.findings)


def test_time_that_becomes_ready_in_mid_run_leaves_that_contract_out(rig: Rig) -> None:
    until(rig, "wait-canary")
    begun = {row["salesorderid"] for row in invoices(rig)}
    canary = next(step for step in rig.plan("cutover").steps if step.verb == "create-canary")
    (record,) = canary.records
    left = {number: own for number, own in contracts(rig).items() if own not in {*begun, record.id}}
    number = next(iter(left))
    rig.events = Watching(lambda: add_time(rig, number), "step_start")
    result = rig.apply("cutover")
    assert result.exit_code in (3, 7), said(result)
    assert number in str([each for each in rig.events if each.name == "diagnostic"])
    assert {r["salesorderid"] for r in invoices(rig)} == set(contracts(rig).values()) - {left[number]}


class Watching(list[Any]):
    """Events of a run; at the first of a name, something is done."""

    def __init__(self, do: Callable[[], object], name: str) -> None:
        super().__init__()
        self._todo, self._name = [do], name

    def append(self, event: Any) -> None:
        super().append(event)
        if event.name == self._name and self._todo:
            self._todo.pop()()


def test_a_draft_with_something_foreign_on_it_is_not_confirmed_and_its_contract_is_named(rig: Rig) -> None:
    until(rig, "create")
    draft = invoices(rig, msdyn_projectinvoicestatus=DRAFT)[0]
    rig.control("edit", "POST", request=add_to_draft(rig, draft))
    number = {own: n for n, own in contracts(rig).items()}[draft["salesorderid"]]
    plan = rig.plan("cutover")
    (finding,) = [f for f in plan.findings if f.blocks]
    assert (finding.code, number in finding.what) == ("foreign-on-draft", True)


def test_in_mid_run_such_a_draft_is_left_out_and_the_others_are_confirmed(rig: Rig) -> None:
    until(rig, "create")
    canary = next(step for step in rig.plan("cutover").steps if step.verb == "confirm-canary")
    (record,) = canary.records
    drafts = invoices(rig, msdyn_projectinvoicestatus=DRAFT)
    draft = next(row for row in drafts if row["salesorderid"] != record.id)
    request = add_to_draft(rig, draft)
    rig.events = Watching(lambda: rig.control("edit", "POST", request=request), "step_start")
    result = rig.apply("cutover")
    assert result.exit_code in (3, 7), said(result)
    left = invoices(rig, msdyn_projectinvoicestatus=DRAFT)
    assert [row["invoiceid"] for row in left] == [draft["invoiceid"]]
    assert rig.find("fo.ProjActualsImports") == []


def test_a_draft_of_only_some_milestones_is_named(rig: Rig) -> None:
    until_arrived(rig)
    until_stopped(rig)
    own = contracts(rig)["CON-0001"]
    late = stones(rig, msdyn_contract=own)[0]
    change = {"msdyn_invoicestatus": 192350000}
    by_hand(rig, "PATCH", f"msdyn_contractlinescheduleofvalues({late['msdyn_contractlinescheduleofvalueid']})", change)
    create_by_hand(rig, "CON-0001")
    by_hand(
        rig, "PATCH", f"msdyn_contractlinescheduleofvalues({late['msdyn_contractlinescheduleofvalueid']})",
        {"msdyn_invoicestatus": READY},
    )  # fmt: skip
    plan = rig.plan("cutover")
    (finding,) = [each for each in plan.findings if each.blocks]
    assert (finding.code, "CON-0001" in finding.what) == ("partial-draft", True)


def test_a_confirm_on_its_way_is_waited_for_first(rigs: Callable[..., Rig]) -> None:
    rig = rigs(**{"projops.job_delay_s": 6})
    until(rig, "create")
    rig.settings(projops__async_confirm=True)
    draft = invoices(rig, msdyn_projectinvoicestatus=DRAFT)[0]
    by_hand(rig, "POST", f"invoices({draft['invoiceid']})/Microsoft.Dynamics.CRM.{CONFIRM}", {})
    rig.settings(projops__async_confirm=False)
    result = rig.done("cutover")
    assert result.steps[0].verb == "wait-jobs"
    assert_one_confirmed_each(rig)


def test_a_job_that_fails_ends_the_wait_with_its_reason(rig: Rig) -> None:
    until(rig, "create")
    rig.settings(projops__async_confirm=True, projops__job_delay_s=1)
    fault(rig, effect="refuse_row", table="msdyn_actual", contains="", message="No actual can be made today.", times=0)
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert "No actual can be made today." in str(result.error)


def test_a_credited_invoice_is_drift_and_nothing_is_planned(rig: Rig) -> None:
    rig.done("cutover")
    rig.done("restored")
    first = invoices(rig)[0]
    by_hand(rig, "POST", f"invoices({first['invoiceid']})/Microsoft.Dynamics.CRM.msdyn_CorrectInvoice", {})
    corrective = next(row for row in invoices(rig) if row["msdyn_projectinvoicestatus"] == DRAFT)
    by_hand(rig, "POST", f"invoices({corrective['invoiceid']})/Microsoft.Dynamics.CRM.{CONFIRM}", {})
    assert stones(rig, msdyn_invoicestatus=READY)
    result = rig.apply("cutover")
    assert (result.exit_code, result.steps) == (0, ()), said(result)
    report = rig.app().drift()
    assert "revised-after-go-live" in codes(report.findings)


def test_drift_is_silent_after_a_good_cutover_and_names_what_changed(rig: Rig) -> None:
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    assert codes(rig.app().drift().findings) == []
    victim = stones(rig)[0]
    with rig.sandbox.world.transaction() as tx:
        key = victim["msdyn_contractlinescheduleofvalueid"]
        tx.update("msdyn_contractlinescheduleofvalue", key, {"msdyn_amount": victim["msdyn_amount"] + 1})
        actual = next(row for row in tx.find("msdyn_actual") if row["msdyn_invoice"] == invoices_id(rig))
        tx.insert(
            "fo.ProjActualsImports",
            {
                "dataAreaId": "usmf", "ActualsImportId": "00000000-0000-0000-0000-0000000000f1",
                "ActualId": actual["msdyn_actualid"], "Amount": actual["msdyn_amount"], "TransactionCurrencyId": "USD",
            },
        )  # fmt: skip
    found = {finding.code: finding for finding in rig.app().drift().findings if finding.blocks}
    assert set(found) == {"amount-differs", "staged-actual"}
    assert victim["msdyn_name"] in found["amount-differs"].what
    assert found["amount-differs"].changes[0].new == victim["msdyn_amount"] + 1
    assert actual["msdyn_description"] in found["staged-actual"].what


def invoices_id(rig: Rig) -> str:
    return str(invoices(rig)[0]["invoiceid"])
