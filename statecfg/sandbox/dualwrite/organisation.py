"""Whether a map's rows find their legal entity on the other side: the checks of companies before a start.

Source: reference/dual-write.md, "Validation codes at start or save" (1002, 1008, 1016). How the service decides is
inferred: here a company of the link must exist in F&O, and a map that carries companies needs at least one.
"""

from __future__ import annotations

from collections.abc import Iterator

from statecfg.sandbox.dualwrite.link import companies
from statecfg.sandbox.dualwrite.mapping import TaskMapping
from statecfg.sandbox.dualwrite.problem import Problem
from statecfg.sandbox.dualwrite.runtime import has_table
from statecfg.sandbox.finance.catalog import COMPANY, entity_sets, table_of
from statecfg.sandbox.world import Row, Tx

_COMPANIES = table_of("Companies")


def organisation_problems(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    """What is wrong with the legal entities that this mapping's rows belong to."""
    carries = any(line.finance.upper() == COMPANY.upper() for line in mapping.lines)
    entity = entity_sets().get(described["finance_set"])
    if entity is not None and entity.per_company and not carries:
        yield Problem("DIPV1002", f"{mapping.label} is company-specific, and no line of the map names the company")
    if not carries:
        return
    linked = companies(tx)
    if not linked:
        yield Problem("DIPV1016", f"Missing Organization mapping for destination entity {mapping.label}")
    for code in sorted(linked):
        if has_table(tx.world, _COMPANIES) and tx.get(_COMPANIES, code) is None:
            yield Problem("DIPV1008", f"Data partition {code.upper()} isn't valid")
