"""What a finding about milestones says: for each code its severity, its words and what to do. Pure data.

Codes are stable: they are the names of attestations and what a pipeline looks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from statecfg.model.address import Address, Source
from statecfg.model.columns import Column, Columns
from statecfg.model.plan import Finding, Severity

MOST = 200
"""Rows that one finding names; of more, the number is said."""


class Wording(NamedTuple):
    """severity, the few words of the left column, the sentence (with {n} rows), what to do."""

    severity: Severity
    title: str
    one: str
    do: str


WORDINGS: Mapping[str, Wording] = {
    "unknown-contract": Wording(
        "block", "unknown contract", "{n} of the file are on a contract that this environment does not have",
        "make the contracts first, or correct the contract numbers in the file"),
    "ambiguous-contract": Wording(
        "block", "ambiguous contract", "{n} of the file are on a number that several project contracts have",
        "give each project contract a number of its own"),
    "unknown-line": Wording(
        "block", "unknown line", "{n} of the file are on a contract line that the contract does not have",
        "make the contract lines first, or correct their names in the file"),
    "ambiguous-line": Wording(
        "block", "ambiguous line", "{n} of the file are on a name that several lines of the contract have",
        "give each contract line a name of its own, or write its number in the file"),
    "outside-legal-entities": Wording(
        "block", "legal entity", "{n} of the file are on contracts of a legal entity that is not part of this cutover",
        "add the legal entity to `legal_entities` in the inventory, or take the rows out of the file"),
    "contract-not-won": Wording(
        "block", "contract not won", "{n} of the file are on a contract that is not won, so that it can't be invoiced",
        "close the contract as won first"),
    "line-not-fixed-price": Wording(
        "block", "not fixed price", "{n} of the file are on a contract line that is not fixed price",
        "only fixed-price lines have milestones: correct the line in the file or in the contract"),
    "line-without-project": Wording(
        "block", "line without project", "{n} of the file are on a contract line without a project",
        "map a project to the contract line first"),
    "several-customers": Wording(
        "block", "several customers", "{n} of the file are on a contract line that several customers are billed for",
        "such lines are refused: take them out of the file and migrate them by hand"),
    "currency-mismatch": Wording(
        "block", "currency", "{n} of the file are in another currency than their contract",
        "correct the currency in the file; contract, milestone and invoice share one"),
    "too-many-decimals": Wording(
        "block", "decimals", "{n} of the file have an amount of more decimals than the currency has",
        "round the amounts in the file"),
    "several-candidates": Wording(
        "block", "same key twice", "{n} of the file stand for several milestones in Dataverse",
        "delete or rename all but one of them, or add `date` to `key`"),
    "orphan-in-finance": Wording(
        "block", "orphan in F&O", "{n} of the file have a milestone in F&O but none in Dataverse",
        "have finance remove the on-account transactions in F&O; the records in Dataverse were deleted"),
    "not-ready": Wording(
        "block", "not ready", "{n} of the file were made by hand and are not ready for invoicing",
        "set them ready, or declare `adopt_not_ready: true`"),
    "not-ready-but-invoiced": Wording(
        "block", "not ready", "{n} of the file are Invoiced in F&O but not ready for invoicing in Dataverse",
        "find out who set them back; they must be ready for invoicing again before they can go on"),
    "arrived-without-status": Wording(
        "block", "arrived as NoStatus", "{n} of the file arrived in F&O without being Invoiced there",
        "the map did not run on the cutover version when they were made: have finance correct them, or declare "
        "`restamp: update` where sending them again is known to correct them"),
    "on-invoice-not-in-finance": Wording(
        "block", "on a draft", "{n} of the file are on an invoice but never arrived in F&O",
        "delete the draft invoice first, so that they are ready for invoicing again"),
    "on-invoice-not-invoiced": Wording(
        "block", "on a draft", "{n} of the file are on an invoice but not Invoiced in F&O",
        "delete the draft invoice first, then have finance correct them in F&O"),
    "posted-not-in-finance": Wording(
        "block", "posted, not in F&O", "{n} of the file are posted in Dataverse but never arrived in F&O",
        "they can't be sent any more: finance must enter them in F&O by hand"),
    "posted-not-invoiced": Wording(
        "block", "posted, not Invoiced", "{n} of the file are posted in Dataverse but not Invoiced in F&O",
        "they can't be sent any more: finance must correct them in F&O by hand"),
    "unexpected-in-finance": Wording(
        "block", "unexpected in F&O", "{n} of the file have a status in F&O that a cutover never gives them",
        "look at the on-account transactions in F&O: a proposal may hold them"),
    "invoiced-for-real": Wording(
        "block", "invoiced for real", "{n} of the file are on a posted invoice or have a voucher in F&O",
        "money was posted for them: finance must credit it, and maintenance must stay on until then"),
    "ambiguous-settled": Wording(
        "block", "perhaps invoiced", "{n} of the file can't be told from one that was invoiced before",
        "same line, name and amount as a billed actual: rename them, so that it is clear which was invoiced"),
    "amount-differs": Wording(
        "block", "amount", "{n} of the file have another amount in Dataverse",
        "correct the file or the milestone; nothing is ever changed by this tool once it is made"),
    "tax-differs": Wording(
        "block", "tax", "{n} of the file have another tax in Dataverse", "correct the file or the milestone"),
    "currency-differs": Wording(
        "block", "currency", "{n} of the file have another currency in Dataverse",
        "correct the file or the milestone"),
    "date-differs": Wording(
        "block", "date", "{n} of the file have another date in Dataverse", "correct the file or the milestone"),
    "line-differs": Wording(
        "block", "line", "{n} of the file are on another contract line in Dataverse",
        "correct the file or the milestone"),
    "amount-in-finance-differs": Wording(
        "block", "amount in F&O", "{n} of the file have another amount in F&O", "find out who changed it in F&O"),
    "currency-in-finance-differs": Wording(
        "block", "currency in F&O", "{n} of the file have another currency in F&O",
        "find out who changed it in F&O"),
    "date-in-finance-differs": Wording(
        "warn", "date in F&O", "{n} of the file have another date in F&O",
        "check the time zone of the user who made them, and which date the map carries"),
    "renamed": Wording(
        "warn", "renamed", "{n} of the file were renamed or moved in Dataverse after they were made",
        "give them their names back, or correct the file; they are not made again"),
    "date-outside-periods": Wording(
        "warn", "fiscal period", "{n} of the file have a date outside the fiscal calendar of their legal entity",
        "check the dates, or extend the fiscal calendar"),
    "contracted-amount-exceeded": Wording(
        "block", "contracted amount", "the milestones of {n} would exceed the contracted amount",
        "correct the amounts, or the contract line; milestones of others on the line count too"),
    "open-remainder": Wording(
        "info", "open remainder", "{n} have less in milestones than was contracted",
        "nothing to do: milestones that are not invoiced yet come after the cutover"),
    "rows-set-aside": Wording(
        "info", "set aside", "{n} of the file are not invoiced and are written nowhere",
        "they come after the cutover, under the original map version"),
    "percent-not-used": Wording(
        "info", "percent", "{n} of the file have a percent, which only progress lines use", ""),
}  # fmt: skip


def money(amount: Decimal) -> str:
    """An amount as people write it: thousands set off, at least two decimals, none that say nothing."""
    text = f"{amount:,f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def heading(columns: Columns | None, name: str) -> str:
    """The file's heading of a field."""
    column = (columns or {}).get(name, name)
    return column.from_ if isinstance(column, Column) else column


@dataclass(slots=True)
class _Told:
    """What was collected of one code."""

    count: int = 0
    where: Source | None = None
    details: list[str] = field(default_factory=list)


class Notes:
    """Collects what is to be said, and says it in one finding a code; blocking ones first."""

    def __init__(self, address: Address, file: str, columns: Columns | None = None) -> None:
        self._address, self._file, self._columns = address, file, columns
        self._told: dict[str, _Told] = defaultdict(_Told)

    def add(self, code: str, key: str, words: str = "", *, row: int = 0, name: str = "") -> None:
        """Tell one thing of one record. row, name: the row of the file and the field to blame."""
        told = self._told[code]
        told.count += 1
        where = Source(self._file, row, heading(self._columns, name) if name else 0)
        told.where = told.where or where
        if told.count <= MOST:
            told.details.append(f"{where}: {key}" + (f": {words}" if words else ""))

    def __contains__(self, code: str) -> bool:
        return code in self._told

    def findings(self) -> tuple[Finding, ...]:
        """One finding a code, blocking ones first."""
        order = {"block": 0, "ask": 1, "warn": 2, "info": 3, "ok": 4}
        made = (self._finding(code, told) for code, told in self._told.items())
        return tuple(sorted(made, key=lambda finding: order[finding.severity]))

    def _finding(self, code: str, told: _Told) -> Finding:
        wording = WORDINGS[code]
        noun = "line" if code in LINES else "row"
        counted = f"{told.count:,} {noun}" + ("" if told.count == 1 else "s")
        return Finding(
            severity=wording.severity,
            code=code,
            what=_agreed(wording.one.format(n=counted), told.count),
            do=wording.do,
            title=wording.title,
            where=told.where or Source(self._file),
            address=self._address,
            details=tuple(_with_rest(told)),
        )


LINES = frozenset({"contracted-amount-exceeded", "open-remainder"})


def _with_rest(told: _Told) -> Iterator[str]:
    yield from told.details
    if told.count > MOST:
        yield f"and {told.count - MOST:,} more"


def _agreed(sentence: str, count: int) -> str:
    """The sentence with its verbs in the singular where one row is meant."""
    if count != 1:
        return sentence
    for many, one in ((" are ", " is "), (" have ", " has "), (" were ", " was "), (" stand ", " stands ")):
        head, found, tail = sentence.partition(many)
        if found:
            return head + one + tail
    return sentence
