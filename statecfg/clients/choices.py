"""Option values of Project Operations' tables in Dataverse, and names of enum members in finance and operations.

Values of the wire stand here once for the product, named, with their source; the tests compare them with
`tests/facts`. Source: reference/project-operations.md, "Option sets" and "F&O enums"; reference/dataverse.md.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class MilestoneStatus(IntEnum):
    """msdyn_invoicestatus of a milestone."""

    NOT_READY = 192350000
    READY = 192350001
    INVOICE_CREATED = 192350002
    INVOICE_POSTED = 192350003


class InvoiceStatus(IntEnum):
    """msdyn_projectinvoicestatus of an invoice."""

    DRAFT = 192350000
    IN_REVIEW = 192350001
    CONFIRMED = 192350002
    PAID = 192350003


class OrderType(IntEnum):
    """msdyn_ordertype of contracts and invoices."""

    ITEM_BASED = 192350000
    WORK_BASED = 192350001


class BillingMethod(IntEnum):
    """msdyn_billingmethod of contract and invoice lines."""

    TIME_AND_MATERIAL = 192350000
    FIXED_PRICE = 192350001


class BillingStatus(IntEnum):
    """msdyn_billingstatus of an actual; not the numbers of a milestone's status."""

    UNBILLED = 192350000
    INVOICE_CREATED = 192350001
    INVOICE_POSTED = 192350002
    CANCELED = 192350003
    READY = 192350004


class TransactionType(IntEnum):
    """msdyn_transactiontypecode."""

    COST = 192350000
    PROJECT_CONTRACT = 192350004
    UNBILLED_SALES = 192350005
    BILLED_SALES = 192350006


class TransactionClass(IntEnum):
    """msdyn_transactionclassification."""

    TIME = 192350000
    EXPENSE = 192350001
    MATERIAL = 192350002
    MILESTONE = 192350003
    FEE = 192350004
    TAX = 690970002


class BillingType(IntEnum):
    """msdyn_billingtype."""

    NON_CHARGEABLE = 192350000
    CHARGEABLE = 192350001
    COMPLIMENTARY = 192350002
    NOT_AVAILABLE = 192350003


class AdjustmentStatus(IntEnum):
    """msdyn_adjustmentstatus of an actual."""

    IN_PROCESS = 192350000
    ADJUSTED = 192350001
    UNADJUSTABLE = 192350002


class TransStatus(StrEnum):
    """ProjTransStatus of a milestone in finance and operations, as far as the cutover meets it."""

    NO_STATUS = "NoStatus"
    INVOICED = "Invoiced"
