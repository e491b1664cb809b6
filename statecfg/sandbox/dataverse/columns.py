"""Short ways to write Dataverse columns down, so that a table of the catalog reads like its documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from statecfg.sandbox.tables import AlternateKey, Column, Option, Table, Target

# Source: reference/project-operations.md, "msdyn_contractlinescheduleofvalue".
MONEY_LIMIT = Decimal(922337203685477)

ACTIVE_INACTIVE = (Option(0, "Active"), Option(1, "Inactive"))
ACTIVE_INACTIVE_REASONS = (Option(1, "Active", state=0), Option(2, "Inactive", state=1))

VERSION_SEQUENCE = "dataverse.versionnumber"


def text(name: str, length: int = 100, **more: Any) -> Column:
    """A line of text."""
    return Column(name, "string", length=length, **more)


def memo(name: str, length: int = 2000, **more: Any) -> Column:
    """A text of several lines."""
    return Column(name, "memo", length=length, **more)


def number(name: str, **more: Any) -> Column:
    """A whole number."""
    return Column(name, "int", **more)


def decimal(name: str, precision: int = 2, **more: Any) -> Column:
    """A decimal number with `precision` decimals."""
    return Column(name, "decimal", precision=precision, **more)


def flag(name: str, default: bool = False, **more: Any) -> Column:
    """Yes or no."""
    return Column(name, "bool", default=default, **more)


def moment(name: str, **more: Any) -> Column:
    """A date and time."""
    return Column(name, "datetime", **more)


def local_day(name: str, **more: Any) -> Column:
    """A day that the service keeps as a moment in the user's time zone (behaviour UserLocal, format DateOnly)."""
    return Column(name, "datetime", format="DateOnly", **more)


def day(name: str, **more: Any) -> Column:
    """A day without a time zone (behaviour DateOnly)."""
    return Column(name, "date", **more)


def choice(name: str, options: tuple[Option, ...], **more: Any) -> Column:
    """One of several numbers with labels."""
    return Column(name, "choice", options=options, **more)


def lookup(
    name: str, table: str, navigation: str = "", collection: str = "", on_delete: str = "unlink", **more: Any
) -> Column:
    """A reference to one table; the navigation property is named like the column unless its case differs."""
    return Column(name, "lookup", targets=(Target(table, navigation or name, collection, on_delete),), **more)


def money(name: str, minimum: Decimal | int = -MONEY_LIMIT, **more: Any) -> tuple[Column, Column]:
    """An amount, and the same in base currency, which the service computes."""
    amount = Column(name, "money", minimum=Decimal(minimum), maximum=MONEY_LIMIT, **more)
    return amount, Column(f"{name}_base", "money", readonly=True)


def identity(name: str) -> Column:
    """A primary key; the client may choose it on create."""
    return Column(name, "guid", create_only=True)


def computed(name: str, type_: str, **more: Any) -> Column:
    """A column that only the service writes."""
    return Column(name, type_, readonly=True, **more)


def audit() -> tuple[Column, ...]:
    """Who and when, and the row version; every table has them."""
    return (
        computed("createdon", "datetime"),
        lookup("createdby", "systemuser", readonly=True),
        computed("modifiedon", "datetime"),
        lookup("modifiedby", "systemuser", readonly=True),
        computed("versionnumber", "bigint", sequence=VERSION_SEQUENCE, restamped=True),
        number("importsequencenumber"),
        Column("overriddencreatedon", "date", create_only=True),
        number("timezoneruleversionnumber"),
        number("utcconversiontimezonecode"),
    )


def owned() -> tuple[Column, ...]:
    """Owner and business unit of a user-owned table."""
    return lookup("ownerid", "systemuser"), lookup("owningbusinessunit", "businessunit", readonly=True)


def state(
    states: tuple[Option, ...] = ACTIVE_INACTIVE, reasons: tuple[Option, ...] = ACTIVE_INACTIVE_REASONS
) -> tuple[Column, Column]:
    """State and status; a new row has the first of each."""
    return (
        choice("statecode", states, default=states[0].value),
        choice("statuscode", reasons, default=reasons[0].value),
    )


def currency() -> tuple[Column, ...]:
    """The row's currency and the rate to base currency."""
    return (
        lookup("transactioncurrencyid", "transactioncurrency", on_delete="restrict"),
        computed("exchangerate", "decimal", precision=10),
    )


# Nobody looks rows up by these, and each index costs a bulk create of 500 some ten milliseconds in a large world.
_OF_EVERY_TABLE = frozenset(
    ("createdby", "modifiedby", "ownerid", "owningbusinessunit", "transactioncurrencyid", "msdyn_projecttask")
)


def table(
    name: str,
    entity_set: str,
    primary_name: str,
    *columns: Column | tuple[Column, ...],
    key: str = "",
    schema_name: str = "",
    label: str = "",
    alternate_keys: tuple[AlternateKey, ...] = (),
    indexes: tuple[tuple[str, ...], ...] = (),
    tags: tuple[str, ...] = (),
) -> Table:
    """A table with its primary key and its audit columns; lookups are indexed, but for those of every table.

    schema_name: the name with its original case, where it is not the logical name.
    """
    primary = key or f"{name}id"
    flat: list[Column] = [identity(primary)]
    for part in (*columns, audit()):
        flat.extend((part,) if isinstance(part, Column) else part)
    followed = tuple((c.name,) for c in flat if c.type == "lookup" and c.name not in _OF_EVERY_TABLE)
    return Table(
        name, (primary,), tuple(flat), entity_set=entity_set, primary_name=primary_name,
        schema_name=schema_name or name, label=label or name, alternate_keys=alternate_keys,
        indexes=(*followed, ("versionnumber",), *indexes), tags=tags,
    )  # fmt: skip
