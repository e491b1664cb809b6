"""What a finding about invoices says: for each code its severity, its words and what to do. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from statecfg.model.address import Address, Source
from statecfg.model.plan import Finding, Severity

HOLD = (
    "keep maintenance on; leave Import from staging and proposal posting on hold; don't resume a map and don't use "
    "Sync Actuals; give this list to finance, who remove the rows from staging before anything is imported"
)
"""What people must do once something leaked (rules 6.7)."""


class Wording(NamedTuple):
    """severity, the few words of the left column, what to do."""

    severity: Severity
    title: str
    do: str


WORDINGS: Mapping[str, Wording] = {
    "foreign-on-draft": Wording(
        "block", "draft", "take the other lines off the draft, or delete it: its milestones become ready again"),
    "partial-draft": Wording(
        "block", "draft", "delete the draft: its milestones become ready again, and all go on one invoice"),
    "drafts-unclear": Wording(
        "block", "draft", "look at the drafts of the contract: their lines are not our milestones as they stand"),
    "foreign-on-confirmed": Wording(
        "warn", "invoice", "show it to finance: more than the milestones of the file was invoiced"),
    "confirmed-with-others": Wording(
        "block", "invoice",
        "show it to finance: what was added is billed in Dataverse now, and reaches no invoice of F&O"),
    "invoices-in-flight": Wording(
        "info", "in flight", "nothing to do: the jobs are waited for first"),
    "invoice-open": Wording(
        "block", "invoice", "finish the cutover: statecfg apply"),
    "revised-after-go-live": Wording(
        "block", "revised", "look at the corrective invoice: it credits in AR what was never posted there"),
    "leaked": Wording("block", "leaked", HOLD),
}  # fmt: skip


def finding(
    code: str, what: str, address: Address | None, details: tuple[str, ...] = (), where: Source | None = None
) -> Finding:
    """A finding in this page's words."""
    wording = WORDINGS[code]
    source = where or Source("")
    return Finding(wording.severity, code, what, wording.do, wording.title, source, address, details)
