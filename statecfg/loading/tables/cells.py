"""What a cell of a record file may hold, whichever sort of file it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

MOST_COLUMNS = 1_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number cell of a workbook. text: as a person sees it where that is certain, for example `0012`."""

    value: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell whose content can't be trusted: why, and what to do."""

    what: str
    do: str = ""


Cell = str | Number | date | bool | Unusable | None
"""A csv holds only text; None is a cell that isn't there."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands: its number in the file, and its cells by column, from 0; absent ones are empty.

    overflow: the first cell outside the columns that are kept, for example ("XFD", "x").
    """

    number: int
    cells: dict[int, Cell] | list[str]
    overflow: tuple[str, str] | None = None


class TableError(Exception):
    """The file as a whole, or from a row on, can't be read. row: 0 if it is the whole."""

    def __init__(self, code: str, what: str, do: str = "", row: int = 0) -> None:
        super().__init__(what)
        self.code, self.what, self.do, self.row = code, what, do, row


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds nothing but spaces."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
