"""What is sent to Dataverse for a milestone (rules 4.7). Pure.

Both date columns are written, as the product itself does; money has the currency's decimals; nothing suppresses a
plug-in or an event. Source: reference/project-operations.md, "msdyn_contractlinescheduleofvalue".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from statecfg.clients.choices import MilestoneStatus, TransactionClass
from statecfg.model.environment import Environment
from statecfg.model.records import Record
from statecfg.resources.milestones.assess import digest
from statecfg.resources.milestones.decide import Match
from statecfg.resources.milestones.key import Keys, id_text, row_text

ID = "msdyn_contractlinescheduleofvalueid"
STATUS = "msdyn_invoicestatus"
ETAG = "@odata.etag"
"""Stands among a record's values for the If-Match of its request; it is not sent as a column."""


def created(match: Match, environment: Environment, columns: frozenset[str], keys: Keys) -> Record:
    """The record of a milestone to be made. columns: those that the table has here."""
    row, contract, line = match.row, match.contract, match.line
    assert contract is not None
    assert line is not None
    values: dict[str, Any] = {
        ID: id_text(match.id),
        "msdyn_name": row.name,
        "msdyn_amount": money(row.amount, contract.precision),
        STATUS: int(MilestoneStatus.READY),
        "msdyn_transactionclassification": int(TransactionClass.MILESTONE),
        "msdyn_transactiontypecode": environment.columns.transaction_type,
        "msdyn_contract@odata.bind": f"/salesorders({contract.id})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line.id})",
        "msdyn_project@odata.bind": f"/msdyn_projects({line.project})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({contract.currency_id})",
    }
    if row.tax is not None:
        values["msdyn_tax"] = money(row.tax, contract.precision)
    if row.date is not None:
        values["msdyn_invoicedate"] = f"{row.date.isoformat()}T00:00:00Z"
        if environment.columns.milestone_date in columns:
            values[environment.columns.milestone_date] = row.date.isoformat()
    if row.description:
        values["msdyn_description"] = row.description
    return Record(keys.words(row_text(row)), id_text(match.id), "", values, row.row)


def money(amount: Decimal, precision: int) -> Decimal:
    """An amount with exactly the currency's decimals; the row was refused before if that would round it."""
    return round(amount, precision) if precision else round(amount, 0).to_integral_value()


def touched(match: Match, keys: Keys) -> Record:
    """The record of a milestone that is made ready, or sent again: its status is written, if nobody changed it since.

    For one that is ready already this is a PATCH of one unchanged column (rules 4.3).
    """
    before = f"{digest(match.id, match.entry):032x}"
    values = {ETAG: f'W/"{match.entry.version}"', STATUS: int(MilestoneStatus.READY)}
    return Record(keys.words(row_text(match.row)), id_text(match.id), before, values, match.row.row)


def expected(match: Match, keys: Keys) -> Record:
    """The record of a milestone that must be seen in F&O: what it must be there. Nothing of it is sent."""
    contract, line = match.contract, match.line
    assert contract is not None
    assert line is not None
    values: Mapping[str, Any] = {
        "contract": contract.number,
        "line": line.id,
        "amount": match.row.amount,
        "currency": match.row.currency.upper(),
        "date": match.row.date.isoformat() if match.row.date else None,
    }
    return Record(keys.words(row_text(match.row)), id_text(match.id), "", values, match.row.row)
