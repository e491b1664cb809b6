"""Everything that the file alone shows to be wrong, at its row and heading."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.columns import Column
from statecfg.resources.milestones.problems import problems
from statecfg.resources.milestones.spec import Expect
from tests.resources.milestone_worlds import a_row, desired


def _found(*rows: Any, **spec: Any) -> list[tuple[str, int, int | str]]:
    return [(p.code, p.where.line, p.where.column) for p in problems(desired(rows, **spec))]


def test_a_good_file_has_no_problem() -> None:
    assert _found(a_row(), a_row(3, "Design", amount=Decimal("-5.00"), tax=Decimal(0))) == []


@pytest.mark.parametrize(
    ("changes", "code", "column"),
    [
        ({"tax": Decimal("-1")}, "tax-negative", "tax"),
        ({"amount": Decimal(0), "tax": Decimal(1)}, "tax-without-amount", "tax"),
        ({"amount": Decimal(922337203685478)}, "amount-too-large", "amount"),
        ({"amount": Decimal("1.00001")}, "too-many-decimals", "amount"),
        ({"currency": " "}, "currency-missing", "currency"),
        ({"currency": "Dollar"}, "currency-unknown", "currency"),
        ({"billing": "progress"}, "progress-not-offered", "billing"),
        ({"billing": "weekly"}, "billing-unknown", "billing"),
        ({"name": "x" * 101}, "text-too-long", "name"),
        ({"invoiced": False}, "row-not-invoiced", "invoiced"),
    ],
)
def test_a_bad_row_is_named_with_its_heading(changes: dict[str, Any], code: str, column: str) -> None:
    assert _found(a_row(3, "Good"), a_row(7, **changes)) == [(code, 7, column)]


def test_the_greatest_amount_that_the_service_holds_is_no_problem() -> None:
    assert _found(a_row(amount=Decimal("922337203685476.99"))) == []


def test_the_heading_is_the_one_of_the_file() -> None:
    columns = {"amount": Column("Betrag", decimal=","), "tax": "Steuer"}
    assert _found(a_row(tax=Decimal(-1)), columns=columns) == [("tax-negative", 2, "Steuer")]


def test_duplicates_name_both_rows_whatever_their_case_and_spaces() -> None:
    (problem,) = problems(desired([a_row(), a_row(9, "KICK-OFF ", contract="con-1")]))
    assert (problem.code, problem.where.line) == ("duplicate-row", 9)
    assert "rows 2 and 9" in problem.what


def test_a_contract_has_one_currency_in_the_file() -> None:
    rows = [a_row(), a_row(3, "Rate", contract="con-1 ", currency="EUR"), a_row(4, "Other", currency="usd")]
    (problem,) = problems(desired(rows))
    assert (problem.code, problem.where.line, problem.where.column) == ("two-currencies", 3, "currency")
    assert "row 2" in problem.what


def test_the_date_tells_repeated_names_apart_and_must_then_be_there() -> None:
    rows = [a_row(), a_row(3, date=None)]
    assert _found(*rows, key=("contract", "line", "name", "date")) == [("key-date-empty", 3, "date")]


def test_rows_set_aside_are_no_problem_and_do_not_count() -> None:
    rows = [a_row(), a_row(3, invoiced=False, amount=Decimal(7))]
    expect = Expect(1, {"USD": Decimal(100)})
    assert _found(*rows, not_invoiced="set_aside", expect=expect) == []


@pytest.mark.parametrize(
    ("expect", "codes"),
    [
        (Expect(2, {"USD": Decimal("200.0")}), []),
        (Expect(3), ["control-totals"]),
        (Expect(2, {"usd": Decimal("199.99")}), ["control-totals"]),
        (Expect(None, {"EUR": Decimal(1)}), ["control-totals", "control-totals"]),
    ],
)
def test_control_totals_must_match(expect: Expect, codes: list[str]) -> None:
    assert [code for code, _, _ in _found(a_row(), a_row(3, "Design"), expect=expect)] == codes


def test_a_file_without_an_invoiced_row_is_a_problem() -> None:
    assert [code for code, _, _ in _found()] == ["no-rows"]
