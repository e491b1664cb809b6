"""What doesn't pass by itself ends the run in words, with what goes on from there; and that gets to the same end."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statecfg.model.errors import Unavailable, exit_code
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.outcome import confirmed, export
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import MILESTONE, Stage, staged
from tests.end_to_end.wire import End, finish, go_on, small_world, taken

STEPS = {"loading": "create", "creating invoices": "create-canary", "confirming": "confirm"}
AWAY_S = 5.0
KINDS = {"loading": "milestones", "creating invoices": "invoices", "confirming": "invoices"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = small_world(tmp_path_factory.mktemp("ends"))
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def end(stage: Stage) -> End:
    return finish(taken(stage))


def when(rig: Rig, moment: str, act: Callable[[], object]) -> None:
    """Have something happen when a run comes to a moment."""
    address = next(str(s.address) for s in rig.plan("cutover").steps if s.address.kind == KINDS[moment])
    Meddler(rig).at("step_start", act, address=address, verb=STEPS[moment])


def away(rig: Rig, service: str = "") -> None:
    """From now on nothing is answered."""
    rig.sandbox.world.faults.add({"effect": "drop", "service": service, "times": 0})


def healed(rig: Rig) -> None:
    rig.sandbox.world.faults.clear()


@pytest.mark.parametrize("service", ["dataverse", "finance", "dualwrite"])
@pytest.mark.parametrize("moment", STEPS)
def test_a_service_that_stays_away_ends_the_run_and_it_goes_on_when_it_is_back(
    stage: Stage, end: End, moment: str, service: str
) -> None:
    rig = taken(stage)
    rig.extra |= {"waits.service_s": "1", "waits.arrival_s": "2", "waits.create_s": "2", "waits.confirm_s": "2"}
    when(rig, moment, lambda: away(rig, service))
    first = rig.apply("cutover")
    assert first.exit_code == 3, said(first)
    assert {step.state for step in first.steps} >= {"done", "not_started"}
    healed(rig)
    go_on(rig, first)
    assert finish(rig) == end


@pytest.mark.parametrize("moment", STEPS)
def test_a_service_that_is_away_for_a_while_is_waited_for(stage: Stage, end: End, moment: str) -> None:
    rig = taken(stage)
    rig.extra["waits.service_s"] = "60"
    back = threading.Timer(AWAY_S, healed, [rig])

    def go() -> None:
        away(rig)
        back.start()

    when(rig, moment, go)
    assert finish(rig) == end
    back.join()
    assert sum(event.name == "retry" for event in rig.events) > 3


@pytest.mark.parametrize("moment", STEPS)
def test_a_secret_that_is_revoked_in_mid_run_exits_9_and_a_new_one_goes_on(stage: Stage, end: End, moment: str) -> None:
    rig = taken(stage)
    people: Any = stage.sandbox.kernel.services["entra"]
    client = people.directory.client(stage.sandbox.details["client_id"])

    def revoke() -> None:
        people.directory.add_client(replace(client, secrets=()))
        rig.sandbox.world.faults.add({"effect": "expire_token", "service": "dataverse", "times": 1})

    when(rig, moment, revoke)
    first = rig.apply("cutover")
    people.directory.add_client(client)
    assert first.exit_code == 9, said(first)
    assert "secret" in str(first.error).lower()
    go_on(rig, first)
    assert finish(rig) == end


def test_a_map_that_never_leaves_stopping_ends_the_run_and_nothing_after_it_is_sent(stage: Stage, end: End) -> None:
    rig = taken(stage)
    rig.extra |= {"waits.map_s": "1"}
    rig.sandbox.world.faults.add({"effect": "polls", "path": "milestones", "n": 100_000, "times": 1, "occurrence": 1})
    first = rig.apply("cutover")
    assert first.exit_code == 3, said(first)
    assert [step.state for step in first.steps] == ["failed", *["not_started"] * (len(first.steps) - 1)]
    assert "not reached after 1 s" in str(first.error)
    assert sum("/Start" in entry["path"] for entry in rig.writes()) == 1
    healed(rig)
    rig.extra["waits.map_s"] = "30"


def test_one_bad_row_among_a_thousand_is_found_and_everything_else_is_posted(tmp_path: Path) -> None:
    with staged(tmp_path, contracts=25, milestones=1000) as stage:
        rig = stage.rig()
        rows = export(rig)
        amounts = Counter(row["amount"] for row in rows)
        bad = next(row for row in rows[700:] if amounts[row["amount"]] == 1)
        refusal = {"effect": "refuse_row", "table": MILESTONE, "column": "msdyn_amount", "contains": bad["amount"]}
        rig.sandbox.world.faults.add({**refusal, "times": 0})
        first = rig.apply("cutover")
        assert first.exit_code == 3, said(first)
        refused = Counter({step.address.kind: step.refused for step in first.steps if step.refused})
        assert refused == {"milestones": 1, "invoices": 1}, "the row, and the invoice of its contract"
        with Path(first.refused_file).open(encoding="utf-8-sig") as file:
            assert [row["name"] for row in csv.DictReader(file)] == [bad["name"]]
        # Halving 100 rows until one is left takes two requests each time.
        assert sum("CreateMultiple" in entry["path"] for entry in rig.writes()) < 40
        assert set(confirmed(rig)) >= {row["contract"] for row in rows} - {bad["contract"]}


def test_limits_of_the_service_are_kept_to_without_an_end_of_patience(stage: Stage, end: End) -> None:
    """Service protection limits so small that every few requests meet them."""
    rig = taken(stage)
    rig.extra["waits.service_s"] = "120"
    rig.settings(dataverse__limits=True, dataverse__limit_requests=25, dataverse__limit_window_s=1)
    found = finish(rig)
    assert (found.world, found.invoices, found.ledger) == (end.world, end.invoices, end.ledger)
    assert sum(entry["status"] == 429 for entry in rig.control("requests")) > 10


def test_a_page_that_fails_for_good_is_never_taken_as_the_end(stage: Stage) -> None:
    rig = taken(stage)
    rig.extra["waits.service_s"] = "1"
    rig.settings(finance__page_size=2)
    rig.sandbox.world.faults.add({"effect": "status", "status": 500, "service": "finance", "path": r"skip", "times": 0})
    with pytest.raises(Unavailable, match="500") as failed:
        rig.apply("cutover")
    assert exit_code(failed.value) == 10
    assert [entry for entry in rig.writes() if "annotations" not in entry["path"]] == []
