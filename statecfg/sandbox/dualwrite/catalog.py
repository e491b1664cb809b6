"""The seeded maps as data: names, sides, integration keys, and the versions that were ever saved of each.

The content stands in `maps.json`. A line there is written as the designer shows it: `<` carries Dataverse to F&O,
`>` the other way, `=` both; then the F&O field, the Dataverse column, for a lookup the related set, `*` if the service
made the line itself, and `{F&O value:Dataverse value,...}` for a value map.
Source: reference/project-operations.md, "Catalogue" and "Column mappings". Which columns are mapped is inferred.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from statecfg.sandbox.dualwrite.mapping import Direction, Line, TaskMapping, Transform

MILESTONES = "milestones"
ACTUALS = "actuals"
INVOICES = "invoices"
CUTOVER_MAPS = (MILESTONES, ACTUALS, INVOICES)

# Related maps that the service wants to run first.
PREREQUISITES: Mapping[str, tuple[str, ...]] = {
    MILESTONES: ("contracts", "contractlines", "projects"),
    ACTUALS: ("connections", "contracts", "contractlines", "projects"),
    INVOICES: ("contracts", "contractlines"),
}

MICROSOFT = "Microsoft"
DEFAULT_PUBLISHER = "Default publisher"
CDS_PUBLISHER = "CDS Default Publisher"
PREFIXES = {MICROSOFT: "msdyn", DEFAULT_PUBLISHER: "new", CDS_PUBLISHER: "cr"}

_SYMBOLS = {">": Direction.TO_DATAVERSE, "<": Direction.TO_FINANCE, "=": Direction.BOTH}
# What each answer to "which way does the milestone map carry" adds to its versions.
_MILESTONE_EXTRAS: Mapping[str, tuple[str, ...]] = {"one_way": (), "writeback": ("writeback",), "two_way": ("twoway",)}


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """One saved version of a map as seeded."""

    publisher: str
    version: str
    description: str
    mapping: TaskMapping
    active: bool


@dataclass(frozen=True, slots=True)
class MapSpec:
    """One map as seeded.

    name: short, for settings and control only. table: the Dataverse table's logical name. finance_set: the F&O set
    behind the label, "" where the sandbox has none: such a map has all its states and carries nothing.
    """

    name: str
    entity_set: str
    table: str
    label: str
    finance_set: str
    key: tuple[str, ...]
    running: bool
    has_project: bool
    versions: tuple[VersionSpec, ...]

    @property
    def tname(self) -> str:
        """The map's name as clients see it."""
        return f"{self.entity_set} - {self.label}"


def map_specs(clr_type: str, milestone_direction: str = "one_way", *, value_maps: bool = True) -> tuple[MapSpec, ...]:
    """Every seeded map, in run order.

    clr_type: what value maps of this tenant carry as `$type`. value_maps: False leaves every value map out.
    """
    extras = {MILESTONES: _MILESTONE_EXTRAS[milestone_direction]}
    made = (_map_spec(members, clr_type, extras.get(members["name"], ())) for members in _content()["maps"])
    return tuple(made) if value_maps else tuple(_without_value_maps(spec) for spec in made)


def clr_type_of(seed: int) -> str:
    """The CLR type of value maps in a world of this seed: it can be copied, and can't be guessed."""
    tenant = uuid.uuid5(uuid.NAMESPACE_OID, f"value map/{seed}").hex[:12]
    return f"Microsoft.Dynamics.Integrator.Sandbox{tenant}.ValueMapTransform, Microsoft.Dynamics.Integrator.Sandbox"


def _map_spec(members: Mapping[str, Any], clr_type: str, extras: tuple[str, ...]) -> MapSpec:
    return MapSpec(
        name=members["name"],
        entity_set=members["set"],
        table=members["table"],
        label=members["label"],
        finance_set=members.get("finance", ""),
        key=tuple(members["key"]),
        running=members["running"],
        has_project=members.get("project", True),
        versions=tuple(_version_spec(members, version, clr_type, extras) for version in members["versions"]),
    )


def _version_spec(
    map_members: Mapping[str, Any], members: Mapping[str, Any], clr_type: str, extras: tuple[str, ...]
) -> VersionSpec:
    blocks = _content()["lines"]
    bare = TaskMapping(map_members["label"], map_members["set"], (), dataverse_filter=map_members.get("filter", ""))
    for block in (*members["lines"], *extras):
        bare = bare.with_lines(tuple(_line(text, clr_type) for text in blocks[block]))
    sole = len(map_members["versions"]) == 1
    first = members is map_members["versions"][0]
    chosen = any(version.get("active") for version in map_members["versions"])
    return VersionSpec(
        publisher=members.get("publisher", MICROSOFT),
        version=members["version"],
        description=members.get("description", ""),
        mapping=bare,
        active=sole or members.get("active", False) or (first and not chosen),
    )


def _line(text: str, clr_type: str) -> Line:
    symbol, finance, dataverse, *rest = text.split()
    related = next((word for word in rest if word != "*" and not word.startswith("{")), None)
    pairs = next((word for word in rest if word.startswith("{")), "")
    transforms = (Transform("ValueMap", clr_type, tuple(_pairs(pairs))),) if pairs else ()
    return Line(_SYMBOLS[symbol], finance, dataverse, transforms, "*" in rest, related)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.strip("{}").split(","):
        finance, _, dataverse = pair.partition(":")
        yield finance, dataverse


def _without_value_maps(spec: MapSpec) -> MapSpec:
    bare = (replace(version, mapping=without_value_maps(version.mapping)) for version in spec.versions)
    return replace(spec, versions=tuple(bare))


def without_value_maps(mapping: TaskMapping) -> TaskMapping:
    """The same mapping with every transform left out."""
    return replace(mapping, lines=tuple(replace(line, transforms=()) for line in mapping.lines))


@cache
def _content() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("maps.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
