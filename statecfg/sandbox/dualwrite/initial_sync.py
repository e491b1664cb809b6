"""Initial sync: every row of the winning side is pushed through the active version, wanted or not.

This is how a restart undoes a cutover: invoices and actuals that were kept from F&O arrive after all.
Source: reference/dual-write.md, "Run-time behaviour" and "Initial sync details".
"""

from __future__ import annotations

import json

from statecfg.sandbox.dualwrite import texts
from statecfg.sandbox.dualwrite.mapping import mapping_from
from statecfg.sandbox.dualwrite.runtime import Runtime, has_table, target_of
from statecfg.sandbox.dualwrite.tables import SYNC_RUNS
from statecfg.sandbox.world import Row, Tx

DATAVERSE_MASTER = "CRM"
FINANCE_MASTER = "AX"


def synchronise(tx: Tx, runtime: Runtime, described: Row, template: Row, master: str, request: str) -> str:
    """Push one map's rows and keep the run's details; the request's error text, "" if every row went through."""
    mapping = mapping_from(template["mapping"])
    target = target_of(tx, described, mapping)
    tried, refused = 0, list[str]()
    if described["finance_set"] and has_table(tx.world, target.finance_table):
        if master == DATAVERSE_MASTER and mapping.to_finance:
            tried, refused = runtime.carry_rows(tx, target, iter(list(tx.select(target.source_table))))
        elif master == FINANCE_MASTER and mapping.to_dataverse:
            tried, refused = runtime.bring_rows(tx, target, iter(list(tx.select(target.finance_table))))
    tx.insert(SYNC_RUNS, {
        "map": described["map"], "request": request, "status": "Error" if refused else "Completed",
        "at": tx.world.timestamp(), "upserts": tried - len(refused), "errors": len(refused),
        "details": json.dumps(refused[:50]),
    })  # fmt: skip
    if not refused:
        return ""
    return texts.initial_sync_failed(mapping.label, mapping.entity_set, tried, len(refused), "; ".join(refused[:5]))
