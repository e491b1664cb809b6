"""Queries through the Web API: filters, order, pages, counts, expands, aggregates, annotations."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from statecfg.sandbox.dataverse import records
from tests.sandbox.dataverse_place import MILESTONE_ID, MILESTONES, Place

STATUS = (192350000, 192350001, 192350002, 192350003)
DAYS = ("2024-01-31", "2024-02-29", None)


@pytest.fixture
def filled(dataverse: Place) -> Place:
    """Twelve accounts and twelve milestones whose columns vary."""
    ids = dataverse.ids
    with dataverse.world.transaction() as tx:
        for n in range(12):
            contact = records.create(
                tx, "contact", {"firstname": f"F{n}", "lastname": "Über" if n == 3 else f"L{n % 4}"}
            )
            person = contact["contactid"] if n % 2 else None
            values = {"name": f"Account {n:02}", "accountnumber": f"N-{n}", "numberofemployees": n % 5 or None}
            named = {"primarycontactid": person, "parentaccountid": ids["account"] if n < 6 else None}
            records.create(tx, "account", {**values, **named, "creditonhold": n % 3 == 0})
            milestone = {
                "msdyn_name": f"M{n:02}", "msdyn_amount": Decimal("10.01") * n, "msdyn_contract": ids["contract"],
                "msdyn_contractlineid": ids["line"], "transactioncurrencyid": ids["usd"],
                "msdyn_invoicestatus": STATUS[n % 4], "msdyn_milestonedate": DAYS[n % 3],
                "msdyn_invoicedate": f"{DAYS[n % 3]}T00:00:00Z" if DAYS[n % 3] else None,
                "msdyn_description": "50% [done]" if n == 7 else None,
            }  # fmt: skip
            records.create(tx, "msdyn_contractlinescheduleofvalue", milestone)
    return dataverse


def names(dataverse: Place, condition: str, entity_set: str = "accounts", column: str = "name") -> list[str]:
    found = dataverse.values(f"{entity_set}?$select={column}&$orderby={column}&$filter={quote(condition)}")
    return [row[column] for row in found]


def numbers(dataverse: Place, condition: str) -> list[int]:
    return [int(name[-2:]) for name in names(dataverse, condition) if name != "Fabrikam"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name eq 'ACCOUNT 03'", [3]),
        ("name ne 'account 03' and startswith(name,'account 0')", [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("endswith(name,'1')", [1, 11]),
        ("contains(name,'nt 1')", [10, 11]),
        ("not contains(name,'0')", [11]),
        ("numberofemployees eq null", [0, 5, 10]),
        ("numberofemployees ne null and numberofemployees lt 2", [1, 6, 11]),
        ("numberofemployees ne 1 and not startswith(name,'Account 0')", [10]),
        ("not (numberofemployees gt 1)", [0, 1, 5, 6, 10, 11]),
        ("numberofemployees gt 1.5 and numberofemployees le 2", [2, 7]),
        ("2 eq numberofemployees or 4 lt numberofemployees", [2, 7]),
        ("creditonhold", [0, 3, 6, 9]),
        ("creditonhold eq true and name gt 'Account 05'", [6, 9]),
        ("(name eq 'Account 01' or name eq 'Account 02') and (creditonhold eq false)", [1, 2]),
        ("primarycontactid/fullname eq 'f1 l1'", [1]),
        ("primarycontactid/lastname eq 'ÜBER'", [3]),
        ("contains(primarycontactid/lastname,'ü')", [3]),
        ("parentaccountid/accountnumber eq 'F-1' and primarycontactid/firstname ne null", [1, 3, 5]),
        ("name eq accountnumber", []),
        ("Microsoft.Dynamics.CRM.In(PropertyName='accountnumber',PropertyValues=['N-1','n-2','x'])", [1, 2]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',PropertyValues=[\"4\"])", [4, 9]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='primarycontactid/lastname',PropertyValues=['ÜBER','x'])", [3]),
        ("Microsoft.Dynamics.CRM.NotIn(PropertyName='name',PropertyValues=['account 00']) and creditonhold", [3, 6, 9]),
        ("Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=['3','4'])", [3, 4, 8, 9]),
        ("Microsoft.Dynamics.CRM.Today(PropertyName='createdon') and creditonhold", [0, 3, 6, 9]),
        ("Microsoft.Dynamics.CRM.LastXHours(PropertyName='createdon',PropertyValue=2) and creditonhold", [0, 3, 6, 9]),
        ("Microsoft.Dynamics.CRM.OlderThanXDays(PropertyName='createdon',PropertyValue=1)", []),
        ("contact_customer_accounts/any()", []),
    ],
)  # fmt: skip
def test_a_filter_finds_what_it_says(filled: Place, condition: str, expected: list[int]) -> None:
    assert numbers(filled, condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("msdyn_amount eq 10.01", [1]),
        ("msdyn_amount eq 10.010000", [1]),
        ("msdyn_amount eq 10.01004", []),
        ("msdyn_amount ge 100.1 and msdyn_amount lt 110.1100001", [10, 11]),
        ("msdyn_amount gt 99999999999999999999", []),
        ("msdyn_amount lt 1e25 and msdyn_amount gt 100", [10, 11]),
        ("msdyn_invoicestatus eq 192350001", [1, 5, 9]),
        ("msdyn_milestonedate eq 2024-01-31 and msdyn_amount lt 40", [0, 3]),
        ("msdyn_invoicedate eq 2024-02-29T01:00:00%2B01:00 and msdyn_amount lt 40", [1]),
        ("msdyn_invoicedate ge 2024-02-01", [1, 4, 7, 10]),
        ("Microsoft.Dynamics.CRM.On(PropertyName='msdyn_milestonedate',PropertyValue='2024-02-29')", [1, 4, 7, 10]),
        ("contains(msdyn_description,'50% [d')", [7]),
        ("contains(msdyn_description,'5_%')", [7]),
        ("contains(msdyn_description,'[0-9]')", [7]),
    ],
)  # fmt: skip
def test_a_filter_compares_by_type(filled: Place, condition: str, expected: list[int]) -> None:
    condition = condition.replace("%2B", "+")
    found = names(filled, condition, MILESTONES, "msdyn_name")
    assert [int(name[1:]) for name in found] == expected


def test_lookups_are_compared_by_id_with_and_without_quotes(filled: Place) -> None:
    account = filled.ids["account"]
    for literal in (account, account.upper(), f"'{account}'"):
        assert len(names(filled, f"_parentaccountid_value eq {literal}")) == 6


def test_lambdas_look_into_collections(filled: Place) -> None:
    few = "account_parent_account/any(c:c/numberofemployees eq 4)"
    assert names(filled, few) == ["Fabrikam"]
    assert names(filled, "account_parent_account/any(c:c/name eq 'x')") == []
    assert names(filled, "account_parent_account/any() and account_parent_account/all(a:a/name ne 'x')") == ["Fabrikam"]
    deeper = "account_parent_account/any(c:c/primarycontactid/lastname eq 'L1' and c/name lt name)"
    assert names(filled, deeper) == ["Fabrikam"]


def test_a_long_list_of_alternatives_is_no_problem(filled: Place) -> None:
    many = " or ".join(f"accountnumber eq 'N-{n}'" for n in range(700))
    assert numbers(filled, many) == list(range(12))
    mixed = " or ".join(f"accountnumber eq 'N-{n}' and name ne 'x'" for n in range(400))
    assert numbers(filled, mixed) == list(range(12))


def test_an_address_has_a_longest_length(filled: Place) -> None:
    alone = filled.send("GET", f"accounts?$filter=name eq '{'x' * 33_000}'")
    assert filled.refused(alone)[:2] == (414, "0x80060888")


def test_a_parameter_may_stand_elsewhere(filled: Place) -> None:
    found = filled.values("accounts?$filter=accountnumber eq @a and name ne @b&@a='N-3'&@b=null&$select=name")
    assert [row["name"] for row in found] == ["Account 03"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("$filter=name eq 'x", "There is an unterminated literal at position"),
        ("$filter=nobody eq 1", "Could not find a property named 'nobody' on type 'Microsoft.Dynamics.CRM.account'."),
        ("$filter=name eq 5", "incompatible types"),
        ("$filter=Name eq 'x'", "Could not find a property named 'Name'"),
        ("$filter=name", "single boolean value"),
        ("$filter=name eq", "Syntax error"),
        ("$filter=tolower(name) eq 'x'", "unknown function"),
        ("$filter=accountnumber in ('a')", "Syntax error"),
        ("$filter=name eq @missing", "not defined"),
        ("$filter=", "cannot be empty"),
        ("$skip=5", "$skip"),
        ("$search=x", "$search"),
        ("$select=nobody", "nobody"),
        ("$orderby=nobody", "nobody"),
        ("$orderby=name sideways", "Syntax error"),
        ("$expand=nobody", "nobody"),
        ("$expand=primarycontactid($skip=1)", "$skip"),
        ("$expand=account_parent_account/$ref", "$ref"),
        ("$top=-1", "$top"),
        ("$top=x", "$top"),
        ("$count=maybe", "$count"),
        ("$filter=name eq 'a'&$filter=name eq 'b'", "more than once"),
        ("$skiptoken=garbage", "cookie"),
        ("$apply=nonsense", "Syntax error"),
        ("$filter=Microsoft.Dynamics.CRM.Nothing(PropertyName='name')", "unknown function"),
        ("$filter=Microsoft.Dynamics.CRM.In(PropertyName='name')", "PropertyValues"),
        ("$filter=not Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['x'])", "can't be negated"),
        ("$filter=createdon eq 2024-13-45", "no date"),
        ("$filter=_ownerid_value eq 'x'", "incompatible types"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_in_words(filled: Place, query: str, words: str) -> None:
    status, code, message = filled.refused(filled.send("GET", f"accounts?{query}"))
    assert (status, code) == (400, "0x80060888")
    assert words in message


def test_selected_columns_come_with_the_key_and_money_with_its_currency(filled: Place) -> None:
    row = filled.values(f"{MILESTONES}?$select=msdyn_amount&$top=1")[0]
    assert set(row) == {"@odata.etag", "msdyn_amount", MILESTONE_ID, "_transactioncurrencyid_value"}


def test_spaces_and_names_may_be_encoded_in_several_ways(filled: Place) -> None:
    for query in (
        "%24select=name&%24filter=name+eq+'Account+01'",
        "$select=name&$filter=name%20eq%20%27Account%2001%27",
    ):
        assert [row["name"] for row in filled.values(f"accounts?{query}")] == ["Account 01"]


def pages(dataverse: Place, first: str, size: int) -> list[list[dict[str, Any]]]:
    found, address = [], first
    while address:
        page = dataverse.get(address, Prefer=f"odata.maxpagesize={size}")
        found.append(page["value"])
        address = page.get("@odata.nextLink", "")
        assert not address or address.startswith(dataverse.api)
        assert len(found) < 50
    return found


@pytest.mark.parametrize(
    "order",
    ["", "&$orderby=numberofemployees", "&$orderby=numberofemployees desc,name",
     "&$orderby=creditonhold,createdon desc",
     "&$orderby=primarycontactid/lastname desc", "&$orderby=name desc", "&$orderby=accountid"],
)  # fmt: skip
def test_pages_hold_every_row_once_in_order(filled: Place, order: str) -> None:
    query = f"accounts?$select=name{order}"
    whole = [row["name"] for row in filled.values(query)]
    paged = pages(filled, query, 5)
    assert [len(page) for page in paged] == [5, 5, 3]
    assert [row["name"] for page in paged for row in page] == whole
    assert len(set(whole)) == 13


def test_rows_added_meanwhile_neither_repeat_nor_hide_any(filled: Place) -> None:
    seen: list[str] = []
    address = "accounts?$select=name&$orderby=name&$filter=startswith(name,'Account')"
    while address:
        page = filled.get(address, Prefer="odata.maxpagesize=2")
        seen += [row["name"] for row in page["value"]]
        address = page.get("@odata.nextLink", "")
        filled.create("accounts", {"name": f"AAA {len(seen)}"})
    assert seen == [f"Account {n:02}" for n in range(12)]


def test_the_cookie_advances_and_keeps_the_query(filled: Place) -> None:
    first = filled.get("accounts?$select=name&$filter=name ne 'x y'", Prefer="odata.maxpagesize=5")
    second = filled.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=5")
    assert first["@odata.nextLink"] != second["@odata.nextLink"]
    assert first["@odata.nextLink"].count("skiptoken") == second["@odata.nextLink"].count("skiptoken") == 1
    assert "pagenumber=%222%22" in first["@odata.nextLink"]
    assert "pagenumber=%223%22" in second["@odata.nextLink"]


def test_a_page_size_goes_before_top(filled: Place) -> None:
    answer = filled.send("GET", "accounts?$top=1", Prefer="odata.maxpagesize=4")
    assert len(answer.json()["value"]) == 4
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=4"
    assert len(filled.values("accounts?$top=1")) == 1
    assert filled.values("accounts?$top=0") == []


def test_the_last_page_has_no_next(filled: Place) -> None:
    assert "@odata.nextLink" not in filled.get("accounts", Prefer="odata.maxpagesize=13")
    assert "@odata.nextLink" in filled.get("accounts", Prefer="odata.maxpagesize=12")


def test_counts(filled: Place) -> None:
    assert filled.get("accounts?$count=true&$top=2")["@odata.count"] == 13
    assert filled.send("GET", "accounts/$count").text == "13"
    assert filled.send("GET", "accounts/$count?$filter=creditonhold eq true").text == "4"
    more = filled.get("accounts?$count=true", Prefer='odata.include-annotations="Microsoft.Dynamics.CRM.*"')
    assert more["@Microsoft.Dynamics.CRM.totalrecordcount"] == 13
    assert more["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    every = filled.get('RetrieveTotalRecordCount(EntityNames=["account","contact"])')["EntityRecordCountCollection"]
    assert every["Values"] == [13, 12]


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_count_ends_at_five_thousand_and_says_so(dataverse: Place, beyond: int) -> None:
    with dataverse.world.transaction() as tx:
        records.create_many(tx, "uom", ({"name": str(n)} for n in range(5000 + beyond)))
    page = dataverse.get("uoms?$select=uomid&$count=true&$top=1", Prefer='odata.include-annotations="*"')
    assert page["@odata.count"] == page["@Microsoft.Dynamics.CRM.totalrecordcount"] == 5000
    assert page["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is bool(beyond)
    assert dataverse.send("GET", "uoms/$count").text == "5000"
    whole = dataverse.get('RetrieveTotalRecordCount(EntityNames=["uom"])')["EntityRecordCountCollection"]
    assert whole["Values"] == [5000 + beyond]


def test_an_expand_brings_one_or_many(filled: Place) -> None:
    row = filled.values(
        "accounts?$select=name&$filter=accountnumber eq 'N-3'"
        "&$expand=primarycontactid($select=lastname),parentaccountid($select=name;$expand=primarycontactid)"
    )[0]
    assert row["primarycontactid"]["lastname"] == "Über"
    assert row["parentaccountid"]["primarycontactid"] is None
    query = "account_parent_account($select=name;$filter=creditonhold eq true;$orderby=name desc;$top=1)"
    many = filled.values(f"accounts?$select=name&$filter=accountnumber eq 'F-1'&$expand={query}")[0]
    assert [child["name"] for child in many["account_parent_account"]] == ["Account 03"]
    followed = filled.values(many["account_parent_account@odata.nextLink"])
    assert [child["name"] for child in followed] == ["Account 03"]


def test_a_deeper_collection_comes_in_pages(filled: Place) -> None:
    lines = "order_details($select=salesorderdetailname;$expand=order_detail_invoice_details($select=quantity))"
    invoice = filled.create("invoices", {"name": "I"})
    for quantity in range(5):
        detail = {"quantity": quantity, "invoiceid@odata.bind": f"/invoices({invoice})"}
        line = f"/salesorderdetails({filled.ids['line']})"
        filled.create("invoicedetails", {**detail, "salesorderdetailid@odata.bind": line})
    [whole] = filled.values(f"salesorders?$select=name&$expand={lines}")
    [line_of] = whole["order_details"]
    assert "order_details@odata.nextLink" in whole
    assert "order_detail_invoice_details@odata.nextLink" not in line_of
    [cut] = filled.values(f"salesorders?$select=name&$expand={lines}", Prefer="odata.maxpagesize=2")
    [inner] = cut["order_details"]
    found, link = inner["order_detail_invoice_details"], inner["order_detail_invoice_details@odata.nextLink"]
    while link:
        page = filled.get(link, Prefer="odata.maxpagesize=2")
        found, link = found + page["value"], page.get("@odata.nextLink")
    assert found == line_of["order_detail_invoice_details"]
    assert len(found) == 5


def test_an_expanded_reference_is_an_address(filled: Place) -> None:
    row = filled.values("accounts?$filter=accountnumber eq 'N-3'&$expand=primarycontactid/$ref")[0]
    assert row["primarycontactid"] == {"@odata.id": f"{filled.api}/contacts({row['_primarycontactid_value']})"}


def test_annotations_go_before_their_value(filled: Place) -> None:
    address = f"{MILESTONES}?$filter=msdyn_name eq 'M01'"
    row = filled.values(address, Prefer='odata.include-annotations="*"')[0]
    formatted = "@OData.Community.Display.V1.FormattedValue"
    assert row[f"msdyn_amount{formatted}"] == "$10.01"
    assert row[f"msdyn_invoicestatus{formatted}"] == "Ready for invoicing"
    assert row[f"_msdyn_contract_value{formatted}"] == "Contract 1"
    assert row["_msdyn_contract_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "salesorder"
    navigation = "_msdyn_contractlineid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"
    assert row[navigation] == "msdyn_ContractLineId"
    assert row[f"msdyn_milestonedate{formatted}"] == "2/29/2024"
    keys = list(row)
    assert keys.index(f"msdyn_amount{formatted}") < keys.index("msdyn_amount")


def test_only_the_asked_annotations_are_sent(filled: Place) -> None:
    one = "OData.Community.Display.V1.FormattedValue"
    for prefer in (f"odata.include-annotations={one}", f'odata.include-annotations="{one}",odata.maxpagesize=1'):
        row = filled.values(f"{MILESTONES}?$filter=msdyn_name eq 'M01'", Prefer=prefer)[0]
        assert f"msdyn_amount@{one}" in row
        assert not any(key.endswith("lookuplogicalname") for key in row)


def test_groups_take_no_order(filled: Place) -> None:
    answer = filled.send("GET", "accounts?$apply=groupby((statecode),aggregate($count as n))&$orderby=n")
    assert filled.refused(answer)[:2] == (400, "0x80060888")


def test_groups_and_exact_sums(filled: Place) -> None:
    query = "$apply=groupby((msdyn_invoicestatus),aggregate(msdyn_amount with sum as total,$count as n))"
    text = filled.send("GET", f"{MILESTONES}?{query}").text
    groups = json.loads(text, parse_float=Decimal)["value"]
    assert groups[1] == {"msdyn_invoicestatus": 192350001, "total": Decimal("150.15"), "n": 3}
    many = filled.values(
        f"{MILESTONES}?$apply=filter(msdyn_amount gt 50)/aggregate(msdyn_amount with average as a,"
        "msdyn_amount with min as low,msdyn_amount with max as high,msdyn_name with countdistinct as n)"
    )
    assert many == [{"a": 80.08, "low": 50.05, "high": 110.11, "n": 7}]
    empty = filled.values(f"{MILESTONES}?$apply=groupby((msdyn_milestonedate,msdyn_contract/name))")
    assert {"salesorder_name": "Contract 1"} in empty
    assert {"salesorder_name": "Contract 1", "msdyn_milestonedate": "2024-01-31"} in empty


def test_a_sum_may_exceed_what_one_row_can_hold(dataverse: Place) -> None:
    for n in range(3):
        dataverse.create(MILESTONES, {"msdyn_name": str(n), "msdyn_amount": 922337203685477})
    text = dataverse.send("GET", f"{MILESTONES}?$apply=aggregate(msdyn_amount with sum as total)").text
    assert json.loads(text, parse_float=Decimal)["value"][0]["total"] == Decimal("2767011611056431")


def test_changes_since_a_token(filled: Place) -> None:
    first = filled.send("GET", "accounts?$select=name", Prefer="odata.track-changes")
    assert first.headers["Preference-Applied"] == "odata.track-changes"
    link = first.json()["@odata.deltaLink"]
    assert filled.get(link)["value"] == []
    changed = filled.create("accounts", {"name": "Later"})
    gone = next(row["accountid"] for row in first.json()["value"] if row["name"] == "Account 11")
    filled.send("PATCH", f"accounts({filled.ids['account']})", {"name": "Changed"})
    filled.send("DELETE", f"accounts({gone})")
    delta = filled.get(link)
    assert delta["@odata.context"].endswith("#accounts/$delta")
    assert [row.get("name") for row in delta["value"]] == ["Later", "Changed", None]
    assert [row.get("id") for row in delta["value"]] == [None, None, gone]
    assert delta["value"][0]["accountid"] == changed
    count = link.replace("/accounts?$select=name&", "/accounts/$count?")
    assert filled.send("GET", count).text == "3"
    assert filled.get(delta["@odata.deltaLink"])["value"] == []


def test_what_others_write_while_pages_are_read_is_a_change(filled: Place) -> None:
    prefer = "odata.track-changes,odata.maxpagesize=5"
    page = filled.get("accounts?$select=name", Prefer=prefer)
    seen = page["value"][0]["accountid"]
    filled.send("PATCH", f"accounts({seen})", {"name": "Meanwhile"})
    assert "istracking=%22True%22" in page["@odata.nextLink"]
    while "@odata.nextLink" in page:
        assert "@odata.deltaLink" not in page
        page = filled.get(page["@odata.nextLink"], Prefer=prefer)
    assert [row["name"] for row in filled.get(page["@odata.deltaLink"])["value"]] == ["Meanwhile"]


def test_change_tracking_takes_no_filter_and_its_tokens_end(filled: Place) -> None:
    refused = filled.send("GET", "accounts?$filter=name eq 'x'", Prefer="odata.track-changes")
    assert "isn't supported when Change Tracking is enabled" in filled.refused(refused)[2]
    link = filled.get("accounts", Prefer="odata.track-changes")["@odata.deltaLink"]
    filled.world.settings["clock.offset_s"] = 8 * 24 * 3600
    assert filled.refused(filled.send("GET", link))[1] == "0x80044352"
    assert filled.send("GET", "accounts?$deltatoken=x").status_code == 400
