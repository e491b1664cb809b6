"""`posted_project_invoices: none_new`: no project invoice was posted since the baseline.

The set has no record id, so its mark is the count per legal entity; what is new is then found by its invoice date,
and our own proforma numbers are looked up by name. Source: reference/project-operations.md 8.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Invariant
from statecfg.model.plan import Finding
from statecfg.resources.invariants.evidence import moved, not_looked_at, unchanged
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.services import Services

TITLE = "project invoices"
CODE = "posted-project-invoices"
SET = "DocumentProjectInvoiceBases"


@dataclass(frozen=True, slots=True)
class PostedProjectInvoicesSpec:
    """What must hold; there is only one answer today."""

    wants: Literal["none_new"] = "none_new"


class PostedProjectInvoices(Invariant):
    """Blocks a posted project invoice that was not there, whoever's it is."""

    name: ClassVar[str] = "posted_project_invoices"
    Spec: ClassVar[type] = PostedProjectInvoicesSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def baseline(self, requirement: Requirement, seen: Seen) -> Any:
        return {company: self._count(company) for company in self._services.environment.legal_entities}

    def look(self, requirement: Requirement, seen: Seen, baseline: Any) -> Iterable[Finding]:
        ours = list(self._ours(seen))
        if ours:
            yield moved("posted-cutover-invoice", TITLE, "invoices of this cutover were posted", ours)
        if not baseline:
            production = self._services.environment.is_production
            yield not_looked_at(CODE, TITLE, "there is no baseline of this window", production=production)
            return
        counts = [(company, was, self._count(company)) for company, was in baseline.items()]
        changed = [f"{company}: {was} -> {now}" for company, was, now in counts if was != now]
        if changed:
            yield moved(CODE, TITLE, "the number of posted project invoices changed", changed)
        elif not ours:
            yield unchanged(CODE, TITLE, f"unchanged in {', '.join(baseline)}")

    def _count(self, company: str) -> int:
        return self._services.finance.count(SET, f"dataAreaId eq '{company}'")

    def _ours(self, seen: Seen) -> Iterator[str]:
        numbers = sorted(
            {n for live in seen.values() if isinstance(live.value, InvoicesLive) for n in live.value.numbers}
        )
        rows = self._services.finance.rows_where_in(
            SET, "ProjInvoiceId", numbers, select=["dataAreaId", "ProjInvoiceId", "LedgerVoucher"]
        )
        for row in rows:
            yield f"{row['ProjInvoiceId']} in {row['dataAreaId']}, voucher {row['LedgerVoucher']}"
