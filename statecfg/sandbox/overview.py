"""A running sandbox at a glance: the maps by all witnesses, and how many records stand where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.catalog import CUTOVER_MAPS
from statecfg.sandbox.dualwrite.mapping import mapping_from
from statecfg.sandbox.dualwrite.settings import WITNESSES
from statecfg.sandbox.dualwrite.tables import TEMPLATES
from statecfg.sandbox.dualwrite.witnesses import SILENT, said
from statecfg.sandbox.finance.catalog import PROPOSALS, table_of
from statecfg.sandbox.finance.importing import STAGING
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.projops.tables import INVOICE, MILESTONE
from statecfg.sandbox.tables import Option
from statecfg.sandbox.world import Tx

STATES = {
    codes.NONE: "not initialised",
    codes.STOPPED: "stopped",
    codes.INITIAL_SYNC: "initial sync",
    codes.CATCH_UP: "catching up",
    codes.RUNNING: "running",
    codes.PAUSED: "paused",
    codes.NOT_RUNNING: "not running",
}
FINANCE_MILESTONES = table_of("ProjectContractLineMilestones")


def overview(kernel: Kernel) -> dict[str, Any]:
    """Maps, counts, and how often the sandbox itself failed."""
    every = {each["name"]: each for each in kernel.control.call("maps", "GET")}
    with kernel.world.reading() as tx:
        counts = _counts(tx)
        maps = {name: _map(tx, name, every[name]) for name in CUTOVER_MAPS if name in every}
    return {
        "maps": maps,
        "counts": counts,
        "requests": len(kernel.log.entries()),
        "crashes": len(kernel.crashes),
    }


def _map(tx: Tx, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    states = {witness: STATES.get(state, state) for witness, state in told["witnesses"].items()}
    waiting = {kind: told[kind] for kind in ("queued", "backlog", "catch_up_errors")}
    versions = {witness: _version(tx, witness, name) for witness in WITNESSES if states[witness] != SILENT}
    return {"active": told["active"], "runs": told["runs"], **states, "versions": versions, **waiting}


def _version(tx: Tx, witness: str, name: str) -> dict[str, Any]:
    """The version that a witness tells of, and whether the lines it tells of carry the transaction status."""
    tidings = said(tx, witness, name)
    template = tx.get(TEMPLATES, tidings.template) if tidings.template else None
    text = tidings.mapping or (template["mapping"] if template else None)
    lines = mapping_from(text).lines if text else ()
    return {
        "version": f"{template['author']} {template['version']}" if template else None,
        "lines": len(lines),
        "transaction_status": any(line.finance.upper() == "TRANSSTATUS" for line in lines),
    }


def _counts(tx: Tx) -> dict[str, Any]:
    return {
        "contracts": _number(tx, "salesorder"),
        "milestones in Dataverse": _by_choice(tx, MILESTONE, "msdyn_invoicestatus"),
        "milestones in Finance": _by(tx, FINANCE_MILESTONES, "TransStatus"),
        "invoices in Dataverse": _by_choice(tx, INVOICE, "msdyn_projectinvoicestatus"),
        "actuals in Finance's staging": _number(tx, STAGING),
        "invoice proposals in Finance": _by(tx, PROPOSALS, "Status"),
    }


def _number(tx: Tx, table: str) -> int:
    found = tx.connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 - names of our own catalog
    return int(found[0])


def _by(tx: Tx, table: str, column: str) -> dict[str, int]:
    sql = f'SELECT "{column}", count(*) FROM "{table}" GROUP BY 1 ORDER BY 1'  # noqa: S608 - names of our own catalog
    return {str(value): int(number) for value, number in tx.connection.execute(sql)}


def _by_choice(tx: Tx, table: str, column: str) -> dict[str, int]:
    """The same with the labels of a choice for its numbers."""
    options: tuple[Option, ...] = tx.world.shape(table).columns[column].options
    labels = {str(option.value): option.label for option in options}
    return {labels.get(value, "none"): number for value, number in _by(tx, table, column).items()}
