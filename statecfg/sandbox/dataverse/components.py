"""Solutions and what is in them: the tables whose records are solution components, and how one gets into a solution.

Source: reference/dataverse.md, "Request headers"; reference/dual-write.md, "Saved versions".
"""

from __future__ import annotations

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.world import Refused, Tx

SOLUTION_HEADER = "mscrm.solutionuniquename"
# Tables whose records are components, with the component's type. The type of saved map versions is not known.
COMPONENT_TYPES = {"msdyn_dualwriteentitymap": 10112, "workflow": 29}
_SOLUTION_MISSING = "0x8004803a"


def put_into_solution(tx: Tx, uniquename: str, table: str, key: str) -> str | None:
    """Make a record a component of a solution, unless it is one; the id of its membership, None for other tables.

    Raises Refused if there is no such solution.
    """
    solutions = tx.find("solution", uniquename=uniquename)
    if not solutions:
        raise Refused(_SOLUTION_MISSING, f"The solution {uniquename} does not exist.")
    if table not in COMPONENT_TYPES:
        return None
    member = {
        "solutionid": solutions[0]["solutionid"],
        "objectid": key,
        "componenttype": COMPONENT_TYPES[table],
    }
    found = tx.find("solutioncomponent", **member) or [records.create(tx, "solutioncomponent", member)]
    return str(found[0]["solutioncomponentid"])
