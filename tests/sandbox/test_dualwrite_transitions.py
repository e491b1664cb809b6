"""The table of a map's transitions, row by row, over the wire: from every state it names, and what each carries.

Source: reference/dual-write.md, 4.6. Where it names two outcomes, both are here with the setting between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sandbox.dualwrite_world import (
    CREATE_PROJECT,
    MANAGEMENT,
    MILESTONES,
    PAUSE,
    RESUME,
    SKIP,
    START,
    STOP,
    SYNC,
    Link,
    milestone,
)

HEADERS = "msdyn_milestoneheaders - Progress billing milestone header"
NONE, STOPPED, SYNCING, CATCHING_UP, RUNNING, PAUSED, NOT_RUNNING = "0", "1", "2", "3", "4", "5", "6"
DROP = {"dualWriteSkipCatchUpSyncParameters": {"skipCatchUpSyncPreserveData": False}}
KEEP = {"dualWriteSkipCatchUpSyncParameters": {"skipCatchUpSyncPreserveData": True}}


@dataclass(frozen=True)
class Transition:
    """One row of the table.

    before, during and after are milestones made before the request, while the map is on its way, and at its end;
    `arrive` names those that F&O has in the end.
    """

    start: str
    action: str
    parameters: Mapping[str, Any] | None
    states: tuple[str, ...]
    arrive: frozenset[str]
    settings: Mapping[str, Any] = field(default_factory=dict)


def carried(*names: str) -> frozenset[str]:
    return frozenset(names)


ROWS = [
    *(Transition(s, START, SKIP, (RUNNING,), carried("during", "after")) for s in (NONE, STOPPED, NOT_RUNNING)),
    *(
        Transition(s, START, SYNC, (SYNCING, RUNNING), carried("before", "during", "after"))
        for s in (NONE, STOPPED, NOT_RUNNING)
    ),
    Transition(RUNNING, STOP, None, (STOPPED,), carried("before")),
    Transition(RUNNING, PAUSE, None, (PAUSED,), carried("before")),
    Transition(PAUSED, RESUME, None, (CATCHING_UP, RUNNING), carried("before", "during", "after")),
    Transition(PAUSED, RESUME, DROP, (RUNNING,), carried("during", "after")),
    Transition(PAUSED, RESUME, KEEP, (RUNNING,), carried("during", "after")),
    Transition(PAUSED, STOP, None, (STOPPED,), carried()),
]


def reach(link: Link, state: str) -> None:
    """Bring the milestone map into a state; 0 and 6 are written, as nothing that a client sends leads back to them."""
    if state in (STOPPED, NONE, NOT_RUNNING):
        link.do(STOP)
    if state in (NONE, NOT_RUNNING):
        with link.world.transaction() as tx:
            tx.update("dw.maps", "milestones", {"state": state})
            tx.update("dw.told", ("gateway", "milestones"), {"says": state})
    if state == PAUSED:
        link.do(PAUSE)
    if state == CATCHING_UP:
        link.do(PAUSE)
        link.settings(gateway__catch_up_reads=50)
        link.do(RESUME)
    if state == SYNCING:
        link.do(STOP)
        link.settings(gateway__initial_sync_reads=50)
        link.do(START, parameters=SYNC)
    assert link.state() == state


def arrived(link: Link) -> set[str]:
    return {row["Description"] for row in link.rows("fo.ProjectContractLineMilestones")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.start}-{row.action}-{''.join(row.states)}")
def test_a_row_of_the_table_leads_where_it_says_and_carries_what_it_says(link: Link, row: Transition) -> None:
    reach(link, row.start)
    link.settings(gateway__initial_sync_reads=2, gateway__catch_up_reads=2)
    link.create(milestone("before"))
    link.do(row.action, parameters=row.parameters)
    seen = [link.state()]
    link.create(milestone("during"))
    seen += [link.state() for _ in range(4)]
    link.create(milestone("after"))
    assert tuple(dict.fromkeys(seen)) == row.states
    assert arrived(link) == row.arrive


@pytest.mark.parametrize("state", [STOPPED, NOT_RUNNING])
def test_a_failed_initial_sync_leaves_the_map_not_running_and_can_be_run_again(link: Link, state: str) -> None:
    reach(link, STOPPED)
    link.create(milestone("before"))
    link.settings(gateway__sync_failed_state=state)
    fault = {
        "effect": "refuse_row",
        "table": "fo.ProjectContractLineMilestones",
        "times": 1,
        "message": "Not this one.",
    }
    link.control("POST", "faults", fault)
    (entry,) = link.wait(link.ask(START, parameters=SYNC))
    assert entry["state"] == "3"
    assert "Executed leg" in entry["errorMessage"]
    assert link.state() == state
    assert arrived(link) == set()
    link.do(START, parameters=SYNC)
    assert arrived(link) == {"before"}


@pytest.mark.parametrize("state", [NOT_RUNNING, STOPPED])
def test_a_map_without_a_project_gets_one_and_is_in_the_state_that_is_set(link: Link, state: str) -> None:
    link.settings(gateway__project_created_state=state)
    found = link.map(HEADERS)
    assert (found["pid"], found["state"]) == (None, NONE)
    body = {"action": CREATE_PROJECT, "details": [{"tid": found["tid"], "cid": link.cid}]}
    request = link.send("POST", f"{MANAGEMENT}/Start", body).json()["requestId"]
    assert [entry["state"] for entry in link.wait(request)] == ["2"]
    assert link.map(HEADERS)["pid"]
    assert link.state(HEADERS) == state


@pytest.mark.parametrize("state", [NONE, STOPPED, NOT_RUNNING])
def test_a_map_that_does_not_run_changes_its_version_and_mapping_and_nothing_else(link: Link, state: str) -> None:
    reach(link, state)
    other = link.version("1.0.0.6")
    assert link.switch(other).status_code == 200
    assert (link.map()["template"]["id"], link.state()) == (other, state)
    link.refresh()
    saved = link.save_as()
    assert (link.map()["template"]["id"], link.state()) == (saved, state)
    link.create(milestone("before"))
    assert arrived(link) == set()


@pytest.mark.parametrize("state", [SYNCING, CATCHING_UP, RUNNING, PAUSED])
def test_a_map_that_runs_or_is_on_its_way_keeps_its_version_and_mapping(link: Link, state: str) -> None:
    reach(link, state)
    before = link.map()["template"]["id"]
    assert link.switch(link.version("1.0.0.6")).status_code == 409
    link.refresh()
    link.save_as()
    assert (link.map()["template"]["id"], link.state()) == (before, state)


NOT_TOLD = [
    *((state, action) for state in (SYNCING, CATCHING_UP) for action in (START, STOP, PAUSE, RESUME)),
    *((state, action) for state in (NONE, STOPPED, NOT_RUNNING) for action in (PAUSE, RESUME)),
    (RUNNING, START), (RUNNING, RESUME), (PAUSED, START), (PAUSED, PAUSE), (RUNNING, CREATE_PROJECT),
]  # fmt: skip


@pytest.mark.parametrize(("state", "action"), NOT_TOLD)
def test_what_the_table_does_not_tell_fails_and_changes_nothing(link: Link, state: str, action: str) -> None:
    reach(link, state)
    (entry,) = link.wait(link.ask(action, parameters=SKIP))
    assert (entry["state"], bool(entry["errorMessage"])) == ("3", True)
    assert link.state() == state


def test_every_state_of_the_table_is_started_from() -> None:
    assert {row.start for row in ROWS} == {NONE, STOPPED, RUNNING, PAUSED, NOT_RUNNING}
    assert {state for row in ROWS for state in row.states} == {STOPPED, SYNCING, CATCHING_UP, RUNNING, PAUSED}
    assert MILESTONES.startswith("msdyn_contractlinescheduleofvalues")
