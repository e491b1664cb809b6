"""System jobs that create or confirm an invoice later, where the environment is set up to do so in the background.

They are rows of `asyncoperation` that fall due; any request to any service finds them due, as time does in the product.
The names of the jobs are documented, their other columns are inferred.
Source: reference/project-operations.md, 4.3 ("long-running processes", "Bulk confirm").
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.confirming import confirm_invoice, confirmable
from statecfg.sandbox.projops.creating import billable_contract, create_invoice
from statecfg.sandbox.projops.refusals import refused
from statecfg.sandbox.projops.tables import CONTRACT, INVOICE, JOB, acting
from statecfg.sandbox.world import Row, Tx, World

CREATE = "msdyn_NewInvoiceContract"
CONFIRM = "msdyn_PostInvoice"
_NAMES = {CREATE: "Create invoice", CONFIRM: "Confirm an invoice"}
_TABLES = {CREATE: CONTRACT, CONFIRM: INVOICE}
_OPEN = "statecode IN (0, 2) AND messagename IN (?, ?)"
_BOTH = (CREATE, CONFIRM)
# Source: reference/project-operations.md, 7.3.
MOST_IN_BULK = 250


def register(world: World) -> None:
    """Have due jobs done before any request is handled."""

    def watch(_service: str, _method: str, _path: str) -> None:
        run_due(world)

    world.hooks.on_request(watch)


def schedule(tx: Tx, message: str, target: str, *, in_bulk: bool = False) -> Row:
    """A job that calls an action on a record after the configured delay. Raises Refused.

    in_bulk: the record is an invoice of a bulk confirmation, which shows its progress.
    """
    if message == CONFIRM:
        confirmable(tx, target)
    else:
        billable_contract(tx, target)
    if any(json.loads(row["data"])["id"] == target for row in _open_jobs(tx)):
        raise refused("A job for this record is running already.")
    row = {
        "name": _NAMES[message],
        "operationtype": codes.EXECUTE_ASYNC,
        "messagename": message,
        "primaryentitytype": _TABLES[message],
        "data": json.dumps({"id": target, "in_bulk": in_bulk}),
        "postponeuntil": _due(tx),
        "startedon": tx.world.timestamp(),
        "statecode": codes.JOB_LOCKED,
        "statuscode": codes.JOB_IN_PROGRESS,
    }
    with acting():
        if in_bulk:
            _show(tx, target, codes.BULK_SCHEDULED)
        return records.create(tx, JOB, row)


def _due(tx: Tx) -> str:
    due = tx.world.now() + timedelta(seconds=float(tx.world.settings["projops.job_delay_s"]))
    return due.strftime("%Y-%m-%dT%H:%M:%SZ")


def bulk_confirm(tx: Tx, invoices: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """*Bulk confirm*: what passes validation is scheduled, the rest is told why not. Raises Refused beyond the limit.

    The invoice stays a draft, Scheduled and then Processing, until its job has confirmed it or failed.
    """
    if len(invoices) > MOST_IN_BULK:
        raise refused(f"At most {MOST_IN_BULK} invoices can be confirmed at a time.")
    scheduled, declined = [], {}
    for invoice in dict.fromkeys(invoices):
        try:
            schedule(tx, CONFIRM, invoice, in_bulk=True)
            scheduled.append(invoice)
        except Refused as reason:
            declined[invoice] = reason.message
    return scheduled, declined


def _show(tx: Tx, invoice: str, status: int) -> None:
    records.update(tx, INVOICE, invoice, {"msdyn_bulkconfirmationstatus": status})


def _open_jobs(tx: Tx) -> list[Row]:
    return list(tx.select(JOB, _OPEN, _BOTH))


def run_due(world: World) -> int:
    """Do every job that has fallen due; their number. None is done while background operations are switched off."""
    if world.settings.get("admin.background_operations") == "Disabled":
        return 0
    now = world.timestamp()
    with world.reading() as tx:
        due = [row for row in _open_jobs(tx) if (row["postponeuntil"] or "") <= now]
    for row in due:
        with world.transaction() as tx:
            _run(tx, row["asyncoperationid"])
    return len(due)


def _run(tx: Tx, job_id: str) -> None:
    job = tx.get(JOB, job_id)
    if job is None or job["statecode"] == codes.JOB_COMPLETED:
        return
    data = json.loads(job["data"])
    if data.get("in_bulk") and _is_taken_up(tx, job_id, data["id"]):
        return
    outcome: dict[str, Any] = {"statuscode": codes.JOB_SUCCEEDED, "message": None}
    try:
        with tx.savepoint():
            _perform(tx, job["messagename"], data["id"])
    except (Refused, PropagationFailed) as failure:
        outcome = {"statuscode": codes.JOB_FAILED, "message": failure.message, "friendlymessage": failure.message}
    with acting():
        if data.get("in_bulk"):
            _end_in_bulk(tx, data["id"], outcome["message"])
        done = {"statecode": codes.JOB_COMPLETED, "completedon": tx.world.timestamp(), **outcome}
        records.update(tx, JOB, job_id, done)


def _is_taken_up(tx: Tx, job_id: str, invoice: str) -> bool:
    """Whether the batch has only just got to this invoice: it then shows as Processing for as long as a job takes."""
    row = tx.get(INVOICE, invoice)
    if row is None or row["msdyn_bulkconfirmationstatus"] != codes.BULK_SCHEDULED:
        return False
    with acting():
        _show(tx, invoice, codes.BULK_PROCESSING)
        records.update(tx, JOB, job_id, {"postponeuntil": _due(tx)})
    return True


def _end_in_bulk(tx: Tx, invoice: str, failure: str | None) -> None:
    """The invoice shows how it ended; the reason of a failure stands on its timeline."""
    if tx.get(INVOICE, invoice) is None:
        return
    _show(tx, invoice, codes.BULK_FAILED if failure else codes.BULK_COMPLETE)
    if failure:
        note = {"subject": "Invoice confirmation failed", "notetext": failure, "objectid": invoice}
        records.create(tx, "annotation", {**note, "objectidtype": INVOICE})


def _perform(tx: Tx, message: str, target: str) -> None:
    if message == CONFIRM:
        confirm_invoice(tx, target)
    else:
        create_invoice(tx, target)
