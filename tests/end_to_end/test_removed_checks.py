"""Every precondition: in a world where it should it blocks, with its own code and before the first write; and without
it that world comes to harm, which is seen in the sandbox's own rows and books."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.end_to_end.harm import invoices, statuses, without
from tests.end_to_end.meddling import MILESTONE, Meddler
from tests.end_to_end.rig import STATES, codes, said
from tests.end_to_end.stage import Stage, staged
from tests.foreign.client import ACTUALS, INVOICES, MILESTONES, NOT_READY, STOPPED
from tests.foreign.damage import damage

FOREIGN = "CON-0005"
CANARY = "CON-0001"
OF_INVOICES = "invoices/for-those-milestones"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world of three contracts and nine milestones."""
    with staged(tmp_path_factory.mktemp("stage"), contracts=3, milestones=9) as stage:
        yield stage


@pytest.fixture
def others(stage: Stage) -> Iterator[Meddler]:
    """Everybody else in that world, and the product's rig."""
    rig = stage.take()
    rig.extra |= {"waits.arrival_s": "2", "waits.create_s": "2", "waits.confirm_s": "2"}
    others = Meddler(rig)
    yield others
    others.client.close()


def old_finance(others: Meddler) -> None:
    others.rig.settings(finance__application_version="10.0.23")


def maintenance_off(others: Meddler) -> None:
    others.rig.settings(admin__runtime="Enabled")


def background_off(others: Meddler) -> None:
    others.rig.settings(admin__background_operations="Disabled")


def never_generated(others: Meddler) -> None:
    others.rig.control("forget-mapping", "POST")


def no_dimensions(others: Meddler) -> None:
    line = others.cutover.lines()["CON-0003", "L1"]["salesorderdetailid"]
    changes = {"DefaultLedgerDimensionDisplayValue": ""}
    others.edit("fo.ProjectContractLines", match={"ContractLineId": line}, changes=changes, raw=True)


def line_missing(others: Meddler) -> None:
    line = others.cutover.lines()["CON-0003", "L1"]["salesorderdetailid"]
    others.edit("fo.ProjectContractLines", match={"ContractLineId": line}, delete=True, raw=True)


def unnamed_entity(others: Meddler) -> None:
    rig = others.rig
    rig.inventory = Path(shutil.copytree(rig.inventory, rig.state_dir / "inventory"))
    (file,) = (rig.inventory / "host_vars").iterdir()
    text = file.read_text("utf-8")
    file.write_text(text.replace('["usmf", "demf", "gbsi"]', '["usmf", "gbsi"]'), "utf-8")


def foreign_ready(others: Meddler) -> None:
    others.set_status(a_foreign_milestone(others))


def a_foreign_milestone(others: Meddler) -> str:
    """The id of an open milestone of somebody else's contract."""
    ours = {others.order(contract) for contract in others.cutover.contracts()}
    rows = others.rig.find(MILESTONE, msdyn_invoicestatus=NOT_READY)
    return str(next(row[f"{MILESTONE}id"] for row in rows if row["msdyn_contract"] not in ours))


def other_work_ready(others: Meddler) -> None:
    others.work_on("CON-0001")


def invoice_run(others: Meddler) -> None:
    job = {"msdyn_name": "Create invoices for all contracts", "msdyn_isactive": True}
    others.edit("msdyn_batchjob", operation="create", changes=job)


def jobs_waiting(others: Meddler) -> None:
    others.rig.control("jobs", "POST", description="Import from staging table", status="Waiting")


def asynchronous(others: Meddler) -> None:
    others.rig.settings(async__maps=["actuals", "invoices"], async__survives_stop=True)
    others.client.stop(ACTUALS, INVOICES)
    others.client.start(ACTUALS, INVOICES)


def backlog_waiting(others: Meddler) -> None:
    asynchronous(others)
    others.client.act("invoices", others.an_open_invoice(FOREIGN)["invoiceid"], "msdyn_PostInvoice")


def backlog_left(others: Meddler) -> None:
    row = {"RowId": 1, "UniqueEntityName": "Project invoice proposal V2", "dataAreaId": "usmf"}
    others.edit("fo.DualWriteAsyncLogs", insert=row, raw=True)


@dataclass(frozen=True)
class Case:
    """A precondition, the code it blocks with, and what makes a world in which it must."""

    check: str
    code: str
    world: Callable[[Meddler], Any]


CASES = (
    Case("finance_version", "finance-version", old_finance),
    Case("maintenance", "maintenance-mode", maintenance_off),
    Case("maintenance", "background-operations", background_off),
    Case("target_mapping", "target-mapping", never_generated),
    Case("financial_dimensions", "empty-dimensions", no_dimensions),
    Case("financial_dimensions", "line-not-in-finance", line_missing),
    Case("linked_legal_entities", "unnamed-legal-entity", unnamed_entity),
    Case("only_these_milestones_ready", "foreign-ready-milestones", foreign_ready),
    Case("only_these_ready", "other-ready-transactions", other_work_ready),
    Case("no_dataverse_invoice_run", "dataverse-invoice-run", invoice_run),
    Case("no_finance_jobs", "finance-jobs", jobs_waiting),
    Case("no_async_integration", "async-integration", asynchronous),
    Case("no_async_integration", "async-backlog", backlog_waiting),
)


AT_THE_RESTART = {"phase_complete", "no_foreign_writes", "nothing_pending"}
"""Preconditions of `restored` and `abandoned`; test_removed_fences.py has them."""
INFORMATION = {"neighbour_maps"}


def test_every_precondition_of_the_shipped_states_has_its_tests() -> None:
    declared = [YAML(typ="safe").load(file.read_text("utf-8")) for file in STATES.glob("*.yml")]
    names = {name for phase in declared for requirement in phase["requires"] for name in requirement}
    assert names == {case.check for case in CASES} | AT_THE_RESTART | INFORMATION


def test_other_maps_are_shown_and_never_block(others: Meddler) -> None:
    neighbour = "salesorders - Project contract headers"
    others.client.stop(neighbour)
    plan = others.rig.plan("cutover")
    (finding,) = (finding for finding in plan.findings if finding.code == "neighbour-maps")
    assert (finding.severity, neighbour in finding.details, plan.blocked) == ("info", True, False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_precondition_of_the_cutover_blocks_before_the_first_write(others: Meddler, case: Case) -> None:
    case.world(others)
    rig = others.rig
    rig.forget_requests()
    assert codes(rig.plan("cutover").findings) == [case.code]
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert rig.writes() == []


def test_without_finance_version_the_first_milestone_arrives_open(others: Meddler) -> None:
    old_finance(others)
    result = without(others, "finance_version").apply("cutover")
    assert result.exit_code != 0
    assert list(statuses(others).values()) == ["NoStatus"], said(result)


def test_without_maintenance_a_colleagues_hours_never_arrive_in_finance(others: Meddler) -> None:
    maintenance_off(others)
    hours: list[str] = []
    others.at("step_start", lambda: hours.append(others.work_on(FOREIGN)), verb="create", address=OF_INVOICES)
    rig = without(others, "maintenance", "no_foreign_writes")
    rig.done("cutover")
    rig.done("restored")
    assert others.done == 1
    assert rig.find("fo.ProjActualsImports", ActualId=hours[0]) == []


def test_without_background_operations_invoices_are_asked_for_and_never_made(others: Meddler) -> None:
    background_off(others)
    rig = without(others, "maintenance")
    rig.settings(projops__async_create=True, projops__job_delay_s=0)
    result = rig.apply("cutover")
    assert result.exit_code != 0
    assert set(statuses(others).values()) == {"Invoiced"}, said(result)
    assert invoices(others) == {}


def test_without_target_mapping_the_map_is_left_standing_on_the_cutover_version(others: Meddler) -> None:
    never_generated(others)
    result = without(others, "target_mapping").apply("cutover")
    assert result.exit_code != 0
    assert others.client.state(MILESTONES) in STOPPED, said(result)
    assert others.client.version(MILESTONES)[:2] == ("Default publisher", "1.0.0.8")


def test_without_financial_dimensions_the_revenue_project_has_none_for_good(others: Meddler) -> None:
    line = others.cutover.lines()["CON-0003", "L1"]["salesorderdetailid"]
    no_dimensions(others)
    without(others, "financial_dimensions").done("cutover")
    changes = {"DefaultLedgerDimensionDisplayValue": "001-018-Projects"}
    others.edit("fo.ProjectContractLines", match={"ContractLineId": line}, changes=changes)
    (project,) = others.rig.find("fo.ProjectsV2", IntegrationSourceDataId=line)
    assert (project["ProjectId"][:4], project["DimensionDisplayValue"]) == ("FPE-", "")


def test_without_the_look_for_lines_a_contract_is_refused_in_the_middle(others: Meddler) -> None:
    line_missing(others)
    result = without(others, "financial_dimensions").apply("cutover")
    assert result.exit_code == 3, said(result)
    assert {name.partition(" / ")[0] for name in statuses(others)} == {"CON-0001", "CON-0002"}
    assert invoices(others) == {"CON-0001": 1, "CON-0002": 1}, said(result)


def test_without_linked_legal_entities_one_that_is_at_work_has_a_milestone_counted_as_invoiced(others: Meddler) -> None:
    unnamed_entity(others)
    stone = str(others.stones(FOREIGN, NOT_READY)[0][f"{MILESTONE}id"])
    others.at("step_complete", lambda: others.set_status(stone), verb="set-ready")
    without(others, "linked_legal_entities").done("cutover")
    row = others.in_finance(stone)
    assert (row["dataAreaId"], row["TransStatus"]) == ("demf", "Invoiced")


def test_without_only_these_milestones_ready_somebody_elses_counts_as_invoiced(others: Meddler) -> None:
    stone = a_foreign_milestone(others)
    others.set_status(stone)
    assert others.in_finance(stone)["TransStatus"] == "NoStatus"
    renamed = {"msdyn_name": "Renamed by a colleague"}
    others.at("step_start", lambda: others.edit(MILESTONE, key=stone, changes=renamed), verb="create")
    without(others, "only_these_milestones_ready").done("cutover")
    row = others.in_finance(stone)
    assert (row["Description"], row["TransStatus"]) == ("Renamed by a colleague", "Invoiced")


def test_without_only_these_ready_the_plan_promises_an_invoice_that_a_fence_then_refuses(others: Meddler) -> None:
    other_work_ready(others)
    rig = without(others, "only_these_ready")
    assert not rig.plan("cutover").blocked
    result = rig.apply("cutover")
    assert result.exit_code == 7, said(result)
    assert invoices(others) == {"CON-0002": 1, "CON-0003": 1}


def test_without_no_dataverse_invoice_run_the_run_takes_a_contract_half_loaded(others: Meddler) -> None:
    """Where a running map lets "invoice created" pass, the run invoices what is there of a contract so far."""
    invoice_run(others)
    rig = without(others, "no_dataverse_invoice_run")
    rig.settings(valuemap__missing="skip")
    path = f"/api/data/v9.2/salesorders({others.order(CANARY)})/Microsoft.Dynamics.CRM.msdyn_NewInvoiceContract"
    request = {"service": "dataverse", "method": "POST", "path": path, "body": {}}
    others.at("step_complete", lambda: rig.control("edit", "POST", request=request), verb="wait-canary")
    result = rig.apply("cutover")
    assert (others.done, result.exit_code) == (1, 3), said(result)
    draft = others.an_open_invoice(CANARY)
    first = others.cutover.rows()[0]
    assert draft["totalamount"] == Decimal(first["amount"]) + Decimal(first["tax"]) != others.cutover.billed()[CANARY]


def test_without_no_finance_jobs_the_ledger_moves_within_the_window(others: Meddler) -> None:
    jobs_waiting(others)
    before = others.cutover.ledger()
    draft = others.an_open_invoice(FOREIGN)
    others.client.act("invoices", draft["invoiceid"], "msdyn_PostInvoice")
    others.at("step_start", others.rig.import_and_post, verb="confirm")
    result = without(others, "no_finance_jobs").apply("cutover")
    assert result.exit_code == 7, said(result)
    (entry,) = damage(before, others.cutover.ledger()).ar
    assert (entry.company, entry.invoice) == ("demf", draft["invoicenumber"])


def test_without_no_async_integration_the_job_bills_everything_again(others: Meddler) -> None:
    asynchronous(others)
    before = others.cutover.ledger()
    rig = without(others, "no_async_integration")
    rig.done("cutover")
    rig.control("async-run", "POST")
    rig.import_and_post()
    billed = {entry.amount for entry in damage(before, others.cutover.ledger()).ar}
    assert billed == set(others.cutover.billed().values())
