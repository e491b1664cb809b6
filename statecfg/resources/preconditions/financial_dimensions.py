"""`financial_dimensions: {of: milestones}`: every contract line that is migrated has its dimensions in F&O.

They default from the contract line and can't be edited after the migration (reference/project-operations.md, P3.1.2),
so they are read again at every milestone fence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.milestones.live import LineInfo, MilestonesLive
from statecfg.resources.services import Services

TITLE = "financial dimensions"
COLUMN = "DefaultLedgerDimensionDisplayValue"


@dataclass(frozen=True, slots=True)
class FinancialDimensionsSpec:
    """Whose lines; there is only one answer today."""

    of: Literal["milestones"] = "milestones"


class FinancialDimensions(Check):
    """Blocks a contract line without dimensions, and one that F&O doesn't have."""

    name: ClassVar[str] = "financial_dimensions"
    Spec: ClassVar[type] = FinancialDimensionsSpec
    at: ClassVar[frozenset[str]] = frozenset({"batch"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        lines = [
            line for live in seen.values() if isinstance(live.value, MilestonesLive) for line in live.value.known.lines
        ]
        now = self._dimensions(sorted({line.contract for line in lines}))
        found = [*_missing(lines, now), *_empty(lines, now)]
        yield from found or [
            Finding("ok", "financial-dimensions", f"{len(lines)} of {len(lines)} contract lines", title=TITLE)
        ]

    def _dimensions(self, contracts: Iterable[str]) -> dict[str, str]:
        rows = self._services.finance.rows_where_in(
            "ProjectContractLines", "ProjectContractId", contracts, select=("ContractLineId", COLUMN)
        )
        return {str(row["ContractLineId"]).casefold(): str(row[COLUMN] or "").strip() for row in rows}


def _missing(lines: Iterable[LineInfo], now: dict[str, str]) -> Iterator[Finding]:
    names = tuple(f"{line.contract} / {line.name}" for line in lines if line.id not in now)
    if names:
        what = f"{len(names)} contract lines are not in F&O, the first: {names[0]}"
        do = "see why the map of contract lines didn't carry them; milestones can't arrive without them"
        yield Finding("block", "line-not-in-finance", what, do, TITLE, details=names)


def _empty(lines: Iterable[LineInfo], now: dict[str, str]) -> Iterator[Finding]:
    # A leading or lone separator is how F&O shows dimensions that are all empty.
    names = tuple(
        f"{line.contract} / {line.name}" for line in lines if line.id in now and not now[line.id].strip("-|~ ")
    )
    if names:
        what = f"{len(names)} contract lines have no financial dimensions, the first: {names[0]}"
        do = "set them in Finance: Project contracts > Contract lines > Show default accounting"
        yield Finding("block", "empty-dimensions", what, do, TITLE, details=names)
