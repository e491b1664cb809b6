"""Milestones against the sandbox, over real sockets: what is read, what is sent, what is refused, what is lost."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.outcome import export
from tests.end_to_end.rig import Rig, codes, said

TABLE = "msdyn_contractlinescheduleofvalue"
SET = f"{TABLE}s"
ID = f"{TABLE}id"
THERE = "fo.ProjectContractLineMilestones"
NOT_READY, READY, ON_INVOICE, POSTED = 192350000, 192350001, 192350002, 192350003


def by_hand(rig: Rig, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Somebody else's request to Dataverse; what it answered."""
    request = {"service": "dataverse", "method": method, "path": f"/api/data/v9.2/{path}", "body": body}
    answer = rig.control("edit", "POST", request=request)
    assert answer["status"] < 400, answer
    return dict(answer)


def fault(rig: Rig, **wanted: Any) -> None:
    """Ask the sandbox for a fault."""
    rig.sandbox.kernel.control.call("faults", "POST", wanted)


def change(rig: Rig, stone: dict[str, Any], **columns: Any) -> None:
    by_hand(rig, "PATCH", f"{SET}({stone[ID]})", columns)


def stones(rig: Rig, **equals: Any) -> list[dict[str, Any]]:
    """Milestones of the file's contracts, in the sandbox's world."""
    numbers = {row["contract"] for row in export(rig)}
    orders = {o["salesorderid"]: o["ordernumber"] for o in rig.find("salesorder") if o["ordernumber"] in numbers}
    return [row for row in rig.find(TABLE, **equals) if row["msdyn_contract"] in orders]


def make_by_hand(rig: Rig, row: dict[str, str], **columns: Any) -> None:
    """Somebody makes a milestone like a row of the file, with an id of the service's."""
    (order,) = rig.find("salesorder", ordernumber=row["contract"])
    line = next(
        each for each in rig.find("salesorderdetail", salesorderid=order["salesorderid"])
        if each["salesorderdetailname"] == row["line"]
    )  # fmt: skip
    body = {
        "msdyn_name": row["name"],
        "msdyn_amount": float(row["amount"]),
        "msdyn_tax": float(row["tax"]),
        "msdyn_invoicedate": f"{row['date']}T00:00:00Z",
        "msdyn_milestonedate": row["date"],
        "msdyn_invoicestatus": NOT_READY,
        "msdyn_transactionclassification": 192350003,
        "msdyn_transactiontypecode": 192350006,
        "msdyn_contract@odata.bind": f"/salesorders({order['salesorderid']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({order['transactioncurrencyid']})",
    }
    by_hand(rig, "POST", SET, {**body, **columns})


def without_control_totals(rig: Rig) -> None:
    path = rig.inventory / "host_vars" / "sandbox.yml"
    kept = re.sub(r"(?ms)^control:.*?(?=^\S|\Z)", "", path.read_text("utf-8"))
    path.write_text(kept, "utf-8")


def until_arrived(rig: Rig) -> None:
    """Apply up to where every milestone is in F&O."""
    steps = rig.plan("cutover").steps
    last = max(step.number for step in steps if step.address.kind == "milestones")
    rig.apply("cutover", stop_after=last)


def test_everything_of_the_file_arrives_to_the_last_digit(rig: Rig) -> None:
    until_arrived(rig)
    rows = export(rig)
    arrived = {row["ContractLineMilestoneGuid"]: row for row in rig.find(THERE)}
    ours = stones(rig, msdyn_invoicestatus=READY)
    assert len(ours) == len(rows)
    assert sorted((r["msdyn_name"], r["msdyn_amount"]) for r in ours) == sorted(
        (row["name"], Decimal(row["amount"])) for row in rows
    )
    for stone in ours:
        there = arrived[stone[ID]]
        assert (there["TransStatus"], there["Amount"]) == ("Invoiced", stone["msdyn_amount"])
        assert there["TransactionDate"][:10] == stone["msdyn_milestonedate"] == stone["msdyn_invoicedate"][:10]


def test_a_lost_answer_is_settled_by_looking_and_nothing_is_made_twice(rig: Rig) -> None:
    fault(rig, effect="lost", service="dataverse", path="CreateMultiple", occurrence=2)
    until_arrived(rig)
    assert len(stones(rig, msdyn_invoicestatus=READY)) == len(export(rig))
    faults = rig.control("faults")
    assert [fault["fired"] for fault in faults] == [1]


def test_a_dropped_request_is_sent_again(rig: Rig) -> None:
    fault(rig, effect="drop", service="dataverse", path="CreateMultiple", occurrence=1)
    until_arrived(rig)
    assert len(stones(rig, msdyn_invoicestatus=READY)) == len(export(rig))


def test_a_refused_row_is_named_its_contract_is_not_invoiced_and_the_others_go_on(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=4, milestones=32)
    bad = export(rig)[9]
    fault(
        rig, effect="refuse_row", table=TABLE, column="msdyn_name", contains=bad["name"],
        message="This name is not allowed here.", times=0,
    )  # fmt: skip
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    refused = Path(result.refused_file).read_text("utf-8-sig")
    assert "This name is not allowed here." in refused
    names = [row["name"] for row in export(rig)]
    assert sum(step.refused for step in result.steps if step.address.kind == "milestones") == names.count(bad["name"])
    spoiled = {row["contract"] for row in export(rig) if row["name"] == bad["name"]}
    orders = {o["salesorderid"]: o["ordernumber"] for o in rig.find("salesorder")}
    invoiced = {orders[row["msdyn_contract"]] for row in stones(rig, msdyn_invoicestatus=POSTED)}
    assert invoiced == {row["contract"] for row in export(rig)} - spoiled
    rig.control("faults", "DELETE")
    rig.done("cutover")
    assert len(stones(rig, msdyn_invoicestatus=POSTED)) == len(names)


def test_what_was_made_while_the_map_stood_still_is_sent_again_untouched(rig: Rig) -> None:
    until_arrived(rig)
    victim = stones(rig, msdyn_invoicestatus=READY)[0]
    with rig.sandbox.world.transaction() as tx:
        for row in tx.find(THERE, ContractLineMilestoneGuid=victim[ID]):
            tx.delete(THERE, (row["dataAreaId"], row["ContractLineMilestoneIdentifier"]))
    plan = rig.plan("cutover")
    assert [(s.verb, s.count) for s in plan.steps if s.address.kind == "milestones"] == [
        ("resend-canary", 1), ("wait-canary", 1),
    ]  # fmt: skip
    rig.done("cutover")
    assert [row["TransStatus"] for row in rig.find(THERE, ContractLineMilestoneGuid=victim[ID])] == ["Invoiced"]


def test_a_milestone_that_arrived_as_no_status_blocks(rig: Rig) -> None:
    row = export(rig)[0]
    make_by_hand(rig, row)
    plan = rig.plan("cutover")
    assert codes(plan.findings) == ["arrived-without-status"]
    assert row["name"] in plan.findings[0].details[0]


def test_one_made_by_hand_is_adopted_and_becomes_ready(rig: Rig) -> None:
    before = {row[ID] for row in stones(rig, msdyn_invoicestatus=NOT_READY)}
    until_arrived(rig)
    ready = {row[ID] for row in stones(rig, msdyn_invoicestatus=READY)}
    adopted = before & ready
    assert len(adopted) == rig.sandbox.details["world"]["by_hand"] == 1


def test_a_second_one_with_the_same_key_is_an_error_that_names_both(rig: Rig) -> None:
    row = export(rig)[0]
    make_by_hand(rig, row)
    make_by_hand(rig, row, msdyn_name=f" {row['name'].upper()}")
    plan = rig.plan("cutover")
    (finding,) = [f for f in plan.findings if f.code == "several-candidates"]
    assert (finding.blocks, finding.where.line) == (True, 2)
    assert len([each for each in stones(rig) if each[ID] in finding.details[0]]) == 2


def test_a_deleted_milestone_leaves_an_orphan_that_blocks(rig: Rig) -> None:
    until_arrived(rig)
    victim = stones(rig, msdyn_invoicestatus=READY)[0]
    with rig.sandbox.world.transaction() as tx:
        tx.delete(TABLE, victim[ID])
    plan = rig.plan("cutover")
    assert "orphan-in-finance" in codes(plan.findings)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("contract", "CON-9999", "unknown-contract"),
        ("line", "L99", "unknown-line"),
        ("currency", "GBP", "currency-mismatch"),
        ("amount", "999999999.00", "contracted-amount-exceeded"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_file_row_and_column(
    rig: Rig, column: str, value: str, code: str
) -> None:
    path = rig.sandbox.directory / "data" / "milestones.csv"
    rows = export(rig)
    wrong = rows[2:3] if column != "currency" else [row for row in rows if row["contract"] == rows[2]["contract"]]
    for row in wrong:
        row[column] = value
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    without_control_totals(rig)
    plan = rig.plan("cutover")
    finding = next(f for f in plan.findings if f.code == code)
    assert finding.blocks
    assert finding.where.file == str(path)
    if code != "contracted-amount-exceeded":
        assert (finding.where.line, finding.where.column) == (rows.index(wrong[0]) + 2, column)


def test_a_posted_invoice_line_in_finance_means_invoiced_for_real(rig: Rig) -> None:
    rig.done("cutover")
    ours = {row[ID] for row in stones(rig, msdyn_invoicestatus=POSTED)}
    there = next(row for row in rig.find(THERE) if row["ContractLineMilestoneGuid"] in ours)
    with rig.sandbox.world.transaction() as tx:
        tx.insert(
            "fo.DocumentProjInvoiceOnAccLines",
            {"dataAreaId": there["dataAreaId"], "TransId": there["TransactionId"], "LineAmount": there["Amount"]},
        )
    (finding,) = [each for each in rig.plan("cutover").findings if each.blocks]
    assert finding.code == "invoiced-for-real"
    assert there["Description"] in finding.details[0]


def _line_of_the_file(rig: Rig) -> dict[str, Any]:
    row = export(rig)[0]
    (order,) = rig.find("salesorder", ordernumber=row["contract"])
    lines = rig.find("salesorderdetail", salesorderid=order["salesorderid"])
    return next(line for line in lines if line["salesorderdetailname"] == row["line"])


@pytest.mark.parametrize(
    ("table", "changes", "code"),
    [
        ("salesorder", {"msdyn_psastate": 192350000}, "contract-not-won"),
        ("salesorder", {"msdyn_psastatusreason": 192350005}, "contract-not-won"),
        ("salesorderdetail", {"msdyn_billingmethod": 192350000}, "line-not-fixed-price"),
        ("salesorderdetail", {"msdyn_project": None}, "line-without-project"),
    ],
)
def test_a_contract_or_line_that_can_not_be_invoiced_blocks(
    rig: Rig, table: str, changes: dict[str, Any], code: str
) -> None:
    line = _line_of_the_file(rig)
    key = line["salesorderid"] if table == "salesorder" else line["salesorderdetailid"]
    with rig.sandbox.world.transaction() as tx:
        tx.update(table, key, changes)
    assert codes(rig.plan("cutover").findings) == [code]


def test_a_line_with_a_second_customer_is_refused_with_its_own_code(rig: Rig) -> None:
    line = _line_of_the_file(rig)
    (rule,) = rig.find("msdyn_projectcontractsplitbillingrule", msdyn_salescontractline=line["salesorderdetailid"])
    other = {**rule, "msdyn_projectcontractsplitbillingruleid": "00000000-0000-0000-0000-0000000000aa"}
    with rig.sandbox.world.transaction() as tx:
        tx.insert("msdyn_projectcontractsplitbillingrule", other)
    assert codes(rig.plan("cutover").findings) == ["several-customers"]


def test_a_legal_entity_that_is_not_declared_blocks_its_rows(rig: Rig) -> None:
    company = rig.find("salesorder", ordernumber=export(rig)[0]["contract"])[0]["msdyn_owningcompany"]
    code = rig.find("cdm_company", cdm_companyid=company)[0]["cdm_companycode"]
    path = rig.inventory / "host_vars" / "sandbox.yml"
    text = path.read_text("utf-8")
    assert "legal_entities" in text
    others = [row["cdm_companycode"] for row in rig.find("cdm_company") if row["cdm_companycode"] != code]
    path.write_text(re.sub(r"(?m)^legal_entities:.*$", f"legal_entities: {others}", text), "utf-8")
    assert "outside-legal-entities" in codes(rig.plan("cutover").findings)


def test_somebody_elses_change_between_plan_and_apply_makes_the_plan_stale(rig: Rig, tmp_path: Path) -> None:
    until_arrived(rig)
    file = tmp_path / "saved.plan"
    rig.app().plan("cutover", out=file)
    victim = stones(rig, msdyn_invoicestatus=READY)[0]
    with rig.sandbox.world.transaction() as tx:
        tx.update(TABLE, victim[ID], {"msdyn_amount": victim["msdyn_amount"] + 1})
    result = rig.apply(file)
    assert result.exit_code == 4, said(result)
    orders = {o["salesorderid"]: o["ordernumber"] for o in rig.find("salesorder")}
    assert orders[victim["msdyn_contract"]] in str(result.error)
