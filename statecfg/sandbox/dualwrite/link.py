"""The link between the two environments: its ids, and which companies it covers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.dualwrite.tables import LINK
from statecfg.sandbox.world import Tx, World

COMPANY_TABLE = "cdm_company"
_NAMESPACE = uuid.UUID("3d0f5b5e-7f0c-5a55-9b7e-6f1d9a4f2c11")


def identity(world: World, *parts: str) -> str:
    """A GUID that the same world always gives for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join((str(world.seed), *parts))))


def companies(tx: Tx) -> dict[str, Mapping[str, Any]]:
    """The linked companies by code in lower case: those that Dataverse knows and the link doesn't leave out."""
    left_out = {str(code).lower() for code in tx.world.settings["gateway.unlinked_companies"]}
    found = {str(row["cdm_companycode"]).lower(): row for row in tx.select(COMPANY_TABLE)}
    return {code: row for code, row in found.items() if code not in left_out}


def seed_link(tx: Tx, environment: str) -> None:
    """Make the one link of this world. environment: id of the platform's environment."""
    cid = identity(tx.world, "link")
    tx.insert(LINK, {"cid": cid, "cname": f"connectionset-{cid[:8]}", "environment": environment})


def link(tx: Tx) -> dict[str, Any]:
    """The link's row."""
    return next(tx.select(LINK))
