"""Microsoft's Python SDK, used as its documentation shows."""

from __future__ import annotations

from typing import Any

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.models import UpsertItem
from steps import Steps, failing

told = Steps()
job = told.job
credential = ClientSecretCredential(
    job["tenant"],
    job["client_id"],
    job["client_secret"],
    authority=job["entra"],
    # The sandbox's authority is none of Microsoft's well-known ones.
    disable_instance_discovery=True,
    retry_total=job["retries"],
)
client = DataverseClient(job["dataverse"], credential)
records = client.records


@told.step
def sign_in() -> str:
    return credential.get_token(f"{job['dataverse']}/.default").token


@told.step
def create() -> str:
    return records.create("account", {"name": told.name("Größe & Söhne 株式会社"), "revenue": 1234.5})


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
    return records.create("account", rows)


@told.step
def retrieve() -> dict[str, Any]:
    found = records.retrieve("account", told.value("create"), select=["name", "revenue"], include_annotations="*")
    return {
        "name": found["name"],
        "revenue": found["revenue"],
        "shown": found["revenue@OData.Community.Display.V1.FormattedValue"],
    }


@told.step
def retrieve_absent() -> Any:
    return records.retrieve("account", job["absent"])


@told.step
def update() -> list[Any]:
    first, second, third = told.value("bulk_create")[:3]
    records.update("account", first, {"telephone1": "1"})
    records.update("account", [second, third], [{"telephone1": "2"}, {"telephone1": "3"}])
    return [records.retrieve("account", key, select=["telephone1"])["telephone1"] for key in (first, second, third)]


@told.step
def upsert() -> list[str]:
    number = told.number("it's")
    records.upsert("account", [UpsertItem({"accountnumber": number}, {"name": told.name("upsert made")})])
    records.upsert("account", [UpsertItem({"accountnumber": number}, {"name": told.name("upsert changed")})])
    quoted = number.replace("'", "''")
    return [row["name"] for row in records.list("account", filter=f"accountnumber eq '{quoted}'", select=["name"])]


@told.step
def bulk_upsert() -> list[str]:
    items = [
        UpsertItem({"accountnumber": told.number("it's")}, {"name": told.name("bulk upsert changed")}),
        UpsertItem({"accountnumber": told.number("new")}, {"name": told.name("bulk upsert made")}),
    ]
    records.upsert("account", items)
    found = records.list("account", filter=f"startswith(name,'{told.name('bulk upsert')}')", orderby=["name"])
    return [row["name"] for row in found]


@told.step
def query() -> list[list[str]]:
    found = records.list(
        "account",
        filter=f"startswith(name,'{told.name('row')}') and (numberofemployees ge 20 or telephone1 eq '2')",
        orderby=["numberofemployees desc"],
        select=["name"],
        expand=["parentaccountid($select=name)"],
    )
    return [[row["name"], row["parentaccountid"]["name"]] for row in found]


@told.step
def pages() -> list[list[str]]:
    found = records.list_pages(
        "account",
        filter=f"startswith(name,'{told.name('row')}')",
        orderby=["name desc"],
        select=["name"],
        page_size=10,
    )
    return [[row["name"] for row in page] for page in found]


@told.step
def batch() -> dict[str, Any]:
    batch = client.batch.new()
    with batch.changeset() as changes:
        account = changes.records.create("account", {"name": told.name("batch"), "accountnumber": told.number("b")})
        contact = {"lastname": told.name("batch"), "parentcustomerid_account@odata.bind": account}
        changes.records.create("contact", contact)
        changes.records.update("account", account, {"telephone1": "4"})
    batch.records.list("account", filter=f"name eq '{told.name('batch')}'", select=["telephone1"])
    done = batch.execute()
    return {
        "statuses": [each.status_code for each in done.responses],
        "ids": [each.entity_id for each in done.responses[:3]],
        "read": [row["telephone1"] for row in (done.responses[-1].data or {})["value"]],
    }


@told.step
def failed_batch() -> dict[str, Any]:
    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": told.name("undone"), "accountnumber": told.number("u")})
        changes.records.create("account", {"name": told.name("undone"), "accountnumber": told.number("u")})
    done = batch.execute()
    left = records.list("account", filter=f"name eq '{told.name('undone')}'", select=["name"])
    return {
        "errors": [{"status": each.status_code, "code": each.error_code} for each in done.failed],
        "left": len(list(left)),
    }


@told.step
def continued_batch() -> list[int]:
    batch = client.batch.new()
    batch.records.retrieve("account", job["absent"], select=["name"])
    batch.records.retrieve("account", told.value("create"), select=["name"])
    return [each.status_code for each in batch.execute(continue_on_error=True).responses]


@told.step
def stale() -> dict[str, Any]:
    # The SDK's own update always sends `If-Match: *`; another ETag goes through the same code one level below.
    key = told.value("create")
    etag = records.retrieve("account", key).etag
    records.update("account", key, {"description": "somebody else's edit"})
    odata = client._get_odata()
    address, condition = f"{odata.api}/accounts({key})", {"If-Match": etag}
    body = {"description": "lost"}
    refused = failing(lambda: odata._request("patch", address, json=body, headers=condition))
    return {"refused": refused, "description": records.retrieve("account", key)["description"]}


@told.step
def update_absent() -> dict[str, Any]:
    return failing(lambda: records.update("account", job["absent"], {"name": "nobody"}))


@told.step
def delete() -> list[Any]:
    one, *several = told.value("bulk_create")[:3]
    records.delete("account", one)
    records.delete("account", several, use_bulk_delete=False)
    return [records.retrieve("account", key) for key in (one, *several)]


@told.step
def bulk_delete() -> dict[str, Any]:
    gone = told.value("bulk_create")[3:6]
    started = records.delete("account", gone)
    # The job's reader is whoever started it: the SDK has no call that waits.
    found = records.retrieve("asyncoperation", started, select=["name", "operationtype", "statecode"])
    return {
        "job": {name: found[name] for name in ("operationtype", "statecode")},
        "left": [records.retrieve("account", key) for key in gone],
    }


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
    ids = records.create("msdyn_contractlinescheduleofvalue", rows)
    found = records.list(
        "msdyn_contractlinescheduleofvalue",
        filter=f"startswith(msdyn_name,'{told.name('milestone')}')",
        orderby=["msdyn_amount desc"],
        select=["msdyn_name", "msdyn_amount"],
        expand=["msdyn_ContractLineId($select=salesorderdetailname)"],
    )
    shown = [
        [row["msdyn_name"], row["msdyn_amount"], row["msdyn_ContractLineId"]["salesorderdetailname"]] for row in found
    ]
    return {"ids": ids, "shown": shown}


@told.step
def describe() -> dict[str, Any]:
    table = client.tables.get("account")
    keys = client.tables.get_alternate_keys("account")
    columns = client.tables.list_columns("account", select=["LogicalName", "AttributeType"])
    return {
        "set": table.entity_set_name,
        "keys": [list(key.key_attributes) for key in keys],
        "columns": {column["LogicalName"]: column["AttributeType"] for column in columns},
    }
