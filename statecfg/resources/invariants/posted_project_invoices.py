"""`posted_project_invoices: none_new`: no project invoice was posted since the baseline.

Its mark is the count per legal entity; what is new are then the latest by the id of their journal, which grows, and our
own proforma numbers are looked up by name. Source: reference/project-operations.md 8.1 and A.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Invariant
from statecfg.model.plan import Finding
from statecfg.resources.invariants.evidence import (
    Entry,
    explained,
    moved,
    not_looked_at,
    sifted,
    unchanged,
    with_origins,
)
from statecfg.resources.invariants.origins import Origin, origins
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.services import Services

TITLE = "project invoices"
CODE = "posted-project-invoices"
SET = "DocumentProjectInvoiceBases"
COLUMNS = (
    "dataAreaId", "ProjInvoiceId", "InvoiceAccount", "InvoiceAmount", "CurrencyId", "LedgerVoucher",
)  # fmt: skip


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
        grown = {company: self._count(company) - was for company, was in baseline.items()}
        changed = {company: more for company, more in grown.items() if more}
        new, known = sifted(self._new(changed, seen), self._services.window())
        if known:
            yield explained(CODE, TITLE, known)
        if new:
            words = ", ".join(f"{more:+} in {company}" for company, more in changed.items())
            yield moved(CODE, TITLE, f"the number of posted project invoices changed ({words})", new)
        elif not ours and not known:
            yield unchanged(CODE, TITLE, f"unchanged in {', '.join(baseline)}")

    def _count(self, company: str) -> int:
        return self._services.finance.count(SET, f"dataAreaId eq '{company}'")

    def _new(self, changed: Mapping[str, int], seen: Seen) -> tuple[Entry, ...]:
        """The latest invoices, as many as there are more; a number that fell has nothing that could be named."""
        entries = [entry for company, more in changed.items() for entry in self._latest(company, more)]
        return with_origins(entries, origins(self._services, seen, [entry.key for entry in entries if entry.voucher]))

    def _latest(self, company: str, more: int) -> Iterator[Entry]:
        if more < 0:
            yield Entry(f"{-more} invoices of {company} are gone")
            return
        rows = self._services.finance.rows(
            SET, select=COLUMNS, filter=f"dataAreaId eq '{company}'", orderby="ProjInvoiceJourRecId desc", top=more
        )
        yield from map(_entry, rows)

    def _ours(self, seen: Seen) -> Iterator[Entry]:
        invoices = [
            i for live in seen.values() if isinstance(live.value, InvoicesLive) for i in live.value.invoices.values()
        ]
        contracts = {invoice.number: invoice.contract for invoice in invoices if invoice.number}
        for row in self._services.finance.rows_where_in(SET, "ProjInvoiceId", sorted(contracts), select=COLUMNS):
            whose = f"cutover invoice of {contracts[str(row['ProjInvoiceId'])]}"
            yield replace(_entry(row), origin=Origin(True, whose))


def _entry(row: Mapping[str, Any]) -> Entry:
    amount = f"{row['InvoiceAmount']:,.2f} {row['CurrencyId']}"
    customer = f"customer {row['InvoiceAccount']}, {amount}, voucher {row['LedgerVoucher']}"
    return Entry(
        f"{row['ProjInvoiceId']} in {row['dataAreaId']}, {customer}", str(row["LedgerVoucher"]), row["dataAreaId"]
    )
