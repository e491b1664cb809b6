"""What somebody else does at an exact request of the product: just before the service handles it, or just after.

Requests are counted from the moment at which the act is planned, so plan it at an event of the product
(`Meddler.at("step_start", ...)`); then the n-th read of a step is the n-th of that step, whatever came before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.end_to_end.meddling import Meddler
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage
from tests.foreign.client import DRAFT, START, STOP
from tests.foreign.procedure import hours
from tests.resources.test_invoices_on_sandbox import add_to_draft

MANAGE = "/api/DualWriteManagement/1.0"
LOADING, CREATING, CONFIRMING, CONFIRMED = "loading", "creating", "confirming", "confirmed"
POINTS = {
    ("milestones", "create"): LOADING,
    ("invoices", "create-canary"): CREATING,
    ("invoices", "confirm"): CONFIRMING,
}
"""The step that is about to begin at each kept moment, by kind and verb."""

Edit = Mapping[str, Any]
ENTITIES = ("dualwrite", "GET", "/Entities")
RUNTIME_ROWS = ("dataverse", "GET", "msdyn_dualwriteruntimeconfigs")
CONFIGURATIONS = ("finance", "GET", "DualWriteProjectConfigurations")
WITNESSES = {"gateway": ENTITIES, "dataverse": RUNTIME_ROWS, "finance": CONFIGURATIONS}
"""The reads that are a fence's look at the three witnesses; each once a fence."""
CREATE_INVOICE = ("dataverse", "POST", "NewInvoiceContract")
CONFIRM_INVOICE = ("dataverse", "POST", "PostInvoice")


def whole_cutover(place: Path, contracts: int = 5, milestones: int = 15) -> Stage:
    """A stage with the moments of one undisturbed cutover.

    Requests on maps are done at once, so that what somebody does to a map at a moment is so at that moment.
    """
    stage = Stage(place, contracts, milestones, **{"gateway.request_reads": 0})
    rig = stage.rig()
    others = Meddler(rig)
    for (kind, verb), moment in POINTS.items():
        address = next(str(step.address) for step in rig.plan("cutover").steps if step.address.kind == kind)
        others.at("step_start", lambda moment=moment: stage.keep(moment), address=address, verb=verb)  # type: ignore[misc]
    result = rig.apply("cutover")
    assert (result.exit_code, others.done) == (0, len(POINTS)), said(result)
    stage.keep(CONFIRMED)
    others.client.close()
    return stage


def taken(stage: Stage, moment: str) -> Rig:
    """A rig at a moment. The run that was under way there is gone, and its lease with it."""
    rig = stage.take(moment)
    with rig.sandbox.world.transaction() as tx:
        for row in tx.find("annotation", subject="statecfg lock"):
            tx.delete("annotation", row["annotationid"])
    rig.extra["fence.group"] = "2"
    return rig


def asked(rig: Rig, request: tuple[str, str, str], edit: Edit, occurrence: int = 1, phase: str = "before") -> None:
    """Have somebody do `edit` at the n-th such request from now on."""
    service, method, path = request
    when = {"service": service, "method": method, "path": path, "occurrence": occurrence, "phase": phase}
    rig.control("edit", "POST", **edit, when=when)


def change_map(rig: Rig, name: str, action: str) -> Edit:
    """Somebody's request to the gateway on one map, by hand and without initial sync."""
    (row,) = rig.find("dw.maps", map=name)
    detail = {"pid": row["pid"], "tid": row["template"], "parameters": {"skipInitialSync": True}}
    body = {"action": action, "details": [detail]}
    return {"request": {"service": "dualwrite", "method": "POST", "path": f"{MANAGE}/Start", "body": body}}


def start(rig: Rig, name: str) -> Edit:
    """Somebody starts a map on its active version."""
    return change_map(rig, name, START)


def stop(rig: Rig, name: str) -> Edit:
    """Somebody stops a map."""
    return change_map(rig, name, STOP)


def now(rig: Rig, edit: Edit) -> None:
    """Have somebody do it now."""
    answer = rig.control("edit", "POST", **edit)
    assert "status" not in answer or answer["status"] < 400, answer


def hours_on(others: Meddler, contract: str) -> Edit:
    """A colleague's approved hours become ready to be invoiced on a contract."""
    place = next(line for (number, _), line in others.cutover.lines().items() if number == contract)
    body = hours(str(uuid.uuid4()), place["_salesorderid_value"], place, 80)
    return {"request": {"service": "dataverse", "method": "POST", "path": "/api/data/v9.2/msdyn_actuals", "body": body}}


def hours_on_draft(rig: Rig, contract: str) -> Edit:
    """A colleague puts hours on the draft of a contract."""
    (order,) = rig.find("salesorder", ordernumber=contract)
    (draft,) = rig.find("invoice", salesorderid=order["salesorderid"], msdyn_projectinvoicestatus=DRAFT)
    return {"request": add_to_draft(rig, draft)}
