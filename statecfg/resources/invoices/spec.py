"""What a state file may say of the invoices of a cutover. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class InvoicesSpec:
    """One proforma invoice a contract, over milestones of another resource (rules 6).

    of: the address of those milestones, for example `milestones/invoiced-before-go-live`.
    """

    of: str
    status: Literal["confirmed"] = "confirmed"
