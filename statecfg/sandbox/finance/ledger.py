"""Accounts receivable and the general ledger: how an entry is booked, and what the tables add up to.

One entry is a voucher: a customer transaction, its open part, a journal header and lines that balance. Reading for
`GET /__sandbox/ledger` looks at nothing but these tables.
Source: reference/finance-and-operations.md, 10; reference/project-operations.md, 3.3 (accounts of a posted milestone).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from statecfg.sandbox.finance.catalog import COMPANY, table_of
from statecfg.sandbox.finance.money import accounting_currency, to_accounting
from statecfg.sandbox.finance.writes import noon
from statecfg.sandbox.world import Row, Tx

CUSTOMER = "CustBalance"
# Main accounts by posting type, of a chart that all companies share.
ACCOUNTS = {
    "CustBalance": 130100,
    "Bank": 110110,
    "CustRevenue": 401100,
    "ProjTurnover": 403150,
    "ProjOnAccount": 403300,
    "ProjWIPInvoicedOnAccount": 243100,
    "Tax": 202140,
}


@dataclass(frozen=True, slots=True)
class Share:
    """The other side of an entry: posting type and amount in the entry's currency, with the entry's sign."""

    posting_type: str
    amount: Decimal
    dimensions: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer's invoice (positive) or payment (negative), with the accounts on the other side.

    date: noon of a day, as rows hold it. is_project: whether AR shows it as a project invoice.
    """

    company: str
    customer: str
    voucher: str
    document: str
    date: str
    currency: str
    shares: tuple[Share, ...]
    text: str = ""
    kind: str = "Project"
    is_project: bool = True

    @property
    def amount(self) -> Decimal:
        """What the customer owes more (or less)."""
        return sum((share.amount for share in self.shares), Decimal(0))


def book(tx: Tx, entry: Entry) -> Row:
    """Book an entry in AR and GL; the customer transaction."""
    transaction = _customer_transaction(tx, entry)
    if entry.kind == "Payment":
        _settle(tx, entry, transaction)
    else:
        _open(tx, entry, transaction)
    _journal(tx, entry)
    return transaction


def next_voucher(tx: Tx, company: str, prefix: str) -> str:
    """A new voucher number of a company."""
    return f"{prefix}{tx.next_number(f'fo.voucher/{company}/{prefix}'):07d}"


def _mst(tx: Tx, entry: Entry, amount: Decimal) -> Decimal:
    return to_accounting(tx, entry.company, entry.currency, amount)


def _customer_transaction(tx: Tx, entry: Entry) -> Row:
    amount = entry.amount
    row = {
        COMPANY: entry.company,
        "SysDataAreaId": entry.company,
        "AccountNum": entry.customer,
        "OrderAccount": entry.customer,
        "AmountCur": amount,
        "AmountMST": _mst(tx, entry, amount),
        "CurrencyCode": entry.currency,
        "TransDate": entry.date,
        "DocumentDate": entry.date,
        "DueDate": entry.date,
        "TransType": entry.kind,
        "Invoice": entry.document,
        "Voucher": entry.voucher,
        "Txt": entry.text,
        "InvoiceProject": "Yes" if entry.is_project else "No",
        "Approved": "Yes",
        "ExchRate": Decimal(100),
    }
    transaction = tx.insert(table_of("CustTransactions"), row)
    tx.insert(table_of("CustTransBiEntities"), _analytic(tx, transaction))
    return transaction


_SHARED = (
    COMPANY, "AccountNum", "Voucher", "Invoice", "TransType", "TransDate", "DueDate", "AmountCur", "AmountMST",
    "CurrencyCode", "Txt", "Approved",
)  # fmt: skip


def _analytic(tx: Tx, transaction: Row) -> dict[str, Any]:
    now = tx.world.timestamp()
    taken = {name: transaction[name] for name in _SHARED}
    return {**taken, "SourceKey": transaction["SysRecId"], "CreatedOn": now, "SysModifiedDateTime": now}


def _open(tx: Tx, entry: Entry, transaction: Row) -> None:
    row = {
        COMPANY: entry.company,
        "SysDataAreaId": entry.company,
        "AccountNum": entry.customer,
        "AmountCur": transaction["AmountCur"],
        "AmountMST": transaction["AmountMST"],
        "TransDate": entry.date,
        "DueDate": entry.date,
        "RefRecId": transaction["SysRecId"],
    }
    tx.insert(table_of("CustTransOpens"), row)


def _settle(tx: Tx, entry: Entry, payment: Row) -> None:
    """Close the open invoice that a payment names, or leave the payment open if there is none of that amount."""
    paid = [
        row
        for row in tx.find(table_of("CustTransactions"), AccountNum=entry.customer)
        if row[COMPANY] == entry.company and row["Invoice"] == entry.document and row["AmountCur"] == -entry.amount
    ]
    opens = [row for found in paid for row in tx.find(table_of("CustTransOpens"), RefRecId=found["SysRecId"])]
    if not opens:
        _open(tx, entry, payment)
        return
    tx.delete(table_of("CustTransOpens"), (opens[0][COMPANY], opens[0]["SysRecId"]))
    for row, other in ((paid[0], payment), (payment, paid[0])):
        _close(tx, row, entry, other["Voucher"])


def _close(tx: Tx, row: Row, entry: Entry, other_voucher: str) -> None:
    settled = {"SettleAmountCur": row["AmountCur"], "SettleAmountMST": row["AmountMST"], "Closed": entry.date}
    whole = {**settled, "LastSettleVoucher": other_voucher, "LastSettleDate": entry.date}
    tx.update(table_of("CustTransactions"), (row[COMPANY], row["SysRecId"]), whole)
    analytic = {**settled, "SysModifiedDateTime": tx.world.timestamp()}
    tx.update(table_of("CustTransBiEntities"), (row[COMPANY], row["SysRecId"]), analytic)


def _journal(tx: Tx, entry: Entry) -> None:
    ledger = tx.get(table_of("Ledgers"), entry.company)
    ledger_id = ledger["LedgerRecId"] if ledger else 0
    header = {
        "JournalNumber": f"{entry.company.upper()}-{tx.next_number('fo.journal/' + entry.company):09d}",
        "FiscalCalendarYear": int(entry.date[:4]),
        "FiscalCalendarPeriod": int(entry.date[:4]) * 100 + int(entry.date[5:7]),
        "Ledger": ledger_id,
        "AccountingDate": entry.date,
        "DocumentDate": entry.date,
        "DocumentNumber": entry.document,
        "JournalCategory": entry.kind,
        "PostingLayer": "Current",
        "SubledgerVoucher": entry.voucher,
        "SubledgerVoucherDataAreaId": entry.company,
        "CreatedOn": tx.world.timestamp(),
    }
    booked = tx.insert(table_of("GeneralJournalEntryBiEntities"), header)
    subledger = _subledger_header(tx, entry, ledger_id, booked)
    for side in (Share(CUSTOMER, entry.amount), *(_opposite(share) for share in entry.shares)):
        _line(tx, entry, side, booked["SourceKey"], subledger["SourceKey"])


def _opposite(share: Share) -> Share:
    return Share(share.posting_type, -share.amount, share.dimensions)


def _subledger_header(tx: Tx, entry: Entry, ledger_id: int, booked: Row) -> Row:
    row = {
        "Ledger": ledger_id,
        "PostingLayer": "Current",
        "FiscalCalendarPeriod": booked["FiscalCalendarPeriod"],
        "AccountingEvent": booked["SourceKey"],
        "Type": "None",
        "Status": "Transferred",
        "SysModifiedDateTime": tx.world.timestamp(),
        "DocumentDate": entry.date,
        "DocumentNumber": entry.document,
        "Voucher": entry.voucher,
        "VoucherDataAreaId": entry.company,
        "JournalNumber": booked["JournalNumber"],
        "TransTxt": entry.text,
    }
    return tx.insert(table_of("SubledgerJournalEntryBiEntities"), row)


def _line(tx: Tx, entry: Entry, side: Share, header: int, subledger: int) -> None:
    account = ACCOUNTS[side.posting_type]
    accounting = _mst(tx, entry, side.amount)
    row = {
        "GeneralJournalEntry": header,
        "PostingType": side.posting_type,
        "MainAccount": account,
        "LedgerAccount": f"{account}-{side.dimensions}" if side.dimensions else str(account),
        "AccountingCurrencyAmount": accounting,
        "ReportingCurrencyAmount": accounting,
        "TransactionCurrencyAmount": side.amount,
        "TransactionCurrencyCode": entry.currency,
        "IsCredit": "Yes" if side.amount < 0 else "No",
        "Text": entry.text,
    }
    line = tx.insert(table_of("GeneralJournalAccountEntryBiEntities"), row)
    transferred = {
        "SubledgerJournalEntry": subledger,
        "GeneralJournalAccountEntry": line["SourceKey"],
        "PostingType": side.posting_type,
        "AccountingCurrencyAmount": accounting,
        "ReportingCurrencyAmount": accounting,
        "TransactionCurrencyAmount": side.amount,
        "TransactionCurrency": entry.currency,
        "Side": "Credit" if side.amount < 0 else "Debit",
        "IsTransferredInDetail": "TransferIndividual",
        "CreatedOn": tx.world.timestamp(),
    }
    tx.insert(table_of("SubledgerJournalAccountEntryBiEntities"), transferred)


def ledger_report(tx: Tx) -> dict[str, Any]:
    """AR and GL by legal entity: counts, totals, entries. Amounts are exact numbers."""
    companies = [row["DataArea"] for row in tx.select(table_of("Companies"))]
    return {company: {"ar": _receivable(tx, company), "gl": _general(tx, company)} for company in companies}


def _receivable(tx: Tx, company: str) -> dict[str, Any]:
    entries = tx.find(table_of("CustTransactions"), dataAreaId=company)
    opens = tx.find(table_of("CustTransOpens"), dataAreaId=company)
    return {
        "count": len(entries),
        "amount": _total(entries, "AmountMST"),
        "open_count": len(opens),
        "open_amount": _total(opens, "AmountMST"),
        "entries": [_shown_transaction(row) for row in entries],
    }


def _shown_transaction(row: Row) -> dict[str, Any]:
    names = {
        "voucher": "Voucher",
        "invoice": "Invoice",
        "customer": "AccountNum",
        "date": "TransDate",
        "amount": "AmountCur",
        "currency": "CurrencyCode",
        "type": "TransType",
    }
    return {name: row[column] for name, column in names.items()}


def _general(tx: Tx, company: str) -> dict[str, Any]:
    ledger = tx.get(table_of("Ledgers"), company)
    table = table_of("GeneralJournalEntryBiEntities")
    headers = tx.find(table, Ledger=ledger["LedgerRecId"]) if ledger else []
    lines = [(header, line) for header in headers for line in _lines_of(tx, header)]
    return {
        "currency": accounting_currency(tx, company),
        "count": len(lines),
        "debit": _total([line for _, line in lines if line["IsCredit"] == "No"], "AccountingCurrencyAmount"),
        "credit": _total([line for _, line in lines if line["IsCredit"] == "Yes"], "AccountingCurrencyAmount"),
        "accounts": _by_account([line for _, line in lines]),
        "entries": [_shown_line(header, line) for header, line in lines],
    }


def _lines_of(tx: Tx, header: Row) -> list[Row]:
    return tx.find(table_of("GeneralJournalAccountEntryBiEntities"), GeneralJournalEntry=header["SourceKey"])


def _by_account(lines: Sequence[Row]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for line in lines:
        account = str(line["MainAccount"])
        totals[account] = totals.get(account, Decimal(0)) + line["AccountingCurrencyAmount"]
    return dict(sorted(totals.items()))


def _shown_line(header: Row, line: Row) -> dict[str, Any]:
    return {
        "voucher": header["SubledgerVoucher"],
        "journal": header["JournalNumber"],
        "date": header["AccountingDate"],
        "posting_type": line["PostingType"],
        "account": line["LedgerAccount"],
        "amount": line["AccountingCurrencyAmount"],
    }


def _total(rows: Sequence[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows), Decimal(0))


__all__ = ["ACCOUNTS", "Entry", "Share", "book", "ledger_report", "next_voucher", "noon"]
