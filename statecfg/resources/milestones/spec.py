"""What a state file may say of milestones, and what a row of their file holds. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from statecfg.model.columns import Columns, Delimiter, Encoding

KeyField = Literal["contract", "line", "name", "date", "description"]


@dataclass(frozen=True, slots=True)
class InFinance:
    """What each milestone must be in F&O."""

    status: Literal["Invoiced"] = "Invoiced"


@dataclass(frozen=True, slots=True)
class Expect:
    """Control totals over the invoiced rows: how many, and the amount per currency. Empty = not checked."""

    count: int | None = None
    sum: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MilestonesSpec:
    """Milestones that were invoiced before go-live, one per row of a file (rules 4).

    key: the fields that tell one milestone from another; a legacy number goes into `description`. restamp: whether
    a milestone that arrived in F&O as NoStatus is sent again so that it becomes Invoiced (that it then does is
    inferred). adopt_not_ready: whether a milestone made by hand that is not ready for invoicing is set ready.
    """

    from_: str
    status: Literal["ready_for_invoicing"] = "ready_for_invoicing"
    in_finance: InFinance = InFinance()
    expect: Expect = Expect()
    columns: Columns | None = None
    sheet: str = ""
    delimiter: Delimiter | None = None
    encoding: Encoding | None = None
    key: tuple[KeyField, ...] = ("contract", "line", "name")
    on_refused: Literal["stop", "continue"] = "stop"
    not_invoiced: Literal["refuse", "set_aside"] = "refuse"
    restamp: Literal["refuse", "update"] = "refuse"
    multi_customer: Literal["refuse"] = "refuse"
    adopt_not_ready: bool = True


class MilestoneRow(NamedTuple):
    """One row of the file, as loading hands it over. Money is in the row's currency, exact.

    invoiced: None where the file has no such column, which counts as invoiced. billing: `milestone` (also None)
    or `progress`.
    """

    row: int
    contract: str
    line: str
    name: str
    amount: Decimal
    tax: Decimal | None
    currency: str
    date: date | None
    description: str | None
    invoiced: bool | None
    billing: str | None
    percent: Decimal | None
