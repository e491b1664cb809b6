"""How Finance and Operations takes a row: defaulting, number sequences, validation, side effects.

OData, dual-write, import and posting all write through `create`, `change` and `remove`, so that a rule holds whoever
writes. A refusal is an X++ text; who called puts it into the form its client sees.
Source: reference/project-operations.md, 3.3, 5.2 and 5.4; reference/finance-and-operations.md, 9.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from statecfg.sandbox.finance.catalog import COMPANY, NO_GUID, PROPOSALS, entity_sets, table_of
from statecfg.sandbox.finance.money import to_accounting
from statecfg.sandbox.hooks import CREATE, DELETE, UPDATE, Refused
from statecfg.sandbox.projops import splitting
from statecfg.sandbox.world import Row, Tx, World, quoted

Values = Mapping[str, Any]

MILESTONES = "ProjectContractLineMilestones"
HEADERS = "ProjectContractLineMilestoneHeaders"
STAGING = "ProjActualsImports"
PROPOSAL_SET = PROPOSALS.removeprefix("fo.")

NO_STATUS = "NoStatus"
IN_PROPOSAL = "InvoiceProposal"
INVOICED = "Invoiced"

# Columns of an on-account transaction that change by themselves or say nothing about it.
_DERIVED = ("TotalSalesAmount", "LedgerSalesAmount", "LedgerTransactionDate")

_SETTINGS = (
    ("finance.estimate_project", True, "whether the first milestone of a line makes a revenue-estimate project"),
    ("finance.needs_contract_line", True, "whether a milestone's contract line must be known in F&O"),
    ("finance.restamp", "allow", "TransStatus of a row already there set to Invoiced: allow or refuse"),
    ("finance.status_taken_from", "10.0.24", "first release whose milestones take TransStatus; before, it is ignored"),
    ("finance.proposal_numbers_manual", True, "whether the sequence of invoice proposals takes given numbers"),
)  # fmt: skip


def declare_settings(world: World) -> None:
    """Make the settings of these rules known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


@dataclass(frozen=True, slots=True)
class Rules:
    """What an entity does around a write: complete a new row, judge changes, judge a removal, follow up."""

    creating: Callable[[Tx, Values], dict[str, Any]] = lambda _tx, row: dict(row)
    changing: Callable[[Tx, Values, Values], dict[str, Any]] = lambda _tx, _before, changes: dict(changes)
    removing: Callable[[Tx, Values], None] = lambda _tx, _before: None
    created: Callable[[Tx, Values], None] = lambda _tx, _row: None


def create(tx: Tx, name: str, values: Values) -> Row:
    """Add a row to an entity set by the entity's rules. Raises Refused, Duplicate, OutOfRange."""
    rules, table = _rules(name), table_of(name)
    row = rules.creating(tx, values)
    _meet_faults(tx, table, row)
    tx.world.hooks.guard(tx, table, CREATE, None, row)
    stored = tx.insert(table, row)
    rules.created(tx, stored)
    tx.world.hooks.after_change(tx, table, CREATE, None, stored)
    return stored


def change(tx: Tx, name: str, before: Values, values: Values) -> Row:
    """Change a stored row by the entity's rules; nothing happens where nothing differs. Raises Refused."""
    rules, table = _rules(name), table_of(name)
    changes = rules.changing(tx, before, {key: value for key, value in values.items() if before[key] != value})
    if not changes:
        return dict(before)
    _meet_faults(tx, table, {**before, **changes})
    tx.world.hooks.guard(tx, table, UPDATE, before, changes)
    stored = tx.update(table, _key(tx, table, before), changes)
    tx.world.hooks.after_change(tx, table, UPDATE, before, stored)
    return stored


def remove(tx: Tx, name: str, before: Values) -> None:
    """Remove a stored row by the entity's rules. Raises Refused."""
    table = table_of(name)
    _rules(name).removing(tx, before)
    tx.world.hooks.guard(tx, table, DELETE, before, None)
    tx.delete(table, _key(tx, table, before))
    tx.world.hooks.after_change(tx, table, DELETE, before, None)


def write_from_dualwrite(tx: Tx, entity_set: str, row: Values, operation: str) -> None:
    """Take a row that a running map carried here.

    row: values by property names; an update and a delete hold the key of the row that is here, a create doesn't hold
    what F&O assigns. operation: "create", "update" or "delete". Raises Refused with an X++ text, Duplicate, OutOfRange.
    """
    if operation == CREATE:
        create(tx, entity_set, row)
        return
    table = table_of(entity_set)
    before = tx.get(table, _key(tx, table, row))
    if before is None:
        raise Refused("", f"The record of {entity_set} to {operation} does not exist.")
    if operation == DELETE:
        remove(tx, entity_set, before)
    else:
        change(tx, entity_set, before, row)


def _meet_faults(tx: Tx, table: str, row: Values) -> None:
    fault = tx.world.faults.refusal(table, row)
    if fault is not None:
        raise Refused("", str(fault.details.get("message", "Validation of the record failed.")))


def _rules(name: str) -> Rules:
    return _RULES.get(name, _PLAIN)


def _key(tx: Tx, table: str, row: Values) -> tuple[Any, ...]:
    return tuple(row[name] for name in tx.world.shape(table).table.key)


def _milestone(tx: Tx, values: Values) -> dict[str, Any]:
    """A new on-account transaction, numbered and completed."""
    row = dict(values)
    company = str(row.get(COMPANY, ""))
    _needs_contract_line(tx, row)
    number = tx.next_number(f"fo.milestone/{company}")
    row["ContractLineMilestoneIdentifier"] = f"{company.upper()}-{number:08d}"
    row["TransactionId"] = f"OA{number:010d}"
    if not _takes_status(tx):
        row.pop("TransStatus", None)
    row.setdefault("TransStatus", NO_STATUS)
    if row.get("ContractLineMilestoneGuid") in (None, NO_GUID):
        row["ContractLineMilestoneGuid"] = tx.world.new_guid()
    return {**row, **_payer(tx, row), **_milestone_amounts(tx, row)}


def _payer(tx: Tx, row: Values) -> dict[str, str]:
    """The customer of a part of a divided milestone.

    Its own column in Dataverse has no established name, so the map's line names the contract's customer for it.
    """
    customer = splitting.customer_of(tx, str(row.get("ContractLineMilestoneGuid")))
    account = tx.get("account", customer) if customer else None
    return {"CustomerAccountNumber": account["accountnumber"]} if account and "CustomerAccountNumber" in row else {}


def _takes_status(tx: Tx) -> bool:
    """Whether this release lets a milestone's status come from outside (inferred from the least release the cutover
    needs)."""
    settings = tx.world.settings
    release, first = settings.get("finance.application_version", ""), settings["finance.status_taken_from"]
    return not release or _parts(release) >= _parts(first)


def _parts(release: str) -> list[int]:
    return [int(part) for part in release.split(".") if part.isdigit()]


def _milestone_amounts(tx: Tx, row: Values) -> dict[str, Any]:
    amount = row.get("Amount", Decimal(0))
    derived = {
        "TotalSalesAmount": amount,
        "LedgerSalesAmount": to_accounting(tx, str(row[COMPANY]), str(row.get("CurrencyCode", "")), amount),
    }
    if "TransactionDate" in row:
        derived["LedgerTransactionDate"] = row["TransactionDate"]
    return derived


def _needs_contract_line(tx: Tx, row: Values) -> None:
    if not tx.world.settings["finance.needs_contract_line"]:
        return
    sought = {COMPANY: row.get(COMPANY), "ContractLineId": str(row.get("ContractLineId") or "")}
    if not _exists(tx, table_of("ProjectContractLines"), sought):
        reason = f"The contract line '{row.get('ContractLineId', '')}' does not exist in {row.get(COMPANY, '')}."
        raise Refused("", f"{reason} {_validate_write('ProjOnAccTrans')}")


def _exists(tx: Tx, table: str, texts: Values) -> bool:
    """Whether a row has these texts. Asked for every row of a bulk write: it reads no row."""
    where = " AND ".join(f"{quoted(name)} = ?" for name in texts)
    sql = f"SELECT 1 FROM {quoted(table)} WHERE {where} LIMIT 1"  # noqa: S608 - catalog names only
    return tx.connection.execute(sql, tuple(texts.values())).fetchone() is not None


def _validate_write(source: str) -> str:
    return f"validateWrite failed on data source '{source} ({source})'."


def _milestone_changes(tx: Tx, before: Values, changes: Values) -> dict[str, Any]:
    kept_out = _DERIVED if _takes_status(tx) else (*_DERIVED, "TransStatus")
    wanted = {name: value for name, value in changes.items() if name not in kept_out}
    if not wanted:
        return {}
    _modifiable(before)
    wanted |= _payer(tx, {**wanted, "ContractLineMilestoneGuid": before["ContractLineMilestoneGuid"]})
    if wanted.get("TransStatus") == INVOICED and tx.world.settings["finance.restamp"] == "refuse":
        raise Refused("", f"The status of transaction {before['TransactionId']} cannot be set by an update.")
    return {**wanted, **_milestone_amounts(tx, {**before, **wanted})}


def _modifiable(before: Values) -> None:
    """An on-account transaction that is invoiced, or on a proposal, may not be changed by its source."""
    if before["TransStatus"] not in (NO_STATUS, "Estimated", "Registered"):
        state = "fully invoiced" if before["TransStatus"] == INVOICED else f"in status {before['TransStatus']}"
        reason = f"On-account transaction {before['TransactionId']} is {state} and cannot be modified."
        raise Refused("", f"{reason} {_validate_write('ProjOnAccTrans')}")


def _milestone_removal(_tx: Tx, before: Values) -> None:
    _modifiable(before)


def _estimate_project(tx: Tx, milestone: Values) -> None:
    """The fixed-price revenue-estimate project that the first milestone of a contract line brings.

    It takes the line's financial dimensions as they are now and keeps them (inferred: a milestone's default from the
    line and can't be edited once it is invoiced).
    """
    line = milestone["ContractLineId"]
    if not tx.world.settings["finance.estimate_project"] or not line:
        return
    table, company = table_of("ProjectsV2"), milestone[COMPANY]
    if _exists(tx, table, {COMPANY: company, "IntegrationSourceDataId": line}):
        return
    number = tx.next_number(f"fo.estimateproject/{company}")
    row = {
        COMPANY: company,
        "ProjectId": f"FPE-{company.upper()}-{number:06d}",
        "ProjectName": f"Revenue estimate {milestone['ProjectContractId']}",
        "ProjectContractId": milestone["ProjectContractId"],
        "ParentProjectId": milestone["ProjectNumber"],
        "CustomerAccountNumber": milestone["CustomerAccountNumber"],
        "IntegrationSourceDataId": line,
        "DimensionDisplayValue": _line_dimensions(tx, company, line),
        "DateOfCreation": noon(tx),
    }
    create(tx, "ProjectsV2", row)


def _line_dimensions(tx: Tx, company: str, line: str) -> str:
    found = tx.find(table_of("ProjectContractLines"), dataAreaId=company, ContractLineId=line)
    return str(found[0]["DefaultLedgerDimensionDisplayValue"]) if found else ""


def noon(tx: Tx) -> str:
    """The world's day, as day columns hold it."""
    return f"{tx.world.now().date().isoformat()}T12:00:00Z"


def day(text: str) -> date:
    """The day of a stored date or time."""
    return date.fromisoformat(text[:10])


def _header(tx: Tx, values: Values) -> dict[str, Any]:
    company = str(values.get(COMPANY, ""))
    number = tx.next_number(f"fo.milestoneheader/{company}")
    return {**values, "ProjectContractLineMilestoneHeaderId": f"{company.upper()}-MH{number:07d}"}


def _staged(tx: Tx, values: Values) -> dict[str, Any]:
    """A staging row of an actual; its own id is given here."""
    row = dict(values)
    if row.get("ActualsImportId") in (None, "", NO_GUID):
        row["ActualsImportId"] = tx.world.new_guid()
    row.setdefault("ProjectDataAreaId", row.get(COMPANY, ""))
    row.setdefault("ProjActualsImportSync", "Yes")
    return row


def _proposal(tx: Tx, values: Values) -> dict[str, Any]:
    """A proposal header, as a confirmed proforma invoice brings it; one of an invoice that was posted is posted too."""
    if not tx.world.settings["finance.proposal_numbers_manual"]:
        raise Refused("", "The number sequence of invoice proposals does not allow manual numbers.")
    sought = {COMPANY: values[COMPANY], "ProjInvoiceId": str(values["ProposalId"])}
    status = "Posted" if _exists(tx, table_of("DocumentProjectInvoiceBases"), sought) else "Header"
    return {**values, "Status": status, "ExpectedLines": _announced_lines(tx, values)}


def _announced_lines(tx: Tx, proposal: Values) -> int:
    """How many billed actuals the invoice will have.

    The product's header carries a hash over the list of billable actuals; the sandbox counts the invoice's lines.
    Source: reference/finance-and-operations.md, 10, "Invoice proposals".
    """
    if not tx.world.has("msdyn_invoicelinetransaction") or not proposal.get("ExternalId"):
        return 0
    return len(tx.find("msdyn_invoicelinetransaction", msdyn_invoice=proposal["ExternalId"]))


def _proposal_changes(_tx: Tx, before: Values, changes: Values) -> dict[str, Any]:
    """A proposal that is posted keeps its content, whatever is sent again."""
    return {} if before["Status"] == "Posted" and "Status" not in changes else dict(changes)


_PLAIN = Rules()
_RULES: Mapping[str, Rules] = {
    MILESTONES: Rules(_milestone, _milestone_changes, _milestone_removal, _estimate_project),
    HEADERS: Rules(creating=_header),
    STAGING: Rules(creating=_staged),
    PROPOSAL_SET: Rules(creating=_proposal, changing=_proposal_changes),
}


def stamp_milestone(tx: Tx, milestone: Values, status: str) -> None:
    """Set an on-account transaction's status from within F&O, as import and posting do."""
    table = table_of(MILESTONES)
    stored = tx.update(table, _key(tx, table, milestone), {"TransStatus": status})
    tx.world.hooks.after_change(tx, table, UPDATE, milestone, stored)


def is_known(name: str) -> bool:
    """Whether an entity set of this name exists."""
    return name in entity_sets()
