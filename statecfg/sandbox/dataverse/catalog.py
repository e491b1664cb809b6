"""The tables of this Dataverse, and how to find one by any of its names."""

from __future__ import annotations

from statecfg.sandbox.dataverse import platform, projects, sales, tombstones
from statecfg.sandbox.tables import Table
from statecfg.sandbox.world import World

TABLES: tuple[Table, ...] = (*platform.TABLES, *sales.TABLES, *projects.TABLES)
BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
BY_ENTITY_SET: dict[str, Table] = {table.entity_set: table for table in TABLES}


def define(world: World) -> None:
    """Create every table of the catalog in a world."""
    for table in TABLES:
        world.define(table)
    tombstones.define(world)
