"""What only one of the clients does, and the sandbox must bear."""

from __future__ import annotations

from statecfg.sandbox.server import Sandbox
from tests.third_party.running import Run, named, rows

BULK_DELETE_JOB, COMPLETED = 13, 3


def test_the_sdk_names_records_of_a_change_set_before_they_exist(sdk: Run, sandbox: Sandbox) -> None:
    told = sdk.value("batch")
    assert told["statuses"] == [204, 204, 204, 200]
    account, _, updated = told["ids"]
    assert updated == account
    (found,) = rows(sandbox, "account", "accountid = ?", account)
    assert found["telephone1"] == "4"


def test_the_sdk_goes_on_after_an_error_when_it_asks_for_it(sdk: Run) -> None:
    assert sdk.value("continued_batch") == [404, 200]


def test_the_sdk_cannot_update_what_is_not_there(sdk: Run) -> None:
    refused = sdk.value("update_absent")
    assert (refused["type"], refused["status"], refused["code"]) == ("HttpError", 404, "0x80040217")


def test_the_sdk_deletes_many_by_a_job(sdk: Run) -> None:
    told = sdk.value("bulk_delete")
    assert told["job"] == {"operationtype": BULK_DELETE_JOB, "statecode": COMPLETED}
    assert told["left"] == [None, None, None]


def test_the_sdk_reads_the_types_of_columns(sdk: Run) -> None:
    columns = sdk.value("describe")["columns"]
    kinds = {"accountid": "Uniqueidentifier", "name": "String", "revenue": "Money", "primarycontactid": "Lookup"}
    assert kinds.items() <= columns.items()


def test_dataverse_api_finds_out_what_a_table_takes_in_bulk(dataverse_api: Run) -> None:
    told = dataverse_api.value("describe")
    assert told["in_bulk"] == [True, True]
    assert told["follows"] is True


def test_dataverse_api_reads_whole_definitions(dataverse_api: Run) -> None:
    told = dataverse_api.value("describe")
    assert (told["definition"], told["relationship"], told["languages"]) == ("Account", "contact", [1033])


def test_a_key_in_double_quotes_is_refused(dataverse_api: Run, sandbox: Sandbox) -> None:
    assert dataverse_api.value("misquoted_key") == {"status": 400, "left": 0}
    assert named(sandbox, dataverse_api, "misquoted") == []


def test_a_stale_etag_within_a_batch_changes_nothing(dataverse_api: Run) -> None:
    told = dataverse_api.value("stale_in_batch")
    assert told == {"error": "JSONDecodeError", "description": "somebody else's edit"}


def test_one_column_of_a_record_can_be_emptied(dataverse_api: Run) -> None:
    assert dataverse_api.value("delete_a_column") is None


def test_dynamics_web_api_upserts_under_conditions(dynamics_web_api: Run) -> None:
    told = dynamics_web_api.value("conditional_upsert")
    assert told == {"only_update": None, "only_create": None, "left": 0}


def test_dynamics_web_api_follows_pages_of_its_own_accord(dynamics_web_api: Run) -> None:
    assert dynamics_web_api.value("all_pages") == 25


def test_dynamics_web_api_counts(dynamics_web_api: Run) -> None:
    counts = dynamics_web_api.value("counts")
    assert (counts["filtered"], counts["all"]) == (25, 25)
    assert counts["whole"] > 25


def test_a_long_query_goes_through_a_batch(dynamics_web_api: Run, sandbox: Sandbox) -> None:
    assert dynamics_web_api.value("long_query") == 20


def test_dynamics_web_api_reports_every_error_of_a_batch(dynamics_web_api: Run) -> None:
    assert dynamics_web_api.value("failed_batch")["several"] is True


def test_an_unchanged_record_is_not_sent_again(dynamics_web_api: Run) -> None:
    assert dynamics_web_api.value("unchanged") is None


def test_records_are_tied_and_untied(dynamics_web_api: Run) -> None:
    told = dynamics_web_api.value("associate")
    name = dynamics_web_api.name("associated")
    assert told == {"tied": [[name], name], "loose": [[], None]}


def test_a_delta_link_brings_what_changed_since(dynamics_web_api: Run) -> None:
    told = dynamics_web_api.value("changes")
    # Other clients make contacts at the same time.
    changed = {row.get("contactid", row.get("id")): row for row in told["changed"]}
    assert changed[told["made"]]["lastname"] == dynamics_web_api.name("tracked")
    assert changed[told["gone"]]["reason"] == "deleted"
    assert told["again"] == "string"


def test_dynamics_web_api_reads_choices_and_the_whole_document(dynamics_web_api: Run) -> None:
    told = dynamics_web_api.value("describe")
    assert told["options"] == [192350000, 192350001, 192350002, 192350003]
    assert told["document"] is True


def test_dynamics_web_api_finds_sets_by_the_names_of_tables(dynamics_web_api: Run) -> None:
    assert dynamics_web_api.value("by_entity_name").startswith(dynamics_web_api.prefix)
