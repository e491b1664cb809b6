"""What a map needs to get from where it is to where it should be. Pure: this is the part that must never be wrong.

A version is changed only while the map is stopped: the service ignores a change on a running map
(reference/dual-write.md, "SwitchActive"). Refresh is part of every switch (rules 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.model.plan import FieldChange
from statecfg.resources.map.originals import Resolution
from statecfg.resources.map.spec import DIRECTIONS, MapLive, MappingRow, Running, Version, VersionSpec

Verb = str
"""stop, refresh, save-version, switch, start: in the order in which one map may need them."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a map should be. version None = whatever it is on; running None = as it is.

    spec: the declaration, if the version is one that a phase declares. original: whether it is the one from before.
    """

    version: Version | None = None
    running: Running | None = None
    spec: VersionSpec | None = None
    original: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """What must be done to one map, in order, and the state that results. base: id of the original's saved version."""

    verbs: tuple[Verb, ...]
    target: Target
    live: MapLive
    after: MapLive
    base: str = ""
    fields: tuple[FieldChange, ...] = ()


def target(
    version: VersionSpec | str | None, running: str | None, live: MapLive, resolution: Resolution
) -> Target | None:
    """What a declaration comes to for this environment; None if it needs an original that nobody knows."""
    original = resolution.original
    if (version == "original" or running == "original") and original is None:
        return None
    state: Running | None = None
    if running == "original" and original:
        state = "running" if original.running == "running" else "stopped"
    elif running in ("running", "stopped"):
        state = "running" if running == "running" else "stopped"
    if version == "original" and original:
        return Target(Version(original.publisher, original.number, original.id), state, None, True)
    if isinstance(version, VersionSpec):
        known = live.find(version.publisher, version.number)
        return Target(known or Version(version.publisher, version.number), state, version)
    return Target(None, state)


def moves(live: MapLive, wanted: Target, base: Mapping_ | None, base_id: str = "") -> Moves | None:
    """The steps from `live` to `wanted`; None if nothing differs. base: the mapping of the original version."""
    switching = wanted.version is not None and wanted.version.identity != live.version.identity
    # A map in initial sync or catch-up is waited for first, and runs then (rules 2.6).
    runs = live.state in ("running", "busy")
    running: Running = wanted.running or ("running" if runs else "stopped")
    starting = running == "running" and (switching or not runs)
    stopping = runs and (switching or running == "stopped")
    verbs: list[Verb] = ["stop"] if stopping else []
    if switching and wanted.version:
        verbs += [] if wanted.version.id else ["refresh", "save-version"]
        verbs += ["switch", "refresh"]
    elif starting and (wanted.original or _schema_lacks(live)):
        verbs += ["refresh"]
    verbs += ["start"] if starting else []
    if not verbs:
        return None
    after = _after(live, wanted, running, base, switching)
    return Moves(tuple(verbs), wanted, live, after, base_id, _fields(live, after))


def _schema_lacks(live: MapLive) -> bool:
    return bool(live.schema) and any(row.finance.upper() not in live.schema for row in live.rows)


def _after(live: MapLive, wanted: Target, running: Running, base: Mapping_ | None, switching: bool) -> MapLive:
    version = wanted.version if switching and wanted.version else live.version
    mapping, before = live.mapping, base or live.mapping
    if switching and wanted.spec:
        mapping = before._replace(rows=(*before.rows, *(as_mapping(row) for row in wanted.spec.mappings)))
    elif switching:
        mapping = live.saved.get(version.id, before)
    known = live.versions if version in live.versions else (*live.versions, version)
    return replace(live, state=running, version=version, mapping=mapping, versions=known)


def as_mapping(row: MappingRow) -> FieldMapping:
    """A declared row as a field mapping; what only the service knows about it is left empty."""
    return FieldMapping(row.finance, row.dataverse, DIRECTIONS[row.direction], dict(row.values))


def _fields(live: MapLive, after: MapLive) -> tuple[FieldChange, ...]:
    pairs = (("version", str(live.version), str(after.version)), ("running", live.state, after.state))
    return tuple(FieldChange(path, old, new) for path, old, new in pairs if old != new)
