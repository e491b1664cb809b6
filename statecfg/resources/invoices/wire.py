"""Invoices, their contents and the jobs on them, as Dataverse has them: columns, option values, and bulk reads.

Source: reference/project-operations.md, 2.5 and 4.3. Columns that only newer solutions have are probed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from statecfg.clients.choices import (
    BillingStatus,
    InvoiceStatus,
    MilestoneStatus,
    OrderType,
    TransactionClass,
    TransactionType,
)
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.odata import text as literal
from statecfg.model.environment import Environment
from statecfg.resources.invoices.content import Item, Stone
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.read import SET

INVOICES = "invoices"
DETAILS, DETAIL_TABLE = "msdyn_invoicelinetransactions", "msdyn_invoicelinetransaction"
SCHEDULES = "msdyn_contractlineinvoiceschedules"
ACTUALS, ACTUAL_TABLE = "msdyn_actuals", "msdyn_actual"

PROJECT_BASED = 5
"""producttypecode of an invoice line that is no product."""
JOB_ENDED, JOB_FAILED = 3, 31
"""statecode and statuscode of a system job."""
UNDER_WAY = frozenset({"scheduled", "processing"})
"""Labels of the bulk confirmation status of an invoice with a job."""

INVOICE_COLUMNS = (
    "invoiceid", "invoicenumber", "name", "msdyn_projectinvoicestatus", "_salesorderid_value", "totalamount",
    "msdyn_hascorrections",
)  # fmt: skip


def is_draft(row: Row) -> bool:
    """Whether an invoice may still be changed."""
    return row["msdyn_projectinvoicestatus"] in (None, InvoiceStatus.DRAFT, InvoiceStatus.IN_REVIEW)


@dataclass(frozen=True, slots=True)
class Job:
    """A system job that waits or runs. names: the text in which ids of its records stand, lower case; "" = unknown."""

    id: str
    name: str
    names: str

    def concerns(self, record_id: str) -> bool:
        """Whether it is about a record; a job that names none may be about any."""
        return not self.names or record_id.casefold() in self.names


@dataclass(frozen=True, slots=True)
class Books:
    """Reads invoices of one environment."""

    dataverse: Dataverse
    environment: Environment

    @property
    def by_text(self) -> bool:
        """Whether line details carry the names of their milestones."""
        return self.environment.invoice_link == "details"

    def invoices(self, contracts: Sequence[str], *, drafts_only: bool = False) -> Iterator[Row]:
        """Project invoices of contracts, by contract id."""
        kind = f"msdyn_ordertype eq {OrderType.WORK_BASED}"
        status = f" and msdyn_projectinvoicestatus le {InvoiceStatus.IN_REVIEW}" if drafts_only else ""
        bulk = self.environment.columns.confirm_status
        return self.dataverse.rows_where_in(
            INVOICES, "_salesorderid_value", contracts, filter=kind + status,
            select=(*INVOICE_COLUMNS, *((bulk,) if bulk else ())),
        )  # fmt: skip

    def is_under_way(self, row: Row) -> bool:
        """Whether the bulk confirmation status says that a job has the invoice."""
        bulk = self.environment.columns.confirm_status
        shown = row.get(f"{bulk}@OData.Community.Display.V1.FormattedValue", row.get(bulk)) if bulk else None
        return str(shown or "").casefold() in UNDER_WAY

    def details(self, invoices: Sequence[str]) -> Iterator[tuple[str, Item]]:
        """Line details of invoices, each with its invoice's id."""
        known = self.dataverse.columns(DETAIL_TABLE)
        optional = [name for name in ("msdyn_tax", "msdyn_extendedamount", "msdyn_correction") if name in known]
        rows = self.dataverse.rows_where_in(
            DETAILS, "_msdyn_invoice_value", invoices, select=(*DETAIL_COLUMNS, *optional), chunk=25
        )
        return ((str(row["_msdyn_invoice_value"]), _item(row)) for row in rows)

    def products(self, invoices: Sequence[str]) -> Mapping[str, int]:
        """How many product lines there are, by invoice; one without any is left out."""
        rows = self.dataverse.rows_where_in(
            "invoicedetails", "_invoiceid_value", invoices, filter=f"producttypecode ne {PROJECT_BASED}",
            select=("_invoiceid_value", "producttypecode"),
        )  # fmt: skip
        counts: dict[str, int] = defaultdict(int)
        for row in rows:
            counts[str(row["_invoiceid_value"])] += row["producttypecode"] is not None
        return {invoice: count for invoice, count in counts.items() if count}

    def linked(self, invoices: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Ids of the milestones that invoice schedules name, by invoice; for `invoice_link: schedules`."""
        stone = "_msdyn_contractlinescheduleofvalue_value"
        rows = self.dataverse.rows_where_in(
            SCHEDULES,
            "_msdyn_invoice_value",
            invoices,
            filter=f"{stone} ne null",
            select=("_msdyn_invoice_value", stone),
        )
        found: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            found[str(row["_msdyn_invoice_value"])].add(str(row[stone]))
        return {invoice: frozenset(ids) for invoice, ids in found.items()}

    def stones(self, contracts: Sequence[str], statuses: Iterable[MilestoneStatus]) -> dict[str, list[Stone]]:
        """Milestones of contracts that are on these statuses, by contract id."""
        wanted = " or ".join(f"msdyn_invoicestatus eq {status}" for status in statuses)
        rows = self.dataverse.rows_where_in(
            SET, "_msdyn_contract_value", contracts, filter=wanted, select=STONE_COLUMNS,
            expand="transactioncurrencyid($select=isocurrencycode)",
        )  # fmt: skip
        found: dict[str, list[Stone]] = defaultdict(list)
        for row in rows:
            found[str(row["_msdyn_contract_value"])].append(_stone(row))
        return found

    def ready_time(self, contracts: Sequence[str]) -> dict[str, int]:
        """How many time, expense, material and fee entries are ready to be invoiced, by contract id."""
        rows = self.dataverse.rows_where_in(
            ACTUALS, "_msdyn_salescontract_value", contracts,
            filter=READY_ENTRIES,
            select=("_msdyn_salescontract_value",),
        )  # fmt: skip
        counts: dict[str, int] = defaultdict(int)
        for row in rows:
            counts[str(row["_msdyn_salescontract_value"])] += 1
        return counts

    def jobs(self) -> tuple[Job, ...]:
        """System jobs that create or confirm invoices and have not ended."""
        return tuple(_job(row) for row in self._jobs(f"statecode ne {JOB_ENDED}"))

    def failures(self) -> tuple[tuple[Job, str], ...]:
        """Such jobs that failed, newest first, each with the service's words."""
        rows = self._jobs(f"statuscode eq {JOB_FAILED}", "friendlymessage", "message", orderby="completedon desc")
        return tuple((_job(row), str(row.get("friendlymessage") or row.get("message") or "")) for row in rows)

    def _jobs(self, wanted: str, *more: str, orderby: str = "") -> Iterator[Row]:
        known = self.dataverse.columns("asyncoperation")
        ids = [column for column, name in JOB_IDS.items() if name in known]
        names = " or ".join(f"name eq {literal(name)}" for name in self.environment.jobs.long_running)
        return self.dataverse.rows(
            "asyncoperations", select=("asyncoperationid", "name", *ids, *more), filter=f"{wanted} and ({names})",
            orderby=orderby,
        )  # fmt: skip


READY_ENTRIES = (
    f"msdyn_transactiontypecode eq {TransactionType.UNBILLED_SALES} and msdyn_billingstatus eq {BillingStatus.READY}"
)
JOB_IDS: Mapping[str, str] = {"_regardingobjectid_value": "regardingobjectid", "data": "data"}
"""Where a job names its record, as it is read -> as metadata calls it. That `data` holds the id is inferred."""
DETAIL_COLUMNS = (
    "_msdyn_invoice_value", "_msdyn_salescontractlineid_value", "msdyn_description", "msdyn_amount",
    "msdyn_transactionclassification", "msdyn_transactiontypecode",
)  # fmt: skip
STONE_COLUMNS = (
    "msdyn_contractlinescheduleofvalueid", "_msdyn_contract_value", "_msdyn_contractlineid_value", "msdyn_name",
    "msdyn_description", "msdyn_amount", "msdyn_tax",
)  # fmt: skip


def _item(row: Row) -> Item:
    is_milestone = row["msdyn_transactionclassification"] == TransactionClass.MILESTONE
    return Item(
        line=str(row["_msdyn_salescontractlineid_value"] or ""),
        text=str(row["msdyn_description"] or ""),
        amount=_money(row["msdyn_amount"]),
        tax=_money(row.get("msdyn_tax")),
        extended=_money(row["msdyn_extendedamount"]) if row.get("msdyn_extendedamount") is not None else None,
        is_milestone=is_milestone and not row.get("msdyn_correction"),
    )


def _stone(row: Row) -> Stone:
    currency: Mapping[str, Any] = row.get("transactioncurrencyid") or {}
    return Stone(
        id=str(row["msdyn_contractlinescheduleofvalueid"]),
        line=str(row["_msdyn_contractlineid_value"] or ""),
        name=str(row["msdyn_name"] or ""),
        description=str(row["msdyn_description"] or ""),
        amount=_money(row["msdyn_amount"]),
        tax=_money(row["msdyn_tax"]),
        currency=str(currency.get("isocurrencycode") or ""),
    )


def _money(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)


def _job(row: Row) -> Job:
    names = " ".join(str(row.get(column) or "") for column in JOB_IDS)
    return Job(str(row["asyncoperationid"]), str(row["name"] or ""), names.strip().casefold())
