"""The procedure from a fresh world to the end, and what a second apply does."""

from __future__ import annotations

from tests.end_to_end.outcome import assert_complete, confirmed, maps
from tests.end_to_end.rig import Rig, said


def test_both_phases_leave_every_milestone_posted_and_no_money_moved(rig: Rig) -> None:
    ledger, invoices, before = rig.ledger(), confirmed(rig), maps(rig)
    rig.done("cutover")
    assert {state for state, _ in maps(rig).values()} == {"1"}, "all three are stopped between the phases"
    rig.done("restored")
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert rig.find("fo.ProjActualsImports") == []
    assert maps(rig) == before, "the very versions that ran before, although higher ones exist"
    assert_complete(rig, invoices)


def test_a_second_apply_of_each_phase_in_either_order_sends_no_write(rig: Rig) -> None:
    rig.done("cutover")
    rig.done("restored")
    rig.forget_requests()
    for phase in ("cutover", "restored", "cutover"):
        result = rig.apply(phase)
        assert (result.exit_code, result.steps) == (0, ()), said(result)
    assert rig.writes() == []


def test_a_second_apply_within_the_open_phase_sends_no_write(rig: Rig) -> None:
    rig.done("cutover")
    rig.forget_requests()
    result = rig.apply("cutover")
    assert (result.exit_code, result.steps, rig.writes()) == (0, (), []), said(result)


def test_restored_on_a_fresh_world_has_nothing_to_do(rig: Rig) -> None:
    plan = rig.plan("restored")
    assert (plan.steps, plan.blocked) == ((), False)
    assert any("has not begun" in finding.what for finding in plan.findings)
