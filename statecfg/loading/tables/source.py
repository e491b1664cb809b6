"""A record file as a stream of a kind's rows: read afresh each time, checked once when the files are loaded.

Nothing here holds more than one row. A file that changed since it was loaded is an error, not other rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from statecfg.loading.document import MapNode
from statecfg.loading.problems import Problems, advice, shown
from statecfg.loading.rendering import absolute_path
from statecfg.loading.tables.cells import Cell, RawRow, TableError, is_blank
from statecfg.loading.tables.conversion import CellError, check_column
from statecfg.loading.tables.csv_file import csv_rows, encoding_of
from statecfg.loading.tables.layout import Layout, Placed, declared_columns, fields_of, fit, layout
from statecfg.loading.tables.writing import csv_text
from statecfg.model.address import Source
from statecfg.model.columns import Columns
from statecfg.model.errors import DeclarationError, Problem

MOST_PROBLEMS = 5_000
WORKBOOKS = (".xlsx", ".xlsm")
TEXTS = (".csv", ".txt", ".tsv")

Note = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class TableSource:
    """The records of one csv or xlsx file, as tuples of `row`. See RecordSource.

    stamp: size and time of change when its digest was taken. readable, unreadable: rows; the latter are left out when
    it is iterated, which only happens to find further problems, never to write.
    """

    path: str
    digest: str
    row: Any
    columns: Columns | None
    sheet: str
    delimiter: str
    encoding: str
    stamp: tuple[int, int]
    readable: int = 0
    unreadable: int = 0

    def __iter__(self) -> Iterator[Any]:
        """Every row in the order of the file. Raises DeclarationError if the file isn't as it was loaded."""
        return self.rows(_ignore if self.unreadable else _refuse)

    def rows(self, note: Note) -> Iterator[Any]:
        """Every row that can be read; what is wrong with the others is handed to `note`."""
        file = shown(Path(self.path))
        if _stamp(Path(self.path)) != self.stamp:
            what = "the file changed while it was in use"
            raise DeclarationError([Problem("changed-file", Source(file), what, "start again")])
        try:
            rows = self._raw()
            headings = next(rows, None)
            if headings is None:
                raise TableError("no-headings", "is empty", "the first row holds the headings")
            if headings.overflow:
                raise TableError("misplaced-cell", _far(headings.overflow[0]), row=headings.number)
            yield from self._converted(rows, self._layout(headings), note)
        except TableError as error:
            note(Problem(error.code, Source(file, error.row), error.what, error.do))

    def placed(self) -> Layout | None:
        """The file's headings and what is wrong with them; None if not even these can be read."""
        try:
            headings = next(self._raw(), None)
        except TableError:
            return None
        return self._layout(headings) if headings else None

    def again(self, reasons: Mapping[int, str]) -> bytes:
        """The rows of these numbers as a csv that this declaration reads again, in this file's encoding.

        Raises DeclarationError if the file isn't as it was loaded.
        """
        found = self.placed()
        fields = sorted((field for field in found.fields if field.column >= 0), key=lambda f: f.column) if found else []
        columns = declared_columns(self.row, self.columns)
        text = csv_text(self, fields, columns, reasons, self.delimiter)
        return text.encode(self.encoding or "utf-8-sig", "backslashreplace")

    def _layout(self, headings: RawRow) -> Layout:
        return layout(shown(Path(self.path)), headings.number, _texts(headings), self.row, self.columns)

    def _raw(self) -> Iterator[RawRow]:
        path = Path(self.path)
        if path.suffix.lower() in WORKBOOKS:
            from statecfg.loading.tables.workbook import sheet_rows

            return sheet_rows(path, self.sheet)
        return csv_rows(path, self.encoding, self.delimiter, lambda headings: fit(headings, self.row, self.columns))

    def _converted(self, rows: Iterable[RawRow], found: Layout, note: Note) -> Iterator[Any]:
        if found.problems:
            # Rows under wrong headings would only repeat what the headings' problems say.
            for problem in found.problems:
                note(problem)
            return
        file = shown(Path(self.path))
        fields = found.fields
        nameless = [number for number, heading in enumerate(found.headings) if not heading.strip()]
        for raw in rows:
            values, errors = _values(fields, raw)
            wrong = _misplaced(raw, found, nameless)
            if errors or wrong:
                for problem in _row_problems(file, raw.number, errors, wrong):
                    note(problem)
            else:
                yield self.row(raw.number, *values)


def _refuse(problem: Problem) -> None:
    raise DeclarationError([problem])


def _ignore(problem: Problem) -> None:
    """For rows that were reported when the file was loaded."""


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        problem = Problem("unreadable-file", Source(shown(path)), f"can't be read: {error.strerror}")
        raise DeclarationError([problem]) from error
    return stat.st_size, stat.st_mtime_ns


def _texts(raw: RawRow) -> list[str]:
    if isinstance(raw.cells, list):
        return [cell.strip() for cell in raw.cells]
    width = max(raw.cells, default=-1) + 1
    return [_heading(raw.cells.get(number)) for number in range(width)]


def _heading(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.strip() if isinstance(cell, str) else str(getattr(cell, "text", cell))


_Errors = list[tuple[Placed, CellError]]


def _values(fields: Iterable[Placed], raw: RawRow) -> tuple[list[Any], _Errors]:
    values: list[Any] = []
    errors: _Errors = []
    cells = raw.cells
    for field in fields:
        column = field.column
        try:
            values.append(None if column < 0 else field.convert(_cell(cells, column)))
        except CellError as error:
            errors.append((field, error))
    return values, errors


def _cell(cells: dict[int, Cell] | list[str], column: int) -> Cell:
    if isinstance(cells, dict):
        return cells.get(column)
    return cells[column] if column < len(cells) else None


def _far(cell: str) -> str:
    return f"the cell {cell} holds a value far outside the table: delete it"


def _misplaced(raw: RawRow, found: Layout, nameless: list[int]) -> str:
    """Why cells outside the named columns spoil this row; "" if there are none."""
    if raw.overflow:
        return _far(raw.overflow[0])
    width = len(found.headings)
    if isinstance(raw.cells, list):
        if len(raw.cells) > width and any(cell.strip() for cell in raw.cells[width:]):
            return f"has {len(raw.cells)} cells under {width} headings: a separator inside a cell without quotes?"
    elif max(raw.cells, default=0) >= width:
        return "holds a value to the right of the headings: delete it, or give it a heading"
    if any(not is_blank(_cell(raw.cells, number)) for number in nameless):
        return "holds a value in a column without heading"
    return ""


def _row_problems(file: str, row: int, errors: _Errors, wrong: str) -> Iterator[Problem]:
    if wrong:
        yield Problem("misplaced-cell", Source(file, row), wrong)
        errors = [each for each in errors if each[1].code != "empty-cell"]
    empty = [placed.heading for placed, error in errors if error.code == "empty-cell"]
    if len(empty) > 1:
        do = "a row of totals is no record: delete it, or complete it"
        yield Problem("empty-cell", Source(file, row, empty[0]), f"{', '.join(empty)} are empty", do)
    for placed, error in errors:
        if error.code != "empty-cell" or len(empty) == 1:
            yield Problem(error.code, Source(file, row, placed.heading), error.what, error.do)


def record_source(spec: Any, body: MapNode, row: Any, problems: Problems) -> TableSource | None:
    """The records that a resource's `from` names, all of them checked; None if there is no such file.

    spec: the kind's own dataclass with `from_`, and as far as it has them columns, sheet, delimiter, encoding.
    """
    place = body.entries["from"].source if "from" in body.entries else body.source
    columns: Columns | None = getattr(spec, "columns", None)
    path = Path(absolute_path(spec.from_, place))
    if not (_is_file(spec.from_, path, place, problems) and _columns_suit(columns, row, body, problems)):
        return None
    separator = getattr(spec, "delimiter", None) or ""
    try:
        source = TableSource(
            str(path),
            digest_of(path),
            row,
            columns,
            getattr(spec, "sheet", ""),
            "\t" if separator == "tab" else separator,
            getattr(spec, "encoding", None) or ("" if path.suffix.lower() in WORKBOOKS else encoding_of(path)),
            _stamp(path),
        )
    except OSError as error:
        problems.add("unreadable-file", Source(shown(path)), f"can't be read: {error.strerror}")
        return None
    return _checked(source, problems)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_file(given: str, path: Path, place: Source, problems: Problems) -> bool:
    if not given:
        do = "give `milestone_file` in the inventory, or write the file's name here"
        problems.add("no-record-file", place, "`from` names no file", do)
    elif not path.is_file():
        do = "make it, or correct the name that the inventory gives"
        if not Path(given).is_absolute():
            do = "make it, or correct the name: it counts from the folder of this file"
        problems.add("no-record-file", place, f"there is no file {shown(path)}", do)
    elif path.suffix.lower() not in (*WORKBOOKS, *TEXTS):
        problems.add("no-record-file", place, f"{path.name} is neither csv nor xlsx", "save it as one of them")
    else:
        return _is_what_it_claims(path, place, problems)
    return False


def _is_what_it_claims(path: Path, place: Source, problems: Problems) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        problems.add("unreadable-file", Source(shown(path)), f"can't be read: {error.strerror}")
        return False
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        what = f"{path.name} is protected by a password, or an Excel file of the old kind"
        problems.add("not-a-table", place, what, "save it without password as .xlsx or .csv")
        return False
    if (path.suffix.lower() in WORKBOOKS) != head.startswith(b"PK\x03\x04"):
        what = f"{path.name} is {'a workbook' if head.startswith(b'PK') else 'no workbook'}, whatever its name says"
        problems.add("not-a-table", place, what, "give it the ending that it is: .xlsx or .csv")
        return False
    return True


def _columns_suit(columns: Columns | None, row: Any, body: MapNode, problems: Problems) -> bool:
    """Whether what `columns:` says fits the fields."""
    fields = fields_of(row)
    node = body.entries.get("columns")
    before = len(problems.found)
    for name, column in declared_columns(row, columns).items():
        wrong = check_column(fields[name], column)
        if wrong:
            problems.add("wrong-column", _column_place(node, name, body), f"`columns.{name}`: {wrong}")
    for name in columns or {}:
        if name not in fields:
            what = f"there is no field `{name}`"
            problems.add("unknown-field", _column_place(node, name, body), what, advice(name, fields))
    for shared in _shared(columns or {}):
        what = f"`columns`: {' and '.join(shared)} come from one heading"
        problems.add("shared-heading", _column_place(node, shared[-1], body), what)
    return len(problems.found) == before


def _column_place(node: Any, name: str, body: MapNode) -> Source:
    return node.place(name) if isinstance(node, MapNode) else body.source


def _shared(columns: Columns) -> list[list[str]]:
    by_heading: dict[str, list[str]] = {}
    for name, column in columns.items():
        heading = column if isinstance(column, str) else column.from_
        by_heading.setdefault(" ".join(heading.split()).casefold(), []).append(name)
    return [names for names in by_heading.values() if len(names) > 1]


def _checked(source: TableSource, problems: Problems) -> TableSource:
    """The source after one look at every row; the first problems are noted, the rest counted."""
    found: list[Problem] = []
    rows: set[int] = set()

    def note(problem: Problem) -> None:
        rows.add(problem.where.line)
        if len(found) < MOST_PROBLEMS:
            found.append(problem)

    good = sum(1 for _ in source.rows(note))
    file = shown(Path(source.path))
    more = len(rows - {problem.where.line for problem in found})
    if more:
        found.append(
            Problem(
                "more-problems", Source(file, max(rows)), f"and {more:,} more rows with problems", "correct the first"
            )
        )
    problems.extend(found)
    headings = source.placed()
    problems.extend_warnings(headings.warnings if headings else ())
    if not good and not found:
        problems.warn("no-records", Source(file), "holds headings but no record")
    return replace(source, readable=good, unreadable=len(rows))
