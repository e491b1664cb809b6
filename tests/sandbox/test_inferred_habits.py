"""Habits that nobody has documented: each setting has both of its behaviours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import writes
from statecfg.sandbox.world import Refused
from tests.sandbox.dualwrite_world import MANAGEMENT, MILESTONES, START, STOP, SYNC, Link, milestone
from tests.sandbox.project_world import MILESTONE, project_world


def test_a_stop_that_is_to_fail_leaves_the_map_running(link: Link) -> None:
    link.settings(gateway__stop_failures={"milestones": "The map is busy."})
    (entry,) = link.wait(link.ask(STOP))
    assert (entry["state"], entry["errorMessage"]) == ("3", "The map is busy.")
    (row,) = link.create(milestone())
    assert link.in_finance(row)
    link.settings(gateway__stop_failures={})
    link.stop()


@pytest.mark.parametrize("form", ["empty", "request", "id"])
def test_a_version_switch_answers_in_the_form_that_is_set(link: Link, form: str) -> None:
    link.stop()
    link.settings(gateway__switch_reply=form)
    text = link.switch(link.version("1.0.0.6")).text
    told: Any = json.loads(text) if text else None
    assert {"empty": told is None, "request": isinstance(told, dict), "id": isinstance(told, str)}[form]
    assert link.map()["tid"] == link.version("1.0.0.6")


def test_applying_a_solution_takes_as_many_polls_as_asked_for(link: Link) -> None:
    link.settings(gateway__restore_reads=2)
    base = f"{MANAGEMENT}/SolutionAware/{link.cid}"
    body = {"action": "2", "solutions": [{"criteria": {"uniquename": "ContosoDualWriteMaps"}}]}
    request = link.send("POST", f"{base}/RestoreTemplates", body).json()["requestId"]
    assert [link.send("GET", f"{base}/Status/{request}").json()["state"] for _ in range(3)] == ["1", "1", "2"]


def test_an_initial_sync_may_take_time_instead_of_polls(link: Link) -> None:
    link.stop()
    link.settings(gateway__busy_s=30, gateway__initial_sync_reads=0)
    link.ask(START, parameters=SYNC)
    assert [link.state() for _ in range(3)] == ["2", "2", "2"]
    link.settings(clock__offset_s=31)
    assert link.state(MILESTONES) == "4"


@pytest.mark.parametrize(("release", "status"), [("10.0.23", "NoStatus"), ("10.0.24", "Invoiced")])
def test_a_release_before_the_least_one_ignores_the_status_of_a_milestone(release: str, status: str) -> None:
    world = project_world(**{"finance.application_version": release})
    with world.transaction() as tx:
        row = {"dataAreaId": "usmf", "ProjectContractId": "CON-1", "ContractLineId": "", "TransStatus": "Invoiced"}
        world.settings["finance.needs_contract_line"] = False
        assert writes.create(tx, writes.MILESTONES, row)["TransStatus"] == status
    world.close()


@pytest.mark.parametrize("habit", ["refuse", "allow"])
def test_tax_without_an_amount_is_taken_as_the_setting_says(habit: str) -> None:
    world = project_world(**{"projops.mixed_tax": habit})
    values = milestone(amount="0", msdyn_tax=1)
    with world.transaction() as tx:
        if habit == "refuse":
            with pytest.raises(Refused, match="must be zero"):
                records.create(tx, MILESTONE, values)
        else:
            assert records.create(tx, MILESTONE, values)["msdyn_tax"] == 1
    world.close()
