"""What of invoices reached F&O: staging rows of their actuals, posted invoices of their number, vouchers (rules 7.3).

Found by id and by proforma number, never by contract, customer or amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.resources.invoices.wire import ACTUAL_TABLE, ACTUALS
from statecfg.resources.milestones.billed import BILLED_MILESTONES
from statecfg.resources.milestones.contracts import Row

STAGING = "ProjActualsImports"
STAGING_COLUMNS = (
    "dataAreaId", "ActualId", "InvoiceId", "InvoiceProposalId", "Amount", "TransactionCurrencyId", "VoucherNumber",
)  # fmt: skip
FEW = 1000
"""Up to so many actuals are looked up in staging one by one; for more, the staging rows of their contracts are read."""
VOUCHER = "msdyn_vouchernumber"
"""Where posting writes a voucher back to; that the column has this name is inferred."""


class Actual(NamedTuple):
    """A Billed Sales actual of a milestone."""

    id: str
    invoice: str
    line: str
    text: str
    amount: Decimal
    voucher: str = ""


@dataclass(frozen=True, slots=True)
class Traces:
    """Looks for what an environment's invoices left in F&O."""

    dataverse: Dataverse
    finance: Finance

    def actuals(self, invoices: Sequence[str]) -> Iterator[Actual]:
        """Billed Sales actuals of milestones on these invoices, by invoice id."""
        voucher = (VOUCHER,) if VOUCHER in self.dataverse.columns(ACTUAL_TABLE) else ()
        rows = self.dataverse.rows_where_in(
            ACTUALS, "_msdyn_invoice_value", invoices, select=(*ACTUAL_COLUMNS, *voucher), chunk=25,
            filter=BILLED_MILESTONES,
        )  # fmt: skip
        return (_actual(row) for row in rows)

    def staged(self, actuals: Mapping[str, Actual], numbers: Sequence[str], contracts: Sequence[str]) -> list[Row]:
        """Staging rows of these actuals, or with these proforma numbers. contracts: numbers of their contracts."""
        found: dict[str, Row] = {}
        if len(actuals) <= FEW:
            ids = [UUID(each) for each in actuals]
            rows = list(self.finance.rows_where_in(STAGING, "ActualId", ids, select=STAGING_COLUMNS))
        else:
            every = self.finance.rows_where_in(STAGING, "ContractId", contracts, select=STAGING_COLUMNS)
            rows = [row for row in every if str(row["ActualId"]).casefold() in actuals]
        for column in ("InvoiceId", "InvoiceProposalId"):
            rows += self.finance.rows_where_in(STAGING, column, numbers, select=STAGING_COLUMNS)
        for row in rows:
            found.setdefault(str(row["ActualId"]).casefold(), row)
        return list(found.values())

    def posted(self, numbers: Sequence[str]) -> list[Row]:
        """Posted project invoices in F&O with these proforma numbers."""
        select = ("dataAreaId", "ProjInvoiceId", "LedgerVoucher")
        return list(self.finance.rows_where_in("DocumentProjectInvoiceBases", "ProjInvoiceId", numbers, select=select))


ACTUAL_COLUMNS = (
    "msdyn_actualid", "_msdyn_invoice_value", "_msdyn_salescontractlineid_value", "msdyn_description", "msdyn_amount",
)  # fmt: skip


def _actual(row: Row) -> Actual:
    amount = row["msdyn_amount"]
    return Actual(
        id=str(row["msdyn_actualid"]).casefold(),
        invoice=str(row["_msdyn_invoice_value"]),
        line=str(row["_msdyn_salescontractlineid_value"] or ""),
        text=str(row["msdyn_description"] or ""),
        amount=Decimal(0) if amount is None else Decimal(amount),
        voucher=str(row.get(VOUCHER) or ""),
    )
