"""The mapping of one map version as data: one task with one leg and its field lines, to and from its JSON text.

Pure: it knows the form of `msdyn_mapping` and nothing of tables, maps or who runs them. F&O is the source and
Dataverse the destination of every line, whichever way the line carries.
Source: reference/dual-write.md, "Mapping JSON".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

# Texts longer than this are no mapping of anybody.
LARGEST_TEXT = 8_000_000
_MAPPINGS_KEPT = 256


class Direction(IntEnum):
    """Which way one line carries values; the numbers are the wire's."""

    TO_DATAVERSE = 1
    TO_FINANCE = 2
    BOTH = 3


class NotAMapping(ValueError):
    """A text that cannot be read as the mapping of one task."""


@dataclass(frozen=True, slots=True)
class Transform:
    """What happens to a value on its way: kind "ValueMap" (pairs of F&O value, Dataverse value) or "Default"."""

    kind: str
    clr_type: str
    pairs: tuple[tuple[str, str], ...] = ()
    default: str | None = None
    creates_values: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One field line. finance: F&O field in upper case. dataverse: column, or a dotted path through lookups."""

    direction: Direction
    finance: str
    dataverse: str
    transforms: tuple[Transform, ...] = ()
    system_generated: bool = False
    related: str | None = None

    @property
    def to_finance(self) -> bool:
        """Whether the line carries values from Dataverse to F&O."""
        return self.direction in (Direction.TO_FINANCE, Direction.BOTH)

    @property
    def to_dataverse(self) -> bool:
        """Whether the line carries values from F&O to Dataverse."""
        return self.direction in (Direction.TO_DATAVERSE, Direction.BOTH)


@dataclass(frozen=True, slots=True)
class TaskMapping:
    """One task: the pair of entities, the filters, the lines in order."""

    label: str
    entity_set: str
    lines: tuple[Line, ...]
    finance_filter: str = ""
    dataverse_filter: str = ""

    @property
    def to_finance(self) -> tuple[Line, ...]:
        """The lines that carry Dataverse -> F&O."""
        return tuple(line for line in self.lines if line.to_finance)

    @property
    def to_dataverse(self) -> tuple[Line, ...]:
        """The lines that carry F&O -> Dataverse."""
        return tuple(line for line in self.lines if line.to_dataverse)

    def with_lines(self, added: tuple[Line, ...]) -> TaskMapping:
        """This mapping with `added`; a line of the same pair of fields is replaced."""
        pairs = {(line.finance.upper(), line.dataverse.lower()) for line in added}
        kept = tuple(line for line in self.lines if (line.finance.upper(), line.dataverse.lower()) not in pairs)
        return replace(self, lines=kept + added)


def line_from(members: Mapping[str, Any]) -> Line:
    """A field line from its JSON object; numbers may come as texts. Raises NotAMapping."""
    try:
        direction = Direction(int(members["syncDirection"]))
    except (KeyError, TypeError, ValueError) as cause:
        raise NotAMapping(f"a field line has no usable syncDirection: {members!r:.200}") from cause
    transforms = members.get("valueTransforms") or []
    if not isinstance(transforms, list):
        raise NotAMapping("valueTransforms is no list")
    return Line(
        direction,
        _text(members.get("sourceField")),
        _text(members.get("destinationField")),
        tuple(_transform_from(each) for each in transforms),
        bool(members.get("isSystemGenerated", False)),
        _text(members.get("destinationLookupFieldRelatedEntity")) or None,
    )


def line_members(line: Line) -> dict[str, Any]:
    """A field line as its JSON object."""
    return {
        "syncDirection": int(line.direction),
        "sourceField": line.finance,
        "destinationField": line.dataverse,
        "valueTransforms": [_transform_members(each) for each in line.transforms],
        "isSystemGenerated": line.system_generated,
        "destinationLookupFieldRelatedEntity": line.related,
    }


@lru_cache(maxsize=_MAPPINGS_KEPT)
def mapping_from(text: str) -> TaskMapping:
    """A mapping from its JSON text, which may be encoded twice. Raises NotAMapping."""
    task = decoded(text)
    leg = _only_leg(task)
    lines = leg.get("fieldMappings")
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise NotAMapping("fieldMappings is no list of objects")
    return TaskMapping(
        _text(leg.get("sourceSchema")),
        _text(leg.get("destinationSchema")),
        tuple(line_from(line) for line in lines),
        _text(leg.get("sourceFilter")),
        _text(leg.get("reversedSourceFilter")),
    )


def decoded(text: str) -> dict[str, Any]:
    """The task object in a mapping text, which may be encoded twice. Raises NotAMapping."""
    if len(text) > LARGEST_TEXT:
        raise NotAMapping("the text is too long")
    try:
        task = json.loads(text)
        task = json.loads(task) if isinstance(task, str) else task
    except (ValueError, RecursionError) as cause:
        raise NotAMapping("the text is no JSON") from cause
    if not isinstance(task, dict):
        raise NotAMapping("the text holds no task")
    return task


def task_members(mapping: TaskMapping, finance: str = "", dataverse: str = "") -> dict[str, Any]:
    """A mapping as the task object of `msdyn_mapping`; `finance` and `dataverse` name the two environments."""
    leg = {
        "id": "001",
        "sourceEnvironment": finance,
        "sourceSchema": mapping.label,
        "sourceEnvironmentType": "AX",
        "sourceFilter": mapping.finance_filter,
        "isSourceFilterEditable": True,
        "destinationEnvironment": dataverse,
        "destinationSchema": mapping.entity_set,
        "destinationEnvironmentType": "CRM",
        "reversedSourceFilter": mapping.dataverse_filter,
        "fieldMappings": [line_members(line) for line in mapping.lines],
        "entityFileFormat": None,
        "deleteNonMatchingData": False,
    }
    return {
        "name": f"[{mapping.label}] - [{mapping.entity_set}]",
        "order": 0,
        "connectionSetName": None,
        "leftEnvironmentType": "AX",
        "centerEnvironmentType": "CRM",
        "rightEnvironmentType": "UNDEFINED",
        "leftEnvironment": finance,
        "centerEnvironment": dataverse,
        "leftPartitionName": None,
        "centerPartitionName": None,
        "legs": [leg],
    }


def text_of(mapping: TaskMapping) -> str:
    """A mapping as the JSON text that a saved version holds."""
    return json.dumps(task_members(mapping), separators=(",", ":"))


def value_map_types(mapping: TaskMapping) -> Iterator[str]:
    """The CLR types that the mapping's value maps carry."""
    for line in mapping.lines:
        yield from (transform.clr_type for transform in line.transforms if transform.kind == "ValueMap")


def _only_leg(task: Mapping[str, Any]) -> Mapping[str, Any]:
    legs = task.get("legs")
    if not isinstance(legs, list) or len(legs) != 1 or not isinstance(legs[0], dict):
        raise NotAMapping("a task has exactly one leg")
    return legs[0]


def _transform_from(members: Any) -> Transform:
    if not isinstance(members, dict):
        raise NotAMapping("a value transform is no object")
    given = members.get("valueMap")
    pairs = {} if given is None else given
    if not isinstance(pairs, dict):
        raise NotAMapping("valueMap is no object")
    default = members.get("defaultValue")
    return Transform(
        _text(members.get("transformType")),
        _text(members.get("$type")),
        tuple((str(finance), _text(dataverse)) for finance, dataverse in pairs.items()),
        None if default is None else _text(default),
        bool(members.get("createValuesOnDestination", False)),
    )


def _transform_members(transform: Transform) -> dict[str, Any]:
    common = {"$type": transform.clr_type, "transformType": transform.kind}
    if transform.kind == "ValueMap":
        return {**common, "valueMap": dict(transform.pairs), "createValuesOnDestination": transform.creates_values}
    return {**common, "defaultValue": transform.default}


def _text(value: Any) -> str:
    """A scalar as text, "" for none. Raises NotAMapping for an object or a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)):
        return str(value)
    raise NotAMapping(f"{value!r:.60} is no text")
