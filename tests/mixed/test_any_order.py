"""Faults, other people's work, deaths, new plans and resumes in any order: the same must hold, and the end is the same.

`make test-mixed` prints the seed and the number of steps; `make test-mixed SEED=n` does the same again.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import Figures
from tests.end_to_end.moments import START, STOP
from tests.end_to_end.outcome import MAPS
from tests.kill.bench import AFTER, BEFORE, PHASES, Bench
from tests.mixed.procedure import Procedure

EXAMPLES, STEPS = 5, 6
SEED = os.environ.get("SEED", "1")
SIDES = ("one", "other")
"""Two searches, so that two processes share the work; each goes its own way."""

EFFECTS: list[dict[str, Any]] = [
    {"effect": "drop"},
    {"effect": "lost"},
    {"effect": "truncate"},
    {"effect": "expire_token"},
    {"effect": "status", "status": 500},
    {"effect": "status", "status": 502, "phase": "after", "answer": "<html>"},
    {"effect": "status", "status": 429, "retry_after": 0},
    {"effect": "status", "status": 503, "retry_after": 0},
]
PLACES = [
    {"service": "dataverse", "method": "GET"},
    {"service": "finance", "method": "GET"},
    {"service": "dualwrite", "method": "GET"},
    {"service": "dataverse", "path": "CreateMultiple"},
    {"service": "dataverse", "path": "NewInvoiceContract"},
    {"service": "dataverse", "path": "PostInvoice"},
    {"service": "dataverse", "path": "annotations"},
    {"service": "dataverse", "method": "POST", "path": "msdyn_dualwriteentitymaps"},
    {"service": "dualwrite", "path": "/Start"},
    {"service": "dualwrite", "path": "SwitchActive"},
    {"service": "dualwrite", "path": "Refresh"},
]


FAULTS = st.builds(
    lambda place, effect, nth, times: {**place, **effect, "occurrence": nth, "times": times},
    st.sampled_from(PLACES),
    st.sampled_from(EFFECTS),
    st.integers(1, 6),
    st.integers(1, 3),
)
MOSTLY_NOW = st.sampled_from(["", "", "", *PHASES])


class Mixed(RuleBasedStateMachine):
    """One procedure; every rule is one run of the product, with all that is in its way."""

    bench: ClassVar[Bench]
    counted: ClassVar[list[int]]

    @initialize()
    def begin(self) -> None:
        self.procedure = Procedure(self.bench, f"mixed{len(self.counted)}")

    @rule(phase=MOSTLY_NOW, faults=st.lists(FAULTS, max_size=3))
    def apply(self, phase: str, faults: list[dict[str, Any]]) -> None:
        for fault in faults:
            self.procedure.fail(fault)
        self.procedure.apply(phase or self.procedure.phase)

    @precondition(lambda self: self.procedure.is_unfinished)
    @rule(faults=st.lists(FAULTS, max_size=2))
    def resume(self, faults: list[dict[str, Any]]) -> None:
        for fault in faults:
            self.procedure.fail(fault)
        self.procedure.resume()

    @rule(
        when=st.sampled_from([BEFORE, AFTER]),
        number=st.integers(1, 25),
        workers=st.sampled_from([1, 3]),
        faults=st.lists(FAULTS, max_size=1),
    )
    def die(self, when: str, number: int, workers: int, faults: list[dict[str, Any]]) -> None:
        for fault in faults:
            self.procedure.fail(fault)
        self.procedure.die(self.procedure.phase, when, number, workers)

    @rule(name=st.sampled_from(MAPS), action=st.sampled_from([START, STOP]), phase=MOSTLY_NOW)
    def run_after_somebody_turned_a_map(self, name: str, action: str, phase: str) -> None:
        self.procedure.turn(name, action)
        self.procedure.apply(phase or self.procedure.phase)

    @rule(contract=st.integers(0, 2))
    def run_while_hours_are_ready(self, contract: int) -> None:
        self.procedure.book_hours(sorted(row["ordernumber"] for row in self.procedure.rig.find("salesorder"))[contract])
        self.procedure.apply(self.procedure.phase)
        self.procedure.take_back()

    @precondition(lambda self: self.procedure.is_unfinished)
    @rule()
    def go_on_without_the_journal(self) -> None:
        self.procedure.lose_journal()
        self.procedure.apply(self.procedure.phase)

    @invariant()
    def nothing_is_unsafe(self) -> None:
        if hasattr(self, "procedure"):
            assert self.procedure.unsafe() == [], self.procedure.steps

    def teardown(self) -> None:
        if not hasattr(self, "procedure"):
            return
        try:
            assert self.procedure.end() == [], self.procedure.steps
            self.counted.append(len(self.procedure.steps))
        finally:
            self.procedure.close()


@pytest.mark.parametrize("side", SIDES)
def test_in_any_order_it_ends_in_the_same_world(bench: Bench, side: str, figures: Figures) -> None:
    counted: list[int] = []
    machine = seed(f"{SEED} {side}")(type("Mixed", (Mixed,), {"bench": bench, "counted": counted}))
    # A seed alone must bring a search back, so nothing is kept, and a failure is shown as it was found.
    search = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(machine, settings=search)  # type: ignore[no-untyped-call]
    finally:
        figures(f"seed {SEED}, {side} side: {len(counted)} procedures, {sum(counted)} steps in any order")
