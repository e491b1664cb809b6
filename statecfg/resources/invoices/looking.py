"""Whether invoices are where a step wants them, and what became of a lost answer. It only looks.

A lost answer is settled when the service is quiet: the status changed, or no job runs and the service's own execution
limit has passed (rules 6.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from statecfg.clients.choices import MilestoneStatus
from statecfg.model.kind import Observation, Settlement
from statecfg.model.records import Record
from statecfg.resources.invoices.content import Stone
from statecfg.resources.invoices.fences import Fences, confirm_problem, our_ids
from statecfg.resources.invoices.traces import Actual, Traces
from statecfg.resources.invoices.wire import Books
from statecfg.resources.milestones.key import normal
from statecfg.resources.milestones.wording import money

INVOICED = (MilestoneStatus.INVOICE_CREATED, MilestoneStatus.INVOICE_POSTED)
"""Statuses of a milestone on an invoice."""


@dataclass(slots=True)
class Looker:
    """Looks at invoices of one environment. answered: contract ids whose request was answered with success, by verb;
    a contract whose request was refused is not waited for."""

    books: Books
    fences: Fences
    traces: Traces
    execution_limit_s: float
    answered: dict[str, set[str]] = field(default_factory=dict)

    def check(self, records: Sequence[Record]) -> Observation:
        """Whether each contract's draft is exactly our milestones."""
        for record, seen in zip(records, self.fences.contracts(records), strict=True):
            _, code, words = confirm_problem(record, seen, by_text=self.books.by_text)
            if code in ("not-invoiced", "invoice-in-flight", "no-draft") and self._is_busy(record):
                return Observation("not_yet", f"{record.key}: {words}", code, 0, len(records))
            if code:
                return Observation("failed", f"{record.key}: {words}", code, 0, len(records))
        return Observation("reached", "", "", len(records), len(records))

    def _is_busy(self, record: Record) -> bool:
        return any(job.concerns(record.id) or not job.names for job in self.books.jobs())

    def posted(self, records: Sequence[Record]) -> Observation:
        """Whether every milestone is posted with exactly one actual, and nothing of them is in F&O's staging."""
        contracts = [record.id for record in records]
        stones = self.books.stones(contracts, (MilestoneStatus.INVOICE_POSTED,))
        for record in records:
            posted = [stone for stone in stones.get(record.id, ()) if stone.id in our_ids(record)]
            missing = len(our_ids(record)) - len(posted)
            if missing:
                what = f"{record.key}: {missing:,} of {len(our_ids(record)):,} milestones are not posted yet"
                return Observation("not_yet", what, "", 0, len(records))
            wrong = self._traces_of(record, posted)
            if wrong:
                return Observation("failed", f"{record.key}: {wrong}", "canary-wrong", 0, len(records))
        return Observation("reached", "", "", len(records), len(records))

    def _traces_of(self, record: Record, posted: Sequence[Stone]) -> str:
        rows = {str(row["invoiceid"]): row for row in self.books.invoices([record.id])}
        actuals = {actual.id: actual for actual in self.traces.actuals(list(rows))}
        wrong = unmatched(posted, list(actuals.values()), by_text=self.books.by_text)
        if wrong:
            return wrong
        ours = {each: actual for each, actual in actuals.items() if _is_of(actual, posted, by_text=self.books.by_text)}
        numbers = sorted({str(rows[actual.invoice]["invoicenumber"] or "") for actual in ours.values()} - {""})
        staged = self.traces.staged(ours, numbers, [record.key])
        return f"{len(staged)} rows of it are in F&O's staging table" if staged else ""

    def created(self, records: Sequence[Record]) -> Observation:
        """Whether every contract that was answered has its milestones on an invoice."""
        return self._ended(records, INVOICED, "create", "has no invoice yet")

    def confirmed(self, records: Sequence[Record]) -> Observation:
        """Whether every invoice is terminal: its milestones posted, or its request refused and no job left."""
        return self._ended(records, (MilestoneStatus.INVOICE_POSTED,), "confirm", "is not confirmed yet")

    def _ended(
        self, records: Sequence[Record], statuses: Sequence[MilestoneStatus], verb: str, words: str
    ) -> Observation:
        awaited = self._awaited(verb, records)
        done = self._reached([record for record in records if record.id in awaited], statuses)
        missing = [record for record in records if record.id in awaited - done]
        total = len(records)
        if not missing:
            return Observation("reached", "", "", total, total)
        failed = self._failed(missing)
        if failed:
            return Observation("failed", failed, "job-failed", total - len(missing), total)
        what = f"{missing[0].key} {words}" + (f", and {len(missing) - 1:,} more" if len(missing) > 1 else "")
        return Observation("not_yet", what, "", total - len(missing), total)

    def _awaited(self, verb: str, records: Sequence[Record]) -> set[str]:
        """Contract ids that are waited for: answered ones, and those with a job on its way."""
        answered = self.answered.get(verb, set())
        jobs = self.books.jobs()
        return {r.id for r in records if r.id in answered or any(job.concerns(r.id) for job in jobs)}

    def _reached(self, records: Sequence[Record], statuses: Sequence[MilestoneStatus]) -> set[str]:
        """Contract ids whose milestones are all on one of these statuses."""
        contracts = [record.id for record in records]
        if not contracts:
            return set()
        stones = self.books.stones(contracts, statuses)
        return {r.id for r in records if our_ids(r) <= {stone.id for stone in stones.get(r.id, ())}}

    def _failed(self, records: Sequence[Record]) -> str:
        """Why the jobs of contracts that got nowhere failed, if no job is left for them; "" if one is."""
        if self.books.jobs():
            return ""
        for job, words in self.books.failures():
            for record in records:
                ids = [each for each in (record.id, self.fences.drafts.get(record.id, "")) if each]
                if job.names and any(job.concerns(each) for each in ids):
                    return f"{record.key}: {job.name} failed: {words}"
        return ""

    def settle(self, records: Sequence[Record], verb: str, since: float) -> Settlement:
        """What became of a group whose answers were lost."""
        statuses = INVOICED if verb == "create" else (MilestoneStatus.INVOICE_POSTED,)
        done = self._reached(records, statuses)
        missing = tuple(record for record in records if record.id not in done)
        if missing and self.books.jobs():
            return Settlement(waiting=f"a job may still {verb} the invoice on {missing[0].key}")
        if missing and since < self.execution_limit_s:
            left = self.execution_limit_s - since
            what = f"the service may still {verb} the invoice on {missing[0].key}, for {left:.0f} s at most"
            return Settlement(waiting=what)
        self.answered.setdefault(verb, set()).update(done)
        return Settlement(tuple(record for record in records if record.id in done), missing)


def unmatched(posted: Sequence[Stone], actuals: Sequence[Actual], *, by_text: bool) -> str:
    """Whether each milestone has exactly one actual, in words; "" if so. Pure."""
    wanted = Counter((stone.line, stone.amount) for stone in posted)
    found = Counter((a.line, a.amount) for a in actuals if _is_of(a, posted, by_text=by_text))
    for place in wanted | found:
        if wanted[place] != found[place]:
            return (
                f"{found[place]} billed actuals of {money(place[1])} where {wanted[place]} milestones have that amount"
            )
    return ""


def _is_of(actual: Actual, stones: Sequence[Stone], *, by_text: bool) -> bool:
    text = normal(actual.text)
    return any(
        actual.line == stone.line
        and actual.amount == stone.amount
        and (not by_text or text in (normal(stone.name), normal(stone.description)))
        for stone in stones
    )
