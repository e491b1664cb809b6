"""What no source settles about the Web API, each way of it."""

from __future__ import annotations

import pytest

from tests.sandbox.dataverse_place import Place
from tests.sandbox.test_dataverse_bulk import NOBODY, Batch, statuses

BULK = "accounts/Microsoft.Dynamics.CRM.UpdateMultiple"


@pytest.mark.parametrize(("setting", "status"), [("400", 400), ("inner", 404)])
def test_a_batch_that_stopped_has_a_status_of_its_own_or_the_failing_ones(
    dataverse: Place, setting: str, status: int
) -> None:
    dataverse.world.settings["dataverse.batch_status"] = setting
    answer = Batch(dataverse).request(f"GET accounts({NOBODY})").send()
    assert (answer.status_code, statuses(answer)) == (status, [404])


@pytest.mark.parametrize("named", [True, False])
def test_an_update_names_its_record_or_not(dataverse: Place, named: bool) -> None:
    dataverse.world.settings["dataverse.update_names_record"] = named
    answer = dataverse.send("PATCH", f"accounts({dataverse.ids['account']})", {"name": "x"})
    assert answer.status_code == 204
    assert ("OData-EntityId" in answer.headers) is named


@pytest.mark.parametrize(("marked", "text"), [(False, b"1"), (True, b"\xef\xbb\xbf1")])
def test_a_count_may_begin_with_a_mark(dataverse: Place, marked: bool, text: bytes) -> None:
    dataverse.world.settings["dataverse.count_mark"] = marked
    assert dataverse.send("GET", "accounts/$count").content == text


@pytest.mark.parametrize(("taken", "status"), [(True, 204), (False, 400)])
def test_a_bulk_update_finds_its_records_by_reference_or_not(dataverse: Place, taken: bool, status: int) -> None:
    dataverse.world.settings["dataverse.update_by_reference"] = taken
    target = {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": "accounts(accountnumber='F-1')"}
    assert dataverse.send("POST", BULK, {"Targets": [{**target, "name": "x"}]}).status_code == status


@pytest.mark.parametrize("told", [True, False])
def test_who_is_not_known_gets_a_body_or_none(dataverse: Place, told: bool) -> None:
    dataverse.world.settings["dataverse.unauthorized_body"] = told
    answer = dataverse.send("GET", "accounts", Authorization="Bearer x")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")
    assert (answer.content != b"") is told
    if told:
        assert answer.json()["error"]["code"] == "0x8005f101"
