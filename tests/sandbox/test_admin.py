import json

import pytest

from statecfg.sandbox import admin
from statecfg.sandbox.dataverse import catalog as dataverse
from statecfg.sandbox.entra.directory import Client, Directory
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.wire import Request, json_value
from statecfg.sandbox.world import World

ENVIRONMENT = "aaaaaaaa-0000-4000-8000-000000000001"
ROOT = "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments"
AUDIENCE = "https://service.powerapps.com/"


class Platform:
    def __init__(self):
        self.world = World()
        dataverse.define(self.world)
        admin.declare_settings(self.world)
        directory = Directory("tenant")
        self.client = Client("11111111-2222-4333-8444-555555555555", "statecfg")
        directory.add_client(self.client)
        directory.add_resource(AUDIENCE, "admin")
        self.tokens = Tokens(directory)
        self.service = admin.Admin(self.world, self.tokens, ENVIRONMENT, lambda name: f"https://{name}")

    def send(self, method, path, body=None, query="api-version=2023-06-01"):
        token = self.tokens.access_token("https://issuer", AUDIENCE, self.client, None, 60)
        headers = {"authorization": f"Bearer {token}"}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.service.answer(Request("admin", method, path, query, headers, content, "https://x", "1"))
        return answer.status, json_value(answer.body) if answer.body else None


@pytest.fixture
def platform():
    made = Platform()
    yield made
    made.world.close()


def test_the_mode_the_background_and_both_ends_are_read(platform):
    status, value = platform.send("GET", f"{ROOT}/{ENVIRONMENT}")
    assert status == 200
    properties = value["properties"]
    assert properties["states"]["runtime"]["id"] == "AdminMode"
    assert properties["linkedEnvironmentMetadata"]["backgroundOperationsState"] == "Enabled"
    assert properties["linkedAppMetadata"]["url"] == "https://finance/"
    assert properties["linkedEnvironmentMetadata"]["instanceUrl"] == "https://dataverse/"
    assert platform.send("GET", ROOT)[1]["value"] == [value]


def test_settings_and_a_patch_turn_the_mode(platform):
    platform.world.settings["admin.background_operations"] = "Disabled"
    body = {"properties": {"states": {"runtime": {"id": "Enabled"}}}}
    assert platform.send("PATCH", f"{ROOT}/{ENVIRONMENT}", body)[0] == 202
    properties = platform.send("GET", f"{ROOT}/{ENVIRONMENT}")[1]["properties"]
    assert properties["states"]["runtime"]["id"] == "Enabled"
    assert properties["linkedEnvironmentMetadata"]["backgroundOperationsState"] == "Disabled"
    assert (
        platform.send("PATCH", f"{ROOT}/{ENVIRONMENT}", {"properties": {"states": {"runtime": {"id": "x"}}}})[0] == 400
    )


def test_what_was_done_to_the_environment_is_listed_newest_first(platform):
    def listed(condition):
        query = f"api-version=2024-05-01&$filter={condition}"
        return platform.send("GET", "/providers/Microsoft.BusinessAppPlatform/lifecycleOperations", query=query)

    ours = f"environment eq '{ENVIRONMENT}'"
    assert listed(ours) == (200, {"value": []})
    for offset, state in ((0, "Enabled"), (3600, "AdminMode")):
        platform.world.settings["clock.offset_s"] = offset
        platform.send("PATCH", f"{ROOT}/{ENVIRONMENT}", {"properties": {"states": {"runtime": {"id": state}}}})
    found = listed(ours)[1]["value"]
    assert [each["state"]["id"] for each in found] == ["Succeeded", "Succeeded"]
    assert found[0]["createdDateTime"] > found[1]["lastActionDateTime"]
    assert listed("environment eq 'another'") == (200, {"value": []})
    assert listed("state eq 'x'")[0] == 400


def test_what_is_not_there_is_refused_in_the_services_form(platform):
    assert platform.send("GET", f"{ROOT}/nobody")[0] == 404
    assert platform.send("GET", f"{ROOT}/{ENVIRONMENT}", query="")[1]["error"]["code"] == "MissingApiVersionParameter"
    assert platform.send("DELETE", ROOT)[0] == 405
    platform.world.settings["admin.listed"] = False
    assert platform.send("GET", f"{ROOT}/{ENVIRONMENT}")[0] == 404
    request = Request("admin", "GET", ROOT, "api-version=1", {}, b"", "https://x", "1")
    assert platform.service.answer(request).status == 401
