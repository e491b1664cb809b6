"""What may stand in the parentheses after a set: texts in single quotes, doubled inside, and nothing looser."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.sandbox.dataverse_place import Place


def upsert(dataverse: Place, key: str) -> int:
    return dataverse.send("PATCH", f"accounts({quote(key, safe='')})", {"name": "keyed"}).status_code


def numbers(dataverse: Place) -> list[str]:
    found = dataverse.values("accounts?$select=accountnumber&$filter=name eq 'keyed'")
    return [row["accountnumber"] for row in found]


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("accountnumber='A-1'", "A-1"),
        ("accountnumber='it''s'", "it's"),
        ("accountnumber='a/b (c), d=e'", "a/b (c), d=e"),
        ("accountnumber='\"x\"'", '"x"'),
        ("accountnumber=''''", "'"),
    ],
)
def test_a_text_stands_in_single_quotes(dataverse: Place, key: str, number: str) -> None:
    assert upsert(dataverse, key) == 204
    assert numbers(dataverse) == [number]


@pytest.mark.parametrize(
    "key",
    [
        'accountnumber="A-1"',
        "accountnumber=A-1",
        "accountnumber='A-1",
        "accountnumber='it's'",
        "accountnumber=",
        "'A-1'",
    ],
)
def test_anything_else_is_refused_and_creates_nothing(dataverse: Place, key: str) -> None:
    assert upsert(dataverse, key) == 400
    assert numbers(dataverse) == []


def test_a_key_may_have_several_columns_in_any_order(dataverse: Place) -> None:
    key = "contacts(firstname='Joe',emailaddress1='a@b')"
    assert dataverse.send("PATCH", key, {"lastname": "Doe"}).headers["OData-EntityId"].endswith(f"/{key}")
    assert dataverse.get("contacts(emailaddress1='a@b',firstname='Joe')")["fullname"] == "Joe Doe"
    twin = dataverse.send("POST", "contacts", {"firstname": "Joe", "emailaddress1": "a@b"})
    assert dataverse.refused(twin)[:2] == (412, "0x80060892")
    assert dataverse.send("GET", "contacts(firstname='Joe')").status_code == 400


def test_a_user_is_not_found_by_the_name_of_her_primary_key(dataverse: Place) -> None:
    user = dataverse.get("WhoAmI()")["UserId"]
    assert dataverse.get(f"systemusers({user})")["fullname"] == "# statecfg"
    assert dataverse.send("GET", f"systemusers(systemuserid={user})").status_code == 400
    account = dataverse.ids["account"]
    assert dataverse.get(f"accounts(accountid={account})")["name"] == "Fabrikam"


def test_a_reference_by_alternate_key_is_read_as_strictly(dataverse: Place) -> None:
    body = {"name": "child", "parentaccountid@odata.bind": '/accounts(accountnumber="F-1")'}
    assert dataverse.send("POST", "accounts", body).status_code == 400
    body["parentaccountid@odata.bind"] = "/accounts(accountnumber='F-1')"
    assert dataverse.send("POST", "accounts", body).status_code == 204
