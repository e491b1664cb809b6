"""Rows of a map are equal wherever they were read, and nothing of them is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statecfg.clients import mapping
from statecfg.clients.mapping import BOTH_WAYS, TO_FINANCE, FieldMapping, NotAMapping, field_mappings

CLR = "Microsoft.Dynamics.Integrator.Transforms.ValueMap"
CUTOVER_LINE = {
    "syncDirection": 2,
    "sourceField": "TRANSSTATUS",
    "destinationField": "msdyn_invoicestatus",
    "isSystemGenerated": False,
    "valueTransforms": [
        {"$type": CLR, "transformType": "ValueMap", "valueMap": {"4": "192350001"}, "createValuesOnDestination": False}
    ],
}
PLAIN_LINE = {"syncDirection": 3, "sourceField": "DESCRIPTION", "destinationField": "msdyn_name", "valueTransforms": []}
CUTOVER = FieldMapping("TRANSSTATUS", "msdyn_invoicestatus", TO_FINANCE, {"4": "192350001"}, CLR)


def task(*rows: Any, **leg: Any) -> dict[str, Any]:
    return {"name": "[label] - [set]", "order": 0, "legs": [{"id": "001", "fieldMappings": list(rows), **leg}]}


@pytest.mark.parametrize(
    "form",
    [
        [CUTOVER_LINE],
        json.dumps([CUTOVER_LINE]),
        task(CUTOVER_LINE),
        json.dumps(json.dumps(task(CUTOVER_LINE))),
        {"name": "p", "entityMappingTasks": [task(CUTOVER_LINE)]},
        {"EntityMappingTasks": [{"Legs": [{"FieldMappings": [CUTOVER_LINE]}]}]},
        {"FieldMappings": [{name.title() if name.islower() else name: value for name, value in CUTOVER_LINE.items()}]},
    ],
)
def test_the_same_row_is_read_from_every_form(form: Any) -> None:
    assert field_mappings(form) == (CUTOVER,)


@pytest.mark.parametrize(
    "change",
    [
        {"syncDirection": "2"},
        {"isSystemGenerated": None},
        {"destinationLookupFieldRelatedEntity": ""},
        {"$id": "17"},
        {"valueTransforms": [{"$type": CLR, "transformType": "ValueMap", "valueMap": {"4": 192350001}}]},
    ],
)
def test_what_services_write_differently_is_no_difference(change: dict[str, Any]) -> None:
    assert field_mappings([{**CUTOVER_LINE, **change}]) == (CUTOVER,)


@pytest.mark.parametrize(
    "change",
    [
        {"syncDirection": 3},
        {"sourceField": "STATUS"},
        {"destinationField": "statuscode"},
        {"isSystemGenerated": True},
        {"somethingNew": 1},
        {"valueTransforms": []},
        {"valueTransforms": [{"$type": CLR, "transformType": "ValueMap", "valueMap": {"4": "192350001", "0": "1"}}]},
        {"valueTransforms": [{"$type": "other", "transformType": "ValueMap", "valueMap": {"4": "192350001"}}]},
        {"valueTransforms": [*CUTOVER_LINE["valueTransforms"], {"transformType": "Default", "defaultValue": "1"}]},  # type: ignore[misc]
    ],
)
def test_what_changes_a_row_is_a_difference(change: dict[str, Any]) -> None:
    assert field_mappings([{**CUTOVER_LINE, **change}]) != (CUTOVER,)


def test_essence_is_what_a_row_does() -> None:
    (row,) = field_mappings([{**CUTOVER_LINE, "sourceField": "TransStatus", "isSystemGenerated": True}])
    assert row.essence == CUTOVER.essence
    assert hash(row) != hash(None)


@pytest.mark.parametrize(
    "form",
    [
        None,
        5,
        "no json",
        {},
        {"legs": []},
        {"legs": [{"fieldMappings": [1]}]},
        {"legs": [{"fieldMappings": []}] * 2},
        [{**CUTOVER_LINE, "syncDirection": "Bidirectional"}],
        [{**CUTOVER_LINE, "valueTransforms": [{"transformType": "ValueMap", "valueMap": [1]}]}],
    ],
)
def test_what_is_no_mapping_is_said_so(form: Any) -> None:
    with pytest.raises(NotAMapping):
        field_mappings(form)


def test_a_row_is_added_and_nothing_else_changes() -> None:
    default = {"$type": "d", "transformType": "Default", "defaultValue": "x"}
    original = task({**PLAIN_LINE, "valueTransforms": [default]}, sourceFilter="(a == 1)", futureMember={"n": 1})
    text = mapping.with_rows(json.dumps(json.dumps(original)), [CUTOVER])
    changed = json.loads(text)
    assert changed["legs"][0].pop("fieldMappings")[0] == original["legs"][0].pop("fieldMappings")[0]
    assert changed == original
    assert mapping.leg_of(text).rows[1] == CUTOVER


@pytest.mark.parametrize("row", [CUTOVER_LINE, PLAIN_LINE, {**PLAIN_LINE, "isSystemGenerated": True, "x": [1]}])
def test_rows_go_to_json_and_back(row: dict[str, Any]) -> None:
    (read,) = field_mappings([row])
    assert field_mappings([mapping.as_json(read)]) == (read,)


PROJECT = {
    "name": "proj-1",
    "environments": [
        {"targetType": "AX", "schemas": [{"$id": "9", "name": "label", "fields": [{"name": "TRANSSTATUS"}]}]},
        {
            "targetType": "CDS",
            "schemas": [
                {
                    "name": "set",
                    "fields": [{"name": "msdyn_name"}, {"name": "msdyn_invoicestatus"}],
                    "keys": [{"name": "UserKeys", "fields": ["msdyn_name"]}],
                }
            ],
        },
    ],
    "entityMappingTasks": [
        task(
            PLAIN_LINE,
            sourceSchema="label",
            destinationSchema="set",
            sourceFilter="(a == 1)",
            reversedSourceFilter="b eq 2",
        )
    ],
}


def test_a_project_tells_its_mapping_key_and_schemas() -> None:
    project = mapping.project_of(PROJECT)
    assert (project.name, project.source_filter, project.reversed_filter) == ("proj-1", "(a == 1)", "b eq 2")
    assert project.keys == ("msdyn_name",)
    assert project.schema_fields["dataverse"] == {"msdyn_name", "msdyn_invoicestatus"}
    assert project.knows("TransStatus")
    assert not project.knows("AMOUNT")
    assert project.rows == (FieldMapping("DESCRIPTION", "msdyn_name", BOTH_WAYS),)


def test_references_within_an_answer_are_followed() -> None:
    answer = json.loads(json.dumps(PROJECT))
    answer["environments"][0]["schemas"].insert(0, {"$ref": "9"})
    answer["environments"][1]["back"] = {"$id": "3", "self": {"$ref": "3"}}
    assert mapping.project_of(answer).knows("TRANSSTATUS")
