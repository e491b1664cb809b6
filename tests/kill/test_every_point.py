"""From every point of death: one undisturbed run is copied at every request, and every distinct copy is recovered."""

from __future__ import annotations

import pytest

from statecfg.sandbox.seeding import generate
from statecfg.sandbox.seeding.portfolio import Billing, Line, Milestone, Standing
from tests.conftest import Figures
from tests.kill.bench import SHAPE, Watching
from tests.kill.ending import once
from tests.kill.recovering import APPLY, RESUME, recover


def test_the_undisturbed_run_makes_confirms_and_bills_each_invoice_once(watched: Watching) -> None:
    assert watched.bench.ending is not None
    assert once(watched.bench.ending, watched.bench.rig) == []


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(RESUME, marks=pytest.mark.xdist_group("side-0")),
        pytest.param(APPLY, marks=pytest.mark.xdist_group("side-1")),
    ],
)
def test_every_copy_is_recovered(watched: Watching, figures: Figures, way: str) -> None:
    """By resume of what the journal holds; by a new apply where the journal is gone."""
    copies = list(watched.copies.values())
    found = {f"{copy.world} ({copy.phase}, {copy.moment})": recover(watched.bench, copy, way) for copy in copies}
    figures(f"{watched.points} points, {len(copies)} distinct states, {len(found)} recovered by {way}")
    assert len(found) == len(copies)
    assert {moment: words for moment, words in found.items() if words} == {}


def test_the_small_world_has_every_kind_of_line_and_a_milestone_made_by_hand() -> None:
    company = generate.portfolio(**SHAPE)
    ours = {contract.number: contract for contract in company.contracts if contract.in_file}
    stones = [stone for stone in company.milestones if stone.contract in ours]
    kinds = {kind_of(line, stones) for contract in ours.values() for line in contract.lines}
    assert kinds == {"whole", "with open milestones", "with a remainder", "time"}
    assert len(ours) == 3
    assert len({contract.entity for contract in ours.values()}) == 2
    assert [stone.standing for stone in stones].count(Standing.BY_HAND) == 1


def kind_of(line: Line, stones: list[Milestone]) -> str:
    """What is special about a line of the small world."""
    own = [stone for stone in stones if (stone.contract, stone.line) == (line.contract, line.name)]
    if line.billing is not Billing.FIXED_PRICE:
        return "time"
    if line.amount > sum(stone.amount for stone in own):
        return "with a remainder"
    return "with open milestones" if any(stone.standing is Standing.OPEN for stone in own) else "whole"
