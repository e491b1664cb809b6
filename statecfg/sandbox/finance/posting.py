"""Posting invoice proposals: the only thing here that moves AR and GL for project invoices.

A milestone debits the customer and credits "invoiced revenue, on account" or "WIP, invoiced on account"; time, expense
and material credit revenue. Voucher, accounting amount, rate and tax go back to the staged actual.
Source: reference/project-operations.md, 3.3, step 4 and the paragraph on accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from statecfg.sandbox.finance import writes
from statecfg.sandbox.finance.catalog import COMPANY, NO_DATE, PROPOSAL_LINES, PROPOSALS, table_of
from statecfg.sandbox.finance.importing import POSTED, READY, STAGING
from statecfg.sandbox.finance.ledger import Entry, Share, book, next_voucher
from statecfg.sandbox.finance.money import accounting_currency, rate, to_accounting
from statecfg.sandbox.world import Row, Tx, World

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("finance.on_account", "profit_and_loss", "account of a posted milestone: profit_and_loss or balance"),
    ("finance.invoice_number", "proposal", "number of a posted invoice: the proposal's, or from a sequence"),
    ("finance.balance_companies", [], "companies whose milestones are posted to the balance sheet whatever else"),
)


def declare_settings(world: World) -> None:
    """Make the settings of posting known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


@dataclass(frozen=True, slots=True)
class Posted:
    """One posted proposal."""

    company: str
    proposal: str
    invoice: str
    voucher: str
    amount: Decimal

    def shown(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "company": self.company,
            "proposal": self.proposal,
            "invoice": self.invoice,
            "voucher": self.voucher,
            "amount": self.amount,
        }


def post_proposals(tx: Tx, date: str = "") -> tuple[Posted, ...]:
    """Post every proposal that has its lines. date: noon of the posting day, "" for today."""
    return tuple(post_proposal(tx, proposal, date or writes.noon(tx)) for proposal in tx.find(PROPOSALS, Status=READY))


def post_proposal(tx: Tx, proposal: Row, date: str) -> Posted:
    """Post one proposal that has its lines."""
    company = proposal[COMPANY]
    lines = tx.find(PROPOSAL_LINES, dataAreaId=company, ProposalId=proposal["ProposalId"])
    invoice, voucher = _invoice_number(tx, proposal), next_voucher(tx, company, "PROJINV")
    entry = _entry(tx, proposal, lines, invoice, voucher, date)
    transaction = book(tx, entry)
    _document(tx, entry, transaction)
    for line in lines:
        _settle_line(tx, entry, line)
    tx.update(
        PROPOSALS, (company, proposal["ProposalId"]), {"Status": POSTED, "InvoiceId": invoice, "Voucher": voucher}
    )
    return Posted(company, proposal["ProposalId"], invoice, voucher, entry.amount)


def _invoice_number(tx: Tx, proposal: Row) -> str:
    if tx.world.settings["finance.invoice_number"] == "proposal":
        return str(proposal["ProposalId"])
    company = proposal[COMPANY]
    return f"PSI-{company.upper()}-{tx.next_number('fo.projectinvoice/' + company):07d}"


def _entry(tx: Tx, proposal: Row, lines: Sequence[Row], invoice: str, voucher: str, date: str) -> Entry:
    company = proposal[COMPANY]
    shares = [Share(_account(tx, line), line["Amount"], _dimensions(tx, line)) for line in lines]
    tax = proposal["InvoiceAmount"] - sum((line["Amount"] for line in lines), Decimal(0))
    if tax:
        shares.append(Share("Tax", tax))
    return Entry(
        company=company,
        customer=proposal["CustomerAccountNumber"],
        voucher=voucher,
        document=invoice,
        date=date,
        currency=proposal["CurrencyCode"] or accounting_currency(tx, company),
        shares=tuple(shares),
        text=f"Project invoice {invoice}, contract {proposal['ProjectContractId']}",
    )


def _account(tx: Tx, line: Row) -> str:
    if line["Classification"] != "Milestone":
        return "ProjTurnover"
    settings = tx.world.settings
    on_balance = settings["finance.on_account"] == "balance" or line[COMPANY] in settings["finance.balance_companies"]
    return "ProjWIPInvoicedOnAccount" if on_balance else "ProjOnAccount"


def _dimensions(tx: Tx, line: Row) -> str:
    found = tx.find(table_of("ProjectContractLines"), ContractLineId=line["ContractLineId"])
    own = [row for row in found if row[COMPANY] == line[COMPANY]]
    return str(own[0]["DefaultLedgerDimensionDisplayValue"]) if own else ""


def _document(tx: Tx, entry: Entry, transaction: Row) -> None:
    row = {
        COMPANY: entry.company,
        "DataArea": entry.company,
        "ProjInvoiceId": entry.document,
        "InvoiceDate": entry.date,
        "NumberSequenceGroupId": "",
        "InvoiceAccount": entry.customer,
        "OrderAccount": entry.customer,
        "LedgerVoucher": entry.voucher,
        "ProjInvoiceType": "Invoice",
        "ProjInvoiceTypeStr": "Invoice",
        "InvoiceAmount": entry.amount,
        "CurrencyId": entry.currency,
        "ProjInvoiceJourRecId": transaction["SysRecId"],
    }
    tx.insert(table_of("DocumentProjectInvoiceBases"), row)
    journal = {
        COMPANY: entry.company,
        "InvoiceId": entry.document,
        "InvoiceDate": entry.date,
        "InvoiceAccount": entry.customer,
        "OrderAccount": entry.customer,
        "CurrencyCode": entry.currency,
        "InvoiceAmount": entry.amount,
        "InvoiceAmountMST": transaction["AmountMST"],
        "LedgerVoucher": entry.voucher,
        "DueDate": entry.date,
        "CreatedOn": tx.world.timestamp(),
    }
    tx.insert(table_of("CustInvoiceJourBiEntities"), journal)


def _settle_line(tx: Tx, entry: Entry, line: Row) -> None:
    is_milestone = line["Classification"] == "Milestone"
    number = line["TransactionId"] or f"PT{tx.next_number('fo.projecttransaction'):010d}"
    _subledger(tx, entry, line, number, is_milestone)
    if is_milestone:
        _on_account_line(tx, entry, line, number)
        _invoiced(tx, line)
    _write_back(tx, entry, line)


def _subledger(tx: Tx, entry: Entry, line: Row, number: str, is_milestone: bool) -> None:
    amount = to_accounting(tx, entry.company, entry.currency, line["Amount"])
    actual = {
        COMPANY: entry.company,
        "TransId": number,
        "ProjId": line["ProjectId"],
        "ContractId": line["ContractId"],
        "ProjTransType": "OnAccount" if is_milestone else "Hour",
        "TransactionOrigin": "Milestone" if is_milestone else "Invoice",
        "LedgerOrigin": "Invoice",
        "PostingType": _account(tx, line),
        "Voucher": entry.voucher,
        "LedgerTransDate": entry.date,
        "ProjTransDate": line["TransDate"],
        "AmountMst": amount,
        "OnAccMilestone": amount if is_milestone else Decimal(0),
        "OnAccTotal": amount if is_milestone else Decimal(0),
        "totalInvoicedRevenue": amount,
        "Qty": line["Quantity"],
        "CompanyInfo_DataArea": entry.company,
    }
    posted = {
        COMPANY: entry.company,
        "TransactionId": number,
        "ProjectId": line["ProjectId"],
        "TransactionType": actual["ProjTransType"],
        "TransactionOrigin": "Invoice",
        "TransactionDate": entry.date,
        "TotalSalesAmount": line["Amount"],
        "Quantity": line["Quantity"],
        "CurrencyId": entry.currency,
    }
    _put(tx, "PSAActuals", (entry.company, number), actual)
    _put(tx, "ProjectPostTransViews", (entry.company, number), posted)


def _on_account_line(tx: Tx, entry: Entry, line: Row, number: str) -> None:
    row = {
        COMPANY: entry.company,
        "TransId": number,
        "DataArea": entry.company,
        "ProjInvoiceId": entry.document,
        "LedgerVoucher": entry.voucher,
        "InvoiceDate": entry.date,
        "TransDate": line["TransDate"] or NO_DATE,
        "LineAmount": line["Amount"],
        "SalesPrice": line["Amount"],
        "TaxAmount": line["TaxAmount"],
        "Qty": line["Quantity"],
        "Txt": line["Description"],
    }
    _put(tx, "DocumentProjInvoiceOnAccLines", (entry.company, number), row)


def _put(tx: Tx, name: str, key: tuple[str, str], row: dict[str, Any]) -> None:
    """A row, or the later state of one: a credited milestone is posted under the same transaction again."""
    if tx.get(table_of(name), key) is None:
        tx.insert(table_of(name), row)
    else:
        tx.update(table_of(name), key, row)


def _invoiced(tx: Tx, line: Row) -> None:
    if not line["TransactionId"]:
        return
    found = tx.select(
        table_of(writes.MILESTONES), '"dataAreaId" = ? AND "TransactionId" = ?', (line[COMPANY], line["TransactionId"])
    )
    for milestone in list(found):
        # A correction has the opposite sign of what it takes back; a milestone may be a credit itself.
        status = writes.INVOICED if line["Amount"] * milestone["Amount"] >= 0 else writes.NO_STATUS
        if milestone["TransStatus"] != status:
            writes.stamp_milestone(tx, milestone, status)


def _write_back(tx: Tx, entry: Entry, line: Row) -> None:
    """Tell the staged actual what became of it; a running map carries that to Dataverse."""
    staged = tx.get(STAGING, (line[COMPANY], line["ActualsImportId"]))
    if staged is None:
        return
    changes = {
        "VoucherNumber": entry.voucher,
        "AccountingAmount": to_accounting(tx, entry.company, entry.currency, line["Amount"]),
        "ExchangeRate": rate(tx, entry.currency, accounting_currency(tx, entry.company)),
        "SalesTaxAmount": line["TaxAmount"],
        "AccountingDate": entry.date,
        "InvoiceId": entry.document,
    }
    writes.change(tx, writes.STAGING, staged, changes)
