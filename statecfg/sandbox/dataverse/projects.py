"""Projects, milestones, invoice line details and actuals.

Source: reference/project-operations.md, "Dataverse tables".
"""

from __future__ import annotations

from statecfg.sandbox.dataverse import options
from statecfg.sandbox.dataverse.columns import (
    choice,
    computed,
    currency,
    day,
    decimal,
    flag,
    local_day,
    lookup,
    memo,
    moment,
    money,
    number,
    owned,
    state,
    table,
    text,
)
from statecfg.sandbox.tables import Column, Table

PROJECT = table(
    "msdyn_project", "msdyn_projects", "msdyn_subject",
    text("msdyn_subject", 200, required=True), text("msdyn_projectnumber"), memo("msdyn_description"),
    lookup("msdyn_salesorderid", "salesorder", "msdyn_salesorderid", "msdyn_salesorder_msdyn_project_salesorderid"),
    lookup("msdyn_owningcompany", "cdm_company", "msdyn_OwningCompany"),
    lookup("msdyn_contractorganizationalunitid", "msdyn_organizationalunit", "msdyn_ContractOrganizationalUnitId"),
    currency(), owned(), state(), schema_name="msdyn_project", label="Project", indexes=(("msdyn_projectnumber",),),
)  # fmt: skip

PROJECT_TASK = table(
    "msdyn_projecttask", "msdyn_projecttasks", "msdyn_subject",
    text("msdyn_subject", 450, required=True),
    lookup("msdyn_project", "msdyn_project", "msdyn_project", "msdyn_msdyn_project_msdyn_projecttask_Project"),
    owned(), state(), schema_name="msdyn_projecttask", label="Project Task",
)  # fmt: skip

PROJECT_PARAMETER = table(
    "msdyn_projectparameter", "msdyn_projectparameters", "msdyn_name",
    text("msdyn_name"), flag("msdyn_enablenotificationsforlongrunningprocesses"),
    flag("msdyn_enableenhancedproformainvoice"), owned(), state(),
    schema_name="msdyn_projectparameter", label="Project Parameter",
)  # fmt: skip

MILESTONE = table(
    "msdyn_contractlinescheduleofvalue", "msdyn_contractlinescheduleofvalues", "msdyn_name",
    text("msdyn_name", required=True, label="Milestone Name"),
    money("msdyn_amount", label="Line Amount"), money("msdyn_tax", minimum=0, label="Tax"),
    computed("msdyn_amount_after_tax", "money", label="Milestone Amount"),
    computed("msdyn_amount_after_tax_base", "money"), money("msdyn_price"),
    local_day("msdyn_invoicedate", label="Milestone Date"), day("msdyn_milestonedate", label="Milestone Date"),
    choice("msdyn_invoicestatus", options.MILESTONE_STATUS, schema_name="msdyn_Invoicestatus", label="Invoice Status"),
    choice("msdyn_transactionclassification", options.TRANSACTION_CLASS, required=True),
    choice("msdyn_transactiontypecode", options.TRANSACTION_TYPE, required=True),
    lookup("msdyn_contract", "salesorder", "msdyn_contract",
           "msdyn_salesorder_msdyn_contractlinescheduleofvalue_contract"),
    lookup("msdyn_contractlineid", "salesorderdetail", "msdyn_ContractLineId",
           "msdyn_salesorderdetail_msdyn_contractlinescheduleofvalue_ContractLineId"),
    text("msdyn_contractline"), memo("msdyn_contractlinedescription"), text("msdyn_description"),
    text("msdyn_externaldescription"), lookup("msdyn_project", "msdyn_project"),
    lookup("msdyn_projecttask", "msdyn_projecttask"), moment("msdyn_startdatetime"), currency(), owned(), state(),
    schema_name="msdyn_contractlinescheduleofvalue", label="Project Contract Line Milestone",
    indexes=(("msdyn_name",), ("msdyn_invoicestatus",)),
)  # fmt: skip


def _transaction_columns() -> tuple[Column, ...]:
    """What an invoice line detail and an actual have in common."""
    return (
        *money("msdyn_amount"), *money("msdyn_price"), decimal("msdyn_quantity", 4), decimal("msdyn_percent", 4),
        *money("msdyn_basisamount"), *money("msdyn_basisprice"), decimal("msdyn_basisquantity", 4),
        choice("msdyn_amountmethod", options.AMOUNT_METHOD), choice("msdyn_billingtype", options.BILLING_TYPE),
        choice("msdyn_transactionclassification", options.TRANSACTION_CLASS, required=True),
        choice("msdyn_transactiontypecode", options.TRANSACTION_TYPE, required=True),
        moment("msdyn_documentdate"), moment("msdyn_startdatetime"), moment("msdyn_enddatetime"),
        moment("msdyn_accountingdate"), moment("msdyn_exchangeratedate"), text("msdyn_externaldescription", 200),
        choice("msdyn_customertype", options.CUSTOMER_TYPE),
        lookup("msdyn_accountcustomer", "account", "msdyn_AccountCustomer"),
        lookup("msdyn_contactcustomer", "contact", "msdyn_ContactCustomer"),
        lookup("msdyn_project", "msdyn_project", "msdyn_Project"),
        lookup("msdyn_task", "msdyn_projecttask", "msdyn_Task"),
        lookup("msdyn_contractorganizationalunitid", "msdyn_organizationalunit"),
        lookup("msdyn_transactioncategory", "msdyn_transactioncategory", "msdyn_TransactionCategory"),
        lookup("msdyn_pricelist", "pricelevel", "msdyn_PriceList"),
    )  # fmt: skip


INVOICE_LINE_TRANSACTION = table(
    "msdyn_invoicelinetransaction", "msdyn_invoicelinetransactions", "msdyn_description",
    text("msdyn_description", 200),
    lookup("msdyn_invoice", "invoice", "msdyn_Invoice", "msdyn_invoice_msdyn_invoicelinetransaction_Invoice",
           "cascade"),
    lookup("msdyn_invoicelineid", "invoicedetail", "msdyn_InvoiceLineId",
           "msdyn_invoicedetail_msdyn_invoicelinetransaction_InvoiceLineId", "cascade"),
    lookup("msdyn_salescontract", "salesorder", "msdyn_SalesContract",
           "msdyn_salesorder_msdyn_invoicelinetransaction_SalesContract"),
    lookup("msdyn_salescontractlineid", "salesorderdetail", "msdyn_SalesContractLineId"),
    lookup("msdyn_originalinvoicelinedetail", "msdyn_invoicelinetransaction", "msdyn_OriginalInvoiceLineDetail"),
    _transaction_columns(), computed("msdyn_invoiceamount", "money"), money("msdyn_previousamount"),
    money("msdyn_tax"), money("msdyn_extendedamount"), flag("msdyn_correction"), currency(), owned(), state(),
    schema_name="msdyn_invoicelinetransaction", label="Invoice Line Detail",
)  # fmt: skip

ACTUAL = table(
    "msdyn_actual", "msdyn_actuals", "msdyn_description",
    text("msdyn_description", 200),
    lookup("msdyn_invoice", "invoice", "msdyn_Invoice", "msdyn_invoice_msdyn_actual_Invoice"),
    lookup("msdyn_salescontract", "salesorder", "msdyn_SalesContract", "msdyn_salesorder_msdyn_actual_SalesContract"),
    lookup("msdyn_salescontractlineid", "salesorderdetail", "msdyn_SalesContractLineId"),
    text("msdyn_salescontractline"), _transaction_columns(),
    choice("msdyn_billingstatus", options.BILLING_STATUS), choice("msdyn_adjustmentstatus", options.ADJUSTMENT_STATUS),
    text("msdyn_externalreferenceid"), moment("msdyn_externalreferencedate"), flag("msdyn_isjournalized"),
    flag("msdyn_skipsync"), text("msdyn_vouchernumber"), money("msdyn_accountingamount"),
    decimal("msdyn_accountingexchangerate", 10), money("msdyn_salestaxamount"),
    lookup("msdyn_owningcompany", "cdm_company", "msdyn_OwningCompany"), currency(), owned(), state(),
    schema_name="msdyn_actual", label="Actual",
    indexes=(("msdyn_transactiontypecode",), ("msdyn_billingstatus",)),
)  # fmt: skip

TRANSACTION_CONNECTION = table(
    "msdyn_transactionconnection", "msdyn_transactionconnections", "msdyn_name",
    text("msdyn_name"), text("msdyn_transaction1"), text("msdyn_transaction2"), text("msdyn_transaction1role"),
    text("msdyn_transaction2role"), text("msdyn_transaction1type"), text("msdyn_transaction2type"), owned(), state(),
    schema_name="msdyn_transactionconnection", label="Transaction Connection",
    indexes=(("msdyn_transaction1",), ("msdyn_transaction2",)),
)  # fmt: skip

TRANSACTION_ORIGIN = table(
    "msdyn_transactionorigin", "msdyn_transactionorigins", "msdyn_name",
    text("msdyn_name"), text("msdyn_origin"), text("msdyn_origintype"), text("msdyn_transaction"),
    text("msdyn_transactiontype"), owned(), state(), schema_name="msdyn_transactionorigin", label="Transaction Origin",
    indexes=(("msdyn_origin",), ("msdyn_transaction",)),
)  # fmt: skip

INVOICE_SCHEDULE = table(
    "msdyn_contractlineinvoiceschedule", "msdyn_contractlineinvoiceschedules", "msdyn_name",
    text("msdyn_name"), lookup("msdyn_contractlineid", "salesorderdetail", "msdyn_ContractLineId"),
    lookup("msdyn_contractlinescheduleofvalue", "msdyn_contractlinescheduleofvalue",
           "msdyn_ContractLineScheduleOfValue",
           "msdyn_contractlinescheduleofvalue_msdyn_contractlineinvoiceschedule"),
    lookup("msdyn_invoice", "invoice", "msdyn_Invoice", "msdyn_invoice_msdyn_contractlineinvoiceschedule_Invoice"),
    local_day("msdyn_invoicerundate"), local_day("msdyn_transactioncutoffdate"),
    choice("msdyn_invoicerunstatus", options.INVOICE_RUN_STATUS, default=192350000), owned(), state(),
    schema_name="msdyn_contractlineinvoiceschedule", label="Project Contract Line Invoice Schedule",
)  # fmt: skip

BATCH_JOB = table(
    "msdyn_batchjob", "msdyn_batchjobs", "msdyn_name",
    text("msdyn_name"), choice("msdyn_jobtype", options.JOB_TYPE, default=867380000),
    choice("msdyn_frequency", options.JOB_FREQUENCY), flag("msdyn_isactive"), moment("msdyn_lastrundate"), owned(),
    state(), schema_name="msdyn_batchjob", label="Batch Job",
)  # fmt: skip

ORGANIZATIONAL_UNIT = table(
    "msdyn_organizationalunit", "msdyn_organizationalunits", "msdyn_name",
    text("msdyn_name", required=True), memo("msdyn_description"), currency(), owned(), state(),
    schema_name="msdyn_organizationalunit", label="Organizational Unit",
)  # fmt: skip

INVOICE_FREQUENCY = table(
    "msdyn_invoicefrequency", "msdyn_invoicefrequencies", "msdyn_name",
    text("msdyn_name", required=True), number("msdyn_runsperperiod"), owned(), state(),
    schema_name="msdyn_invoicefrequency", label="Invoice Frequency",
)  # fmt: skip

TRANSACTION_CATEGORY = table(
    "msdyn_transactioncategory", "msdyn_transactioncategories", "msdyn_name",
    text("msdyn_name", required=True), choice("msdyn_billingtype", options.BILLING_TYPE), owned(), state(),
    schema_name="msdyn_transactioncategory", label="Transaction Category",
)  # fmt: skip

TABLES: tuple[Table, ...] = (
    PROJECT, PROJECT_TASK, PROJECT_PARAMETER, MILESTONE, INVOICE_LINE_TRANSACTION, ACTUAL, TRANSACTION_CONNECTION,
    TRANSACTION_ORIGIN, INVOICE_SCHEDULE, BATCH_JOB, ORGANIZATIONAL_UNIT, INVOICE_FREQUENCY, TRANSACTION_CATEGORY,
)  # fmt: skip
