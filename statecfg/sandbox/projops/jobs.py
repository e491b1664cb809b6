"""System jobs that create or confirm an invoice later, where the environment is set up to do so in the background.

They are rows of `asyncoperation` that fall due; any request to any service finds them due, as time does in the product.
The names of the jobs are documented, their other columns are inferred.
Source: reference/project-operations.md, 4.3 ("long-running processes", "Bulk confirm").
"""

from __future__ import annotations

import json
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


def register(world: World) -> None:
    """Have due jobs done before any request is handled."""

    def watch(_service: str, _method: str, _path: str) -> None:
        run_due(world)

    world.hooks.on_request(watch)


def schedule(tx: Tx, message: str, target: str) -> Row:
    """A job that calls an action on a record after the configured delay. Raises Refused."""
    if message == CONFIRM:
        confirmable(tx, target)
    else:
        billable_contract(tx, target)
    if any(json.loads(row["data"])["id"] == target for row in _open_jobs(tx)):
        raise refused("A job for this record is running already.")
    due = tx.world.now() + timedelta(seconds=float(tx.world.settings["projops.job_delay_s"]))
    row = {
        "name": _NAMES[message],
        "operationtype": codes.EXECUTE_ASYNC,
        "messagename": message,
        "primaryentitytype": _TABLES[message],
        "data": json.dumps({"id": target}),
        "postponeuntil": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "startedon": tx.world.timestamp(),
        "statecode": codes.JOB_LOCKED,
        "statuscode": codes.JOB_IN_PROGRESS,
    }
    with acting():
        return records.create(tx, JOB, row)


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
    outcome: dict[str, Any] = {"statuscode": codes.JOB_SUCCEEDED, "message": None}
    try:
        with tx.savepoint():
            _perform(tx, job["messagename"], json.loads(job["data"])["id"])
    except (Refused, PropagationFailed) as failure:
        outcome = {"statuscode": codes.JOB_FAILED, "message": failure.message, "friendlymessage": failure.message}
    with acting():
        done = {"statecode": codes.JOB_COMPLETED, "completedon": tx.world.timestamp(), **outcome}
        records.update(tx, JOB, job_id, done)


def _perform(tx: Tx, message: str, target: str) -> None:
    if message == CONFIRM:
        confirm_invoice(tx, target)
    else:
        create_invoice(tx, target)
