"""Drift after go-live: what somebody changed is found and named by business key; other people's normal work is not.

Everything is asked without the dual-write gateway, which can't be reached here: its tokens expire after go-live.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.plan import Finding
from statecfg.model.results import DriftReport
from statecfg.sandbox.dataverse import records
from tests.end_to_end import moments
from tests.end_to_end.command import on
from tests.end_to_end.outcome import CONFIRMED, export
from tests.end_to_end.rig import Rig
from tests.end_to_end.stage import (
    ARRIVED,
    MILESTONE,
    MILESTONE_ID,
    Stage,
    contract_ids,
    make_milestone,
    staged,
    stones_of,
)
from tests.foreign.client import MILESTONES, Client

NOWHERE = "https://localhost:1"
AT_ONCE = {"gateway.request_reads": 0}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world some days after go-live."""
    with staged(tmp_path_factory.mktemp("drift"), contracts=3, milestones=12, seed=13, **AT_ONCE) as stage:
        rig = stage.rig()
        for phase in ("cutover", "restored"):
            rig.done(phase)
        rig.import_and_post()
        stage.keep("live")
        yield stage


@pytest.fixture
def rig(stage: Stage) -> Rig:
    rig = stage.take("live")
    rig.extra["dualwrite"] = NOWHERE
    return rig


def drifted(rig: Rig) -> list[Finding]:
    """What drift counts; it must exit 2."""
    report: DriftReport = rig.app().drift()
    assert report.exit_code() == 2, report
    assert any("gateway" in words for words in report.not_looked_at)
    return [finding for finding in report.findings if finding.severity in ("block", "warn", "ask")]


def called(row: dict[str, str]) -> str:
    """What people call a row."""
    return f"{row['contract']} / {row['line']} / {row['name']}"


def test_nothing_is_drift_right_after_go_live(rig: Rig) -> None:
    report = rig.app().drift()
    assert report.exit_code() == 0, report
    assert [finding.code for finding in report.findings] == ["map-as-left"] * 3
    assert set(report.looked_at) >= {"map/milestones", "map/actuals", "map/invoices"}
    assert any(address.startswith("milestones/") for address in report.looked_at)
    assert rig.writes() == []


def test_an_amount_that_somebody_changed_in_dataverse_is_named_with_what_it_was(rig: Rig) -> None:
    row = export(rig)[4]
    (stone,) = stones_of(rig, row)
    changed = Decimal(row["amount"]) + 1
    rig.settings(projops__strict=False)
    # Past the map: F&O refuses another amount of a transaction that is fully invoiced.
    with rig.sandbox.world.transaction() as tx, tx.echoing():
        records.update(tx, MILESTONE, stone[MILESTONE_ID], {"msdyn_amount": changed})
    (finding,) = drifted(rig)
    assert (finding.code, finding.blocks) == ("amount-differs", True)
    assert called(row) in finding.what
    (change,) = finding.changes
    assert (change.old, change.new) == (Decimal(row["amount"]), changed)


def test_an_amount_that_somebody_changed_in_finance_is_named_with_what_it_was(rig: Rig) -> None:
    row = export(rig)[7]
    (stone,) = stones_of(rig, row)
    changed = Decimal(row["amount"]) - Decimal("0.01")
    change_in_finance(rig, stone, float(changed))
    (finding,) = drifted(rig)
    assert (finding.code, finding.blocks) == ("amount-in-finance-differs", True)
    assert called(row) in finding.what
    (change,) = finding.changes
    assert (change.old, change.new) == (Decimal(row["amount"]), changed)


def change_in_finance(rig: Rig, stone: dict[str, Any], amount: float) -> None:
    """Somebody changes a milestone's amount in F&O, past its rules."""
    match = {"ContractLineMilestoneGuid": stone[MILESTONE_ID]}
    rig.control("edit", "POST", table=ARRIVED, raw=True, match=match, changes={"Amount": amount})


@pytest.mark.parametrize("name", ["milestones", "actuals", "invoices"])
def test_a_map_that_somebody_stopped_is_named(rig: Rig, name: str) -> None:
    moments.now(rig, moments.stop(rig, name))
    (finding,) = drifted(rig)
    assert (finding.code, str(finding.address), finding.blocks) == ("map-stopped", f"map/{name}", True)
    (change,) = finding.changes
    assert (change.old, change.new) == ("running", "stopped")


def test_a_map_that_runs_on_the_cutover_version_again_is_named_with_its_mapping(rig: Rig) -> None:
    version = next(row["id"] for row in rig.find("dw.templates", map="milestones") if row["version"] == "1.0.0.8")
    with closing(Client(rig.sandbox.details)) as somebody:
        somebody.stop(MILESTONES)
        somebody.switch(MILESTONES, version)
        somebody.start(MILESTONES)
    found = {finding.code: finding for finding in drifted(rig)}
    assert set(found) == {"transstatus-live", "map-on-cutover-version"}
    assert "TRANSSTATUS" in found["transstatus-live"].what
    assert all(finding.blocks and str(finding.address) == "map/milestones" for finding in found.values())


def test_transstatus_in_a_version_that_nobody_declared_is_found_too(rig: Rig) -> None:
    with closing(Client(rig.sandbox.details)) as somebody:
        somebody.stop(MILESTONES)
        somebody.switch(MILESTONES, somebody.save_cutover_version("1.0.0.12"))
        somebody.start(MILESTONES)
    found = {finding.code: finding for finding in drifted(rig)}
    assert found["transstatus-live"].blocks
    assert found["map-on-newer-version"].severity == "warn"


def test_a_staging_row_with_an_actual_of_the_cutover_is_named_by_contract_and_invoice(rig: Rig) -> None:
    order = contract_ids(rig)["CON-0002"]
    (invoice,) = rig.find("invoice", salesorderid=order, msdyn_projectinvoicestatus=CONFIRMED)
    actual = rig.find("msdyn_actual", msdyn_invoice=invoice["invoiceid"])[0]
    stage_row(rig, ActualId=actual["msdyn_actualid"], Amount=float(actual["msdyn_amount"]), InvoiceId="")
    (finding,) = drifted(rig)
    assert (finding.code, finding.blocks) == ("staged-actual", True)
    said = f"{finding.what} {' '.join(finding.details)}"
    assert "CON-0002" in said
    assert invoice["invoicenumber"] in said


def stage_row(rig: Rig, **columns: Any) -> None:
    """A row in F&O's staging table."""
    row = {"dataAreaId": "usmf", "ActualsImportId": "00000000-0000-0000-0000-0000000000f1"}
    insert = {**row, "TransactionCurrencyId": "EUR", **columns}
    rig.control("edit", "POST", table="fo.ProjActualsImports", raw=True, insert=insert)


def test_a_milestone_that_somebody_deleted_is_named(rig: Rig) -> None:
    row = export(rig)[2]
    (stone,) = stones_of(rig, row)
    with rig.sandbox.world.transaction() as tx:
        tx.delete(MILESTONE, stone[MILESTONE_ID])
        (there,) = tx.find(ARRIVED, ContractLineMilestoneGuid=stone[MILESTONE_ID])
        tx.delete(ARRIVED, (there["dataAreaId"], there["ContractLineMilestoneIdentifier"]))
    assert any(called(row) in finding.what and finding.blocks for finding in drifted(rig))


def test_a_normal_business_day_is_no_drift(rig: Rig) -> None:
    contracts = sorted({row["contract"] for row in export(rig)})
    day = rig.control("business-day", "POST", milestones=4, invoices=3, payments=2, contracts=contracts)
    assert all(len(day[what]) == count for what, count in (("milestones", 4), ("invoices", 3), ("payments", 2)))
    assert len(day["vouchers"]) == 3, "AR and GL moved, rightly"
    rig.control("business-day", "POST", milestones=2, invoices=2)
    make_milestone(rig, {**export(rig)[0], "name": "Change request", "amount": "1.00", "tax": "0"})
    rig.import_and_post()
    report = rig.app().drift()
    assert report.exit_code() == 0, report


def test_the_command_says_expected_and_live_and_exits_2(rig: Rig) -> None:
    row = export(rig)[0]
    (stone,) = stones_of(rig, row)
    change_in_finance(rig, stone, 1.5)
    text = on(rig, "drift")
    assert text.code == 2
    for words in (called(row), row["contract"], "1.50", "expected", "gateway"):
        assert words in text.out, words
    assert stone[MILESTONE_ID] not in text.out, "records are named by business key, not by GUID"
    told = on(rig, "drift", "-o", "json")
    assert told.code == 2
    assert called(row) in str(told.document)
