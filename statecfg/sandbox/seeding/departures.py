"""What a seeded world may hold that stands in a cutover's way: one setting a thing, all of them off.

As seeded nothing blocks and nothing asks. Each departure puts one such thing into the world before anybody looks, as
`--set seed.jobs=Waiting` does; what can be turned later has settings of its own elsewhere (administration mode, target
mapping, witnesses), or is an edit by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance.catalog import table_of
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.tables import ACTUAL, MILESTONE
from statecfg.sandbox.seeding.dataverse_rows import DataverseRows
from statecfg.sandbox.seeding.finance_rows import JOBS
from statecfg.sandbox.seeding.portfolio import Billing, LegalEntity, Line, Portfolio, Standing, TimeEntry
from statecfg.sandbox.world import Tx, World

UNNAMED = LegalEntity("frrt", "Contoso Retail France", "EUR", "FRA", "Paris")
INVOICE_RUN = "Process runner - create invoices"
SPLITS = "msdyn_projectcontractsplitbillingrule"
FORTY = Decimal(40)

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("seed.jobs", "Hold", "status of Finance's import and posting jobs"),
    ("seed.invoice_run", False, "whether the batch job that creates invoices is active in Dataverse"),
    ("seed.ready_outside", 0, "milestones outside the file that are ready for invoicing"),
    ("seed.ready_time_inside", 0, "contracts of the file with approved hours that are ready to be invoiced"),
    ("seed.by_hand_in_finance", False, "whether milestones made by hand were made while the map ran"),
    ("seed.history", "posted", "how far other people's confirmed invoices got: staged, imported or posted"),
    ("seed.unnamed_entity", False, "whether the link covers a legal entity that the inventory doesn't name"),
    ("seed.empty_dimensions", 0, "fixed-price lines of the file without financial dimensions"),
    ("seed.two_customers", 0, "fixed-price lines of the file that two customers pay"),
)


def declare_settings(world: World) -> None:
    """Make the departures known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


def widened(world: World, company: Portfolio) -> Portfolio:
    """The company with a legal entity more, if one is wanted that the inventory doesn't name."""
    if not world.settings["seed.unnamed_entity"]:
        return company
    return replace(company, entities=(*company.entities, UNNAMED))


def depart(tx: Tx, dataverse: DataverseRows) -> None:
    """Put what the settings ask for into a world that is otherwise complete; maps are running."""
    settings = tx.world.settings
    _set_jobs(tx, str(settings["seed.jobs"]))
    _schedule_invoices(tx, dataverse, active=bool(settings["seed.invoice_run"]))
    _make_ready(tx, dataverse, int(settings["seed.ready_outside"]))
    _approve_hours(tx, dataverse, int(settings["seed.ready_time_inside"]))
    _empty_dimensions(tx, dataverse, int(settings["seed.empty_dimensions"]))
    _add_customers(tx, dataverse, int(settings["seed.two_customers"]))


def _set_jobs(tx: Tx, status: str) -> None:
    table = table_of("BatchJobs")
    for job in list(tx.select(table)):
        if job["JobDescription"] in JOBS:
            tx.update(table, job["BatchJobRecId"], {"Status": status})


def _schedule_invoices(tx: Tx, dataverse: DataverseRows, *, active: bool) -> None:
    row = {"msdyn_batchjobid": dataverse.id("batch job", INVOICE_RUN), "msdyn_name": INVOICE_RUN, "msdyn_frequency": 0}
    records.create(tx, "msdyn_batchjob", row | {"msdyn_isactive": active})


def _make_ready(tx: Tx, dataverse: DataverseRows, count: int) -> None:
    ours = {contract.number for contract in dataverse.company.contracts if contract.in_file}
    outside = [m for m in dataverse.company.milestones if m.standing is Standing.OPEN and m.contract not in ours]
    change = {"msdyn_invoicestatus": codes.READY}
    records.update_many(tx, MILESTONE, [(dataverse.id("milestone", *m.key), change) for m in outside[:count]])


def _approve_hours(tx: Tx, dataverse: DataverseRows, count: int) -> None:
    day = date.fromisoformat(dataverse.made_on[:10])
    hours = [
        TimeEntry(line.contract, line.name, "Hours on site", Decimal("7.5"), Decimal(140), day)
        for line in _lines_of_file(dataverse, Billing.TIME_AND_MATERIAL)
    ]
    already = len(dataverse.company.time_entries)
    records.create_many(tx, ACTUAL, [dataverse.time_entry(already + n, entry) for n, entry in enumerate(hours[:count])])


def _empty_dimensions(tx: Tx, dataverse: DataverseRows, count: int) -> None:
    table = table_of("ProjectContractLines")
    lines = list(_lines_of_file(dataverse, Billing.FIXED_PRICE))[:count]
    for line in lines:
        (row,) = tx.find(table, ContractLineId=dataverse.line_id(line))
        key = tuple(row[name] for name in tx.world.shape(table).table.key)
        tx.update(table, key, {"DefaultLedgerDimensionDisplayValue": ""})


def _add_customers(tx: Tx, dataverse: DataverseRows, count: int) -> None:
    """Give the first fixed-price lines of the file a second customer, who pays two fifths."""
    contracts = dataverse.contracts
    for line in list(_lines_of_file(dataverse, Billing.FIXED_PRICE))[:count]:
        contract = contracts[line.contract]
        second = next(
            c for c in dataverse.company.customers if c.entity == contract.entity and c.account != contract.customer
        )
        (first,) = tx.find(SPLITS, msdyn_salescontractline=dataverse.line_id(line))
        records.update(tx, SPLITS, first[f"{SPLITS}id"], {"msdyn_allocationpercentage": 100 - FORTY})
        customer = dataverse.id("customer", second.entity, second.account)
        names = ("msdyn_salescontract", "msdyn_salescontractline")
        row = {name: first[name] for name in names} | {"msdyn_name": second.account, "msdyn_accountcustomer": customer}
        records.create(tx, SPLITS, row | {"msdyn_allocationpercentage": FORTY})


def _lines_of_file(dataverse: DataverseRows, billing: Billing) -> Iterator[Line]:
    for contract in dataverse.company.contracts:
        if contract.in_file:
            yield from (line for line in contract.lines if line.billing is billing)
