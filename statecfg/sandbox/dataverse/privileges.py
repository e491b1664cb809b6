"""What a user may do, as the service tells it: here everybody may do everything.

The function is documented; the names of its columns are inferred. Source: reference/dataverse.md, "Functions and
actions" and "Optional headers".
"""

from __future__ import annotations

from typing import Any

from statecfg.sandbox.dataverse.catalog import TABLES
from statecfg.sandbox.dataverse.definitions import metadata_id
from statecfg.sandbox.world import Row

_RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
_OTHERS = ("prvActOnBehalfOfAnotherUser", "prvBypassCustomPlugins", "prvBypassCustomBusinessLogic")


def user_privileges(user: Row) -> dict[str, Any]:
    """The answer of RetrieveUserPrivileges for a row of systemuser."""
    names = [f"prv{right}{table.schema_name}" for table in TABLES for right in _RIGHTS]
    unit = user["businessunitid"]
    return {"RolePrivileges": [_privilege(name, unit) for name in (*names, *_OTHERS)]}


def _privilege(name: str, unit: str | None) -> dict[str, Any]:
    key = metadata_id("privilege", name)
    return {"Depth": "Global", "PrivilegeId": key, "BusinessUnitId": unit, "PrivilegeName": name}
