"""The package dataverse-api, used as its documentation shows: it takes a session that somebody has signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message
from typing import Any

import requests
from dataverse_api import DataverseClient
from dataverse_api.utils.batching import BatchCommand, RequestMethod
from steps import Steps, failing

told = Steps()
job = told.job
session = requests.Session()
_KEY = re.compile(r"\(([0-9a-f-]{36})\)$")


def made(answers: list[requests.Response]) -> list[str]:
    """The ids of created records, from the header that names them."""
    return [found[1] for answer in answers if (found := _KEY.search(answer.headers["OData-EntityId"]))]


def parts(answer: requests.Response) -> list[Message]:
    """The answers within a batch's answer, read by Python's own reader of multipart texts; the client has none."""
    whole = message_from_string(f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n{answer.text}")
    assert whole.is_multipart(), "the answer has no part"
    return [part for part in whole.walk() if not part.is_multipart()]


def statuses(answers: list[requests.Response]) -> list[int]:
    """The status of each part, in order."""
    return [int(part.get_payload().split(" ", 2)[1]) for answer in answers for part in parts(answer)]


@contextmanager
def header(name: str, value: str) -> Iterator[None]:
    """A header on the session, which is the caller's to set."""
    session.headers[name] = value
    yield
    del session.headers[name]


@told.step
def sign_in() -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": job["client_id"],
        "client_secret": job["client_secret"],
        "scope": f"{job['dataverse']}/.default",
    }
    answer = requests.post(f"{job['entra']}/{job['tenant']}/oauth2/v2.0/token", data=form, timeout=30)
    token: str = answer.json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    return token


client = DataverseClient(session, job["dataverse"])
opened: dict[str, Any] = {}


def entity(table: str) -> Any:
    """A table's interface, which reads its metadata when it is made."""
    if table not in opened:
        opened[table] = client.entity(table)
    return opened[table]


@told.step
def create() -> str:
    rows = [{"name": told.name("Größe & Söhne 株式会社"), "revenue": 1234.5}]
    return made(entity("account").create(rows))[0]


@told.step
def bulk_create() -> list[str]:
    rows = [
        {
            "name": told.name(f"row {n:02}"),
            "accountnumber": told.number(n),
            "numberofemployees": n,
            "parentaccountid@odata.bind": f"/accounts({told.value('create')})",
        }
        for n in range(25)
    ]
    answers = entity("account").create(rows, mode="multiple", batch_size=10)
    return [key for answer in answers for key in answer.json()["Ids"]]


@told.step
def retrieve() -> dict[str, Any]:
    found = entity("account").read(
        select=["name", "revenue"], filter=f"accountid eq {told.value('create')}", return_formatted_values=True
    )
    return {
        "name": found[0]["name"],
        "revenue": found[0]["revenue"],
        "shown": found[0]["revenue@OData.Community.Display.V1.FormattedValue"],
    }


@told.step
def retrieve_absent() -> Any:
    return next(iter(entity("account").read(filter=f"accountid eq {job['absent']}")), None)


@told.step
def update() -> list[Any]:
    keys = told.value("bulk_create")[:3]
    rows = [{"accountid": key, "telephone1": str(n)} for n, key in enumerate(keys, start=1)]
    entity("account").upsert(rows[:1])
    entity("account").upsert(rows[1:], mode="batch")
    found = entity("account").read(select=["telephone1"], filter="telephone1 ne null", page_size=5000)
    shown = {row["accountid"]: row["telephone1"] for row in found}
    return [shown[key] for key in keys]


@told.step
def upsert() -> list[str]:
    number = told.number("its")
    key = next(name for name, columns in entity("account").alternate_keys.items() if columns == ["accountnumber"])
    for word in ("made", "changed"):
        row = {"accountnumber": number, "name": told.name(f"upsert {word}")}
        entity("account").upsert([row], altkey_name=key)
    return [row["name"] for row in entity("account").read(filter=f"accountnumber eq '{number}'", select=["name"])]


@told.step
def bulk_upsert() -> list[str]:
    rows = [
        {"accountnumber": told.number("its"), "name": told.name("bulk upsert changed")},
        {"accountnumber": told.number("new"), "name": told.name("bulk upsert made")},
    ]
    entity("account").upsert(rows, mode="batch", altkey_name="accountnumber_key")
    found = entity("account").read(filter=f"startswith(name,'{told.name('bulk upsert')}')", order_by="name")
    return [row["name"] for row in found]


@told.step
def misquoted_key() -> dict[str, Any]:
    # The client writes a key with an apostrophe in double quotes, which no service takes for a text.
    rows = [{"accountnumber": told.number("it's"), "name": told.name("misquoted")}]
    answer = entity("account").upsert(rows, altkey_name="accountnumber_key")[0]
    left = entity("account").read(filter=f"name eq '{told.name('misquoted')}'")
    return {"status": answer.status_code, "left": len(left)}


@told.step
def query() -> list[list[str]]:
    found = entity("account").read(
        filter=f"startswith(name,'{told.name('row')}') and (numberofemployees ge 20 or telephone1 eq '2')",
        order_by="numberofemployees desc",
        select=["name"],
        expand="parentaccountid($select=name)",
    )
    return [[row["name"], row["parentaccountid"]["name"]] for row in found]


@told.step
def pages() -> list[list[str]]:
    answers = entity("account").read(
        filter=f"startswith(name,'{told.name('row')}')",
        order_by="name desc",
        select=["name"],
        page_size=10,
        return_responses=True,
    )
    return [[row["name"] for row in answer.json()["value"]] for answer in answers]


@told.step
def batch() -> dict[str, Any]:
    # The client knows no change sets: each of these stands alone.
    rows = [{"name": told.name("batch"), "accountnumber": told.number(f"b{n}")} for n in range(3)]
    answers = entity("account").create(rows, mode="batch", batch_size=2)
    inner = [message_from_string(part.get_payload().partition("\r\n")[2]) for each in answers for part in parts(each)]
    return {
        "statuses": statuses(answers),
        "ids": [found[1] for each in inner if (found := _KEY.search(each["OData-EntityId"]))],
        "read": [row["name"] for row in entity("account").read(filter=f"name eq '{told.name('batch')}'")],
    }


@told.step
def failed_batch() -> dict[str, Any]:
    rows = [{"name": told.name("undone"), "accountnumber": told.number("u")} for _ in range(2)]
    # The client reads the error of a failed batch as JSON, and the service's answer is none.
    failed = failing(lambda: entity("account").create(rows, mode="batch"))
    left = entity("account").read(filter=f"name eq '{told.name('undone')}'")
    return {"error": failed["type"], "left": len(left)}


@told.step
def stale() -> dict[str, Any]:
    key = told.value("create")
    account = entity("account")

    def found() -> dict[str, Any]:
        rows: list[dict[str, Any]] = account.read(filter=f"accountid eq {key}")
        return rows[0]

    etag = found()["@odata.etag"]
    account.upsert([{"accountid": key, "description": "somebody else's edit"}])
    with header("If-Match", etag):
        answer = account.upsert([{"accountid": key, "description": "lost"}])[0]
    error = answer.json()["error"]
    refused = {"status": answer.status_code, "code": error["code"], "message": error["message"]}
    return {"refused": refused, "description": found()["description"]}


@told.step
def stale_in_batch() -> dict[str, Any]:
    key = told.value("create")
    command = BatchCommand(
        f"accounts({key})", RequestMethod.PATCH, headers={"If-Match": 'W/"1"'}, data={"description": "lost"}
    )
    failed = failing(lambda: client.submit_batch([command]))
    found = entity("account").read(filter=f"accountid eq {key}")
    return {"error": failed["type"], "description": found[0]["description"]}


@told.step
def delete() -> list[Any]:
    keys = told.value("bulk_create")[:3]
    entity("account").delete(ids=keys[:1])
    entity("account").delete(ids=keys[1:], mode="batch")
    listed = " or ".join(f"accountid eq {key}" for key in keys)
    found = {row["accountid"]: row for row in entity("account").read(filter=listed)}
    return [found.get(key) for key in keys]


@told.step
def delete_a_column() -> Any:
    key = told.value("bulk_create")[5]
    entity("account").delete_columns(["accountnumber"], ids=[key])
    return entity("account").read(filter=f"accountid eq {key}")[0]["accountnumber"]


@told.step
def delete_by_filter() -> int:
    answers = entity("account").delete(filter=f"name eq '{told.name('batch')}'", threading=True)
    assert all(answer.status_code == 204 for answer in answers)
    return len(answers)


@told.step
def milestones() -> dict[str, Any]:
    rows = [
        {
            "msdyn_name": told.name(f"milestone {n}"),
            "msdyn_amount": 100.25 + n,
            "msdyn_invoicestatus": 192350000,
            "msdyn_transactionclassification": 192350003,
            "msdyn_transactiontypecode": 192350004,
            "msdyn_contract@odata.bind": f"/salesorders({job['contract']})",
            "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({job['line']})",
        }
        for n in range(3)
    ]
    table = entity("msdyn_contractlinescheduleofvalue")
    ids = [key for answer in table.create(rows, mode="multiple") for key in answer.json()["Ids"]]
    found = table.read(
        filter=f"startswith(msdyn_name,'{told.name('milestone')}')",
        order_by="msdyn_amount desc",
        select=["msdyn_name", "msdyn_amount"],
        expand="msdyn_ContractLineId($select=salesorderdetailname)",
    )
    shown = [
        [row["msdyn_name"], row["msdyn_amount"], row["msdyn_ContractLineId"]["salesorderdetailname"]] for row in found
    ]
    return {"ids": ids, "shown": shown}


@told.step
def describe() -> dict[str, Any]:
    account = entity("account")
    return {
        "set": account.entity_set_name,
        "keys": list(account.alternate_keys.values()),
        "in_bulk": [account.supports_create_multiple, account.supports_update_multiple],
        "follows": "primarycontactid" in account.relationships.single_valued,
        "definition": client.get_entity_definition("account").schema_name,
        "relationship": client.get_relationship_definition("account_primary_contact").referenced_entity,
        "languages": client.get_language_codes(),
    }
