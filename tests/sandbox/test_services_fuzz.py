"""Sign-in, the admin API and the control path, whatever is sent: an error in their own form, never a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statecfg.sandbox.kernel import Arrival
from statecfg.sandbox.listeners import LARGEST_BODY
from statecfg.sandbox.server import Sandbox
from statecfg.sandbox.wire import Answer, Request, json_bytes, json_value

RELAXED = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
ENVIRONMENTS = "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments"
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
METHODS = st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("fuzz"), contracts=2, milestones=6) as started:
        started.world.snapshot("before")
        yield started


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """As seeded; at the end no service must have failed by itself."""
    running.world.restore("before")
    yield running
    running.world.faults.clear()
    assert running.crashes == []


def sent(sandbox: Sandbox, service: str, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    """A request as the listener hands it over; header names with underscores."""
    path, _, query = target.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(service, method, path, query, named, body, sandbox.url(service), "r")
    return sandbox.kernel.perform(Arrival(request, ())).answer


def refused_by_entra(answer: Answer) -> None:
    if answer.status >= 400:
        body = json_value(answer.body)
        assert answer.status < 500
        assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")


def refused_by_admin(answer: Answer) -> None:
    if answer.status >= 400:
        assert answer.status < 500
        assert set(json_value(answer.body)["error"]) == {"code", "message"}


FORM_NAMES = (
    "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource",
    "device_code", "code", "refresh_token", "username", "password", "client_info",
)  # fmt: skip
FORM_WORDS = (
    "client_credentials", "refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code", "CLIENT",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "https://IntegratorApp.com/.default", "openid", "/", "",
    "a.b.c", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.", "eyJhbGciOiJSUzI1NiIsIng1dCI6MX0.eyJpc3MiOiJDTElFTlQifQ.AA",
)  # fmt: skip
FORMS = st.dictionaries(st.sampled_from(FORM_NAMES), st.sampled_from(FORM_WORDS) | st.text(max_size=20), max_size=8)
ENDPOINTS = ("oauth2/v2.0/token", "oauth2/token", "oauth2/v2.0/devicecode")


@RELAXED
@given(form=FORMS, endpoint=st.sampled_from(ENDPOINTS))
def test_any_form_is_answered_by_entra(sandbox: Sandbox, form: dict[str, str], endpoint: str) -> None:
    client, tenant = sandbox.details["client_id"], sandbox.details["tenant_id"]
    fields = {name: value.replace("CLIENT", client) for name, value in form.items()}
    body = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in fields.items()).encode()
    refused_by_entra(sent(sandbox, "entra", "POST", f"/{tenant}/{endpoint}", body))


@RELAXED
@given(segments=PRINTABLE | st.sampled_from(ENDPOINTS), method=METHODS, body=st.binary(max_size=80), value=PRINTABLE)
@example(segments="v2.0/.well-known/openid-configuration", method="POST", body=b"\xff=%ff&grant_type", value="")
def test_any_request_is_answered_by_entra(
    sandbox: Sandbox, segments: str, method: str, body: bytes, value: str
) -> None:
    for start in ("/", "/common/", f"/{sandbox.details['tenant_id']}/", "/devicelogin"):
        refused_by_entra(
            sent(sandbox, "entra", method, start + segments, body, client_request_id=value, content_type=value)
        )


@pytest.fixture(scope="module")
def bearer(running: Sandbox) -> str:
    form = {
        "grant_type": "client_credentials", "client_id": running.details["client_id"],
        "client_secret": running.details["client_secret"], "scope": "https://service.powerapps.com//.default",
    }  # fmt: skip
    address = f"{running.details['authority']}/oauth2/v2.0/token"
    answer = requests.post(address, form, verify=running.details["ca_file"], timeout=10)
    return f"Bearer {answer.json()['access_token']}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 60) | st.sampled_from([10**30, -1, "", "Enabled", "x"]) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=6,
)


@RELAXED
@given(method=METHODS, rest=PRINTABLE, query=PRINTABLE, body=JSON.map(json_bytes) | st.binary(max_size=60))
@example(method="PATCH", rest="", query="", body=b'{"properties":{"states":{"runtime":{"id":[]}}}}')
@example(method="PATCH", rest="", query="", body=b'{"properties":{"states":{"runtime":{"id":{"a":1}}}}}')
@example(method="PATCH", rest="", query="", body=b"[" * 3000)
def test_any_request_is_answered_by_the_admin_api(
    sandbox: Sandbox, bearer: str, method: str, rest: str, query: str, body: bytes
) -> None:
    environment = f"{ENVIRONMENTS}/{sandbox.details['environment_id']}"
    for place in (environment, f"{ENVIRONMENTS}{rest}", f"/{rest}"):
        for asked in ("api-version=1", query):
            target = f"{place.partition('?')[0]}?{asked}"
            refused_by_admin(sent(sandbox, "admin", method, target, body, authorization=bearer))
            refused_by_admin(sent(sandbox, "admin", method, target, body, authorization=query))


# What each call of the control path takes; the others take nothing.
FIELDS = {
    "POST alert-pause": ("map",),
    "POST async-run": ("map",),
    "POST bulk-confirm": ("invoices",),
    "POST business-day": ("milestones", "invoices", "payments", "contracts"),
    "POST credentials": ("client_id", "secret", "certificate", "federation"),
    "POST device-approve": ("user_code", "user", "declined"),
    "POST edit": ("table", "operation", "key", "match", "changes", "by", "when", "request", "raw", "insert", "delete"),
    "POST faults": ("effect", "service", "method", "path", "body", "occurrence", "times", "phase", "status", "table"),
    "POST forget-mapping": ("field",),
    "POST generate-mapping": ("entity",),
    "POST headers": ("contract", "line", "name", "amount", "tax", "date"),
    "POST jobs": ("description", "status", "company"),
    "POST next-invoice": ("header", "percent", "amount"),
    "POST post": ("date",),
    "POST save-as": ("map", "publisher", "version", "description", "mappings", "base", "whole", "activate"),
    "POST seed": ("contracts", "milestones", "seed", "from_file", "columns", "existing", "settings"),
    "POST solution": ("map", "publisher", "version", "mappings", "base", "uniquename", "friendlyname", "managed"),
    "POST snapshot": ("name",),
    "POST restore": ("name",),
    "POST witness": ("witness", "map", "says", "version", "publisher"),
    "PATCH settings": ("dataverse.limits",),
}
MEMBERS = (
    "table", "match", "changes", "name", "service", "method", "path", "headers", "body", "issuer", "subject",
    "public_key_pem", "sourceField", "destinationField", "syncDirection", "valueTransforms", "$type",
)  # fmt: skip
WORDS = (
    "milestones", "invoices", "actuals", "dataverse", "finance", "entra", "running", "truth", "account", "accounts",
    "fo.Companies", "invoice", "create", "update", "insert", "delete", "status", "refuse_row", "edit", "delay",
    "1.0.0.0", "(", "2026-01-01", "1e400", "NaN", "GET", "before", "after", "Hold", "CLIENT", "CONTRACT", "L1",
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 12) | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=5,
)


def check_call(answer: Answer) -> None:
    assert answer.status < 500, answer.body.decode()
    if answer.status >= 400:
        assert set(json_value(answer.body)) == {"error"}


SORTS = {bool: st.booleans(), int: st.integers(-5, 10**9) | st.sampled_from([10**30, -(10**9)]), str: PRINTABLE}
REQUESTS = (
    ("entra", "POST", "/TENANT/oauth2/v2.0/devicecode"),
    ("dataverse", "GET", "/api/data/v9.2/accounts?$select=name&$count=true"),
    ("dataverse", "GET", "/api/data/v9.2/msdyn_dualwriteruntimeconfigs"),
    ("finance", "GET", "/data/ProjectContractLineMilestones?cross-company=true"),
    ("dualwrite", "GET", "/api/DualWriteManagement/1.0/Entities?targetType=AX"),
    ("admin", "GET", f"{ENVIRONMENTS}?api-version=1"),
)


def by_hand(sandbox: Sandbox) -> list[int]:
    """Statuses of requests to every service, made by somebody who needs no token."""
    return [
        sandbox.kernel.control.call("edit", "POST", {"request": {"service": service, "method": method, "path": path}})[
            "status"
        ]
        for service, method, path in REQUESTS
    ]


@settings(RELAXED, max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("turned", [1, 5])
def test_services_answer_however_their_settings_are_turned(sandbox: Sandbox, turned: int, data: st.DataObject) -> None:
    numbers = [each for each in sandbox.world.settings if type(each.default) in SORTS]
    chosen = data.draw(
        st.lists(st.sampled_from(numbers), max_size=turned, min_size=1, unique_by=lambda each: each.name)
    )
    changes = {each.name: data.draw(SORTS[type(each.default)]) for each in chosen}
    check_call(sent(sandbox, "admin", "PATCH", "/__sandbox/settings", json_bytes(changes)))
    assert len(by_hand(sandbox)) == len(REQUESTS)
    assert sandbox.crashes == []
    sandbox.world.restore("before")


@pytest.mark.parametrize(
    ("name", "value"),
    [("dataverse.limits", "on"), ("entra.token_lifetime_s", "60"), ("clock.offset_s", 10**10), ("maps.stopped", "x"),
     ("valuemap.missing", None), ("witness.lies", []), ("gateway.busy_s", True)],
)  # fmt: skip
def test_a_setting_keeps_its_sort(sandbox: Sandbox, name: str, value: Any) -> None:
    before = sandbox.world.settings[name]
    body = json_bytes({"sync.finance_records": 7, name: value})
    answer = sent(sandbox, "entra", "PATCH", "/__sandbox/settings", body)
    assert (answer.status, name in answer.body.decode()) == (400, True)
    assert sandbox.world.settings[name] == before
    assert sandbox.world.settings["sync.finance_records"] != 7


def test_a_number_may_have_a_fraction_and_may_stand_for_a_text(sandbox: Sandbox) -> None:
    body = b'{"gateway.busy_s": 0.25, "gateway.sync_failed_state": 1}'
    assert sent(sandbox, "entra", "PATCH", "/__sandbox/settings", body).status == 200
    assert float(sandbox.world.settings["gateway.busy_s"]) == 0.25
    assert sandbox.world.settings["gateway.sync_failed_state"] == "1"


@pytest.mark.parametrize(
    "details",
    [{"effect": "delay", "seconds": "x"}, {"effect": "delay", "seconds": -1}, {"effect": "status", "status": "x"},
     {"effect": "status", "status": 7}, {"effect": "edit", "edit": []}, {"effect": "drop", "body": 5},
     {"effect": "drop", "service": []}, {"effect": "drop", "path": "("}],
)  # fmt: skip
def test_a_fault_that_could_not_strike_is_refused(sandbox: Sandbox, details: dict[str, Any]) -> None:
    check_call(answer := sent(sandbox, "entra", "POST", "/__sandbox/faults", json_bytes(details)))
    assert answer.status == 400
    assert sandbox.world.faults.shown() == []


@pytest.mark.parametrize("service", ["dataverse", "finance"])
def test_a_body_larger_than_any_service_takes_is_refused_in_the_services_form(sandbox: Sandbox, service: str) -> None:
    ca_file = sandbox.details["ca_file"]
    answer = requests.post(f"{sandbox.url(service)}/x", b" " * (LARGEST_BODY + 1), verify=ca_file, timeout=30)
    assert (answer.status_code, "too large" in answer.json()["error"]["message"]) == (413, True)


def test_an_edit_that_can_not_be_made_at_its_moment_fails_nobody_and_says_why(sandbox: Sandbox) -> None:
    wanted = {"table": "account", "match": {"name": "nobody"}, "changes": {"name": "x"}, "when": {"service": "admin"}}
    sandbox.kernel.control.call("edit", "POST", wanted)
    answer = requests.get(f"{sandbox.url('admin')}/x", verify=sandbox.details["ca_file"], timeout=10)
    assert answer.status_code == 401
    (fault,) = sandbox.world.faults.shown()
    assert fault["refused"] == "0 rows of account match {'name': 'nobody'}"


@RELAXED
@given(data=st.data(), rest=PRINTABLE, query=PRINTABLE)
@example(data=None, rest="", query="name=x&method=y&body=1&rest=2&after=x&tables=x,y")
def test_any_address_of_a_control_call_is_answered(
    sandbox: Sandbox, data: st.DataObject | None, rest: str, query: str
) -> None:
    calls = [name for name in sandbox.kernel.control.names() if name.startswith(("GET ", "DELETE "))]
    for name in calls if data is None else [data.draw(st.sampled_from(calls))]:
        method, _, path = name.partition(" ")
        check_call(sent(sandbox, "dataverse", method, f"{path}/{rest.replace('?', '')}?{query}"))


def test_every_call_that_takes_something_is_tried(sandbox: Sandbox) -> None:
    offered = {name.replace("/__sandbox/", "") for name in sandbox.kernel.control.names()}
    posts = {name for name in offered if not name.startswith(("GET ", "DELETE "))}
    assert set(FIELDS) == posts - {"POST import", "POST sync-actuals"}


@pytest.mark.parametrize("call", FIELDS)
@settings(RELAXED, max_examples=20)
@given(data=st.data())
def test_any_control_call_is_answered(sandbox: Sandbox, call: str, data: st.DataObject) -> None:
    known = {"CLIENT": sandbox.details["client_id"], "CONTRACT": "C-0001"}
    fields = data.draw(
        st.dictionaries(st.sampled_from(FIELDS[call]) | st.text(max_size=4), VALUES, max_size=6) | VALUES
    )
    text = json_bytes(fields).decode()
    for word, meant in known.items():
        text = text.replace(word, meant)
    method, name = call.split(" ")
    check_call(sent(sandbox, "dataverse", method, f"/__sandbox/{name}", text.encode()))
    sandbox.world.faults.clear()
