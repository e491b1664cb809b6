"""*Reset link*: the two environments are linked afresh, for the legal entities that the call names and no others.

Mappings survive; what the run time had on either side is cleared, left-over rows too. Every map must be stopped; that
a forced reset stops what still runs is inferred, as is the refusal's status.
Source: reference/dual-write.md, "Reset link" and "Versions and links".
"""

from __future__ import annotations

from collections.abc import Iterable

from statecfg.sandbox.dualwrite import codes, deploying
from statecfg.sandbox.dualwrite.link import COMPANY_TABLE
from statecfg.sandbox.dualwrite.tables import MAPS
from statecfg.sandbox.dualwrite.witnesses import CONFIGURATIONS, RUNTIME_ROWS, forget_configuration
from statecfg.sandbox.world import Tx


class CannotReset(Exception):
    """A link that cannot be reset now, or not for these legal entities; says why."""


def reset_link(tx: Tx, companies: Iterable[str], *, force: bool) -> None:
    """Link again for the companies with these codes, in any case. Raises CannotReset."""
    known = {str(row["cdm_companycode"]).lower() for row in tx.select(COMPANY_TABLE)}
    wanted = {code.lower() for code in companies}
    if not wanted or wanted - known:
        named = ", ".join(sorted(wanted - known)).upper() or "none"
        raise CannotReset(f"The link needs legal entities that both environments have; of the named, unknown: {named}.")
    busy = [row for row in tx.select(MAPS) if row["state"] not in codes.STARTABLE]
    if busy and not force:
        raise CannotReset(f"All maps must be stopped before the link is reset; {busy[0]['tname']} is not.")
    for row in busy:
        deploying.halt(tx, row["map"])
    for row in tx.select(RUNTIME_ROWS):
        tx.delete(RUNTIME_ROWS, row[f"{RUNTIME_ROWS}id"])
    for row in tx.select(CONFIGURATIONS):
        forget_configuration(tx, row["ProjectName"])
    tx.world.settings["gateway.unlinked_companies"] = sorted(known - wanted)
