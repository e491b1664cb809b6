"""Every fence: somebody works in mid-run, the fence ends the writing; and without it that work does its harm.

The preconditions of `restored` and `abandoned` are here too: they guard the moment at which maps start again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.results import ApplyResult
from tests.end_to_end import moments
from tests.end_to_end import test_removed_checks as checks
from tests.end_to_end.harm import billed_again, invoices, open_drafts, statuses, stopped_by, without
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import CONFIRMED, CONFIRMING, CREATING
from tests.end_to_end.rig import codes, said
from tests.end_to_end.stage import Stage
from tests.foreign.client import ACTUALS, INVOICES, MILESTONES, RUNNING, STOPPED, THREE
from tests.foreign.damage import Damage, damage

OF_MILESTONES, OF_INVOICES = "milestones/invoiced-before-go-live", "invoices/for-those-milestones"
NOTHING = Damage((), {})
ON_DRAFT, POSTED = 192350001, 192350002


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The moments of one cutover of five contracts."""
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


def at(stage: Stage, moment: str) -> Meddler:
    """Everybody else, at a moment of the cutover."""
    rig = moments.taken(stage, moment)
    rig.extra |= {"waits.arrival_s": "2", "waits.create_s": "3", "waits.confirm_s": "3"}
    return Meddler(rig)


@pytest.fixture
def fresh(stage: Stage) -> Iterator[Meddler]:
    """Before the cutover."""
    others = at(stage, "fresh")
    yield others
    others.client.close()


@pytest.fixture
def creating(stage: Stage) -> Iterator[Meddler]:
    """All milestones in F&O, the three maps stopped, no invoice yet."""
    others = at(stage, CREATING)
    yield others
    others.client.close()


@pytest.fixture
def confirming(stage: Stage) -> Iterator[Meddler]:
    """One invoice confirmed, the others drafts."""
    others = at(stage, CONFIRMING)
    yield others
    others.client.close()


@pytest.fixture
def confirmed(stage: Stage) -> Iterator[Meddler]:
    """Everything confirmed, the maps still stopped."""
    others = at(stage, CONFIRMED)
    yield others
    others.client.close()


def posted(others: Meddler, before: Mapping[str, Any]) -> Damage:
    """What AR and GL have more than before, after import and posting."""
    others.rig.import_and_post()
    return damage(before, others.cutover.ledger())


# while: the maps while milestones are written


def test_a_milestones_map_brought_back_in_mid_load_ends_the_load(fresh: Meddler) -> None:
    fresh.at("step_start", fresh.bring_back_original, address=OF_MILESTONES, verb="create")
    result = fresh.rig.apply("cutover")
    assert (result.exit_code, stopped_by(result)) == (7, {"map-on-other-version"}), said(result)
    assert list(statuses(fresh).values()) == ["Invoiced"] * canaries(result), "the canaries, and nothing after them"


def test_without_that_fence_the_milestones_arrive_open(fresh: Meddler) -> None:
    fresh.at("step_start", fresh.bring_back_original, address=OF_MILESTONES, verb="create")
    result = without(fresh, "while-map").apply("cutover")
    assert result.exit_code != 0, said(result)
    open_ = [name for name, status in statuses(fresh).items() if status == "NoStatus"]
    assert len(open_) == len(fresh.cutover.rows()) - canaries(result)


def canaries(result: ApplyResult) -> int:
    """How many milestones went first, one for each legal entity."""
    return next(step.done for step in result.steps if step.verb == "create-canary")


# while: the maps while invoices are confirmed


def start_two(others: Meddler) -> None:
    others.client.start(ACTUALS, INVOICES)


def test_maps_started_before_a_confirm_end_the_confirming(confirming: Meddler) -> None:
    before, waiting = confirming.cutover.ledger(), open_drafts(confirming)
    confirming.at("step_start", lambda: start_two(confirming), address=OF_INVOICES, verb="confirm")
    result = confirming.rig.apply("cutover")
    assert (result.exit_code, stopped_by(result)) == (7, {"map-not-stopped"}), said(result)
    assert open_drafts(confirming).keys() == waiting.keys() - {first(result, waiting)}
    assert posted(confirming, before) == NOTHING


def first(result: ApplyResult, waiting: dict[str, str]) -> str:
    """The canary's contract: it was confirmed before somebody started the maps."""
    return next(contract for step in result.steps for contract in waiting if contract in step.summary)


def test_without_that_fence_what_was_billed_is_billed_again(confirming: Meddler) -> None:
    before, waiting = confirming.cutover.ledger(), open_drafts(confirming)
    confirming.at("step_start", lambda: start_two(confirming), address=OF_INVOICES, verb="confirm")
    result = without(confirming, "while-map").apply("cutover")
    after = waiting.keys() - {first(result, waiting)}
    assert after
    assert posted(confirming, before).amounts == billed_again(confirming, *after)


# What is on the contract and on the invoice


def test_hours_that_become_ready_in_mid_run_leave_their_contract_out(creating: Meddler) -> None:
    creating.at("step_start", lambda: creating.work_on("CON-0005"), address=OF_INVOICES, verb="create")
    result = creating.rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert "CON-0005" not in invoices(creating)
    assert len(invoices(creating)) == 4


def test_without_the_fence_before_create_they_are_swept_onto_the_draft(creating: Meddler) -> None:
    hours: list[str] = []
    creating.at("step_start", lambda: hours.append(creating.work_on("CON-0005")), address=OF_INVOICES, verb="create")
    result = without(creating, "invoices-create").apply("cutover")
    (entry,) = creating.rig.find("msdyn_actual", msdyn_actualid=hours[0])
    assert entry["msdyn_billingstatus"] == ON_DRAFT
    (draft,) = (row for row in creating.rig.find("invoice", invoiceid=open_drafts(creating)["CON-0005"]))
    assert draft["totalamount"] == creating.cutover.billed()["CON-0005"] + 80
    assert result.exit_code == 7, "the fence before confirm still stands"


def test_hours_put_on_a_draft_leave_it_unconfirmed(confirming: Meddler) -> None:
    edit = moments.hours_on_draft(confirming.rig, "CON-0005")
    confirming.at("step_start", lambda: confirming.rig.control("edit", "POST", **edit), verb="confirm")
    result = confirming.rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert set(open_drafts(confirming)) == {"CON-0005"}


def test_without_the_fence_before_confirm_nothing_is_confirmed_at_all(confirming: Meddler) -> None:
    """It is the fence that finds the invoice to confirm: no look, no confirmation. What a confirmed draft with foreign
    hours does is shown by hand, in `tests/foreign`."""
    waiting = open_drafts(confirming)
    result = without(confirming, "invoices-confirm").apply("cutover")
    assert result.exit_code != 0, said(result)
    assert open_drafts(confirming) == waiting


# Preconditions that are fences too

LOADING = {"address": OF_MILESTONES, "verb": "create"}
LATE: dict[str, tuple[Callable[[Meddler], Any], dict[str, str]]] = {
    "foreign-ready-milestones": (checks.foreign_ready, LOADING),
    "empty-dimensions": (checks.no_dimensions, LOADING),
    "dataverse-invoice-run": (checks.invoice_run, {"address": OF_INVOICES, "verb": "confirm"}),
    "finance-jobs": (checks.jobs_waiting, {"address": OF_INVOICES, "verb": "create"}),
    "async-backlog": (checks.backlog_left, {"address": OF_INVOICES, "verb": "create"}),
}


@pytest.mark.parametrize("code", LATE)
def test_what_a_precondition_forbids_ends_the_writing_in_mid_run_too(fresh: Meddler, code: str) -> None:
    world, moment = LATE[code]
    fresh.at("step_start", lambda: world(fresh), **moment)
    result = fresh.rig.apply("cutover")
    assert (result.exit_code, stopped_by(result)) == (7, {code}), said(result)
    (stopped,) = (step for step in result.steps if step.state == "failed")
    assert (str(stopped.address), stopped.verb, stopped.done) == (moment["address"], moment["verb"], 0)


# Starting maps again


def on_cutover_version(others: Meddler) -> None:
    """Somebody chooses the cutover version once more."""
    versions = others.client.maps()[MILESTONES]["detail"]["templates"]
    chosen = next(one["id"] for one in versions if one["version"]["revision"] == 8)
    others.client.switch(MILESTONES, chosen)


def test_a_version_chosen_just_before_the_start_is_not_started(confirmed: Meddler) -> None:
    confirmed.at("step_start", lambda: on_cutover_version(confirmed), address="map/milestones", verb="start")
    result = confirmed.rig.apply("restored")
    assert (result.exit_code, stopped_by(result)) == (7, {"map-on-other-version"}), said(result)
    assert all(confirmed.client.state(name) in STOPPED for name in THREE)


def test_without_that_fence_the_map_runs_on_the_cutover_version(confirmed: Meddler) -> None:
    confirmed.at("step_start", lambda: on_cutover_version(confirmed), address="map/milestones", verb="start")
    result = without(confirmed, "map-start").apply("restored")
    assert confirmed.client.state(MILESTONES) == RUNNING, said(result)
    assert confirmed.client.version(MILESTONES)[1] == "1.0.0.8"


def confirm_in_background(others: Meddler) -> None:
    """Somebody has confirmed every draft, as jobs of the service that take an hour."""
    others.rig.settings(projops__async_confirm=True, projops__job_delay_s=3600)
    for draft in open_drafts(others).values():
        others.client.act("invoices", draft, "msdyn_PostInvoice")


def an_hour_later(others: Meddler) -> None:
    others.rig.settings(clock__offset_s=7200)
    others.client.sign_in_again()
    others.client.rows("invoices", select="invoiceid")


def test_restored_waits_for_a_complete_cutover(confirming: Meddler) -> None:
    assert codes(confirming.rig.plan("restored").findings) == ["phase-complete"]
    assert confirming.rig.apply("restored").exit_code == 7


def test_without_phase_complete_a_draft_confirmed_later_is_billed_again(confirming: Meddler) -> None:
    before, waiting = confirming.cutover.ledger(), open_drafts(confirming)
    without(confirming, "phase_complete").done("restored")
    for draft in waiting.values():
        confirming.client.act("invoices", draft, "msdyn_PostInvoice")
    assert posted(confirming, before).amounts == billed_again(confirming, *waiting)


def test_no_map_starts_while_a_confirmation_is_in_flight(confirming: Meddler) -> None:
    confirm_in_background(confirming)
    result = without(confirming, "phase_complete").apply("restored")
    assert (result.exit_code, stopped_by(result)) == (7, {"invoices-in-flight"}), said(result)
    assert all(confirming.client.state(name) in STOPPED for name in THREE)


def test_without_that_fence_what_is_in_flight_is_billed_again(confirming: Meddler) -> None:
    before, waiting = confirming.cutover.ledger(), open_drafts(confirming)
    confirm_in_background(confirming)
    without(confirming, "phase_complete", "in-flight").done("restored")
    an_hour_later(confirming)
    assert posted(confirming, before).amounts == billed_again(confirming, *waiting)


def test_what_others_wrote_while_maps_stood_still_is_asked_about(fresh: Meddler) -> None:
    fresh.at("step_start", lambda: fresh.work_on("CON-0005"), address=OF_INVOICES, verb="create-canary")
    without(fresh, "invoices-create", "invoices-confirm")
    fresh.rig.apply("cutover")
    assert [code.partition(".")[0] for code in codes(fresh.rig.plan("restored").findings, "ask")] == ["foreign-write"]


def test_the_way_back_is_closed_while_a_draft_of_ours_exists(confirming: Meddler) -> None:
    assert set(codes(confirming.rig.plan("abandoned").findings)) == {"invoices-confirmed", "invoices-pending"}
    assert confirming.rig.apply("abandoned").exit_code == 7


def test_without_nothing_pending_a_draft_confirmed_later_is_billed_again(confirming: Meddler) -> None:
    before, waiting = confirming.cutover.ledger(), open_drafts(confirming)
    without(confirming, "nothing_pending").done("abandoned")
    for draft in waiting.values():
        confirming.client.act("invoices", draft, "msdyn_PostInvoice")
    assert posted(confirming, before).amounts == billed_again(confirming, *waiting)


# Invariants

INVARIANTS = {
    "customer_transactions": {"customer-transactions", "customer-balances"},
    "general_ledger": {"general-ledger"},
    "posted_project_invoices": {"posted-cutover-invoice", "posted-project-invoices"},
    "actuals_staging": {"actuals-staging"},
}


def leak(others: Meddler) -> None:
    """Two maps run while invoices are confirmed, F&O imports and posts, and the maps stand still again."""

    def post() -> None:
        others.rig.import_and_post()
        others.client.stop(ACTUALS, INVOICES)

    others.at("step_start", lambda: start_two(others), address=OF_INVOICES, verb="confirm")
    others.at("step_complete", post, address=OF_INVOICES, verb="confirm")


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_each_invariant_alone_sees_what_was_posted(confirming: Meddler, invariant: str) -> None:
    leak(confirming)
    result = without(confirming, "while-map", *(INVARIANTS.keys() - {invariant})).apply("cutover")
    assert (result.exit_code, stopped_by(result)) == (7, INVARIANTS[invariant]), said(result)


def test_without_the_invariants_nobody_would_say_a_word(confirming: Meddler) -> None:
    before = confirming.cutover.ledger()
    leak(confirming)
    without(confirming, "while-map", *INVARIANTS).done("cutover")
    assert sum(damage(before, confirming.cutover.ledger()).amounts.values(), Decimal(0)) > 0
