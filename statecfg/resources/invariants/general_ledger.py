"""`general_ledger: none_new`: nothing was posted to the general ledger since the baseline.

Kept as high-water marks per ledger: the greatest record id of its journal headers and their count; headers have no
dataAreaId, the company is found through the ledger (reference/project-operations.md 8.1). The subledger, not yet
transferred, is watched in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
from statecfg.resources.invariants.origins import origins
from statecfg.resources.services import Services

TITLE = "GL"
CODE = "general-ledger"
HEADERS = "GeneralJournalEntryBiEntities"
SUBLEDGER = "SubledgerJournalEntryBiEntities"
VOUCHERS = {HEADERS: "SubledgerVoucher", SUBLEDGER: "Voucher"}
"""The column that holds the voucher, by set."""
BOOKS = {HEADERS: "general journal", SUBLEDGER: "subledger"}
LINES = "GeneralJournalAccountEntryBiEntities"
PRICED = 20
"""Of so many new headers the amount is read."""


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
        bare = [
            entry
            for company, marks in baseline.items()
            for name in VOUCHERS
            for entry in self._new(name, company, marks["ledger"], marks[name])
        ]
        entries = with_origins(bare, origins(self._services, seen, [e.key for e in bare if e.voucher]))
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
        new = list(rows)
        debits = self._debits([int(row["SourceKey"]) for row in new]) if name == HEADERS else {}
        for row in new:
            amount = debits.get(int(row["SourceKey"]))
            words = BOOKS[name] + (f", {amount:,.2f} debited" if amount is not None else "")
            yield Entry(f"voucher {row[voucher]} in {company}, {words}", str(row[voucher] or ""), company)
        count = self._services.finance.count(name, f"Ledger eq {ledger} and SourceKey le {mark['last']}")
        if count != mark["count"]:
            yield Entry(f"{company}: {count} entries up to record {mark['last']}, there were {mark['count']}")

    def _debits(self, entries: Sequence[int]) -> dict[int, Decimal]:
        """What is debited, in the accounting currency, by header; of the first ones only, which are what is shown."""
        wanted = " or ".join(f"GeneralJournalEntry eq {entry}" for entry in entries[:PRICED])
        sums: dict[int, Decimal] = {}
        if wanted:
            select = ["GeneralJournalEntry", "AccountingCurrencyAmount", "IsCredit"]
            for row in self._services.finance.rows(LINES, select=select, filter=wanted):
                debit = Decimal(0) if row["IsCredit"] == "Yes" else abs(row["AccountingCurrencyAmount"])
                entry = int(row["GeneralJournalEntry"])
                sums[entry] = sums.get(entry, Decimal(0)) + debit
        return sums
