"""From a cell to the value that a field declares: text, exact money, a date, yes or no.

Strict on purpose: what could be read in two ways is refused with the reason, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, get_args

from statecfg.loading.tables.cells import Cell, Number, Unusable, is_blank
from statecfg.loading.tables.numbers import canonical
from statecfg.model.columns import Column

RISKY = ("=", "+", "-", "@")
"""What makes a spreadsheet take text for a formula; an apostrophe before it says that it is text."""
YES = ("yes", "true", "1")
NO = ("no", "false", "0")
LONGEST_NUMBER = 40
MOST_DIGITS = 28
"""Digits that decimal arithmetic keeps; no amount of money has as many."""
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?\Z")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile("[ \u00a0\u202f]")

Convert = Callable[[Cell], Any]


class CellError(Exception):
    """A cell that isn't what its field wants: why, and what to do."""

    def __init__(self, code: str, what: str, do: str = "") -> None:
        super().__init__(what)
        self.code, self.what, self.do = code, what, do


def converter(hint: Any, column: Column) -> Convert:
    """What reads the cells of one field. hint: str, Decimal, date or bool, `| None` if it may be empty.

    The converter raises CellError.
    """
    options = get_args(hint) or (hint,)
    read = _READERS[next(option for option in options if option is not type(None))](column)
    optional = type(None) in options

    def convert(cell: Cell) -> Any:
        # Text first: a csv holds nothing else, and a million rows pass here.
        if cell.__class__ is str and cell.strip():
            return read(cell)
        if isinstance(cell, Unusable):
            raise CellError("unusable-cell", cell.what, cell.do)
        if not is_blank(cell):
            return read(cell)
        if optional:
            return None
        raise CellError("empty-cell", "is empty")

    return convert


def _texts(column: Column) -> Convert:
    return text_value


def text_value(cell: Cell) -> str:
    """A cell as trimmed text; line ends in it are \\n, whatever the file's are."""
    if isinstance(cell, str):
        found = _CONTROL.search(cell)
        if found:
            raise CellError("control-character", f"holds the control character U+{ord(found[0]):04X}", "delete it")
        text = cell.strip()
        if text[:1] == "'" and text.startswith(RISKY, 1):
            text = text[1:]
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, Number) and cell.text:
        return cell.text
    if isinstance(cell, date):
        raise CellError(
            "not-text", f"is the date {cell} where text is wanted", "format the column as text and write it again"
        )
    raise CellError("not-text", "is a number where text is wanted", "format the column as text and write it again")


def _amounts(column: Column) -> Convert:
    sign, group = column.decimal, column.thousands or ""
    if sign == group:
        raise ValueError("decimal and thousands can't be the same sign")
    grouped = _grouped(sign, group) if group else None

    @lru_cache(maxsize=4096)
    def parsed(text: str) -> Decimal:
        plain = text
        if grouped and grouped.match(text):
            plain = _SPACES.sub("", text).replace("'", "") if group in " '" else text.replace(group, "")
        elif sign == "," and "." in text:
            plain = ""
        plain = plain.replace(sign, ".") if sign != "." else plain
        if not _PLAIN_NUMBER.match(plain):
            raise CellError(
                "not-a-number", f"`{text}` is no number{_sign_words(sign, group)}", _number_advice(text, sign)
            )
        return _amount(plain)

    def read(cell: Cell) -> Decimal:
        if isinstance(cell, Number):
            return cell.value
        if not isinstance(cell, str):
            raise CellError("not-a-number", "is no number")
        text = cell.strip()
        if len(text) > LONGEST_NUMBER:
            raise CellError("not-a-number", f"is no amount: more than {LONGEST_NUMBER} characters")
        return parsed(text)

    return read


def _amount(plain: str) -> Decimal:
    value = Decimal(plain)
    if len(plain) > MOST_DIGITS and len(value.as_tuple().digits) > MOST_DIGITS:
        raise CellError("not-a-number", f"is no amount: more than {MOST_DIGITS} digits")
    return canonical(value)


def _grouped(sign: str, group: str) -> re.Pattern[str]:
    one = "[ \u00a0\u202f]" if group == " " else re.escape(group)
    return re.compile(rf"[+-]?[0-9]{{1,3}}(?:{one}[0-9]{{3}})+(?:{re.escape(sign)}[0-9]+)?\Z")


def _sign_words(sign: str, group: str) -> str:
    return f" with the decimal sign `{sign}`" + (f" and `{group}` between thousands" if group else "")


def _number_advice(text: str, sign: str) -> str:
    if re.search(r"[A-Za-z€$£%]", text):
        return "a cell holds the number only; the currency has its own column"
    other = "," if sign == "." else "."
    if re.search(rf"{re.escape(other)}[0-9]+\Z", text):
        return f'if `{other}` is its decimal sign, say so: columns: FIELD: {{from: HEADING, decimal: "{other}"}}'
    return "thousands signs are declared in `columns:` with thousands"


def _dates(column: Column) -> Convert:
    form = column.format
    _check_format(form)

    @lru_cache(maxsize=4096)
    def parsed(text: str) -> date:
        if form:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a calendar day has no time zone
        if not _ISO_DATE.match(text):
            raise ValueError(text)
        return date.fromisoformat(text)

    def read(cell: Cell) -> date:
        if isinstance(cell, date):
            return cell
        if isinstance(cell, Number) and not form:
            raise CellError("not-a-date", "is a number where a date is wanted", "format the column as a date")
        text = cell.text if isinstance(cell, Number) else str(cell).strip()
        try:
            return parsed(text)
        except ValueError:
            wanted = f"written as {form}" if form else "as 2024-01-31"
            do = (
                "correct it"
                if form
                else 'declare how dates are written: columns: FIELD: {from: HEADING, format: "%d.%m.%Y"}'
            )
            raise CellError("not-a-date", f"`{text[:60]}` is no date {wanted}", do) from None

    return read


def _check_format(form: str) -> None:
    """Raises ValueError for a format that can't tell a day exactly."""
    if not form:
        return
    letters = re.findall(r"%(.)", form)
    unknown = [letter for letter in letters if letter not in "dmYyjHMSfIpbB%"]
    if unknown:
        raise ValueError(f"format: %{unknown[0]} isn't possible; use %d %m %Y %y %H %M %S")
    if not (set("Yy") & set(letters) and ((set("mbB") & set(letters) and "d" in letters) or "j" in letters)):
        raise ValueError("format must have day, month and year, for example %d.%m.%Y")
    sample = datetime(2024, 1, 31)  # noqa: DTZ001  only its calendar day counts
    if datetime.strptime(sample.strftime(form), form).date() != sample.date():  # noqa: DTZ007
        raise ValueError(f"format {form} doesn't give back the day it was made from")


def _claims(column: Column) -> Convert:
    yes = frozenset(_folded(word) for word in column.is_ or YES)
    no = frozenset(_folded(word) for word in column.not_ or (() if column.is_ else NO))
    if yes & no:
        raise ValueError(f"`{sorted(yes & no)[0]}` is in both is and not")

    def read(cell: Cell) -> bool:
        if isinstance(cell, bool) and not column.is_:
            return cell
        word = _folded(text_value(cell))
        if word in yes or (no and word not in no):
            if word in yes:
                return True
            known = ", ".join([*(column.is_ or YES), *(column.not_ or NO)])
            raise CellError(
                "unknown-word", f"`{text_value(cell)[:60]}` means neither yes nor no", f"known are: {known}"
            )
        return False

    return read


def _folded(word: str) -> str:
    return " ".join(word.split()).casefold()


_READERS: Mapping[Any, Callable[[Column], Convert]] = {
    str: _texts,
    Decimal: _amounts,
    date: _dates,
    bool: _claims,
}


def check_column(hint: Any, column: Column) -> str:
    """Why a column's declaration doesn't suit its field; "" if it does."""
    kind = next(option for option in (get_args(hint) or (hint,)) if option is not type(None))
    wrong = [
        name
        for name, given, wanted in (
            ("decimal", column.decimal != ".", Decimal),
            ("thousands", column.thousands is not None, Decimal),
            ("format", bool(column.format), date),
            ("is", bool(column.is_), bool),
            ("not", bool(column.not_), bool),
        )
        if given and kind is not wanted
    ]
    if wrong:
        words = {str: "text", Decimal: "a number", date: "a date", bool: "yes or no"}
        return f"`{wrong[0]}` has no meaning here: this field is {words[kind]}"
    try:
        converter(hint, column)
    except ValueError as error:
        return str(error)
    return ""
