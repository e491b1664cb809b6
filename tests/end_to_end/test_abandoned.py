"""The way back, from each stage before the first draft, and what stands in its way after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.outcome import READY, maps
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.test_intermediate_worlds import at_each_step, keep_worlds

WORDS = {"left-behind": "Eva Lead: finance knows and will reverse them"}


def test_it_works_from_every_stage_before_the_first_draft(rigs: Callable[..., Rig], tmp_path: Path) -> None:
    rig = rigs(contracts=3, milestones=12)
    before, ledger = maps(rig), rig.ledger()
    first_draft = next(step for step in rig.plan("cutover").steps if step.moment == "create").number
    kept = keep_worlds(rig, at_each_step("cutover"))
    rig.done("cutover")
    for name in kept[: first_draft - 1]:
        rig.restore(name)
        rig.state_dir, rig.events = tmp_path / name, []
        result = rig.apply("abandoned", attest=WORDS)
        assert result.exit_code == 0, f"{name}: {said(result)}"
        assert maps(rig) == before, name
        assert rig.ledger() == ledger, name


def test_drafts_of_ours_are_named_and_once_deleted_it_works(rigs: Callable[..., Rig], tmp_path: Path) -> None:
    rig = rigs(contracts=3, milestones=12)
    before = maps(rig)
    steps = rig.plan("cutover").steps
    created = next(step for step in steps if step.moment == "create")
    result = rig.apply("cutover", stop_after=created.number)
    assert result.exit_code == 3, said(result)
    drafts = [row for row in rig.find("invoice") if row["createdby"] != rig.find("invoice")[0]["createdby"]]
    blocked = rig.apply("abandoned", attest=WORDS)
    assert blocked.exit_code == 7, said(blocked)
    named = [finding for finding in (*blocked.plan.findings, *blocked.findings) if finding.code == "invoices-pending"]
    assert named
    assert named[0].details
    for draft in drafts:
        rig.delete_as_somebody("invoices", draft["invoiceid"])
    ours = rig.find("msdyn_contractlinescheduleofvalue", msdyn_invoicestatus=READY)
    assert len(ours) == 12
    result = rig.apply("abandoned", attest=WORDS)
    assert result.exit_code == 0, said(result)
    assert maps(rig) == before


def test_what_stays_invoiced_in_finance_must_be_attested(rigs: Callable[..., Rig]) -> None:
    rig = rigs(contracts=3, milestones=12)
    arrived = next(step for step in rig.plan("cutover").steps if step.moment == "create").number - 1
    rig.apply("cutover", stop_after=arrived)
    result = rig.apply("abandoned")
    assert result.exit_code == 7, said(result)
    assert "left-behind" in codes(result.plan.findings, "ask")
    assert "--attest left-behind" in str(getattr(result.error, "do", ""))


def test_after_the_first_confirm_there_is_no_way_back(rig: Rig) -> None:
    rig.done("cutover")
    result = rig.apply("abandoned", attest=WORDS)
    assert result.exit_code == 7, said(result)
    assert "invoices-confirmed" in codes((*result.plan.findings, *result.findings))
