"""Wrong orders that leave AR and GL alone and F&O's milestones wrong: the rows are named with the status they have."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from tests.foreign.client import ACTUALS, INVOICES, MILESTONES, NOT_READY, POSTED, READY, THREE, Refused
from tests.foreign.damage import Damage, damage
from tests.foreign.procedure import MILESTONE_ID, MILESTONE_SET, Cutover, Row, milestone

PARKED = "9.9.9.9"


def finish(cutover: Cutover) -> None:
    """Everything after the milestones, in the right order."""
    cutover.client.stop(*THREE)
    cutover.invoice()
    cutover.restore()


def here(cutover: Cutover) -> dict[str, int]:
    """The status of every milestone in Dataverse, by id."""
    return {row[MILESTONE_ID]: row["msdyn_invoicestatus"] for row in cutover.client.rows(MILESTONE_SET)}


def named(rows: dict[str, Row], status: str) -> set[tuple[str, str]]:
    """Contract and name of the rows that F&O has in a status."""
    return {(row["ProjectContractId"], row["Description"]) for row in rows.values() if row["TransStatus"] == status}


def in_file(cutover: Cutover) -> set[tuple[str, str]]:
    """Contract and name of every row of the export."""
    return {(row["contract"], row["name"]) for row in cutover.rows()}


def later(name: str = "Acceptance") -> dict[str, str]:
    """A milestone of next year, invoiced nowhere."""
    money = {"amount": "500.00", "tax": "0.00", "currency": "USD"}
    return {"contract": "CON-0001", "line": "L1", "name": name, **money, "date": "2027-01-31", "description": ""}


def finance_row(cutover: Cutover, name: str) -> Row:
    """The one row of a contract's milestone in F&O."""
    wanted = f"ProjectContractId eq 'CON-0001' and Description eq '{name}'"
    (row,) = cutover.client.finance_rows("ProjectContractLineMilestones", filter=wanted)
    return row


def test_loaded_on_the_original_version_milestones_stay_open_in_finance_for_good(cutover: Cutover) -> None:
    before = cutover.ledger()
    cutover.load()
    cutover.prepare_cutover_version()
    cutover.client.switch(MILESTONES, cutover.cutover_version)
    cutover.client.start(MILESTONES)
    finish(cutover)
    cutover.import_and_post()
    assert damage(before, cutover.ledger()) == Damage((), {})
    assert named(cutover.arrived(), "NoStatus") == in_file(cutover)
    assert {here(cutover)[key] for key in cutover.loaded} == {POSTED}


def test_loaded_while_the_map_is_stopped_milestones_never_reach_finance(cutover: Cutover) -> None:
    cutover.prepare_cutover_version()
    cutover.client.switch(MILESTONES, cutover.cutover_version)
    cutover.load()
    cutover.client.start(MILESTONES)
    finish(cutover)
    assert cutover.arrived() == {}
    assert {here(cutover)[key] for key in cutover.loaded} == {POSTED}


def test_half_loaded_before_the_switch_that_half_stays_open(cutover: Cutover) -> None:
    rows = cutover.rows()
    cutover.load(rows[:10])
    cutover.bring_up_cutover_version()
    cutover.load(rows[10:])
    finish(cutover)
    early = {(row["contract"], row["name"]) for row in rows[:10]}
    late = {(row["contract"], row["name"]) for row in rows[10:]}
    assert named(cutover.arrived(), "NoStatus") == early
    assert named(cutover.arrived(), "Invoiced") == late


def test_restarted_on_the_cutover_version_a_later_milestone_counts_as_invoiced(cutover: Cutover) -> None:
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.client.stop(*THREE)
    cutover.invoice()
    cutover.client.start(*THREE)
    cutover.load([later()])
    assert finance_row(cutover, "Acceptance")["TransStatus"] == "Invoiced"
    (key,) = (key for key, row in cutover.loaded.items() if row["name"] == "Acceptance")
    assert here(cutover)[key] == READY
    with pytest.raises(Refused, match="TRANSSTATUS"):
        cutover.create_invoices(["CON-0001"])


def test_restarted_on_the_highest_version_a_later_milestone_arrives_with_another_date(cutover: Cutover) -> None:
    """The parked version carries the date that depends on the time zone, a day off for who sits east of Greenwich."""
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.client.stop(*THREE)
    cutover.invoice()
    cutover.original = ("", PARKED, highest(cutover))
    cutover.restore()
    line = cutover.lines()["CON-0001", "L1"]
    values = milestone(str(uuid.uuid4()), line, later(), READY)
    cutover.client.create(MILESTONE_SET, {**values, "msdyn_invoicedate": "2027-01-30"})
    assert cutover.client.version(MILESTONES)[1] == PARKED
    assert finance_row(cutover, "Acceptance")["TransactionDate"] == "2027-01-30T12:00:00Z"


def highest(cutover: Cutover) -> str:
    """The id of the saved version with the greatest number."""
    templates = cutover.client.maps()[MILESTONES]["detail"]["templates"]
    return str(max(templates, key=lambda one: one["version"]["major"])["id"])


def test_uninvoiced_milestones_loaded_as_ready_in_the_window_count_as_invoiced(cutover: Cutover) -> None:
    before = cutover.ledger()
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.load([later()])
    finish(cutover)
    cutover.import_and_post()
    assert finance_row(cutover, "Acceptance")["TransStatus"] == "Invoiced"
    (key,) = (key for key, row in cutover.loaded.items() if row["name"] == "Acceptance")
    assert here(cutover)[key] == POSTED, "the cutover's invoice took it"
    assert damage(before, cutover.ledger()) == Damage((), {}), "and nobody will ever be asked to pay for it"


def test_somebody_elses_milestone_set_ready_in_the_window_counts_as_invoiced(cutover: Cutover) -> None:
    """A milestone of a contract that is no part of the cutover, touched while the cutover version runs."""
    contracts = {row["salesorderid"]: row["ordernumber"] for row in cutover.orders()}
    wanted = f"msdyn_invoicestatus eq {NOT_READY}"
    foreign = next(
        row
        for row in cutover.client.rows(MILESTONE_SET, filter=wanted)
        if contracts[row["_msdyn_contract_value"]] not in cutover.contracts()
    )
    cutover.bring_up_cutover_version()
    cutover.client.update(MILESTONE_SET, foreign[MILESTONE_ID], {"msdyn_invoicestatus": READY})
    cutover.load()
    finish(cutover)
    rows = cutover.client.finance_rows("ProjectContractLineMilestones")
    (row,) = (row for row in rows if row["ContractLineMilestoneGuid"] == foreign[MILESTONE_ID])
    assert (row["Description"], row["TransStatus"]) == (foreign["msdyn_name"], "Invoiced")
    assert here(cutover)[foreign[MILESTONE_ID]] == READY, "open here, invoiced there"


def test_an_uninvoiced_milestone_not_ready_is_refused_by_the_one_pair(cutover: Cutover) -> None:
    cutover.bring_up_cutover_version()
    with pytest.raises(Refused, match="TRANSSTATUS"):
        cutover.load([later()], status=NOT_READY)


def test_without_refresh_tables_the_cutover_version_does_not_start(cutover: Cutover) -> None:
    cutover.client.stop(MILESTONES)
    version = cutover.client.save_cutover_version()
    cutover.client.switch(MILESTONES, version)
    with pytest.raises(Refused, match="TRANSSTATUS"):
        cutover.client.start(MILESTONES)


def test_without_generate_mapping_not_even_refresh_tables_helps(cutover: Cutover) -> None:
    cutover.client.screen("POST", "forget-mapping")
    with pytest.raises(Refused, match="TRANSSTATUS"):
        cutover.bring_up_cutover_version()


def test_loaded_twice_without_ids_of_its_own_each_milestone_counts_twice(cutover: Cutover) -> None:
    """A second run after a doubtful answer, by a client that lets the service choose the ids."""
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.load(known={})
    finish(cutover)
    assert len(named(cutover.arrived(), "Invoiced")) == len(in_file(cutover))
    assert value(cutover) == {contract: 2 * billed for contract, billed in untaxed(cutover).items()}


def value(cutover: Cutover) -> dict[str, Decimal]:
    """The contract value that F&O's milestones come to, of ours."""
    sums: dict[str, Decimal] = {}
    for row in cutover.arrived().values():
        contract = row["ProjectContractId"]
        sums[contract] = sums.get(contract, Decimal(0)) + Decimal(row["Amount"])
    return sums


def untaxed(cutover: Cutover) -> dict[str, Decimal]:
    """What the export's milestones come to by contract, without tax."""
    sums: dict[str, Decimal] = {}
    for row in cutover.rows():
        sums[row["contract"]] = sums.get(row["contract"], Decimal(0)) + Decimal(row["amount"])
    return sums


def test_dimensions_that_come_after_the_milestones_come_too_late(cutover: Cutover) -> None:
    """Revenue is recognised on the estimate project, which keeps what the line had when its first milestone came."""
    line = line_without_milestones(cutover)
    dimensions = set_dimensions(cutover, line, "")
    cutover.in_the_right_order()
    set_dimensions(cutover, line, dimensions)
    (project,) = estimate_projects(cutover, line)
    assert project["ProjectId"].startswith("FPE-")
    assert project["DimensionDisplayValue"] == "" != dimensions


def line_without_milestones(cutover: Cutover) -> str:
    """The id of a contract line of the export that F&O has no milestone of."""
    ids = (cutover.lines()[row["contract"], row["line"]]["salesorderdetailid"] for row in cutover.rows())
    return next(str(line) for line in ids if not estimate_projects(cutover, line))


def estimate_projects(cutover: Cutover, line: str) -> list[Row]:
    """The revenue-estimate projects of a contract line."""
    return cutover.client.finance_rows("ProjectsV2", filter=f"IntegrationSourceDataId eq '{line}'")


def set_dimensions(cutover: Cutover, line: str, value: str) -> str:
    """Set the financial dimensions of a contract line in F&O; the ones it had."""
    wanted = f"ContractLineId eq '{line}'"
    (row,) = cutover.client.finance_rows("ProjectContractLines", filter=wanted)
    column = "DefaultLedgerDimensionDisplayValue"
    fields = {"table": "fo.ProjectContractLines", "match": {"ContractLineId": line}, "changes": {column: value}}
    cutover.client.screen("POST", "edit", fields)
    return str(row[column])


def test_one_of_the_two_maps_left_running_leaves_its_trace_without_a_voucher(cutover: Cutover) -> None:
    before = cutover.ledger()
    cutover.bring_up_cutover_version()
    cutover.load()
    cutover.client.stop(MILESTONES, INVOICES)
    cutover.invoice()
    cutover.client.stop(ACTUALS)
    cutover.restore()
    cutover.import_and_post()
    staged = {(row["ContractId"], row["Description"]) for row in cutover.client.finance_rows("ProjActualsImports")}
    assert staged == in_file(cutover)
    assert damage(before, cutover.ledger()) == Damage((), {})
