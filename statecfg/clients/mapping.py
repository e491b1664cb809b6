"""Field mappings of a table map as values that can be compared, whichever of the services they were read from.

Knows the forms of reference/dual-write.md, "Mapping JSON": a task with one leg, a bare list of rows, a whole project.
Reads and writes JSON texts; contacts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from statecfg.clients import loose, numbers

# Source: reference/dual-write.md, "Field mapping".
TO_DATAVERSE, TO_FINANCE, BOTH_WAYS = 1, 2, 3
VALUE_MAP = "ValueMap"

_OWN = frozenset({"syncdirection", "sourcefield", "destinationfield", "valuetransforms"})
_OWN_OF_VALUE_MAP = frozenset({"$type", "transformtype", "valuemap"})


class NotAMapping(ValueError):
    """A value in which no field mappings can be found."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One row of a map. finance: F&O field. dataverse: column, or a dotted path through lookups.

    direction: 1 F&O -> Dataverse, 2 Dataverse -> F&O, 3 both. values: F&O value -> Dataverse value, None without a
    value map. value_type: the value map's $type. other: whatever else the row holds, as canonical JSON, so that equal
    rows are equal wherever they were read; empty members don't count, since services leave them out.
    """

    finance: str
    dataverse: str
    direction: int
    values: Mapping[str, str] | None = field(default=None, hash=False)
    value_type: str = ""
    other: str = "{}"

    @property
    def essence(self) -> tuple[str, str, int, tuple[tuple[str, str], ...] | None]:
        """What the row does, whichever service describes it: fields, direction and pairs of values."""
        pairs = None if self.values is None else tuple(sorted(self.values.items()))
        return (self.finance.upper(), self.dataverse.lower(), self.direction, pairs)

    @property
    def to_finance(self) -> bool:
        return self.direction in (TO_FINANCE, BOTH_WAYS)

    @property
    def to_dataverse(self) -> bool:
        return self.direction in (TO_DATAVERSE, BOTH_WAYS)


class Mapping_(NamedTuple):  # noqa: N801 - typing's own Mapping is used beside it
    """The mapping of one leg: its rows in order and the filters of both sides."""

    rows: tuple[FieldMapping, ...]
    source_filter: str
    reversed_filter: str


@dataclass(frozen=True, slots=True)
class Project:
    """What the gateway holds of a map's project.

    name: for Refresh. keys: the integration key of the Dataverse table. schema_fields: cached field names of both
    sides ("finance", "dataverse"); they change by Refresh only. raw: the whole answer.
    """

    name: str
    rows: tuple[FieldMapping, ...]
    source_filter: str
    reversed_filter: str
    keys: tuple[str, ...]
    schema_fields: Mapping[str, frozenset[str]]
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    def knows(self, finance_field: str) -> bool:
        """Whether the cached F&O schema has a field, whatever its case."""
        return finance_field.upper() in {name.upper() for name in self.schema_fields.get("finance", ())}


def field_mappings(value: Any) -> tuple[FieldMapping, ...]:
    """The rows in a list of rows, in a task or project, or in the JSON text of one. Raises NotAMapping."""
    return leg_of(value).rows


def leg_of(value: Any) -> Mapping_:
    """Rows and filters of a mapping in any of its forms. Raises NotAMapping."""
    try:
        found = loose.unpacked(value)
    except numbers.NotJson as error:
        raise NotAMapping(f"no JSON: {error}") from error
    if isinstance(found, list):
        return Mapping_(_rows(found), "", "")
    leg = _leg(found)
    listed = loose.member(leg, "fieldMappings")
    if not isinstance(listed, list):
        raise NotAMapping("there are no fieldMappings")
    return Mapping_(_rows(listed), loose.text(leg, "sourceFilter"), loose.text(leg, "reversedSourceFilter"))


def _leg(value: Any) -> Any:
    """The one leg in a project, task or leg. Raises NotAMapping if there are several: which one counts is not known."""
    for inner in ("entityMappingTasks", "legs"):
        listed = loose.objects(value, inner)
        if len(listed) > 1:
            raise NotAMapping(f"there are {len(listed)} {inner}, one is expected")
        value = listed[0] if listed else value
    return value


def _rows(listed: Sequence[Any]) -> tuple[FieldMapping, ...]:
    if not all(isinstance(row, Mapping) for row in listed):
        raise NotAMapping("a row is no object")
    return tuple(_row(row) for row in listed)


def _row(row: Mapping[str, Any]) -> FieldMapping:
    direction = loose.whole(row, "syncDirection")
    if direction not in (TO_DATAVERSE, TO_FINANCE, BOTH_WAYS):
        raise NotAMapping(f"a row has the direction {loose.text(row, 'syncDirection')!r}")
    transforms = loose.objects(row, "valueTransforms")
    value_map = next((one for one in transforms if loose.text(one, "transformType") == VALUE_MAP), None)
    rest = _rest(row, _OWN)
    others = [_rest(one, frozenset()) for one in transforms if one is not value_map]
    details = _rest(value_map, _OWN_OF_VALUE_MAP) if value_map else {}
    extra = {"valueTransforms": others} if others else {}
    return FieldMapping(
        finance=loose.text(row, "sourceField"),
        dataverse=loose.text(row, "destinationField"),
        direction=direction,
        values=_pairs(value_map) if value_map else None,
        value_type=loose.text(value_map, "$type"),
        other=numbers.canonical(rest | extra | ({"valueMap": details} if details else {})),
    )


def _pairs(value_map: Mapping[str, Any]) -> Mapping[str, str]:
    pairs = loose.member(value_map, "valueMap")
    if pairs is None:
        return {}
    if not isinstance(pairs, Mapping):
        raise NotAMapping("a value map is no object")
    return {str(finance): loose.text(dataverse) for finance, dataverse in pairs.items()}


def _rest(value: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """What an object holds besides its own members, without empty ones and without marks of the JSON writer."""
    return {
        str(name): member
        for name, member in value.items()
        if str(name).lower() not in own and name != "$id" and not _is_empty(member)
    }


def _is_empty(member: Any) -> bool:
    return member is None or member is False or (isinstance(member, str | list | dict) and not member)


def project_of(answer: Any) -> Project:
    """A project from the gateway's FieldMappings answer. Raises NotAMapping."""
    found = loose.resolved(answer)
    mapping = leg_of(found)
    leg = _leg(found)
    finance = _schema(found, "AX", loose.text(leg, "sourceSchema"))
    dataverse = _schema(found, "CRM", loose.text(leg, "destinationSchema"))
    return Project(
        name=loose.text(found, "name"),
        rows=mapping.rows,
        source_filter=mapping.source_filter,
        reversed_filter=mapping.reversed_filter,
        keys=_integration_key(dataverse),
        schema_fields={"finance": _fields(finance), "dataverse": _fields(dataverse)},
        raw=found,
    )


def _schema(project: Any, target: str, name: str) -> Any:
    """The cached schema of one side; {} if the project holds none of that name."""
    for environment in _environments(project):
        if _is_target(loose.text(environment, "targetType"), target):
            for schema in loose.objects(environment, "schemas"):
                if loose.text(schema, "name").lower() == name.lower():
                    return schema
    return {}


def _environments(project: Any) -> Iterable[Any]:
    """A list in projects, a dictionary in connection sets (reference/dual-write.md, "Pitfalls first")."""
    found = loose.member(project, "environments")
    return found.values() if isinstance(found, Mapping) else found or ()


def _is_target(said: str, target: str) -> bool:
    return said.upper() == target or (target == "CRM" and "CDS" in said.upper())


def _fields(schema: Any) -> frozenset[str]:
    return frozenset(loose.text(one, "name") for one in loose.objects(schema, "fields"))


def _integration_key(schema: Any) -> tuple[str, ...]:
    """Source: reference/dual-write.md, "Integration keys": the key `userKeys`, else `userKey`, in any case."""
    keys = {loose.text(key, "name").lower(): key for key in loose.objects(schema, "keys")}
    return loose.texts(keys.get("userkeys") or keys.get("userkey"), "fields")


def as_json(row: FieldMapping) -> dict[str, Any]:
    """A row as it stands in a mapping's JSON."""
    rest: dict[str, Any] = dict(numbers.decoded(row.other))
    details, others = rest.pop("valueMap", {}), rest.pop("valueTransforms", [])
    head = {"$type": row.value_type, "transformType": VALUE_MAP}
    value_map = [head | {"valueMap": dict(row.values)} | details] if row.values is not None else []
    return {
        "syncDirection": row.direction,
        "sourceField": row.finance,
        "destinationField": row.dataverse,
        "valueTransforms": [*value_map, *others],
        "isSystemGenerated": False,
        **rest,
    }


def with_rows(task: str, added: Sequence[FieldMapping]) -> str:
    """The JSON text of a task with rows added to its leg; everything else stays as it is. Raises NotAMapping."""
    leg_of(task)
    found = loose.unpacked(task)
    leg = _leg(found)
    name = next(name for name in leg if name.lower() == "fieldmappings")
    leg[name] = [*leg[name], *(as_json(row) for row in added)]
    return numbers.encoded(found).decode()
