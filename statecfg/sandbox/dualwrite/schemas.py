"""What each side's entity has now, and what the gateway remembers of it: the cached schema changes only by a refresh.

F&O offers a field to dual-write once its target mapping has it, which *Generate mapping* brings up to date.
Source: reference/dual-write.md, "Refresh tables"; reference/finance-and-operations.md, 8.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from statecfg.sandbox.dualwrite.mapping import TaskMapping, mapping_from
from statecfg.sandbox.dualwrite.runtime import has_table
from statecfg.sandbox.dualwrite.tables import KEYS, SCHEMAS, TEMPLATES
from statecfg.sandbox.finance import catalog as finance
from statecfg.sandbox.world import Row, Tx

TARGET_MAPPING = "fo.DataManagementTargetMapEntities"
# The field that the milestone entity's target mapping lacks until it is generated.
LATE_FIELD = "TRANSSTATUS"


def finance_fields(tx: Tx, described: Row) -> frozenset[str]:
    """The F&O fields that can be mapped now, in upper case."""
    if not described["finance_set"] or not has_table(tx.world, f"fo.{described['finance_set']}"):
        return frozenset(line.finance.upper() for mapping in _mappings(tx, described) for line in mapping.lines)
    mapped = _target_mapping(tx, described)
    if mapped:
        return mapped
    return frozenset(name.upper() for name in tx.world.shape(f"fo.{described['finance_set']}").names)


def dataverse_fields(tx: Tx, described: Row) -> frozenset[str]:
    """The columns of the Dataverse side now, by logical name."""
    if has_table(tx.world, described["source_table"]):
        return frozenset(tx.world.shape(described["source_table"]).names)
    mappings = _mappings(tx, described)
    return frozenset(line.dataverse.lower().partition(".")[0] for mapping in mappings for line in mapping.lines)


def refresh(tx: Tx, described: Row, *, without: Iterable[str] = ()) -> None:
    """Read both sides' metadata into the cache; `without` leaves F&O fields out, as a cache from before they came."""
    late = {name.upper() for name in without}
    row = {
        "finance": json.dumps(sorted(finance_fields(tx, described) - late)),
        "dataverse": json.dumps(sorted(dataverse_fields(tx, described))),
        "refreshed": tx.world.timestamp(),
    }
    if tx.get(SCHEMAS, described["map"]) is None:
        tx.insert(SCHEMAS, {"map": described["map"], **row})
    else:
        tx.update(SCHEMAS, described["map"], row)
    _regenerate_key(tx, described)


def _regenerate_key(tx: Tx, described: Row) -> None:
    """An integration key that is missing is made of the table's first alternate key; one that is there stays."""
    table, entity_set = described["source_table"], described["entity_set"]
    if tx.get(KEYS, entity_set) is not None or not has_table(tx.world, table):
        return
    alternate = tx.world.shape(table).table.alternate_keys
    if alternate:
        tx.insert(KEYS, {"entity_set": entity_set, "fields": json.dumps(alternate[0].columns), "customized": False})


def cached(tx: Tx, map_name: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """F&O fields and Dataverse columns as the gateway remembers them; None if it has no schema of this map."""
    row = tx.get(SCHEMAS, map_name)
    return None if row is None else (frozenset(json.loads(row["finance"])), frozenset(json.loads(row["dataverse"])))


def generate_mapping(tx: Tx, entity: str) -> int:
    """Bring an F&O entity's target mapping up to date, as the button does; return how many fields were added.

    entity: its label, AOT name or set name. Raises KeyError if F&O has no such entity.
    """
    found = next((e for e in finance.entity_sets().values() if entity in (e.label, e.aot, e.name) and entity), None)
    if found is None:
        raise KeyError(entity)
    missing = [field for field in finance.staging_fields(found) if not _in_target_mapping(tx, found, field)]
    return tx.insert_many(TARGET_MAPPING, (_target_row(found, field) for field in missing))


def forget_mapping(tx: Tx, entity: str, field: str) -> None:
    """Take a field out of an entity's target mapping, as on an environment where it was never generated."""
    found = next(e for e in finance.entity_sets().values() if entity in (e.label, e.aot, e.name))
    for name in (found.label, found.aot):
        for row in tx.find(TARGET_MAPPING, Entity=name, StagingField=field):
            tx.delete(TARGET_MAPPING, (row["StagingField"], row["Entity"]))


def _in_target_mapping(tx: Tx, entity: finance.EntitySet, field: str) -> bool:
    return any(tx.get(TARGET_MAPPING, (field, name)) for name in (entity.label, entity.aot))


def _target_row(entity: finance.EntitySet, field: str) -> dict[str, object]:
    column = finance.column_of_field(entity, field)
    name = column.name if column else field
    return {
        "StagingField": field, "Entity": entity.label, "EntityLabel": entity.label, "ShortStagingField": field,
        "TargetField": name, "TargetTable": entity.aot, "TargetDataSourceName": entity.aot, "FieldAOTName": name,
        "DataSourceName": entity.aot, "DataSourceField": name, "isFieldEnabled": "Yes", "IsAutoManual": "Yes",
    }  # fmt: skip


def _target_mapping(tx: Tx, described: Row) -> frozenset[str]:
    entity = finance.entity_sets().get(described["finance_set"])
    names = {described["label"], *((entity.aot,) if entity else ())}
    rows = (row for name in names for row in tx.find(TARGET_MAPPING, Entity=name))
    return frozenset(row["StagingField"].upper() for row in rows)


def _mappings(tx: Tx, described: Row) -> list[TaskMapping]:
    return [mapping_from(row["mapping"]) for row in tx.find(TEMPLATES, map=described["map"])]
