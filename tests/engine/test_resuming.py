from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statecfg.engine.journal import Journal
from statecfg.engine.resuming import numbered, settle
from statecfg.engine.waiting import Pace, Waiting
from statecfg.model.address import Address
from statecfg.model.errors import StalePlan
from statecfg.model.kind import Settlement
from statecfg.model.plan import Batching, Identity, Step
from statecfg.model.records import Record
from tests.engine.planning import Sheets

MAP, STONES, INVOICES = Address("map", "m"), Address("sheet", "s"), Address("invoices", "i")
PLAN = (
    Step(MAP, "stop", "stop", 1, targets=(MAP,)),
    Step(MAP, "start", "start", 2, targets=(MAP,)),
    Step(STONES, "create", "create", 3, batching=Batching(), records=(Record("a", "1"), Record("b", "2"))),
    Step(STONES, "wait", "wait", 4, sends=False),
    Step(MAP, "stop", "stop", 5, targets=(MAP,)),
    Step(INVOICES, "create", "create", 6, batching=Batching(), records=(Record("c", "3"),)),
    Step(INVOICES, "confirm", "confirm", 7, batching=Batching(), records=(Record("c", "3"),)),
)


def again(*numbers: int) -> tuple[Step, ...]:
    """Steps of the plan as a new reading numbers them."""
    chosen = [step for step in PLAN if step.number in numbers]
    return tuple(replace(step, number=number) for number, step in enumerate(chosen, 1))


@pytest.mark.parametrize("left", [(3, 4, 5, 6, 7), (6, 7), (7,), (1, 2, 3, 4, 5, 6, 7)])
def test_what_is_left_keeps_its_numbers(left: tuple[int, ...]) -> None:
    assert tuple(step.number for step in numbered(again(*left), PLAN)) == left


def test_a_wait_that_the_plan_did_not_hold_gets_a_free_number() -> None:
    wait = Step(INVOICES, "wait-jobs", "wait", 1, sends=False)
    assert [step.number for step in numbered((wait, *again(7)), PLAN)] == [1, 7]


def test_where_no_number_is_free_all_count_on_from_the_end() -> None:
    wait = Step(INVOICES, "wait-jobs", "wait", 1, sends=False)
    steps = numbered((*again(1), wait, *again(2)), PLAN)
    assert [step.number for step in steps] == [8, 9, 10]


class Confirming(Sheets):
    """Remembers what it was asked to settle, and after how long."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...], float]] = []

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        self.asked.append((step.verb, tuple(record.key for record in batch), since))
        return Settlement()


def settled(journal: Journal, kinds: dict[str, Any]) -> None:
    settle("run", PLAN, kinds, Waiting(Pace(0.0, 0.0)), journal)


def begun(path: Path) -> Journal:
    journal = Journal(path / "j.sqlite")
    journal.begin("run", Identity("e", "o", "f", "c"), "cutover", "", "d", "anna", "")
    return journal


def test_a_request_of_a_run_that_went_on_before_is_settled_as_what_it_was(tmp_path: Path) -> None:
    """Whatever number it was sent under: a confirm taken for a map's step would be sent twice."""
    journal, invoices, maps = begun(tmp_path), Confirming(), Confirming()
    journal.intend("run", replace(PLAN[6], number=2), [PLAN[6].records])  # type: ignore[list-item]
    settled(journal, {"invoices": invoices, "map": maps})
    assert [(verb, keys) for verb, keys, _ in invoices.asked] == [("confirm", ("c",))]
    assert maps.asked == []


def test_a_request_that_the_plan_does_not_hold_is_told_and_not_guessed(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.intend("run", Step(INVOICES, "revise", "revise", 7), [()])
    with pytest.raises(StalePlan, match="revise"):
        settled(journal, {"invoices": Confirming()})


def test_quiet_is_counted_from_a_runs_end_and_for_a_killed_one_from_now(tmp_path: Path) -> None:
    journal, invoices = begun(tmp_path), Confirming()
    journal.intend("run", PLAN[6], [PLAN[6].records])  # type: ignore[list-item]
    settled(journal, {"invoices": invoices})
    journal.end("run", "interrupted", {})
    journal._db.execute("update run set ended_at = '2020-01-01T00:00:00.000Z'")
    journal.intend("run", PLAN[6], [PLAN[6].records])  # type: ignore[list-item]
    settled(journal, {"invoices": invoices})
    assert invoices.asked[0][2] < 5
    assert invoices.asked[1][2] > 300
