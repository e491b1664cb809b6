"""A small company for tests of the business rules: one contract with two fixed-price lines and one of time."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5

from statecfg.sandbox.dataverse import catalog as dataverse
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import catalog as finance
from statecfg.sandbox.finance import writes
from statecfg.sandbox.projops import codes, drafts, guards, jobs, splitting
from statecfg.sandbox.projops import tables as projops
from statecfg.sandbox.world import World

MILESTONE = "msdyn_contractlinescheduleofvalue"


def identity(name: str) -> str:
    """A fixed id for a name."""
    return str(uuid5(NAMESPACE_OID, name))


CONTRACT = identity("contract")
LINE_1, LINE_2, TIME_LINE = identity("line 1"), identity("line 2"), identity("line 3")


def project_world(**settings) -> World:
    """The company, with rules in place and nothing invoiced."""
    world = World(settings=settings)
    dataverse.define(world)
    finance.define_tables(world)
    writes.declare_settings(world)
    projops.define_tables(world)
    for part in (guards, drafts, jobs, splitting):
        part.register(world)
    with world.transaction() as tx:
        _masters(tx)
        _contract(tx)
    return world


def _masters(tx):
    tx.insert("organization", {"name": "contoso", "basecurrencyid": identity("USD")})
    for code, rate in (("USD", "1"), ("EUR", "0.8")):
        row = {"transactioncurrencyid": identity(code), "isocurrencycode": code, "currencyname": code}
        tx.insert("transactioncurrency", {**row, "exchangerate": Decimal(rate)})
    tx.insert("cdm_company", {"cdm_companyid": identity("usmf"), "cdm_companycode": "usmf", "cdm_name": "USMF"})
    tx.insert("account", {"accountid": identity("customer"), "accountnumber": "US-001", "name": "Forest"})
    tx.insert("msdyn_project", {"msdyn_projectid": identity("project"), "msdyn_projectnumber": "PRJ-1"})
    tx.insert("fo.Companies", {"DataArea": "usmf", "Name": "USMF"})
    tx.insert("fo.Companies", {"DataArea": "demf", "Name": "DEMF"})
    for company, currency in (("usmf", "USD"), ("demf", "EUR")):
        row = {"LegalEntityId": company, "Name": company.upper(), "AccountingCurrency": currency}
        tx.insert("fo.Ledgers", {**row, "ReportingCurrency": "USD"})


def _contract(tx):
    contract = {
        "salesorderid": CONTRACT,
        "ordernumber": "CON-1",
        "name": "Rollout",
        "msdyn_ordertype": codes.WORK_BASED,
        "msdyn_psastate": codes.CONTRACT_ACTIVE,
        "customerid": identity("customer"),
        "customeridtype": "account",
        "msdyn_owningcompany": identity("usmf"),
        "transactioncurrencyid": identity("USD"),
    }
    tx.insert("salesorder", contract)
    tx.insert("fo.ProjectContractHeaders", {"dataAreaId": "usmf", "ProjectContractId": "CON-1"})
    for number, line in enumerate((LINE_1, LINE_2, TIME_LINE), start=1):
        method = codes.TIME_AND_MATERIAL if line == TIME_LINE else codes.FIXED_PRICE
        row = {
            "salesorderdetailid": line,
            "salesorderid": CONTRACT,
            "salesorderdetailname": f"L{number}",
            "msdyn_billingmethod": method,
            "msdyn_project": identity("project"),
            "baseamount": Decimal(1000),
            "lineitemnumber": number,
            "transactioncurrencyid": identity("USD"),
        }
        tx.insert("salesorderdetail", row)
        finance_line = {"dataAreaId": "usmf", "ProjectContractId": "CON-1", "LineSequenceNumber": number}
        tx.insert("fo.ProjectContractLines", {**finance_line, "ContractLineId": line})


def milestone(name="Kick-off", amount="100.10", line=LINE_1, status=codes.READY, **more):
    """Values of a milestone."""
    return {
        "msdyn_contractlinescheduleofvalueid": identity(f"{line}/{name}"),
        "msdyn_name": name,
        "msdyn_amount": Decimal(amount),
        "msdyn_tax": Decimal(0),
        "msdyn_invoicedate": "2024-03-01T00:00:00Z",
        "msdyn_milestonedate": "2024-03-01",
        "msdyn_invoicestatus": status,
        "msdyn_transactionclassification": codes.MILESTONE,
        "msdyn_transactiontypecode": codes.BILLED_SALES,
        "msdyn_contract": CONTRACT,
        "msdyn_contractlineid": line,
        "msdyn_project": identity("project"),
        "transactioncurrencyid": identity("USD"),
        **more,
    }


def hours(amount="80", **more):
    """Values of approved time, ready to be invoiced."""
    return {
        "msdyn_description": "Workshop",
        "msdyn_salescontract": CONTRACT,
        "msdyn_salescontractlineid": TIME_LINE,
        "msdyn_project": identity("project"),
        "msdyn_quantity": Decimal(1),
        "msdyn_price": Decimal(amount),
        "msdyn_amount": Decimal(amount),
        "msdyn_transactionclassification": codes.TIME,
        "msdyn_transactiontypecode": codes.UNBILLED_SALES,
        "msdyn_billingstatus": codes.READY_TO_INVOICE,
        "msdyn_owningcompany": identity("usmf"),
        "transactioncurrencyid": identity("USD"),
        **more,
    }


@contextmanager
def written(world, table, *rows):
    """A transaction in which these rows were created by the platform's rules; gives it and the rows."""
    with world.transaction() as tx:
        yield tx, records.create_many(tx, table, rows)


def status_of(tx, row) -> int:
    """The present invoice status of a milestone."""
    return tx.get(MILESTONE, row["msdyn_contractlinescheduleofvalueid"])["msdyn_invoicestatus"]
