"""The checks that a map must pass before it runs, each with the service's code.

It looks at the cached schema, never at the live one: that is why a new F&O field needs *Refresh tables* first.
What nothing here can cause (1000, 1005 to 1007, 1017, 1019, 1028, 1031) happens when a fault or a setting asks for it.
Source: reference/dual-write.md, "Validation codes at start or save".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from statecfg.sandbox.dualwrite.filters import NotAFilter, odata_fields, xpp_filter
from statecfg.sandbox.dualwrite.fitting import mismatches
from statecfg.sandbox.dualwrite.lookups import path_column, path_table
from statecfg.sandbox.dualwrite.mapping import Direction, TaskMapping, value_map_types
from statecfg.sandbox.dualwrite.organisation import organisation_problems
from statecfg.sandbox.dualwrite.problem import Problem
from statecfg.sandbox.dualwrite.runtime import has_table, key_of
from statecfg.sandbox.dualwrite.schemas import cached
from statecfg.sandbox.finance.catalog import COMPANY, entity_sets
from statecfg.sandbox.world import Row, Tx


def problems(tx: Tx, described: Row, mapping: TaskMapping, clr_type: str) -> tuple[Problem, ...]:
    """Everything that keeps this mapping from running; empty if nothing does.

    clr_type: the `$type` that this tenant's value maps carry.
    """
    return (
        *_filters(mapping),
        *_schema(tx, described, mapping),
        *_repetitions(mapping),
        *_key(tx, mapping),
        *_lookup_keys(tx, described, mapping),
        *_read_only(tx, described, mapping),
        *_mandatory(tx, described, mapping),
        *organisation_problems(tx, described, mapping),
        *mismatches(tx, described, mapping),
        *(_types(tx, mapping, clr_type)),
    )


def _filters(mapping: TaskMapping) -> Iterator[Problem]:
    try:
        odata_fields(mapping.dataverse_filter)
    except NotAFilter as cause:
        yield Problem("DIPV1012", f"The source filter {mapping.dataverse_filter} cannot be parsed: {cause}")
    try:
        xpp_filter(mapping.finance_filter)
    except NotAFilter as cause:
        yield Problem("DIPV1001", f"The filter {mapping.finance_filter} cannot be parsed: {cause}")


def _schema(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    known = cached(tx, described["map"])
    if known is None:
        yield Problem("DIPV1018", f"Missing source schema {mapping.label}")
        yield Problem("DIPV1020", f"Missing destination schema {mapping.entity_set}")
        return
    for line in mapping.lines:
        if not line.finance:
            yield Problem("DIPV1021", "A source field is not set")
        elif line.finance.upper() not in known[0]:
            yield Problem("DIPV1022", f"Missing source field {line.finance} in the schema.")
        if not line.dataverse:
            yield Problem("DIPV1024", "A destination field is not set")
        elif not _has_path(tx, described, line.dataverse, known[1]):
            yield Problem("DIPV1025", f"Missing destination field {line.dataverse} in the schema")


def _has_path(tx: Tx, described: Row, path: str, columns: frozenset[str]) -> bool:
    if path.partition(".")[0] not in columns:
        return False
    table = described["source_table"]
    return not has_table(tx.world, table) or path_column(tx, table, path) is not None


def _repetitions(mapping: TaskMapping) -> Iterator[Problem]:
    pairs = Counter((line.finance.upper(), line.dataverse.lower()) for line in mapping.lines)
    for (finance, dataverse), count in pairs.items():
        if count > 1:
            yield Problem("DIPV1029", f"Duplicate value map for {finance} and {dataverse}")
    sources = Counter(line.finance.upper() for line in mapping.to_finance)
    targets = Counter(line.dataverse.lower() for line in mapping.to_dataverse)
    yield from (Problem("DIPV1023", f"Source field {f} is mapped twice") for f, n in sources.items() if n > 1)
    yield from (Problem("DIPV1026", f"Destination field {f} is mapped twice") for f, n in targets.items() if n > 1)


def _key(tx: Tx, mapping: TaskMapping) -> Iterator[Problem]:
    key = key_of(tx, mapping.entity_set)
    if not key:
        yield Problem("DIPV1003", f"No integration key is defined for {mapping.entity_set}")
    two_way = any(line.direction is Direction.BOTH for line in mapping.lines)
    for path in key:
        lines = [line for line in mapping.lines if line.dataverse.lower() == path.lower()]
        if not lines and "." in path:
            yield Problem("DIPV1015", f"Key field {path} of a lookup is not mapped")
        elif not lines:
            yield Problem("DIPV1014", f"Key field {path} is not mapped")
        elif two_way and lines[0].direction is not Direction.BOTH:
            yield Problem("DIPV1004", f"Key field {path} must be mapped in both directions")


def _lookup_keys(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    """A lookup that Dataverse is to set needs all of the related table's key, or its row cannot be found."""
    mapped = {line.dataverse.lower() for line in mapping.to_dataverse}
    for lookup in dict.fromkeys(line.dataverse.lower().rpartition(".")[0] for line in mapping.to_dataverse):
        related = path_table(tx, described["source_table"], lookup) if lookup else None
        key = key_of(tx, tx.world.shape(related).table.entity_set) if related else ()
        missing = [field for field in key if f"{lookup}.{field}" not in mapped]
        yield from (Problem("DIPV1027", f"Map {lookup}.{field} to find the row of {lookup}") for field in missing)


def _mandatory(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    """F&O creates no row without the keys that it doesn't assign itself; its company is checked elsewhere."""
    entity = entity_sets().get(described["finance_set"])
    if entity is None or not mapping.to_finance:
        return
    mapped = {line.finance.upper() for line in mapping.lines}
    for column in entity.columns:
        given = column.readonly or column.sequence or column.type == "guid" or column.name == COMPANY
        if column.required and not given and column.name.upper() not in mapped:
            yield Problem("DIPV1010", f"Mandatory field {column.name.upper()} of {mapping.label} is not mapped")


def _read_only(tx: Tx, described: Row, mapping: TaskMapping) -> Iterator[Problem]:
    for line in mapping.to_dataverse:
        column = path_column(tx, described["source_table"], line.dataverse)
        if column is not None and column.readonly:
            yield Problem("DIPV1011", f"Destination field {line.dataverse} is read-only")
    if not described["finance_set"] or not has_table(tx.world, f"fo.{described['finance_set']}"):
        return
    columns = {n.upper(): c for n, c in tx.world.shape(f"fo.{described['finance_set']}").columns.items()}
    for line in mapping.to_finance:
        if line.finance.upper() in columns and columns[line.finance.upper()].readonly:
            yield Problem("DIPV1011", f"Destination field {line.finance} is read-only")


def _types(tx: Tx, mapping: TaskMapping, clr_type: str) -> Iterator[Problem]:
    if not tx.world.settings["valuemap.type_check"]:
        return
    for name in value_map_types(mapping):
        if name != clr_type:
            yield Problem("DIPV1001", f"Could not load type '{name}'.")
