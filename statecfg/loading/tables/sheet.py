"""From the XML of one sheet to its rows: only cells that hold something, however far out one may stand."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Protocol

from statecfg.loading.tables.cells import MOST_COLUMNS, Cell, RawRow, TableError, Unusable
from statecfg.loading.tables.numbers import Format, day_of, exact_number
from statecfg.loading.tables.xml_parts import unescaped

LONGEST_CELL = 100_000
_UNCALCULATED = Unusable(
    "is a formula that was never calculated", "open the workbook in Excel, save it there, or paste the values"
)


class Knows(Protocol):
    """What cells need to know of their workbook."""

    since_1904: bool
    stale: bool
    texts: list[str]

    def format(self, style: str | None) -> Format:
        """The number format of a cell's style."""


class Sheet:
    """Collects rows while a sheet is parsed; `taken` hands them over and forgets them."""

    def __init__(self, book: Knows) -> None:
        self._book = book
        self._rows: list[RawRow] = []
        self._number = 0
        self._cells: dict[int, Cell] = {}
        self._overflow: tuple[str, str] | None = None
        self._column = -1
        self._attributes: dict[str, str] = {}
        self._formula = False
        self._value: list[str] | None = None
        self._size = 0
        self._inside = False
        self._phonetic = False

    def taken(self) -> list[RawRow]:
        """The rows that are complete."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if tag == "c":
            self._attributes, self._formula, self._value, self._size = attributes, False, None, 0
        elif tag in ("v", "t"):
            self._inside = not self._phonetic
            if self._inside and self._value is None:
                self._value = []
        elif tag == "f":
            self._formula = True
        elif tag == "row":
            given = attributes.get("r", "")
            self._number = int(given) if given.isdecimal() and len(given) < 10 else self._number + 1
            self._column = -1
        elif tag == "rPh":
            self._phonetic = True

    def text(self, text: str) -> None:
        """Characters of the current element."""
        if self._inside and self._value is not None:
            self._size += len(text)
            if self._size > LONGEST_CELL:
                raise TableError("cell-too-long", f"a cell has more than {LONGEST_CELL:,} characters", row=self._number)
            self._value.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag in ("v", "t"):
            self._inside = False
        elif tag == "c":
            self._keep()
        elif tag == "row":
            if self._cells or self._overflow:
                self._rows.append(RawRow(self._number, self._cells, self._overflow))
                self._cells, self._overflow = {}, None
        elif tag == "rPh":
            self._phonetic = False

    def _keep(self) -> None:
        reference = self._attributes.get("r", "")
        self._column = column_of(reference) if reference else self._column + 1
        cell = self._cell(None if self._value is None else "".join(self._value))
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return
        if self._column >= MOST_COLUMNS:
            self._overflow = self._overflow or (reference, str(cell)[:40])
        else:
            self._cells[self._column] = cell

    def _cell(self, text: str | None) -> Cell:
        if self._formula and (text is None or self._book.stale):
            return _UNCALCULATED
        if text is None:
            return None
        sort = self._attributes.get("t", "n")
        if sort == "n":
            return self._number_cell(text)
        if sort == "s":
            return self._shared(text)
        if sort == "b":
            return text.strip() == "1"
        if sort == "e":
            return Unusable(f"holds the error {text[:20]}", "correct the formula")
        if sort == "d":
            return _iso_day(text)
        return unescaped(text)

    def _number_cell(self, text: str) -> Cell:
        if not text.strip():
            return _UNCALCULATED if self._formula else None
        form = self._book.format(self._attributes.get("s"))
        if form.is_date:
            return day_of(text, self._book.since_1904)
        if form.is_time:
            return Unusable("is a time of day", "format it as what it is")
        return exact_number(text, form)

    def _shared(self, text: str) -> Cell:
        number = int(text) if text.strip().isdecimal() and len(text) < 20 else -1
        if not 0 <= number < len(self._book.texts):
            raise TableError(
                "damaged-workbook", "names a text that isn't there", "save it again in Excel", self._number
            )
        return self._book.texts[number]


def column_of(reference: str) -> int:
    """The column of a cell reference such as `AB12`, from 0."""
    return _column(reference.rstrip("0123456789")[:4])


@lru_cache(maxsize=4096)
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _iso_day(text: str) -> Cell:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return Unusable(f"`{text[:40]}` is no date")
