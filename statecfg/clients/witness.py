"""What the environments themselves record of table maps: runtime rows, project configurations, saved versions.

Reads only, uncached, as data; what they prove together is the kinds' business. A row that can't be understood is an
error and not left out: it might be the one that matters. Needs no token of the gateway.
Source: reference/dual-write.md, "Storage behind the API".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from statecfg.clients import loose, mapping, numbers
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.clients.mapping import FieldMapping
from statecfg.clients.odata import Row
from statecfg.model.errors import Unavailable

RUNTIME_TABLE = "msdyn_dualwriteruntimeconfig"
VERSIONS_TABLE = "msdyn_dualwriteentitymap"
CONFIGURATIONS = "DualWriteProjectConfigurations"

# Source: reference/dual-write.md, "Run-time rows in F&O": members of DualWriteProjectStatus.
ENABLED, DISABLED, QUEUEING = "Enabled", "Disabled", "Queueing"
# Members of AsyncMode.
REQUIRED_SYNC, REQUIRED_ASYNC, PREFERRED_SYNC, NO_MODE = "RequiredSync", "RequiredAsync", "PreferredSync", "None"

_CONFIGURATION_COLUMNS = (
    "ProjectName",
    "InternalEntityName",
    "ExternalEntityName",
    "Status",
    "FieldMap",
    "AsyncMode",
)


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """Dataverse's own row of a running map. version: four numbers with dots. rows: the deployed field mappings.

    There are such rows only while a map runs, and only of maps that carry something out of Dataverse.
    """

    entity_set: str
    entity: str
    pid: str
    version: str
    rows: tuple[FieldMapping, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class FinanceRow:
    """F&O's own row of a running map. internal: F&O label. external: entity set. status, async_mode: member names.

    field_map: the deployed mapping as text. rows: the same as values, None if its form is not known.
    """

    project: str
    internal: str
    external: str
    status: str
    field_map: str
    async_mode: str
    rows: tuple[FieldMapping, ...] | None = None


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A saved version of a map as Dataverse keeps it. entity_set and entity: the pair in its name.

    publisher: "" where the environment has no column for it; then the publisher of the solution (solution_id) counts.
    modified_at: as Dataverse writes times.
    """

    id: str
    name: str
    entity_set: str
    entity: str
    publisher: str
    number: str
    description: str
    managed: bool
    solution_id: str
    modified_at: str


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """The mapping of a saved version. text: its task as JSON text, once encoded, to be kept and added to."""

    text: str
    rows: tuple[FieldMapping, ...]
    source_filter: str
    reversed_filter: str


def runtime_rows(dataverse: Dataverse) -> tuple[RuntimeRow, ...]:
    """Every runtime row of Dataverse, inactive ones too. Raises Unavailable for one that can't be understood."""
    entity_set = dataverse.entity_set(RUNTIME_TABLE)
    return tuple(_runtime_row(row) for row in dataverse.rows(entity_set, select=("msdyn_unsecure", "statecode")))


def _runtime_row(row: Row) -> RuntimeRow:
    try:
        said = loose.unpacked(row.get("msdyn_unsecure") or "")
        return RuntimeRow(
            entity_set=_named(said, "SourceEntityName"),
            entity=_named(said, "DestinationEntityName"),
            pid=loose.text(said, "ProjectId"),
            version=loose.version(loose.member(said, "EntityMapVersion")),
            rows=mapping.field_mappings(loose.member(said, "FieldMappings") or []),
            active=loose.whole(row, "statecode") == 0,
        )
    except (numbers.NotJson, mapping.NotAMapping) as error:
        which = row.get(f"{RUNTIME_TABLE}id", "")
        raise Unavailable(
            f"the runtime row {which} of dual-write can't be understood: {error}",
            where=RUNTIME_TABLE,
            do="Restart the map it belongs to, so that the row is written anew.",
        ) from error


def _named(said: Any, name: str) -> str:
    found = loose.text(said, name)
    if not found:
        raise mapping.NotAMapping(f"{name} is missing")
    return found


def finance_rows(finance: Finance) -> tuple[FinanceRow, ...]:
    """Every project configuration of F&O. The columns that hold connection strings are not read."""
    spelt = finance.columns(CONFIGURATIONS)
    select = [spelt.get(name.lower(), name) for name in _CONFIGURATION_COLUMNS]
    return tuple(_finance_row(row) for row in finance.rows(CONFIGURATIONS, select=select))


def _finance_row(row: Row) -> FinanceRow:
    field_map = loose.text(row, "FieldMap")
    return FinanceRow(
        project=loose.text(row, "ProjectName"),
        internal=loose.text(row, "InternalEntityName"),
        external=loose.text(row, "ExternalEntityName"),
        status=loose.text(row, "Status"),
        field_map=field_map,
        async_mode=loose.text(row, "AsyncMode"),
        rows=_if_understood(field_map),
    )


def _if_understood(field_map: str) -> tuple[FieldMapping, ...] | None:
    try:
        return mapping.field_mappings(field_map)
    except mapping.NotAMapping:
        return None


def saved_versions(
    dataverse: Dataverse, *, author_column: str = "", description_column: str = ""
) -> tuple[SavedVersion, ...]:
    """Every saved version of every map, without the mappings, which are large.

    author_column, description_column: not established; "" or one that the table doesn't have reads as "".
    """
    known = dataverse.columns(VERSIONS_TABLE)
    author, description = (column if column in known else "" for column in (author_column, description_column))
    wanted = ("msdyn_name", "msdyn_version", "ismanaged", "solutionid", "modifiedon", author, description)
    rows = dataverse.rows(dataverse.entity_set(VERSIONS_TABLE), select=[column for column in wanted if column])
    return tuple(_saved_version(row, author, description) for row in rows)


def _saved_version(row: Row, author: str, description: str) -> SavedVersion:
    name = loose.text(row, "msdyn_name")
    entity_set, _, entity = name.partition("[")[2].removesuffix("]").partition(" - ")
    return SavedVersion(
        id=loose.text(row, f"{VERSIONS_TABLE}id"),
        name=name,
        entity_set=entity_set.strip(),
        entity=entity.strip(),
        publisher=loose.text(row, author) if author else "",
        number=loose.version(loose.member(row, "msdyn_version")),
        description=loose.text(row, description) if description else "",
        managed=loose.text(row, "ismanaged") == "true",
        solution_id=loose.text(row, "solutionid"),
        modified_at=loose.text(row, "modifiedon"),
    )


def saved_mapping(dataverse: Dataverse, version_id: str) -> SavedMapping | None:
    """The mapping of one saved version; None if there is no such row. Raises Unavailable if it can't be understood."""
    entity_set = dataverse.entity_set(VERSIONS_TABLE)
    row = dataverse.row(entity_set, version_id, select=("msdyn_mapping",))
    if row is None:
        return None
    try:
        return _saved_mapping(row)
    except (numbers.NotJson, mapping.NotAMapping) as error:
        what = f"the mapping of the saved version {version_id} can't be understood: {error}"
        raise Unavailable(what, where=VERSIONS_TABLE) from error


def _saved_mapping(row: Row) -> SavedMapping:
    said = loose.unpacked(row.get("msdyn_mapping") or "")
    leg = mapping.leg_of(said)
    return SavedMapping(numbers.encoded(said).decode(), leg.rows, leg.source_filter, leg.reversed_filter)


def value_types(dataverse: Dataverse) -> Iterator[str]:
    """The $type of every value map of every saved version, as they come; for one that must not be invented.

    Source: reference/dual-write.md, "Value transform". Versions that can't be understood are passed by.
    """
    entity_set = dataverse.entity_set(VERSIONS_TABLE)
    for row in dataverse.rows(entity_set, select=("msdyn_mapping",), page=50):
        found = _if_understood(loose.text(row, "msdyn_mapping")) or ()
        yield from (each.value_type for each in found if each.value_type)
