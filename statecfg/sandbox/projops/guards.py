"""What people and clients may not do to milestones and project invoices.

Guards speak before a write, on every path that writes by the platform's rules; the product's own writes and those that
dual-write brings back pass.
Source: reference/project-operations.md, 3.1, 3.2 and 7.1 (R1, R3, R7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.hooks import CREATE, DELETE, UPDATE, Guard, Row
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.drafts import release
from statecfg.sandbox.projops.refusals import refused
from statecfg.sandbox.projops.tables import CONTRACT, DETAIL, INVOICE, INVOICE_LINE, LINE, MILESTONE, is_acting
from statecfg.sandbox.world import Tx, World

Changes = Mapping[str, Any]

_SET_BY_INVOICING = (codes.ON_INVOICE, codes.POSTED)
# A confirmed invoice is read-only, but it may change hands.
_ALWAYS_EDITABLE = ("ownerid", "owningbusinessunit")


def register(world: World) -> None:
    """Put every guard in place."""
    for table, operation, guard in _GUARDS:
        world.hooks.on_before(table, operation, _for_people(guard))


def _for_people(guard: Guard[Tx]) -> Guard[Tx]:
    def guarded(tx: Tx, before: Row | None, changes: Changes | None) -> None:
        if not is_acting() and not tx.from_peer:
            guard(tx, before, changes)

    return guarded


def _is_strict(tx: Tx) -> bool:
    return bool(tx.world.settings["projops.strict"])


def _new_milestone(tx: Tx, _before: Row | None, values: Changes | None) -> None:
    row = values or {}
    if _is_strict(tx) and row.get("msdyn_invoicestatus") in _SET_BY_INVOICING:
        raise refused("A milestone cannot be created with an invoice status that only invoicing sets.")
    _check_tax(tx, row)
    _check_line(tx, row)


def _check_tax(tx: Tx, row: Changes) -> None:
    if row.get("msdyn_tax") and not row.get("msdyn_amount") and tx.world.settings["projops.mixed_tax"] == "refuse":
        raise refused("The tax of a milestone must be zero when its amount is zero.")


_JUDGED = f"""
    SELECT line.salesorderdetailname, line.msdyn_billingmethod, line.msdyn_project, line.salesorderid,
           contract.ordernumber, contract.transactioncurrencyid
    FROM {LINE} AS line LEFT JOIN {CONTRACT} AS contract ON contract.salesorderid = line.salesorderid
    WHERE line.salesorderdetailid = ?
"""  # noqa: S608 - catalog names only


def _check_line(tx: Tx, row: Changes) -> None:
    """A milestone stands on a fixed-price contract line with a project, in the contract's currency."""
    line_id = row.get("msdyn_contractlineid")
    # Asked for every row of a bulk create: only what is judged is read.
    found = tx.connection.execute(_JUDGED, (line_id,)).fetchone() if line_id else None
    if found is None:
        raise refused("A milestone needs a project contract line.")
    name, method, project, contract, number, currency = found
    if method != codes.FIXED_PRICE:
        raise refused(f"Contract line {name} is not fixed price; it cannot have milestones.")
    if not project:
        raise refused(f"Contract line {name} has no project; it cannot have milestones.")
    if row.get("msdyn_contract") and row["msdyn_contract"] != contract:
        raise refused(f"Contract line {name} belongs to another project contract.")
    if currency and row.get("transactioncurrencyid") and row["transactioncurrencyid"] != currency:
        raise refused(f"The currency of a milestone must be that of project contract {number}.")


_PLACING = ("msdyn_contractlineid", "msdyn_contract", "transactioncurrencyid")


def _changed_milestone(tx: Tx, before: Row | None, values: Changes | None) -> None:
    row, changes = before or {}, values or {}
    if _is_strict(tx):
        _check_status(row, changes)
    merged = {**row, **changes}
    if "msdyn_tax" in changes or "msdyn_amount" in changes:
        _check_tax(tx, merged)
    if any(changes.get(name, row.get(name)) != row.get(name) for name in _PLACING):
        _check_line(tx, merged)


def _check_status(row: Changes, changes: Changes) -> None:
    if row["msdyn_invoicestatus"] in _SET_BY_INVOICING:
        raise refused(f"Milestone {row['msdyn_name']} is on a customer invoice and cannot be changed.")
    if changes.get("msdyn_invoicestatus") in _SET_BY_INVOICING:
        raise refused("This invoice status is set by creating and confirming a project invoice only.")


def _removed_milestone(_tx: Tx, before: Row | None, _values: Changes | None) -> None:
    row = before or {}
    if row.get("msdyn_invoicestatus") in _SET_BY_INVOICING:
        raise refused(f"Milestone {row['msdyn_name']} is on a customer invoice and cannot be deleted.")


def _is_settled(invoice: Changes | None) -> bool:
    """Whether it is a project invoice that is confirmed or paid."""
    if invoice is None or invoice["msdyn_ordertype"] != codes.WORK_BASED:
        return False
    return invoice["msdyn_projectinvoicestatus"] in (codes.CONFIRMED, codes.PAID)


def _changed_invoice(tx: Tx, before: Row | None, values: Changes | None) -> None:
    changes = values or {}
    if _is_settled(before) and any(name not in _ALWAYS_EDITABLE for name in changes):
        raise refused(f"Invoice {(before or {})['invoicenumber']} is confirmed and read-only.")
    wanted = changes.get("msdyn_projectinvoicestatus")
    is_project_invoice = (before or {}).get("msdyn_ordertype") == codes.WORK_BASED
    if _is_strict(tx) and is_project_invoice and wanted in (codes.CONFIRMED, codes.PAID):
        raise refused("A project invoice is confirmed and paid by its actions only.")


def _removed_invoice(tx: Tx, before: Row | None, _values: Changes | None) -> None:
    if _is_settled(before):
        raise refused(f"Invoice {(before or {})['invoicenumber']} is confirmed and cannot be deleted.")
    if before is not None:
        release(tx, tx.find(DETAIL, msdyn_invoice=before["invoiceid"]), before["invoiceid"])


def _of_settled(column: str) -> Guard[Tx]:
    """A guard for lines and details: none is added to, changed on or taken off a confirmed invoice."""

    def guard(tx: Tx, before: Row | None, values: Changes | None) -> None:
        for row in (before, values):
            invoice = row.get(column) if row else None
            if invoice and _is_settled(tx.get(INVOICE, invoice)):
                raise refused("The lines of a confirmed invoice cannot be changed.")

    return guard


def _removed_detail(tx: Tx, before: Row | None, values: Changes | None) -> None:
    _of_settled("msdyn_invoice")(tx, before, values)
    if before is not None:
        release(tx, [before], None)


_GUARDS: tuple[tuple[str, str, Guard[Tx]], ...] = (
    (MILESTONE, CREATE, _new_milestone),
    (MILESTONE, UPDATE, _changed_milestone),
    (MILESTONE, DELETE, _removed_milestone),
    (INVOICE, UPDATE, _changed_invoice),
    (INVOICE, DELETE, _removed_invoice),
    (INVOICE_LINE, CREATE, _of_settled("invoiceid")),
    (INVOICE_LINE, UPDATE, _of_settled("invoiceid")),
    (INVOICE_LINE, DELETE, _of_settled("invoiceid")),
    (DETAIL, CREATE, _of_settled("msdyn_invoice")),
    (DETAIL, UPDATE, _of_settled("msdyn_invoice")),
    (DETAIL, DELETE, _removed_detail),
)
