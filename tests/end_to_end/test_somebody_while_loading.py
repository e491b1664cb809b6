"""Somebody stops the milestones map, or puts it on another version, while milestones are written.

The next fence ends the writing and names what was sent since the last clean look; the next apply finishes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from statecfg.model.errors import Blocked
from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.moments import LOADING
from tests.end_to_end.outcome import assert_complete, confirmed, export
from tests.end_to_end.rig import Rig, codes, said
from tests.end_to_end.stage import Stage
from tests.foreign.client import MILESTONES, wait

ADDRESS = "milestones/invoiced-before-go-live"
SMALL = {"writes.batch": "2", "writes.most": "2", "writes.workers": "1", "fence.every_s": "0", "waits.witness_s": "1"}
BATCH = ("dataverse", "POST", "CreateMultiple")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = moments.whole_cutover(tmp_path_factory.mktemp("stage"), contracts=3, milestones=12)
    yield stage
    stage.close()


@pytest.fixture
def others(stage: Stage) -> Iterator[Meddler]:
    """Everybody else, when the canaries have arrived and the rest is to be created."""
    rig = moments.taken(stage, LOADING)
    rig.extra |= SMALL
    meddler = Meddler(rig)
    yield meddler
    meddler.client.close()


def arrived(rig: Rig) -> dict[str, str]:
    """Status in F&O of the file's milestones that are there, by contract and name."""
    names = {(row["contract"], row["name"]) for row in export(rig)}
    rows = rig.find("fo.ProjectContractLineMilestones")
    found = {(row["ProjectContractId"], row["Description"]): row["TransStatus"] for row in rows}
    return {" / ".join(key): found[key] for key in names & set(found)}


def created(rig: Rig, number: int) -> list[str]:
    """Keys of the n-th batch of two that the plan creates."""
    step = next(s for s in rig.plan("cutover").steps if s.verb == "create" and str(s.address) == ADDRESS)
    return [record.key for record in step.records][2 * number - 2 : 2 * number]


def breach(rig: Rig) -> str:
    """Why the apply ended; it must have been a fence."""
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert isinstance(result.error, Blocked)
    return result.error.what


def finish(rig: Rig) -> None:
    """Apply what is left: the cutover is whole, and no money has moved."""
    ledger, invoices = rig.ledger(), confirmed(rig)
    for phase in ("cutover", "restored"):
        rig.done(phase)
    rig.import_and_post()
    assert rig.ledger() == ledger
    assert_complete(rig, invoices)


def named(keys: list[str]) -> str:
    return f"Sent since the last look that was clean: {', '.join(keys)}."


def test_a_map_stopped_between_two_batches(others: Meddler) -> None:
    rig = others.rig
    batch = created(rig, 1)
    others.at("step_progress", lambda: others.client.stop(MILESTONES), done=2, total=9)
    what = breach(rig)
    assert "map/milestones is stopped, but must be running" in what
    assert named(batch) in what
    assert set(arrived(rig).values()) == {"Invoiced"}
    finish(rig)


def test_a_map_stopped_after_a_fence(others: Meddler) -> None:
    rig = others.rig
    batch, stop = created(rig, 3), moments.stop(rig, "milestones")
    others.at("step_start", lambda: moments.asked(rig, BATCH, stop, 3), verb="create", address=ADDRESS)
    what = breach(rig)
    assert named(batch) in what
    assert not {key.replace(" / L1", "") for key in batch} & set(arrived(rig)), "they never went to F&O"
    finish(rig)


def test_a_map_stopped_before_the_very_last_batch(others: Meddler) -> None:
    rig = others.rig
    batch, stop = created(rig, 5), moments.stop(rig, "milestones")
    others.at("step_start", lambda: moments.asked(rig, BATCH, stop, 5), verb="create", address=ADDRESS)
    assert named(batch) in breach(rig)
    finish(rig)


def test_a_map_put_on_another_version_between_two_batches(others: Meddler) -> None:
    rig = others.rig
    batch = created(rig, 1)
    others.at("step_progress", others.bring_back_original, done=2, total=9)
    what = breach(rig)
    assert "map/milestones is on Microsoft 1.0.0.7, but must be on Default publisher 1.0.0.8" in what
    assert named(batch) in what
    assert set(arrived(rig).values()) == {"Invoiced"}
    finish(rig)


def test_what_went_out_on_another_version_is_named_and_has_to_be_put_right(others: Meddler) -> None:
    rig = others.rig
    batch = created(rig, 1)
    # After the fence before that batch: there is one look before the canary, too.
    others.at("step_start", lambda: others.at("gate", others.bring_back_original), verb="create", address=ADDRESS)
    assert named(batch) in breach(rig)
    wrong = {key for key, status in arrived(rig).items() if status == "NoStatus"}
    assert wrong == {key.replace(" / L1", "") for key in batch}
    again = rig.apply("cutover")
    assert (again.exit_code, codes(again.plan.findings)) == (7, ["arrived-without-status"]), said(again)


def test_a_version_that_is_changed_under_way(others: Meddler) -> None:
    rig = others.rig
    batch = created(rig, 1)
    others.at("step_progress", lambda: spoil(others), done=2, total=9)
    what = breach(rig)
    assert "Dataverse runs another mapping than that of version 1.0.0.8" in what
    assert named(batch) in what


def spoil(others: Meddler) -> None:
    """A colleague adds a second pair to the saved cutover version, and applies the solution it is in."""
    row = next(row for row in others.rig.find("msdyn_dualwriteentitymap", msdyn_version="1.0.0.8"))
    text = row["msdyn_mapping"].replace('"192350001"', '"192350000"')
    changes = {"msdyn_mapping": text}
    others.edit("msdyn_dualwriteentitymap", key=row["msdyn_dualwriteentitymapid"], changes=changes)
    path = f"/api/DualWriteManagement/1.0/SolutionAware/{others.client.connection}/RestoreTemplates"
    body = {"action": "2", "solutions": [{"criteria": {"uniquename": "Default"}}]}
    request = others.client.call("dualwrite", "POST", path, body)["requestId"]
    status = path.replace("RestoreTemplates", f"Status/{request}")
    wait(lambda: str(others.client.call("dualwrite", "GET", status)["state"]) == "2", "the solution")
