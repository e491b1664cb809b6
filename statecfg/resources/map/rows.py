"""Field mappings compared: which rows are the same, which differ, and what a declared row looks like. Pure.

A value map onto an F&O enum may name its members or their numbers; both mean the same (rules 3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.resources.map.spec import DIRECTIONS, MappingRow

Enums = Mapping[str, Mapping[str, int]]
"""F&O field (upper case) -> member -> number, for fields whose value maps name enum members."""

Row = tuple[str, str, int, tuple[tuple[str, str], ...] | None, str]


def canonical(row: FieldMapping, enums: Enums) -> Row:
    """A row as one comparable value: field names, direction, value pairs by member name, and whatever else it holds."""
    field = row.finance.upper()
    pairs = None
    if row.values is not None:
        pairs = tuple(sorted((member(field, key, enums), str(value)) for key, value in row.values.items()))
    return (field, row.dataverse.lower(), row.direction, pairs, row.other)


def member(field: str, value: str, enums: Enums) -> str:
    """The member name of an F&O value that is given by number or by name; the value itself where it is no enum's."""
    members = enums.get(field, {})
    numbers = {str(number): name for name, number in reversed(list(members.items()))}
    names = {name.casefold(): name for name in members}
    return numbers.get(value) or names.get(value.casefold()) or value


def declared(row: MappingRow, enums: Enums) -> Row:
    """A declared row in the form of `canonical`."""
    values = {member(row.finance.upper(), key, enums): value for key, value in row.values.items()}
    pairs = tuple(sorted(values.items())) or None
    return (row.finance.upper(), row.dataverse.lower(), DIRECTIONS[row.direction], pairs, "")


def differences(live: Mapping_, base: Mapping_, added: Iterable[MappingRow], enums: Enums) -> tuple[str, ...]:
    """How `live` differs from `base` plus `added` in rows, transforms and filters; empty if it is exactly that."""
    want = {canonical(row, enums) for row in base.rows} | {declared(row, enums) for row in added}
    have = {_without_noise(canonical(row, enums), want) for row in live.rows}
    filters = (
        ("F&O filter", base.source_filter, live.source_filter),
        ("Dataverse filter", base.reversed_filter, live.reversed_filter),
    )
    return tuple(
        [f"missing: {words(row)}" for row in sorted(want - have, key=str)]
        + [f"not declared: {words(row)}" for row in sorted(have - want, key=str)]
        + [f"{name}: {old or 'none'} -> {new or 'none'}" for name, old, new in filters if old != new]
    )


def essentials(rows: Iterable[FieldMapping], enums: Enums) -> frozenset[Row]:
    """What rows do, whichever service describes them: without the marks that only one service writes."""
    return frozenset((*canonical(row, enums)[:4], "") for row in rows)


def _without_noise(row: Row, wanted: set[Row]) -> Row:
    plain = (*row[:4], "")
    return plain if plain in wanted else row


def words(row: Row) -> str:
    """A row for a person: `TRANSSTATUS <- msdyn_invoicestatus  Invoiced <- 192350001`."""
    arrow = {1: "->", 2: "<-", 3: "<->"}.get(row[2], "?")
    pairs = "  ".join(f"{left} {arrow} {right}" for left, right in row[3] or ())
    return f"{row[0]} {arrow} {row[1]}" + (f"  {pairs}" if pairs else "")


def names_any(rows: Iterable[FieldMapping], fields: Iterable[str]) -> bool:
    """Whether any row maps one of these F&O fields."""
    wanted = {field.upper() for field in fields}
    return any(row.finance.upper() in wanted for row in rows)
