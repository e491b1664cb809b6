"""What is sent to Dataverse, and that a read is whole or an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from statecfg.clients.dataverse import Dataverse, in_filter
from statecfg.clients.transport import Transport
from statecfg.model.errors import Conflict, NotFound, Unavailable
from tests.clients.scripted import DROPPED, Clock, Reply, Script, Seen, Server, in_turn

API = "/api/data/v9.2"
GUID = "0f0e5a3c-1b1c-4f6e-9d2b-3f1a2b3c4d5e"
ABSENT = Reply(404, {"error": {"code": "0x80040217", "message": "Does Not Exist"}})

Made = Callable[[Script], tuple[Dataverse, Server]]


@pytest.fixture
def dataverse_with(serve: Callable[..., Server], transport_to: Callable[..., Transport]) -> Made:
    def make(script: Script) -> tuple[Dataverse, Server]:
        server = serve(script)
        return Dataverse(transport_to(server), server.url + "/"), server

    return make


def page(*names: str, link: str | None = None) -> Reply:
    return Reply(body={"value": [{"name": name} for name in names]} | ({"@odata.nextLink": link} if link else {}))


def test_pages_are_followed_unchanged_with_the_same_preference(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: page("c"))
    link = f"{server.url}{API}/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E"
    server.script = in_turn(page("a", "b", link=link), page("c"))
    rows = dataverse.rows("accounts", select=("name", "x"), filter="name ne 'O''Q & R'", orderby="name", page=2)
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    first, second = server.seen
    assert first.query == "$select=name,x&$filter=name ne 'O''Q & R'&$orderby=name"
    assert (second.path, second.query) == (f"{API}/accounts", '$select=name&$skiptoken=<cookie pagenumber="2" />')
    assert {seen.headers["Prefer"] for seen in server.seen} == {"odata.maxpagesize=2"}


def test_rows_come_before_the_last_page_is_asked_for(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: page("a"))
    server.script = lambda seen: page("a", link=f"{server.url}{API}/accounts?p={len(server.seen)}")
    rows = dataverse.rows("accounts", select=("name",))
    assert next(rows)["name"] == "a"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "second",
    [
        Reply(400, {"error": {"code": "1", "message": "bad cookie"}}),
        Reply(200, {"value": [{"name": "b"}] * 50}, cut=30),
        Reply(200, b"<html>"),
        Reply(200, {"values": []}),
        Reply(200, {"value": [1]}),
        Reply(200, []),
        DROPPED,
    ],
)
def test_a_page_that_fails_half_way_is_never_taken_as_the_end(dataverse_with: Made, second: Reply) -> None:
    dataverse, server = dataverse_with(lambda seen: second)
    server.script = in_turn(page("a", link=f"{server.url}{API}/accounts?p=2"), second)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error of the tree, but an error
        list(dataverse.rows("accounts", select=("name",)))
    assert caught.value.__class__.__module__ == "statecfg.model.errors"


def test_pages_that_go_round_in_circles_are_an_error(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: page("a"))
    server.script = lambda seen: page("a", link=f"{server.url}{API}/accounts?p=2")
    with pytest.raises(Unavailable, match="circles"):
        list(dataverse.rows("accounts", select=("name",)))


def test_a_next_page_elsewhere_does_not_get_our_token(dataverse_with: Made) -> None:
    dataverse, _ = dataverse_with(lambda seen: page("a", link="https://elsewhere.invalid/accounts?p=2"))
    with pytest.raises(Unavailable, match="another address"):
        list(dataverse.rows("accounts", select=("name",)))


def test_the_service_drops_top_for_a_page_size_so_only_one_is_sent(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: page("a"))
    list(dataverse.rows("accounts", select=("name",), orderby="createdon desc", top=1))
    assert "Prefer" not in server.seen[0].headers
    assert server.seen[0].query.endswith("$top=1")


def test_keys_are_asked_for_in_chunks_and_answered_in_their_order(dataverse_with: Made) -> None:
    def script(seen: Seen) -> Reply:
        return page(*[value for value in (f"k{n}" for n in range(10)) if f'"{value}"' in seen.query])

    dataverse, server = dataverse_with(script)
    keys = [f"k{n}" for n in range(10)]
    rows = dataverse.rows_where_in("accounts", "name", iter(keys), select=("name",), filter="statecode eq 0", chunk=3)
    assert [row["name"] for row in rows] == keys
    assert len(server.seen) == 4
    assert all("(statecode eq 0) and (Microsoft.Dynamics.CRM.In(" in seen.query for seen in server.seen)


def test_one_chunk_that_fails_fails_the_read(dataverse_with: Made) -> None:
    dataverse, _ = dataverse_with(lambda seen: Reply(400, b"no") if '"k4"' in seen.query else page("x"))
    with pytest.raises(Exception, match="no"):
        list(dataverse.rows_where_in("accounts", "name", [f"k{n}" for n in range(9)], select=("name",), chunk=2))


def test_lookups_and_texts_with_quotes_are_compared_one_by_one() -> None:
    assert in_filter("_a_value", [GUID]) == f"(_a_value eq {GUID})"
    assert in_filter("name", ["O'Q", 'say "x"']) == "(name eq 'O''Q' or name eq 'say \"x\"')"
    assert in_filter("name", ["a", "b"]) == (
        'Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["a","b"])'
    )


def test_a_record_that_is_not_there_is_none_but_a_missing_set_is_an_error(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: ABSENT)
    assert dataverse.row("accounts", GUID, select=("name",)) is None
    server.script = lambda seen: Reply(404, {"error": {"code": "0x80060888", "message": "Resource not found"}})
    with pytest.raises(NotFound):
        dataverse.row("acounts", GUID, select=("name",))


def test_a_create_sends_exact_money_and_returns_the_id(dataverse_with: Made) -> None:
    address = f"https://x{API}/accounts({GUID.upper()})"
    dataverse, server = dataverse_with(lambda seen: Reply(204, b"", {"OData-EntityId": address}))
    assert dataverse.create("accounts", {"accountid": GUID, "amount": Decimal("922337203685476.99")}) == GUID
    assert server.seen[0].body == b'{"accountid":"%s","amount":922337203685476.99}' % GUID.encode()


def test_a_create_names_the_solution_that_the_record_goes_into_only_if_there_is_one(dataverse_with: Made) -> None:
    address = f"https://x{API}/accounts({GUID})"
    dataverse, server = dataverse_with(lambda seen: Reply(204, b"", {"OData-EntityId": address}))
    dataverse.create("accounts", {"accountid": GUID}, solution="ContosoMaps")
    dataverse.create("accounts", {"accountid": GUID})
    assert [seen.headers.get("MSCRM.SolutionUniqueName") for seen in server.seen] == ["ContosoMaps", None]


def test_a_lost_create_is_sent_again_only_if_it_may_be(dataverse_with: Made) -> None:
    duplicate = Reply(412, {"error": {"code": "0x80040237", "message": "exists"}})
    dataverse, server = dataverse_with(in_turn(DROPPED, duplicate))
    with pytest.raises(Unavailable) as lost:
        dataverse.create("accounts", {"accountid": GUID})
    assert lost.value.sent
    dataverse._transport._reached.add("dataverse")
    server.script = in_turn(DROPPED, duplicate)
    with pytest.raises(Conflict) as exists:
        dataverse.create("accounts", {"accountid": GUID}, repeatable=True)
    assert exists.value.sent


def test_a_bulk_create_types_each_record_and_keeps_their_order(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: Reply(body={"Ids": ["1", "2"]}))
    assert dataverse.create_multiple("accounts", "account", [{"name": "a"}, {"name": "b"}]) == ("1", "2")
    assert server.seen[0].path == f"{API}/accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert server.seen[0].json == {
        "Targets": [
            {"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "a"},
            {"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "b"},
        ]
    }


@pytest.mark.parametrize("answer", [Reply(body={"Ids": ["1"]}), Reply(204), Reply(body=[]), DROPPED, Reply(500)])
def test_a_bulk_create_with_an_unclear_answer_is_in_doubt_and_sent_once(dataverse_with: Made, answer: Reply) -> None:
    dataverse, server = dataverse_with(lambda seen: answer)
    with pytest.raises(Unavailable) as caught:
        dataverse.create_multiple("accounts", "account", [{"name": "a"}, {"name": "b"}])
    assert caught.value.sent
    assert len(server.seen) == 1


def test_a_change_never_makes_a_record_and_heeds_an_etag(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: Reply(204))
    dataverse.update("accounts", GUID, {"name": "a"})
    dataverse.update("accounts", GUID, {"name": "a"}, etag='W/"5"')
    dataverse.delete("accounts", "number='A 1'", etag='W/"5"')
    assert [(seen.method, seen.headers["If-Match"]) for seen in server.seen] == [
        ("PATCH", "*"), ("PATCH", 'W/"5"'), ("DELETE", 'W/"5"'),
    ]  # fmt: skip
    assert server.seen[2].path == f"{API}/accounts(number='A%201')"


def test_a_change_guarded_by_an_etag_is_not_repeated(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: DROPPED)
    with pytest.raises(Unavailable):
        dataverse.update("accounts", GUID, {"name": "a"}, etag='W/"5"')
    assert len(server.seen) == 1


def test_actions_are_posted_once_with_a_body(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(in_turn(Reply(204), Reply(body={"invoiceid": "i"}), Reply(body={"JobId": "j"})))
    assert dataverse.action("invoices", GUID, "msdyn_PostInvoice") is None
    assert dataverse.action("salesorders", GUID, "msdyn_NewInvoiceContract", {}) == {"invoiceid": "i"}
    assert dataverse.unbound_action("BulkDelete", {"a": 1}) == {"JobId": "j"}
    assert server.paths() == [
        f"POST {API}/invoices({GUID})/Microsoft.Dynamics.CRM.msdyn_PostInvoice",
        f"POST {API}/salesorders({GUID})/Microsoft.Dynamics.CRM.msdyn_NewInvoiceContract",
        f"POST {API}/BulkDelete",
    ]
    assert [seen.json for seen in server.seen] == [{}, {}, {"a": 1}]


def test_no_header_bypasses_the_logic_on_which_dual_write_rests(dataverse_with: Made) -> None:
    dataverse, server = dataverse_with(lambda seen: Reply(204))
    dataverse.update("accounts", GUID, {"name": "a"})
    dataverse.action("invoices", GUID, "x")
    assert [name for seen in server.seen for name in seen.headers if "MSCRM" in name.upper()] == []


def test_the_recommended_parallelism_is_told(dataverse_with: Made) -> None:
    dataverse, _ = dataverse_with(lambda seen: Reply(200, {"value": []}, {"x-ms-dop-hint": "12"}))
    assert dataverse.dop is None
    list(dataverse.rows("accounts", select=("name",)))
    assert dataverse.dop == 12


@pytest.mark.parametrize("hint", ["", "many", "0", "-3"])
def test_a_useless_hint_is_none(dataverse_with: Made, hint: str) -> None:
    dataverse, _ = dataverse_with(lambda seen: Reply(200, {"value": []}, {"x-ms-dop-hint": hint}))
    list(dataverse.rows("accounts", select=("name",)))
    assert dataverse.dop is None


def test_the_services_clock_goes_on_between_answers(dataverse_with: Made, clock: Clock) -> None:
    dataverse, _ = dataverse_with(lambda seen: Reply(200, {"UserId": "u"}))
    before = dataverse.server_time()
    clock.now += 90
    assert dataverse.server_time() - before == timedelta(seconds=90)
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_environment_says_who_it_is(dataverse_with: Made) -> None:
    answers: dict[str, Any] = {
        "RetrieveCurrentOrganization": {"Detail": {"OrganizationId": "o-1"}},
        "RetrieveFinanceAndOperationsIntegrationDetails": {"Id": "1", "Url": "https://fo"},
        "WhoAmI": {"UserId": "u-1"},
        "Attributes": {"value": [{"LogicalName": "name"}, {"LogicalName": "amount"}]},
        "EntityDefinitions": {"EntitySetName": "accounts"},
        "sdkmessages": {"value": [{"name": "x"}]},
    }
    dataverse, server = dataverse_with(
        lambda seen: next(Reply(body=answer) for part, answer in answers.items() if part in seen.path)
    )
    assert dataverse.organization()["OrganizationId"] == "o-1"
    assert dataverse.finance_link()["url"] == "https://fo"
    assert dataverse.function("WhoAmI()")["UserId"] == dataverse.user()["UserId"] == "u-1"
    assert dataverse.columns("account") == {"name", "amount"} == dataverse.columns("account")
    assert dataverse.entity_set("account") == "accounts"
    assert dataverse.has_message("x")
    paths = [seen.path for seen in server.seen]
    assert f"{API}/WhoAmI()" in paths
    assert len([path for path in paths if path.endswith("/Attributes")]) == 1
