"""From every point of death: one undisturbed run is copied at every request, and every distinct copy is recovered."""

from __future__ import annotations

import pytest

from tests.kill.bench import Watching
from tests.kill.conftest import Figures
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
    found = {f"{way} from {copy.moment}": recover(watched.bench, copy, way) for copy in copies}
    figures(f"{watched.points} points, {len(copies)} distinct states, {len(found)} recovered by {way}")
    assert {moment: words for moment, words in found.items() if words} == {}
