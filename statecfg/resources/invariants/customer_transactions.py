"""`customer_transactions: none_new`: nothing was posted to accounts receivable since the baseline.

Kept as high-water marks: per legal entity the greatest record id and the count, never the transactions themselves;
open balances of the affected customers in full (rules 7.2). Source: reference/project-operations.md 8.1.
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
from statecfg.resources.invariants.origins import Origin, origins
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services

TITLE = "AR"
CODE = "customer-transactions"


@dataclass(frozen=True, slots=True)
class CustomerTransactionsSpec:
    """What must hold; there is only one answer today."""

    wants: Literal["none_new"] = "none_new"


class CustomerTransactions(Invariant):
    """Blocks a new customer transaction, and a changed open balance of a customer of these contracts."""

    name: ClassVar[str] = "customer_transactions"
    Spec: ClassVar[type] = CustomerTransactionsSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def baseline(self, requirement: Requirement, seen: Seen) -> Any:
        entities = self._services.environment.legal_entities
        return {
            "marks": {company: self._mark(company) for company in entities},
            "open": {f"{c}/{a}": str(s) for (c, a), s in self._open(_customers(seen)).items()},
        }

    def look(self, requirement: Requirement, seen: Seen, baseline: Any) -> Iterable[Finding]:
        if not baseline:
            production = self._services.environment.is_production
            yield not_looked_at(CODE, TITLE, "there is no baseline of this window", production=production)
            return
        bare = [entry for company, mark in baseline["marks"].items() for entry in self._new(company, mark)]
        entries = with_origins(bare, origins(self._services, seen, [e.key for e in bare if e.voucher]))
        new, known = sifted(entries, self._services.window())
        if known:
            yield explained(CODE, TITLE, known)
        changed = list(self._changed(baseline["open"], entries, new))
        if new:
            yield moved(CODE, TITLE, f"{len(new)} new customer transactions", new)
        if changed:
            yield moved("customer-balances", TITLE, f"{len(changed)} open balances changed", changed)
        if not new and not changed and not known:
            yield unchanged(CODE, TITLE, f"unchanged in {', '.join(baseline['marks'])}")

    def _mark(self, company: str) -> dict[str, int]:
        rows = self._services.finance.rows(
            "CustTransactions",
            select=["SysRecId"],
            filter=f"dataAreaId eq '{company}'",
            orderby="SysRecId desc",
            top=1,
        )
        last = next((int(row["SysRecId"]) for row in rows), 0)
        return {"last": last, "count": self._services.finance.count("CustTransactions", f"dataAreaId eq '{company}'")}

    def _new(self, company: str, mark: Mapping[str, int]) -> Iterator[Entry]:
        rows = self._services.finance.rows(
            "CustTransactions",
            select=["SysRecId", "Voucher", "AccountNum", "AmountCur", "CurrencyCode", "Invoice"],
            filter=f"dataAreaId eq '{company}' and SysRecId gt {mark['last']}",
        )
        for row in rows:
            amount = f"{row['AmountCur']:,.2f} {row['CurrencyCode']}"
            words = f"voucher {row['Voucher']} in {company}, customer {row['AccountNum']}, {amount}, {row['Invoice']}"
            yield Entry(words, str(row["Voucher"]), company, account=str(row["AccountNum"]))
        count = self._services.finance.count(
            "CustTransactions", f"dataAreaId eq '{company}' and SysRecId le {mark['last']}"
        )
        if count != mark["count"]:
            yield Entry(f"{company}: {count} transactions up to record {mark['last']}, there were {mark['count']}")

    def _open(self, customers: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Decimal]:
        wanted = set(customers)
        sums = dict.fromkeys(wanted, Decimal(0))
        accounts = sorted({account for _, account in wanted})
        rows = self._services.finance.rows_where_in(
            "CustTransOpens", "AccountNum", accounts, select=["dataAreaId", "AccountNum", "AmountMST"]
        )
        for row in rows:
            key = (str(row["dataAreaId"]).casefold(), str(row["AccountNum"]))
            if key in sums:
                sums[key] += row["AmountMST"]
        return sums

    def _changed(self, before: Mapping[str, str], entries: Sequence[Entry], new: Sequence[Entry]) -> Iterator[Entry]:
        """Balances that changed, but for those of customers whose new transactions somebody explained, each of them."""
        keys = [(company, account) for company, _, account in (key.partition("/") for key in before)]
        for (company, account), now in sorted(self._open(keys).items()):
            was = Decimal(before[f"{company}/{account}"])
            own = [entry for entry in entries if (entry.key[0], entry.account) == (company, account)]
            if was != now and (not own or any(entry in new for entry in own)):
                words = f"customer {account} in {company}: open {was:,.2f} -> {now:,.2f}"
                yield Entry(words, "", company, _cause(own))


def _cause(entries: Sequence[Entry]) -> Origin:
    """Why a balance moved: by which of the new transactions of its customer."""
    if not entries:
        return Origin(None, "no new transaction shows why")
    migrated = {entry.origin.migrated for entry in entries}
    whose = next(answer for answer in (True, None, False) if answer in migrated)
    return Origin(whose, "; ".join(f"voucher {entry.voucher}: {entry.origin.words}" for entry in entries))


def _customers(seen: Seen) -> Iterator[tuple[str, str]]:
    for live in seen.values():
        if isinstance(live.value, MilestonesLive):
            for contract in live.value.contracts.values():
                if contract.customer:
                    yield (contract.company.casefold(), contract.customer)
