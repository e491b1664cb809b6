"""*Sync Actuals* on the page *Out of sync actuals*: what it lists, and what pressing it does.

The page lists actuals older than an hour, of the last month, without a voucher. Whether it lists only those with Skip
Sync, as its own text says, is not established.
Source: reference/project-operations.md, 7.2 (M9).
"""

from __future__ import annotations

from datetime import timedelta

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops.tables import ACTUAL, acting
from statecfg.sandbox.world import Row, Tx

_LEAST = timedelta(hours=1)
_MOST = timedelta(days=31)


def out_of_sync(tx: Tx) -> list[Row]:
    """The actuals that the page lists, oldest first."""
    now = tx.world.now()
    since, until = (f"{(now - age):%Y-%m-%dT%H:%M:%SZ}" for age in (_MOST, _LEAST))
    where = '"createdon" BETWEEN ? AND ? AND ("msdyn_vouchernumber" IS NULL OR "msdyn_vouchernumber" = ?)'
    found = tx.select(ACTUAL, where, (since, until, ""), order='"createdon", "msdyn_actualid"')
    only_skipped = tx.world.settings["projops.sync_actuals"] == "skipped"
    return [row for row in found if row["msdyn_skipsync"] or not only_skipped]


def sync_actuals(tx: Tx) -> list[str]:
    """Send what the page lists once more; the ids. A map that doesn't run carries nothing. Raises PropagationFailed."""
    listed = [row["msdyn_actualid"] for row in out_of_sync(tx)]
    with acting():
        records.update_many(tx, ACTUAL, [(key, {"msdyn_skipsync": False}) for key in listed])
    return listed
