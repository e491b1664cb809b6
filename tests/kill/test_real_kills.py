"""A real SIGKILL at every write of the real command, and with several requests in flight; then resume."""

from __future__ import annotations

import pytest

from tests.conftest import Figures
from tests.kill.bench import Bench, Watching
from tests.kill.claims import SIDES, Claims
from tests.kill.ending import CONFIRM
from tests.kill.killing import deaths, killed_at
from tests.kill.late import killed_before
from tests.kill.recovering import RESUME
from tests.kill.waves import MILESTONES, killed_in, waves


@pytest.mark.parametrize("side", SIDES)
def test_a_killed_run_leaves_its_copy_and_is_resumed(
    watched: Watching, claims: Claims, figures: Figures, side: int
) -> None:
    every = deaths(watched)
    assert every
    wrong, killed = {}, 0
    for death in claims.share("kill", every):
        killed += 1
        words = killed_at(watched.bench, death)
        if words:
            wrong[death.phase, death.number, death.when, death.asked.path] = words
    figures(f"{killed} of {len(every)} writes killed on side {side}, and resumed")
    assert wrong == {}


@pytest.mark.parametrize("side", SIDES)
def test_a_run_that_was_killed_with_several_requests_in_flight_is_resumed(
    bench: Bench, claims: Claims, figures: Figures, side: int
) -> None:
    every = list(waves())
    found = {wave: killed_in(bench, wave) for wave in claims.share("wave", every)}
    figures(f"{len(found)} of {len(every)} waves killed on side {side}, and resumed")
    assert {wave: words for wave, words in found.items() if words} == {}


@pytest.mark.parametrize("side", SIDES)
def test_what_the_service_does_after_the_kill_is_waited_for(
    bench: Bench, claims: Claims, figures: Figures, side: int
) -> None:
    every = [MILESTONES, CONFIRM]
    found = {action: killed_before(bench, action, RESUME) for action in claims.share("late", every)}
    figures(f"{len(found)} of {len(every)} requests carried out after the kill on side {side}, and resumed")
    assert {action: words for action, words in found.items() if words} == {}
