"""Checks on the file's rows: what each of them keeps from happening is seen when it is left out.

What a check blocks with, and where it points, is in `test_records.py`; here the same worlds are met without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.plan import Plan
from tests.end_to_end.lenient import LenientRig
from tests.end_to_end.outcome import CONFIRMED, export
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import ARRIVED, Stage, give, line_of, make_milestone, staged, stones_of
from tests.end_to_end.test_records import BLAMED, IN_THE_ENVIRONMENT, IN_THE_FILE

Row = dict[str, str]
TOTALS = "control-totals"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The world of `test_records.py`."""
    with staged(tmp_path_factory.mktemp("records"), contracts=3, milestones=12, seed=13) as stage:
        yield stage


def blamed(stage: Stage, **columns: str) -> tuple[Rig, list[Row]]:
    """A rig whose export has one row with other columns, and its rows; the control totals are those of the export."""
    rig = stage.take()
    right = [{**row, "billing": "milestone"} for row in export(rig)]
    rows = [dict(row) for row in right]
    rows[BLAMED] |= columns
    give(rig, rows, totals=right)
    return rig, rows


def planned(plan: Plan) -> int:
    """How many milestones a plan would write."""
    return sum(step.count for step in plan.steps if step.address.kind == "milestones" and step.sends)


def there(rig: Rig, row: Row) -> list[tuple[str, Decimal]]:
    """Status and amount of a row's milestones in F&O."""
    found = rig.find(ARRIVED, ProjectContractId=row["contract"], Description=row["name"])
    return [(each["TransStatus"], each["Amount"]) for each in found]


def is_confirmed(rig: Rig, contract: str) -> bool:
    """Whether a contract has a confirmed invoice."""
    (order,) = rig.find("salesorder", ordernumber=contract)
    return bool(rig.find("invoice", salesorderid=order["salesorderid"], msdyn_projectinvoicestatus=CONFIRMED))


@pytest.mark.parametrize("name", sorted(IN_THE_ENVIRONMENT.keys() - {"more than contracted"}))
def test_without_the_check_a_row_is_left_out_and_nobody_says_so(stage: Stage, name: str) -> None:
    rig, wrong = stage.take(), IN_THE_ENVIRONMENT[name]
    rows = export(rig)
    wrong.edit(rig, rows[BLAMED])
    rows[BLAMED] |= dict(wrong.columns)
    give(rig, rows)
    plan = LenientRig.of(rig, wrong.code, "two-currencies").plan("cutover")
    assert codes(plan.findings) == []
    assert 0 < planned(plan) < len(rows)


def test_without_it_the_whole_cutover_ends_well_and_the_row_is_nowhere(stage: Stage) -> None:
    rig, rows = blamed(stage, contract="CON-9999")
    LenientRig.of(rig, "unknown-contract").done("cutover")
    assert there(rig, rows[BLAMED]) == []


def test_without_the_sum_of_a_line_more_than_was_contracted_counts_as_invoiced(stage: Stage) -> None:
    rig, rows = blamed(stage, amount="9999999.00", tax="0")
    LenientRig.of(rig, "contracted-amount-exceeded", TOTALS).done("cutover")
    assert there(rig, rows[BLAMED]) == [("Invoiced", Decimal("9999999.00"))]
    assert Decimal("9999999.00") > line_of(rig, rows[BLAMED])["baseamount"]


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        ("row-not-invoiced", {"invoiced": "no"}),
        ("too-many-decimals", {"amount": "100.00001"}),
    ],
)
def test_without_the_check_on_the_file_alone_a_row_is_left_out(
    stage: Stage, code: str, columns: dict[str, str]
) -> None:
    rig, rows = blamed(stage, **columns)
    plan = LenientRig.of(rig, code, TOTALS).plan("cutover")
    assert codes(plan.findings) == []
    assert planned(plan) == len(rows) - 1


def test_without_control_totals_a_file_that_was_cut_off_is_taken_for_whole(stage: Stage) -> None:
    rig = stage.take()
    rows = export(rig)
    give(rig, rows[1:], totals=rows)
    LenientRig.of(rig, TOTALS).done("cutover")
    assert there(rig, rows[0]) == []
    assert is_confirmed(rig, rows[0]["contract"]), "and its contract is invoiced without it"


REFUSED = {
    "negative tax": ("tax-negative", {"tax": "-1.00"}),
    "tax without an amount": ("tax-without-amount", {"amount": "0", "tax": "1.00"}),
    "a name too long": ("text-too-long", {"name": "N" * 101}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_without_the_check_the_service_refuses_the_row_in_the_middle_of_the_cutover(stage: Stage, name: str) -> None:
    code, columns = REFUSED[name]
    rig, rows = blamed(stage, **columns)
    result = LenientRig.of(rig, code, TOTALS).apply("cutover")
    assert result.exit_code == 3, said(result)
    contract = rows[BLAMED]["contract"]
    assert not is_confirmed(rig, contract)
    assert all(is_confirmed(rig, row["contract"]) for row in rows if row["contract"] != contract)


def test_without_the_check_for_duplicates_the_load_ends_in_the_middle(stage: Stage) -> None:
    rig = stage.take()
    rows = export(rig)
    again = {**rows[BLAMED], "name": f" {rows[BLAMED]['name'].upper()}", "amount": "1.00"}
    give(rig, [*rows, again])
    result = LenientRig.of(rig, "duplicate-row").apply("cutover")
    assert result.exit_code not in (0, 7, 8), said(result)
    assert len(rig.find(ARRIVED, TransStatus="Invoiced")) > 0
    assert there(rig, rows[BLAMED]) == []


@pytest.mark.parametrize("billing", ["progress", "retainer"])
def test_without_the_check_of_billing_another_sort_is_migrated_as_a_milestone(stage: Stage, billing: str) -> None:
    rig, rows = blamed(stage, billing=billing)
    plan = LenientRig.of(rig, "progress-not-offered", "billing-unknown").plan("cutover")
    assert codes(plan.findings) == []
    assert planned(plan) == len(rows)


SECOND_LINE: dict[str, tuple[str, dict[str, str], str]] = {
    "another currency than the contract's other rows": ("two-currencies", {"currency": "GBP"}, "currency-mismatch"),
    "no currency code": ("currency-unknown", {"currency": "DOLLAR"}, "currency-mismatch"),
    "an amount beyond all": ("amount-too-large", {"amount": "922337203685478.00"}, "contracted-amount-exceeded"),
}


@pytest.mark.parametrize("name", SECOND_LINE)
def test_without_the_check_on_the_file_it_takes_the_environment_to_find_out(stage: Stage, name: str) -> None:
    code, columns, later = SECOND_LINE[name]
    rig, _ = blamed(stage, **columns)
    plan = LenientRig.of(rig, code, TOTALS, "two-currencies").plan("cutover")
    assert codes(plan.findings) == [later]


def test_without_the_check_for_rivals_a_milestone_stays_open_that_was_invoiced(stage: Stage) -> None:
    rig = stage.take()
    row: Any = next(row for row in export(rig) if stones_of(rig, row))
    make_milestone(rig, row)
    LenientRig.of(rig, "several-candidates", "contracted-amount-exceeded").done("cutover")
    assert there(rig, row) == [("NoStatus", Decimal(row["amount"]))]


def test_every_check_on_a_row_is_left_out_here() -> None:
    """Cells that can't be read at all leave nothing to plan with; their checks can't be taken away."""
    unreadable = {"empty-cell", "not-a-number", "not-a-date", "unknown-word"}
    named = {wrong.code for wrong in IN_THE_FILE.values()} - unreadable
    here = {"row-not-invoiced", "progress-not-offered"}
    here |= {code for code, _ in REFUSED.values()} | {code for code, _, _ in SECOND_LINE.values()}
    assert named <= here
