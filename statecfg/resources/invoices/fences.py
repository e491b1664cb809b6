"""The look just before an invoice is created or confirmed: exactly our milestones, nothing else (rules 6.1). Uncached.

A contract that isn't as it must be is left out and named; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from statecfg.clients.choices import MilestoneStatus, TransStatus
from statecfg.clients.finance import Finance
from statecfg.model.kind import Look, Refused
from statecfg.model.records import Record
from statecfg.resources.invoices.content import Item, Stone, differences, digest_of_stones
from statecfg.resources.invoices.wire import Books, Job
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.read import FINANCE_SET
from statecfg.resources.milestones.wording import money

BREACHES = frozenset({"foreign-ready", "foreign-content", "changed", "drafts-unclear", "invoice-in-flight"})
"""Codes of contracts left out because of somebody else's work; the others follow from records that were refused."""


def our_ids(record: Record) -> frozenset[str]:
    """Ids of the milestones that belong on a record's invoice."""
    return frozenset(str(UUID(each)) for each in str(record.values["milestones"]).split())


@dataclass(frozen=True, slots=True)
class Contract:
    """What a fence sees of one contract. drafts: those with their line details, product lines, and linked ids."""

    ready: Sequence[Stone] = ()
    invoiced: Sequence[Stone] = ()
    posted: Sequence[Stone] = ()
    entries: int = 0
    arrived: frozenset[str] = frozenset()
    is_busy: bool = False
    drafts: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft invoice with its contents. linked: what invoice schedules name; None where there are none."""

    id: str
    number: str
    total: Decimal | None
    items: Sequence[Item]
    products: int = 0
    linked: frozenset[str] | None = None
    is_busy: bool = False


def create_problem(record: Record, seen: Contract) -> tuple[str, str]:
    """Why no invoice may be created on a contract now, as (code, words); ("", "") if one may. Pure."""
    ours = our_ids(record)
    foreign = [stone.name for stone in seen.ready if stone.id not in ours]
    missing = len(ours) - len({stone.id for stone in seen.ready} & ours)
    if seen.is_busy:
        return "invoice-in-flight", "a job on this contract waits or runs"
    if foreign:
        return "foreign-ready", f"other milestones are ready too and would be invoiced: {_some(foreign)}"
    if seen.entries:
        return (
            "foreign-ready",
            f"{seen.entries:,} time, expense or material entries are ready and would be invoiced too",
        )
    if missing:
        return "not-ready", f"{missing:,} of {len(ours):,} milestones are not ready for invoicing"
    if digest_of_stones(seen.ready) != record.values["digest"]:
        return "changed", "a milestone was changed since the plan was made"
    if not ours <= seen.arrived:
        return "not-arrived", f"{len(ours - seen.arrived):,} of {len(ours):,} milestones are not in F&O as Invoiced"
    return "", ""


def confirm_problem(record: Record, seen: Contract, *, by_text: bool) -> tuple[str, str, str]:
    """Which invoice is to be confirmed, or why none may be, as (invoice id, code, words). Pure.

    ("", "", "") if it is confirmed already.
    """
    ours = our_ids(record)
    stones = [stone for stone in seen.invoiced if stone.id in ours]
    if len([stone for stone in seen.posted if stone.id in ours]) == len(ours):
        return "", "", ""
    if len(stones) != len(ours):
        return "", "not-invoiced", f"{len(ours) - len(stones):,} of {len(ours):,} milestones are not on an invoice"
    if digest_of_stones(stones) != record.values["digest"]:
        return "", "changed", "a milestone was changed since the plan was made"
    problems = {draft.id: _wrong(draft, stones, record, by_text=by_text) for draft in seen.drafts}
    good = [draft for draft in seen.drafts if not problems[draft.id]]
    if len(good) == 1:
        if seen.is_busy or good[0].is_busy:
            return "", "invoice-in-flight", f"a job on {good[0].number} waits or runs"
        return good[0].id, "", ""
    if not seen.drafts:
        return "", "no-draft", "no draft is on this contract"
    if good:
        return (
            "",
            "drafts-unclear",
            f"{len(good)} drafts hold the same lines: {_some([draft.number for draft in good])}",
        )
    draft = min(seen.drafts, key=lambda each: len(problems[each.id]))
    return "", "foreign-content", f"{draft.number} is not exactly our milestones: {_some(problems[draft.id])}"


def _wrong(draft: Draft, stones: Sequence[Stone], record: Record, *, by_text: bool) -> tuple[str, ...]:
    wrong = list(differences(draft.items, stones, by_text=by_text))
    if draft.products:
        wrong.append(f"{draft.products} product lines")
    if draft.linked is not None and draft.linked != our_ids(record):
        wrong.append("its schedules name other milestones")
    whole = Decimal(record.values["amount"]) + Decimal(record.values["tax"])
    if draft.total != whole:
        wrong.append(f"its total is {'empty' if draft.total is None else money(draft.total)}, not {money(whole)}")
    return tuple(wrong)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@dataclass(slots=True)
class Fences:
    """Looks at the live contracts of a group. drafts: the invoice found for a contract id, for whoever confirms it."""

    books: Books
    finance: Finance
    drafts: dict[str, str] = field(default_factory=dict)

    def before_create(self, batch: Sequence[Record]) -> Look:
        """Contracts of a group on which no invoice may be created now."""
        contracts = [record.id for record in batch]
        ready = self.books.stones(contracts, (MilestoneStatus.READY,))
        entries, jobs = self.books.ready_time(contracts), self.books.jobs()
        arrived = self._arrived(batch)
        skip = []
        for record in batch:
            own = record.id
            busy = any(job.concerns(own) for job in jobs)
            seen = Contract(ready.get(own, ()), entries=entries.get(own, 0), arrived=arrived, is_busy=busy)
            code, words = create_problem(record, seen)
            if code:
                skip.append(Refused(record, words, code, code in BREACHES))
        return Look(skip=tuple(skip))

    def before_confirm(self, batch: Sequence[Record]) -> Look:
        """Contracts of a group whose invoice may not be confirmed now; the invoices of the others are noted."""
        skip = []
        for record, seen in zip(batch, self.contracts(batch), strict=True):
            draft, code, words = confirm_problem(record, seen, by_text=self.books.by_text)
            self.drafts[record.id] = draft
            if code:
                skip.append(Refused(record, words, code, code in BREACHES))
        return Look(skip=tuple(skip))

    def beside_ours(self, batch: Sequence[Record]) -> tuple[str, ...]:
        """What stands beside our milestones on the invoices that were asked to be confirmed, one text an invoice."""
        asked = {self.drafts[record.id]: record for record in batch if self.drafts.get(record.id)}
        stones = self.books.stones(
            [r.id for r in asked.values()], (MilestoneStatus.INVOICE_CREATED, MilestoneStatus.INVOICE_POSTED)
        )
        items: dict[str, list[Item]] = {each: [] for each in asked}
        for invoice, item in self.books.details(list(asked)):
            items[invoice].append(item)
        products = self.books.products(list(asked))
        found = []
        for invoice, record in asked.items():
            ours = [stone for stone in stones.get(record.id, ()) if stone.id in our_ids(record)]
            wrong = list(differences(items[invoice], ours, by_text=self.books.by_text))
            wrong += [f"{products[invoice]} product lines"] if products.get(invoice) else []
            found += [f"{record.key}: {_some(wrong)}"] if wrong else []
        return tuple(found)

    def contracts(self, batch: Sequence[Record]) -> tuple[Contract, ...]:
        """What there is on the contracts of a group, in their order."""
        contracts = [record.id for record in batch]
        invoiced = self.books.stones(contracts, (MilestoneStatus.INVOICE_CREATED,))
        posted = self.books.stones(contracts, (MilestoneStatus.INVOICE_POSTED,))
        jobs = self.books.jobs()
        drafts = self._drafts(contracts, jobs)
        return tuple(
            Contract(
                invoiced=invoiced.get(own, ()),
                posted=posted.get(own, ()),
                is_busy=any(job.names and job.concerns(own) for job in jobs),
                drafts=tuple(drafts.get(own, ())),
            )
            for own in contracts
        )

    def _drafts(self, contracts: Sequence[str], jobs: Sequence[Job]) -> Mapping[str, list[Draft]]:
        rows = list(self.books.invoices(contracts, drafts_only=True))
        ids = [str(row["invoiceid"]) for row in rows]
        if not ids:
            return {}
        items: dict[str, list[Item]] = {each: [] for each in ids}
        for invoice, item in self.books.details(ids):
            items[invoice].append(item)
        products = self.books.products(ids)
        linked = None if self.books.by_text else self.books.linked(ids)
        found: dict[str, list[Draft]] = {}
        for row in rows:
            own = str(row["invoiceid"])
            busy = self.books.is_under_way(row) or any(job.concerns(own) for job in jobs)
            names = None if linked is None else linked.get(own, frozenset())
            draft = _draft(row, items[own], products.get(own, 0), names, busy)
            found.setdefault(str(row["_salesorderid_value"]), []).append(draft)
        return found

    def _arrived(self, batch: Iterable[Record]) -> frozenset[str]:
        """Ids of milestones of these contracts that are in F&O as Invoiced."""
        numbers = sorted({str(record.values["contract"]) for record in batch})
        rows = self.finance.rows_where_in(
            FINANCE_SET, "ProjectContractId", numbers, select=("ContractLineMilestoneGuid", "TransStatus")
        )
        return frozenset(
            str(r["ContractLineMilestoneGuid"]).casefold() for r in rows if r["TransStatus"] == TransStatus.INVOICED
        )


def _draft(row: Row, items: Sequence[Item], products: int, linked: frozenset[str] | None, busy: bool) -> Draft:
    total: Any = row["totalamount"]
    return Draft(
        id=str(row["invoiceid"]),
        number=str(row["invoicenumber"] or ""),
        total=None if total is None else Decimal(total),
        items=items,
        products=products,
        linked=linked,
        is_busy=busy,
    )
