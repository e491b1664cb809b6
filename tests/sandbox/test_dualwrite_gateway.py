"""The gateway's endpoints as any client meets them: forms, refusals, sloppy input."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.dualwrite_world import (
    ENVIRONMENT,
    MANAGEMENT,
    MILESTONES,
    STOP,
    Link,
    app_token,
    milestone,
    persons_token,
)

NOBODY = str(uuid.UUID(int=7))


def with_token(link: Link, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return link.session.get(f"{link.url}{MANAGEMENT}/Version", headers=headers, timeout=20).status_code


def test_only_a_persons_token_for_this_resource_counts(link: Link) -> None:
    link.directory.add_resource("https://localhost:1", "dataverse")
    assert with_token(link, persons_token(link)) == 200
    assert with_token(link, "") == 401
    assert with_token(link, "rubbish") == 401
    assert with_token(link, app_token(link)) == 401
    assert with_token(link, persons_token(link, "https://localhost:1")) == 401
    answer = link.session.get(f"{link.url}{MANAGEMENT}/Version", timeout=20)
    assert set(answer.json()) == {"message", "activityId"}
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_version_answers(link: Link) -> None:
    assert link.get("/Version") == "1.0"


@pytest.mark.parametrize(
    ("identifier", "found"),
    [("localhost", 1), ("localhost:443", 1), ("LOCALHOST", 1), ("127.0.0.1", 1), ("https://localhost", 0),
     ("localhost/", 0), ("elsewhere.operations.dynamics.com", 0), ("", 0)],
)  # fmt: skip
def test_an_environment_is_found_by_its_bare_host_alone(link: Link, identifier: str, found: int) -> None:
    environments = link.get(f"/Environments?targetType=AX&identifier={identifier}")
    assert len(environments) == found
    for environment in environments:
        assert set(environment) == {"cid", "cname", "targetType", "displayName", "detail", "powerAppsEnvironment"}
        assert (environment["powerAppsEnvironment"], environment["detail"]) == (ENVIRONMENT, {"isSolutionAware": True})


def test_a_link_that_is_gone_gives_nothing(link: Link) -> None:
    link.settings(gateway__linked=False)
    assert link.get("/Environments?targetType=AX&identifier=localhost") == []
    assert link.send("GET", f"{MANAGEMENT}/Entities?targetType=AX&cid={link.cid}").status_code == 404


def test_maps_have_the_documented_members_and_codes_are_texts(link: Link) -> None:
    found = next(m for m in link.maps() if m["detail"]["tName"] == MILESTONES)
    assert set(found) == {"leftEntity", "rightEntity", "detail"}
    assert (found["leftEntity"]["targetType"], found["rightEntity"]["targetType"]) == ("AX", "CRM")
    assert found["rightEntity"]["name"] == "msdyn_contractlinescheduleofvalues"
    assert found["leftEntity"]["name"] == "Project Operations integration contract line milestones"
    detail = found["detail"]
    assert set(detail) == {
        "tid", "tName", "tags", "templates", "template", "pid", "lastRequest", "state", "actions", "lastRequests",
        "isProjectDeleted",
    }  # fmt: skip
    assert detail["tid"] == detail["template"]["id"]
    assert detail["state"] == "4"
    assert set(detail["template"]) == {
        "id", "name", "readOnly", "displayName", "author", "version", "tags", "description", "createdDateTime"
    }  # fmt: skip
    link.stop()
    assert all(isinstance(link.map()["lastRequest"][name], str) for name in ("action", "state", "requestId"))


def test_the_map_list_may_come_empty_or_wrapped(link: Link) -> None:
    link.settings(gateway__empty_lists=2)
    assert [len(link.maps()) > 0 for _ in range(3)] == [False, False, True]
    link.settings(gateway__list_form="object", gateway__left_name="set")
    wrapped = link.get(f"/Entities?targetType=AX&cid={link.cid}")
    names = [m["leftEntity"]["name"] for m in wrapped["value"]]
    assert "ProjectContractLineMilestones" in names


def test_field_mappings_hold_one_task_with_one_leg_and_both_schemas(link: Link) -> None:
    project = link.get(f"/{link.map()['pid']}/FieldMappings")
    (task,) = project["entityMappingTasks"]
    assert (task["leftEnvironmentType"], task["centerEnvironmentType"], task["rightEnvironmentType"]) == (
        "AX", "CRM", "UNDEFINED"
    )  # fmt: skip
    (leg,) = task["legs"]
    assert (leg["id"], leg["sourceSchema"], leg["destinationSchema"]) == (
        "001", "Project Operations integration contract line milestones", "msdyn_contractlinescheduleofvalues"
    )  # fmt: skip
    amount = next(line for line in leg["fieldMappings"] if line["sourceField"] == "AMOUNT")
    assert (amount["syncDirection"], amount["destinationField"], amount["valueTransforms"]) == (2, "msdyn_amount", [])
    finance, dataverse = project["environments"]
    assert (finance["targetType"], dataverse["targetType"]) == ("AX", "CRM")
    assert {"AMOUNT", "CONTRACTLINEMILESTONEGUID"} <= {field["name"] for field in finance["schemas"][0]["fields"]}
    key = dataverse["schemas"][0]["keys"][0]
    assert (key["name"], key["fields"]) == ("userKeys", ["msdyn_contractlinescheduleofvalueid"])
    assert project["templateIdentifier"]["id"] == link.map()["tid"]


def connection_set(link: Link) -> dict[str, Any]:
    (found,) = link.get("/Environments?targetType=AX&identifier=localhost")
    return link.send("GET", f"/api/ConnectionSet/{found['cname']}").json()


def test_the_connection_set_names_the_linked_legal_entities(link: Link) -> None:
    found = connection_set(link)
    mappings = found["dualWriteDetail"]["legalEntityMappings"]["mappings"]
    assert [(pair["left"]["name"], pair["right"]["name"]) for pair in mappings] == [("usmf", "usmf")]
    assert len(found["environments"]) == 2
    assert all(isinstance(each["schemas"], list) for each in found["environments"].values())
    link.settings(gateway__unlinked_companies=["usmf"])
    assert connection_set(link)["dualWriteDetail"]["legalEntityMappings"]["mappings"] == []
    assert link.send("GET", "/api/ConnectionSet/other").status_code == 404


def test_an_integration_key_is_set_and_can_be_read_back(link: Link) -> None:
    dataset = next(name for name, each in connection_set(link)["environments"].items() if each["targetType"] == "CRM")
    path = f"/api/dataset/{dataset}/IntegrationKeys"
    fields = ["msdyn_name", "msdyn_contract.ordernumber"]
    body = {"integrationKeys": {"msdyn_contractlinescheduleofvalues": fields}, "datasetName": dataset}
    assert link.send("POST", path, body).status_code == 200
    schemas = connection_set(link)["environments"][dataset]["schemas"]
    key = next(s for s in schemas if s["name"] == "msdyn_contractlinescheduleofvalues")["keys"][0]
    assert (key["fields"], key["isCustomized"]) == (fields, True)
    assert link.send("POST", path, {"integrationKeys": {"nothing": ["x"]}}).status_code == 404
    assert link.send("POST", path, {"integrationKeys": {"accounts": "x"}}).status_code == 400
    assert link.send("POST", "/api/dataset/other/IntegrationKeys", body).status_code == 404


def test_related_maps_come_in_run_order_with_the_asked_one_last(link: Link) -> None:
    template = link.map()["tid"]
    path = f"{MANAGEMENT}/GetTemplatePrerequisiteSequences/{link.cid}"
    (sequence,) = link.send("POST", path, [template]).json()
    names = {m["detail"]["tid"]: m["detail"]["tName"].partition(" - ")[0] for m in link.maps()}
    assert [names[each] for each in sequence[:-1]] == ["salesorders", "salesorderdetails", "msdyn_projects"]
    assert sequence[-1] == template
    assert link.send("POST", path, [NOBODY]).status_code == 404


def test_solutions_are_listed(link: Link) -> None:
    found = link.get(f"/SolutionAware/{link.cid}/Solutions/")
    names = {solution["uniquename"] for solution in found}
    assert {"ContosoDualWriteMaps", "Dynamics365ProjectOperationsDualWriteEntityMaps"} <= names
    assert set(found[0]) == {"description", "friendlyname", "ismanaged", "solutionid", "id", "uniquename", "version"}


UNKNOWN = [
    ("GET", f"/Status/{NOBODY}", None, 404),
    ("GET", f"/{NOBODY}/FieldMappings", None, 404),
    ("GET", f"/Entities?targetType=AX&cid={NOBODY}", None, 404),
    ("GET", "/Nothing", None, 404),
    ("DELETE", "/Version", None, 405),
    ("POST", "/Start", {"action": "2", "details": [{}]}, 400),
    ("POST", "/Start", {"action": STOP}, 400),
    ("POST", "/Start", {"action": STOP, "details": []}, 400),
    ("POST", "/Start", {"action": STOP, "details": [{"pid": NOBODY}]}, 404),
    ("POST", "/Start", {"action": STOP, "details": [{"tid": NOBODY}]}, 400),
    ("POST", "/Start", {"action": "8", "details": [{"tid": NOBODY}]}, 404),
    ("POST", "/Start", [], 400),
    ("POST", "/Start", "text", 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), UNKNOWN)
def test_what_cannot_be_meant_is_refused_in_the_gateways_form(link: Link, method, path, body, status) -> None:
    answer = link.send(method, MANAGEMENT + path, body)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_a_start_may_not_name_a_map_twice_or_another_link(link: Link) -> None:
    detail = {"pid": link.map()["pid"]}
    for details in ([detail, detail], [{**detail, "cid": NOBODY}], [{**detail, "tid": "no id"}]):
        answer = link.send("POST", f"{MANAGEMENT}/Start", {"action": STOP, "details": details})
        assert 400 <= answer.status_code < 500
    assert link.state() == "4"


def test_paths_are_found_in_any_case(link: Link) -> None:
    assert link.send("GET", MANAGEMENT.upper() + "/version").status_code == 200


scalars = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False)
)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["action", "details", "pid", "tid", "cid", "parameters", "solutions", "criteria", "uniquename",
                     "integrationKeys", "skipInitialSync", "conflictResolution", "master", "1"]),
    inner, max_size=4), max_leaves=12)  # fmt: skip
PATHS = [
    "/Start", "/SolutionAware/{cid}/RestoreTemplates", "/GetTemplatePrerequisiteSequences/{cid}",
    "/SolutionAware/{cid}/SwitchActive/{tid}?pid={pid}", "/Status/%00%ff", "/%2e%2e/FieldMappings",
]  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), body=anything, real=st.booleans())
def test_no_body_makes_the_gateway_fail(link: Link, path: str, body: Any, real: bool) -> None:
    pid, tid = link.map()["pid"], link.map()["tid"]
    if real and isinstance(body, dict):
        body = {"action": "4", "details": [{"pid": pid, "cid": link.cid, "parameters": body}], **body}
    filled = path.format(cid=link.cid, tid=tid, pid=pid)
    for method in ("POST", "GET"):
        assert link.send(method, MANAGEMENT + filled, body).status_code < 500
    assert link.kernel.crashes == []
    assert link.maps()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_no_bytes_make_the_gateway_fail(link: Link, body: bytes) -> None:
    for path in ("/Start", f"/SolutionAware/{link.cid}/RestoreTemplates"):
        assert link.send("POST", MANAGEMENT + path, data=body).status_code == 400
    assert link.kernel.crashes == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=anything, force=st.sampled_from(["true", "FALSE", "", "x"]), whole=st.booleans())
def test_no_body_makes_a_reset_or_a_key_fail(link: Link, body: Any, force: str, whole: bool) -> None:
    if whole:
        body = {"environments": [body, body], "legalEntities": [body], "integrationKeys": {"accounts": [body]}}
    dataset = f"dataverse-{link.cid[:8]}"
    for path in (f"ConnectionSet/{link.cid}/Reset?forceReset={force}", f"dataset/{dataset}/IntegrationKeys"):
        assert link.send("POST", f"/api/{path}", body).status_code < 500
    assert link.kernel.crashes == []


def reset(link: Link, *companies: str, force: str = "False") -> requests.Response:
    """The call as DWH sends it; it writes booleans with a capital."""
    environment = {"name": "n", "displayName": "n", "id": "n", "isDevInstance": False, "directUrl": "https://n"}
    body = {
        "powerAppsEnvironmentName": "e",
        "environments": [{"targetType": "CRM", **environment}, {"targetType": "AX", **environment}],
        "legalEntities": list(companies),
    }
    return link.send("POST", f"/api/ConnectionSet/{link.cid}/Reset?targetType=AX&forceReset={force}", body)


def test_a_link_is_reset_only_when_every_map_is_stopped_or_by_force(link: Link) -> None:
    assert reset(link, "USMF").status_code == 409
    assert link.state() == "4"
    assert reset(link, "USMF", force="True").status_code == 200
    assert {each["detail"]["state"] for each in link.maps()} <= {"0", "1", "6"}
    assert not link.rows("msdyn_dualwriteruntimeconfig")
    assert not link.rows("fo.DualWriteProjectConfigurations")
    (missed,) = link.create(milestone())
    assert link.in_finance(missed) is None
    link.start()
    (sent,) = link.create(milestone("after"))
    assert link.in_finance(sent)


def test_a_reset_clears_rows_that_an_earlier_link_left_behind(link: Link) -> None:
    with link.world.transaction() as tx:
        tx.insert("fo.DualWriteProjectConfigurations", {"ProjectName": "stale", "Status": "Enabled"})
    assert reset(link, "usmf", force="true").status_code == 200
    assert not link.rows("fo.DualWriteProjectConfigurations")


def test_a_reset_links_only_the_legal_entities_that_it_names(link: Link) -> None:
    with link.world.transaction() as tx:
        tx.insert("cdm_company", {"cdm_companyid": str(uuid.uuid4()), "cdm_companycode": "demf", "cdm_name": "DEMF"})
    assert reset(link, "DEMF", force="true").status_code == 200
    link.start()
    (left_out,) = link.create(milestone())
    assert link.in_finance(left_out) is None


@pytest.mark.parametrize("names", [[], ["XXXX"]])
def test_a_reset_for_nobody_or_for_strangers_is_refused(link: Link, names: list[str]) -> None:
    assert reset(link, *names, force="true").status_code == 409
    assert link.state() == "4"
