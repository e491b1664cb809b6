"""Dataverse's own records of maps are read whole; one that can't be understood is an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from statecfg.clients import witness
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.transport import Transport
from statecfg.clients.witness import RuntimeRow, SavedVersion
from statecfg.model.errors import Unavailable
from tests.clients.scripted import Reply, Seen, Server
from tests.clients.test_mapping import CUTOVER, CUTOVER_LINE, task

SAID = {
    "ProjectId": "p-1",
    "SourceEntityName": "set",
    "SourceEnvironmentType": 1,
    "DestinationEntityName": "label",
    "DestinationEnvironmentType": 3,
    "EntityMapVersion": {"Major": 1, "Minor": 0, "Build": 0, "Revision": 8},
    "FieldMappings": [CUTOVER_LINE],
}
Made = Callable[..., Dataverse]


@pytest.fixture
def dataverse_with(serve: Callable[..., Server], transport_to: Callable[..., Transport]) -> Made:
    def make(*rows: dict[str, Any], columns: tuple[str, ...] = ()) -> Dataverse:
        def script(seen: Seen) -> Reply:
            if seen.path.endswith("/Attributes"):
                return Reply(body={"value": [{"LogicalName": name} for name in columns]})
            if "EntityDefinitions" in seen.path:
                return Reply(body={"EntitySetName": "thetable"})
            if seen.path.endswith(")"):
                return Reply(body=rows[0])
            return Reply(body={"value": list(rows)})

        server = serve(script)
        return Dataverse(transport_to(server), server.url)

    return make


@pytest.mark.parametrize("text", [json.dumps(SAID), json.dumps(json.dumps(SAID))])
def test_a_runtime_row_tells_version_and_mapping(dataverse_with: Made, text: str) -> None:
    rows = witness.runtime_rows(dataverse_with({"msdyn_unsecure": text, "statecode": 0}))
    assert rows == (RuntimeRow("set", "label", "p-1", "1.0.0.8", (CUTOVER,), True),)


def test_an_inactive_runtime_row_is_told_as_such(dataverse_with: Made) -> None:
    (row,) = witness.runtime_rows(dataverse_with({"msdyn_unsecure": json.dumps(SAID), "statecode": 1}))
    assert not row.active


@pytest.mark.parametrize("text", [None, "", "no json", "{}", "[]", json.dumps({**SAID, "FieldMappings": [{}]})])
def test_a_runtime_row_that_cannot_be_understood_is_no_silence(dataverse_with: Made, text: str | None) -> None:
    with pytest.raises(Unavailable, match="can't be understood"):
        witness.runtime_rows(dataverse_with({"msdyn_unsecure": text, "statecode": 0}))


VERSION: dict[str, Any] = {
    "msdyn_dualwriteentitymapid": "v-1",
    "msdyn_name": "sst_[set - label - with dash]",
    "msdyn_version": "1.0.0.8",
    "ismanaged": False,
    "solutionid": "s-1",
    "modifiedon": "2024-01-31T00:00:00Z",
    "msdyn_author": "Default publisher",
    "msdyn_mapping": json.dumps(json.dumps(task(CUTOVER_LINE, sourceFilter="(a == 1)"))),
}


@pytest.mark.parametrize(("known", "publisher"), [(("msdyn_author",), "Default publisher"), ((), "")])
def test_saved_versions_tell_their_pair_and_their_publisher_if_there_is_one(
    dataverse_with: Made, known: tuple[str, ...], publisher: str
) -> None:
    found = witness.saved_versions(dataverse_with(VERSION, columns=known), author_column="msdyn_author")
    assert found == (
        SavedVersion(
            "v-1", VERSION["msdyn_name"], "set", "label - with dash", publisher, "1.0.0.8", "", False, "s-1",
            "2024-01-31T00:00:00Z",
        ),
    )  # fmt: skip


def test_a_saved_mapping_is_read_with_its_text_once_encoded(dataverse_with: Made) -> None:
    saved = witness.saved_mapping(dataverse_with(VERSION), "v-1")
    assert saved is not None
    assert json.loads(saved.text)["legs"][0]["sourceFilter"] == saved.source_filter == "(a == 1)"
    assert saved.rows == (CUTOVER,)


def test_types_of_value_maps_are_found_in_any_version(dataverse_with: Made) -> None:
    rows = ({**VERSION, "msdyn_mapping": "broken"}, VERSION)
    assert list(witness.value_types(dataverse_with(*rows))) == [CUTOVER.value_type]
