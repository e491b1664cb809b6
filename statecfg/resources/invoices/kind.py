"""The kind `invoices`: one proforma invoice a contract over the milestones of another resource, confirmed for good.

Ties the parts together: `read` looks, `decide` judges, `steps` plans, `fences` guard, `looking` waits and settles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Live, Seen
from statecfg.model.errors import Problem, Rejected
from statecfg.model.kind import CLEAR, Kind, Look, Observation, Receipt, Settlement
from statecfg.model.plan import Change, FieldChange, Finding, Step, Summary, Unchanged, WorldLine
from statecfg.model.records import Record
from statecfg.resources.invoices import decide, leaks, steps, wording
from statecfg.resources.invoices.fences import Fences
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.looking import Looker
from statecfg.resources.invoices.read import Reader
from statecfg.resources.invoices.spec import InvoicesSpec
from statecfg.resources.invoices.steps import Planned
from statecfg.resources.invoices.traces import Traces
from statecfg.resources.invoices.wire import INVOICES, Books
from statecfg.resources.milestones.assess import WHOLE, digest_of
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.milestones.steps import counted
from statecfg.resources.services import Services


class Invoices(Kind):
    """Invoices of one environment. Which contracts were read is kept, for looks that are handed none."""

    name: ClassVar[str] = "invoices"
    Spec: ClassVar[type] = InvoicesSpec
    Row: ClassVar[type | None] = None

    def __init__(self, services: Services) -> None:
        self._services = services
        self._books = Books(services.dataverse, services.environment)
        self._traces = Traces(services.dataverse, services.finance)
        self._fences = Fences(self._books, services.finance)
        limit = services.environment.waits.execution_limit_s
        self._looker = Looker(self._books, self._fences, self._traces, limit)
        self._contracts: dict[Address, dict[str, str]] = {}

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        try:
            target = _of(desired)
        except ValueError as error:
            yield Problem("address-unknown", desired.source, f"`of`: {error}", "write of: milestones/NAME")
            return
        if target.kind != "milestones":
            what = f"`of` names {target}, which is not a milestones resource"
            yield Problem("address-unknown", desired.source, what, "write of: milestones/NAME")

    def fresh(self) -> None:
        """Nothing to forget: every look asks the services anew."""

    def needs(self, desired: Desired) -> tuple[Address, ...]:
        return (_of(desired),)

    def read(self, desired: Desired, seen: Seen) -> Live:
        milestones: MilestonesLive = seen[_of(desired)].value
        self._contracts[desired.address] = {c.id: c.number for c in milestones.contracts.values()}
        live, count = Reader(self._books).read(milestones)
        return Live(desired.address, live, count)

    def findings(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        return decide.findings(seen[_of(desired)].value, live.value, desired.address)

    def under(self, desired: Desired, condition: Condition) -> Desired:
        return desired

    def compare(self, desired: Desired, live: Live, seen: Seen) -> Change | None:
        milestones: MilestonesLive = seen[_of(desired)].value
        work = decide.work(milestones, live.value)
        if not work.confirm:
            return None
        planned = Planned(desired, milestones, work, self._services.environment)
        now = dict.fromkeys(work.create, "no invoice") | {i.contract: f"draft {i.number}" for i in work.adopted}
        fields = tuple(FieldChange(n, now.get(n, "being created"), "confirmed") for n in work.confirm[:20])
        return Change(desired, live, fields, planned)

    def settled(self, change: Change) -> Finding | None:
        return None

    def steps(self, changes: Sequence[Change], seen: Seen) -> Sequence[Step]:
        return tuple(step for change in changes for step in steps.steps(change.detail))

    def after(self, change: Change) -> Live:
        live: Live = change.live
        value: InvoicesLive = live.value
        confirmed = {key: replace(i, status="confirmed", in_flight=False) for key, i in value.invoices.items()}
        return replace(live, value=replace(value, invoices=confirmed, creating=frozenset()))

    def unchanged(self, desired: Desired, live: Live, seen: Seen) -> Unchanged | None:
        value: InvoicesLive = live.value
        confirmed = len(value.confirmed)
        return Unchanged(desired.address, confirmed, "confirmed") if confirmed else None

    def summary(self, desired: Desired, live: Live, seen: Seen) -> Summary | None:
        value: InvoicesLive = live.value
        drafts = [invoice for invoice in value.drafts if invoice.content == "ours"]
        if not drafts:
            return None
        numbers = ", ".join(f"{draft.number} on {draft.contract}" for draft in drafts[:3])
        more = f" and {len(drafts) - 3} more" if len(drafts) > 3 else ""
        return Summary(desired.address, (("adopted", f"{counted(len(drafts), 'draft')}: {numbers}{more}"),))

    def world(self, desired: Desired, live: Live) -> Iterator[WorldLine]:
        value: InvoicesLive = live.value
        contracts = sorted({i.contract for i in value.invoices.values()} | value.creating)
        for contract in contracts:
            own = sorted(value.of(contract), key=lambda i: i.id)
            facts = [(i.id, i.status, i.content, i.in_flight, i.lines, i.ours, i.total) for i in own]
            whole = sum(digest_of(str(fact).encode()) for fact in facts) + (contract in value.creating)
            words = ", ".join(map(_in_words, own)) or "being created"
            yield WorldLine(desired.address, contract, len(own), f"{whole % WHOLE:032x}", words)

    def pending(self, desired: Desired, live: Live, seen: Seen) -> Sequence[Step]:
        value: InvoicesLive = live.value
        count = len(value.in_flight) + len(value.creating)
        if not count:
            return ()
        words = f"until {counted(count, 'invoice')} with a job on its way {'is' if count == 1 else 'are'} done"
        deadline_s = self._services.environment.waits.confirm_s
        return (Step(desired.address, "wait-jobs", words, sends=False, deadline_s=deadline_s, count=count),)

    def quiet(self, desired: Desired) -> tuple[Finding, ...]:
        return self._busy(desired.address)

    def _busy(self, address: Address) -> tuple[Finding, ...]:
        """A finding if jobs that create or confirm wait or run on the contracts that were read."""
        contracts = self._contracts.get(address, {})
        jobs = self._books.jobs()
        if not jobs or not contracts:
            return ()
        names = {**contracts}
        for row in self._books.invoices(list(contracts), drafts_only=True):
            names[str(row["invoiceid"])] = f"{row['invoicenumber']} on {contracts[str(row['_salesorderid_value'])]}"
        busy = tuple(dict.fromkeys(name for key, name in names.items() if any(job.concerns(key) for job in jobs)))
        if not busy:
            return ()
        what = f"{counted(len(busy), 'job')} on invoices of this cutover wait or run: {', '.join(busy[:3])}"
        do = "wait until the jobs have ended; a map must not start before"
        return (Finding("block", "invoices-in-flight", what, do, "in flight", address=address, details=busy),)

    def fence(self, step: Step, batch: Sequence[Record], desired: Desired) -> Look:
        if step.moment == "create":
            return self._fences.before_create(batch)
        return self._fences.before_confirm(batch) if step.moment == "confirm" else CLEAR

    def aftermath(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
        beside = self._fences.beside_ours(batch) if step.moment == "confirm" and batch else ()
        if not beside:
            return ()
        what = f"{counted(len(beside), 'invoice')} changed between the fence and its confirmation: {beside[0]}"
        return (wording.finding("confirmed-with-others", what, step.address, beside),)

    def exposed(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
        return tuple(leaks.exposed(self._books, self._traces, batch, step.address))

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        for record in batch:
            if step.moment == "create":
                self._create(record)
            else:
                self._confirm(record)
        return Receipt()

    def _create(self, record: Record) -> None:
        name = self._services.environment.actions.create_invoice
        self._services.dataverse.action("salesorders", record.id, name)
        self._looker.answered.setdefault("create", set()).add(record.id)

    def _confirm(self, record: Record) -> None:
        """Confirm the invoice that the fence found. It may be confirmed already, then nothing is sent."""
        draft = self._fences.drafts.get(record.id)
        if draft is None:
            raise Rejected(f"no fence looked at the invoice on {record.key}", where=record.key)
        if draft:
            name = self._services.environment.actions.confirm_invoice
            self._services.dataverse.action(INVOICES, draft, name)
        self._looker.answered.setdefault("confirm", set()).add(record.id)

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        return self._looker.settle(batch, step.moment, since)

    def observe(self, step: Step, batch: Sequence[Record], receipt: Receipt | None) -> Observation:
        if step.verb == "wait-jobs":
            return self._quiet_now(step)
        records = list(step.records)
        if step.verb == "check-canary":
            return self._looker.check(records)
        if step.verb == "wait-canary":
            return self._looker.posted(records)
        return self._looker.created(records) if step.moment == "create" else self._looker.confirmed(records)

    def _quiet_now(self, step: Step) -> Observation:
        busy = self._busy(step.address)
        if busy:
            left = len(busy[0].details)
            return Observation("not_yet", busy[0].what, busy[0].code, max(0, step.count - left), step.count)
        return Observation("reached", "", "", step.count, step.count)

    def drift(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        return leaks.drift(live.value, seen[_of(desired)].value, self._traces, desired.address)


def _of(desired: Desired) -> Address:
    spec: InvoicesSpec = desired.spec
    return Address.parse(spec.of)


def _in_words(invoice: InvoiceInfo) -> str:
    job = ", with a job" if invoice.in_flight else ""
    lines = f"{invoice.ours} of {counted(invoice.lines, 'line')} ours"
    return f"{invoice.status} {invoice.number} ({invoice.content}, {lines}, {invoice.total:,.2f}{job})"
