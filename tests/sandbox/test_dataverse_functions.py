"""Functions: bound to a record by their full name, unbound with or without parentheses."""

from __future__ import annotations

from statecfg.sandbox.dataverse import records
from tests.sandbox.dataverse_place import Place

BOUND = f"systemusers({records.SYSTEM_USER})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"


def test_a_bound_function_tells_what_a_user_may_do(dataverse: Place) -> None:
    answer = dataverse.get(BOUND)
    assert answer["@odata.context"].endswith("#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse")
    names = {each["PrivilegeName"] for each in answer["RolePrivileges"]}
    assert {"prvReadAccount", "prvCreatemsdyn_contractlinescheduleofvalue", "prvActOnBehalfOfAnotherUser"} <= names
    assert dataverse.get(f"{BOUND}()") == answer


def test_a_bound_function_belongs_to_its_table_its_name_and_its_method(dataverse: Place) -> None:
    for method, path in (
        ("POST", BOUND),
        ("GET", BOUND.replace("Microsoft.Dynamics.CRM.", "")),
        ("GET", BOUND.replace("RetrieveUserPrivileges", "RetrieveNothing")),
        ("GET", f"accounts({dataverse.ids['account']})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"),
    ):
        status, code, _ = dataverse.refused(dataverse.send(method, path))
        assert (status, code) == (404, "0x80060888")


def test_languages_are_told_without_parentheses_as_well(dataverse: Place) -> None:
    assert dataverse.get("RetrieveAvailableLanguages")["LocaleIds"] == [1033]
    assert dataverse.get("RetrieveAvailableLanguages()")["LocaleIds"] == [1033]


def test_the_metadata_document_names_bound_and_unbound_functions(dataverse: Place) -> None:
    document = dataverse.send("GET", "$metadata").text
    assert '<Function Name="RetrieveUserPrivileges" IsBound="true">' in document
    assert '<Function Name="RetrieveAvailableLanguages">' in document
