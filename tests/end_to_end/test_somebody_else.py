"""Somebody starts a map, or works on a contract, while invoices are created and confirmed.

What is seen before a group prevents it; what begins after a fence's last read exposes at most that group, by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from statecfg.model.errors import Blocked
from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import CONFIRMING, CREATING, WITNESSES
from tests.end_to_end.outcome import assert_complete, confirmed, export
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage
from tests.foreign.client import ACTUALS

MAPS = ("milestones", "actuals", "invoices")
INVOICES = "invoices/for-those-milestones"
INVOICE = {"create": moments.CREATE_INVOICE, "confirm": moments.CONFIRM_INVOICE}
MOMENTS = {"create": CREATING, "confirm": CONFIRMING}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture
def others(stage: Stage) -> Iterator[Callable[[str], Meddler]]:
    """Everybody else, in the world at a moment."""
    made: list[Meddler] = []

    def at(moment: str) -> Meddler:
        made.append(Meddler(moments.taken(stage, moment)))
        return made[-1]

    yield at
    for meddler in made:
        meddler.client.close()


def group(rig: Rig, verb: str, number: int) -> list[str]:
    """Contracts of the n-th group of two of the creates or confirms that stand in the plan."""
    step = next(step for step in rig.plan("cutover").steps if str(step.address) == INVOICES and step.verb == verb)
    return [record.key for record in step.records][2 * number - 2 : 2 * number]


def asked(rig: Rig, verb: str) -> list[str]:
    """Addresses that the product has sent to, to create or to confirm an invoice, in order."""
    return [entry["path"] for entry in rig.writes() if INVOICE[verb][2] in entry["path"]]


# A look before each group and one after it. The look for an integration job reads F&O's rows once more before a group.
SECOND_FENCE = {"gateway": 3, "dataverse": 3, "finance": 4}
BEFORE = [(name, verb, "gateway") for name in MAPS for verb in INVOICE]
BEFORE += [("actuals", "confirm", "dataverse"), ("actuals", "confirm", "finance"), ("invoices", "confirm", "dataverse")]


@pytest.mark.parametrize(("name", "verb", "witness"), BEFORE, ids=["-".join(case) for case in BEFORE])
def test_a_map_started_before_the_last_read_of_a_fence_ends_the_writing_before_that_group(
    others: Callable[[str], Meddler], name: str, verb: str, witness: str
) -> None:
    somebody = others(MOMENTS[verb])
    rig, ledger = somebody.rig, somebody.rig.ledger()
    read, start = WITNESSES[witness], moments.start(rig, name)
    somebody.at(
        "step_start", lambda: moments.asked(rig, read, start, SECOND_FENCE[witness]), address=INVOICES, verb=verb
    )
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert f"map/{name}" in str(result.error)
    assert "Nothing was sent since the last look." in str(result.error)
    assert len(asked(rig, verb)) == 3, "the canary and the first group"
    assert rig.find("fo.ProjActualsImports") == []
    rig.import_and_post()
    assert rig.ledger() == ledger


AFTER = [("milestones", "create"), ("actuals", "confirm"), ("invoices", "create"), ("invoices", "confirm")]


@pytest.mark.parametrize(("name", "verb"), AFTER, ids=["-".join(case) for case in AFTER])
def test_a_map_started_after_the_last_read_exposes_that_group_at_most_and_names_it(
    others: Callable[[str], Meddler], name: str, verb: str
) -> None:
    somebody = others(MOMENTS[verb])
    rig = somebody.rig
    exposed, start = group(rig, verb, 1), moments.start(rig, name)
    somebody.at("step_start", lambda: moments.asked(rig, INVOICE[verb], start), address=INVOICES, verb=verb)
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert isinstance(result.error, Blocked)
    assert f"Sent since the last look that was clean: {', '.join(exposed)}." in result.error.what
    assert len(asked(rig, verb)) == 1 + len(exposed), "the canary, that group, and nothing after it"
    (leaked,) = [finding for finding in result.error.findings if finding.code == "leaked"]
    staged = rig.find("fo.ProjActualsImports")
    # The group's requests are under way side by side: one of them may be through before the map runs.
    leaks = {row["ContractId"] for row in staged}
    assert leaks <= set(exposed)
    assert bool(leaks) == ((name, verb) == ("actuals", "confirm"))
    assert len(leaked.details) == (len(staged) or len(exposed))
    assert "Import from staging" in leaked.do


def test_what_a_fence_prevented_is_done_by_the_next_apply(others: Callable[[str], Meddler]) -> None:
    somebody = others(CONFIRMING)
    rig, ledger = somebody.rig, somebody.rig.ledger()
    drafts = confirmed(rig)
    start = moments.start(rig, "actuals")
    read = WITNESSES["gateway"]
    somebody.at("step_start", lambda: moments.asked(rig, read, start, 3), address=INVOICES, verb="confirm")
    assert rig.apply("cutover").exit_code == 7
    somebody.client.stop(ACTUALS)
    rig.done("cutover")
    rig.done("restored")
    rig.import_and_post()
    assert rig.ledger() == ledger
    ours = {row["contract"] for row in export(rig)}
    assert_complete(rig, drafts - Counter(ours))


# Somebody's hours


def test_hours_that_become_ready_before_a_fence_leave_their_contract_out(others: Callable[[str], Meddler]) -> None:
    somebody = others(CREATING)
    rig, before = somebody.rig, confirmed(somebody.rig)
    _, contract = group(rig, "create", 2)
    hours = moments.hours_on(somebody, contract)
    read = ("dataverse", "GET", "msdyn_actuals")
    somebody.at("step_start", lambda: moments.asked(rig, read, hours, 2), address=INVOICES, verb="create")
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    ours = {row["contract"] for row in export(rig)}
    assert set(confirmed(rig) - before) == ours - {contract}, "the others go on"
    assert contract in left_out(rig)


def test_hours_put_on_a_draft_before_a_fence_leave_it_unconfirmed(others: Callable[[str], Meddler]) -> None:
    somebody = others(CONFIRMING)
    rig, before = somebody.rig, confirmed(somebody.rig)
    contract = group(rig, "confirm", 2)[0]
    hours = moments.hours_on_draft(rig, contract)
    read = ("dataverse", "GET", "msdyn_invoicelinetransactions")
    # One read of lines a fence and one after each group.
    somebody.at("step_start", lambda: moments.asked(rig, read, hours, 3), address=INVOICES, verb="confirm")
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert contract not in confirmed(rig) - before
    assert contract in left_out(rig)
    assert rig.find("fo.ProjActualsImports") == []


def test_hours_put_on_a_draft_after_the_last_read_are_named_and_nothing_is_sent_after(
    others: Callable[[str], Meddler],
) -> None:
    somebody = others(CONFIRMING)
    rig = somebody.rig
    exposed = group(rig, "confirm", 1)
    hours = moments.hours_on_draft(rig, exposed[1])
    somebody.at("gate", lambda: rig.control("edit", "POST", **hours), moment="confirm", step=4)
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert f"{exposed[1]}: Hours of a colleague" in str(result.error)
    assert len(asked(rig, "confirm")) == 1 + len(exposed)


def left_out(rig: Rig) -> set[str]:
    """Contracts that the product says it left out."""
    told = [event.data for event in rig.events if event.name == "diagnostic" and event.data.get("severity") == "warn"]
    return {str(data.get("key", "")) for data in told}
