"""Maps are told apart exactly, and the gateway's loose forms are understood without guessing."""

from __future__ import annotations

from typing import Any

import pytest

from statecfg.clients import loose, tablemap
from statecfg.clients.tablemap import MapVersion, TableMap
from statecfg.model.errors import Rejected

MILESTONES = "Project Operations integration contract line milestones"


SIX_NUMBERS = {"major": 1, "minor": "0", "build": 0, "revision": 7, "majorRevision": 0, "minorRevision": 0}


def answer(**detail: Any) -> dict[str, Any]:
    return {
        "leftEntity": {"targetType": "AX", "name": "x", "displayName": MILESTONES},
        "rightEntity": {"targetType": "CRM", "name": "msdyn_contractlinescheduleofvalues"},
        "detail": {
            "tName": f"msdyn_contractlinescheduleofvalues - {MILESTONES}",
            "pid": "p-1",
            "state": "4",
            "template": {"id": "t-1", "author": "Microsoft", "version": SIX_NUMBERS},
            "templates": [
                {"id": "t-1", "author": "Microsoft", "version": "1.0.0.7", "readOnly": True},
                {"id": "t-2", "author": "Default publisher", "version": "1.0.0.8", "description": "Cutover"},
            ],
            **detail,
        },
    }  # fmt: skip


def test_a_map_is_read_with_its_versions() -> None:
    found = tablemap.table_map(answer())
    assert (found.entity_set, found.entity, found.pid) == ("msdyn_contractlinescheduleofvalues", MILESTONES, "p-1")
    assert found.active == MapVersion("t-1", "Microsoft", "1.0.0.7")
    assert found.versions[1] == MapVersion("t-2", "Default publisher", "1.0.0.8", "Cutover")
    assert found.running == "running"


def test_an_active_version_named_by_its_id_alone_is_looked_up() -> None:
    found = tablemap.table_map(answer(template=None, tid="t-2")).active
    assert found is not None
    assert found.number == "1.0.0.8"
    assert tablemap.table_map(answer(template=None, tid="")).active is None


@pytest.mark.parametrize(
    ("state", "running"),
    [
        ("0", "stopped"), ("1", "stopped"), ("6", "stopped"), (6, "stopped"), ("2", "busy"), ("3", "busy"),
        ("4", "running"), ("5", "paused"), ("7", "unknown"), ("Running", "unknown"), (None, "unknown"), (-1, "unknown"),
    ],
)  # fmt: skip
def test_only_known_codes_are_states(state: object, running: str) -> None:
    assert tablemap.table_map(answer(state=state)).running == running


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("1", "waiting"), ("2", "completed"), (2, "completed"), ("3", "failed"), ("Failed", "failed"), ("9", "waiting"),
        ("", "waiting"),
    ],
)  # fmt: skip
def test_a_request_of_unknown_state_is_not_over(said: object, state: str) -> None:
    requests = tablemap.table_map(answer(lastRequests=[{"requestId": "r", "action": 1, "state": said}])).requests
    assert [(one.id, one.action, one.state) for one in requests] == [("r", "1", state)]


def test_a_failed_request_says_why() -> None:
    failed = {
        "requestId": "r",
        "action": "1",
        "state": "3",
        "errorMessage": "[DIPV1022] Missing",
        "rootActivityId": "a-9",
    }
    assert tablemap.request_of(failed).error == "[DIPV1022] Missing (activity a-9)"


def test_the_last_request_counts_although_it_is_not_in_the_list() -> None:
    found = tablemap.table_map(
        answer(lastRequest={"requestId": "new", "state": "1"}, lastRequests=[{"requestId": "old"}])
    )
    assert [one.id for one in found.requests] == ["new", "old"]


def one_map(entity_set: str, entity: str, pid: str = "p") -> TableMap:
    return TableMap(f"{entity_set} - {entity}", entity_set, entity, pid, 4, None)


INVOICES = [one_map("invoices", "Sales invoice headers V2"), one_map("invoices", "Project invoice proposals V2")]


def test_singular_and_plural_name_the_same_map() -> None:
    assert tablemap.found_in(INVOICES, "invoices", "Project Invoice proposal V2") is INVOICES[1]


def test_an_exact_name_wins_over_a_similar_one() -> None:
    maps = [*INVOICES, one_map("invoices", "Project invoice proposal V2")]
    assert tablemap.found_in(maps, "invoices", "Project invoice proposal V2") is maps[2]


def test_two_candidates_are_an_error_that_lists_both() -> None:
    maps = [one_map("contacts", "CDS Contacts V2", "p-1"), one_map("contacts", "CDS Contacts V2", "p-2")]
    with pytest.raises(Rejected, match=r"2 maps .*p-1.*p-2"):
        tablemap.found_in(maps, "contacts", "CDS Contacts V2")


def test_no_candidate_lists_what_the_entity_set_has() -> None:
    with pytest.raises(Rejected, match=r"0 maps .*Sales invoice headers V2"):
        tablemap.found_in(INVOICES, "invoices", "Invoices V9")


def test_versions_are_told_apart_by_publisher_and_number() -> None:
    assert (
        MapVersion("a", "Default  Publisher", "1.0.0.8").identity
        == MapVersion("b", "default publisher", "1.0.0.8").identity
    )
    assert MapVersion("a", "Microsoft", "1.0.0.8").identity != MapVersion("a", "Default publisher", "1.0.0.8").identity


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("1.0.0.7", "1.0.0.7"), ("10.0.383.25", "10.0.383.25"), ("1.2.3", "1.2.3.0"), ("1.0.0.7.0.0", "1.0.0.7"),
        ({"Major": 2, "Minor": 0, "Build": 0, "Revision": 2}, "2.0.0.2"),
        ({"major": "9", "minor": "9", "build": "9", "revision": "9", "majorRevision": 0}, "9.9.9.9"),
        ("latest", ""), ("", ""), (None, ""), ("1", ""), ({}, ""), ("1.-1.0.0", ""), ("١.0.0.7", ""),
    ],
)  # fmt: skip
def test_a_version_is_four_numbers_or_nothing(said: object, number: str) -> None:
    assert loose.version(said) == number


@pytest.mark.parametrize("swapped", [False, True])
def test_legal_entities_are_told_by_their_side(swapped: bool) -> None:
    finance, dataverse = {"name": "usmf", "id": "1"}, {"id": "USMF"}
    sides = ("right", "left") if swapped else ("left", "right")
    connection_set = {
        "environments": {"fo": {"targetType": "AX"}, "ce": {"targetType": "CDS"}},
        "dualWriteDetail": {
            "legalEntityMappings": {
                f"{sides[0]}Environment": "fo",
                f"{sides[1]}Environment": "ce",
                "mappings": [{sides[0]: finance, sides[1]: dataverse}],
            }
        },
    }
    assert tablemap.legal_entities_of(connection_set) == (("usmf", "USMF"),)
