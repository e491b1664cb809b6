"""Many milestones after the pattern of one: for worlds that are large before anybody begins.

The first open milestone of a contract line is created by the rules and carried to Finance by its map; the others of
that line are copies of its two rows with their own name, amount, days and numbers. The rules take a third of a
millisecond a row, copies a tenth of that, and the result is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from statecfg.sandbox.finance.catalog import table_of
from statecfg.sandbox.finance.money import to_accounting
from statecfg.sandbox.finance.writes import MILESTONES
from statecfg.sandbox.projops.tables import MILESTONE
from statecfg.sandbox.seeding.dataverse_rows import DataverseRows
from statecfg.sandbox.seeding.portfolio import Milestone
from statecfg.sandbox.world import Row, Tx

ID = "msdyn_contractlinescheduleofvalueid"
GIVEN_ANEW = ("RecId", "RecVersion")
NUMBERED = ("ContractLineMilestoneIdentifier", "TransactionId")


def patterns(milestones: Sequence[Milestone]) -> tuple[list[Milestone], list[tuple[Milestone, list[Milestone]]]]:
    """The first milestone of each line, and for each of these the others of its line."""
    groups = [list(group) for _, group in groupby(sorted(milestones, key=_line), key=_line)]
    return [group[0] for group in groups], [(group[0], group[1:]) for group in groups if len(group) > 1]


def paint(tx: Tx, dataverse: DataverseRows, first: Milestone, others: Sequence[Milestone]) -> None:
    """Add milestones like `first`, which is on both sides already and not invoiced."""
    ours = tx.get(MILESTONE, dataverse.id("milestone", *first.key)) or {}
    (theirs,) = tx.find(table_of(MILESTONES), ContractLineMilestoneGuid=ours[ID])
    tx.insert_many(MILESTONE, (_dataverse_row(dataverse, ours, m) for m in others))
    tx.insert_many(table_of(MILESTONES), _finance_rows(tx, dataverse, theirs, others))


def _line(milestone: Milestone) -> tuple[str, str]:
    return milestone.contract, milestone.line


def _dataverse_row(dataverse: DataverseRows, pattern: Row, m: Milestone) -> Row:
    made = dataverse.milestone(m, pattern["msdyn_invoicestatus"])
    kept = {name: pattern[name] for name in ("createdon", "modifiedon", "createdby", "modifiedby", "ownerid")}
    return {**pattern, **made, **kept, "versionnumber": None}


def _finance_rows(tx: Tx, dataverse: DataverseRows, pattern: Row, others: Sequence[Milestone]) -> Iterator[Row]:
    company = pattern["dataAreaId"]
    for m, number in zip(others, _numbers(tx, f"fo.milestone/{company}", len(others)), strict=True):
        day = f"{m.date.isoformat()}T12:00:00Z"
        yield {
            **pattern,
            **{name: _renumbered(pattern[name], number) for name in NUMBERED},
            "ContractLineMilestoneGuid": dataverse.id("milestone", *m.key),
            "Description": m.name,
            "Amount": m.amount,
            "TotalSalesAmount": m.amount,
            "LedgerSalesAmount": to_accounting(tx, company, m.currency, m.amount),
            "TransactionDate": day,
            "LedgerTransactionDate": day,
            **dict.fromkeys(GIVEN_ANEW),
        }


def _renumbered(text: str, number: int) -> str:
    """The text with another number at its end, as wide as the one before."""
    digits = re.search(r"\d+$", text)
    width = len(digits[0]) if digits else 0
    return f"{text[: len(text) - width]}{number:0{width}d}"


def _numbers(tx: Tx, sequence: str, count: int) -> range:
    """The next numbers of a sequence that Finance's own rules go on with."""
    first = tx.next_number(sequence)
    tx.start_number(sequence, first + count - 1)
    return range(first, first + count)
