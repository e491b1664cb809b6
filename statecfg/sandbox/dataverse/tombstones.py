"""Which records were deleted, remembered for change tracking."""

from __future__ import annotations

from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.world import Tx, World

TOMBSTONES = "dataverse.deleted"


def define(world: World) -> None:
    """Define where deleted records are remembered."""
    columns = (Column("number", "bigint"), Column("name", "string"), Column("id", "guid"), Column("version", "bigint"))
    world.define(Table(TOMBSTONES, ("number",), columns, indexes=(("name", "version"),)))


def remember(tx: Tx, table: str, key: str, version: int) -> None:
    """Note that a record was deleted."""
    tx.insert(TOMBSTONES, {"name": table, "id": key, "version": version})
