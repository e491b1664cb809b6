"""What of a file's milestones is no longer as the cutover left it (rules 7.3, 7.5, 7.6). Pure; named by business key.

Milestones of others, later milestones included, are not ours and no drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statecfg.model.address import Source
from statecfg.model.declared import Desired
from statecfg.model.plan import FieldChange, Finding, Severity
from statecfg.resources.milestones.decide import Complaint, Match, Verdict, matches_of
from statecfg.resources.milestones.key import row_text
from statecfg.resources.milestones.live import INVOICED, NO_STATUS, NONE, Entry, MilestonesLive
from statecfg.resources.milestones.wording import WORDINGS

MOST = 500
"""Milestones that are told one by one; of more, the number is said."""

IN_DATAVERSE: Mapping[int, str] = {
    NONE: "absent", 0: "Not ready for invoicing", 1: "Ready for invoicing", 2: "Customer invoice created",
    3: "Customer invoice posted",
}  # fmt: skip
IN_FINANCE: Mapping[int, str] = {NONE: "absent", NO_STATUS: "NoStatus", INVOICED: "Invoiced"}

STANDING: Mapping[Verdict, tuple[Severity, str, str]] = {
    "create": ("block", "milestone-missing", "find out who deleted it; nothing makes it again after the cutover"),
    "set_ready": ("block", "milestone-not-sent", "it was never sent to F&O: finish the cutover"),
    "resend": ("block", "milestone-not-sent", "it was never sent to F&O: finish the cutover"),
    "done": ("block", "open-in-dataverse", "Invoiced in F&O, open in Dataverse: finish the cutover, or put both right"),
    "drafted": ("block", "open-in-dataverse", "it is on a draft: finish the cutover, or put both right"),
    "settled": (
        "block", "revised-after-go-live",
        "its invoice was credited or revised: look at the corrective invoice; it is never invoiced again by this tool",
    ),
}  # fmt: skip
"""How a row stands that should be posted -> severity, code, what to do."""


def drift(desired: Desired, live: MilestonesLive) -> Iterator[Finding]:
    """A finding for each milestone that is not as it was left. Nothing if the cutover has not begun."""
    if live.rows and not live.total("found"):
        what = "no milestone of the file is in the environment: the cutover has not begun"
        yield Finding("info", "not-begun", what, title="milestones", address=desired.address)
        return
    told = 0
    for match in matches_of(live):
        for finding in _of(match, desired, live):
            told += 1
            if told <= MOST:
                yield finding
    if told > MOST:
        what = f"and {told - MOST:,} more milestones are not as they were left"
        yield Finding("block", "more-drift", what, title="milestones", address=desired.address)


def _of(match: Match, desired: Desired, live: MilestonesLive) -> Iterator[Finding]:
    key = live.known.keys.words(row_text(match.row))
    path = desired.records.path if desired.records else ""
    where = Source(path, match.row.row)
    for complaint in match.complaints:
        yield _complained(complaint, match, key, where, desired)
    if match.verdict in STANDING:
        severity, code, do = STANDING[match.verdict]
        what = f"{key} is {_standing(match.entry)}"
        changes = _statuses(match.entry)
        yield Finding(severity, code, what, do, "milestone", where, desired.address, changes=changes)


def _complained(complaint: Complaint, match: Match, key: str, where: Source, desired: Desired) -> Finding:
    wording = WORDINGS[complaint.code]
    changes = _leaf(complaint, match) or (_statuses(match.entry) if match.verdict == "blocked" else ())
    what = f"{key}: {complaint.words or wording.title}"
    title = wording.title
    return Finding(wording.severity, complaint.code, what, wording.do, title, where, desired.address, changes=changes)


def _leaf(complaint: Complaint, match: Match) -> tuple[FieldChange, ...]:
    """The field that a complaint is about, expected -> live."""
    row, entry = match.row, match.entry
    leaves: Mapping[str, tuple[object, object]] = {
        "amount-differs": (row.amount, entry.amount),
        "tax-differs": (row.tax, entry.tax),
        "currency-differs": (row.currency, entry.currency),
        "date-differs": (row.date, entry.day),
        "amount-in-finance-differs": (row.amount, entry.finance_amount),
        "currency-in-finance-differs": (row.currency, entry.finance_currency),
        "date-in-finance-differs": (row.date, entry.finance_day),
    }
    if complaint.code not in leaves:
        return ()
    expected, found = leaves[complaint.code]
    side = "F&O" if "-in-finance-" in complaint.code else "Dataverse"
    return (FieldChange(f"{complaint.field} in {side}", expected, found),)


def _standing(entry: Entry) -> str:
    return f"{IN_DATAVERSE.get(entry.status, '?')} in Dataverse, {IN_FINANCE.get(entry.finance, 'otherwise')} in F&O"


def _statuses(entry: Entry) -> tuple[FieldChange, ...]:
    pairs = (
        ("status in Dataverse", IN_DATAVERSE[3], IN_DATAVERSE.get(entry.status, "?")),
        ("status in F&O", IN_FINANCE[INVOICED], IN_FINANCE.get(entry.finance, "another status")),
    )
    return tuple(FieldChange(path, old, new) for path, old, new in pairs if old != new)
