"""`general_ledger: none_new`: nothing was posted to the general ledger since the baseline.

Kept as high-water marks per ledger: the greatest record id of its journal headers and their count; headers have no
dataAreaId, the company is found through the ledger (reference/project-operations.md 8.1). The subledger, not yet
transferred, is watched in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Invariant
from statecfg.model.plan import Finding
from statecfg.resources.invariants.evidence import Entry, explained, moved, not_looked_at, sifted, unchanged
from statecfg.resources.services import Services

TITLE = "GL"
CODE = "general-ledger"
HEADERS = "GeneralJournalEntryBiEntities"
SUBLEDGER = "SubledgerJournalEntryBiEntities"
VOUCHERS = {HEADERS: "SubledgerVoucher", SUBLEDGER: "Voucher"}
"""The column that holds the voucher, by set."""


@dataclass(frozen=True, slots=True)
class GeneralLedgerSpec:
    """What must hold; there is only one answer today."""

    wants: Literal["none_new"] = "none_new"


class GeneralLedger(Invariant):
    """Blocks a new journal entry in a ledger of the declared legal entities."""

    name: ClassVar[str] = "general_ledger"
    Spec: ClassVar[type] = GeneralLedgerSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def baseline(self, requirement: Requirement, seen: Seen) -> Any:
        ledgers = self._ledgers()
        return {
            company: {"ledger": ledger, **{name: self._mark(name, ledger) for name in VOUCHERS}}
            for company, ledger in ledgers.items()
        }

    def look(self, requirement: Requirement, seen: Seen, baseline: Any) -> Iterable[Finding]:
        if not baseline:
            production = self._services.environment.is_production
            yield not_looked_at(CODE, TITLE, "there is no baseline of this window", production=production)
            return
        entries = [
            entry
            for company, marks in baseline.items()
            for name in VOUCHERS
            for entry in self._new(name, company, marks["ledger"], marks[name])
        ]
        new, known = sifted(entries, self._services.window())
        if known:
            yield explained(CODE, TITLE, known)
        if new:
            yield moved(CODE, TITLE, f"{len(new)} new journal entries", new)
        elif not known:
            yield unchanged(CODE, TITLE, f"unchanged in {', '.join(baseline)}")

    def _ledgers(self) -> dict[str, int]:
        wanted = {company.casefold() for company in self._services.environment.legal_entities}
        rows = self._services.finance.rows("Ledgers", select=["LegalEntityId", "LedgerRecId"])
        return {
            str(row["LegalEntityId"]).casefold(): int(row["LedgerRecId"])
            for row in rows
            if str(row["LegalEntityId"]).casefold() in wanted
        }

    def _mark(self, name: str, ledger: int) -> dict[str, int]:
        rows = self._services.finance.rows(
            name, select=["SourceKey"], filter=f"Ledger eq {ledger}", orderby="SourceKey desc", top=1
        )
        last = next((int(row["SourceKey"]) for row in rows), 0)
        return {"last": last, "count": self._services.finance.count(name, f"Ledger eq {ledger}")}

    def _new(self, name: str, company: str, ledger: int, mark: Mapping[str, int]) -> Iterator[Entry]:
        voucher = VOUCHERS[name]
        rows = self._services.finance.rows(
            name, select=["SourceKey", voucher], filter=f"Ledger eq {ledger} and SourceKey gt {mark['last']}"
        )
        for row in rows:
            yield Entry(f"voucher {row[voucher]} in {company}", str(row[voucher]))
        count = self._services.finance.count(name, f"Ledger eq {ledger} and SourceKey le {mark['last']}")
        if count != mark["count"]:
            yield Entry(f"{company}: {count} entries up to record {mark['last']}, there were {mark['count']}")
