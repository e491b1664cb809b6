"""Which contracts get an invoice, and which drafts are confirmed (rules 6.1 to 6.3). Pure.

A contract is invoiced only when all its rows have arrived; a draft is adopted only if it holds exactly our milestones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from statecfg.model.address import Address
from statecfg.model.plan import Finding
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.wording import finding
from statecfg.resources.milestones.key import normal
from statecfg.resources.milestones.live import MilestonesLive, Tally


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done. create: contracts that get an invoice. confirm: contracts whose invoice is confirmed, those
    of `create` included. adopted: drafts that are confirmed as they are, by contract. All by the contract's number."""

    create: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    adopted: tuple[InvoiceInfo, ...] = ()


def work(milestones: MilestonesLive, invoices: InvoicesLive) -> Work:
    """What is to be done for milestones that stand so, or will when it comes to it."""
    create: list[str] = []
    confirm: list[str] = []
    adopted: list[InvoiceInfo] = []
    for number, tally in milestones.tallies.items():
        contract = milestones.contracts.get(number)
        if contract is None or not tally.arrived or tally.complete:
            continue
        drafts = [invoice for invoice in invoices.of(contract.number) if invoice.status == "draft"]
        if tally.done and not tally.drafted and not drafts:
            create += [] if contract.number in invoices.creating else [contract.number]
            confirm.append(contract.number)
        elif is_ours_alone(drafts, tally) and not drafts[0].in_flight:
            adopted.append(drafts[0])
            confirm.append(contract.number)
    return Work(tuple(create), tuple(confirm), tuple(adopted))


def is_ours_alone(drafts: list[InvoiceInfo], tally: Tally) -> bool:
    """Whether one draft holds exactly what is still to be invoiced on a contract."""
    return len(drafts) == 1 and drafts[0].content == "ours" and not tally.done


def findings(milestones: MilestonesLive, invoices: InvoicesLive, address: Address) -> Iterator[Finding]:
    """What is found on invoices that is left alone: drafts that aren't wholly ours, jobs on their way."""
    drafts = [invoice for invoice in invoices.drafts if not _is_final(milestones, invoice)]
    mixed = [invoice for invoice in drafts if invoice.content == "mixed"]
    if mixed:
        words = tuple(
            f"{_named(i)}: {i.lines - i.ours:,} of {i.lines:,} lines are not milestones of the file" for i in mixed
        )
        what = f"{_drafts(mixed)} something beside milestones of the file"
        yield finding("foreign-on-draft", f"{what}: {words[0]}", address, words)
    partial = [invoice for invoice in drafts if invoice.content == "partial" or _rest_is_ready(milestones, invoice)]
    if partial:
        words = tuple(f"{_named(i)}: {_share(milestones, i)}" for i in partial)
        yield finding(
            "partial-draft", f"{_drafts(partial)} only some of a contract's milestones: {words[0]}", address, words
        )
    unclear = tuple(sorted(invoices.unclear - {invoice.contract for invoice in (*mixed, *partial)}))
    if unclear:
        what = f"milestones stand as drafted, but no draft holds them: {', '.join(unclear[:5])}"
        yield finding("drafts-unclear", what, address, unclear)
    foreign = tuple(
        f"{_named(i)}: {i.lines - i.ours:,} other lines" for i in invoices.confirmed if i.content == "mixed"
    )
    if foreign:
        yield finding("foreign-on-confirmed", f"more than ours was invoiced: {foreign[0]}", address, foreign)
    flying = (*(_named(i) for i in invoices.in_flight), *(f"a new invoice on {n}" for n in sorted(invoices.creating)))
    if flying:
        yield finding("invoices-in-flight", f"{len(flying)} invoices have a job on its way", address, flying)


def _is_final(milestones: MilestonesLive, invoice: InvoiceInfo) -> bool:
    """Whether nothing of the contract is left to invoice, so that a draft there is somebody else's business."""
    return milestones.tallies[normal(invoice.contract)].complete


def _rest_is_ready(milestones: MilestonesLive, invoice: InvoiceInfo) -> bool:
    tally = milestones.tallies[normal(invoice.contract)]
    return invoice.content == "ours" and bool(tally.done + tally.to_send + tally.blocked)


def _share(milestones: MilestonesLive, invoice: InvoiceInfo) -> str:
    tally = milestones.tallies[normal(invoice.contract)]
    return f"{invoice.ours:,} of {tally.rows - tally.final:,} milestones"


def _drafts(invoices: Iterable[InvoiceInfo]) -> str:
    count = len(list(invoices))
    return f"{count:,} draft{'s hold' if count != 1 else ' holds'}"


def _named(invoice: InvoiceInfo) -> str:
    return f"{invoice.number} on {invoice.contract}"
