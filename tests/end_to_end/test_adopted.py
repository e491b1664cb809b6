"""A milestone made by hand that a run adopted stays the file's, whatever it is called later (rules 4.1)."""

from __future__ import annotations

from collections.abc import Callable

from tests.end_to_end.rig import Rig

TABLE = "msdyn_contractlinescheduleofvalue"


def test_an_adopted_milestone_that_is_renamed_later_is_still_the_files(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=4, milestones=24)
    rig.done("cutover")
    rig.done("restored")
    run = rig.app()._stage.scene("cutover").book.current
    assert run is not None
    adopted = set(run.adopted.values())
    assert adopted
    with rig.sandbox.world.transaction() as tx:
        for key in adopted:
            tx.update(TABLE, key, {"msdyn_name": "Called otherwise now"})
    plan = rig.plan("cutover")
    assert (plan.steps, plan.blocked) == ((), False), [f.what for f in plan.findings]
    assert any(finding.code == "renamed" for finding in plan.findings)
    assert "milestone-missing" not in [finding.code for finding in rig.app().drift().findings]
