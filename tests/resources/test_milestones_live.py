"""What is kept of a milestone, and what a plan, a check and the next phase are told of all of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statecfg.resources.milestones import drifting, showing
from statecfg.resources.milestones.live import (
    NOT_READY,
    ON_INVOICE,
    POSTED,
    READY,
    Codes,
    Entry,
    Ids,
    packed,
    unpacked,
)
from statecfg.resources.milestones.wording import money
from tests.resources.milestone_worlds import World, a_row, arrived, desired, in_dataverse

AMOUNTS = st.decimals(Decimal("-922337203685477.5808"), Decimal("922337203685477.5807"), places=4, allow_nan=False)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2999, 12, 31))


@given(
    st.sampled_from([-1, 0, 1, 2, 3]), st.sampled_from([-1, 0, 4, 127]), AMOUNTS.filter(lambda a: a > -922337203685477),
    st.none() | AMOUNTS.filter(lambda a: a >= 0), st.sampled_from(["", "USD", "EUR", "JPY"]), DAYS,
    st.integers(-1, 2**31), st.integers(0, 2**62), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_packed_milestone_comes_back_to_the_last_digit(
    status: int, finance: int, amount: Decimal, tax: Decimal | None, currency: str, day: date | None, line: int,
    version: int, billed: bool, posted: bool,
) -> None:  # fmt: skip
    codes = Codes()
    entry = Entry(status, finance, amount, tax, currency, day, line, version, amount, currency, day, billed, posted)
    assert unpacked(packed(entry, codes), codes) == entry


def test_an_amount_with_more_decimals_than_the_service_has_equals_nothing() -> None:
    codes = Codes()
    entry = unpacked(packed(Entry(finance_amount=Decimal("1.00001")), codes), codes)
    assert entry.finance_amount is None


@given(st.sets(st.uuids()), st.uuids())
def test_a_set_of_ids_knows_its_members_in_any_spelling(members: set[uuid.UUID], other: uuid.UUID) -> None:
    ids = Ids(member.bytes for member in members)
    assert len(ids) == len(members)
    assert all(str(member) in ids and member.bytes in ids for member in members)
    assert (str(other).upper() in ids) is (other in members)
    assert list(ids) == sorted(member.bytes for member in members)


def _world(*statuses: int) -> tuple[World, list[Any]]:
    world, rows = World(), [a_row(n, f"M{n}") for n in range(2, 2 + len(statuses))]
    for row, status in zip(rows, statuses, strict=True):
        if status >= 0:
            world.has(row, arrived(status))
    return world, rows


@pytest.mark.parametrize(
    ("statuses", "complete", "settled", "untouched"),
    [
        ((-1, -1), False, 0, True),
        ((READY, -1), False, 0, False),
        ((ON_INVOICE, READY), False, 0, False),
        ((POSTED, READY), False, 1, False),
        ((POSTED, POSTED), True, 2, False),
    ],
)
def test_how_far_a_file_is(statuses: tuple[int, ...], complete: bool, settled: int, untouched: bool) -> None:
    world, rows = _world(*statuses)
    live = world.live(rows)
    assert (live.complete, live.settled, live.untouched) == (complete, settled, untouched)


def test_what_was_invoiced_before_counts_as_settled() -> None:
    world = World()
    world.has(a_row(), arrived(READY, billed=True))
    live = world.live([a_row()])
    assert (live.complete, live.settled, live.total("done")) == (True, 1, 0)


def _digest(change: Callable[[World, Any], object] | None = None) -> str:
    world, rows = _world(READY, POSTED)
    if change:
        change(world, rows[0])
    live = world.live(rows)
    (line,) = showing.world(live.desired, live)
    return line.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"status": ON_INVOICE},
        {"finance": 0},
        {"amount": Decimal("100.01")},
        {"tax": Decimal(1)},
        {"day": date(2020, 1, 1)},
        {"finance_amount": Decimal(99)},
        {"billed": True},
        {"posted": True},
    ],
)
def test_every_change_that_a_plan_depends_on_shows_in_its_contract(changes: dict[str, Any]) -> None:
    assert _digest(lambda world, row: world.has(row, arrived()._replace(**changes))) != _digest()


def test_a_version_number_alone_does_not_make_a_plan_stale() -> None:
    assert _digest(lambda world, row: world.has(row, arrived(version=99))) == _digest()


def test_the_order_of_rows_does_not_show() -> None:
    world, rows = _world(READY, POSTED, -1)
    one, other = world.live(rows), world.live(rows[::-1])
    assert [line.digest for line in showing.world(one.desired, one)] == [
        line.digest for line in showing.world(other.desired, other)
    ]


def test_the_plan_says_how_much_is_there_and_what_it_comes_to() -> None:
    world, rows = _world(READY, POSTED, -1)
    live = world.live(rows, not_invoiced="set_aside")
    same = showing.unchanged(live.desired, live)
    assert same
    assert (same.count, same.what) == (2, "1 ready and Invoiced in F&O, 1 posted")
    shown = showing.summary(live.desired, live)
    assert shown
    assert dict(shown.lines)["sum"] == "300.00 USD (3)"


def test_nothing_is_summed_up_once_all_is_done() -> None:
    world, rows = _world(POSTED)
    live = world.live(rows)
    assert showing.summary(live.desired, live) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234.5", "1,234.50"), ("1000", "1,000.00"), ("180000.0000", "180,000.00"), ("0.1234", "0.1234")],
)
def test_money_reads_as_money(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def _drift(world: World, rows: list[Any]) -> list[tuple[str, str]]:
    live = world.live(rows)
    return [(finding.severity, finding.code) for finding in drifting.drift(desired(rows), live)]


def test_a_finished_file_has_no_drift() -> None:
    world, rows = _world(POSTED, POSTED)
    assert _drift(world, rows) == []


def test_a_file_of_which_nothing_is_there_has_not_begun() -> None:
    assert _drift(World(), [a_row()]) == [("info", "not-begun")]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (arrived(POSTED, amount=Decimal(99)), "amount-differs"),
        (arrived(POSTED, finance_amount=Decimal(99)), "amount-in-finance-differs"),
        (arrived(POSTED, finance=0), "posted-not-invoiced"),
        (arrived(POSTED, posted=True), "invoiced-for-real"),
        (arrived(READY), "open-in-dataverse"),
        (arrived(ON_INVOICE), "open-in-dataverse"),
        (arrived(READY, billed=True), "revised-after-go-live"),
        (in_dataverse(NOT_READY), "milestone-not-sent"),
        (Entry(), "milestone-missing"),
    ],
)
def test_drift_names_each_milestone_that_is_not_as_it_was_left(entry: Entry, code: str) -> None:
    world, rows = _world(POSTED)
    other = a_row(9, "Other")
    world.has(other, entry)
    live = world.live([*rows, other])
    (finding,) = drifting.drift(desired([*rows, other]), live)
    assert (finding.severity, finding.code) == ("block", code)
    assert "CON-1 / L1 / Other" in finding.what
