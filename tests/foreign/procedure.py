"""Microsoft's cutover procedure by hand, step by step, over the foreign client; in any order, also a wrong one.

Source: reference/project-operations.md, "The procedure, both editions".
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.foreign.client import (
    BILLED_SALES,
    CLASS_MILESTONE,
    CLASS_TIME,
    MILESTONES,
    READY,
    READY_TO_INVOICE,
    THREE,
    UNBILLED_SALES,
    WORK_BASED,
    Client,
    Row,
    wait,
)

MILESTONE_SET = "msdyn_contractlinescheduleofvalues"
MILESTONE_ID = "msdyn_contractlinescheduleofvalueid"


@dataclass
class Cutover:
    """One cutover of one legacy export. original: the milestones map before; loaded: its milestones."""

    client: Client
    file: Path
    original: tuple[str, str, str] = ("", "", "")
    cutover_version: str = ""
    loaded: dict[str, Row] = field(default_factory=dict)
    invoices: dict[str, str] = field(default_factory=dict)

    # P2: the cutover version

    def bring_up_cutover_version(self) -> None:
        """Stop, Refresh tables, Save as, choose, start."""
        self.prepare_cutover_version()
        self.client.switch(MILESTONES, self.cutover_version)
        self.client.start(MILESTONES)

    def prepare_cutover_version(self) -> None:
        """Stop, Refresh tables, Save as; the original stays the active version."""
        self.original = self.client.version(MILESTONES)
        self.client.stop(MILESTONES)
        self.client.refresh(MILESTONES)
        self.cutover_version = self.client.save_cutover_version()

    # P3.1: the milestones

    def rows(self) -> list[dict[str, str]]:
        """The legacy export."""
        with self.file.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def contracts(self) -> list[str]:
        """Contracts of the export, in its order."""
        return list(dict.fromkeys(row["contract"] for row in self.rows()))

    def load(
        self,
        rows: Iterable[Mapping[str, str]] | None = None,
        status: int = READY,
        known: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Make the milestones of the export, or bring those made by hand before to the status.

        known: ids of milestones that are there, by contract line and name; looked up if not given.
        """
        lines = self.lines()
        made = self.milestones_there() if known is None else known
        for row in self.rows() if rows is None else rows:
            line = lines[row["contract"], row["line"]]
            there = made.get((line["salesorderdetailid"], row["name"]))
            key = there or str(uuid.uuid4())
            if there:
                self.client.update(MILESTONE_SET, there, {"msdyn_invoicestatus": status})
            else:
                self.client.create(MILESTONE_SET, milestone(key, line, row, status))
            self.loaded[key] = dict(row)

    def milestones_there(self) -> dict[tuple[str, str], str]:
        """Ids of every milestone by contract line and name."""
        rows = self.client.rows(MILESTONE_SET, select="msdyn_name,_msdyn_contractlineid_value")
        return {(row["_msdyn_contractlineid_value"], row["msdyn_name"]): row[MILESTONE_ID] for row in rows}

    def lines(self) -> dict[tuple[str, str], Row]:
        """Contract lines by contract number and line name."""
        columns = "salesorderdetailname,_salesorderid_value,_msdyn_project_value,_transactioncurrencyid_value"
        orders = {row["salesorderid"]: row["ordernumber"] for row in self.orders()}
        found = self.client.rows("salesorderdetails", select=columns)
        return {
            (orders[row["_salesorderid_value"]], row["salesorderdetailname"]): row
            for row in found
            if row["_salesorderid_value"] in orders
        }

    def orders(self) -> list[Row]:
        """Project contracts."""
        wanted = f"msdyn_ordertype eq {WORK_BASED}"
        return self.client.rows("salesorders", select="ordernumber,_customerid_value", filter=wanted)

    def arrived(self) -> dict[str, Row]:
        """Our milestones as F&O has them, by id."""
        rows = self.client.finance_rows("ProjectContractLineMilestones")
        by_id = {row["ContractLineMilestoneGuid"].lower(): row for row in rows}
        return {key: by_id[key] for key in self.loaded if key in by_id}

    def wait_for_arrival(self) -> None:
        wait(lambda: len(self.arrived()) == len(self.loaded), "every milestone in F&O")

    # P3.3: the invoices

    def create_invoices(self, contracts: Sequence[str] = ()) -> None:
        """One draft a contract, for all contracts of the export or the named ones."""
        orders = {row["ordernumber"]: row["salesorderid"] for row in self.orders()}
        for number in contracts or self.contracts():
            draft = self.client.act("salesorders", orders[number], "msdyn_NewInvoiceContract")
            self.invoices[number] = draft["invoiceid"]

    def confirm(self) -> None:
        """Confirm every draft we made."""
        for invoice in self.invoices.values():
            self.client.act("invoices", invoice, "msdyn_PostInvoice")

    def invoice(self) -> None:
        self.create_invoices()
        self.confirm()

    # P3.4: the maps as they were

    def restore(self) -> None:
        """The original version first, then the three maps, each without initial sync."""
        self.client.switch(MILESTONES, self.original[2])
        self.client.refresh(MILESTONES)
        for name in THREE:
            self.client.start(name)

    def in_the_right_order(self) -> None:
        """The whole procedure as Microsoft describes it."""
        self.bring_up_cutover_version()
        self.load()
        self.wait_for_arrival()
        self.client.stop(*THREE)
        self.invoice()
        self.restore()

    # After maintenance

    def import_and_post(self) -> None:
        """Import from staging and posting of every proposal, as the jobs of F&O do it after maintenance."""
        self.client.screen("POST", "import")
        self.client.screen("POST", "post")

    def ledger(self) -> dict[str, Any]:
        """AR and GL by legal entity."""
        return dict(self.client.screen("GET", "ledger"))

    # What the file and the contracts say of money

    def billed(self) -> dict[str, Decimal]:
        """What each contract was billed in the old system, tax included, by contract."""
        sums: dict[str, Decimal] = {}
        for row in self.rows():
            amount = Decimal(row["amount"]) + Decimal(row["tax"])
            sums[row["contract"]] = sums.get(row["contract"], Decimal(0)) + amount
        return sums

    def customers(self) -> dict[str, str]:
        """Customer account numbers by contract."""
        accounts = {row["accountid"]: row["accountnumber"] for row in self.client.rows("accounts")}
        return {row["ordernumber"]: accounts[row["_customerid_value"]] for row in self.orders()}

    def numbers(self) -> dict[str, str]:
        """Invoice numbers of our invoices by contract."""
        found = {row["invoiceid"]: row["invoicenumber"] for row in self.client.rows("invoices", select="invoicenumber")}
        return {contract: found[invoice] for contract, invoice in self.invoices.items()}

    # Other people's work

    def other_ready_time(self, contract: str, amount: int = 80) -> str:
        """Approved hours on a contract, ready to be invoiced; their id."""
        orders = {row["ordernumber"]: row for row in self.orders()}
        line = next(line for (number, _), line in self.lines().items() if number == contract)
        key = str(uuid.uuid4())
        self.client.create("msdyn_actuals", hours(key, orders[contract]["salesorderid"], line, amount))
        return key

    def hours_on_draft(self, contract: str, amount: int) -> Row:
        """Hours that somebody puts on a contract's draft, as the Web API takes them."""
        invoice = self.invoices[contract]
        line = self.client.rows("invoicedetails", filter=f"_invoiceid_value eq {invoice}")[0]
        order = next(row["salesorderid"] for row in self.orders() if row["ordernumber"] == contract)
        return {
            "msdyn_description": "Workshop",
            "msdyn_amount": amount,
            "msdyn_tax": 0,
            "msdyn_extendedamount": amount,
            "msdyn_transactiontypecode": BILLED_SALES,
            "msdyn_transactionclassification": CLASS_TIME,
            "msdyn_Invoice@odata.bind": f"/invoices({invoice})",
            "msdyn_InvoiceLineId@odata.bind": f"/invoicedetails({line['invoicedetailid']})",
            "msdyn_SalesContract@odata.bind": f"/salesorders({order})",
            "msdyn_SalesContractLineId@odata.bind": f"/salesorderdetails({line['_salesorderdetailid_value']})",
        }


def milestone(key: str, line: Row, row: Mapping[str, str], status: int) -> Row:
    """A milestone as the Web API takes it. Amounts of the export have two decimals, which a float carries exactly."""
    return {
        MILESTONE_ID: key,
        "msdyn_name": row["name"],
        "msdyn_amount": float(row["amount"]),
        "msdyn_tax": float(row["tax"]),
        "msdyn_invoicedate": row["date"],
        "msdyn_milestonedate": row["date"],
        "msdyn_description": row["description"],
        "msdyn_invoicestatus": status,
        "msdyn_transactionclassification": CLASS_MILESTONE,
        "msdyn_transactiontypecode": BILLED_SALES,
        **_bound(line),
        "msdyn_contract@odata.bind": f"/salesorders({line['_salesorderid_value']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "msdyn_project@odata.bind": f"/msdyn_projects({line['_msdyn_project_value']})",
    }


def hours(key: str, contract: str, line: Row, amount: int) -> Row:
    """Approved time on a contract line as the Web API takes it."""
    return {
        "msdyn_actualid": key,
        "msdyn_description": "Workshop",
        "msdyn_quantity": 1,
        "msdyn_price": amount,
        "msdyn_amount": amount,
        "msdyn_transactionclassification": CLASS_TIME,
        "msdyn_transactiontypecode": UNBILLED_SALES,
        "msdyn_billingstatus": READY_TO_INVOICE,
        **_bound(line),
        "msdyn_SalesContract@odata.bind": f"/salesorders({contract})",
        "msdyn_SalesContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "msdyn_Project@odata.bind": f"/msdyn_projects({line['_msdyn_project_value']})",
    }


def _bound(line: Row) -> Row:
    return {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({line['_transactioncurrencyid_value']})"}
