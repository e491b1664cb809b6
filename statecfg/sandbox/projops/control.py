"""What a person does at the screen and no established message offers: headers, bulk confirmation, resending.

`GET headers`, `POST headers`, `next-invoice`, `bulk-confirm`, `sync-actuals`, under the sandbox's own path.
Source: reference/project-operations.md, 1.5 (P4.2 to P4.4), 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from statecfg.sandbox.control import Control, ControlError
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.jobs import bulk_confirm
from statecfg.sandbox.projops.resending import sync_actuals
from statecfg.sandbox.projops.splitting import add_header, headers, make_ready
from statecfg.sandbox.projops.tables import CONTRACT, HEADERS, INVOICE, LINE
from statecfg.sandbox.world import Tx, World


def register(control: Control, world: World) -> None:
    """Offer the calls."""
    control.register("headers", "GET", lambda call: _headers(world))
    control.register("headers", "POST", lambda call: _add(world, call.fields()))
    control.register("next-invoice", "POST", lambda call: _next(world, call.fields()))
    control.register("bulk-confirm", "POST", lambda call: _bulk(world, call.fields()))
    control.register("sync-actuals", "POST", lambda call: _sync(world))


def _headers(world: World) -> Any:
    """Every header, of progress lines and of lines with several customers, with its rows."""
    with world.reading() as tx:
        return headers(tx)


def _add(world: World, fields: Mapping[str, Any]) -> Any:
    """A schedule of values on a line: {contract, line, name, amount, tax, date}."""
    day = str(fields.get("date") or world.now().date())
    amounts = {"msdyn_amount": _amount(fields, "amount"), "msdyn_tax": _amount(fields, "tax") or Decimal(0)}
    if amounts["msdyn_amount"] is None or not fields.get("name"):
        raise ControlError("a header needs a name and an amount")
    values = {"msdyn_name": str(fields["name"]), "msdyn_invoicedate": f"{day}T00:00:00Z", "msdyn_milestonedate": day}
    try:
        with world.transaction() as tx:
            return {"id": add_header(tx, _line(tx, fields), {**values, **amounts})}
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal


def _next(world: World, fields: Mapping[str, Any]) -> Any:
    """*Next %* or *Next amount*, and *Ready to invoice*: {header (id or name), percent or amount}."""
    percent, amount = _amount(fields, "percent"), _amount(fields, "amount")
    try:
        with world.transaction() as tx:
            return {"milestone": make_ready(tx, _header(tx, str(fields.get("header"))), percent=percent, amount=amount)}
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal


def _sync(world: World) -> Any:
    """*Sync Actuals*: every actual on the page *Out of sync actuals* goes once more."""
    try:
        with world.transaction() as tx:
            return {"sent": sync_actuals(tx)}
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal


def _bulk(world: World, fields: Mapping[str, Any]) -> Any:
    """*Bulk confirm* of the selected `invoices` (numbers or ids); of all that are drafts where none is named."""
    try:
        with world.transaction() as tx:
            scheduled, declined = bulk_confirm(tx, _invoices(tx, fields.get("invoices")))
            return {"scheduled": scheduled, "declined": declined}
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal


def _invoices(tx: Tx, named: Any) -> list[str]:
    drafts = [row for row in tx.select(INVOICE) if row["msdyn_projectinvoicestatus"] in codes.EDITABLE]
    if named is None:
        return [row["invoiceid"] for row in drafts]
    if not isinstance(named, Sequence) or isinstance(named, str):
        raise ControlError("invoices is a list of numbers or ids")
    found = {str(name): tx.find(INVOICE, invoicenumber=str(name)) for name in named}
    return [rows[0]["invoiceid"] if rows else name for name, rows in found.items()]


def _amount(fields: Mapping[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation as cause:
        raise ControlError(f"{name} is a number, not {value!r}") from cause


def _line(tx: Tx, fields: Mapping[str, Any]) -> str:
    contracts = tx.find(CONTRACT, ordernumber=str(fields.get("contract")))
    lines = tx.find(LINE, salesorderid=contracts[0]["salesorderid"]) if contracts else []
    found = [line for line in lines if line["salesorderdetailname"] == fields.get("line")]
    if not found:
        raise ControlError(f"there is no line {fields.get('line')!r} on {fields.get('contract')!r}", 404)
    return str(found[0]["salesorderdetailid"])


def _header(tx: Tx, wanted: str) -> str:
    found = tx.find(HEADERS, headerid=wanted) or tx.find(HEADERS, name=wanted)
    if len(found) != 1:
        raise ControlError(f"{len(found)} headers are called {wanted!r}", 404)
    return str(found[0]["headerid"])
