"""Confirming a proforma invoice, correcting it, marking it paid: what each leaves in Dataverse.

A confirmed milestone leaves exactly one billed sales actual; time, expense and material leave a billed one and the
reversal of the unbilled one. What leaves Dataverse is the running maps' business.
Source: reference/project-operations.md, 3.2 and 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops import billing, codes
from statecfg.sandbox.projops.creating import total
from statecfg.sandbox.projops.refusals import missing, refused
from statecfg.sandbox.projops.tables import (
    ACTUAL,
    BILLED,
    CONNECTION,
    CONTRACT,
    DETAIL,
    INVOICE,
    INVOICE_LINE,
    MILESTONE,
    acting,
)
from statecfg.sandbox.world import Row, Tx

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Billable:
    """A line detail with what it bills: a milestone, an unbilled actual, or neither."""

    detail: Row
    milestone: Row | None
    unbilled: Row | None

    @property
    def is_correction(self) -> bool:
        """Whether it takes back what an earlier invoice billed."""
        return bool(self.detail["msdyn_correction"])


def invoice_of(tx: Tx, invoice_id: str) -> Row:
    """The invoice. Raises Refused if there is none."""
    invoice = tx.get(INVOICE, invoice_id)
    if invoice is None:
        raise missing(INVOICE, invoice_id)
    return invoice


def confirmable(tx: Tx, invoice_id: str) -> Row:
    """The invoice, if it can be confirmed now. Raises Refused."""
    invoice = invoice_of(tx, invoice_id)
    if invoice["msdyn_ordertype"] != codes.WORK_BASED:
        raise refused(f"{invoice['invoicenumber']} is not a project invoice.")
    if invoice["msdyn_projectinvoicestatus"] not in codes.EDITABLE:
        raise refused(f"Invoice {invoice['invoicenumber']} is confirmed already; only a draft can be confirmed.")
    limit = int(tx.world.settings["projops.invoice_lines"])
    if limit and len(billing.details_of(tx, invoice_id)) > limit:
        raise refused(f"Invoice {invoice['invoicenumber']} has more than {limit} lines.")
    return invoice


def confirm_invoice(tx: Tx, invoice_id: str) -> None:
    """Confirm a draft: actuals are made, milestones and unbilled actuals move on to "posted". Raises Refused."""
    invoice = confirmable(tx, invoice_id)
    items = [
        Billable(detail, billing.milestone_of(tx, detail), billing.unbilled_of(tx, detail))
        for detail in billing.details_of(tx, invoice_id)
    ]
    if not items:
        raise refused(f"Invoice {invoice['invoicenumber']} has no lines.")
    contract = tx.get(CONTRACT, invoice["salesorderid"]) if invoice["salesorderid"] else None
    with acting():
        records.update(tx, INVOICE, invoice_id, {"msdyn_projectinvoicestatus": codes.CONFIRMED})
        _bill(tx, invoice, contract, items)
        _settle_unbilled(tx, [item for item in items if item.unbilled and not item.is_correction])
        _take_back(tx, [item for item in items if item.is_correction])
        _advance(tx, items)


def _bill(tx: Tx, invoice: Row, contract: Row | None, items: Sequence[Billable]) -> None:
    billed = records.create_many(tx, ACTUAL, [_billed(invoice, contract, item) for item in items])
    for actual, item in zip(billed, items, strict=True):
        _note(tx, actual, item)
    pairs = [(item, actual) for actual, item in zip(billed, items, strict=True) if item.unbilled]
    records.create_many(tx, CONNECTION, [_connection(item, actual) for item, actual in pairs])


def _note(tx: Tx, actual: Row, item: Billable) -> None:
    milestone = item.milestone["msdyn_contractlinescheduleofvalueid"] if item.milestone else None
    tx.insert(
        BILLED,
        {
            "actualid": actual["msdyn_actualid"],
            "milestoneid": milestone,
            "detailid": item.detail["msdyn_invoicelinetransactionid"],
        },
    )


_FROM_DETAIL = (
    "msdyn_description", "msdyn_externaldescription", "msdyn_salescontract", "msdyn_salescontractlineid",
    "msdyn_project", "msdyn_task", "msdyn_transactionclassification", "msdyn_billingtype", "msdyn_amountmethod",
    "msdyn_quantity", "msdyn_price", "msdyn_amount", "msdyn_customertype", "msdyn_accountcustomer",
    "msdyn_contactcustomer", "msdyn_contractorganizationalunitid", "msdyn_transactioncategory", "msdyn_pricelist",
    "msdyn_documentdate", "msdyn_startdatetime", "msdyn_enddatetime", "transactioncurrencyid",
)  # fmt: skip


def _billed(invoice: Row, contract: Row | None, item: Billable) -> dict[str, Any]:
    detail = item.detail
    return {
        **{name: detail[name] for name in _FROM_DETAIL},
        "msdyn_transactiontypecode": codes.BILLED_SALES,
        "msdyn_invoice": invoice["invoiceid"],
        "msdyn_salescontractline": detail["msdyn_salescontractlineid"],
        "msdyn_billingstatus": codes.BILLING_POSTED,
        "msdyn_adjustmentstatus": codes.UNADJUSTABLE if item.is_correction else None,
        "msdyn_accountingdate": invoice["msdyn_invoicedate"],
        "msdyn_owningcompany": contract["msdyn_owningcompany"] if contract else None,
        "msdyn_skipsync": False,
    }


def _connection(item: Billable, billed: Row) -> dict[str, Any]:
    unbilled = item.unbilled or {}
    return {
        "msdyn_name": "Unbilled sales to billed sales",
        "msdyn_transaction1": unbilled["msdyn_actualid"],
        "msdyn_transaction1role": "Unbilled Sales",
        "msdyn_transaction1type": ACTUAL,
        "msdyn_transaction2": billed["msdyn_actualid"],
        "msdyn_transaction2role": "Billed Sales",
        "msdyn_transaction2type": ACTUAL,
    }


_FROM_UNBILLED = (*_FROM_DETAIL, "msdyn_owningcompany", "msdyn_transactiontypecode", "msdyn_salescontractline")


def _settle_unbilled(tx: Tx, items: Sequence[Billable]) -> None:
    """The unbilled sales are reversed, and stand as posted."""
    unbilled = [item.unbilled for item in items if item.unbilled]
    records.create_many(tx, ACTUAL, [_reversal(row) for row in unbilled])
    changes = {"msdyn_billingstatus": codes.BILLING_POSTED}
    records.update_many(tx, ACTUAL, [(row["msdyn_actualid"], changes) for row in unbilled])


def _reversal(actual: Row) -> dict[str, Any]:
    """The negative of an actual; F&O never sees those of unbilled sales (Skip Sync)."""
    return {
        **{name: actual[name] for name in _FROM_UNBILLED},
        "msdyn_quantity": -(actual["msdyn_quantity"] or _ZERO),
        "msdyn_amount": -(actual["msdyn_amount"] or _ZERO),
        "msdyn_billingstatus": codes.CANCELED,
        "msdyn_adjustmentstatus": codes.UNADJUSTABLE,
        "msdyn_accountingdate": actual["msdyn_accountingdate"],
        "msdyn_skipsync": True,
    }


def _take_back(tx: Tx, items: Sequence[Billable]) -> None:
    """What a correction credits: the first billed actual is adjusted, the unbilled one is ready again."""
    for item in items:
        original = item.detail["msdyn_originalinvoicelinedetail"]
        for known in tx.find(BILLED, detailid=original):
            records.update(tx, ACTUAL, known["actualid"], {"msdyn_adjustmentstatus": codes.ADJUSTED})
        if item.unbilled:
            changes = {"msdyn_billingstatus": codes.READY_TO_INVOICE}
            records.update(tx, ACTUAL, item.unbilled["msdyn_actualid"], changes)


def _advance(tx: Tx, items: Sequence[Billable]) -> None:
    changes = [
        (
            item.milestone["msdyn_contractlinescheduleofvalueid"],
            {"msdyn_invoicestatus": codes.READY if item.is_correction else codes.POSTED},
        )
        for item in items
        if item.milestone
    ]
    records.update_many(tx, MILESTONE, changes)


def mark_paid(tx: Tx, invoice_id: str) -> None:
    """Mark a confirmed invoice as paid. Raises Refused."""
    invoice = invoice_of(tx, invoice_id)
    if invoice["msdyn_projectinvoicestatus"] != codes.CONFIRMED:
        raise refused(f"Invoice {invoice['invoicenumber']} is not confirmed; only a confirmed invoice can be paid.")
    changes = {
        "msdyn_projectinvoicestatus": codes.PAID,
        "statecode": codes.INVOICE_PAID_STATE,
        "statuscode": codes.INVOICE_PAID_REASON,
        "msdyn_amountdue": _ZERO,
    }
    with acting():
        records.update(tx, INVOICE, invoice_id, changes)


def correct_invoice(tx: Tx, invoice_id: str) -> Row:
    """A draft that credits a confirmed invoice in full; milestones allow nothing less. Raises Refused."""
    invoice = invoice_of(tx, invoice_id)
    if invoice["msdyn_projectinvoicestatus"] not in (codes.CONFIRMED, codes.PAID):
        raise refused(
            f"Invoice {invoice['invoicenumber']} is not confirmed; only a confirmed invoice can be corrected."
        )
    if invoice["msdyn_hascorrections"]:
        raise refused(f"Invoice {invoice['invoicenumber']} is corrected already.")
    with acting():
        corrective = records.create(tx, INVOICE, _corrective(tx, invoice))
        lines = _copied_lines(tx, invoice_id, corrective["invoiceid"])
        for detail in billing.details_of(tx, invoice_id):
            _credit(tx, detail, corrective["invoiceid"], lines)
        records.update(tx, INVOICE, invoice_id, {"msdyn_hascorrections": True})
        return total(tx, corrective["invoiceid"])


_HEADER = (
    "name", "salesorderid", "customerid", "customeridtype", "pricelevelid", "transactioncurrencyid", "msdyn_ordertype",
)  # fmt: skip
_LINE = (
    "invoicedetailname", "productdescription", "salesorderdetailid", "msdyn_project", "msdyn_billingmethod",
    "msdyn_contractline", "msdyn_contractlineamount", "lineitemnumber", "quantity", "transactioncurrencyid",
)  # fmt: skip


def _corrective(tx: Tx, invoice: Row) -> dict[str, Any]:
    return {
        **{name: invoice[name] for name in _HEADER},
        "invoicenumber": f"{invoice['invoicenumber']}-C{tx.next_number('projops.correction')}",
        "msdyn_projectinvoicestatus": codes.DRAFT,
        "msdyn_invoicedate": f"{tx.world.now().date()}T00:00:00Z",
    }


def _copied_lines(tx: Tx, source: str, target: str) -> dict[str, str]:
    """Ids of the copied invoice lines by the ids of the first ones."""
    made = {}
    for line in tx.find(INVOICE_LINE, invoiceid=source):
        copy = records.create(tx, INVOICE_LINE, {**{name: line[name] for name in _LINE}, "invoiceid": target})
        made[line["invoicedetailid"]] = copy["invoicedetailid"]
    return made


def _credit(tx: Tx, detail: Row, invoice_id: str, lines: dict[str, str]) -> None:
    milestone, unbilled = billing.milestone_of(tx, detail), billing.unbilled_of(tx, detail)
    negative = ("msdyn_amount", "msdyn_quantity", "msdyn_tax", "msdyn_extendedamount")
    credit = records.create(
        tx,
        DETAIL,
        {
            **{name: detail[name] for name in _FROM_DETAIL},
            **{name: -(detail[name] or _ZERO) for name in negative},
            "msdyn_transactiontypecode": detail["msdyn_transactiontypecode"],
            "msdyn_invoice": invoice_id,
            "msdyn_invoicelineid": lines.get(detail["msdyn_invoicelineid"]),
            "msdyn_originalinvoicelinedetail": detail["msdyn_invoicelinetransactionid"],
            "msdyn_previousamount": detail["msdyn_amount"],
            "msdyn_correction": True,
        },
    )
    billing.remember(
        tx,
        credit["msdyn_invoicelinetransactionid"],
        milestone=milestone["msdyn_contractlinescheduleofvalueid"] if milestone else None,
        actual=unbilled["msdyn_actualid"] if unbilled else None,
    )
