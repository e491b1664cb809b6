"""The choices of the catalog: numbers and labels. Source: reference/project-operations.md, "Option sets"."""

from __future__ import annotations

from statecfg.sandbox.tables import Option


def _members(*pairs: tuple[int, str]) -> tuple[Option, ...]:
    return tuple(Option(value, label) for value, label in pairs)


MILESTONE_STATUS = _members(
    (192350000, "Not Ready for invoicing"),
    (192350001, "Ready for invoicing"),
    (192350002, "Customer invoice created"),
    (192350003, "Customer invoice posted"),
)
PROJECT_INVOICE_STATUS = _members(
    (192350000, "Draft"), (192350001, "In Review"), (192350002, "Confirmed"), (192350003, "Invoice Paid")
)
# Labels only are known; the numbers are stand-ins. Source: reference/project-operations.md, "Option sets".
BULK_CONFIRMATION_STATUS = _members(
    (192350000, "Scheduled"), (192350001, "Processing"), (192350002, "Complete"), (192350003, "Failed")
)
ORDER_TYPE = _members((192350000, "Item based"), (192350001, "Work based"), (690970002, "Service-Maintenance Based"))
BILLING_METHOD = _members((192350000, "Time and Material"), (192350001, "Fixed Price"))
BILLING_STATUS = _members(
    (192350000, "Unbilled Sales Created"),
    (192350001, "Customer Invoice Created"),
    (192350002, "Customer Invoice Posted"),
    (192350003, "Canceled"),
    (192350004, "Ready to Invoice"),
    (690970000, "Work order closed - posted"),
)
TRANSACTION_TYPE = _members(
    (192350000, "Cost"),
    (192350004, "Project Contract"),
    (192350005, "Unbilled Sales"),
    (192350006, "Billed Sales"),
    (192350007, "Resourcing Unit Cost"),
    (192350008, "Inter-Organizational Sales"),
)
TRANSACTION_CLASS = _members(
    (192350000, "Time"),
    (192350001, "Expense"),
    (192350002, "Material"),
    (192350003, "Milestone"),
    (192350004, "Fee"),
    (690970000, "Commission"),
    (690970001, "Additional"),
    (690970002, "Tax"),
)
BILLING_TYPE = _members(
    (192350000, "Non Chargeable"), (192350001, "Chargeable"), (192350002, "Complimentary"), (192350003, "Not Available")
)
ADJUSTMENT_STATUS = _members((192350000, "In Process"), (192350001, "Adjusted"), (192350002, "Unadjustable"))
AMOUNT_METHOD = _members(
    (192350000, "Multiply Quantity By Price"),
    (192350001, "Fixed Price"),
    (192350002, "Multiply Basis Quantity By Price"),
    (192350003, "Multiply Basis Amount By Percent"),
    (690970000, "Tax Calculation"),
)
CUSTOMER_TYPE = _members((192350001, "Account"), (192350002, "Contact"))
CONTRACT_STATE = _members((192350000, "Draft"), (192350001, "On hold"), (192350002, "Active"), (192350003, "Closed"))
CONTRACT_REASON = _members(
    (192350000, "Draft"),
    (192350001, "In review"),
    (192350002, "On hold"),
    (192350003, "Confirmed"),
    (192350004, "Completed"),
    (192350005, "Lost"),
    (192350006, "Abandoned"),
)
INVOICE_RUN_STATUS = _members((192350000, "Not Run"), (192350001, "Run Successful"), (192350002, "Run Failed"))
LINE_TYPE = _members((690970000, "Project Service Line"), (690970001, "Field Service Line"))
PRODUCT_TYPE = _members(
    (1, "Product"),
    (2, "Bundle"),
    (3, "Required Bundle Product"),
    (4, "Optional Bundle Product"),
    (5, "Project-based Service"),
)
JOB_TYPE = _members((867380000, "None"))
JOB_FREQUENCY = _members((0, "Daily"), (1, "Monthly"))

INVOICE_STATE = _members((0, "Active"), (1, "Closed (deprecated)"), (2, "Paid"), (3, "Canceled"))
INVOICE_REASON = (
    Option(1, "New", state=0),
    Option(2, "Partially Shipped", state=0),
    Option(4, "Billed", state=0),
    Option(5, "Booked (applies to services)", state=0),
    Option(6, "Installed (applies to services)", state=0),
    Option(3, "Canceled (deprecated)", state=1),
    Option(7, "Paid in Full (deprecated)", state=1),
    Option(100001, "Complete", state=2),
    Option(100002, "Partial", state=2),
    Option(100003, "Canceled", state=3),
)
ORDER_STATE = _members((0, "Active"), (1, "Submitted"), (2, "Canceled"), (3, "Fulfilled"), (4, "Invoiced"))
ORDER_REASON = (
    Option(1, "New", state=0),
    Option(2, "Pending", state=0),
    Option(690970000, "On hold", state=0),
    Option(3, "In Progress", state=1),
    Option(4, "No Money", state=2),
    Option(100001, "Complete", state=3),
    Option(100002, "Partial", state=3),
    Option(100003, "Invoiced", state=4),
)
JOB_STATE = _members((0, "Ready"), (1, "Suspended"), (2, "Locked"), (3, "Completed"))
JOB_REASON = (
    Option(0, "Waiting For Resources", state=0),
    Option(10, "Waiting", state=1),
    Option(20, "In Progress", state=2),
    Option(21, "Pausing", state=2),
    Option(22, "Canceling", state=2),
    Option(30, "Succeeded", state=3),
    Option(31, "Failed", state=3),
    Option(32, "Canceled", state=3),
)
JOB_OPERATION = _members(
    (1, "System Event"), (10, "Workflow"), (13, "Bulk Delete"), (54, "Execute Async Request"), (93, "Import Solution")
)
WORKFLOW_STATE = _members((0, "Draft"), (1, "Activated"))
WORKFLOW_REASON = (Option(1, "Draft", state=0), Option(2, "Activated", state=1))
WORKFLOW_TYPE = _members((1, "Definition"), (2, "Activation"), (3, "Template"))
WORKFLOW_CATEGORY = _members((0, "Workflow"), (3, "Action"), (5, "Modern Flow"))
