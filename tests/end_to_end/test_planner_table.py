"""The rows of the planner's table that are about records: what is planned, and that it ends as an undisturbed run does.

One undisturbed run gives the moments; each test takes one up, has somebody change what the row says, and finishes
with a project directory that knows nothing of the run.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from statecfg.model.plan import Plan, Step
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops.creating import create_invoice
from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.outcome import CONFIRMED, canonical, confirmed, export
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import (
    ARRIVED,
    MILESTONE,
    MILESTONE_ID,
    Stage,
    contract_ids,
    give,
    make_milestone,
    staged,
    stones_of,
    use,
)
from tests.foreign.client import Client

A, B, C, D = "CON-0001", "CON-0002", "CON-0003", "CON-0004"
FILE = "milestones/invoiced-before-go-live"
INVOICES = "invoices/for-those-milestones"


@dataclass
class Played:
    """A stage after its undisturbed run. world, ledger: what every test must end in."""

    stage: Stage
    world: Mapping[str, Any]
    ledger: Any

    def take(self, moment: str) -> Rig:
        """A moment of the run: fresh, loaded (map running), stopped, canary (confirmed), drafts, or live."""
        return moments.taken(self.stage, moment)

    def assert_ends_the_same(self, rig: Rig) -> None:
        """Finish both phases; the world must be what the undisturbed run left."""
        for phase in ("cutover", "restored"):
            rig.done(phase)
        rig.import_and_post()
        assert canonical(rig) == self.world
        assert rig.ledger() == self.ledger


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with staged(tmp_path_factory.mktemp("table"), contracts=4, milestones=14, seed=13) as stage:
        rig = stage.rig()
        ledger, others = rig.ledger(), Meddler(rig)
        others.at("step_complete", lambda: stage.keep("loaded"), address=FILE, verb="wait")
        others.at("step_start", lambda: stage.keep("stopped"), address=INVOICES, verb="create-canary")
        others.at("step_start", lambda: stage.keep("canary"), address=INVOICES, verb="create")
        others.at("step_start", lambda: stage.keep("drafts"), address=INVOICES, verb="confirm")
        rig.done("cutover")
        assert others.done == 4
        rig.done("restored")
        rig.import_and_post()
        stage.keep("live")
        yield Played(stage, canonical(rig), ledger)
        others.client.close()


def steps_of(plan: Plan, address: str) -> Counter[str]:
    """How many records each sort of step has; a canary counts as what it is the canary of."""
    found: Counter[str] = Counter()
    for step in plan.steps:
        if str(step.address) == address and step.sends:
            found[step.verb.removesuffix("-canary")] += step.count
    return found


def map_steps(plan: Plan, verb: str) -> list[tuple[str, ...]]:
    """Which maps each such step touches."""
    return [maps_of(step) for step in plan.steps if step.address.kind == "map" and step.verb == verb]


def maps_of(step: Step) -> tuple[str, ...]:
    return tuple(address.name for address in step.targets or (step.address,))


def ours_on(rig: Rig, contract: str) -> list[dict[str, Any]]:
    """Milestones in Dataverse that rows of the export on this contract stand for."""
    return [stone for row in export(rig) if row["contract"] == contract for stone in stones_of(rig, row)]


def lose_arrival(rig: Rig, stones: Iterable[Mapping[str, Any]]) -> None:
    """F&O never got these milestones."""
    with rig.sandbox.world.transaction() as tx:
        for stone in stones:
            (row,) = tx.find(ARRIVED, ContractLineMilestoneGuid=stone[MILESTONE_ID])
            tx.delete(ARRIVED, (row["dataAreaId"], row["ContractLineMilestoneIdentifier"]))


def lose(rig: Rig, stones: list[dict[str, Any]]) -> None:
    """These milestones were never made."""
    lose_arrival(rig, stones)
    with rig.sandbox.world.transaction() as tx:
        for stone in stones:
            tx.delete(MILESTONE, stone[MILESTONE_ID])


def draft(rig: Rig, contract: str) -> None:
    """A draft over what is ready on a contract, whatever runs: no map carries anything."""
    with rig.sandbox.world.transaction() as tx, tx.echoing():
        create_invoice(tx, contract_ids(rig)[contract])


def by_our_application(rig: Rig, entity_set: str, key: str, action: str) -> None:
    """An action that a run of ours asked for before it was ended."""
    with closing(Client(rig.sandbox.details)) as client:
        client.act(entity_set, key, action)


def invoices_on(rig: Rig, contract: str, **equals: Any) -> list[dict[str, Any]]:
    return rig.find("invoice", salesorderid=contract_ids(rig)[contract], **equals)


def test_what_is_there_stays_what_is_missing_is_made_and_what_never_arrived_is_sent_again(played: Played) -> None:
    """Of four contracts: one drafted, one arrived, one arrived in part, one absent."""
    rig = played.take("loaded")
    draft(rig, A)
    on_c, on_d = ours_on(rig, C), ours_on(rig, D)
    lose_arrival(rig, on_c[:2])
    lose(rig, on_d)
    plan = rig.plan("cutover")
    assert codes(plan.findings) == []
    assert steps_of(plan, FILE) == {"create": len(on_d), "resend": 2}
    assert steps_of(plan, INVOICES) == {"create": 3, "confirm": 4}
    assert map_steps(plan, "start") == [], "the map runs on the cutover version already"
    played.assert_ends_the_same(rig)


def test_a_contract_that_is_posted_already_is_not_touched(played: Played) -> None:
    rig = played.take("canary")
    (done,) = [number for number in (A, B, C, D) if invoices_on(rig, number, msdyn_projectinvoicestatus=CONFIRMED)]
    open_stones = [stone for number in {A, B, C, D} - {done} for stone in ours_on(rig, number)]
    moments.now(rig, moments.start(rig, "milestones"))
    lose_arrival(rig, open_stones[:1])
    posted = {stone[MILESTONE_ID] for stone in ours_on(rig, done)}
    plan = rig.plan("cutover")
    touched = {record.id for step in plan.steps for record in step.records}
    assert touched
    assert not touched & {*posted, contract_ids(rig)[done]}
    assert steps_of(plan, FILE) == {"resend": 1}
    before = {stone[MILESTONE_ID]: stone["versionnumber"] for stone in ours_on(rig, done)}
    played.assert_ends_the_same(rig)
    assert {stone[MILESTONE_ID]: stone["versionnumber"] for stone in ours_on(rig, done)} == before


def test_a_confirm_in_flight_is_waited_for_before_the_milestones_map_alone_starts(played: Played) -> None:
    """Milestones are missing, some contracts are confirmed, and one confirm is on its way."""
    rig = played.take("drafts")
    drafted = [number for number in (A, B, C, D) if not invoices_on(rig, number, msdyn_projectinvoicestatus=CONFIRMED)]
    flying, missing = drafted[:2]
    (unwanted,) = invoices_on(rig, missing)
    rig.delete_as_somebody("invoices", unwanted["invoiceid"])
    lost = ours_on(rig, missing)[:1]
    lose(rig, lost)
    rig.settings(projops__async_confirm=True, projops__job_delay_s=3)
    (invoice,) = invoices_on(rig, flying)
    by_our_application(rig, "invoices", invoice["invoiceid"], "msdyn_PostInvoice")
    rig.settings(projops__async_confirm=False)
    plan = rig.plan("cutover")
    assert codes(plan.findings) == []
    assert plan.steps[0].verb == "wait-jobs"
    assert map_steps(plan, "start") == [("milestones",)]
    assert steps_of(plan, FILE) == {"create": 1}
    assert steps_of(plan, INVOICES)["create"] == 1
    played.assert_ends_the_same(rig)


@pytest.mark.parametrize(("ours", "by_system"), [(True, False), (False, True)])
def test_only_what_the_system_wrote_on_records_of_ours_needs_no_word(
    played: Played, ours: bool, by_system: bool
) -> None:
    """A colleague's write on a record of ours is asked about, and so is the system's on somebody else's."""
    rig = played.take("stopped")
    rig.done("cutover")
    mine = {stone[MILESTONE_ID] for number in (A, B, C, D) for stone in ours_on(rig, number)}
    stone = next(each for each in rig.find(MILESTONE) if (each[MILESTONE_ID] in mine) == ours)
    rig.settings(projops__strict=False)
    colleague = next(user for user in rig.find("systemuser", applicationid=None) if user["fullname"] != "SYSTEM")
    with rig.sandbox.world.transaction() as tx:
        tx.caller = "" if by_system else colleague["systemuserid"]
        records.update(tx, MILESTONE, stone[MILESTONE_ID], {"msdyn_description": "Touched"})
    result = rig.apply("restored")
    assert result.exit_code == 7, said(result)
    asked = {finding.what for finding in result.findings if finding.code.startswith("foreign-write.")}
    assert len(asked) == 1
    assert repr(stone["msdyn_name"]) in asked.pop()


def test_drafts_that_are_there_are_adopted_and_the_others_are_made(played: Played) -> None:
    rig = played.take("stopped")
    for number in (A, C):
        by_our_application(rig, "salesorders", contract_ids(rig)[number], "msdyn_NewInvoiceContract")
    plan = rig.plan("cutover")
    assert codes(plan.findings) == []
    assert steps_of(plan, INVOICES) == {"create": 2, "confirm": 4}
    assert steps_of(plan, FILE) == {}
    played.assert_ends_the_same(rig)


def test_a_draft_with_hours_of_somebody_blocks_the_plan_and_names_its_contract(played: Played) -> None:
    rig = played.take("drafts")
    number = next(n for n in (A, B, C, D) if invoices_on(rig, n, msdyn_projectinvoicestatus=moments.DRAFT))
    moments.now(rig, moments.hours_on_draft(rig, number))
    rig.forget_requests()
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    (finding,) = [finding for finding in result.plan.findings if finding.blocks]
    assert finding.code == "foreign-on-draft"
    assert number in finding.what
    assert rig.writes() == []


def test_hours_that_come_onto_a_draft_in_mid_run_leave_that_contract_out_and_the_others_go_on(played: Played) -> None:
    rig = played.take("stopped")
    others = Meddler(rig)
    canary = next(
        record for step in rig.plan("cutover").steps if step.verb == "create-canary" for record in step.records
    )
    number = next(number for number, own in contract_ids(rig).items() if number <= D and own != canary.id)
    others.at(
        "step_start", lambda: moments.now(rig, moments.hours_on_draft(rig, number)), address=INVOICES, verb="confirm"
    )
    result = rig.apply("cutover")
    others.client.close()
    assert others.done == 1
    assert result.exit_code == 7, said(result)
    left_out = [step.what for step in result.steps if step.refused]
    assert left_out, said(result)
    assert all(what.startswith(f"{number}: ") for what in left_out)
    assert result.refused_file == "", "no row of the file was refused"
    assert set(confirmed(rig)) & {A, B, C, D} == {A, B, C, D} - {number}
    assert rig.find("fo.ProjActualsImports") == []
    assert rig.ledger() == played.ledger


def test_after_go_live_both_phases_have_nothing_to_do(played: Played) -> None:
    rig = played.take("live")
    for phase in ("cutover", "restored", "cutover"):
        result = rig.apply(phase)
        assert (result.exit_code, result.steps) == (0, ()), said(result)
    assert rig.writes() == []


def test_after_go_live_a_new_row_in_the_file_is_told_that_the_phase_is_closed(played: Played) -> None:
    rig = played.take("live")
    rows = export(rig)
    new = {**rows[0], "name": "Found in a drawer", "amount": "10.00", "tax": "0"}
    give(rig, [*rows, new])
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert "phase-closed" in codes(result.plan.findings)
    (closed,) = [finding for finding in result.plan.findings if finding.code == "phase-closed"]
    assert "--reopen" in closed.do
    assert rig.writes() == []


def test_a_milestone_that_somebody_adds_later_to_a_line_of_the_file_is_nobodys_business(played: Played) -> None:
    rig = played.take("live")
    make_milestone(rig, {**export(rig)[0], "name": "Second phase", "amount": "1.00", "tax": "0", "date": "2027-03-01"})
    rig.forget_requests()
    for phase in ("cutover", "restored"):
        result = rig.apply(phase)
        assert (result.exit_code, result.steps) == (0, ()), said(result)
    assert rig.app().drift().exit_code() == 0
    assert rig.writes() == []


def test_a_refused_row_leaves_its_contract_out_and_comes_back_as_a_csv(played: Played) -> None:
    rig = played.take("fresh")
    refused = only_there(rig, B)
    refuse(rig, contains=refused["name"])
    result = rig.apply("cutover")
    assert result.exit_code == 3, said(result)
    assert set(confirmed(rig)) & {A, B, C, D} == {A, C, D}, said(result)
    (back,) = refused_rows(result.refused_file)
    assert back.pop("reason") == f"Dataverse answered 400: {WORDS}"
    fields = ("contract", "line", "name", "currency", "date", "description", "invoiced")
    assert [back[name] for name in fields] == [refused[name] for name in fields]
    assert [Decimal(back[name]) for name in ("amount", "tax")] == [Decimal(refused[name]) for name in ("amount", "tax")]
    use(rig, Path(result.refused_file), [refused])
    report = rig.app().validate()
    assert (report.problems, report.counts["rows"]) == ((), 1)


def test_a_row_refused_on_the_contract_that_goes_first_holds_the_others_up_only_once(played: Played) -> None:
    rig = played.take("fresh")
    (canary,) = [
        record.key for step in rig.plan("cutover").steps if step.verb == "check-canary" for record in step.records
    ]
    refuse(rig, column="msdyn_contract", contains=contract_ids(rig)[canary])
    assert rig.apply("cutover").exit_code == 3
    again = rig.apply("cutover")
    assert again.exit_code == 3, said(again)
    assert set(confirmed(rig)) & {A, B, C, D} == {A, B, C, D} - {canary}
    rig.control("faults", "DELETE")
    played.assert_ends_the_same(rig)


WORDS = "The name is not to the liking of a plug-in."


def refuse(rig: Rig, **which: str) -> None:
    """A plug-in of somebody's refuses these milestones, for good."""
    rig.control("faults", "POST", effect="refuse_row", table=MILESTONE, message=WORDS, times=0, **which)


def only_there(rig: Rig, contract: str) -> dict[str, str]:
    """The last row of a contract that is still to be made and whose name no other contract uses."""
    others = {row["name"] for row in export(rig) if row["contract"] != contract}
    rows = [row for row in export(rig) if row["contract"] == contract and row["name"] not in others]
    return [row for row in rows if not stones_of(rig, row)][-1]


def refused_rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
