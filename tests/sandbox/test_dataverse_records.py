"""Single records through the Web API: create, read, update, upsert, delete, lookups, preconditions."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from requests import Response

from tests.sandbox.dataverse_place import ADA, MILESTONE_ID, MILESTONES, Place

NOBODY = "00000000-0000-4000-8000-00000000dead"


def milestone(dataverse: Place, name: str = "M1", **more: Any) -> dict[str, Any]:
    ids = dataverse.ids
    return {
        "msdyn_name": name,
        "msdyn_amount": 100,
        "msdyn_contract@odata.bind": f"/salesorders({ids['contract']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({ids['line']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({ids['usd']})",
        "msdyn_invoicestatus": 192350001,
        **more,
    }


def exact(answer: Response) -> Any:
    return json.loads(answer.text, parse_float=Decimal)


def test_a_created_record_is_found_by_the_address_in_the_answer(dataverse: Place) -> None:
    answer = dataverse.send("POST", "accounts", {"name": "New"})
    assert (answer.status_code, answer.content) == (204, b"")
    address = answer.headers["OData-EntityId"]
    assert address == answer.headers["Location"]
    assert address.startswith(f"{dataverse.api}/accounts(")
    assert dataverse.get(address)["name"] == "New"


def test_the_client_may_choose_the_id_but_not_twice(dataverse: Place) -> None:
    chosen = str(uuid.uuid4())
    assert dataverse.create("accounts", {"accountid": chosen, "name": "A"}) == chosen
    again = dataverse.send("POST", "accounts", {"accountid": chosen.upper(), "name": "B"})
    assert dataverse.refused(again)[:2] == (412, "0x80040237")


def test_an_alternate_key_is_unique(dataverse: Place) -> None:
    status, code, message = dataverse.refused(dataverse.send("POST", "accounts", {"accountnumber": "f-1"}))
    assert (status, code) == (412, "0x80060892")
    assert "accountnumber" in message


def test_a_representation_is_returned_on_request(dataverse: Place) -> None:
    answer = dataverse.send("POST", "accounts?$select=name", {"name": "A"}, Prefer="return=representation")
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in answer.headers
    assert set(answer.json()) == {"@odata.context", "@odata.etag", "name", "accountid"}


@pytest.mark.parametrize("amount", ["1000.10", "922337203685476.99", "0.0001", "-12.5", "7"])
def test_amounts_keep_every_digit(dataverse: Place, amount: str) -> None:
    body = json.dumps(milestone(dataverse)).replace('"msdyn_amount": 100', f'"msdyn_amount": {amount}')
    made = dataverse.session.post(f"{dataverse.api}/{MILESTONES}", data=body, timeout=10)
    assert made.status_code == 204, made.text
    found = exact(dataverse.send("GET", made.headers["OData-EntityId"]))
    assert found["msdyn_amount"] == Decimal(amount)


def test_an_amount_as_text_needs_the_header_that_says_so(dataverse: Place) -> None:
    wrong = dataverse.send("POST", MILESTONES, milestone(dataverse, msdyn_amount="1.5"))
    assert dataverse.refused(wrong)[1] == "0x80048d19"
    right = dataverse.send(
        "POST",
        MILESTONES,
        milestone(dataverse, msdyn_amount="1.5"),
        Content_Type="application/json;IEEE754Compatible=true",
    )
    assert right.status_code == 204


def test_what_the_service_computes_is_computed(dataverse: Place) -> None:
    key = dataverse.create(MILESTONES, milestone(dataverse, msdyn_tax=19, msdyn_amount_after_tax=5))
    row = dataverse.get(f"{MILESTONES}({key})")
    assert (row["msdyn_amount_after_tax"], row["msdyn_amount_base"], row["exchangerate"]) == (119, 50, 2)
    dataverse.send("PATCH", f"{MILESTONES}({key})", {"msdyn_amount": 200}, If_Match="*")
    row = dataverse.get(f"{MILESTONES}({key})")
    assert (row["msdyn_amount_after_tax"], row["msdyn_amount_after_tax_base"]) == (219, 109.5)


def test_owner_and_times_come_from_who_asks(dataverse: Place) -> None:
    mine = dataverse.get(f"accounts({dataverse.create('accounts', {'name': 'A'})})")
    assert mine["_createdby_value"] == mine["_ownerid_value"] == dataverse.get("WhoAmI()")["UserId"]
    theirs = dataverse.send("POST", "accounts", {"name": "B"}, Authorization=f"Bearer {dataverse.token(ADA)}")
    assert dataverse.get(theirs.headers["Location"])["_createdby_value"].endswith("ab")
    acting = dataverse.send("POST", "accounts", {"name": "C"}, MSCRMCallerID=mine["_createdby_value"][:-1] + "b")
    assert dataverse.get(acting.headers["Location"])["_createdby_value"].endswith("ab")


def test_a_day_of_local_behaviour_is_a_moment_and_a_plain_day_a_date(dataverse: Place) -> None:
    days = {"msdyn_invoicedate": "2024-01-31", "msdyn_milestonedate": "2024-01-31"}
    row = dataverse.get(f"{MILESTONES}({dataverse.create(MILESTONES, milestone(dataverse, **days))})")
    assert (row["msdyn_invoicedate"], row["msdyn_milestonedate"]) == ("2024-01-31T00:00:00Z", "2024-01-31")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"nobody": 1}, "0x80048d19"),
        ({"Name": "x"}, "0x80048d19"),
        ({"name": 5}, "0x80048d19"),
        ({"name": "x" * 161}, "0x80044331"),
        ({"creditonhold": "yes"}, "0x80048d19"),
        ({"numberofemployees": 1.5}, "0x80048d19"),
        ({"numberofemployees": 2**31}, "0x80048d19"),
        ({"statuscode": 99}, "0x8004431a"),
        ({"statecode": 1, "statuscode": 1}, "0x80048408"),
        ({"revenue": 922337203685478}, "0x8004431a"),
        ({"primarycontactid": "x"}, "0x80060888"),
        ({"_primarycontactid_value": NOBODY}, "0x80060888"),
        ({"PrimaryContactId@odata.bind": f"/contacts({NOBODY})"}, "0x80048d19"),
        ({"primarycontactid@odata.bind": f"/contacts({NOBODY})"}, "0x80040217"),
        ({"primarycontactid@odata.bind": "contacts"}, "0x80048d19"),
        ({"@odata.type": "Microsoft.Dynamics.CRM.contact"}, "0x80048d19"),
        ([], "0x80048d19"),
        (5, "0x80048d19"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(dataverse: Place, body: Any, code: str) -> None:
    status, found, _ = dataverse.refused(dataverse.send("POST", "accounts", body))
    assert (status < 500, found) == (True, code)


def test_the_case_of_navigation_properties_counts(dataverse: Place) -> None:
    body = milestone(dataverse)
    body["msdyn_contractlineid@odata.bind"] = body.pop("msdyn_ContractLineId@odata.bind")
    assert "undeclared property" in dataverse.refused(dataverse.send("POST", MILESTONES, body))[2]


def test_an_update_needs_a_record_unless_it_may_create_one(dataverse: Place) -> None:
    absent = dataverse.send("PATCH", f"accounts({NOBODY})", {"name": "x"}, If_Match="*")
    assert dataverse.refused(absent)[:2] == (404, "0x80040217")
    created = dataverse.send("PATCH", f"accounts({NOBODY})", {"name": "x"})
    assert created.status_code == 204
    assert dataverse.get(f"accounts({NOBODY})")["name"] == "x"


def test_an_etag_guards_against_a_change_in_between(dataverse: Place) -> None:
    address = f"accounts({dataverse.ids['account']})"
    etag = dataverse.get(address)["@odata.etag"]
    assert dataverse.send("PATCH", address, {"name": "mine"}, If_Match=etag).status_code == 204
    for method in ("PATCH", "DELETE"):
        stale = dataverse.send(method, address, {"name": "late"}, If_Match=etag)
        assert dataverse.refused(stale)[:2] == (412, "0x80060882")
    assert dataverse.get(address)["name"] == "mine"


def test_an_unchanged_record_is_not_sent_again(dataverse: Place) -> None:
    address = f"accounts({dataverse.ids['account']})"
    etag = dataverse.send("GET", address).headers["ETag"]
    assert dataverse.send("GET", address, If_None_Match=etag).status_code == 304
    assert dataverse.send("GET", address, If_None_Match="null").status_code == 200


def test_an_upsert_tells_created_from_updated(dataverse: Place) -> None:
    address = "accounts(accountnumber='U-1')"
    first = dataverse.send("PATCH", address, {"name": "one"}, Prefer="return=representation")
    second = dataverse.send("PATCH", address, {"name": "two"}, Prefer="return=representation")
    assert [first.status_code, second.status_code] == [201, 200]
    assert first.json()["accountnumber"] == "U-1"
    assert second.headers["ETag"] == second.json()["@odata.etag"]


def test_an_upsert_without_representation_answers_with_the_key_it_was_given(dataverse: Place) -> None:
    answer = dataverse.send("PATCH", "accounts(accountnumber='x-O''Q')", {"name": "one"})
    assert answer.headers["OData-EntityId"] == f"{dataverse.api}/accounts(accountnumber='x-O''Q')"
    assert dataverse.get("accounts(accountnumber='x-O''Q')")["accountnumber"] == "x-O'Q"
    odd = dataverse.send("PATCH", "accounts(accountnumber='%C3%84%2F%E2%82%AC')", {"name": "two"})
    assert dataverse.get(odd.headers["OData-EntityId"])["accountnumber"] == "Ä/€"


def test_an_upsert_can_be_held_to_create_or_update_only(dataverse: Place) -> None:
    present = dataverse.send("PATCH", "accounts(accountnumber='F-1')", {"name": "x"}, If_None_Match="*")
    assert dataverse.refused(present)[:2] == (412, "0x80040237")
    absent = dataverse.send("PATCH", "accounts(accountnumber='F-9')", {"name": "x"}, If_Match="*")
    assert dataverse.refused(absent)[:2] == (404, "0x80060891")


@pytest.mark.parametrize("key", ["name='x'", "nobody=1", "accountnumber", "accountnumber='F-1',name='Fabrikam'", ""])
def test_columns_that_are_no_key_are_refused(dataverse: Place, key: str) -> None:
    status, code, message = dataverse.refused(dataverse.send("GET", f"accounts({key})"))
    assert (status, code) == (400, "0x80060888")
    assert "not valid for resource" in message


def test_a_deleted_record_is_gone(dataverse: Place) -> None:
    key = dataverse.create("contacts", {"lastname": "Gone"})
    assert dataverse.send("DELETE", f"contacts({key})", If_Match="*").status_code == 204
    assert dataverse.send("GET", f"contacts({key})").status_code == 404
    assert dataverse.send("DELETE", f"contacts({key})").status_code == 404


def test_deleting_follows_the_relations(dataverse: Place) -> None:
    key = dataverse.create(MILESTONES, milestone(dataverse))
    assert dataverse.send("DELETE", f"salesorders({dataverse.ids['contract']})").status_code == 204
    assert dataverse.values("salesorderdetails") == []
    row = dataverse.get(f"{MILESTONES}({key})")
    assert (row["_msdyn_contract_value"], row["_msdyn_contractlineid_value"]) == (None, None)
    restricted = dataverse.send("DELETE", f"transactioncurrencies({dataverse.ids['usd']})")
    assert dataverse.refused(restricted)[:2] == (405, "0x80040227")


def test_one_property_is_written_on_the_version_that_was_read(dataverse: Place) -> None:
    name = f"accounts({dataverse.ids['account']})/name"
    for method in ("PUT", "DELETE"):
        answer = dataverse.send(method, name, {"value": "x"}, If_Match='W/"1"')
        assert dataverse.refused(answer)[:2] == (412, "0x80060882")
    assert dataverse.get(name)["value"] == "Fabrikam"


def test_one_property_can_be_read_written_and_emptied(dataverse: Place) -> None:
    address = f"accounts({dataverse.ids['account']})/name"
    assert dataverse.get(address)["value"] == "Fabrikam"
    assert dataverse.send("PUT", address, {"value": "Other"}).status_code == 204
    assert dataverse.send("GET", f"{address}/$value").text == "Other"
    assert dataverse.send("DELETE", address).status_code == 204
    assert dataverse.send("GET", address).status_code == 204


def test_lookups_are_set_and_cleared_in_every_way(dataverse: Place) -> None:
    account = f"accounts({dataverse.ids['account']})"
    contact = dataverse.create("contacts", {"firstname": "Joe", "lastname": "Roe"})

    def primary() -> Any:
        return dataverse.get(f"{account}?$select=_primarycontactid_value")["_primarycontactid_value"]

    for address in (f"/contacts({contact})", f"contacts({contact})", f"{dataverse.api}/contacts({contact})"):
        dataverse.send("PATCH", account, {"primarycontactid@odata.bind": address})
        assert primary() == contact
        dataverse.send("PATCH", account, {"primarycontactid@odata.bind": None})
        assert primary() is None
    reference = {"@odata.id": f"{dataverse.api}/contacts({contact})"}
    assert dataverse.send("PUT", f"{account}/primarycontactid/$ref", reference).status_code == 204
    assert dataverse.get(f"{account}/primarycontactid")["fullname"] == "Joe Roe"
    assert dataverse.get(f"{account}/primarycontactid/$ref")["@odata.id"].endswith(f"contacts({contact})")
    assert dataverse.send("DELETE", f"{account}/primarycontactid/$ref").status_code == 204
    assert primary() is None
    dataverse.send("PATCH", account, {"primarycontactid@odata.bind": f"/contacts({contact})"})
    dataverse.send("PATCH", account, {"primarycontactid": None})
    assert primary() is None


def test_a_lookup_with_several_targets_has_one_property_each(dataverse: Place) -> None:
    contract = f"salesorders({dataverse.ids['contract']})"
    contact = dataverse.create("contacts", {"lastname": "Roe"})
    assert dataverse.get(f"{contract}/customerid_account")["name"] == "Fabrikam"
    dataverse.send("PATCH", contract, {"customerid_contact@odata.bind": f"/contacts({contact})"})
    assert dataverse.get(contract)["_customerid_value"] == contact
    assert dataverse.send("GET", f"{contract}/customerid_account").status_code == 204
    assert "customeridtype" not in dataverse.get(contract)


def test_collections_take_records_and_let_them_go(dataverse: Place) -> None:
    account = f"accounts({dataverse.ids['account']})"
    child = dataverse.create("accounts", {"name": "Child"})
    reference = {"@odata.id": f"{dataverse.api}/accounts({child})"}
    assert dataverse.send("POST", f"{account}/account_parent_account/$ref", reference).status_code == 204
    assert [row["name"] for row in dataverse.values(f"{account}/account_parent_account")] == ["Child"]
    assert dataverse.send("GET", f"{account}/account_parent_account/$count").text == "1"
    assert dataverse.send("DELETE", f"{account}/account_parent_account({child})/$ref").status_code == 204
    assert dataverse.values(f"{account}/account_parent_account") == []
    dataverse.send("POST", f"{account}/account_parent_account/$ref", reference)
    gone = dataverse.send("DELETE", f"{account}/account_parent_account/$ref?$id={reference['@odata.id']}")
    assert gone.status_code == 204
    dataverse.send("POST", f"{account}/account_parent_account", {"name": "Second"})
    assert [row["name"] for row in dataverse.values(f"{account}/account_parent_account")] == ["Second"]


def test_nested_records_are_made_with_their_parent(dataverse: Place) -> None:
    body = {
        "name": "Root",
        "primarycontactid": {"lastname": "Inner"},
        "account_parent_account": [{"name": "Child 1"}, {"name": "Child 2", "primarycontactid": {"lastname": "Deep"}}],
    }
    key = dataverse.create("accounts", body)
    row = dataverse.get(
        f"accounts({key})?$select=name&$expand=primarycontactid($select=fullname),"
        "account_parent_account($select=name;$orderby=name;$expand=primarycontactid($select=lastname))"
    )
    assert row["primarycontactid"]["fullname"] == "Inner"
    assert [child["name"] for child in row["account_parent_account"]] == ["Child 1", "Child 2"]
    assert row["account_parent_account"][1]["primarycontactid"]["lastname"] == "Deep"


def test_a_nested_record_that_is_refused_leaves_nothing(dataverse: Place) -> None:
    body = {"name": "Root", "account_parent_account": [{"name": "Child"}, {"nobody": 1}]}
    assert dataverse.send("POST", "accounts", body).status_code == 400
    assert len(dataverse.values("accounts")) == 1


def test_a_state_brings_its_status_along(dataverse: Place) -> None:
    address = f"accounts({dataverse.ids['account']})"
    dataverse.send("PATCH", address, {"statecode": 1})
    assert dataverse.get(address)["statuscode"] == 2
    dataverse.send("PATCH", address, {"statuscode": 1})
    assert dataverse.get(address)["statecode"] == 0


def test_the_error_carries_more_when_annotations_are_asked_for(dataverse: Place) -> None:
    plain = dataverse.send("GET", f"accounts({NOBODY})").json()["error"]
    more = dataverse.send("GET", f"accounts({NOBODY})", Prefer='odata.include-annotations="*"').json()["error"]
    assert set(plain) == {"code", "message"}
    assert "@Microsoft.PowerApps.CDS.HelpLink" in more


def test_every_answer_carries_the_service_headers(dataverse: Place) -> None:
    headers = dataverse.send("GET", "WhoAmI()").headers
    assert headers["OData-Version"] == "4.0"
    assert int(headers["x-ms-dop-hint"]) > 0
    assert headers["x-ms-service-request-id"] == headers["REQ_ID"]
    assert "x-ms-ratelimit-burst-remaining-xrm-requests" in headers
    assert "x-ms-ratelimit-time-remaining-xrm-requests" in headers


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2"])
def test_the_minor_versions_live_side_by_side(dataverse: Place, version: str) -> None:
    answer = dataverse.send("GET", f"{dataverse.url}/api/data/{version}/accounts?$top=1")
    assert f"/api/data/{version}/$metadata" in answer.json()["@odata.context"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nobodies", 404), ("GET", "../nothing", 404), ("POST", "nobodies", 404), ("PUT", "accounts", 405),
        ("GET", "accounts/nothing", 404), ("GET", "NoFunction()", 404), ("DELETE", "accounts", 405),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_an_error_of_the_service(
    dataverse: Place, method: str, path: str, status: int
) -> None:
    answer = dataverse.send(method, path, {})
    assert (answer.status_code, "code" in answer.json()["error"]) == (status, True)


@pytest.mark.parametrize(
    ("changes", "code"), [({"isdisabled": True}, "0x80040225"), ({"applicationid": None}, "0x80072560")]
)
def test_somebody_without_a_seat_is_refused(dataverse: Place, changes: dict[str, Any], code: str) -> None:
    with dataverse.world.transaction() as tx:
        tx.update("systemuser", "00000000-0000-4000-8000-0000000000aa", changes)
    assert dataverse.refused(dataverse.send("GET", "WhoAmI()"))[:2] == (403, code)


def test_a_request_can_be_made_for_somebody_else(dataverse: Place) -> None:
    ada, entra = "00000000-0000-4000-8000-0000000000ab", "00000000-0000-4000-8000-0000000000ac"
    with dataverse.world.transaction() as tx:
        tx.update("systemuser", ada, {"azureactivedirectoryobjectid": entra})
    assert dataverse.get("WhoAmI()", MSCRMCallerID=ada.upper())["UserId"] == ada
    assert dataverse.get("WhoAmI()", CallerObjectId=entra)["UserId"] == ada


@pytest.mark.parametrize("header", ["MSCRMCallerID", "CallerObjectId"])
def test_nobody_acts_for_somebody_without_a_seat(dataverse: Place, header: str) -> None:
    answer = dataverse.send("POST", "accounts", {"name": "x"}, **{header: "00000000-0000-4000-8000-0000000000ff"})
    assert dataverse.refused(answer)[:2] == (403, "0x80072560")
    assert dataverse.values("accounts?$select=name&$filter=name eq 'x'") == []


def test_no_token_is_answered_with_where_to_get_one(dataverse: Place) -> None:
    answer = dataverse.send("GET", "WhoAmI()", Authorization="Bearer nothing")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "authorization_uri=" in answer.headers["WWW-Authenticate"]


def test_a_refused_row_is_refused_inside_its_transaction(dataverse: Place) -> None:
    fault = {
        "effect": "refuse_row",
        "table": "account",
        "column": "name",
        "contains": "BAD",
        "message": "Not this one.",
    }
    dataverse.world.faults.add(fault)
    refused = dataverse.send("POST", "accounts", {"name": "a BAD name"})
    assert dataverse.refused(refused) == (400, "0x80040265", "Not this one.")


def test_somebody_elses_edit_happens_at_the_chosen_moment(dataverse: Place) -> None:
    changes = {"name": "Edited", "revenue": 5}
    edit = {"table": "account", "match": {"accountnumber": "F-1"}, "changes": changes}
    control = dataverse.kernel.control
    control.call("edit", "POST", {**edit, "when": {"service": "dataverse", "path": "WhoAmI", "phase": "before"}})
    address = f"accounts({dataverse.ids['account']})?$select=name,_modifiedby_value"
    assert dataverse.get(address)["name"] == "Fabrikam"
    dataverse.get("WhoAmI()")
    row = dataverse.get(address)
    assert row["name"] == "Edited"
    assert row["_modifiedby_value"].endswith("ab")


def test_what_a_listener_refuses_is_undone_and_told(dataverse: Place) -> None:
    from statecfg.sandbox.hooks import PropagationFailed

    def refuse(_tx: Any, table: str, _operation: str, pairs: Any) -> None:
        if table == "account" and any((after or {}).get("accountnumber") == "X-1" for _, after in pairs):
            raise PropagationFailed("the other side says no")

    dataverse.world.hooks.on_changes(refuse)
    answer = dataverse.send("POST", "accounts", {"accountnumber": "X-1"})
    assert dataverse.refused(answer) == (400, "0x80040265", "the other side says no")
    assert dataverse.values("accounts?$filter=accountnumber eq 'X-1'") == []


def test_a_milestone_id_is_its_primary_key(dataverse: Place) -> None:
    chosen = str(uuid.uuid4())
    dataverse.create(MILESTONES, {**milestone(dataverse), MILESTONE_ID: chosen})
    assert dataverse.get(f"{MILESTONES}({MILESTONE_ID}={chosen})")["msdyn_name"] == "M1"
