"""Whether the types of the two ends of a field line go together, each way that the line carries.

Only pairs that can never fit are refused (a date into a number, an id into a date); a text holds everything, and a
value map may turn anything into anything. Which pairs the service refuses is inferred.
Source: reference/dual-write.md, "Validation codes at start or save" (1030).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statecfg.sandbox.dualwrite.lookups import path_column
from statecfg.sandbox.dualwrite.mapping import Line, TaskMapping
from statecfg.sandbox.dualwrite.problem import Problem
from statecfg.sandbox.dualwrite.runtime import has_table
from statecfg.sandbox.dualwrite.values import VALUE_MAP
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import Row, Tx

_SORTS: Mapping[str, str] = {
    "string": "text", "memo": "text", "int": "number", "bigint": "number", "money": "number", "decimal": "number",
    "choice": "choice", "enum": "choice", "bool": "choice", "datetime": "date", "date": "date", "guid": "id",
    "lookup": "id",
}  # fmt: skip
# What each sort of column can be filled from, besides its own.
_TAKES: Mapping[str, tuple[str, ...]] = {
    "text": ("number", "choice", "date", "id"), "number": ("choice",), "choice": ("number", "text"), "date": (),
    "id": ("text",),
}  # fmt: skip


def mismatches(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    """The lines whose values the other side could never hold."""
    if not described["finance_set"] or not has_table(tx.world, f"fo.{described['finance_set']}"):
        return
    columns = {n.upper(): c for n, c in tx.world.shape(f"fo.{described['finance_set']}").columns.items()}
    for line in mapping.lines:
        ours, theirs = columns.get(line.finance.upper()), path_column(tx, described["source_table"], line.dataverse)
        if ours is None or theirs is None or any(each.kind == VALUE_MAP for each in line.transforms):
            continue
        if not _goes(line, ours, theirs):
            words = f"{line.finance} ({ours.type}) and {line.dataverse} ({theirs.type})"
            yield Problem("DIPV1030", f"The data types of {words} do not fit")


def _goes(line: Line, ours: Column, theirs: Column) -> bool:
    there = not line.to_finance or _fits(theirs, ours)
    return there and (not line.to_dataverse or _fits(ours, theirs))


def _fits(source: Column, target: Column) -> bool:
    given, wanted = _SORTS[source.type], _SORTS[target.type]
    return given == wanted or given in _TAKES[wanted]
