from __future__ import annotations

from decimal import Decimal

from tests.end_to_end.rig import Rig, said

POSTED, CONFIRMED = 192350003, 192350002


def test_both_phases_leave_every_milestone_posted_and_no_money_moved(rig: Rig) -> None:
    before = rig.ledger()
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    assert rig.ledger() == before
    assert rig.plan("cutover").steps == ()
    assert rig.plan("restored").steps == ()


def test_a_second_apply_of_each_phase_sends_no_write(rig: Rig) -> None:
    rig.done("cutover")
    rig.done("restored")
    rig.forget_requests()
    for phase in ("cutover", "restored", "cutover"):
        result = rig.apply(phase)
        assert result.exit_code == 0, said(result)
        assert result.steps == ()
    assert rig.writes() == []
    assert Decimal(0) == 0
