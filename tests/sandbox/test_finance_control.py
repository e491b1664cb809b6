import json
from decimal import Decimal

import pytest

from statecfg.sandbox.control import Control, ControlError
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import compose, control
from statecfg.sandbox.projops import codes
from statecfg.sandbox.requestlog import RequestLog
from tests.sandbox.project_world import CONTRACT, MILESTONE, milestone, project_world, status_of
from tests.sandbox.test_finance_posting import carry


@pytest.fixture
def world():
    made = project_world()
    compose.prepare(made)
    yield made
    made.close()


@pytest.fixture
def calls(world):
    made = Control(world, RequestLog())
    control.register(made, world)
    return made


def test_a_business_day_is_normal_work_to_the_end(world, calls):
    carry(world)
    done = calls.call("business-day", "POST", {"milestones": 1, "invoices": 2, "payments": 1})
    assert [name[:24] for name in done["milestones"]] == ["CON-1 / L1 / Change requ"]
    assert len(done["invoices"]) == len(done["vouchers"]) == 2
    assert len(done["payments"]) == 1
    ledger = calls.call("ledger", "GET")["usmf"]
    assert ledger["ar"]["count"] == 3
    assert ledger["ar"]["open_count"] == 1
    assert ledger["gl"]["debit"] + ledger["gl"]["credit"] == 0
    assert {entry["voucher"] for entry in ledger["ar"]["entries"]} == {*done["vouchers"], *done["payments"]}


def test_a_business_day_on_an_unknown_contract_is_refused(calls):
    with pytest.raises(ControlError) as refusal:
        calls.call("business-day", "POST", {"contracts": ["CON-404"]})
    assert refusal.value.status == 404


def test_import_and_posting_are_calls(world, calls):
    carry(world)
    with world.transaction() as tx:
        made = records.create_many(tx, MILESTONE, [milestone()])
    calls.call("business-day", "POST", {"milestones": 0, "invoices": 1, "payments": 0})
    with world.reading() as tx:
        assert status_of(tx, made[0]) == codes.POSTED
    assert calls.call("import", "POST")["lines"] == 0
    assert calls.call("post", "POST", {"date": "2026-01-31"}) == {"posted": []}


def test_no_batch_job_runs_in_maintenance_mode(world, calls):
    world.settings["finance.maintenance"] = True
    with pytest.raises(ControlError, match="do not run in maintenance mode"):
        calls.call("import", "POST")


def test_the_ledger_can_be_written_as_json(world, calls):
    carry(world)
    calls.call("business-day", "POST", {})
    shown = calls.call("ledger", "GET")
    assert json.loads(json.dumps(shown, default=str))["usmf"]["ar"]["amount"]
    assert isinstance(shown["usmf"]["ar"]["amount"], Decimal)


def test_batch_jobs_are_set_or_made(calls):
    jobs = calls.call("jobs", "POST", {"description": "Import from staging table", "status": "hold", "company": "usmf"})
    assert [(job["description"], job["status"]) for job in jobs] == [("Import from staging table", "Hold")]
    jobs = calls.call("jobs", "POST", {"description": "Import from staging table", "status": "Executing"})
    assert [job["status"] for job in jobs] == ["Executing"]
    with pytest.raises(ControlError, match="status"):
        calls.call("jobs", "POST", {"description": "x", "status": "Dreaming"})


def test_somebody_can_edit_rows_with_and_without_the_rules(world):
    table = "fo.ProjectContractLineMilestones"
    there = {"dataAreaId": "usmf", "ContractLineMilestoneIdentifier": "1", "TransStatus": "Invoiced"}
    assert compose.edit(world, {"table": table, "insert": there, "raw": True}) == {"rows": 1}
    change = {"table": table, "match": {"ContractLineMilestoneIdentifier": "1"}, "changes": {"Description": "x"}}
    with pytest.raises(ControlError, match="cannot be modified"):
        compose.edit(world, change)
    assert compose.edit(world, {**change, "raw": True}) == {"rows": 1}
    with world.reading() as tx:
        assert [row["Description"] for row in tx.find(table)] == ["x"]
    assert compose.edit(world, {"table": table, "match": {}, "delete": True, "raw": True}) == {"rows": 1}
    with pytest.raises(ControlError):
        compose.edit(world, {"table": "fo.Nothing", "match": {}})


def test_a_day_leaves_the_contract_of_others_alone(world, calls):
    carry(world)
    with world.transaction() as tx:
        kept = records.create(tx, MILESTONE, milestone(status=codes.NOT_READY))
    calls.call("business-day", "POST", {"contracts": ["CON-1"]})
    with world.reading() as tx:
        assert status_of(tx, kept) == codes.NOT_READY
        assert len(tx.find("invoice", salesorderid=CONTRACT)) == 2
