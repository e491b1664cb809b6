"""What is sent for milestones, in which order, and when it counts as arrived."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.environment import Auth, Environment, SignIn
from statecfg.model.records import Record
from statecfg.resources.milestones.arrival import Arrivals, Expected, mismatch
from statecfg.resources.milestones.key import KeyText
from statecfg.resources.milestones.live import NOT_READY, POSTED, READY, MilestonesLive
from statecfg.resources.milestones.payload import ETAG
from statecfg.resources.milestones.read import finance_day, local_day, merged
from statecfg.resources.milestones.send import unlike
from statecfg.resources.milestones.steps import Pending, samples, steps
from tests.resources.milestone_worlds import DAY, World, a_row, arrived, desired, in_dataverse

ENVIRONMENT = Environment("e", "test", "https://d", "https://f", "https://w", "t", Auth(SignIn("c")))
COLUMNS = frozenset({"msdyn_milestonedate", "msdyn_invoicedate"})


def pending(live: MilestonesLive) -> Pending:
    return Pending(live.desired, live, ENVIRONMENT, COLUMNS)


def _steps(live: MilestonesLive) -> list[tuple[str, int, list[str]]]:
    made = list(steps(pending(live)))
    return [(step.verb, step.count, [record.key.rpartition(" / ")[2] for record in step.records]) for step in made]


def test_one_milestone_goes_first_and_is_seen_before_the_rest() -> None:
    live = World().live([a_row(), a_row(3, "Design"), a_row(4, "Go-live")])
    assert _steps(live) == [
        ("create-canary", 1, ["Kick-off"]),
        ("wait-canary", 1, ["Kick-off"]),
        ("create", 2, ["Design", "Go-live"]),
        ("wait", 2, ["Design", "Go-live"]),
    ]


def test_each_legal_entity_has_its_own_canary() -> None:
    world = World()
    other = replace(world.contract, number="CON-2", company="demf", lines={"l1": world.lines[0]})
    here = replace(world.contract, lines={"l1": world.lines[0]})
    world.more["contracts"] = {"con-1": here, "con-2": other}
    rows = [a_row(), a_row(3, "Design"), a_row(4, "Start", contract="CON-2")]
    assert _steps(world.live(rows))[0] == ("create-canary", 2, ["Kick-off", "Start"])


def test_what_is_there_already_is_made_ready_or_sent_again_and_the_rest_untouched() -> None:
    world = World()
    world.has_by_hand(KeyText("CON-1", "L1", "By hand"), in_dataverse(NOT_READY))
    rows = [a_row(), a_row(3, "By hand"), a_row(4, "Lost"), a_row(5, "There"), a_row(6, "Old"), a_row(7, "New")]
    world.has(rows[2], in_dataverse(READY))
    world.has(rows[3], arrived())
    world.has(rows[4], arrived(POSTED))
    assert _steps(world.live(rows)) == [
        ("create-canary", 1, ["Kick-off"]),
        ("wait-canary", 1, ["Kick-off"]),
        ("create", 1, ["New"]),
        ("set-ready", 1, ["By hand"]),
        ("resend", 1, ["Lost"]),
        ("wait", 3, ["By hand", "Lost", "New"]),
    ]


def test_without_anything_to_create_a_touched_one_goes_first() -> None:
    world = World()
    rows = [a_row(), a_row(3, "Lost")]
    for row in rows:
        world.has(row, in_dataverse(READY))
    assert [verb for verb, _, _ in _steps(world.live(rows))] == ["resend-canary", "wait-canary", "resend", "wait"]


def test_nothing_to_send_is_no_step() -> None:
    world = World()
    world.has(a_row(), arrived())
    assert _steps(world.live([a_row()])) == []


def test_every_sending_step_is_fenced_as_a_batch() -> None:
    live = World().live([a_row(), a_row(3, "Design")])
    assert {(step.sends, step.moment) for step in steps(pending(live))} == {(True, "batch"), (False, "")}


def test_records_are_the_same_each_time_they_are_iterated() -> None:
    live = World().live([a_row(), a_row(3, "Design")])
    made = list(steps(pending(live)))
    assert all(list(step.records) == list(step.records) for step in made)


def test_what_is_created_has_both_dates_exact_money_and_its_own_id() -> None:
    row = a_row(amount=Decimal("1000.1"), tax=Decimal("0"), description="R-1")
    live = World().live([row])
    (record,) = next(iter(steps(pending(live)))).records
    assert record.values == {
        "msdyn_contractlinescheduleofvalueid": record.id,
        "msdyn_name": "Kick-off",
        "msdyn_amount": Decimal("1000.10"),
        "msdyn_tax": Decimal("0.00"),
        "msdyn_invoicestatus": 192350001,
        "msdyn_transactionclassification": 192350003,
        "msdyn_transactiontypecode": 192350006,
        "msdyn_contract@odata.bind": "/salesorders(00000000-0000-0000-0000-0000000000c1)",
        "msdyn_ContractLineId@odata.bind": "/salesorderdetails(00000000-0000-0000-0000-0000000000a1)",
        "msdyn_project@odata.bind": "/msdyn_projects(PRJ)",
        "transactioncurrencyid@odata.bind": "/transactioncurrencies(usd-id)",
        "msdyn_invoicedate": "2021-11-01T00:00:00Z",
        "msdyn_milestonedate": "2021-11-01",
        "msdyn_description": "R-1",
    }
    assert str(record.values["msdyn_amount"]) == "1000.10"


@pytest.mark.parametrize(
    ("precision", "amount", "sent"),
    [(0, "1000", "1000"), (2, "922337203685476.99", "922337203685476.99"), (3, "1.5", "1.500")],
)
def test_money_has_the_decimals_of_its_currency(precision: int, amount: str, sent: str) -> None:
    world = World()
    world.contract = replace(world.contract, precision=precision)
    (record,) = next(iter(steps(pending(world.live([a_row(amount=Decimal(amount))]))))).records
    assert str(record.values["msdyn_amount"]) == sent


def test_a_touch_writes_only_the_status_and_only_if_nobody_changed_the_record() -> None:
    world = World()
    world.has(a_row(), in_dataverse(READY, version=4711))
    (record,) = next(iter(steps(pending(world.live([a_row()]))))).records
    assert record.values == {ETAG: 'W/"4711"', "msdyn_invoicestatus": 192350001}
    assert len(record.before) == 32


def test_samples_name_the_first_rows() -> None:
    live = World().live([a_row(n, f"M{n}") for n in range(2, 40)])
    assert len(list(samples(pending(live)))) == 20


WANTED = Expected("k", Decimal("100.00"), "USD", DAY, "l1")


def _finance(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ContractLineMilestoneGuid": "00000000-0000-0000-0000-000000000001", "ProjectContractId": "CON-1",
        "TransStatus": "Invoiced", "Amount": Decimal(100), "CurrencyCode": "USD",
        "TransactionDate": "2021-11-01T12:00:00Z",
    }  # fmt: skip
    return {**row, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"TransStatus": "NoStatus"}, "NoStatus"),
        ({"Amount": Decimal("100.01")}, "100.01"),
        ({"CurrencyCode": "EUR"}, "EUR"),
        ({"TransactionDate": "2021-10-31T12:00:00Z"}, "2021-10-31"),
        ({"TransactionDate": "1900-01-01T12:00:00Z"}, "empty"),
    ],
)
def test_a_milestone_has_arrived_only_as_it_must_be(changes: dict[str, Any], said: str) -> None:
    found = mismatch(WANTED, _finance(**changes))
    assert bool(found) == bool(said)
    assert said in found


def _arrivals() -> Arrivals:
    values = {"contract": "CON-1", "line": "l1", "amount": Decimal(100), "currency": "USD", "date": "2021-11-01"}
    records = [Record(f"k{n}", f"00000000-0000-0000-0000-00000000000{n}", "", values) for n in (1, 2)]
    return Arrivals.of(records, 2)


def test_waiting_counts_what_arrived_and_ends_when_all_did() -> None:
    arrivals = _arrivals()
    assert arrivals.observation().state == "not_yet"
    arrivals.note([_finance()])
    assert (arrivals.observation().done, arrivals.observation().state) == (1, "not_yet")
    arrivals.note([_finance(ContractLineMilestoneGuid="00000000-0000-0000-0000-000000000002")])
    assert arrivals.observation().state == "reached"


def test_one_that_arrives_otherwise_fails_the_wait_by_name() -> None:
    arrivals = _arrivals()
    arrivals.note([_finance(TransStatus="NoStatus")])
    seen = arrivals.observation()
    assert (seen.state, "k1" in seen.what) == ("failed", True)


def test_one_that_dataverse_refused_is_not_waited_for() -> None:
    arrivals = _arrivals()
    arrivals.note([_finance()])
    arrivals.drop(set())
    assert arrivals.observation().state == "reached"
    assert "1 were refused" in arrivals.observation().what


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021-11-01", date(2021, 11, 1)),
        ("2021-11-01T00:00:00Z", date(2021, 11, 1)),
        ("2021-10-31T23:00:00Z", date(2021, 11, 1)),
        ("2021-11-01T05:00:00Z", date(2021, 11, 1)),
        (None, None),
    ],
)
def test_a_local_date_is_the_day_its_author_saw(text: str | None, day: date | None) -> None:
    assert local_day(text) == day


def test_the_empty_date_of_finance_is_no_date() -> None:
    assert finance_day("1900-01-01T12:00:00Z") is None


def test_spans_of_days_that_touch_are_one() -> None:
    spans = [(date(2021, 2, 1), date(2021, 2, 28)), (date(2021, 1, 1), date(2021, 1, 31)), (date(2023, 1, 1), DAY)]
    assert merged(spans)[0] == (date(2021, 1, 1), date(2021, 2, 28))


def test_a_record_read_back_must_equal_what_was_sent() -> None:
    values = {
        "msdyn_name": "Kick-off", "msdyn_amount": Decimal("100.00"), "msdyn_invoicedate": "2021-11-01T00:00:00Z",
        "msdyn_contract@odata.bind": "/salesorders(ABC)",
    }  # fmt: skip
    row = {
        "msdyn_name": "Kick-off", "msdyn_amount": Decimal("100.0000"), "msdyn_invoicedate": "2021-11-01T00:00:00Z",
        "_msdyn_contract_value": "abc",
    }  # fmt: skip
    record = Record("k", "1", "", values)
    assert unlike(record, row) == ""
    assert "msdyn_amount" in unlike(record, {**row, "msdyn_amount": Decimal("100.01")})
    assert "_msdyn_contract_value" in unlike(record, {**row, "_msdyn_contract_value": "other"})


def test_the_declaration_travels_with_what_was_read() -> None:
    rows = [a_row()]
    assert World().live(rows).desired.address == desired(rows).address
