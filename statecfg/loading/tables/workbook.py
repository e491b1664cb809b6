"""Reads xlsx files row by row: what stands in the XML, to the last digit, in bounded memory.

A library that hands over whole sheets of floats would lose both. The zip's directory is looked at before anything is
unpacked, cells far outside are never made room for, and formulas count only if they were calculated.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from statecfg.loading.tables.cells import RawRow, TableError
from statecfg.loading.tables.numbers import GENERAL, Format, format_of
from statecfg.loading.tables.sheet import Sheet
from statecfg.loading.tables.xml_parts import elements, parse_part, unescaped

LARGEST_PART = 1_000_000_000
LARGEST_TEXTS = 256_000_000
MOST_PARTS = 10_000
SUSPICIOUS = 20_000_000
HIGHEST_RATIO = 200


@dataclass(slots=True)
class Book:
    """What cells need to know of their workbook. stale: its formulas were never calculated by the program that wrote
    them. texts: the shared ones."""

    since_1904: bool = False
    stale: bool = False
    formats: tuple[Format, ...] = ()
    texts: list[str] = field(default_factory=list)

    def format(self, style: str | None) -> Format:
        """The number format of a cell's style."""
        number = int(style) if style and style.isdecimal() and len(style) < 10 else 0
        return self.formats[number] if number < len(self.formats) else GENERAL


def sheet_rows(path: Path, sheet: str) -> Iterator[RawRow]:
    """Every row of a sheet that isn't empty; the headings are the first.

    sheet: its name, "" = the only visible one. Raises TableError where the file can't be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
            main = _main_part(archive)
            relations = _relations(archive, main)
            book, sheets = _book(archive, main, relations)
            part = relations.get(_chosen(sheets, sheet), ("", ""))[1]
            with _opened(archive, part) as stream:
                yield from _rows(stream, book)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise TableError(
            "damaged-workbook", f"can't be unpacked: {error}", "open it in Excel and save it again"
        ) from error


def _rows(stream: IO[bytes], book: Book) -> Iterator[RawRow]:
    sheet = Sheet(book)
    for _ in parse_part(stream, sheet.start, sheet.end, sheet.text):
        yield from sheet.taken()


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses what would unpack to far more than any table. zipfile never reads beyond what the directory says."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS:
        raise TableError("workbook-too-large", f"has {len(parts):,} parts", "copy the table to a new one")
    for part in parts:
        ratio = part.file_size / max(part.compress_size, 1)
        if part.file_size > LARGEST_PART or (part.file_size > SUSPICIOUS and ratio > HIGHEST_RATIO):
            what = f"would unpack to {part.file_size:,} bytes in {part.filename[:80]}"
            raise TableError("workbook-too-large", what, "copy the table into a new workbook, or save it as csv")
        if part.flag_bits & 1:
            raise TableError("not-a-table", "is protected by a password", "save it without one")


def _opened(archive: zipfile.ZipFile, part: str) -> IO[bytes]:
    try:
        return archive.open(part)
    except KeyError:
        raise TableError("damaged-workbook", f"lacks its part {part or 'sheet'}", "save it again in Excel") from None


def _main_part(archive: zipfile.ZipFile) -> str:
    if "_rels/.rels" not in archive.namelist():
        raise TableError("not-a-table", "is a zip file, but no workbook", "save the table as .xlsx or .csv")
    with _opened(archive, "_rels/.rels") as stream:
        found = [each for tag, each in elements(stream) if tag == "Relationship"]
    targets = [each.get("Target", "") for each in found if each.get("Type", "").endswith("/officeDocument")]
    return targets[0].lstrip("/") if targets else "xl/workbook.xml"


def _relations(archive: zipfile.ZipFile, main: str) -> dict[str, tuple[str, str]]:
    """Id -> (sort, part) of what the workbook refers to."""
    folder, name = posixpath.split(main)
    with _opened(archive, f"{folder}/_rels/{name}.rels") as stream:
        found = [each for tag, each in elements(stream) if tag == "Relationship"]
    return {
        each.get("Id", ""): (each.get("Type", "").rpartition("/")[2], _part(folder, each.get("Target", "")))
        for each in found
    }


def _part(folder: str, target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    relation: str
    visible: bool


def _book(archive: zipfile.ZipFile, main: str, relations: dict[str, tuple[str, str]]) -> tuple[Book, list[_Entry]]:
    book = Book()
    sheets: list[_Entry] = []
    with _opened(archive, main) as stream:
        for tag, each in elements(stream):
            if tag == "workbookPr":
                book.since_1904 = each.get("date1904") in ("1", "true")
            elif tag == "calcPr":
                book.stale = each.get("fullCalcOnLoad") in ("1", "true")
            elif tag == "sheet":
                relation = next((value for key, value in each.items() if key.endswith(":id")), "")
                sheets.append(_Entry(each.get("name", ""), relation, each.get("state", "visible") == "visible"))
    for sort, part in relations.values():
        if sort == "styles":
            with _opened(archive, part) as stream:
                book.formats = _formats(stream)
        elif sort == "sharedStrings":
            with _opened(archive, part) as stream:
                book.texts = _shared_texts(stream)
    return book, sheets


def _chosen(sheets: list[_Entry], name: str) -> str:
    """The relation id of the sheet that is meant."""
    wanted = (
        [each for each in sheets if each.name.casefold() == name.casefold()]
        if name
        else [each for each in sheets if each.visible]
    )
    if len(wanted) == 1:
        return wanted[0].relation
    names = ", ".join(f"`{each.name}`" for each in sheets)
    if name:
        raise TableError("no-sheet", f"has no sheet `{name}`", f"its sheets are {names}")
    raise TableError("which-sheet", f"has {len(wanted)} visible sheets", f"say which with `sheet:`: {names}")


def _formats(stream: IO[bytes]) -> tuple[Format, ...]:
    """The number formats of the cell styles, by their index."""
    custom: dict[int, str] = {}
    used: list[int] = []
    inside = False
    for tag, each in elements(stream):
        if tag == "numFmt" and _is_number(each.get("numFmtId", "")):
            custom[int(each["numFmtId"])] = each.get("formatCode", "")
        elif tag in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            inside = tag == "cellXfs"
        elif tag == "xf" and inside:
            used.append(int(each["numFmtId"]) if _is_number(each.get("numFmtId", "")) else 0)
    return tuple(format_of(number, custom) for number in used)


class _Texts:
    """Collects shared texts: the runs of each, without its phonetic reading."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._runs: list[str] = []
        self._inside = False
        self._phonetic = False
        self._size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if tag == "rPh":
            self._phonetic = True
        elif tag == "t":
            self._inside = not self._phonetic

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "t":
            self._inside = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self.found.append(unescaped("".join(self._runs)))
            self._runs.clear()

    def text(self, text: str) -> None:
        """Characters of the current element."""
        if self._inside:
            self._size += len(text)
            if self._size > LARGEST_TEXTS:
                raise TableError("workbook-too-large", "has more text than can be kept", "save the sheet as csv")
            self._runs.append(text)


def _shared_texts(stream: IO[bytes]) -> list[str]:
    texts = _Texts()
    for _ in parse_part(stream, texts.start, texts.end, texts.text):
        pass
    return texts.found


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10
