"""Records that can't be migrated: each is named with file, row and column, by its own code, and nothing is written.

What the file alone shows ends with exit 8, what only the environment shows with exit 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.errors import DeclarationError, exit_code
from tests.end_to_end.outcome import POSTED, export
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import (
    ARRIVED,
    MILESTONE,
    MILESTONE_ID,
    Stage,
    contract_ids,
    give,
    line_of,
    make_milestone,
    staged,
    stones_of,
)

Row = dict[str, str]
SPLIT = "msdyn_projectcontractsplitbillingrule"
BLAMED = 3
"""Which row of the export is made wrong; in the file its number is two more, for the heading and counting from 1."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Contracts in USD and EUR, one with a time-and-material line L2, and with open milestones on partly used lines."""
    with staged(tmp_path_factory.mktemp("records"), contracts=3, milestones=12, seed=13) as stage:
        yield stage


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong. In the file: `columns` of the blamed row; in the environment: `edit`.

    column: the heading to blame; says: what the message must name. all_of_contract: every row of that contract is
    made wrong in the same way.
    """

    code: str
    column: str
    says: str
    columns: tuple[tuple[str, str], ...] = ()
    edit: Callable[[Rig, Row], None] = lambda rig, row: None
    all_of_contract: bool = False

    def spoil(self, rows: list[Row]) -> None:
        """Make the blamed row wrong."""
        contract = rows[BLAMED]["contract"]
        for n, row in enumerate(rows):
            if n == BLAMED or (self.all_of_contract and row["contract"] == contract):
                row |= dict(self.columns)


def add_customer(rig: Rig, row: Row) -> None:
    """A second customer pays a part of the row's line."""
    line = line_of(rig, row)["salesorderdetailid"]
    (split,) = rig.find(SPLIT, msdyn_salescontractline=line)
    other = next(each for each in rig.find("account") if each["accountid"] != split["msdyn_accountcustomer"])
    names = ("msdyn_salescontract", "msdyn_salescontractline", "ownerid", "owningbusinessunit")
    copied = {name: split[name] for name in names}
    with rig.sandbox.world.transaction() as tx:
        tx.insert(SPLIT, copied | {"msdyn_accountcustomer": other["accountid"], "msdyn_allocationpercentage": 40})


def reopen_contract(rig: Rig, row: Row) -> None:
    """The row's contract isn't won yet: a draft."""
    with rig.sandbox.world.transaction() as tx:
        draft = {"msdyn_psastate": 192350000, "msdyn_psastatusreason": 192350000}
        tx.update("salesorder", contract_ids(rig)[row["contract"]], draft)


def reduce_line(rig: Rig, rows: list[Row]) -> str:
    """Of a line with milestones that aren't in the file, one cent less is contracted than all come to; its name."""
    named = {line_of(rig, row)["salesorderdetailid"]: row for row in rows}
    line, row = next((line, row) for line, row in named.items() if others_on(rig, line, rows))
    ours = [
        Decimal(each["amount"]) for each in rows if (each["contract"], each["line"]) == (row["contract"], row["line"])
    ]
    whole = sum(ours) + sum(stone["msdyn_amount"] for stone in others_on(rig, line, rows))
    with rig.sandbox.world.transaction() as tx:
        less = whole - Decimal("0.01")
        tx.update("salesorderdetail", line, {"baseamount": less, "priceperunit": less})
    return f"{row['contract']} / {row['line']}"


def others_on(rig: Rig, line: str, rows: list[Row]) -> list[dict[str, Any]]:
    """Live milestones of a line that the file doesn't know."""
    names = {row["name"] for row in rows}
    return [each for each in rig.find(MILESTONE, msdyn_contractlineid=line) if each["msdyn_name"] not in names]


def remove_project(rig: Rig, row: Row) -> None:
    with rig.sandbox.world.transaction() as tx:
        tx.update("salesorderdetail", line_of(rig, row)["salesorderdetailid"], {"msdyn_project": None})


IN_THE_ENVIRONMENT = {
    "unknown contract": Wrong("unknown-contract", "contract", "CON-9999", (("contract", "CON-9999"),)),
    "unknown line": Wrong("unknown-line", "line", "L99", (("line", "L99"),)),
    "wrong currency": Wrong("currency-mismatch", "currency", "GBP", (("currency", "GBP"),), all_of_contract=True),
    "more than contracted": Wrong(
        "contracted-amount-exceeded", "amount", "contracted", (("amount", "9999999.00"), ("tax", "0"))
    ),
    "a cent more than the currency has": Wrong("too-many-decimals", "amount", "100.001", (("amount", "100.001"),)),
    "time-and-material line": Wrong("line-not-fixed-price", "line", "L2", (("line", "L2"),)),
    "contract not won": Wrong("contract-not-won", "contract", "CON-0001", edit=reopen_contract),
    "several customers": Wrong("several-customers", "line", "2 customers", edit=add_customer),
    "line without a project": Wrong("line-without-project", "line", "L1", edit=remove_project),
}


@pytest.mark.parametrize("name", IN_THE_ENVIRONMENT)
def test_a_row_that_the_environment_cannot_take_is_named_and_nothing_is_written(stage: Stage, name: str) -> None:
    rig, wrong = stage.take(), IN_THE_ENVIRONMENT[name]
    rows = export(rig)
    wrong.edit(rig, rows[BLAMED])
    wrong.spoil(rows)
    path = give(rig, rows)
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    (finding,) = [finding for finding in result.plan.findings if finding.code == wrong.code]
    assert finding.blocks
    assert finding.do
    row = BLAMED if wrong.code != "contracted-amount-exceeded" else 0  # a sum is blamed on the line's first row
    (named,) = [line for line in finding.details if line.startswith(f"{path}:{row + 2}:{wrong.column}: ")]
    assert wrong.says in named
    assert rig.writes() == []


IN_THE_FILE = {
    "not invoiced": Wrong("row-not-invoiced", "invoiced", "was not invoiced", (("invoiced", "no"),)),
    "no amount": Wrong("empty-cell", "amount", "is empty", (("amount", ""),)),
    "no number": Wrong("not-a-number", "amount", "12,x", (("amount", "12,x"),)),
    "no day": Wrong("not-a-date", "date", "2024-02-30", (("date", "2024-02-30"),)),
    "negative tax": Wrong("tax-negative", "tax", "-1", (("tax", "-1.00"),)),
    "tax without an amount": Wrong("tax-without-amount", "tax", "the amount is 0", (("amount", "0"), ("tax", "1.00"))),
    "no currency code": Wrong("currency-unknown", "currency", "DOLLAR", (("currency", "DOLLAR"),)),
    "another currency than its contract": Wrong("two-currencies", "currency", "in USD", (("currency", "EUR"),)),
    "neither yes nor no": Wrong("unknown-word", "invoiced", "perhaps", (("invoiced", "perhaps"),)),
    "progress line": Wrong("progress-not-offered", "billing", "progress", (("billing", "progress"),)),
}


@pytest.mark.parametrize("name", IN_THE_FILE)
def test_a_row_that_is_wrong_in_itself_is_named_and_nothing_is_contacted(stage: Stage, name: str) -> None:
    rig, wrong = stage.take(), IN_THE_FILE[name]
    right = [{**row, "billing": "milestone"} for row in export(rig)]
    rows = [dict(row) for row in right]
    wrong.spoil(rows)
    path = give(rig, rows, totals=right)
    with pytest.raises(DeclarationError) as caught:
        rig.apply("cutover")
    assert exit_code(caught.value) == 8
    problems = [problem for problem in caught.value.problems if problem.where.file == str(path)]
    assert [(p.code, p.where.line, p.where.column) for p in problems] == [(wrong.code, BLAMED + 2, wrong.column)]
    assert wrong.says in problems[0].what
    assert rig.control("requests") == []


def test_a_duplicate_names_both_rows(stage: Stage) -> None:
    rig = stage.take()
    rows = export(rig)
    again = {**rows[BLAMED], "name": f" {rows[BLAMED]['name'].upper()}", "amount": "1.00"}
    path = give(rig, [*rows, again])
    with pytest.raises(DeclarationError) as caught:
        rig.apply("cutover")
    (problem,) = caught.value.problems
    assert problem.code == "duplicate-row"
    assert (problem.where.file, problem.where.line) == (str(path), len(rows) + 2)
    assert f"rows {BLAMED + 2} and {len(rows) + 2} are the same milestone" in problem.what
    assert rig.control("requests") == []


def test_a_file_that_misses_its_control_totals_is_refused(stage: Stage) -> None:
    rig = stage.take()
    rows = export(rig)
    give(rig, rows[1:], totals=rows)
    with pytest.raises(DeclarationError) as caught:
        rig.apply("cutover")
    assert [problem.code for problem in caught.value.problems] == ["control-totals", "control-totals"]
    assert rig.control("requests") == []


def test_a_line_that_already_has_others_milestones_cannot_be_exceeded_by_a_cent(stage: Stage) -> None:
    rig = stage.take()
    rows = export(rig)
    line = reduce_line(rig, rows)
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    (finding,) = [finding for finding in result.plan.findings if finding.blocks]
    assert finding.code == "contracted-amount-exceeded"
    assert line in finding.details[0]
    assert "of it milestones that are not in the file" in finding.details[0]
    assert rig.writes() == []


def test_one_made_by_hand_is_adopted_and_posted(stage: Stage) -> None:
    rig = stage.take()
    (row,) = [row for row in export(rig) if stones_of(rig, row)]
    (made,) = stones_of(rig, row)
    rig.done("cutover")
    (after,) = stones_of(rig, row)
    assert (after[MILESTONE_ID], after["msdyn_invoicestatus"]) == (made[MILESTONE_ID], POSTED)
    (arrived,) = rig.find(ARRIVED, ContractLineMilestoneGuid=made[MILESTONE_ID])
    assert arrived["TransStatus"] == "Invoiced"


def test_a_second_one_with_the_same_key_is_an_error_that_names_both(stage: Stage) -> None:
    rig = stage.take()
    row = next(row for row in export(rig) if stones_of(rig, row))
    (first,) = stones_of(rig, row)
    make_milestone(rig, row)
    rig.forget_requests()
    second = next(stone for stone in stones_of(rig, row) if stone[MILESTONE_ID] != first[MILESTONE_ID])
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    (finding,) = [finding for finding in result.plan.findings if finding.code == "several-candidates"]
    assert finding.blocks
    (named,) = finding.details
    assert first[MILESTONE_ID] in named
    assert second[MILESTONE_ID] in named
    assert row["name"] in named
    assert rig.writes() == []
