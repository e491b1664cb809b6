"""What leaked into F&O, by business key, and what no longer is as the cutover left it (rules 6.7, 7.3, 7.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from statecfg.model.address import Address
from statecfg.model.plan import FieldChange, Finding
from statecfg.model.records import Record
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.traces import Actual, Traces
from statecfg.resources.invoices.wire import Books
from statecfg.resources.invoices.wording import HOLD, finding
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.key import normal
from statecfg.resources.milestones.live import MilestonesLive


def exposed(books: Books, traces: Traces, batch: Sequence[Record], address: Address) -> Iterator[Finding]:
    """After a breach: what of this group's invoices is in F&O's staging, and what to do now."""
    contracts = [record.id for record in batch]
    invoices = {str(row["invoiceid"]): str(row["invoicenumber"] or "") for row in books.invoices(contracts)}
    actuals = {actual.id: actual for actual in traces.actuals(list(invoices))}
    keys = [record.key for record in batch]
    staged = traces.staged(actuals, sorted(filter(None, invoices.values())), keys)
    details = tuple(staged_words(row, actuals, {}, invoices) for row in staged)
    what = f"{len(staged)} rows of {', '.join(keys)} are in F&O's staging table" if staged else ""
    clean = f"nothing of {', '.join(keys)} is in F&O's staging table yet; what was sent last may still arrive"
    yield finding("leaked", what or clean, address, details or tuple(keys))


def drift(live: InvoicesLive, milestones: MilestonesLive, traces: Traces, address: Address) -> Iterator[Finding]:
    """Invoices of the cutover that are not as they were left, and what of them is in F&O."""
    for invoice in live.invoices.values():
        yield from _of_invoice(invoice, milestones, address)
    if not live.confirmed:
        return
    invoices = {invoice.id: invoice.number for invoice in live.confirmed}
    actuals = {actual.id: actual for actual in traces.actuals(list(invoices))}
    lines = {line.id: f"{line.contract} / {line.name}" for line in milestones.known.lines}
    contracts = sorted({invoice.contract for invoice in live.confirmed})
    numbers = sorted(live.numbers - {""})
    for row in traces.staged(actuals, numbers, contracts):
        words = staged_words(row, actuals, lines, invoices)
        change = FieldChange("staging in F&O", "no row", f"{row['Amount']} {row['TransactionCurrencyId']}")
        yield _found("staged-actual", f"a migrated actual is in F&O's staging table: {words}", words, change, address)
    for row in traces.posted(numbers):
        words = f"invoice {row['ProjInvoiceId']}, voucher {row['LedgerVoucher']}"
        change = FieldChange("posted invoice in F&O", "none", words)
        yield _found(
            "posted-cutover-invoice", f"an invoice of this cutover was posted: {words}", words, change, address
        )
    for actual in actuals.values():
        if actual.voucher:
            words = _key(actual, lines)
            change = FieldChange("voucher", None, actual.voucher)
            yield _found("migrated-voucher", f"a migrated milestone has a voucher: {words}", words, change, address)


def _of_invoice(invoice: InvoiceInfo, milestones: MilestonesLive, address: Address) -> Iterator[Finding]:
    if invoice.corrected:
        what = f"{invoice.number} on {invoice.contract} was credited or revised after it was confirmed"
        yield finding("revised-after-go-live", what, address)
    if invoice.status == "draft" and not milestones.tallies[normal(invoice.contract)].complete:
        what = f"{invoice.number} on {invoice.contract} is still a draft"
        yield finding("invoice-open", what, address)


def _found(code: str, what: str, title: str, change: FieldChange, address: Address) -> Finding:
    return Finding("block", code, what, HOLD, title, address=address, changes=(change,))


def staged_words(row: Row, actuals: Mapping[str, Actual], lines: Mapping[str, str], invoices: Mapping[str, str]) -> str:
    """A staging row by what it bills. lines: contract line id -> its name; invoices: invoice id -> proforma number."""
    actual = actuals.get(str(row["ActualId"]).casefold())
    amount = f"{row['Amount']} {row['TransactionCurrencyId']}"
    if actual is None:
        return f"invoice {row['InvoiceProposalId'] or row['InvoiceId']}, {amount}"
    return f"{_key(actual, lines)}, invoice {invoices.get(actual.invoice, '')}, {amount}"


def _key(actual: Actual, lines: Mapping[str, str]) -> str:
    line = lines.get(actual.line, "")
    return f"{line} / {actual.text}" if line else actual.text
