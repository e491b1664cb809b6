"""What the file alone shows to be wrong with its rows: nothing of the environment is needed (rules 4.1, 4.6). Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from statecfg.model.address import Source
from statecfg.model.declared import Desired
from statecfg.model.errors import Problem
from statecfg.resources.milestones.decide import is_invoiced
from statecfg.resources.milestones.key import Keys, normal, row_text
from statecfg.resources.milestones.spec import MilestoneRow, MilestonesSpec
from statecfg.resources.milestones.wording import heading, money

# Source: reference/project-operations.md, "msdyn_contractlinescheduleofvalue".
AMOUNT_LIMIT = Decimal(922337203685477)
AMOUNT_DECIMALS = 4
TEXT_LIMIT = 100
MOST = 5000
"""Problems that are told of one sort; of more, the number is said."""


def problems(desired: Desired) -> Iterator[Problem]:
    """Everything that is wrong with a declaration of milestones and its rows, in the order of the file."""
    spec: MilestonesSpec = desired.spec
    if not spec.key:
        yield Problem("key-empty", desired.source, "`key` names no field", "leave it out, or name the fields")
        return
    if desired.records is None:
        return
    totals = _Totals()
    yield from _first_of_each(_row_problems(desired, desired.records, totals), desired.source)
    yield from totals.problems(desired)


def _row_problems(desired: Desired, rows: Iterable[MilestoneRow], totals: _Totals) -> Iterator[Problem]:
    spec: MilestonesSpec = desired.spec
    path = desired.records.path if desired.records else ""
    keys, seen, currencies = Keys("", spec.key), dict[bytes, int](), dict[str, tuple[str, int]]()

    def told(row: int, name: str, code: str, what: str, do: str) -> Problem:
        return Problem(code, Source(path, row, heading(spec.columns, name)), what, do)

    for row in rows:
        for name, code, what, do in _of_row(row, spec):
            yield told(row.row, name, code, what, do)
        if not is_invoiced(row):
            continue
        totals.add(row)
        computed = keys.id(row_text(row))
        first = seen.setdefault(computed, row.row)
        if first != row.row:
            what = f"rows {first} and {row.row} are the same milestone: {keys.words(row_text(row))}"
            yield told(row.row, spec.key[-1], "duplicate-row", what, _DUPLICATE)
        elif _is_code(row.currency):
            code, began = currencies.setdefault(normal(row.contract), (row.currency.upper(), row.row))
            if code != row.currency.upper():
                what = f"{row.currency}, but row {began} has contract {row.contract} in {code}"
                yield told(row.row, "currency", "two-currencies", what, "a contract has one currency")


_DUPLICATE = (
    "remove one, or add the field that tells them apart to `key`, for example key: [contract, line, name, date]"
)

Said = tuple[str, str, str, str]
"""field, code, what, do"""


def _of_row(row: MilestoneRow, spec: MilestonesSpec) -> Iterator[Said]:
    if not is_invoiced(row):
        if spec.not_invoiced == "refuse":
            yield "invoiced", "row-not-invoiced", "this milestone was not invoiced in the old system", _NOT_INVOICED
        return
    yield from _money(row)
    yield from _texts(row)
    yield from _billing(row)
    if "date" in spec.key and row.date is None:
        yield "date", "key-date-empty", "`key` has the date, and this row has none", "fill in the date"
    if "description" in spec.key and not row.description:
        yield "description", "key-description-empty", "`key` has the description, and this row has none", "fill it in"


_NOT_INVOICED = (
    "take the row out of the file: milestones that are not invoiced come after the cutover; "
    "or declare `not_invoiced: set_aside`"
)


def _money(row: MilestoneRow) -> Iterator[Said]:
    for name, value in (("amount", row.amount), ("tax", row.tax)):
        if value is None:
            continue
        if abs(value) > AMOUNT_LIMIT:
            yield name, "amount-too-large", f"{value} is more than the service can hold ({AMOUNT_LIMIT})", "correct it"
        elif value != round(value, AMOUNT_DECIMALS):
            yield name, "too-many-decimals", f"{value} has more than {AMOUNT_DECIMALS} decimals", "round it"
    if row.tax is not None and row.tax < 0:
        yield "tax", "tax-negative", f"the tax is negative: {row.tax}", "the service takes no negative tax"
    if row.tax and row.amount == 0:
        yield "tax", "tax-without-amount", f"the tax is {row.tax}, but the amount is 0", "tax must be 0 then"


def _texts(row: MilestoneRow) -> Iterator[Said]:
    for name, value in (("name", row.name), ("description", row.description)):
        if value and len(value) > TEXT_LIMIT:
            what = f"{len(value)} characters; the service takes {TEXT_LIMIT}"
            yield name, "text-too-long", what, "shorten it"
    if not row.currency.strip():
        yield "currency", "currency-missing", "the currency is missing", "fill in an ISO code, for example USD"
    elif not _is_code(row.currency):
        what = f"{row.currency!r} is not an ISO currency code"
        yield "currency", "currency-unknown", what, "write three letters, for example USD"


def _is_code(currency: str) -> bool:
    return len(currency) == 3 and currency.isascii() and currency.isalpha()


def _billing(row: MilestoneRow) -> Iterator[Said]:
    billing = (row.billing or "milestone").strip().casefold()
    if billing == "progress":
        what = "progress-based lines can't be migrated with this version"
        yield "billing", "progress-not-offered", what, "take the row out of the file"
    elif billing != "milestone":
        yield "billing", "billing-unknown", f"{row.billing!r} is no way of billing", "write milestone, or nothing"


class _Totals:
    """Counts and sums of the invoiced rows, to hold against what was declared."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[str, Decimal] = defaultdict(Decimal)

    def add(self, row: MilestoneRow) -> None:
        self.count += 1
        self.sums[row.currency.upper()] += row.amount

    def problems(self, desired: Desired) -> Iterator[Problem]:
        expect = desired.spec.expect
        do = "find the rows that are missing or too many; the control totals come from the old system"
        if self.count == 0:
            yield Problem("no-rows", desired.source, "the file has no invoiced row", "check the file and its columns")
        if expect.count is not None and expect.count != self.count:
            what = f"the file has {self.count:,} invoiced rows, but {expect.count:,} are expected"
            yield Problem("control-totals", desired.source, what, do)
        wanted = {currency.upper(): amount for currency, amount in expect.sum.items()}
        for currency in sorted({*wanted, *(self.sums if wanted else ())}):
            found, expected = self.sums.get(currency, Decimal(0)), wanted.get(currency, Decimal(0))
            if found != expected:
                what = f"the invoiced rows come to {money(found)} {currency}, but {money(expected)} are expected"
                yield Problem("control-totals", desired.source, what, do)


def _first_of_each(problems: Iterable[Problem], where: Source) -> Iterator[Problem]:
    told: Counter[str] = Counter()
    for problem in problems:
        told[problem.code] += 1
        if told[problem.code] <= MOST:
            yield problem
    for code, count in told.items():
        if count > MOST:
            yield Problem(code, where, f"and {count - MOST:,} more rows of this sort", "")
