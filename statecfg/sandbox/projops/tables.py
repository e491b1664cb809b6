"""Names of the tables these rules work on, the settings they obey, and tables of their own that no client sees.

The public metadata has no lookup from a line detail to its milestone; the product knows the way nevertheless, and so
does the sandbox, in `po.details` (line detail -> what it bills) and `po.billed` (billed actual -> what it bills).
`po.headers` and `po.parts` hold what divided milestones belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.world import World

CONTRACT = "salesorder"
LINE = "salesorderdetail"
MILESTONE = "msdyn_contractlinescheduleofvalue"
INVOICE = "invoice"
INVOICE_LINE = "invoicedetail"
DETAIL = "msdyn_invoicelinetransaction"
ACTUAL = "msdyn_actual"
SCHEDULE = "msdyn_contractlineinvoiceschedule"
CONNECTION = "msdyn_transactionconnection"
JOB = "asyncoperation"
SPLITS = "msdyn_projectcontractsplitbillingrule"

DETAILS = "po.details"
BILLED = "po.billed"
HEADERS = "po.headers"
PARTS = "po.parts"

_OWN = (
    Table(
        DETAILS,
        ("detailid",),
        (Column("detailid", "guid"), Column("milestoneid", "guid"), Column("actualid", "guid")),
        indexes=(("milestoneid",), ("actualid",)),
    ),
    Table(
        BILLED,
        ("actualid",),
        (Column("actualid", "guid"), Column("milestoneid", "guid"), Column("detailid", "guid")),
        indexes=(("milestoneid",), ("detailid",)),
    ),
    Table(
        HEADERS,
        ("headerid",),
        (
            Column("headerid", "guid"), Column("kind", "string"), Column("name", "string"), Column("lineid", "guid"),
            Column("amount", "money"), Column("nextpercent", "money"), Column("nextamount", "money"),
        ),
        indexes=(("name",), ("lineid",)),
    ),
    Table(
        PARTS,
        ("milestoneid",),
        (
            Column("milestoneid", "guid"), Column("headerid", "guid"), Column("customerid", "guid"),
            Column("percent", "money"),
        ),
        indexes=(("headerid",),),
    ),
)  # fmt: skip

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("projops.strict", True, "whether milestones at 002 and 003 and confirming by PATCH are refused"),
    ("projops.invoice_link", "both", "how an invoice is tied to its milestones: details, schedules or both"),
    ("projops.second_draft", "allow", "create on a contract that has a draft already: allow or refuse"),
    ("projops.async_create", False, "whether creating an invoice only makes a system job that does it"),
    ("projops.async_confirm", False, "whether confirming an invoice only makes a system job that does it"),
    ("projops.job_delay_s", 1, "seconds such a system job takes"),
    ("projops.invoice_lines", 0, "lines an invoice may have to be confirmed; 0: no limit"),
    ("projops.customer_split", "rows", "a milestone of a line with several customers: rows (one each) or whole"),
    ("projops.split_rest", "first", "which customer's row takes what rounding leaves: first (greatest share) or last"),
    ("projops.drafts", "customer", "creating an invoice where several customers pay: one draft a customer or contract"),
    ("projops.progress_keeps", "rest", "which row stays the milestone it was when progress is split: rest or ready"),
    ("projops.sync_actuals", "all", "what the page of actuals out of sync lists: all, or only those with Skip Sync"),
    ("projops.mixed_tax", "refuse", "a milestone with tax and no amount: refuse or allow"),
)  # fmt: skip

_acting: ContextVar[bool] = ContextVar("acting", default=False)


def define_tables(world: World) -> None:
    """Make the tables and the settings of these rules known to the world."""
    for table in _OWN:
        world.define(table)
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


@contextmanager
def acting() -> Iterator[None]:
    """Writes in this block are the product's own: the guards against people's edits stay silent."""
    token = _acting.set(True)
    try:
        yield
    finally:
        _acting.reset(token)


def is_acting() -> bool:
    """Whether the product itself writes."""
    return _acting.get()
