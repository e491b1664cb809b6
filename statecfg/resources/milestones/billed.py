"""Which milestones were invoiced before, whatever their status says now (rules 4.4).

A billed actual doesn't name its milestone: it is matched by contract line, description and amount
(reference/project-operations.md, "What confirm creates"). Where that can't tell two apart, it says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from statecfg.clients.choices import InvoiceStatus, MilestoneStatus, TransactionClass, TransactionType
from statecfg.clients.dataverse import Dataverse
from statecfg.resources.milestones.key import normal

BILLED_MILESTONES = (
    f"msdyn_transactiontypecode eq {TransactionType.BILLED_SALES}"
    f" and msdyn_transactionclassification eq {TransactionClass.MILESTONE}"
)
"""A filter for the actuals that confirming leaves for milestones."""

Trace = tuple[str, str, Decimal]
"""What an actual keeps of its milestone: contract line id, description (normal), amount."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A milestone of the file that isn't posted: its id, and the traces an actual of it could have left."""

    id: bytes
    traces: tuple[Trace, ...]


def traces(line: str, name: str, description: str | None, amount: Decimal) -> tuple[Trace, ...]:
    """The traces that a milestone's actual may show; which text it takes over is not established."""
    texts = dict.fromkeys(normal(text) for text in (name, description or "") if text)
    return tuple((line, text, amount) for text in texts)


def invoiced_before(left: Mapping[Trace, int], openings: Iterable[Opening]) -> tuple[set[bytes], set[bytes]]:
    """Ids that were invoiced before, and ids of which that can't be said. Pure.

    left: how many billed actuals of a trace no posted milestone accounts for.
    """
    claims: dict[Trace, list[bytes]] = defaultdict(list)
    for opening in openings:
        for trace in opening.traces:
            if left.get(trace, 0) > 0:
                claims[trace].append(opening.id)
                break
    sure: set[bytes] = set()
    unclear: set[bytes] = set()
    for trace, ids in claims.items():
        (sure if left[trace] >= len(ids) else unclear).update(ids)
    return sure, unclear


def unaccounted(dataverse: Dataverse, contracts: Sequence[str]) -> Mapping[Trace, int]:
    """Billed Sales actuals of milestones on these contracts, adjusted and reversed ones too, less posted milestones."""
    actuals = dataverse.rows_where_in(
        "msdyn_actuals", "_msdyn_salescontract_value", contracts, filter=BILLED_MILESTONES,
        select=("_msdyn_salescontractlineid_value", "msdyn_description", "msdyn_amount"),
    )  # fmt: skip
    billed = Counter(_trace(row, "_msdyn_salescontractlineid_value", "msdyn_description") for row in actuals)
    if not billed:
        return {}
    posted = dataverse.rows_where_in(
        "msdyn_contractlinescheduleofvalues", "_msdyn_contract_value", contracts,
        filter=f"msdyn_invoicestatus eq {MilestoneStatus.INVOICE_POSTED}",
        select=("_msdyn_contractlineid_value", "msdyn_name", "msdyn_amount"),
    )  # fmt: skip
    billed.subtract(_trace(row, "_msdyn_contractlineid_value", "msdyn_name") for row in posted)
    return {trace: count for trace, count in billed.items() if count > 0}


def _trace(row: Mapping[str, Any], line: str, text: str) -> Trace:
    amount = row["msdyn_amount"]
    return (str(row[line] or ""), normal(str(row[text] or "")), Decimal(0) if amount is None else Decimal(amount))


def on_confirmed_invoices(dataverse: Dataverse, lines: Sequence[str]) -> set[bytes]:
    """Ids of milestones whose invoice schedule names a confirmed invoice (`invoice_link: schedules`)."""
    stone, invoice = "_msdyn_contractlinescheduleofvalue_value", "_msdyn_invoice_value"
    rows = dataverse.rows_where_in(
        "msdyn_contractlineinvoiceschedules", "_msdyn_contractlineid_value", lines,
        filter=f"{stone} ne null and {invoice} ne null", select=(stone, invoice),
    )  # fmt: skip
    linked = [(str(row[stone]), str(row[invoice])) for row in rows]
    invoices = dataverse.rows_where_in(
        "invoices", "invoiceid", sorted({each for _, each in linked}),
        filter=f"msdyn_projectinvoicestatus ge {InvoiceStatus.CONFIRMED}", select=("invoiceid",),
    )  # fmt: skip
    confirmed = {str(row["invoiceid"]) for row in invoices}
    return {UUID(milestone).bytes for milestone, each in linked if each in confirmed}
