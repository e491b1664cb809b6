"""What each unmodified client can do with the sandbox: by the client's own word, and by what the world then holds."""

from __future__ import annotations

from decimal import Decimal

from statecfg.sandbox.server import Sandbox
from tests.third_party.packages import DATAVERSE_API
from tests.third_party.running import Run, named, rows

WHOLE = "Größe & Söhne 株式会社"
ROWS = 25


def test_signing_in_with_a_secret_gives_a_token(client: Run) -> None:
    assert client.value("sign_in").count(".") == 2


def test_a_created_record_is_there_letter_for_letter(client: Run, sandbox: Sandbox) -> None:
    key = client.value("create")
    assert isinstance(key, str)
    (found,) = rows(sandbox, "account", "accountid = ?", key)
    assert found["name"] == client.name(WHOLE)
    assert found["revenue"] == Decimal("1234.5")


def test_a_bulk_create_tells_the_ids_in_the_order_of_its_rows(client: Run, sandbox: Sandbox) -> None:
    ids = client.value("bulk_create")
    assert len(set(ids)) == ROWS
    numbers = {row["accountid"]: row["accountnumber"] for row in rows(sandbox, "account", "1")}
    # The first few are deleted later, as another test tells; one loses its number.
    assert [numbers[key] for key in ids[6:]] == [client.number(n) for n in range(6, ROWS)]


def test_retrieving_shows_values_and_formatted_values(client: Run) -> None:
    shown = {"name": client.name(WHOLE), "revenue": 1234.5, "shown": "$1,234.50"}
    assert client.value("retrieve") == shown


def test_a_record_that_is_not_there_is_told_as_absent(client: Run) -> None:
    assert client.value("retrieve_absent") is None


def test_updates_change_the_records_they_name(client: Run) -> None:
    assert client.value("update") == ["1", "2", "3"]


def test_an_upsert_by_alternate_key_creates_once_and_then_updates(client: Run, sandbox: Sandbox) -> None:
    assert client.value("upsert") == [client.name("upsert changed")]
    assert named(sandbox, client, "upsert made") == []


def test_a_bulk_upsert_creates_and_updates_in_one_request(client: Run, sandbox: Sandbox) -> None:
    names = [client.name("bulk upsert changed"), client.name("bulk upsert made")]
    assert client.value("bulk_upsert") == names
    assert [row["name"] for row in named(sandbox, client, "bulk upsert")] == names


def test_a_query_filters_orders_and_expands(client: Run) -> None:
    wanted = [f"row {n:02}" for n in (24, 23, 22, 21, 20, 1)]
    assert client.value("query") == [[client.name(row), client.name(WHOLE)] for row in wanted]


def test_pages_hold_each_row_once_in_order(client: Run) -> None:
    pages = client.value("pages")
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [name for page in pages for name in page] == [client.name(f"row {n:02}") for n in reversed(range(ROWS))]


def test_a_batch_makes_what_it_says_it_made(client: Run, sandbox: Sandbox) -> None:
    told = client.value("batch")
    accounts = {row["accountid"] for row in rows(sandbox, "account", "1")}
    if client.package is DATAVERSE_API:
        assert told["statuses"] == [204, 204, 204]
        assert len(set(told["ids"])) == 3
        # They are deleted by filter later, all three of them.
        assert client.value("delete_by_filter") == 3
    else:
        account, contact = told["ids"][:2]
        assert account in accounts
        (found,) = rows(sandbox, "contact", "contactid = ?", contact)
        assert found["parentcustomerid"] == account
        # What the change set wrote is read by the request after it in the same batch.
        assert told["read"] == ["4"]


def test_a_change_set_that_fails_leaves_nothing(client: Run, sandbox: Sandbox) -> None:
    told = client.value("failed_batch")
    left = named(sandbox, client, "undone")
    if client.package is DATAVERSE_API:
        # Without a change set what came before the failure stays; the client can't read the failure, here as elsewhere.
        assert told == {"error": "JSONDecodeError", "left": 1}
        assert len(left) == 1
    else:
        assert [error["status"] for error in told["errors"]] == [412]
        assert (told["left"], left) == (0, [])


def test_an_update_of_a_stale_record_is_refused_and_changes_nothing(client: Run, sandbox: Sandbox) -> None:
    told = client.value("stale")
    if "refused" in told:
        assert told["refused"]["status"] == 412
        assert told["refused"]["code"] == "0x80060882"
        assert "doesn't match the RowVersion" in told["refused"]["message"]
    else:
        # This client answers false to a 412 instead of raising.
        assert (told["updated"], told["deleted"]) == (False, False)
    assert told["description"] == "somebody else's edit"
    (found,) = rows(sandbox, "account", "accountid = ?", client.value("create"))
    assert found["description"] == "somebody else's edit"


def test_deleted_records_are_gone(client: Run, sandbox: Sandbox) -> None:
    assert client.value("delete") == [None, None, None]
    first, second, third = client.value("bulk_create")[:3]
    assert rows(sandbox, "account", "accountid IN (?, ?, ?)", first, second, third) == []


def test_milestones_made_by_the_client_arrive_in_finance_to_the_cent(client: Run, sandbox: Sandbox) -> None:
    told = client.value("milestones")
    amounts = [(client.name(f"milestone {n}"), 100.25 + n) for n in (2, 1, 0)]
    assert [(name, amount) for name, amount, _ in told["shown"]] == amounts
    assert {line for _, _, line in told["shown"]} != {None}
    for place, key in enumerate(told["ids"]):
        (arrived,) = rows(sandbox, "fo.ProjectContractLineMilestones", "ContractLineMilestoneGuid = ?", key)
        assert arrived["Amount"] == Decimal("100.25") + place


def test_the_description_of_a_table_names_its_set_and_its_key(client: Run) -> None:
    told = client.value("describe")
    assert told["set"] == "accounts"
    assert told["keys"] == [["accountnumber"]]


def test_no_step_of_a_client_fails(client: Run) -> None:
    assert client.failed == {}
