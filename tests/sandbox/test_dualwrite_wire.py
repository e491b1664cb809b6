"""Dual-write as clients of all three services see it: one sandbox, real sockets, tokens of each service."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import requests

from statecfg.sandbox.server import Sandbox

API = "/api/data/v9.2"
MANAGEMENT = "/api/DualWriteManagement/1.0"
SET = "msdyn_contractlinescheduleofvalues"
LABEL = "Project Operations integration contract line milestones"
ACTUALS_LABEL = "Project Operations integration actuals"
READY = 192350001
LARGEST = "922337203685476.99"
EXACT = msgspec.json.Encoder(decimal_format="number")


@dataclass
class Place:
    sandbox: Sandbox
    session: requests.Session
    tokens: dict[str, str]

    def send(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "."): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.tokens[service]}", "Content-Type": "application/json", **named}
        data = None if body is None else EXACT.encode(body)
        return self.session.request(method, self.sandbox.url(service) + path, headers=sent, data=data, timeout=30)

    def get(self, service: str, path: str) -> Any:
        answer = self.send(service, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def map(self, label: str = LABEL) -> dict[str, Any]:
        found = [m["detail"] for m in self.get("dualwrite", f"{MANAGEMENT}/Entities?targetType=AX&cid={self.cid()}")]
        return next(detail for detail in found if detail["tName"].endswith(f" - {label}"))

    def cid(self) -> str:
        return self.get("dualwrite", f"{MANAGEMENT}/Environments?targetType=AX&identifier=localhost")[0]["cid"]

    def ask(self, action: str, label: str = LABEL) -> None:
        found = self.map(label)
        detail = {"tid": found["tid"], "pid": found["pid"], "parameters": {"skipInitialSync": True}}
        request = self.send("dualwrite", "POST", f"{MANAGEMENT}/Start", {"action": action, "details": [detail]})
        for _ in range(5):
            (shown,) = self.get("dualwrite", f"{MANAGEMENT}/Status/{request.json()['requestId']}")
        assert shown["detail"]["lastRequest"]["state"] == "2", shown["detail"]["lastRequest"]

    def milestone(self, amount: str = "10.5", **more: Any) -> dict[str, Any]:
        """The body of a milestone on a fixed-price line in base currency, whose amounts in base can't overflow."""
        wanted = "msdyn_billingmethod eq 192350001 and transactioncurrencyid/isocurrencycode eq 'USD'"
        line = self.get("dataverse", f"{API}/salesorderdetails?$filter={wanted}&$top=1")["value"][0]
        return {
            f"{SET[:-1]}id": str(uuid.uuid4()), "msdyn_name": f"Milestone {uuid.uuid4()}",
            "msdyn_amount": Decimal(amount), "msdyn_tax": 0, "msdyn_invoicestatus": READY,
            "msdyn_milestonedate": "2024-02-29", "msdyn_invoicedate": "2024-02-29",
            "msdyn_transactionclassification": 192350003, "msdyn_transactiontypecode": 192350006,
            "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
            "msdyn_contract@odata.bind": f"/salesorders({line['_salesorderid_value']})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({line['_transactioncurrencyid_value']})",
            **more,
        }  # fmt: skip

    def in_finance(self, key: str) -> list[dict[str, Any]]:
        path = f"/data/ProjectContractLineMilestones?cross-company=true&$filter=ContractLineMilestoneGuid eq {key}"
        answer = self.send("finance", "GET", path)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal)["value"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=3, milestones=20) as sandbox:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(sandbox.details["ca_file"])
        place = Place(sandbox, session, {})
        place.tokens = {service: token(place, service) for service in ("dataverse", "finance", "dualwrite")}
        sandbox.world.snapshot("fresh")
        yield place
        session.close()
        assert sandbox.crashes == []


def token(place: Place, service: str) -> str:
    details = place.sandbox.details
    form = {"client_id": details["client_id"], "client_secret": details["client_secret"]}
    form |= {"grant_type": "client_credentials", "scope": f"{place.sandbox.url(service)}/.default"}
    if service == "dualwrite":
        form = {"client_id": details["dualwrite_client_id"], "refresh_token": details["refresh_token"]}
        form |= {"grant_type": "refresh_token", "scope": "https://IntegratorApp.com/.default offline_access"}
    answer = place.session.post(f"{details['authority']}/oauth2/v2.0/token", data=form, timeout=30)
    return str(answer.json()["access_token"])


@pytest.fixture
def place(running: Place) -> Place:
    running.sandbox.world.restore("fresh")
    running.sandbox.world.faults.clear()
    return running


def test_the_gateway_refuses_the_tokens_of_the_other_services_and_of_an_application(place: Place) -> None:
    for service in ("dataverse", "finance"):
        headers = {"Authorization": f"Bearer {place.tokens[service]}"}
        url = place.sandbox.url("dualwrite") + f"{MANAGEMENT}/Version"
        assert place.session.get(url, headers=headers, timeout=30).status_code == 401


@pytest.mark.parametrize("amount", ["1000.10", LARGEST])
def test_an_amount_goes_from_json_to_json_to_the_last_digit(place: Place, amount: str) -> None:
    body = place.milestone(amount)
    created = place.send("dataverse", "POST", f"{API}/{SET}", body)
    assert created.status_code == 204, created.text
    (row,) = place.in_finance(body[f"{SET[:-1]}id"])
    assert row["Amount"] == Decimal(amount)
    assert row["TransStatus"] == "NoStatus"


def test_a_refusal_of_the_other_side_is_isv_aborted_and_nothing_is_left(place: Place) -> None:
    fault = {"effect": "refuse_row", "table": "fo.ProjectContractLineMilestones", "message": "No such thing."}
    place.sandbox.kernel.control.call("faults", "POST", fault)
    body = place.milestone()
    answer = place.send("dataverse", "POST", f"{API}/{SET}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80040265")
    message = answer.json()["error"]["message"]
    assert message.startswith("An unexpected error occurred from ISV code. (ErrorType = ClientError)")
    assert f"Write failed for entity {LABEL} with unknown exception - No such thing." in message
    assert place.send("dataverse", "GET", f"{API}/{SET}({body[f'{SET[:-1]}id']})").status_code == 404


def test_many_at_once_arrive_together_or_not_at_all(place: Place) -> None:
    bodies = [{"@odata.type": f"Microsoft.Dynamics.CRM.{SET[:-1]}", **place.milestone()} for _ in range(20)]
    path = f"{API}/{SET}/Microsoft.Dynamics.CRM.CreateMultiple"
    assert place.send("dataverse", "POST", path, {"Targets": bodies}).status_code == 200
    assert all(place.in_finance(body[f"{SET[:-1]}id"]) for body in bodies)
    fault = {"effect": "refuse_row", "table": "fo.ProjectContractLineMilestones", "occurrence": 20}
    place.sandbox.kernel.control.call("faults", "POST", fault)
    others = [{**body, f"{SET[:-1]}id": str(uuid.uuid4())} for body in bodies]
    assert place.send("dataverse", "POST", path, {"Targets": others}).status_code == 400
    assert not any(place.in_finance(body[f"{SET[:-1]}id"]) for body in others)


def runtime_versions(place: Place) -> dict[str, str]:
    rows = place.get("dataverse", f"{API}/msdyn_dualwriteruntimeconfigs?$select=msdyn_unsecure,statecode")["value"]
    found = [json.loads(row["msdyn_unsecure"]) for row in rows if row["statecode"] == 0]
    return {f["DestinationEntityName"]: ".".join(map(str, f["EntityMapVersion"].values())) for f in found}


def configurations(place: Place) -> dict[str, str]:
    rows = place.get("finance", "/data/DualWriteProjectConfigurations?$select=InternalEntityName,Status")["value"]
    return {row["InternalEntityName"]: row["Status"] for row in rows}


def test_both_independent_witnesses_follow_a_stop_and_a_start(place: Place) -> None:
    actuals = "Project Operations integration actuals"
    assert runtime_versions(place)[LABEL] == "1.0.0.7"
    assert (LABEL in configurations(place), configurations(place)[actuals]) == (False, "Enabled")
    place.ask("4")
    assert LABEL not in runtime_versions(place)
    place.ask("1")
    assert runtime_versions(place)[LABEL] == "1.0.0.7"


def test_a_witness_lags_by_reads_over_the_wire(place: Place) -> None:
    place.sandbox.world.settings["witness.dataverse.lag_reads"] = 2
    place.ask("4")
    assert [LABEL in runtime_versions(place) for _ in range(3)] == [True, True, False]


def row_of_a_version(place: Place, **changes: Any) -> dict[str, Any]:
    path = f"{API}/msdyn_dualwriteentitymaps?$filter=msdyn_version eq '1.0.0.7' and msdyn_author eq 'Microsoft'"
    found = [row for row in place.get("dataverse", path)["value"] if LABEL in row["msdyn_name"]]
    columns = ("msdyn_name", "msdyn_displayname", "msdyn_mapping")
    return {**{name: found[0][name] for name in columns}, "msdyn_author": "Default publisher", **changes}


def applied(place: Place, solution: str) -> None:
    body = {"action": "2", "solutions": [{"criteria": {"uniquename": solution}}]}
    base = f"{MANAGEMENT}/SolutionAware/{place.cid()}"
    request = place.send("dualwrite", "POST", f"{base}/RestoreTemplates", body).json()["requestId"]
    for _ in range(3):
        shown = place.get("dualwrite", f"{base}/Status/{request}")
    assert shown["state"] == "2", shown


def on_offer(place: Place) -> set[tuple[str, int]]:
    return {(t["author"], t["version"]["revision"]) for t in place.map()["templates"]}


def test_a_row_put_into_a_solution_by_its_header_is_on_offer_after_the_solution_was_applied(place: Place) -> None:
    place.sandbox.world.settings["map_row.solution"] = "required"
    path, solution = f"{API}/msdyn_dualwriteentitymaps", "ContosoDualWriteMaps"
    outside, inside = (row_of_a_version(place, msdyn_version=f"1.0.0.{n}") for n in (8, 10))
    assert place.send("dataverse", "POST", path, outside).status_code == 204
    headers = {"MSCRM.SolutionUniqueName": solution}
    assert place.send("dataverse", "POST", path, inside, **headers).status_code == 204
    applied(place, solution)
    assert ("Default publisher", 8) not in on_offer(place)
    assert ("Default publisher", 10) in on_offer(place)
    unknown = {"MSCRM.SolutionUniqueName": "NoSuchSolution"}
    refused = place.send("dataverse", "POST", path, row_of_a_version(place, msdyn_version="1.0.0.11"), **unknown)
    assert refused.status_code == 400


def test_an_exported_solution_is_imported_by_a_system_job(place: Place) -> None:
    line = {"syncDirection": 2, "sourceField": "TRANSSTATUS", "destinationField": "msdyn_invoicestatus"}
    line["valueTransforms"] = [{"transformType": "ValueMap", "valueMap": {"4": "192350001"}}]
    body = {"version": "1.0.0.8", "mappings": [line], "uniquename": "Cutover"}
    file = place.sandbox.kernel.control.call("solution", "POST", body)["file"]
    assert base64.b64decode(file)[:2] == b"PK"
    asked = {"CustomizationFile": file, "PublishWorkflows": False, "OverwriteUnmanagedCustomizations": False}
    job = place.send("dataverse", "POST", f"{API}/ImportSolutionAsync", asked).json()["AsyncOperationId"]
    path = f"{API}/asyncoperations({job})?$select=statecode,statuscode"
    assert [place.get("dataverse", path)["statuscode"] for _ in range(2)] == [20, 30]
    applied(place, "Cutover")
    assert ("Default publisher", 8) in on_offer(place)
    refused = place.send("dataverse", "POST", f"{API}/ImportSolutionAsync", {"CustomizationFile": "eA=="})
    assert refused.status_code == 400


def test_the_target_mapping_in_finance_follows_the_button(place: Place) -> None:
    def mapped() -> bool:
        wanted = "StagingField eq 'TRANSSTATUS'"
        rows = place.get("finance", f"/data/DataManagementTargetMapEntities?$filter={wanted}")["value"]
        return LABEL in {row["Entity"] for row in rows}

    control = place.sandbox.kernel.control
    assert mapped()
    control.call("forget-mapping", "POST")
    assert not mapped()
    assert control.call("generate-mapping", "POST") == {"added": 1}
    assert mapped()


BATCHED = {
    "dataverse": (f"{API}/$batch", f"{API}/msdyn_dualwriteruntimeconfigs?$select=msdyn_externalentityname"),
    "finance": ("/data/$batch", "/data/DualWriteProjectConfigurations?$select=InternalEntityName"),
}


def batched(place: Place, service: str) -> str:
    """What a reading of a witness inside a batch says."""
    batch, path = BATCHED[service]
    head = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    body = f"{head}GET {path} HTTP/1.1\r\nAccept: application/json\r\n\r\n--b--\r\n"
    headers = {"Authorization": f"Bearer {place.tokens[service]}", "Content-Type": "multipart/mixed; boundary=b"}
    answer = place.session.post(place.sandbox.url(service) + batch, headers=headers, data=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(("service", "label"), [("dataverse", LABEL), ("finance", ACTUALS_LABEL)])
def test_a_witness_that_lags_catches_up_when_it_is_read_inside_a_batch(place: Place, service: str, label: str) -> None:
    place.sandbox.world.settings[f"witness.{service}.lag_reads"] = 1
    place.ask("4", label)
    assert label in batched(place, service)
    assert label not in batched(place, service)
