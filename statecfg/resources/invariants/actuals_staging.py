"""`actuals_staging: none_of_ours`: no actual of a cutover invoice reached F&O's staging table.

Staging is where a leak shows first: *Import from staging* makes proposal lines of it, and posting those moves AR and
GL (rules 7.4). Found by actual id and by proforma number, never by contract or amount (rules 7.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import UUID

from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Invariant
from statecfg.model.plan import Finding
from statecfg.resources.invariants.evidence import moved, unchanged
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
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
        invoices = [i for live in seen.values() if isinstance(live.value, InvoicesLive) for i in live.value.confirmed]
        leaked = staged(self._services.dataverse, self._services.finance, invoices)
        if leaked:
            yield moved(CODE, TITLE, f"{len(leaked)} rows of this cutover are in F&O's staging table", leaked)
        else:
            yield unchanged(CODE, TITLE, f"none of {len(invoices)} cutover invoices")


def staged(dataverse: Dataverse, finance: Finance, invoices: Iterable[InvoiceInfo]) -> tuple[str, ...]:
    """Staging rows that belong to these invoices, in words: by their actuals' ids and by their proforma numbers."""
    by_id = {invoice.id: invoice for invoice in invoices}
    if not by_id:
        return ()
    actuals = {
        str(row["msdyn_actualid"]): by_id[str(row["_msdyn_invoice_value"])].number
        for row in dataverse.rows_where_in(
            "msdyn_actuals", "_msdyn_invoice_value", map(UUID, by_id), select=["msdyn_actualid", "_msdyn_invoice_value"]
        )
    }
    select = ["dataAreaId", "ActualId", "InvoiceId", "Amount", "TransactionCurrencyId", "Description"]
    numbers = sorted({invoice.number for invoice in by_id.values() if invoice.number})
    rows = [
        *finance.rows_where_in("ProjActualsImports", "ActualId", map(UUID, actuals), select=select),
        *finance.rows_where_in("ProjActualsImports", "InvoiceId", numbers, select=select),
    ]
    found = {
        f"actual {row['ActualId']} of invoice {actuals.get(str(row['ActualId']).casefold()) or row['InvoiceId']}: "
        f"{row['Amount']} {row['TransactionCurrencyId']}, {row['Description']}"
        for row in rows
    }
    return tuple(sorted(found))
