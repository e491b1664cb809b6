"""Which messages each table takes, as rows that clients look up before they send something in bulk.

Source: reference/dataverse.md, "Bulk messages" and "What third-party clients send".
"""

from __future__ import annotations

from statecfg.sandbox.dataverse.catalog import TABLES
from statecfg.sandbox.dataverse.definitions import metadata_id
from statecfg.sandbox.dataverse.operations import Operations
from statecfg.sandbox.world import Tx

EVERY_TABLE = (
    "Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Upsert", "CreateMultiple", "UpdateMultiple",
    "UpsertMultiple",
)  # fmt: skip


def install(tx: Tx, operations: Operations) -> None:
    """Write the rows of sdkmessages and sdkmessagefilters, if they aren't there."""
    bound = [(table, name) for table, name in operations.actions if table]
    names = dict.fromkeys((*EVERY_TABLE, *(name for _, name in operations.actions), *operations.functions))
    for name in names:
        _put(tx, "sdkmessage", {"sdkmessageid": metadata_id("message", name), "name": name})
    for table, name in [*((table.name, name) for table in TABLES for name in EVERY_TABLE), *bound]:
        row = {
            "sdkmessagefilterid": metadata_id("filter", name, table),
            "sdkmessageid": metadata_id("message", name),
            "primaryobjecttypecode": table,
            "secondaryobjecttypecode": "none",
        }
        _put(tx, "sdkmessagefilter", row)


def _put(tx: Tx, table: str, row: dict[str, str]) -> None:
    if tx.get(table, row[f"{table}id"]) is None:
        tx.insert(table, row)
