"""The mark before the first stop: the service's time, so that what others write afterwards can be found (rules 5.3)."""

from __future__ import annotations

from statecfg.model.window import Mark
from statecfg.resources.preconditions.no_foreign_writes import TABLES
from statecfg.resources.services import Services


def take_mark(services: Services) -> Mark:
    """The server's time, and the greatest version number of each table that the maps carry.

    The time is the service's own (its Date header), cut to the second before, so that nothing is missed.
    """
    versions = {table.entity_set: _greatest(services, table.entity_set) for table in TABLES}
    now = services.dataverse.server_time()
    return Mark(now.strftime("%Y-%m-%dT%H:%M:%SZ"), versions)


def _greatest(services: Services, entity_set: str) -> int:
    rows = services.dataverse.rows(entity_set, select=["versionnumber"], orderby="versionnumber desc", page=1)
    return next((int(row["versionnumber"]) for row in rows), 0)
