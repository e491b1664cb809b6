"""What happens around a draft invoice: its sums follow its details, and what leaves it is ready again.

Source: reference/project-operations.md, 3.1 ("line removed from the draft, or draft deleted").
"""

from __future__ import annotations

from collections.abc import Sequence

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.hooks import DELETE, Pair, Row
from statecfg.sandbox.projops import billing, codes
from statecfg.sandbox.projops.creating import total
from statecfg.sandbox.projops.tables import ACTUAL, DETAIL, INVOICE, MILESTONE, SCHEDULE, acting, is_acting
from statecfg.sandbox.world import Tx, World


def register(world: World) -> None:
    """Have the sums of drafts follow their details."""
    world.hooks.on_changes(_follow)


def release(tx: Tx, details: Sequence[Row], invoice_id: str | None) -> None:
    """Make what these details of a draft bill ready again, and forget them.

    invoice_id: the draft, if all of it goes; its schedule rows then go as well.
    """
    credited = {row["msdyn_invoicelinetransactionid"] for row in details if row["msdyn_correction"]}
    milestones, actuals = [], []
    for detail in details:
        if detail["msdyn_invoicelinetransactionid"] in credited:
            continue
        milestone, unbilled = billing.milestone_of(tx, detail), billing.unbilled_of(tx, detail)
        if milestone is not None and milestone["msdyn_invoicestatus"] == codes.ON_INVOICE:
            milestones.append(milestone["msdyn_contractlinescheduleofvalueid"])
        if unbilled is not None and unbilled["msdyn_billingstatus"] == codes.BILLING_CREATED:
            actuals.append(unbilled["msdyn_actualid"])
    with acting():
        records.update_many(tx, MILESTONE, [(key, {"msdyn_invoicestatus": codes.READY}) for key in milestones])
        records.update_many(tx, ACTUAL, [(key, {"msdyn_billingstatus": codes.READY_TO_INVOICE}) for key in actuals])
        _unschedule(tx, milestones, invoice_id)
    billing.forget(tx, details)


def _unschedule(tx: Tx, milestones: Sequence[str], invoice_id: str | None) -> None:
    rows = [row for key in milestones for row in tx.find(SCHEDULE, msdyn_contractlinescheduleofvalue=key)]
    if invoice_id is not None:
        rows = tx.find(SCHEDULE, msdyn_invoice=invoice_id)
    for row in rows:
        records.delete(tx, SCHEDULE, row["msdyn_contractlineinvoicescheduleid"])


def _follow(tx: Tx, table: str, operation: str, pairs: Sequence[Pair]) -> None:
    """After somebody's change of details: bring the sums of their drafts up to date."""
    if table != DETAIL or is_acting():
        return
    rows = [row for pair in pairs for row in pair if row is not None]
    for invoice_id in dict.fromkeys(row["msdyn_invoice"] for row in rows if row["msdyn_invoice"]):
        invoice = tx.get(INVOICE, invoice_id)
        goes_itself = operation == DELETE and invoice is None
        if not goes_itself and invoice and invoice["msdyn_projectinvoicestatus"] in codes.EDITABLE:
            total(tx, invoice_id)
