"""Putting a map's version to work and taking it away: the one place that writes `dw.deployments`.

Every change is announced to the three witnesses, who write it down each in their own time. It asks no questions:
whether a map may start or stop is decided before.
"""

from __future__ import annotations

from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.runtime import JOB_ONLY, LIVE, QUEUEING, is_asynchronous
from statecfg.sandbox.dualwrite.tables import DEPLOYMENTS, MAPS, QUEUE, TEMPLATES
from statecfg.sandbox.dualwrite.witnesses import Tidings, announce
from statecfg.sandbox.world import Row, Tx


def run(tx: Tx, map_name: str) -> None:
    """Have the run time carry rows through the active version of a map from now on."""
    _deploy(tx, map_name, LIVE)
    enter(tx, map_name, codes.RUNNING)


def prepare(tx: Tx, map_name: str) -> None:
    """Keep changes back for a map whose rows are just being synchronised through its active version."""
    _deploy(tx, map_name, QUEUEING)
    enter(tx, map_name, codes.INITIAL_SYNC)


def _deploy(tx: Tx, map_name: str, mode: str) -> None:
    described, template = _active(tx, map_name)
    row = {
        "map": map_name, "mode": mode, "source_table": described["source_table"],
        "finance_set": described["finance_set"], "mapping": template["mapping"], "version": template["version"],
        "author": template["author"], "since": tx.world.timestamp(),
    }  # fmt: skip
    _withdraw(tx, map_name)
    tx.insert(DEPLOYMENTS, row)


def halt(tx: Tx, map_name: str, state: str = codes.STOPPED) -> None:
    """Carry nothing any more, and forget what was queued."""
    deployment = tx.get(DEPLOYMENTS, map_name)
    _withdraw(tx, map_name)
    for waiting in tx.find(QUEUE, map=map_name):
        tx.delete(QUEUE, waiting["id"])
    if deployment and is_asynchronous(tx, map_name) and tx.world.settings["async.survives_stop"]:
        tx.insert(DEPLOYMENTS, {**deployment, "mode": JOB_ONLY})
    enter(tx, map_name, state)


def hold(tx: Tx, map_name: str) -> None:
    """Queue changes instead of carrying them."""
    tx.update(DEPLOYMENTS, map_name, {"mode": QUEUEING})
    enter(tx, map_name, codes.PAUSED)


def release(tx: Tx, map_name: str) -> None:
    """Carry changes again; what was queued is the caller's business."""
    tx.update(DEPLOYMENTS, map_name, {"mode": LIVE})
    enter(tx, map_name, codes.RUNNING)


def enter(tx: Tx, map_name: str, state: str) -> None:
    """Put a map into a state and tell the witnesses."""
    tx.update(MAPS, map_name, {"state": state, "busy": None, "busy_until": None, "busy_reads": 0})
    described = tx.get(MAPS, map_name) or {}
    deployment = tx.get(DEPLOYMENTS, map_name)
    mapping = deployment["mapping"] if deployment and deployment["mode"] != JOB_ONLY else None
    announce(tx, map_name, Tidings(state, described.get("template"), mapping))


def choose(tx: Tx, map_name: str, template: str) -> None:
    """Make a version the active one of a map that doesn't run, and tell the witnesses."""
    tx.update(MAPS, map_name, {"template": template})
    described = tx.get(MAPS, map_name) or {}
    announce(tx, map_name, Tidings(described["state"], template, None))


def _withdraw(tx: Tx, map_name: str) -> None:
    if tx.get(DEPLOYMENTS, map_name) is not None:
        tx.delete(DEPLOYMENTS, map_name)


def _active(tx: Tx, map_name: str) -> tuple[Row, Row]:
    described = tx.get(MAPS, map_name)
    template = tx.get(TEMPLATES, described["template"]) if described and described["template"] else None
    if described is None or template is None:
        raise LookupError(f"map {map_name} has no active version")
    return described, template
