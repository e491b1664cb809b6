"""Which column of a file is which field: headings matched with what `columns:` says. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from statecfg.loading.problems import nearest
from statecfg.loading.tables.conversion import Convert, converter
from statecfg.model.address import Source
from statecfg.model.columns import Column, Columns
from statecfg.model.errors import Problem

SURELY = 0.8
"""How near a heading must be to a field to be a slip: `Ammount`, but not `Rate` for date."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A field found in the file. column: from 0, -1 = the file has no such column. required: may not be empty."""

    field: str
    heading: str
    column: int
    required: bool
    convert: Convert


@dataclass(frozen=True, slots=True)
class Layout:
    """Every field of a row in its order, the file's headings, and what is wrong or odd about them."""

    fields: tuple[Placed, ...]
    headings: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def fields_of(row: Any) -> dict[str, Any]:
    """Field -> type of a kind's Row, without the row's number."""
    hints = get_type_hints(row)
    return {name: hints[name] for name in row._fields[1:]}


def declared_columns(row: Any, columns: Columns | None) -> dict[str, Column]:
    """Field -> column: as declared, else the heading that is the field's own name."""
    given = {name: Column(each) if isinstance(each, str) else each for name, each in (columns or {}).items()}
    return {name: given.get(name, Column(name)) for name in fields_of(row)}


def folded(heading: str) -> str:
    """A heading as it is compared: case, outer and repeated spaces don't count."""
    return " ".join(unicodedata.normalize("NFC", heading).split()).casefold()


def layout(file: str, row_number: int, headings: Sequence[str], row: Any, columns: Columns | None) -> Layout:
    """How the rows under these headings are read. row_number: where the headings stand."""
    wanted = declared_columns(row, columns)
    places = _places(headings)
    at = _Headings(file, row_number, tuple(headings), places)
    placed = tuple(_placed(name, hint, wanted[name], places) for name, hint in fields_of(row).items())
    missing = [each for each in placed if each.column < 0 and (each.required or each.field in (columns or {}))]
    used = {each.column for each in placed}
    unused = [heading for number, heading in enumerate(headings) if number not in used and heading.strip()]
    misspelt = _misspelt(
        unused, [each.field for each in placed if each.column < 0 and each.field not in (columns or {})]
    )
    problems = [*at.duplicates(), *(at.missing(each, unused) for each in missing)]
    problems += [at.misspelt(heading, field) for heading, field in misspelt.items() if not _told(field, missing)]
    warnings = [at.unused(heading) for heading in unused if heading not in misspelt]
    return Layout(placed, tuple(headings), tuple(problems), tuple(warnings))


def fit(headings: Sequence[str], row: Any, columns: Columns | None) -> int:
    """How many of these headings are known: the more, the likelier it is that they were split rightly."""
    wanted = {folded(column.from_) for column in declared_columns(row, columns).values()}
    return len({folded(heading) for heading in headings} & wanted)


def _places(headings: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for number, heading in enumerate(headings):
        if heading.strip():
            places.setdefault(folded(heading), number)
    return places


def _placed(name: str, hint: Any, column: Column, places: Mapping[str, int]) -> Placed:
    place = places.get(folded(column.from_), -1)
    return Placed(name, column.from_, place, type(None) not in get_args(hint), converter(hint, column))


def _misspelt(unused: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """Headings that nothing uses and that are nearly the name of a field which was not found."""
    close = {heading: nearest(folded(heading), fields, SURELY) for heading in unused}
    return {heading: field for heading, field in close.items() if field}


def _told(field: str, missing: Sequence[Placed]) -> bool:
    return any(each.field == field for each in missing)


@dataclass(frozen=True, slots=True)
class _Headings:
    """The row of headings, for messages about it."""

    file: str
    number: int
    headings: tuple[str, ...]
    places: Mapping[str, int]

    def duplicates(self) -> list[Problem]:
        seen: set[str] = set()
        found = []
        for heading in self.headings:
            if folded(heading) in seen:
                found.append(
                    self._problem("duplicate-heading", f"the heading `{heading.strip()}` stands here twice", heading)
                )
            if heading.strip():
                seen.add(folded(heading))
        return found

    def missing(self, placed: Placed, unused: Sequence[str]) -> Problem:
        close = nearest(folded(placed.heading), unused)
        known = ", ".join(f"`{heading.strip()}`" for heading in self.headings if heading.strip())
        do = f"did you mean `{close}`?" if close else f"say in `columns:` which of these it is: {known}"
        field = "" if placed.field == placed.heading else f" for the field {placed.field}"
        return self._problem("missing-heading", f"there is no heading `{placed.heading}`{field}", placed.heading, do)

    def misspelt(self, heading: str, field: str) -> Problem:
        what = f"the heading `{heading.strip()}` isn't known"
        return self._problem("unknown-heading", what, heading, f"did you mean `{field}`?")

    def unused(self, heading: str) -> Problem:
        return self._problem("unused-heading", f"the column `{heading.strip()}` isn't used", heading)

    def _problem(self, code: str, what: str, heading: str, do: str = "") -> Problem:
        return Problem(code, Source(self.file, self.number, heading.strip()), what, do)
