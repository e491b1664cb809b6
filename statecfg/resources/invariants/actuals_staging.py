"""`actuals_staging: none_of_ours`: no actual of a cutover invoice reached F&O's staging table.

Staging is where a leak shows first: *Import from staging* makes proposal lines of it, and posting those moves AR and
GL (rules 7.4). Found by actual id and by proforma number, never by contract or amount (rules 7.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Invariant
from statecfg.model.plan import Finding
from statecfg.resources.invariants.evidence import Entry, moved, unchanged
from statecfg.resources.invariants.origins import Origin
from statecfg.resources.invoices.leaks import staged_words
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.traces import Traces
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services

TITLE = "actuals staging"
CODE = "actuals-staging"


@dataclass(frozen=True, slots=True)
class ActualsStagingSpec:
    """What must hold; there is only one answer today."""

    wants: Literal["none_of_ours"] = "none_of_ours"


class ActualsStaging(Invariant):
    """Blocks a staging row with an actual, or with the proforma number, of a cutover invoice."""

    name: ClassVar[str] = "actuals_staging"
    Spec: ClassVar[type] = ActualsStagingSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def baseline(self, requirement: Requirement, seen: Seen) -> Any:
        return {}

    def look(self, requirement: Requirement, seen: Seen, baseline: Any) -> Iterable[Finding]:
        live = [each.value for each in seen.values() if isinstance(each.value, InvoicesLive)]
        invoices = [invoice for each in live for invoice in each.confirmed]
        milestones = [each.value for each in seen.values() if isinstance(each.value, MilestonesLive)]
        leaked = self._staged(invoices, milestones)
        if leaked:
            yield moved(CODE, TITLE, f"{len(leaked)} rows of this cutover are in F&O's staging table", leaked)
        else:
            yield unchanged(CODE, TITLE, f"none of {len(invoices)} cutover invoices")

    def _staged(self, invoices: Sequence[InvoiceInfo], milestones: Sequence[MilestonesLive]) -> tuple[Entry, ...]:
        """Staging rows that belong to these invoices, by their actuals' ids and by their proforma numbers."""
        if not invoices:
            return ()
        traces = Traces(self._services.dataverse, self._services.finance)
        numbers = {invoice.id: invoice.number for invoice in invoices}
        actuals = {actual.id: actual for actual in traces.actuals(list(numbers))}
        lines = {line.id: f"{line.contract} / {line.name}" for live in milestones for line in live.known.lines}
        contracts = sorted({invoice.contract for invoice in invoices})
        rows = traces.staged(actuals, sorted(filter(None, numbers.values())), contracts)
        words = sorted(staged_words(row, actuals, lines, numbers) for row in rows)
        return tuple(Entry(each, origin=Origin(True, "migrated")) for each in words)
