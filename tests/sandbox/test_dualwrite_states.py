"""Every transition of a map, asked for over the wire. Source: reference/dual-write.md, "Transitions"."""

from __future__ import annotations

import pytest

from tests.sandbox.dualwrite_world import (
    ACTUALS,
    CREATE_PROJECT,
    INVOICES,
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

SALES_INVOICES = "invoices - Sales invoice headers V2"
HEADERS = "msdyn_milestoneheaders - Progress billing milestone header"
SKIP_CATCH_UP = {"dualWriteSkipCatchUpSyncParameters": {"skipCatchUpSyncPreserveData": True}}


def reach(link: Link, state: str) -> None:
    """Bring the milestone map into a state by the ways that lead there."""
    ways = {"4": (), "1": (STOP,), "5": (PAUSE,), "6": ()}
    for action in ways[state]:
        link.do(action)
    if state == "6":
        with link.world.transaction() as tx:
            tx.update("dw.maps", "milestones", {"state": "6"})
            tx.update("dw.told", ("gateway", "milestones"), {"says": "6"})
            tx.delete("dw.deployments", "milestones")
    assert link.state() == state


ALLOWED = [
    ("1", START, SKIP, ["4"]),
    ("6", START, SKIP, ["4"]),
    ("1", START, SYNC, ["2", "4"]),
    ("4", STOP, None, ["1"]),
    ("4", PAUSE, None, ["5"]),
    ("5", RESUME, None, ["3", "4"]),
    ("5", RESUME, SKIP_CATCH_UP, ["4"]),
    ("5", STOP, None, ["1"]),
    ("1", STOP, None, ["1"]),
]


@pytest.mark.parametrize(("before", "action", "parameters", "states"), ALLOWED)
def test_a_request_leads_from_state_to_state(link: Link, before, action, parameters, states) -> None:
    reach(link, before)
    link.settings(gateway__initial_sync_reads=2, gateway__catch_up_reads=2)
    link.do(action, parameters=parameters)
    seen = [link.state() for _ in range(4)]
    assert list(dict.fromkeys(seen)) == states


REFUSED = [("4", START, SKIP), ("5", START, SKIP), ("4", RESUME, None), ("1", RESUME, None), ("1", PAUSE, None)]


@pytest.mark.parametrize(("before", "action", "parameters"), REFUSED)
def test_a_request_that_the_state_does_not_allow_fails_and_changes_nothing(link, before, action, parameters) -> None:
    reach(link, before)
    (entry,) = link.wait(link.ask(action, parameters=parameters))
    assert entry["state"] == "3"
    assert "Project Operations integration contract line milestones" in entry["errorMessage"]
    assert entry["rootActivityId"]
    assert link.state() == before


def test_a_busy_map_takes_no_request(link: Link) -> None:
    reach(link, "5")
    link.settings(gateway__catch_up_reads=50)
    link.do(RESUME)
    assert link.state() == "3"
    for action in (STOP, PAUSE, START, RESUME):
        (entry,) = link.wait(link.ask(action, parameters=SKIP))
        assert entry["state"] == "3"
    assert link.state() == "3"


def test_a_map_without_a_project_needs_one_before_it_starts(link: Link) -> None:
    found = link.map(HEADERS)
    assert (found["pid"], found["state"]) == (None, "0")
    body = {"action": CREATE_PROJECT, "details": [{"tid": found["tid"], "cid": link.cid}]}
    request = link.send("POST", f"{MANAGEMENT}/Start", body).json()["requestId"]
    assert [entry["state"] for entry in link.wait(request)] == ["2"]
    assert link.map(HEADERS)["pid"]
    assert link.state(HEADERS) == "6"
    link.start(HEADERS)
    assert link.state(HEADERS) == "4"


def test_a_request_waits_for_as_many_polls_as_asked_for_and_acts_only_then(link: Link) -> None:
    link.settings(gateway__request_reads=3)
    request = link.ask(STOP)
    assert [link.poll(request)[0]["state"] for _ in range(4)] == ["1", "1", "1", "2"]
    link.settings(gateway__request_reads=0)
    link.start()
    link.settings(gateway__request_reads=2)
    link.ask(STOP)
    assert [link.state() for _ in range(3)] == ["4", "4", "1"]


def test_a_request_that_nobody_polls_is_done_after_a_while_all_the_same(link: Link) -> None:
    link.settings(gateway__request_reads=50)
    link.ask(STOP)
    (sent,) = link.create(milestone("before"))
    assert link.in_finance(sent)
    link.settings(clock__offset_s=60)
    (lost,) = link.create(milestone("after"))
    assert link.in_finance(lost) is None
    assert link.state() == "1"


def test_a_request_may_need_time_instead_of_polls(link: Link) -> None:
    link.settings(gateway__request_s=30)
    request = link.ask(STOP)
    assert [link.poll(request)[0]["state"] for _ in range(3)] == ["1", "1", "1"]
    link.settings(clock__offset_s=31)
    assert link.poll(request)[0]["state"] == "2"


def test_one_request_stops_several_maps_with_an_entry_for_each(link: Link) -> None:
    entries = link.do(STOP, MILESTONES, ACTUALS, INVOICES)
    assert len(entries) == 3
    assert [link.state(name) for name in (MILESTONES, ACTUALS, INVOICES)] == ["1", "1", "1"]


def test_maps_may_have_to_be_stopped_one_by_one(link: Link) -> None:
    link.settings(gateway__bulk_start_stop=False)
    details = [{"pid": link.map(name)["pid"]} for name in (MILESTONES, ACTUALS)]
    assert link.send("POST", f"{MANAGEMENT}/Start", {"action": STOP, "details": details}).status_code == 400
    link.stop(MILESTONES)
    link.do(PAUSE, ACTUALS, INVOICES)


def test_a_request_that_is_polled_may_take_for_ever(link: Link) -> None:
    link.settings(gateway__request_reads=1000)
    request = link.ask(STOP)
    for elapsed in (4, 8, 12, 16):
        link.settings(clock__offset_s=elapsed)
        assert link.poll(request)[0]["state"] == "1"
    link.settings(clock__offset_s=30)
    assert link.poll(request)[0]["state"] == "2"


def test_a_pause_with_a_map_that_does_not_run_pauses_none(link: Link) -> None:
    entries = link.wait(link.ask(PAUSE, MILESTONES, SALES_INVOICES))
    assert [entry["state"] for entry in entries] == ["3", "3"]
    assert [link.state(name) for name in (MILESTONES, SALES_INVOICES)] == ["4", "6"]


def test_requests_are_kept_newest_first_and_actions_follow_the_state(link: Link) -> None:
    assert link.map()["actions"] == ["4", "5"]
    link.stop()
    link.start()
    found = link.map()
    assert [request["action"] for request in found["lastRequests"]] == ["1", "4"]
    assert found["lastRequest"] == found["lastRequests"][0]
    link.do(PAUSE)
    assert link.map()["actions"] == ["6"]


def test_a_start_without_parameters_synchronises_unless_set_otherwise(link: Link) -> None:
    link.stop()
    (missed,) = link.create(milestone())
    link.do(START)
    assert link.in_finance(missed)
    link.stop()
    (other,) = link.create(milestone("other"))
    link.settings(gateway__start_without_parameters="skip")
    link.do(START)
    assert link.in_finance(other) is None


def test_a_start_that_is_to_fail_leaves_the_map_as_it_was(link: Link) -> None:
    link.stop()
    link.settings(gateway__start_failures={"milestones": "DIPV1900"})
    (entry,) = link.wait(link.ask(START, parameters=SKIP))
    assert entry["state"] == "3"
    assert entry["errorMessage"].startswith("Project validation failed [DIPV1900]")
    assert link.state() == "1"
    link.settings(gateway__start_failures={})
    fault = {"effect": "start_failure", "path": "milestones", "occurrence": 1, "code": "DIPV1020"}
    link.control("POST", "faults", fault)
    (entry,) = link.wait(link.ask(START, parameters=SKIP))
    assert "[DIPV1020]" in entry["errorMessage"]
    link.start()


def test_a_start_runs_the_version_that_it_names(link: Link) -> None:
    link.stop()
    older = link.version("1.0.0.6")
    link.do(START, parameters=SKIP, template=older)
    assert link.map()["template"]["id"] == older
    link.stop()
    link.settings(gateway__start_other_version="refuse")
    (entry,) = link.wait(link.ask(START, parameters=SKIP, template=link.version("1.0.0.7")))
    assert entry["state"] == "3"


def test_a_failed_initial_sync_ends_in_the_state_that_is_set(link: Link) -> None:
    link.stop()
    link.create(milestone())
    link.settings(gateway__sync_failed_state="1", gateway__request_reads=1)
    link.control("POST", "faults", {
        "effect": "refuse_row", "table": "fo.ProjectContractLineMilestones", "message": "Not this one."
    })  # fmt: skip
    request = link.ask(START, parameters=SYNC)
    assert link.poll(request)[0]["state"] == "1"
    (entry,) = link.wait(request)
    assert entry["state"] == "3"
    assert "Dual write Initial Sync completed with status: Error" in entry["errorMessage"]
    assert link.state() == "1"
    pid = link.map()["pid"]
    runs = link.send("GET", f"/api/ProjectExecutionWithCompanies/{pid}").json()["projectExecutionResponses"]
    assert (runs[0]["executionStatus"], runs[0]["errorCount"]) == ("Error", 1)
    assert "Not this one." in runs[0]["taskExecutionStatuses"][0]["legs"][0]["importErrors"][0]["errorMessage"]
