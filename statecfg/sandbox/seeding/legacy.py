"""Reads a legacy system's export as it comes: any separator, encoding, headings and number signs.

It is a reader of its own on purpose: the sandbox must not judge a file with the product's own rules, or both would
be wrong together. Every row ends as a usable `LegacyRow` or as an `Unusable` with the reason; only blank lines vanish.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from statecfg.sandbox.seeding.words import CURRENCIES

FIELDS = (
    "contract", "line", "name", "amount", "tax", "currency", "date", "description", "invoiced", "billing", "percent",
)  # fmt: skip
NEEDED = ("contract", "line", "name", "amount", "currency", "date")
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d", "%d-%m-%Y", "%d.%m.%y")
YES = frozenset(
    ("yes", "y", "true", "1", "x", "ja", "j", "oui", "si", "invoiced", "paid", "billed", "fakturiert", "bezahlt")
)
TOTALS = re.compile(r"(grand |sub)?(total|sum|summe|zwischensumme|gesamt\w*|somme)\b.*")
LONGEST_NAME = 100
LARGEST_AMOUNT = Decimal(922337203685477)
PRECISIONS = {currency.code: currency.precision for currency in CURRENCIES}
RATES = {currency.code: currency.rate for currency in CURRENCIES}
LARGEST_COLUMNS_FILE = 1_000_000
SPACES = re.compile(r"[\s\u00a0\u202f']")
COMMA_DECIMAL = re.compile(r",\d{1,4}$")
NUMBERS = {
    ".": re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?"),
    ",": re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?"),
}


class Unreadable(Exception):
    """The export or the column description as a whole can't be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Where one field comes from: the heading, and how its cells are written."""

    heading: str
    decimal: str = ""
    format: str = ""
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """One usable row; `row` is its line in the file, amounts are in the row's currency."""

    row: int
    contract: str
    line: str
    name: str
    amount: Decimal
    tax: Decimal
    currency: str
    date: date
    description: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A row that no milestone can be made of, with the reason and its cells as they stand."""

    row: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """A legacy export, read: what can be used, and what can't."""

    headings: tuple[str, ...]
    usable: tuple[LegacyRow, ...]
    unusable: tuple[Unusable, ...] = field(default=())


def read(path: Path, columns: Path | None = None) -> Export:
    """The export at `path`; `columns` is a YAML file with `columns:` as a state file has it. Raises Unreadable."""
    try:
        headings, rows = _table(_text(path))
    except csv.Error as cause:
        raise Unreadable(f"{path.name} is no csv file: {cause}") from cause
    known = _headings(columns) if columns else _own_headings(headings)
    places = _places(known, headings, path)
    cells = [(number, row) for number, row in rows if any(cell.strip() for cell in row)]
    known = _with_habits(known, places, [row for _, row in cells])
    return _sorted_out(headings, cells, known, places)


def column_headings(text: str) -> dict[str, Heading]:
    """What a YAML text with `columns:` says of each field. Raises Unreadable."""
    if len(text) > LARGEST_COLUMNS_FILE:
        raise Unreadable("the column description is far too long for one")
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, RecursionError, ValueError) as cause:
        raise Unreadable(f"the column description is no YAML: {cause}") from cause
    declared = loaded.get("columns", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(declared, Mapping):
        raise Unreadable("the column description needs `columns:` with a heading for each field")
    unknown = [str(name) for name in declared if name not in FIELDS]
    if unknown:
        raise Unreadable(f"unknown fields in `columns:`: {', '.join(unknown)}; known are {', '.join(FIELDS)}")
    return {name: _heading(name, value) for name, value in declared.items()}


def _heading(name: str, value: Any) -> Heading:
    if isinstance(value, str):
        return Heading(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("from"), str):
        raise Unreadable(f"`columns: {name}` needs a heading, or `from:` with one")
    words = value.get("is", ())
    listed = [words] if isinstance(words, str) else list(words)
    return Heading(
        value["from"],
        _decimal_sign(name, str(value.get("decimal", ""))),
        str(value.get("format", "")),
        frozenset(str(word).strip().casefold() for word in listed),
    )


def _decimal_sign(name: str, sign: str) -> str:
    if sign not in ("", *NUMBERS):
        raise Unreadable(f"`columns: {name}: decimal` is {sign!r}; it is `.` or `,`")
    return sign


def _headings(columns: Path) -> dict[str, Heading]:
    return column_headings(_text(columns))


def _own_headings(headings: Sequence[str]) -> dict[str, Heading]:
    return {name: Heading(name) for name in FIELDS if name in {_folded(h) for h in headings}}


def _text(path: Path) -> str:
    """The file's text: UTF-8 with or without a byte order mark, UTF-16 with one, else Windows Latin."""
    try:
        raw = path.read_bytes()
    except OSError as cause:
        raise Unreadable(f"{path} can't be read: {cause.strerror}") from cause
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _table(text: str) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """Headings, and each further row with the line it ends on."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(first))
    rows = [(reader.line_num, row) for row in reader]
    start = next((n for n, (_, row) in enumerate(rows) if any(c.strip() for c in row)), None)
    if start is None:
        raise Unreadable("the export is empty")
    return tuple(cell.strip() for cell in rows[start][1]), rows[start + 1 :]


def _separator(first: str) -> str:
    return max((";", ",", "\t", "|"), key=first.count)


def _places(known: Mapping[str, Heading], headings: Sequence[str], path: Path) -> dict[str, int]:
    """The column number of each field. Raises Unreadable for a heading that isn't there."""
    where = {_folded(heading): n for n, heading in reversed(list(enumerate(headings)))}
    absent = [h.heading for h in known.values() if _folded(h.heading) not in where]
    absent += [name for name in NEEDED if name not in known]
    if absent:
        raise Unreadable(
            f"{path.name} has no column {', '.join(absent)}; its headings are {', '.join(headings)}. "
            "Say which heading is which field in a file of `columns:` and give it with --columns"
        )
    return {name: where[_folded(heading.heading)] for name, heading in known.items()}


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def _with_habits(
    known: Mapping[str, Heading], places: Mapping[str, int], rows: Sequence[Sequence[str]]
) -> dict[str, Heading]:
    """The same headings, with decimal sign and date form found from the cells where nobody said them."""

    def cells(name: str) -> list[str]:
        return [_cell(row, places[name]) for row in rows]

    found = dict(known)
    for name in ("amount", "tax"):
        if name in found and not found[name].decimal:
            commas = any(COMMA_DECIMAL.search(cell) for cell in cells(name))
            found[name] = Heading(found[name].heading, decimal="," if commas else ".")
    if not found["date"].format:
        found["date"] = Heading(found["date"].heading, format=_date_format(cells("date")))
    return found


def _date_format(cells: Iterable[str]) -> str:
    """The form that reads most of the cells; of equals the first."""
    filled = [cell for cell in cells if cell]
    return max(DATE_FORMATS, key=lambda form: sum(_day(cell, form) is not None for cell in filled))


def _cell(row: Sequence[str], place: int) -> str:
    text = row[place] if place < len(row) else ""
    return unicodedata.normalize("NFC", text).strip()


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return None


def _number(text: str, decimal: str) -> Decimal | None:
    plain = SPACES.sub("", text)
    # "1234.56" in a file of decimal commas is a slip, never 123456.
    if len(plain) > LONGEST_NAME or not NUMBERS[decimal].fullmatch(plain):
        return None
    return Decimal(plain.replace(".", "").replace(",", ".") if decimal == "," else plain.replace(",", ""))


def _sorted_out(
    headings: tuple[str, ...],
    cells: Sequence[tuple[int, Sequence[str]]],
    known: Mapping[str, Heading],
    places: Mapping[str, int],
) -> Export:
    usable: list[LegacyRow] = []
    unusable: list[Unusable] = []
    for number, row in cells:
        texts = {name: _cell(row, place) for name, place in places.items()}
        made = _row(number, texts, known)
        if isinstance(made, str):
            unusable.append(Unusable(number, made, tuple(row)))
        else:
            usable.append(made)
    kept, refused = _told_apart(usable)
    by_number = {number: tuple(row) for number, row in cells}
    unusable += [Unusable(number, reason, by_number[number]) for number, reason in refused]
    return Export(headings, tuple(kept), tuple(sorted(unusable, key=lambda u: u.row)))


def _row(number: int, texts: Mapping[str, str], known: Mapping[str, Heading]) -> LegacyRow | str:
    """The row, or why it can't be used."""
    reason = next(_faults(texts, known), None)
    if reason:
        return reason
    amount = _number(texts["amount"], known["amount"].decimal)
    tax = _number(texts["tax"], known["tax"].decimal) if texts.get("tax") else Decimal(0)
    day = _day(texts["date"], known["date"].format)
    if amount is None or tax is None or day is None:
        raise AssertionError("the faults say so before")
    return LegacyRow(
        row=number,
        contract=texts["contract"],
        line=texts["line"],
        name=texts["name"],
        amount=amount,
        tax=tax,
        currency=texts["currency"].upper(),
        date=day,
        description=texts.get("description", ""),
    )


def _faults(texts: Mapping[str, str], known: Mapping[str, Heading]) -> Iterator[str]:
    if any(TOTALS.fullmatch(_folded(texts[name])) for name in ("contract", "line", "name")):
        yield "a totals row, no milestone"
    missing = [name for name in NEEDED if not texts[name]]
    if missing:
        yield f"no {', '.join(missing)}"
    for name in ("contract", "line", "name", "description"):
        if len(texts.get(name, "")) > LONGEST_NAME:
            yield f"{name} is longer than {LONGEST_NAME} characters"
        if any(unicodedata.category(sign) == "Cc" for sign in texts.get(name, "")):
            yield f"{name} holds control characters"
    yield from _status_faults(texts, known)
    yield from _number_faults(texts, known)
    if not re.fullmatch(r"[A-Za-z]{3}", texts["currency"]):
        yield f"{texts['currency']!r} is no currency code"
    if _day(texts["date"], known["date"].format) is None:
        yield f"{texts['date']!r} is no date of the form {known['date'].format}"


def _status_faults(texts: Mapping[str, str], known: Mapping[str, Heading]) -> Iterator[str]:
    if "invoiced" in texts:
        words = known["invoiced"].words or YES
        if _folded(texts["invoiced"]) not in words:
            yield f"not invoiced: {texts['invoiced'] or 'empty'}"
    if _folded(texts.get("billing", "")) not in ("", "milestone"):
        yield f"billing is {texts['billing']}, only milestones are seeded"


def _number_faults(texts: Mapping[str, str], known: Mapping[str, Heading]) -> Iterator[str]:
    decimals = PRECISIONS.get(texts["currency"].upper(), 2)
    for name in ("amount", "tax"):
        if not texts.get(name):
            continue
        number = _number(texts[name], known[name].decimal)
        if number is None:
            yield f"{name} {texts[name]!r} is no number"
        elif name == "tax" and number < 0:
            yield f"the tax is negative: {texts[name]}"
        elif number != round(number, decimals):
            yield f"{name} {texts[name]} has more decimals than {texts['currency']} knows"
        elif abs(number) >= LARGEST_AMOUNT:
            yield f"{name} {texts[name]} is larger than the service holds"
    untaxed = not texts.get("tax") or not _number(texts["tax"], known["tax"].decimal)
    if not untaxed and not _number(texts["amount"], known["amount"].decimal):
        yield "tax without an amount"


def _told_apart(rows: Sequence[LegacyRow]) -> tuple[list[LegacyRow], list[tuple[int, str]]]:
    """Rows that differ in contract, line, name and day and keep to their contract's currency; the others refused."""
    seen: dict[tuple[str, ...], int] = {}
    contracts: dict[str, _Contract] = {}
    kept: list[LegacyRow] = []
    refused: list[tuple[int, str]] = []
    for row in rows:
        key = (*(_folded(text) for text in (row.contract, row.line, row.name)), row.date.isoformat())
        contract = contracts.setdefault(key[0], _Contract(row.currency))
        if key in seen:
            refused.append((row.row, f"the same contract, line, name and date as row {seen[key]}"))
        elif contract.currency != row.currency:
            refused.append((row.row, f"{row.currency} on a contract in {contract.currency}"))
        elif not contract.takes(row):
            refused.append((row.row, "the contract would be larger than the service holds"))
        else:
            seen[key] = row.row
            kept.append(row)
    return kept, refused


@dataclass(slots=True)
class _Contract:
    """What a contract comes to so far, in base currency where that is more."""

    currency: str
    total: Decimal = Decimal(0)

    def takes(self, row: LegacyRow) -> bool:
        """Whether there is room for a row; then it is counted."""
        total = self.total + (row.amount + row.tax) / min(RATES.get(row.currency, Decimal(1)), Decimal(1))
        if abs(total) >= LARGEST_AMOUNT:
            return False
        self.total = total
        return True
