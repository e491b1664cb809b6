"""Whatever is sent, the answer is an error of the service: never its own failure, never silence."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sandbox.dataverse_place import MILESTONES, Place

RELAXED = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WORDS = st.sampled_from(
    ["name", "accountid", "_ownerid_value", "primarycontactid/fullname", "account_parent_account", "revenue",
     "statecode",
     "eq", "ne", "gt", "and", "or", "not", "(", ")", "null", "true", "'x'", "''", "5", "-1.5", "1e300", "2024-01-31",
     "2024-01-31T00:00:00Z", "00000000-0000-4000-8000-00000000dead", "contains(", "any(", "a:", "a/name", ",", "@p",
     "/",
     "Microsoft.Dynamics.CRM.In(", "PropertyName=", "PropertyValues=", "['a']", "$", ";", "%", "*", "with sum as",
     "groupby(("]
)  # fmt: skip
PHRASES = st.lists(WORDS, max_size=12).map(" ".join)
TEXTS = st.text(max_size=60)
NAMES = st.sampled_from(
    ["name", "accountid", "revenue", "statecode", "primarycontactid", "primarycontactid@odata.bind", "@odata.type",
     "account_parent_account", "account_parent_account@odata.bind", "overriddencreatedon", "creditonhold", "Targets",
     "@odata.id"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)


def check(dataverse: Place, answer: Any) -> None:
    assert dataverse.kernel.crashes == []
    if answer.status_code >= 400:
        assert answer.status_code < 500 or answer.status_code == 501
        assert answer.json()["error"]["code"].startswith("0x")


@RELAXED
@given(
    option=st.sampled_from(
        [
            "$filter",
            "$select",
            "$orderby",
            "$expand",
            "$apply",
            "$top",
            "$skiptoken",
            "$deltatoken",
            "$count",
            "@p",
            "x",
        ]
    ),
    text=PHRASES | TEXTS,
)
@example(option="$filter", text="(" * 3000 + "name eq 'x'" + ")" * 3000)
@example(option="$filter", text="not " * 3000 + "name eq 'x'")
@example(option="$filter", text="revenue eq 1e999")
@example(option="$apply", text="aggregate(revenue with sum as a'b)")
@example(option="$expand", text="primarycontactid(" * 200)
def test_any_query_is_answered(dataverse: Place, option: str, text: str) -> None:
    query = f"{option}={quote(text, errors='replace')}"
    for place in ("accounts", "accounts/$count", "EntityDefinitions(LogicalName='uom')/Attributes"):
        check(dataverse, dataverse.send("GET", f"{place}?{query}"))


@RELAXED
@given(path=PHRASES | TEXTS, method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]))
@example(path="accounts(accountid=", method="GET")
@example(path="accounts(accountnumber='" + "%" * 50 + "')", method="PATCH")
def test_any_path_is_answered(dataverse: Place, path: str, method: str) -> None:
    for start in (
        "",
        "accounts",
        f"accounts({dataverse.ids['account']})/",
        "EntityDefinitions",
        "RetrieveTotalRecordCount(",
    ):
        check(dataverse, dataverse.send(method, start + quote(path, errors="replace"), {}))


@RELAXED
@given(body=JSON)
@example(body={"overriddencreatedon": "0000-00-00"})
@example(body={"revenue": 10**40})
@example(body={"primarycontactid@odata.bind": "/contacts(fullname='x')"})
def test_any_body_is_answered(dataverse: Place, body: Any) -> None:
    key = dataverse.ids["account"]
    check(dataverse, dataverse.send("POST", "accounts", body))
    check(dataverse, dataverse.send("PATCH", f"accounts({key})", body))
    check(dataverse, dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": body}))
    targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", **body}] if isinstance(body, dict) else [body]
    check(dataverse, dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", {"Targets": targets}))
    check(dataverse, dataverse.send("PUT", f"accounts({key})/primarycontactid/$ref", body))


@RELAXED
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_answered(dataverse: Place, raw: bytes) -> None:
    for path in ("accounts", f"{MILESTONES}/Microsoft.Dynamics.CRM.CreateMultiple", "$batch"):
        check(dataverse, dataverse.session.post(f"{dataverse.api}/{path}", data=raw, timeout=10))


LINES = st.sampled_from(
    ["--b", "--b--", "--c", "--c--", "", "Content-Type: application/http", "Content-Type: multipart/mixed; boundary=c",
     "Content-ID: 1", "POST accounts HTTP/1.1", "GET WhoAmI HTTP/1.1", "PATCH $1 HTTP/1.1", "{}",
     '{"name":"A"}', "GET", "null"]
)  # fmt: skip


@RELAXED
@given(lines=st.lists(LINES, max_size=20), newline=st.sampled_from(["\r\n", "\n"]))
def test_any_batch_is_answered(dataverse: Place, lines: list[str], newline: str) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    body = newline.join(lines).encode()
    answer = dataverse.session.post(f"{dataverse.api}/$batch", data=body, headers=headers, timeout=10)
    assert answer.status_code in (200, 400)
    assert dataverse.kernel.crashes == []


@RELAXED
@given(value=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
@pytest.mark.parametrize(
    "header",
    [
        "Prefer",
        "If-Match",
        "If-None-Match",
        "Content-Type",
        "MSCRMCallerID",
        "Authorization",
        "CallerObjectId",
        "MSCRM.SolutionUniqueName",
        "MSCRM.SuppressDuplicateDetection",
    ],
)
def test_any_header_is_answered(dataverse: Place, header: str, value: str) -> None:
    headers = {header: value.strip()}
    answer = dataverse.session.patch(
        f"{dataverse.api}/accounts(accountnumber='H-1')", json={"name": "x"}, headers=headers, timeout=10
    )
    assert answer.status_code < 500
    assert dataverse.kernel.crashes == []
