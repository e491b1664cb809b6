"""What is asked of finance and operations and of the admin API, and what is never asked."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from statecfg.clients import witness
from statecfg.clients.admin import AdminState, PowerPlatform
from statecfg.clients.finance import Finance, enum_literal
from statecfg.clients.transport import Transport
from statecfg.model.errors import NotFound, Rejected, Unavailable
from tests.clients.scripted import DROPPED, Reply, Script, Server, in_turn

GUID = UUID("0f0e5a3c-1b1c-4f6e-9d2b-3f1a2b3c4d5e")

Made = Callable[[Script], tuple[Finance, Server]]


@pytest.fixture
def finance_with(serve: Callable[..., Server], transport_to: Callable[..., Transport]) -> Made:
    def make(script: Script) -> tuple[Finance, Server]:
        server = serve(script)
        return Finance(transport_to(server), server.url), server

    return make


def test_every_read_is_cross_company_and_exact(finance_with: Made) -> None:
    finance, server = finance_with(lambda seen: Reply(200, b'{"value":[{"Amount":1000.10}]}'))
    rows = finance.rows(
        "CustTransOpens", select=["Amount"], filter="dataAreaId eq 'usmf'", orderby="SysRecId desc", top=1
    )
    assert [str(row["Amount"]) for row in rows] == ["1000.10"]
    assert server.seen[0].query == (
        "$select=Amount&$filter=dataAreaId eq 'usmf'&$orderby=SysRecId desc&$top=1&cross-company=true"
    )


def test_a_next_page_is_read_from_our_own_address(finance_with: Made) -> None:
    inner = "http://10.0.0.4:88/namespaces/AXSF/data/Sets?$skip=10000&cross-company=true"
    finance, server = finance_with(
        in_turn(Reply(body={"value": [{"a": 1}], "@odata.nextLink": inner}), Reply(body={"value": [{"a": 2}]}))
    )
    assert [row["a"] for row in finance.rows("Sets", select=["a"])] == [1, 2]
    assert (server.seen[1].path, server.seen[1].query) == ("/data/Sets", "$skip=10000&cross-company=true")


@pytest.mark.parametrize("link", ["https://x/login", "", 5])
def test_a_next_page_that_has_no_address_is_an_error_or_the_end(finance_with: Made, link: Any) -> None:
    finance, _ = finance_with(lambda seen: Reply(body={"value": [{"a": 1}], "@odata.nextLink": link}))
    if link == "":
        assert [row["a"] for row in finance.rows("Sets", select=["a"])] == [1]
        return
    with pytest.raises(Unavailable):
        list(finance.rows("Sets", select=["a"]))


@pytest.mark.parametrize("column", ["ServiceBusConnectionString", "StorageAccountSASConnectionString"])
def test_connection_strings_are_neither_asked_for_nor_kept(finance_with: Made, column: str) -> None:
    finance, server = finance_with(
        lambda seen: Reply(body={"value": [{"ProjectName": "p", column: "Endpoint=sb://x"}]})
    )
    with pytest.raises(ValueError, match="secret"):
        list(finance.rows("DualWriteProjectConfigurations", select=["ProjectName", column.upper()]))
    with pytest.raises(ValueError, match="name the columns"):
        list(finance.rows("DualWriteProjectConfigurations", select=[]))
    assert server.seen == []
    assert list(finance.rows("DualWriteProjectConfigurations", select=["ProjectName"])) == [{"ProjectName": "p"}]


def test_guids_stand_bare_and_texts_in_apostrophes(finance_with: Made) -> None:
    finance, server = finance_with(lambda seen: Reply(body={"value": []}))
    list(finance.rows_where_in("S", "Guid", [GUID], select=["Guid"], filter="a eq 1"))
    list(finance.rows_where_in("S", "Name", ["O'Q", "b", "c"], select=["Name"], chunk=2))
    queries = [seen.query for seen in server.seen]
    assert f"$filter=(a eq 1) and ((Guid eq {GUID}))" in queries[0]
    assert any("(Name eq 'O''Q' or Name eq 'b')" in query for query in queries)
    assert len(queries) == 3


def test_a_count_is_a_number_or_an_error(finance_with: Made) -> None:
    finance, server = finance_with(lambda seen: Reply(200, b"\xef\xbb\xbf1234", {"Content-Type": "text/plain"}))
    assert finance.count("CustTransactions", "dataAreaId eq 'usmf'") == 1234
    assert (server.seen[0].path, server.seen[0].query) == (
        "/data/CustTransactions/$count", "$filter=dataAreaId eq 'usmf'&cross-company=true",
    )  # fmt: skip
    server.script = lambda seen: Reply(200, b"<html>")
    with pytest.raises(Unavailable):
        finance.count("CustTransactions")


def test_an_actions_value_is_returned_and_only_reading_ones_are_repeated(finance_with: Made) -> None:
    finance, server = finance_with(in_turn(DROPPED, Reply(body={"value": "10.0.39"})))
    finance._transport._reached.add("finance")
    said = finance.action("DataManagementEntities", "GetApplicationVersion", repeatable=True)
    assert said == "10.0.39"
    assert server.seen[-1].path == "/data/DataManagementEntities/Microsoft.Dynamics.DataEntities.GetApplicationVersion"
    assert server.seen[-1].body == b"{}"
    server.script = lambda seen: DROPPED
    with pytest.raises(Unavailable) as caught:
        finance.action("DataManagementDefinitionGroups", "InitializeDataManagement")
    assert caught.value.sent


def test_business_code_that_refuses_is_a_refusal_although_the_status_says_500(finance_with: Made) -> None:
    words = "Exception occurred while executing action X on Entity Y: the period is closed"
    finance, server = finance_with(lambda seen: Reply(500, {"error": {"code": "", "message": words}}))
    with pytest.raises(Rejected, match="period is closed"):
        finance.action("Y", "X")
    assert len(server.seen) == 1


def test_enum_members_are_read_once(finance_with: Made) -> None:
    members = [{"Name": "NoStatus", "Value": 0}, {"Name": "Invoiced", "Value": 4}]
    finance, server = finance_with(lambda seen: Reply(body={"Name": "ProjTransStatus", "Members": members}))
    assert finance.enum("ProjTransStatus") == finance.enum("ProjTransStatus") == {"NoStatus": 0, "Invoiced": 4}
    assert server.paths() == ["GET /metadata/PublicEnumerations('ProjTransStatus')"]
    assert enum_literal("ProjTransStatus", "Invoiced") == "Microsoft.Dynamics.DataEntities.ProjTransStatus'Invoiced'"


def test_sets_and_columns_are_told_as_this_environment_spells_them(finance_with: Made) -> None:
    def script(seen: Any) -> Reply:
        if "DataEntities" in seen.path:
            return Reply(
                body={
                    "value": [{"PublicCollectionName": "A"}, {"PublicCollectionName": "B", "DataServiceEnabled": False}]
                }
            )
        known = "'A'" in seen.query
        return Reply(body={"value": [{"EntitySetName": "A", "Properties": [{"Name": "dataAreaId"}]}] if known else []})

    finance, _ = finance_with(script)
    assert finance.sets() == {"A"}
    assert finance.columns("A") == {"dataareaid": "dataAreaId"}
    with pytest.raises(NotFound):
        finance.columns("Z")


# Witnesses


FIELD_MAP = '[{"syncDirection":2,"sourceField":"TRANSSTATUS","destinationField":"msdyn_invoicestatus"}]'


def test_project_configurations_are_read_in_this_environments_spelling(finance_with: Made) -> None:
    spelt = ["PROJECTNAME", "Status", "InternalEntityName", "ExternalEntityName", "FieldMap", "AsyncMode"]
    row = dict(zip(spelt, ["p", "Enabled", "label", "set", FIELD_MAP, "None"], strict=True))

    def script(seen: Any) -> Reply:
        if "PublicEntities" in seen.path:
            return Reply(body={"value": [{"Properties": [{"Name": name} for name in spelt]}]})
        return Reply(body={"value": [row, {**row, "FieldMap": "<xml/>"}]})

    finance, server = finance_with(script)
    first, second = witness.finance_rows(finance)
    assert (first.project, first.internal, first.external, first.status) == ("p", "label", "set", "Enabled")
    assert first.rows is not None
    assert first.rows[0].finance == "TRANSSTATUS"
    assert (second.rows, second.field_map) == (None, "<xml/>")
    assert "ConnectionString" not in server.seen[-1].query
    assert "PROJECTNAME" in server.seen[-1].query


# The admin API


def platform_answering(
    serve: Callable[..., Server], transport_to: Callable[..., Transport], reply: Reply
) -> tuple[PowerPlatform, Server]:
    server = serve(lambda seen: reply)
    return PowerPlatform(transport_to(server), server.url, "env/1"), server


def test_the_admin_api_tells_both_states(serve: Callable[..., Server], transport_to: Callable[..., Transport]) -> None:
    properties = {
        "states": {"runtime": {"id": "AdminMode"}},
        "linkedEnvironmentMetadata": {"backgroundOperationsState": "Enabled", "instanceUrl": "https://dv/"},
        "linkedAppMetadata": {"url": "https://fo/"},
    }
    platform, server = platform_answering(serve, transport_to, Reply(body={"properties": properties}))
    assert platform.environment() == AdminState("AdminMode", "Enabled", "https://dv", "https://fo")
    assert server.seen[0].path == "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments/env%2F1"
    assert server.seen[0].query == "api-version=2021-04-01"


def test_what_the_admin_api_does_not_say_is_empty_and_never_guessed(
    serve: Callable[..., Server], transport_to: Callable[..., Transport]
) -> None:
    platform, server = platform_answering(serve, transport_to, Reply(body={"properties": {"states": None, "x": 1}}))
    assert platform.environment() == AdminState("", "")
    server.script = lambda seen: Reply(body={})
    with pytest.raises(Unavailable):
        platform.environment()


def test_money_in_a_filter_keeps_its_digits() -> None:
    from statecfg.clients.odata import literal

    assert literal(Decimal("1000.10")) == "1000.10"
