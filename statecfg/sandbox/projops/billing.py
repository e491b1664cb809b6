"""What an invoice line detail bills, and the way back: milestones and unbilled actuals by detail.

Details that the sandbox's own action made are remembered; one that somebody else wrote is recognised by contract line,
description and amount, as a client would do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.tables import ACTUAL, BILLED, DETAIL, DETAILS, MILESTONE
from statecfg.sandbox.world import Row, Tx

Values = Mapping[str, Any]


def ready_milestones(tx: Tx, contract: str) -> list[Row]:
    """Active milestones of a contract that are ready for invoicing, in the order of line, date and name."""
    found = tx.find(MILESTONE, msdyn_contract=contract, msdyn_invoicestatus=codes.READY, statecode=0)
    return sorted(found, key=_milestone_order)


def _milestone_order(row: Row) -> tuple[str, str, str, str]:
    day = row["msdyn_milestonedate"] or (row["msdyn_invoicedate"] or "")[:10]
    return row["msdyn_contractlineid"] or "", day, row["msdyn_name"] or "", row["msdyn_contractlinescheduleofvalueid"]


def ready_actuals(tx: Tx, contract: str) -> list[Row]:
    """Unbilled sales actuals of a contract that are ready to be invoiced."""
    found = tx.find(ACTUAL, msdyn_salescontract=contract, msdyn_billingstatus=codes.READY_TO_INVOICE, statecode=0)
    return [row for row in found if row["msdyn_transactiontypecode"] == codes.UNBILLED_SALES]


def details_of(tx: Tx, invoice: str) -> list[Row]:
    """The line details of an invoice."""
    return tx.find(DETAIL, msdyn_invoice=invoice)


def remember(tx: Tx, detail: str, *, milestone: str | None = None, actual: str | None = None) -> None:
    """Note what a line detail bills."""
    tx.insert(DETAILS, {"detailid": detail, "milestoneid": milestone, "actualid": actual})


def milestone_of(tx: Tx, detail: Values) -> Row | None:
    """The milestone that a line detail bills, None if it bills something else."""
    known = tx.get(DETAILS, detail["msdyn_invoicelinetransactionid"])
    if known is not None:
        return tx.get(MILESTONE, known["milestoneid"]) if known["milestoneid"] else None
    if detail["msdyn_transactionclassification"] != codes.MILESTONE:
        return None
    return _recognised(tx, detail)


def _recognised(tx: Tx, detail: Values) -> Row | None:
    found = tx.find(
        MILESTONE,
        msdyn_contractlineid=detail["msdyn_salescontractlineid"],
        msdyn_name=detail["msdyn_description"],
        msdyn_invoicestatus=codes.ON_INVOICE,
    )
    fitting = [row for row in found if row["msdyn_amount"] == detail["msdyn_amount"] and not _taken(tx, row)]
    return fitting[0] if fitting else None


def _taken(tx: Tx, milestone: Row) -> bool:
    return bool(tx.find(DETAILS, milestoneid=milestone["msdyn_contractlinescheduleofvalueid"]))


def unbilled_of(tx: Tx, detail: Values) -> Row | None:
    """The unbilled actual that a line detail bills, None if it bills something else."""
    known = tx.get(DETAILS, detail["msdyn_invoicelinetransactionid"])
    return tx.get(ACTUAL, known["actualid"]) if known is not None and known["actualid"] else None


def forget(tx: Tx, details: Iterable[Values]) -> None:
    """Drop the notes about line details that go."""
    for detail in details:
        key = detail["msdyn_invoicelinetransactionid"]
        if tx.get(DETAILS, key) is not None:
            tx.delete(DETAILS, key)


def milestone_billed_by(tx: Tx, actual: str) -> str | None:
    """The id of the milestone that a billed actual is for, None if it is for something else or not known."""
    known = tx.get(BILLED, actual)
    return known["milestoneid"] if known is not None else None
