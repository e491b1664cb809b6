"""Reads the invoices of a file's contracts and says which hold our milestones. Line details stream by; none is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from statecfg.resources.invoices.content import Claims, Item, Stone
from statecfg.resources.invoices.live import Content, InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.wire import Books, is_draft
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.decide import Match, matches_of
from statecfg.resources.milestones.key import id_text, normal
from statecfg.resources.milestones.live import ON_INVOICE, POSTED, MilestonesLive


def stone_of(match: Match) -> Stone:
    """A row of the file as it ought to be on an invoice."""
    row, line = match.row, match.line
    return Stone(
        id=id_text(match.id),
        line=line.id if line else "",
        name=row.name,
        description=row.description or "",
        amount=row.amount,
        tax=match.tax,
        currency=row.currency,
    )


@dataclass(slots=True)
class _Count:
    """Line details of one invoice: how many, and how many of them are ours."""

    lines: int = 0
    ours: int = 0
    others: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one environment."""

    books: Books

    def read(self, live: MilestonesLive) -> tuple[InvoicesLive, int]:
        """What is known of the invoices, and how many invoices were looked at."""
        contracts = {contract.id: contract.number for contract in live.contracts.values()}
        if not contracts:
            return InvoicesLive(), 0
        rows = {str(row["invoiceid"]): row for row in self.books.invoices(list(contracts))}
        jobs = self.books.jobs()
        touched = {number for number, tally in live.tallies.items() if tally.on_invoices}
        looked_at = {
            key: row for key, row in rows.items() if normal(contracts[str(row["_salesorderid_value"])]) in touched
        }
        counts = self._counts(looked_at, live)
        invoices = {}
        for key, count in counts.items():
            contract = contracts[str(looked_at[key]["_salesorderid_value"])]
            waits = self.books.is_under_way(rows[key]) or any(job.concerns(key) for job in jobs)
            invoices[key] = _info(rows[key], contract, count, live, in_flight=waits and is_draft(rows[key]))
        creating = {
            number
            for contract_id, number in contracts.items()
            if any(job.names and job.concerns(contract_id) for job in jobs)
        }
        return InvoicesLive(invoices, frozenset(creating), _unclear(live, invoices)), len(rows)

    def _counts(self, invoices: Mapping[str, Row], live: MilestonesLive) -> dict[str, _Count]:
        """Of each invoice that holds something of ours, how much."""
        if not invoices:
            return {}
        claims = self._claims(live)
        counts: dict[str, _Count] = {}
        for key, item in self.books.details(list(invoices)):
            count = counts.setdefault(key, _Count())
            count.lines += 1
            if claims.take(str(invoices[key]["_salesorderid_value"]), not is_draft(invoices[key]), item):
                count.ours += 1
            else:
                count.others.append(item)
        self._by_description(counts, invoices, live)
        self._by_schedule(counts, invoices, live)
        self._products(counts, invoices)
        return {key: count for key, count in counts.items() if count.ours}

    def _claims(self, live: MilestonesLive) -> Claims:
        claims = Claims(by_text=self.books.by_text)
        for contract, is_confirmed, stone in self._on_invoices(live):
            claims.expect(contract, is_confirmed, stone)
        return claims

    def _on_invoices(self, live: MilestonesLive) -> Iterator[tuple[str, bool, Stone]]:
        """Our milestones that stand on an invoice: contract id, whether it is confirmed, the milestone."""
        for match in matches_of(live):
            if match.contract and match.line and match.entry.status >= ON_INVOICE:
                yield match.contract.id, match.entry.status == POSTED, stone_of(match)

    def _by_description(self, counts: Mapping[str, _Count], invoices: Mapping[str, Row], live: MilestonesLive) -> None:
        """Some environments put the description on the line detail instead of the name: try that where names fail.

        Only invoices without any line found by name: one text is used throughout an environment.
        """
        unknown = {key: count for key, count in counts.items() if count.lines and not count.ours}
        if not unknown or not self.books.by_text or any(count.ours for count in counts.values()):
            return
        claims = Claims(by_text=True)
        for contract, is_confirmed, stone in self._on_invoices(live):
            if stone.description:
                claims.expect(contract, is_confirmed, stone, described=True)
        for key, count in unknown.items():
            contract, is_confirmed = str(invoices[key]["_salesorderid_value"]), not is_draft(invoices[key])
            left = [item for item in count.others if not claims.take(contract, is_confirmed, item)]
            count.ours, count.others = count.lines - len(left), left

    def _by_schedule(self, counts: Mapping[str, _Count], invoices: Mapping[str, Row], live: MilestonesLive) -> None:
        """Where schedules name the milestones, an invoice is ours as far as they name ours (`invoice_link`)."""
        if self.books.by_text:
            return
        linked = self.books.linked(list(invoices))
        for key, count in counts.items():
            ids = linked.get(key, frozenset())
            count.ours = min(count.ours, sum(live.owns(each) for each in ids))

    def _products(self, counts: Mapping[str, _Count], invoices: Mapping[str, Row]) -> None:
        drafts = [key for key, count in counts.items() if count.ours and is_draft(invoices[key])]
        for key, number in self.books.products(drafts).items() if drafts else ():
            counts[key].lines += number


def _info(row: Row, contract: str, count: _Count, live: MilestonesLive, *, in_flight: bool) -> InvoiceInfo:
    draft = is_draft(row)
    total = row["totalamount"]
    return InvoiceInfo(
        id=str(row["invoiceid"]),
        number=str(row["invoicenumber"] or ""),
        contract=contract,
        status="draft" if draft else "confirmed",
        content=_content(count, live, contract, draft),
        in_flight=in_flight,
        lines=count.lines,
        ours=count.ours,
        total=Decimal(0) if total is None else Decimal(total),
        name=str(row["name"] or ""),
        corrected=bool(row["msdyn_hascorrections"]),
    )


def _content(count: _Count, live: MilestonesLive, contract: str, draft: bool) -> Content:
    tally = live.tallies[normal(contract)]
    if count.ours != count.lines:
        return "mixed"
    return "partial" if draft and count.ours != tally.rows - tally.final else "ours"


def _unclear(live: MilestonesLive, invoices: Mapping[str, InvoiceInfo]) -> frozenset[str]:
    """Contracts with drafted milestones that the invoices found don't account for."""
    found: dict[str, int] = {}
    for invoice in invoices.values():
        found[normal(invoice.contract)] = found.get(normal(invoice.contract), 0) + invoice.ours
    return frozenset(
        live.contracts[number].number
        for number, tally in live.tallies.items()
        if number in live.contracts and tally.drafted and tally.on_invoices > found.get(number, 0)
    )
