"""Each cell of the table of statuses, and each reason for which a row is left alone and named (rules 4)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from statecfg.resources.milestones.decide import verdict
from statecfg.resources.milestones.key import KeyText
from statecfg.resources.milestones.live import NO_STATUS, NONE, NOT_READY, ON_INVOICE, OTHER, POSTED, READY, Entry
from statecfg.resources.milestones.spec import MilestonesSpec
from tests.resources.milestone_worlds import DAY, World, a_row, arrived, in_dataverse, keys

CASES = json.loads((Path(__file__).parents[1] / "cases" / "milestones" / "table.json").read_text("utf-8"))
DATAVERSE = {"none": NONE, "000": NOT_READY, "001": READY, "002": ON_INVOICE, "003": POSTED}
FINANCE = {"none": NONE, "NoStatus": NO_STATUS, "Invoiced": 4, "Posted": OTHER, "InvoiceProposal": OTHER}
SETTINGS: dict[str, dict[str, Any]] = {
    "cells": {},
    "restamp_update": {"restamp": "update"},
    "adopt_not_ready_false": {"adopt_not_ready": False},
}


def _cells() -> list[tuple[str, str, str, str, str | None]]:
    return [(group, *cell) for group in SETTINGS for cell in CASES[group]]


@pytest.mark.parametrize(("group", "dataverse", "finance", "what", "code"), _cells())
def test_each_cell_of_the_table(group: str, dataverse: str, finance: str, what: str, code: str | None) -> None:
    spec = MilestonesSpec("file.csv", **SETTINGS[group])
    entry = Entry(status=DATAVERSE[dataverse], finance=FINANCE[finance])
    assert verdict(entry, spec) == (what, code or "")


def test_the_table_names_every_status_of_dataverse_with_every_status_of_finance() -> None:
    assert {(cell[0], cell[1]) for cell in CASES["cells"]} >= {
        (status, finance) for status in DATAVERSE for finance in ("none", "NoStatus", "Invoiced")
    }


@pytest.mark.parametrize("status", [NONE, NOT_READY, READY, ON_INVOICE])
def test_a_milestone_with_a_billed_actual_is_settled_whatever_its_status(status: int) -> None:
    assert verdict(Entry(status=status, finance=4, billed=True), MilestonesSpec("f")) == ("settled", "")


def test_a_posted_milestone_that_finance_invoiced_for_real_blocks() -> None:
    assert verdict(Entry(status=POSTED, finance=4, posted=True), MilestonesSpec("f")) == (
        "blocked",
        "invoiced-for-real",
    )


def _codes(world: World, *rows: Any, **spec: Any) -> set[str]:
    return {finding.code for finding in world.live(rows or (a_row(),), **spec).findings}


def test_a_fresh_row_is_created_without_a_word() -> None:
    live = World().live([a_row()])
    assert (live.total("create"), live.findings) == (1, ())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Decimal(99)}, "amount-differs"),
        ({"tax": Decimal(1)}, "tax-differs"),
        ({"currency": "EUR"}, "currency-differs"),
        ({"day": date(2021, 11, 2)}, "date-differs"),
        ({"line": 1}, "line-differs"),
        ({"finance_amount": Decimal("100.001")}, "amount-in-finance-differs"),
        ({"finance_currency": "EUR"}, "currency-in-finance-differs"),
    ],
)
def test_a_milestone_that_is_not_as_declared_blocks(changes: dict[str, Any], code: str) -> None:
    row = a_row(tax=Decimal(0))
    world = World()
    world.has(row, arrived(**changes))
    live = world.live([row])
    assert {finding.code for finding in live.findings if finding.blocks} == {code}
    assert live.total("blocked") == 1
    assert live.findings[0].where.line == 2


def test_another_day_in_finance_is_a_warning_only() -> None:
    world = World()
    world.has(a_row(), arrived(finance_day=date(2021, 10, 31)))
    live = world.live([a_row()])
    assert [(f.severity, f.code) for f in live.findings] == [("warn", "date-in-finance-differs")]
    assert live.total("done") == 1


def test_a_row_without_a_date_or_tax_is_not_compared_by_them() -> None:
    world = World()
    row = a_row(date=None)
    world.has(row, arrived(day=date(2020, 1, 1), tax=Decimal(5)))
    assert _codes(world, row) == set()


def test_one_milestone_made_by_hand_with_the_same_key_is_adopted() -> None:
    world = World()
    own = world.has_by_hand(KeyText("con-1 ", "L1", "Kick-OFF"), in_dataverse(NOT_READY))
    live = world.live([a_row()])
    assert (live.total("set_ready"), list(live.adopted.values()), live.findings) == (1, [own], ())
    assert live.owns(own)


def test_two_of_the_same_key_are_an_error_that_names_both() -> None:
    world = World()
    first = world.has_by_hand(KeyText("CON-1", "L1", "Kick-off"), in_dataverse(), 1)
    second = world.has_by_hand(KeyText("CON-1", "L1", "Kick-off"), in_dataverse(), 2)
    (finding,) = world.live([a_row()]).findings
    assert finding.code == "several-candidates"
    assert first.hex()[-12:] in finding.details[0]
    assert second.hex()[-12:] in finding.details[0]


def test_one_made_by_hand_beside_our_own_is_an_error_too() -> None:
    world = World()
    world.has(a_row(), arrived())
    world.has_by_hand(KeyText("CON-1", "L1", "Kick-off"), in_dataverse())
    assert _codes(world) == {"several-candidates"}


def test_after_posting_a_later_milestone_of_the_same_name_changes_nothing() -> None:
    world = World()
    world.has(a_row(), arrived(POSTED))
    world.has_by_hand(KeyText("CON-1", "L1", "Kick-off"), in_dataverse(NOT_READY))
    live = world.live([a_row()])
    assert (live.findings, live.complete) == ((), True)


def test_the_same_id_with_another_name_is_renamed_and_never_created_again() -> None:
    world = World()
    own = world.has(a_row(), arrived())
    world.names[own] = "CON-1 / L1 / Start"
    live = world.live([a_row()])
    assert [(f.severity, f.code) for f in live.findings] == [("warn", "renamed")]
    assert (live.total("create"), live.total("done")) == (0, 1)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (a_row(contract="CON-9"), "unknown-contract"),
        (a_row(line="L9"), "unknown-line"),
        (a_row(currency="EUR"), "currency-mismatch"),
        (a_row(amount=Decimal("100.001")), "too-many-decimals"),
        (a_row(tax=Decimal("1.001")), "too-many-decimals"),
    ],
)
def test_a_row_that_does_not_fit_the_environment_is_named(row: Any, code: str) -> None:
    live = World().live([row])
    assert [(f.severity, f.code) for f in live.findings] == [("block", code)]
    assert live.total("create") == 0


def test_a_contract_that_is_not_won_blocks_what_is_open_and_not_what_is_posted() -> None:
    world = World()
    world.contract = replace(world.contract, won=False)
    world.has(a_row(3, "Old"), arrived(POSTED))
    live = world.live([a_row(), a_row(3, "Old")])
    assert [f.code for f in live.findings] == ["contract-not-won"]
    assert len(live.findings[0].details) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fixed_price": False}, "line-not-fixed-price"),
        ({"project": ""}, "line-without-project"),
        ({"customers": 2}, "several-customers"),
    ],
)
def test_a_line_that_can_not_carry_milestones_blocks(changes: dict[str, Any], code: str) -> None:
    world = World()
    world.line(0, **changes)
    assert _codes(world) == {code}


def test_a_contract_of_a_foreign_legal_entity_blocks() -> None:
    world = World(more={"legal_entities": frozenset({"demf"})})
    assert _codes(world) == {"outside-legal-entities"}


def test_exceeding_the_contracted_amount_blocks_and_others_count_too() -> None:
    world = World()
    world.line(0, amount=Decimal("250.00"))
    rows = [a_row(), a_row(3, "Design")]
    assert _codes(world, *rows) == {"open-remainder"}
    world.has_by_hand(KeyText("CON-1", "L1", "Foreign"), in_dataverse(NOT_READY, amount=Decimal("50.01")))
    (finding,) = world.live(rows).findings
    assert (finding.code, finding.blocks, finding.where.line) == ("contracted-amount-exceeded", True, 2)
    assert "250.01 of 250.00 contracted" in finding.details[0]


def test_a_milestone_of_the_file_that_exists_already_counts_once() -> None:
    world = World()
    world.line(0, amount=Decimal(100))
    world.has(a_row(), arrived())
    assert _codes(world) == set()


def test_a_line_whose_rows_are_all_final_is_not_compared_any_more() -> None:
    world = World()
    world.line(0, amount=Decimal(1))
    world.has(a_row(), arrived(POSTED))
    assert _codes(world) == set()


def test_a_date_outside_the_fiscal_calendar_is_a_warning() -> None:
    world = World(more={"periods": {"usmf": ((date(2022, 1, 1), date(2022, 12, 31)),)}})
    assert [(f.severity, f.code) for f in world.live([a_row()]).findings] == [("warn", "date-outside-periods")]


def test_rows_that_are_not_invoiced_are_counted_and_written_nowhere() -> None:
    rows = [a_row(), a_row(3, "Later", invoiced=False, amount=Decimal(7))]
    live = World().live(rows, not_invoiced="set_aside")
    assert (live.rows, live.total("create"), dict(live.aside)) == (1, 1, {"USD": (1, Decimal(7))})
    assert not live.owns(keys().id(KeyText("CON-1", "L1", "Later")))


def test_names_repeated_on_a_line_are_told_apart_by_date_if_the_key_says_so() -> None:
    world = World(keys=keys("contract", "line", "name", "date"))
    rows = [a_row(), a_row(3, date=date(2022, 1, 1))]
    live = world.live(rows)
    assert (live.total("create"), len(live.ours)) == (2, 2)
    assert DAY.isoformat() in live.first
