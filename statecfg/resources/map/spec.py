"""The YAML of a map, and what was read of one: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.model.window import Original

Running = Literal["running", "stopped"]
RunningState = Literal["running", "stopped", "paused", "busy", "unknown"]
Witness = Literal["running", "stopped", "paused", "busy", "silent", "not read"]

DIRECTIONS: Mapping[str, int] = {"to_dataverse": 1, "to_finance": 2, "both": 3}
"""`syncDirection` of the wire by our words. Source: reference/dual-write.md, "Field mapping"."""

TRANSACTION_STATUS = "TRANSSTATUS"
"""The F&O field whose mapping makes a cutover version. Source: reference/project-operations.md, P2.3."""


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One field mapping that a version adds. values: F&O value -> Dataverse value, both as text."""

    finance: str
    dataverse: str
    direction: Literal["to_finance", "to_dataverse", "both"] = "to_finance"
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """A version of a map that a phase declares: this environment's original plus `mappings`, and nothing else.

    via: how it comes to be, default from the inventory. accept_unsupported: the reason for `via: row` in production.
    """

    publisher: str
    number: str
    description: str = ""
    based_on: Literal["original"] = "original"
    mappings: tuple[MappingRow, ...] = ()
    via: Literal["manual", "solution", "row"] | None = None
    accept_unsupported: str = ""


@dataclass(frozen=True, slots=True)
class MapSpec:
    """A table map: on which version it ends, and whether it runs. Nothing said = left as it is."""

    version: VersionSpec | Literal["original"] | None = None
    running: Literal["running", "stopped", "original"] | None = None


@dataclass(frozen=True, slots=True)
class MapWants:
    """A clause of a `while` on a map (rules 2.1). cutover: the version that this phase declares."""

    running: Running | None = None
    version: Literal["cutover", "original"] | None = None
    mappings: Literal["exact"] | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A saved version: publisher, number, and the service's id ("" while it is only planned)."""

    publisher: str
    number: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.publisher} {self.number}"

    @property
    def identity(self) -> tuple[str, str]:
        """What tells versions apart: the publisher (case and spaces don't count) and the number."""
        return (" ".join(self.publisher.split()).casefold(), self.number)


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What each of the three says of one map, and whether together they prove one running state.

    contradiction: "" if they agree, else what each says, in words.
    """

    gateway: Witness
    dataverse: Witness
    finance: Witness
    contradiction: str = ""

    def __str__(self) -> str:
        return f"gateway: {self.gateway}, Dataverse: {self.dataverse}, F&O: {self.finance}"


@dataclass(frozen=True, slots=True)
class MapLive:
    """One table map as it is.

    name: in the inventory (milestones, actuals, invoices). state: what the witnesses prove. version, mapping: the
    active version and what it maps. versions: all that can be chosen. saved: the mapping of each that was looked at,
    by id. schema: F&O fields that the map's cached schema knows, upper case. recorded: what records say of its
    original. project: for Refresh. label: as people know the map. value_type: the `$type` that a row of a new version
    could copy, "" if there is none here, None where nobody had to look for one.
    """

    name: str
    state: RunningState
    version: Version
    mapping: Mapping_
    witnesses: Witnesses
    versions: tuple[Version, ...] = ()
    saved: Mapping[str, Mapping_] = field(default_factory=dict)
    schema: frozenset[str] = frozenset()
    recorded: tuple[Original, ...] = ()
    project: str = ""
    label: str = ""
    value_type: str | None = None

    @property
    def rows(self) -> tuple[FieldMapping, ...]:
        """The active version's field mappings."""
        return self.mapping.rows

    def find(self, publisher: str, number: str) -> Version | None:
        """The saved version of that publisher and number; the active one where several share them."""
        wanted = Version(publisher, number).identity
        same = [version for version in (self.version, *self.versions) if version.identity == wanted]
        return same[0] if same else None
