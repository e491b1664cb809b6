"""Customers, contracts, contract lines, invoices. Source: reference/project-operations.md, "Dataverse tables".

Names that no public source states (owning company, the funding rule) are this catalog's own choice.
"""

from __future__ import annotations

from statecfg.sandbox.dataverse import options
from statecfg.sandbox.dataverse.columns import (
    choice,
    computed,
    currency,
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
from statecfg.sandbox.tables import AlternateKey, Column, Table, Target


def _customer(collection: str) -> tuple[Column, Column]:
    targets = (
        Target("account", "customerid_account", f"{collection}_customer_accounts"),
        Target("contact", "customerid_contact", f"{collection}_customer_contacts"),
    )
    return Column("customerid", "lookup", targets=targets), text("customeridtype", 64)


ACCOUNT = table(
    "account", "accounts", "name",
    text("name", 160, required=True), text("accountnumber", 20), lookup("msdyn_company", "cdm_company"),
    memo("description"), text("emailaddress1"), text("telephone1", 50), text("websiteurl", 200),
    text("address1_city", 80), text("address1_country", 80), number("numberofemployees"), money("revenue"),
    flag("creditonhold"), lookup("parentaccountid", "account", collection="account_parent_account"),
    lookup("primarycontactid", "contact", collection="account_primary_contact"), currency(), owned(), state(),
    schema_name="Account", label="Account", alternate_keys=(AlternateKey("accountnumber_key", ("accountnumber",)),),
    indexes=(("name",),),
)  # fmt: skip

CONTACT = table(
    "contact", "contacts", "fullname",
    text("firstname", 50), text("lastname", 50), computed("fullname", "string", length=160), text("emailaddress1"),
    text("jobtitle"), text("telephone1", 50), memo("description"), number("numberofchildren"),
    Column(
        "parentcustomerid", "lookup",
        targets=(
            Target("account", "parentcustomerid_account", "contact_customer_accounts"),
            Target("contact", "parentcustomerid_contact", "contact_customer_contacts"),
        ),
    ),
    text("parentcustomeridtype", 64), money("creditlimit"), currency(), owned(), state(),
    schema_name="Contact", label="Contact", indexes=(("fullname",),),
    alternate_keys=(AlternateKey("firstname_emailaddress1_key", ("firstname", "emailaddress1")),),
)  # fmt: skip

SALESORDER = table(
    "salesorder", "salesorders", "name",
    text("name", 300, required=True), text("ordernumber"), memo("description"), _customer("order"),
    choice("msdyn_ordertype", options.ORDER_TYPE, default=192350000),
    choice("msdyn_psastate", options.CONTRACT_STATE), choice("msdyn_psastatusreason", options.CONTRACT_REASON),
    lookup("msdyn_account", "account", "msdyn_Account"),
    lookup("msdyn_accountmanagerid", "systemuser", "msdyn_AccountManagerId"),
    lookup("msdyn_contractorganizationalunitid", "msdyn_organizationalunit", "msdyn_ContractOrganizationalUnitId"),
    lookup("msdyn_owningcompany", "cdm_company", "msdyn_OwningCompany"),
    moment("msdyn_processstartedon"), lookup("pricelevelid", "pricelevel"),
    computed("msdyn_totalchargeablecostrollup", "money"), computed("msdyn_totalnonchargeablecostrollup", "money"),
    money("totalamount"), money("totalamountlessfreight"), money("totaltax"), money("totallineitemamount"),
    local_day("requestdeliveryby"), currency(), owned(), state(options.ORDER_STATE, options.ORDER_REASON),
    schema_name="SalesOrder", label="Project Contract", indexes=(("ordernumber",),),
)  # fmt: skip

SALESORDERDETAIL = table(
    "salesorderdetail", "salesorderdetails", "salesorderdetailname",
    text("salesorderdetailname"), text("productdescription", 500),
    lookup("salesorderid", "salesorder", collection="order_details", on_delete="cascade"),
    lookup("msdyn_project", "msdyn_project", "msdyn_Project"), lookup("uomid", "uom"),
    lookup("msdyn_invoicefrequency", "msdyn_invoicefrequency"),
    choice("msdyn_billingmethod", options.BILLING_METHOD), choice("msdyn_billingstatus", options.BILLING_STATUS),
    local_day("msdyn_billingstartdate"), money("msdyn_budgetamount"), money("msdyn_costamount"),
    money("msdyn_costpriceperunit"), flag("msdyn_includetime"), flag("msdyn_includeexpense"),
    flag("msdyn_includematerial"), flag("msdyn_includefee"),
    choice("msdyn_linetype", options.LINE_TYPE, default=690970000), text("msdyn_quoteline"),
    choice("producttypecode", options.PRODUCT_TYPE, default=5), money("baseamount"), money("tax"),
    money("extendedamount"), money("priceperunit"), decimal("quantity", 10), number("lineitemnumber"),
    currency(), owned(), schema_name="SalesOrderDetail", label="Project Contract Line",
)  # fmt: skip

SPLIT_BILLING_RULE = table(
    "msdyn_projectcontractsplitbillingrule", "msdyn_projectcontractsplitbillingrules", "msdyn_name",
    text("msdyn_name"),
    lookup("msdyn_salescontract", "salesorder", "msdyn_SalesContract",
           "msdyn_salesorder_splitbillingrule_SalesContract"),
    lookup("msdyn_salescontractline", "salesorderdetail", "msdyn_SalesContractLine",
           "msdyn_salesorderdetail_splitbillingrule_SalesContractLine"),
    lookup("msdyn_accountcustomer", "account", "msdyn_AccountCustomer"),
    lookup("msdyn_contactcustomer", "contact", "msdyn_ContactCustomer"),
    decimal("msdyn_allocationpercentage", 4), owned(), state(),
    schema_name="msdyn_ProjectContractSplitBillingRule", label="Project Contract Customer",
)  # fmt: skip

INVOICE = table(
    "invoice", "invoices", "name",
    text("name", 300, required=True), text("invoicenumber"), memo("description"), _customer("invoice"),
    lookup("salesorderid", "salesorder", collection="order_invoices", on_delete="restrict"),
    lookup("pricelevelid", "pricelevel"),
    choice("msdyn_ordertype", options.ORDER_TYPE, default=192350000),
    choice("msdyn_projectinvoicestatus", options.PROJECT_INVOICE_STATUS), flag("msdyn_hascorrections"),
    # The real name is not established.
    choice("msdyn_bulkconfirmationstatus", options.BULK_CONFIRMATION_STATUS, readonly=True),
    local_day("msdyn_invoicedate"), text("msdyn_billtocontactname"), money("msdyn_amountdue"), money("totalamount"),
    money("totalamountlessfreight"), money("totaltax"), money("totallineitemamount"), local_day("duedate"),
    currency(), owned(), state(options.INVOICE_STATE, options.INVOICE_REASON),
    schema_name="Invoice", label="Invoice", indexes=(("invoicenumber",), ("msdyn_projectinvoicestatus",)),
)  # fmt: skip

INVOICEDETAIL = table(
    "invoicedetail", "invoicedetails", "invoicedetailname",
    text("invoicedetailname"), text("productdescription", 500),
    lookup("invoiceid", "invoice", collection="invoice_details", on_delete="cascade"),
    lookup("salesorderdetailid", "salesorderdetail", collection="order_detail_invoice_details"),
    lookup("msdyn_project", "msdyn_project", "msdyn_Project"),
    choice("msdyn_billingmethod", options.BILLING_METHOD), text("msdyn_contractline"),
    money("msdyn_contractlineamount"), money("msdyn_invoicedtilldate"), money("msdyn_chargeableamount"),
    money("msdyn_complimentaryamount"), money("msdyn_nonchargeableamount"),
    choice("msdyn_linetype", options.LINE_TYPE, default=690970000),
    choice("producttypecode", options.PRODUCT_TYPE, default=5), decimal("quantity", 10), money("priceperunit"),
    money("baseamount"), money("tax"), money("extendedamount"), number("lineitemnumber"), currency(), owned(),
    schema_name="InvoiceDetail", label="Invoice Line",
)  # fmt: skip

TABLES: tuple[Table, ...] = (
    ACCOUNT, CONTACT, SALESORDER, SALESORDERDETAIL, SPLIT_BILLING_RULE, INVOICE, INVOICEDETAIL
)  # fmt: skip
