"""The actions of Project Operations, as Dataverse offers them: `(tx, id of the bound record, body) -> answer`.

Source: reference/project-operations.md, 4.1 and 2.4. That 4.x has them unchanged is inferred, so a client may be made
to find them under other names or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from statecfg.sandbox.projops import jobs
from statecfg.sandbox.projops.confirming import confirm_invoice, correct_invoice, mark_paid
from statecfg.sandbox.projops.creating import create_from_schedules, create_invoice, total
from statecfg.sandbox.projops.refusals import missing, refused
from statecfg.sandbox.projops.tables import INVOICE, LINE, MILESTONE, SCHEDULE
from statecfg.sandbox.world import Row, Tx

Action = Callable[[Tx, str | None, Mapping[str, Any]], Row | None]


def _new_invoice(tx: Tx, target: str | None, _body: Mapping[str, Any]) -> Row | None:
    if tx.world.settings["projops.async_create"]:
        jobs.schedule(tx, jobs.CREATE, target or "")
        return None
    return create_invoice(tx, target or "")


def _from_schedules(tx: Tx, target: str | None, body: Mapping[str, Any]) -> None:
    given = body.get("InvoiceSchedules")
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(g, Mapping) for g in given):
        raise refused("InvoiceSchedules must be a collection of invoice schedules.")
    create_from_schedules(tx, target or "", [str(each.get(f"{SCHEDULE}id")).strip("{}").lower() for each in given])


def _post_invoice(tx: Tx, target: str | None, _body: Mapping[str, Any]) -> None:
    if tx.world.settings["projops.async_confirm"]:
        jobs.schedule(tx, jobs.CONFIRM, target or "")
    else:
        confirm_invoice(tx, target or "")


def _invoice_paid(tx: Tx, target: str | None, _body: Mapping[str, Any]) -> None:
    mark_paid(tx, target or "")


def _correct_invoice(tx: Tx, target: str | None, _body: Mapping[str, Any]) -> Row:
    return correct_invoice(tx, target or "")


def _recalculate(tx: Tx, target: str | None, _body: Mapping[str, Any]) -> None:
    if tx.get(INVOICE, target or "") is None:
        raise missing(INVOICE, target)
    total(tx, target or "")


def _validate_totals(tx: Tx, _target: str | None, body: Mapping[str, Any]) -> Row:
    """Whether the milestones of a fixed-price line add up to what is contracted. The answer's members are inferred."""
    entity, key = str(body.get("entityTypeName", "")), str(body.get("entityId", "")).strip("{}")
    if entity != LINE:
        raise refused(f"'{entity}' has no fixed-price totals.")
    line = tx.get(LINE, key)
    if line is None:
        raise missing(LINE, key)
    milestones = tx.find(MILESTONE, msdyn_contractlineid=key, statecode=0)
    amount = sum((row["msdyn_amount"] or Decimal(0) for row in milestones), Decimal(0))
    contracted = line["baseamount"] or Decimal(0)
    return {"IsValid": amount == contracted, "ContractedAmount": contracted, "MilestoneAmount": amount}


# Bound table ("" for none), name, action.
ACTIONS: tuple[tuple[str, str, Action], ...] = (
    ("salesorder", jobs.CREATE, _new_invoice),
    ("salesorder", "msdyn_createinvoicefrominvoiceschedule", _from_schedules),
    ("invoice", jobs.CONFIRM, _post_invoice),
    ("invoice", "msdyn_InvoicePaid", _invoice_paid),
    ("invoice", "msdyn_CorrectInvoice", _correct_invoice),
    ("invoice", "msdyn_InvoiceRecalculate", _recalculate),
    ("", "msdyn_ValidateFixedPriceLineTotals", _validate_totals),
)
