"""Import from staging: staged actuals become proposal lines, and nothing else of the ledger moves.

A proposal gets its lines only when all that its invoice has are staged. Costs and unbilled sales go into integration
journals.
Source: reference/project-operations.md, 3.3, step 3; reference/finance-and-operations.md, 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox.finance import writes
from statecfg.sandbox.finance.catalog import COMPANY, PROPOSAL_LINES, PROPOSALS, table_of
from statecfg.sandbox.projops import billing
from statecfg.sandbox.projops.codes import MILESTONE
from statecfg.sandbox.world import Row, Tx

STAGING = table_of(writes.STAGING)
BILLED = "BilledSales"
# Lines of an integration journal. Source: reference/project-operations.md, 7.3.
JOURNAL_LINES = 200
HEADER, READY, POSTED = "Header", "Ready", "Posted"


@dataclass(frozen=True, slots=True)
class Imported:
    """What one run did: proposals that got their lines, those still incomplete with the reason, journal lines."""

    proposals: tuple[str, ...]
    incomplete: tuple[tuple[str, str], ...]
    lines: int
    journal_lines: int

    def shown(self) -> dict[str, Any]:
        """The same for JSON."""
        waiting = [{"proposal": number, "reason": reason} for number, reason in self.incomplete]
        return {
            "proposals": list(self.proposals),
            "incomplete": waiting,
            "lines": self.lines,
            "journal_lines": self.journal_lines,
        }


def import_from_staging(tx: Tx) -> Imported:
    """Run the import for every company."""
    done, waiting, lines = [], [], 0
    for proposal in tx.find(PROPOSALS, Status=HEADER):
        staged = _staged_for(tx, proposal)
        reason = _missing(proposal, staged)
        if reason:
            tx.update(PROPOSALS, (proposal[COMPANY], proposal["ProposalId"]), {"Reason": reason})
            waiting.append((proposal["ProposalId"], reason))
            continue
        for row in staged:
            _add_line(tx, proposal, row)
        tx.update(PROPOSALS, (proposal[COMPANY], proposal["ProposalId"]), {"Status": READY, "Reason": ""})
        done.append(proposal["ProposalId"])
        lines += len(staged)
    return Imported(tuple(done), tuple(waiting), lines, _journalise(tx))


def _staged_for(tx: Tx, proposal: Row) -> list[Row]:
    found = tx.find(STAGING, InvoiceProposalId=proposal["ProposalId"])
    return [row for row in found if row[COMPANY] == proposal[COMPANY] and row["TransactionType"] == BILLED]


def _missing(proposal: Row, staged: Sequence[Row]) -> str:
    """Why a proposal can't have its lines yet, "" if it can."""
    if not staged:
        return "no billed sales actual is in staging"
    if len(staged) < proposal["ExpectedLines"]:
        return f"{len(staged)} of {proposal['ExpectedLines']} lines are in staging"
    return ""


def _add_line(tx: Tx, proposal: Row, staged: Row) -> None:
    on_account = on_account_of(tx, staged)
    row = {
        COMPANY: proposal[COMPANY],
        "ActualsImportId": staged["ActualsImportId"],
        "ActualId": staged["ActualId"],
        "ProposalId": proposal["ProposalId"],
        "ProjectId": staged["ProjectId"],
        "ContractId": staged["ContractId"],
        "ContractLineId": staged["ContractLineId"],
        "Description": staged["Description"],
        "TransactionId": on_account["TransactionId"] if on_account else "",
        "Classification": "Milestone" if staged["TransactionClassification"] == MILESTONE else "Time",
        "CurrencyCode": staged["TransactionCurrencyId"] or proposal["CurrencyCode"],
        "TransDate": staged["DocumentDate"],
        "Amount": staged["Amount"],
        "TaxAmount": staged["SalesTaxAmount"],
        "Quantity": staged["Quantity"],
    }
    tx.insert(PROPOSAL_LINES, row)
    writes.change(tx, writes.STAGING, staged, {"IsJournalized": "Yes"})
    if on_account and on_account["TransStatus"] == writes.NO_STATUS:
        writes.stamp_milestone(tx, on_account, writes.IN_PROPOSAL)


def on_account_of(tx: Tx, staged: Row) -> Row | None:
    """The on-account transaction that a staged billed actual settles, None if F&O has none for it."""
    milestone = billing.milestone_billed_by(tx, staged["ActualId"])
    if milestone is None:
        return None
    found = tx.find(table_of(writes.MILESTONES), ContractLineMilestoneGuid=milestone)
    return next((row for row in found if row[COMPANY] == staged[COMPANY]), None)


def _journalise(tx: Tx) -> int:
    """Put costs and unbilled sales into the integration journals of their companies; the number of lines."""
    waiting = [row for row in tx.find(STAGING, IsJournalized="No") if row["TransactionType"] not in (BILLED, "Tax")]
    for company in sorted({row[COMPANY] for row in waiting}):
        rows = [row for row in waiting if row[COMPANY] == company]
        for _ in range(0, len(rows), JOURNAL_LINES):
            _journal(tx, company)
        for row in rows:
            writes.change(tx, writes.STAGING, row, {"IsJournalized": "Yes"})
    return len(waiting)


def _journal(tx: Tx, company: str) -> None:
    number = f"{company.upper()}-IJ{tx.next_number('fo.integrationjournal/' + company):06d}"
    journal = {COMPANY: company, "ProjAdvancedJournalId": number, "Description": "Project Operations integration"}
    writes.create(tx, "ProjAdvancedJournals", journal)
