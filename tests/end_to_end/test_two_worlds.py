"""What was recorded of one world is never taken for another."""

from __future__ import annotations

from collections.abc import Callable

from tests.end_to_end.rig import Rig


def test_a_world_made_anew_at_the_same_address_begins_afresh(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=2, milestones=6)
    rig.done("cutover")
    rig.done("restored")
    assert rig.plan("cutover").passed == "restored"
    rig.control("seed", "POST", contracts=2, milestones=6)
    plan = rig.plan("cutover")
    assert plan.passed == ""
    assert plan.steps
