"""What is sent to the gateway, letter by letter, and what becomes of answers that aren't as they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statecfg.clients.dualwrite import Gateway
from statecfg.clients.tablemap import MapVersion, TableMap
from statecfg.clients.transport import Transport
from statecfg.model.errors import NotFound, Rejected, SignInRefused, Unavailable
from tests.clients.scripted import DROPPED, Clock, Reply, Seen, Server

BASE = "/api/DualWriteManagement/1.0"
LINK = [{"cid": "c-1", "cname": "set one", "powerAppsEnvironment": "env-1"}]
MAP = TableMap("s - e", "s", "e", "p-1", 4, MapVersion("t-1", "Microsoft", "1.0.0.7"))


class Script:
    """Answers by the end of the path; environments are answered from the start."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"Environments": LINK, **answers}

    def __call__(self, seen: Seen) -> Reply:
        for end, answer in self.answers.items():
            if end in seen.path:
                found = (
                    answer.pop(0) if isinstance(answer, list) and answer and isinstance(answer[0], Reply) else answer
                )
                return found if isinstance(found, Reply) else Reply(body=found)
        return Reply(404, {"message": "nothing there"})


@pytest.fixture
def gateway_with(
    serve: Callable[..., Server], transport_to: Callable[..., Transport]
) -> Callable[..., tuple[Gateway, Server]]:
    def make(**answers: Any) -> tuple[Gateway, Server]:
        server = serve(Script(**answers))
        return Gateway(transport_to(server), server.url + "/", "contoso.operations.dynamics.com"), server

    return make


Made = Callable[..., tuple[Gateway, Server]]


def test_the_link_is_looked_up_by_the_bare_host_and_once(gateway_with: Made) -> None:
    gateway, server = gateway_with()
    assert gateway.connection().cid == gateway.connection().cid == "c-1"
    assert [(seen.path, seen.query) for seen in server.seen] == [
        (f"{BASE}/Environments", "targetType=AX&identifier=contoso.operations.dynamics.com")
    ]


@pytest.mark.parametrize("answer", [[], [{"cid": None}], {"value": []}])
def test_not_linked_is_an_error_of_its_own(gateway_with: Made, answer: Any) -> None:
    gateway, _ = gateway_with(Environments=answer)
    with pytest.raises(NotFound, match="not linked"):
        gateway.connection()


def test_a_start_never_asks_for_an_initial_sync(gateway_with: Made) -> None:
    gateway, server = gateway_with(Start={"requestId": "r-1"})
    assert gateway.start([MAP]) == "r-1"
    assert server.seen[-1].json == {
        "action": "1",
        "details": [
            {
                "tid": "t-1",
                "pid": "p-1",
                "cid": "c-1",
                "parameters": {"skipInitialSync": True, "conflictResolution": {"option": "1", "master": "CRM"}},
            }
        ],
    }


def test_several_maps_are_stopped_in_one_call(gateway_with: Made) -> None:
    gateway, server = gateway_with(Start={"requestID": "r-1"})
    gateway.stop([MAP, MAP])
    sent = server.seen[-1].json
    assert sent["action"] == "4"
    assert sent["details"] == [{"tid": "t-1", "pid": "p-1", "cid": "c-1"}] * 2


def test_a_project_is_made_without_pid_and_parameters(gateway_with: Made) -> None:
    gateway, server = gateway_with(Start={"id": "r-1"})
    gateway.create_project(TableMap("s - e", "s", "e", "", 0, MAP.active))
    assert server.seen[-1].json == {"action": "8", "details": [{"tid": "t-1", "cid": "c-1"}]}


@pytest.mark.parametrize("fault", [DROPPED, Reply(503), Reply(200, b""), Reply(200, {})])
def test_a_start_whose_answer_is_lost_is_in_doubt_and_not_sent_again(gateway_with: Made, fault: Reply) -> None:
    gateway, server = gateway_with(Start=fault)
    with pytest.raises(Unavailable) as caught:
        gateway.start([MAP])
    assert caught.value.sent
    assert len([path for path in server.paths() if path.endswith("/Start")]) == 1


def test_a_version_is_switched_by_its_bare_id(gateway_with: Made) -> None:
    gateway, server = gateway_with(SwitchActive=b"")
    gateway.switch(MAP, "t-2")
    seen = server.seen[-1]
    assert (seen.path, seen.query) == (f"{BASE}/SolutionAware/c-1/SwitchActive/t-2", "pid=p-1")
    assert seen.body == b"t-2"
    assert seen.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("answer", [b"", b"t-2", {"requestId": "x"}])
def test_a_switch_may_answer_anything(gateway_with: Made, answer: Any) -> None:
    gateway, _ = gateway_with(SwitchActive=answer)
    gateway.switch(MAP, "t-2")


def test_a_refused_switch_is_rejected_in_the_gateways_words(gateway_with: Made) -> None:
    gateway, _ = gateway_with(SwitchActive=Reply(400, {"message": "The map is running.", "activityId": "a"}))
    with pytest.raises(Rejected, match="The map is running"):
        gateway.switch(MAP, "t-2")


def test_refresh_goes_by_the_projects_name_and_may_be_repeated(gateway_with: Made) -> None:
    gateway, server = gateway_with(Refresh=[DROPPED, Reply(200)])
    gateway._transport._reached.add("dualwrite")
    gateway.refresh("name with/slash")
    assert [seen.json for seen in server.seen] == [{"tokens": [""]}] * 2
    assert server.seen[-1].path == "/api/Project/name%20with%2Fslash/Refresh"


def test_an_empty_list_of_maps_is_asked_for_again(gateway_with: Made, clock: Clock) -> None:
    entities = [Reply(200, []), Reply(200, b""), Reply(200, [{"detail": {"tName": "s - e", "state": "1"}}])]
    gateway, _ = gateway_with(Entities=entities)
    assert [one.name for one in gateway.maps()] == ["s - e"]
    assert clock.slept == [0.5, 1.0]


def test_a_list_that_stays_empty_is_no_evidence(gateway_with: Made) -> None:
    gateway, _ = gateway_with(Entities=[Reply(200, [])] * 9)
    with pytest.raises(Unavailable, match="empty list of maps"):
        gateway.maps()


@pytest.mark.parametrize("wrapped", [lambda maps: maps, lambda maps: {"value": maps}, lambda maps: {"Items": maps}])
def test_a_requests_outcome_is_told_by_map(gateway_with: Made, wrapped: Callable[[Any], Any]) -> None:
    def entry(pid: str, state: str) -> dict[str, Any]:
        requests = [{"requestId": "R-1", "action": "4", "state": state}, {"requestId": "r-0", "state": "2"}]
        return {"detail": {"tName": "s - e", "pid": pid, "state": "4", "lastRequests": requests}}

    gateway, _ = gateway_with(Status=wrapped([entry("p-1", "2"), entry("p-2", "1")]))
    assert {pid: one.state for pid, one in gateway.status("r-1").items()} == {"p-1": "completed", "p-2": "waiting"}


def test_a_status_told_as_one_object_counts(gateway_with: Made) -> None:
    gateway, _ = gateway_with(Status={"requestId": "r-1", "status": "completed"})
    assert [one.state for one in gateway.status("r-1").values()] == ["completed"]


def test_an_unknown_request_is_not_found(gateway_with: Made) -> None:
    gateway, _ = gateway_with()
    with pytest.raises(NotFound):
        gateway.status("r-9")


def test_one_solution_is_applied_and_its_end_read(gateway_with: Made) -> None:
    failed = {"requestId": "r-1", "state": "3", "result": {"message": "no such solution"}}
    gateway, server = gateway_with(RestoreTemplates={"requestId": "r-1"}, Status=failed)
    assert gateway.restore("Cutover") == "r-1"
    assert server.seen[-1].json == {"action": "2", "solutions": [{"criteria": {"uniquename": "Cutover"}}]}
    assert (gateway.restore_status("r-1").state, gateway.restore_status("r-1").error) == ("failed", "no such solution")


def test_a_field_mapping_that_cannot_be_understood_is_no_evidence(gateway_with: Made) -> None:
    gateway, _ = gateway_with(FieldMappings={"name": "p", "entityMappingTasks": [{"legs": []}]})
    with pytest.raises(Unavailable, match="can't be understood"):
        gateway.project("p-1")


def test_an_application_token_is_refused_with_a_remedy(gateway_with: Made) -> None:
    gateway, _ = gateway_with(Environments=Reply(401, b""))
    with pytest.raises(SignInRefused) as caught:
        gateway.connection()
    assert "user" in caught.value.do
