"""Duplicate detection: only where a rule stands, and only for requests that turn it on."""

from __future__ import annotations

import pytest

from tests.sandbox.dataverse_place import Place

HEADER = {"MSCRM.SuppressDuplicateDetection": "false"}
TWIN = {"name": "Fabrikam"}


@pytest.fixture
def ruled(dataverse: Place) -> Place:
    dataverse.world.settings["dataverse.duplicate_rules"] = {"account": ["name"]}
    return dataverse


def sent(dataverse: Place, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    answer = dataverse.session.request(method, f"{dataverse.api}/{path}", json=TWIN, headers=headers, timeout=30)
    return answer.status_code, answer.json()["error"]["code"] if answer.content else ""


def names(dataverse: Place) -> int:
    return len(dataverse.values("accounts?$filter=name eq 'Fabrikam'"))


def test_a_twin_is_refused_and_leaves_nothing(ruled: Place) -> None:
    assert sent(ruled, "POST", "accounts", HEADER) == (412, "0x80040333")
    assert sent(ruled, "PATCH", "accounts(accountnumber='T-1')", HEADER) == (412, "0x80040333")
    assert names(ruled) == 1


def test_a_record_that_becomes_a_twin_stays_as_it_was(ruled: Place) -> None:
    key = ruled.create("accounts", {"name": "other"})
    assert sent(ruled, "PATCH", f"accounts({key})", HEADER) == (412, "0x80040333")
    assert ruled.get(f"accounts({key})")["name"] == "other"


def test_a_record_is_no_twin_of_itself(ruled: Place) -> None:
    assert sent(ruled, "PATCH", f"accounts({ruled.ids['account']})", HEADER) == (204, "")


@pytest.mark.parametrize("action", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_twins_among_many_are_refused_and_nothing_is_kept(ruled: Place, action: str) -> None:
    key = ruled.create("accounts", {"name": "other", "accountnumber": "T-2"})
    named = {"CreateMultiple": {}, "UpdateMultiple": {"accountid": key}}
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    target = {**kind, **TWIN, **named.get(action, {"@odata.id": "accounts(accountnumber='T-2')"})}
    address = f"accounts/Microsoft.Dynamics.CRM.{action}"
    assert ruled.refused(ruled.send("POST", address, {"Targets": [target]}, **HEADER))[:2] == (412, "0x80040333")
    assert (names(ruled), ruled.get(f"accounts({key})")["name"]) == (1, "other")
    assert ruled.send("POST", address, {"Targets": [target]}).status_code < 300


@pytest.mark.parametrize("headers", [{}, {"MSCRM.SuppressDuplicateDetection": "true"}])
def test_detection_is_off_unless_it_is_turned_on(ruled: Place, headers: dict[str, str]) -> None:
    assert sent(ruled, "POST", "accounts", headers) == (204, "")
    assert names(ruled) == 2


def test_without_a_rule_there_is_nothing_to_detect(dataverse: Place) -> None:
    assert sent(dataverse, "POST", "accounts", HEADER) == (204, "")
