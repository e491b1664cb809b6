"""What every environment has, whatever is installed in it: users, currencies, companies, jobs, solutions, notes.

Source: reference/dataverse.md; for the dual-write tables reference/dual-write.md, "Storage behind the API".
"""

from __future__ import annotations

from statecfg.sandbox.dataverse import options
from statecfg.sandbox.dataverse.columns import (
    choice,
    currency,
    decimal,
    flag,
    lookup,
    memo,
    moment,
    number,
    owned,
    state,
    table,
    text,
)
from statecfg.sandbox.tables import AlternateKey, Column, Table, Target

ORGANIZATION = table(
    "organization", "organizations", "name",
    text("name", 160), lookup("basecurrencyid", "transactioncurrency"), number("languagecode", default=1033),
    schema_name="Organization", label="Organization",
)  # fmt: skip

BUSINESS_UNIT = table(
    "businessunit", "businessunits", "name",
    text("name", 160, required=True), lookup("parentbusinessunitid", "businessunit"), flag("isdisabled"),
    schema_name="BusinessUnit", label="Business Unit",
)  # fmt: skip

SYSTEM_USER = table(
    "systemuser", "systemusers", "fullname",
    text("fullname", 200), text("domainname", 1024), text("internalemailaddress"),
    Column("applicationid", "guid"), Column("azureactivedirectoryobjectid", "guid"), flag("isdisabled"),
    lookup("businessunitid", "businessunit"), schema_name="SystemUser", label="User",
    indexes=(("applicationid",), ("azureactivedirectoryobjectid",)),
)  # fmt: skip

CURRENCY = table(
    "transactioncurrency", "transactioncurrencies", "currencyname",
    text("currencyname", required=True), text("isocurrencycode", 5), text("currencysymbol", 13),
    number("currencyprecision", default=2), decimal("exchangerate", 10, default="1"), state(),
    schema_name="TransactionCurrency", label="Currency",
    alternate_keys=(AlternateKey("msdyn_isocurrencycode_key", ("isocurrencycode",)),),
)  # fmt: skip

COMPANY = table(
    "cdm_company", "cdm_companies", "cdm_name",
    text("cdm_name"), text("cdm_companycode", 10, required=True), flag("cdm_isenabledfordualwrite", True), owned(),
    state(), schema_name="cdm_Company", label="Company",
    alternate_keys=(AlternateKey("cdm_companycode_key", ("cdm_companycode",)),),
)  # fmt: skip

PRICE_LEVEL = table(
    "pricelevel", "pricelevels", "name", text("name", required=True), currency(), state(),
    schema_name="PriceLevel", label="Price List",
)  # fmt: skip

UNIT = table(
    "uom", "uoms", "name", text("name", required=True), decimal("quantity", 10), schema_name="UoM", label="Unit"
)

ANNOTATED = ("account", "contact", "salesorder", "invoice", "msdyn_project", "msdyn_contractlinescheduleofvalue")

ANNOTATION = table(
    "annotation", "annotations", "subject",
    text("subject", 500), memo("notetext", 100000), flag("isdocument"), text("filename", 255), text("mimetype", 256),
    memo("documentbody", 1073741823), number("filesize", readonly=True),
    Column("objectid", "lookup", targets=tuple(
        Target(name, f"objectid_{name}", f"{name}_Annotations", "cascade") for name in ANNOTATED
    )),
    text("objectidtype", 64), owned(), schema_name="Annotation", label="Note", indexes=(("subject",),),
)  # fmt: skip

ASYNC_OPERATION = table(
    "asyncoperation", "asyncoperations", "name",
    text("name", 256), choice("operationtype", options.JOB_OPERATION), text("messagename", 160),
    memo("message", 1073741823), memo("friendlymessage", 5000), number("errorcode"),
    text("primaryentitytype", 64), moment("startedon"),
    moment("completedon"), moment("postponeuntil"), memo("data", 1073741823),
    lookup("workflowactivationid", "workflow", collection="lk_asyncoperation_workflowactivationid"), owned(),
    state(options.JOB_STATE, options.JOB_REASON), schema_name="AsyncOperation", label="System Job",
)  # fmt: skip

WORKFLOW = table(
    "workflow", "workflows", "name",
    text("name", 100, required=True), text("uniquename", 128), choice("type", options.WORKFLOW_TYPE, default=1),
    choice("category", options.WORKFLOW_CATEGORY, default=0), text("primaryentity", 64), memo("description"), owned(),
    state(options.WORKFLOW_STATE, options.WORKFLOW_REASON), schema_name="Workflow", label="Process",
)  # fmt: skip

PUBLISHER = table(
    "publisher", "publishers", "friendlyname",
    text("friendlyname", 256), text("uniquename", 256), text("customizationprefix", 8),
    number("customizationoptionvalueprefix"), schema_name="Publisher", label="Publisher",
)  # fmt: skip

SOLUTION = table(
    "solution", "solutions", "friendlyname",
    text("friendlyname", 256), text("uniquename", 65), text("version", 256), flag("ismanaged"),
    flag("isvisible", True), moment("installedon"), lookup("publisherid", "publisher"), memo("description"),
    schema_name="Solution", label="Solution", indexes=(("uniquename",),),
)  # fmt: skip

SOLUTION_COMPONENT = table(
    "solutioncomponent", "solutioncomponents", "",
    lookup("solutionid", "solution", collection="solution_solutioncomponent"), number("componenttype"),
    Column("objectid", "guid"), schema_name="SolutionComponent", label="Solution Component",
)  # fmt: skip

MESSAGE = table(
    "sdkmessage", "sdkmessages", "name", text("name", 256), flag("isprivate"), text("categoryname", 25),
    schema_name="SdkMessage", label="Sdk Message", indexes=(("name",),),
)  # fmt: skip

MESSAGE_FILTER = table(
    "sdkmessagefilter", "sdkmessagefilters", "name",
    text("name", 256), lookup("sdkmessageid", "sdkmessage", collection="sdkmessageid_sdkmessagefilter"),
    text("primaryobjecttypecode", 64), text("secondaryobjecttypecode", 64), flag("iscustomprocessingstepallowed", True),
    schema_name="SdkMessageFilter", label="Sdk Message Filter", indexes=(("primaryobjecttypecode",),),
)  # fmt: skip

DUAL_WRITE_MAP = table(
    "msdyn_dualwriteentitymap", "msdyn_dualwriteentitymaps", "msdyn_name",
    text("msdyn_name", 250), text("msdyn_displayname", 250), text("msdyn_version", 100), memo("msdyn_mapping", 1048576),
    memo("msdyn_properties", 1048576), text("msdyn_author", 250), memo("msdyn_description"),
    Column("solutionid", "guid"), flag("ismanaged"), owned(), state(),
    schema_name="msdyn_dualwriteentitymap", label="Dual Write Entity Map", indexes=(("msdyn_name",),),
)  # fmt: skip

DUAL_WRITE_RUNTIME = table(
    "msdyn_dualwriteruntimeconfig", "msdyn_dualwriteruntimeconfigs", "msdyn_name",
    text("msdyn_name", 250), text("msdyn_internalentityname", 250), text("msdyn_externalentityname", 250),
    memo("msdyn_unsecure", 1048576), memo("msdyn_secure", 1048576), owned(), state(),
    schema_name="msdyn_dualwriteruntimeconfig", label="Dual Write Runtime Configuration",
)  # fmt: skip

TABLES: tuple[Table, ...] = (
    ORGANIZATION, BUSINESS_UNIT, SYSTEM_USER, CURRENCY, COMPANY, PRICE_LEVEL, UNIT, ANNOTATION, ASYNC_OPERATION,
    WORKFLOW, PUBLISHER, SOLUTION, SOLUTION_COMPONENT, MESSAGE, MESSAGE_FILTER, DUAL_WRITE_MAP, DUAL_WRITE_RUNTIME,
)  # fmt: skip
