"""Reads csv files as legacy systems and Excel write them, row by row.

Separator and encoding are declared or found out; a file that is no UTF-8 is taken for Windows Latin (cp1252), which
every Latin-1 export is too. Rows are counted as Excel counts them, blank ones included.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from statecfg.loading.tables.cells import MOST_COLUMNS, RawRow, TableError

SEPARATORS = (";", ",", "\t", "|")
LONGEST_LINE = 1_000_000
LONGEST_CELL = 32_767
_HEAD = 65_536
_EXCEL_HINT = re.compile(r'"?sep=(.)"?\s*\Z')


def encoding_of(path: Path) -> str:
    """The encoding of a file, by its byte order mark or by trying UTF-8 on all of it."""
    with path.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        return "utf-8-sig" if _is_utf8(iter(lambda: stream.read(1 << 20), b"")) else "cp1252"


def _is_utf8(chunks: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def csv_rows(path: Path, encoding: str, separator: str, fit: Callable[[list[str]], int]) -> Iterator[RawRow]:
    """Every row of a file that isn't blank; the headings are the first.

    separator: "" = found out: the one under which the headings fit best, by `fit`.
    Raises TableError where the file stops being readable.
    """
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        number = 0
        try:
            separator, number = _begin(stream, separator, fit)
            reader = csv.reader(_lines(stream), delimiter=separator, strict=True)
            for cells in reader:
                number += 1
                if any(cells) and any(cell.strip() for cell in cells):
                    _check_lengths(cells, number)
                    yield RawRow(number, cells)
        except UnicodeError as error:
            do = "declare its `encoding:` beside `columns:`, or save it as UTF-8"
            raise TableError("wrong-encoding", f"isn't {encoding} throughout", do, number + 1) from error
        except csv.Error as error:
            raise TableError("csv-syntax", _words(str(error)), _advice(str(error)), number + 1) from error


def _begin(stream: TextIO, separator: str, fit: Callable[[list[str]], int]) -> tuple[str, int]:
    """The separator, and how many lines are skipped before the table; the stream stands behind them."""
    head = stream.read(_HEAD)
    first, _, _ = head.partition("\n")
    hint = _EXCEL_HINT.match(first.rstrip("\r"))
    skipped = 1 if hint else 0
    table = head[len(first) + 1 :] if hint else head
    stream.seek(0)
    if hint:
        stream.readline()
    if separator:
        return separator, skipped
    return (hint[1] if hint else _best_separator(table, fit)), skipped


def _best_separator(head: str, fit: Callable[[list[str]], int]) -> str:
    def merit(separator: str) -> tuple[int, int]:
        headings = _first_row(head, separator)
        return fit(headings), len(headings)

    return max(SEPARATORS, key=merit)


def _first_row(head: str, separator: str) -> list[str]:
    try:
        rows = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
        return next((row for row in rows if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line is longer than {LONGEST_LINE:,} characters")
        yield line


def _check_lengths(cells: list[str], number: int) -> None:
    if len(cells) > MOST_COLUMNS:
        what = f"has {len(cells):,} columns; at most {MOST_COLUMNS:,} are read"
        raise TableError("csv-syntax", what, "look for a wrong separator, or remove the empty ones", number)
    if max(map(len, cells)) > LONGEST_CELL:
        raise TableError("cell-too-long", f"a cell has more than {LONGEST_CELL:,} characters", row=number)


def _words(message: str) -> str:
    if "unexpected end of data" in message or "field larger than" in message:
        return 'a quotation mark (") is opened here or above and never closed'
    if "expected after" in message:
        return 'a quotation mark (") closes a cell and more text follows'
    return message


def _advice(message: str) -> str:
    return 'double every quotation mark inside a quoted cell: ""' if "longer" not in message else ""
