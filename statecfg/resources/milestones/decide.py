"""What is to be done with one row of the file, given how its milestone stands (rules 4.2 to 4.5). Pure.

The table is data; everything else on this page is a reason for which a row is left alone and named instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from statecfg.resources.milestones.key import id_text, normal, row_text
from statecfg.resources.milestones.live import (
    INVOICED,
    NO_STATUS,
    NONE,
    NOT_READY,
    ON_INVOICE,
    POSTED,
    READY,
    ContractInfo,
    Entry,
    Known,
    LineInfo,
    MilestonesLive,
)
from statecfg.resources.milestones.spec import MilestoneRow, MilestonesSpec

Verdict = Literal["create", "set_ready", "resend", "done", "drafted", "posted", "settled", "blocked"]
SENT: tuple[Verdict, ...] = ("create", "set_ready", "resend")
FINAL: tuple[Verdict, ...] = ("posted", "settled")

CELLS: Mapping[tuple[int, int], tuple[Verdict, str]] = {
    (NONE, NONE): ("create", ""),
    (NONE, NO_STATUS): ("blocked", "orphan-in-finance"),
    (NONE, INVOICED): ("blocked", "orphan-in-finance"),
    (NOT_READY, NONE): ("set_ready", ""),
    (NOT_READY, NO_STATUS): ("set_ready", "restamp"),
    (NOT_READY, INVOICED): ("blocked", "not-ready-but-invoiced"),
    (READY, NONE): ("resend", ""),
    (READY, NO_STATUS): ("resend", "restamp"),
    (READY, INVOICED): ("done", ""),
    (ON_INVOICE, NONE): ("blocked", "on-invoice-not-in-finance"),
    (ON_INVOICE, NO_STATUS): ("blocked", "on-invoice-not-invoiced"),
    (ON_INVOICE, INVOICED): ("drafted", ""),
    (POSTED, NONE): ("blocked", "posted-not-in-finance"),
    (POSTED, NO_STATUS): ("blocked", "posted-not-invoiced"),
    (POSTED, INVOICED): ("posted", ""),
}
"""(status in Dataverse, status in F&O) -> what to do, and the code of why not. `restamp` = if the setting allows."""


class Complaint(NamedTuple):
    """Why a row is not acted on, or what is odd about it: a code, the field to blame, and the facts in words."""

    code: str
    field: str = ""
    words: str = ""


class Match(NamedTuple):
    """One invoiced row of the file, the milestone that it is or will be, and what is to be done.

    id: the milestone's id, computed or adopted. complaints: empty, or what a finding will say of it.
    """

    row: MilestoneRow
    id: bytes
    computed: bytes
    contract: ContractInfo | None
    line: LineInfo | None
    entry: Entry
    verdict: Verdict
    complaints: tuple[Complaint, ...] = ()

    @property
    def tax(self) -> Decimal:
        """The row's tax; where the file declares none, that of the live milestone."""
        return self.row.tax if self.row.tax is not None else self.entry.tax or Decimal(0)


def verdict(entry: Entry, spec: MilestonesSpec) -> tuple[Verdict, str]:
    """What the table says of a milestone that stands so, and the code of the reason if it is left alone."""
    if entry.billed and entry.status != POSTED:
        return "settled", ""
    if entry.posted:
        return "blocked", "invoiced-for-real"
    what, code = CELLS.get((entry.status, entry.finance), ("blocked", "unexpected-in-finance"))
    if code == "restamp":
        return (what, "") if spec.restamp == "update" else ("blocked", "arrived-without-status")
    if what == "set_ready" and not spec.adopt_not_ready:
        return "blocked", "not-ready"
    return what, code


def is_invoiced(row: MilestoneRow) -> bool:
    """Whether a row counts: its milestone was invoiced in the old system. No such column = yes."""
    return row.invoiced is not False


def matches(rows: Iterable[MilestoneRow], spec: MilestonesSpec, known: Known) -> Iterator[Match]:
    """Every invoiced row, in file order, with its milestone and what is to be done."""
    return (matched(row, spec, known) for row in rows if is_invoiced(row))


def matches_of(live: MilestonesLive) -> Iterator[Match]:
    """Every invoiced row of what was read, in file order; the file is read afresh."""
    return matches(live.desired.records or (), live.desired.spec, live.known)


def matched(row: MilestoneRow, spec: MilestonesSpec, known: Known) -> Match:
    """One row with its milestone: by computed id, then the one adopted before, then by key (rules 4.1)."""
    computed = known.keys.id(row_text(row))
    others = tuple(each for each in known.candidates.get(computed, ()) if each not in known.ids)
    own, recorded = known.entry(computed), known.recorded.get(computed)
    adopted = recorded or (others[0] if len(others) == 1 else None)
    found, entry = (adopted, known.entry(adopted)) if own.status == NONE and adopted else (computed, own)
    contract = known.contracts.get(normal(row.contract))
    line = contract.lines.get(normal(row.line)) if contract else None
    what, code = verdict(entry, spec)
    match = Match(row, found, computed, contract, line, entry, what)
    complaints = tuple(_complaints(match, code, others, known))
    blocked = any(complaint.code not in HARMLESS for complaint in complaints)
    return match._replace(complaints=complaints, verdict="blocked" if blocked else what)


HARMLESS = frozenset({"renamed", "date-in-finance-differs", "date-outside-periods"})
"""Complaints that are told and don't keep a row from being acted on."""


def _complaints(match: Match, code: str, others: Sequence[bytes], known: Known) -> Iterator[Complaint]:
    """Everything to be said of a row. code: why the table leaves it alone. others: live milestones of its key."""
    if code:
        yield Complaint(code, "name")
    if match.verdict == "settled":
        return
    if match.id in known.unclear:
        yield Complaint("ambiguous-settled", "name")
    if match.verdict not in FINAL:
        yield from _rivals(match, others, known)
    yield from _placement(match, known)
    if match.entry.status != NONE and match.contract:
        yield from differences(match.row, match.entry, match.line)
        if match.id in known.names and match.id not in known.candidates.get(match.computed, ()):
            yield Complaint("renamed", "name", f"now called {known.names[match.id]}")
    if match.verdict in SENT and match.contract:
        yield from _timing(match.row, match.contract, known)


def _rivals(match: Match, others: Sequence[bytes], known: Known) -> Iterator[Complaint]:
    """Several live milestones that stand for one key (rules 4.1): named, none of them taken."""
    is_own = match.id == match.computed and match.entry.status != NONE
    taken = (match.id,) if is_own or match.id == known.recorded.get(match.computed) else ()
    rivals = (*taken, *(each for each in others if each not in taken))
    if len(rivals) > 1:
        names = [f"{known.names.get(each, match.row.name)} ({id_text(each)})" for each in rivals]
        yield Complaint("several-candidates", "name", " and ".join(names))


def _placement(match: Match, known: Known) -> Iterator[Complaint]:
    """Whether the row's contract and line exist and may carry it; for a final row only that they exist."""
    row, contract, line = match.row, match.contract, match.line
    if contract is None:
        code = "ambiguous-contract" if normal(row.contract) in known.ambiguous else "unknown-contract"
        yield Complaint(code, "contract", row.contract)
        return
    if line is None:
        code = "ambiguous-line" if normal(row.line) in contract.ambiguous else "unknown-line"
        yield Complaint(code, "line", f"{row.line} on contract {contract.number}")
    if row.currency.upper() != contract.currency.upper():
        yield Complaint("currency-mismatch", "currency", f"{row.currency}, the contract is in {contract.currency}")
    if match.verdict in FINAL:
        return
    yield from _contract_complaints(contract, known)
    if line is not None:
        yield from _line_complaints(line)
    yield from _too_fine(row, contract)


def _too_fine(row: MilestoneRow, contract: ContractInfo) -> Iterator[Complaint]:
    for name, value in (("amount", row.amount), ("tax", row.tax)):
        if value is not None and value != round(value, contract.precision):
            words = f"{value} {contract.currency}, which has {contract.precision} decimals"
            yield Complaint("too-many-decimals", name, words)


def _contract_complaints(contract: ContractInfo, known: Known) -> Iterator[Complaint]:
    if known.legal_entities and contract.company.casefold() not in known.legal_entities:
        words = f"{contract.number} belongs to {contract.company or 'no legal entity'}"
        yield Complaint("outside-legal-entities", "contract", words)
    if not contract.won:
        yield Complaint("contract-not-won", "contract", contract.number)


def _line_complaints(line: LineInfo) -> Iterator[Complaint]:
    words = f"{line.name} on contract {line.contract}"
    if not line.fixed_price:
        yield Complaint("line-not-fixed-price", "line", words)
    if not line.project:
        yield Complaint("line-without-project", "line", words)
    if line.customers > 1:
        yield Complaint("several-customers", "line", f"{words}: {line.customers} customers")


def differences(row: MilestoneRow, entry: Entry, line: LineInfo | None) -> Iterator[Complaint]:
    """Declared fields of a live milestone that are not as the file has them, in Dataverse and in F&O."""
    live_tax = entry.tax or Decimal(0)
    if entry.amount != row.amount:
        yield Complaint("amount-differs", "amount", f"file {row.amount}, Dataverse {_or_empty(entry.amount)}")
    if row.tax is not None and live_tax != row.tax:
        yield Complaint("tax-differs", "tax", f"file {row.tax}, Dataverse {live_tax}")
    if entry.currency.upper() != row.currency.upper():
        yield Complaint("currency-differs", "currency", f"file {row.currency}, Dataverse {entry.currency or 'empty'}")
    if row.date is not None and entry.day != row.date:
        yield Complaint("date-differs", "date", f"file {row.date}, Dataverse {_or_empty(entry.day)}")
    if line is not None and entry.line != line.index:
        yield Complaint("line-differs", "line", f"file {line.name}, Dataverse another line")
    if entry.finance != NONE:
        yield from _finance_differences(row, entry)


def _finance_differences(row: MilestoneRow, entry: Entry) -> Iterator[Complaint]:
    if entry.finance_amount != row.amount:
        words = f"file {row.amount}, F&O {_or_empty(entry.finance_amount)}"
        yield Complaint("amount-in-finance-differs", "amount", words)
    if entry.finance_currency.upper() != row.currency.upper():
        words = f"file {row.currency}, F&O {entry.finance_currency or 'empty'}"
        yield Complaint("currency-in-finance-differs", "currency", words)
    if row.date is not None and entry.finance_day != row.date:
        words = f"file {row.date}, F&O {_or_empty(entry.finance_day)}"
        yield Complaint("date-in-finance-differs", "date", words)


def _or_empty(value: object) -> str:
    return "empty" if value is None else str(value)


def _timing(row: MilestoneRow, contract: ContractInfo, known: Known) -> Iterator[Complaint]:
    periods = known.periods.get(contract.company.casefold())
    if row.date is None or periods is None:
        return
    if not any(start <= row.date <= end for start, end in periods):
        yield Complaint("date-outside-periods", "date", f"{row.date}, legal entity {contract.company}")
