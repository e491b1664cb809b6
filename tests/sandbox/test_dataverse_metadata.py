"""Metadata, functions and actions, as clients read them before they write."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import pytest

from statecfg.sandbox.world import Refused, Tx
from tests.sandbox.dataverse_place import MILESTONES, TENANT, Place

MILESTONE = "msdyn_contractlinescheduleofvalue"
CAST = "Microsoft.Dynamics.CRM"


def test_a_table_is_found_by_name_id_and_filter(dataverse: Place) -> None:
    query = "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=LogicalName+eq+'account'"
    [found] = dataverse.values(query)
    assert set(found) == {"MetadataId", "LogicalName", "EntitySetName", "PrimaryIdAttribute"}
    by_name = dataverse.get("EntityDefinitions(LogicalName='account')?$select=EntitySetName")
    by_id = dataverse.get(f"EntityDefinitions({found['MetadataId']})?$select=EntitySetName")
    assert by_name["EntitySetName"] == by_id["EntitySetName"] == "accounts"
    assert dataverse.send("GET", "EntityDefinitions(LogicalName='nobody')").status_code == 404


def test_every_table_says_which_set_it_is(dataverse: Place) -> None:
    found = {
        row["LogicalName"]: row["EntitySetName"]
        for row in dataverse.values("EntityDefinitions?$select=EntitySetName,LogicalName")
    }
    assert found[MILESTONE] == MILESTONES
    assert found["msdyn_dualwriteruntimeconfig"] == "msdyn_dualwriteruntimeconfigs"


def test_columns_tell_their_types_and_limits(dataverse: Place) -> None:
    found = {
        row["LogicalName"]: row for row in dataverse.values(f"EntityDefinitions(LogicalName='{MILESTONE}')/Attributes")
    }
    assert found["msdyn_name"]["MaxLength"] == 100
    assert found["msdyn_name"]["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert found["msdyn_amount"]["@odata.type"] == f"#{CAST}.MoneyAttributeMetadata"
    assert found["msdyn_amount"]["MaxValue"] == 922337203685477
    assert found["msdyn_invoicedate"]["DateTimeBehavior"]["Value"] == "UserLocal"
    assert found["msdyn_milestonedate"]["DateTimeBehavior"]["Value"] == "DateOnly"
    assert found["msdyn_contractlineid"]["Targets"] == ["salesorderdetail"]
    assert found["msdyn_contractlineid"]["SchemaName"] == "msdyn_ContractLineId"
    assert "OptionSet" not in found["msdyn_invoicestatus"]


def test_a_cast_keeps_columns_of_its_type_and_expands_their_options(dataverse: Place) -> None:
    address = f"EntityDefinitions(LogicalName='{MILESTONE}')/Attributes/{CAST}.PicklistAttributeMetadata"
    found = dataverse.values(f"{address}?$select=LogicalName&$expand=OptionSet($select=Options)")
    options = next(row["OptionSet"]["Options"] for row in found if row["LogicalName"] == "msdyn_invoicestatus")
    assert [option["Value"] for option in options] == [192350000, 192350001, 192350002, 192350003]
    assert options[1]["Label"]["UserLocalizedLabel"]["Label"] == "Ready for invoicing"
    assert {row["LogicalName"] for row in found} == {
        "msdyn_invoicestatus", "msdyn_transactionclassification", "msdyn_transactiontypecode"
    }  # fmt: skip


def test_states_have_casts_of_their_own(dataverse: Place) -> None:
    base = "EntityDefinitions(LogicalName='invoice')/Attributes"
    status = dataverse.get(f"{base}(LogicalName='statuscode')/{CAST}.StatusAttributeMetadata?$expand=OptionSet")
    assert {option["State"] for option in status["OptionSet"]["Options"]} == {0, 1, 2, 3}
    assert dataverse.send("GET", f"{base}(LogicalName='statecode')/{CAST}.PicklistAttributeMetadata").status_code == 404


def test_a_filter_by_type_and_by_a_nested_property(dataverse: Place) -> None:
    base = f"EntityDefinitions(LogicalName='{MILESTONE}')/Attributes?$select=LogicalName"
    money = dataverse.values(f"{base}&$filter=AttributeType eq {CAST}.AttributeTypeCode'Money'")
    assert "msdyn_amount" in {row["LogicalName"] for row in money}
    nested = dataverse.values(f"{base}&$filter=RequiredLevel/Value eq 'SystemRequired'")
    assert [row["LogicalName"] for row in nested] == [f"{MILESTONE}id"]
    tables = dataverse.values(
        "EntityDefinitions?$select=LogicalName"
        "&$filter=CanCreateAttributes/Value eq true and contains(LogicalName,'actual')"
    )
    assert [row["LogicalName"] for row in tables] == ["msdyn_actual"]
    wrong = dataverse.send("GET", "EntityDefinitions?$filter=Nobody eq 1")
    assert wrong.status_code == 400


def test_keys_and_relationships(dataverse: Place) -> None:
    base = "EntityDefinitions(LogicalName='account')"
    [key] = dataverse.values(f"{base}/Keys?$select=SchemaName,KeyAttributes")
    assert key["KeyAttributes"] == ["accountnumber"]
    ones = dataverse.values(f"EntityDefinitions(LogicalName='{MILESTONE}')/ManyToOneRelationships")
    line = next(row for row in ones if row["ReferencingAttribute"] == "msdyn_contractlineid")
    assert line["ReferencingEntityNavigationPropertyName"] == "msdyn_ContractLineId"
    many = dataverse.values("EntityDefinitions(LogicalName='salesorder')/OneToManyRelationships")
    assert "order_details" in {row["ReferencedEntityNavigationPropertyName"] for row in many}
    shared = dataverse.get("GlobalOptionSetDefinitions(Name='msdyn_invoicestatus')")
    assert len(shared["Options"]) == 4


@pytest.mark.parametrize("option", ["$top=1", "$orderby=LogicalName", "$count=true"])
def test_metadata_is_neither_ordered_nor_cut(dataverse: Place, option: str) -> None:
    answer = dataverse.send("GET", f"EntityDefinitions?$select=LogicalName&{option}")
    assert dataverse.refused(answer)[:2] == (400, "0x80060888")


def test_relationships_are_cast_by_their_type(dataverse: Place) -> None:
    root = "RelationshipDefinitions/Microsoft.Dynamics.CRM."
    some = dataverse.values(f"{root}OneToManyRelationshipMetadata?$select=SchemaName")
    assert "account_primary_contact" in {each["SchemaName"] for each in some}
    assert dataverse.values(f"{root}ManyToManyRelationshipMetadata") == []


@pytest.mark.parametrize(
    ("method", "address"), [("GET", "RetrieveMetadataChanges(Query=@p1)?@p1={}"), ("POST", "CreateEntities")]
)
def test_what_the_service_has_and_the_sandbox_has_not_is_said_so(dataverse: Place, method: str, address: str) -> None:
    status, code, message = dataverse.refused(dataverse.send(method, address))
    assert (status, code) == (501, "0x80060888")
    assert "not emulated" in message


def test_metadata_is_not_changed(dataverse: Place) -> None:
    assert dataverse.refused(dataverse.send("POST", "EntityDefinitions", {}))[0] == 501


def test_the_whole_model_as_xml(dataverse: Place) -> None:
    document = ET.fromstring(dataverse.send("GET", "$metadata").text)
    schema = "{http://docs.oasis-open.org/odata/ns/edm}"
    types = {each.get("Name"): each for each in document.iter(f"{schema}EntityType")}
    properties = {each.get("Name"): each.get("Type") for each in types[MILESTONE].iter(f"{schema}Property")}
    assert properties["_msdyn_contractlineid_value"] == "Edm.Guid"
    assert properties["msdyn_amount"] == "Edm.Decimal"
    navigation = {each.get("Name") for each in types[MILESTONE].iter(f"{schema}NavigationProperty")}
    assert "msdyn_ContractLineId" in navigation
    assert MILESTONES in {each.get("Name") for each in document.iter(f"{schema}EntitySet")}


def test_functions_of_every_environment(dataverse: Place) -> None:
    assert set(dataverse.get("WhoAmI")) == {"@odata.context", "BusinessUnitId", "UserId", "OrganizationId"}
    assert dataverse.get("RetrieveVersion()")["Version"].startswith("9.2.")
    access = "Microsoft.Dynamics.CRM.EndpointAccessType'Default'"
    detail = dataverse.get(f"RetrieveCurrentOrganization(AccessType=@p1)?@p1={access}")["Detail"]
    assert detail["TenantId"] == TENANT
    assert f"{dataverse.api}/" in detail["Endpoints"]["Values"]
    assert dataverse.get("RetrieveFinanceAndOperationsIntegrationDetails()")["Url"] == "https://localhost:1/"
    dataverse.dataverse.operations.environment.finance_url = ""
    unlinked = dataverse.send("GET", "RetrieveFinanceAndOperationsIntegrationDetails")
    dataverse.dataverse.operations.environment.finance_url = "https://localhost:1/"
    assert unlinked.status_code == 400


@pytest.mark.parametrize(
    "address",
    ["RetrieveTotalRecordCount", "RetrieveTotalRecordCount(EntityNames=['nobody'])",
     "RetrieveTotalRecordCount(EntityNames=@p)", "RetrieveTotalRecordCount(nonsense)", "WhoAmI(", "WhoAmI()/more"],
)  # fmt: skip
def test_a_function_called_wrongly_is_refused(dataverse: Place, address: str) -> None:
    assert dataverse.send("GET", address).status_code in (400, 404)


def rename(tx: Tx, target: str | None, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if body.get("refuse"):
        raise Refused("0x80040265", "not so")
    if body.get("whole"):
        return tx.get("account", target or "")
    return {"Renamed": target, "To": body.get("name")}


def test_actions_are_bound_to_their_table_or_to_none(dataverse: Place) -> None:
    dataverse.dataverse.register("account", "test_Rename", rename)
    dataverse.dataverse.register("", "test_Nothing", lambda tx, target, body: None)
    key = dataverse.ids["account"]
    bound = f"accounts({key})/{CAST}.test_Rename"
    assert dataverse.send("POST", bound, {"name": "x"}).json()["Renamed"] == key
    whole = dataverse.send("POST", f"accounts(accountnumber='F-1')/{CAST}.test_Rename", {"whole": True}).json()
    assert whole["@odata.context"].endswith("$metadata#accounts/$entity")
    assert (whole["accountid"], whole["name"]) == (key, "Fabrikam")
    assert dataverse.refused(dataverse.send("POST", bound, {"refuse": True})) == (400, "0x80040265", "not so")
    assert dataverse.send("POST", "test_Nothing").status_code == 204
    assert dataverse.send("POST", f"contacts({key})/{CAST}.test_Rename", {}).status_code == 404
    assert dataverse.send("POST", f"salesorders({dataverse.ids['contract']})/{CAST}.test_Rename", {}).status_code == 404
    assert dataverse.send("POST", "test_Rename", {}).status_code == 404
    assert 'Name="test_Rename"' in dataverse.send("GET", "$metadata").text
