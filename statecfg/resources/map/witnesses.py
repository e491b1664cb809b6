"""Three witnesses of a map's running state, and what they prove together (rules 3.3). Pure.

Dataverse has a row for a map that carries something out of it, F&O for the other way; so silence is expected on one
side of a one-way map, and an absent row alone never proves that a map is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statecfg.clients.mapping import FieldMapping
from statecfg.clients.tablemap import TableMap
from statecfg.clients.witness import FinanceRow, RuntimeRow
from statecfg.resources.map.rows import Enums, essentials
from statecfg.resources.map.spec import RunningState, Witness, Witnesses

ENABLED, DISABLED, QUEUEING = "Enabled", "Disabled", "Queueing"
"""DualWriteProjectStatus. Source: reference/dual-write.md, "Run-time rows in F&O"; Queueing = paused is inferred."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read about one map. table_map None: the gateway was not asked."""

    table_map: TableMap | None
    number: str
    rows: tuple[FieldMapping, ...]
    runtime: tuple[RuntimeRow, ...]
    finance: tuple[FinanceRow, ...]


def judged(seen: Seen, enums: Enums) -> tuple[RunningState, Witnesses]:
    """The running state that the three prove, or "unknown" with what contradicts."""
    gateway: Witness = _gateway(seen.table_map)
    dataverse, finance = _dataverse(seen.runtime), _finance(seen.finance)
    said = gateway if seen.table_map else _without_gateway(dataverse, finance)
    reasons = [*_against(said, dataverse, finance), *(_expected(seen, enums) if said == "running" else ())]
    words = f"gateway: {gateway}, Dataverse: {dataverse}, F&O: {finance}"
    contradiction = f"{words} ({'; '.join(reasons)})" if reasons else ""
    state: RunningState = "unknown" if reasons or said == "silent" or said == "not read" else said
    return state, Witnesses(gateway, dataverse, finance, contradiction)


def _gateway(table_map: TableMap | None) -> Witness:
    if table_map is None:
        return "not read"
    return "silent" if table_map.running == "unknown" else table_map.running


def _dataverse(rows: Sequence[RuntimeRow]) -> Witness:
    return "running" if any(row.active for row in rows) else "silent"


def _finance(rows: Sequence[FinanceRow]) -> Witness:
    said = {row.status for row in rows}
    if QUEUEING in said:
        return "paused"
    return "running" if ENABLED in said else "stopped" if DISABLED in said else "silent"


def _without_gateway(dataverse: Witness, finance: Witness) -> Witness:
    if finance == "paused":
        return "paused"
    return "running" if "running" in (dataverse, finance) else "stopped"


def _against(said: Witness, dataverse: Witness, finance: Witness) -> Iterable[str]:
    """What speaks against the state that the gateway says; silence never does."""
    if said == "stopped":
        if dataverse == "running":
            yield "Dataverse still has an active run-time row"
        if finance in ("running", "paused"):
            yield f"F&O says {finance}"
    if said == "running" and finance in ("paused", "stopped"):
        yield f"F&O says {finance}"


def _expected(seen: Seen, enums: Enums) -> Iterable[str]:
    """A running map has a row in each direction that it uses, with the number and the mapping of its version."""
    active = [row for row in seen.runtime if row.active]
    if any(row.to_finance for row in seen.rows) and not active:
        yield "Dataverse has no active run-time row"
    if any(row.to_dataverse for row in seen.rows) and not any(row.status == ENABLED for row in seen.finance):
        yield "F&O has no enabled row"
    for own in seen.finance:
        if own.status == ENABLED and own.rows is not None and _pairs(own.rows) not in _either_way(seen.rows):
            yield f"F&O runs another mapping than that of version {seen.number}"
    for row in active:
        if row.version != seen.number:
            yield f"Dataverse runs version {row.version}, the active one is {seen.number}"
        elif essentials(row.rows, enums) != essentials((r for r in seen.rows if r.to_finance), enums) and essentials(
            row.rows, enums
        ) != essentials(seen.rows, enums):
            yield f"Dataverse runs another mapping than that of version {seen.number}"


def _pairs(rows: Iterable[FieldMapping]) -> frozenset[tuple[str, str]]:
    """Which fields are mapped onto each other. How F&O writes a line's transforms is not established."""
    return frozenset((row.finance.upper(), row.dataverse.lower()) for row in rows)


def _either_way(rows: Sequence[FieldMapping]) -> tuple[frozenset[tuple[str, str]], ...]:
    """The whole mapping, and that part of it which F&O carries: its row may hold the one or the other."""
    return _pairs(rows), _pairs(row for row in rows if row.to_dataverse)
