"""A day of other people's normal work, for tests of what must not look like drift.

Everything goes the way people's work goes: milestones and invoices through Dataverse with its rules and maps, import,
posting and payments in F&O. Each piece is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import writes
from statecfg.sandbox.finance.catalog import COMPANY, table_of
from statecfg.sandbox.finance.importing import import_from_staging
from statecfg.sandbox.finance.ledger import Entry, Share, book, next_voucher
from statecfg.sandbox.finance.posting import post_proposals
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.projops.tables import CONTRACT, LINE, MILESTONE
from statecfg.sandbox.world import Row, Tx, World

_FIXED_LINE = {"msdyn_billingmethod": codes.FIXED_PRICE}


@dataclass(slots=True)
class Day:
    """What was done, by business names."""

    milestones: list[str] = field(default_factory=list)
    invoices: list[str] = field(default_factory=list)
    vouchers: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "milestones": self.milestones,
            "invoices": self.invoices,
            "vouchers": self.vouchers,
            "payments": self.payments,
        }


def business_day(
    world: World, *, milestones: int = 2, invoices: int = 2, payments: int = 2, contracts: Sequence[str] = ()
) -> Day:
    """Let a day pass.

    milestones: new ones, not invoiced, one a contract. invoices: new milestones that are invoiced, confirmed, imported
    and posted. payments: open customer transactions that get paid. contracts: numbers of the contracts concerned;
    without them new milestones go to all in turn and invoices to the last ones. Raises Refused, PropagationFailed.
    """
    day = Day()
    numbers = list(contracts) or _contracts(world)
    for number in _turns(numbers, milestones):
        with world.transaction() as tx:
            _as_colleague(tx)
            day.milestones.append(_new_milestone(tx, number, codes.NOT_READY))
    for number in _turns(numbers[::-1], invoices):
        with world.transaction() as tx:
            _as_colleague(tx)
            day.invoices.append(_invoice(tx, number))
    with world.transaction() as tx:
        import_from_staging(tx)
        day.vouchers = [posted.voucher for posted in post_proposals(tx)]
    with world.transaction() as tx:
        day.payments = _pay(tx, payments)
    return day


def _contracts(world: World) -> list[str]:
    """Numbers of the won project contracts that have a fixed-price line with a project, in order."""
    with world.reading() as tx:
        lines = [line for line in tx.find(LINE, **_FIXED_LINE) if line["msdyn_project"]]
        wanted = {line["salesorderid"] for line in lines}
        found = [tx.get(CONTRACT, key) for key in wanted if key]
        return sorted(row["ordernumber"] for row in found if row and row["msdyn_psastate"] == codes.CONTRACT_ACTIVE)


def _turns(numbers: Sequence[str], count: int) -> list[str]:
    return [numbers[n % len(numbers)] for n in range(count)] if numbers else []


def _as_colleague(tx: Tx) -> None:
    people = [row for row in tx.find("systemuser", applicationid=None) if not row["isdisabled"]]
    tx.caller = people[-1]["systemuserid"] if people else ""


def _new_milestone(tx: Tx, contract_number: str, status: int) -> str:
    contract = _contract(tx, contract_number)
    line = _fixed_line(tx, contract)
    today = tx.world.now().date().isoformat()
    name = f"Change request {tx.next_number('businessday.milestone')}"
    values = {
        "msdyn_name": name,
        "msdyn_amount": Decimal(1000 + 25 * tx.next_number("businessday.amount")),
        "msdyn_tax": Decimal(0),
        "msdyn_invoicedate": f"{today}T00:00:00Z",
        "msdyn_milestonedate": today,
        "msdyn_invoicestatus": status,
        "msdyn_transactionclassification": codes.MILESTONE,
        "msdyn_transactiontypecode": codes.BILLED_SALES,
        "msdyn_contract": contract["salesorderid"],
        "msdyn_contractlineid": line["salesorderdetailid"],
        "msdyn_contractline": line["salesorderdetailid"],
        "msdyn_project": line["msdyn_project"],
        "transactioncurrencyid": contract["transactioncurrencyid"],
    }
    records.create(tx, MILESTONE, values)
    return f"{contract_number} / {line['salesorderdetailname']} / {name}"


def _fixed_line(tx: Tx, contract: Row) -> Row:
    found = tx.find(LINE, salesorderid=contract["salesorderid"], **_FIXED_LINE)
    lines = [row for row in found if row["msdyn_project"]]
    if not lines:
        raise KeyError(f"fixed-price line on {contract['ordernumber']}")
    return min(lines, key=lambda row: row["lineitemnumber"] or 0)


def _contract(tx: Tx, number: str) -> Row:
    found = tx.find(CONTRACT, ordernumber=number)
    if not found:
        raise KeyError(number)
    return found[0]


def _invoice(tx: Tx, contract_number: str) -> str:
    _new_milestone(tx, contract_number, codes.READY)
    invoice = create_invoice(tx, _contract(tx, contract_number)["salesorderid"])
    confirm_invoice(tx, invoice["invoiceid"])
    return str(invoice["invoicenumber"])


def _pay(tx: Tx, count: int) -> list[str]:
    """Pay the oldest open invoices; the vouchers of the payments."""
    opens = tx.select(table_of("CustTransOpens"), '"AmountCur" > 0', order='"TransDate", "SysRecId"', limit=count)
    return [_pay_one(tx, row) for row in list(opens)]


def _pay_one(tx: Tx, opened: Row) -> str:
    company = opened[COMPANY]
    invoice = tx.get(table_of("CustTransactions"), (company, opened["RefRecId"])) or {}
    voucher = next_voucher(tx, company, "ARPAY")
    entry = Entry(
        company=company,
        customer=opened["AccountNum"],
        voucher=voucher,
        document=invoice.get("Invoice", ""),
        date=writes.noon(tx),
        currency=invoice.get("CurrencyCode", ""),
        shares=(Share("Bank", -opened["AmountCur"]),),
        text=f"Payment of {invoice.get('Invoice', '')}",
        kind="Payment",
        is_project=False,
    )
    book(tx, entry)
    return voucher
