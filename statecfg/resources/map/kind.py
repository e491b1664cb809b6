"""The kind `map`: a dual-write table map, the version it runs on, and whether it runs.

Ties the pure parts together: `reading` looks, `originals` and `decide` judge, `sending` acts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from statecfg.clients.mapping import Mapping_
from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Live, Seen
from statecfg.model.errors import Problem
from statecfg.model.kind import CLEAR, Kind, Look, Observation, Receipt, Settlement
from statecfg.model.plan import Change, Finding, Step, Summary, Unchanged, WorldLine
from statecfg.model.records import Record
from statecfg.model.window import Original
from statecfg.resources.map import decide, drifting, fencing, findings, rows, sending, stepping
from statecfg.resources.map.originals import Resolution, resolve
from statecfg.resources.map.reading import NO_MAPPING, Reader, seen_of
from statecfg.resources.map.rows import canonical
from statecfg.resources.map.spec import TRANSACTION_STATUS, MapLive, MapSpec, MapWants, Version, VersionSpec
from statecfg.resources.map.witnesses import judged
from statecfg.resources.services import Services


class Maps(Kind):
    """Table maps. declared: every version that any phase declares, by map; none of them can be an original."""

    name: ClassVar[str] = "map"
    Spec: ClassVar[type] = MapSpec
    Row: ClassVar[type | None] = None
    Wants: ClassVar[type | None] = MapWants

    def __init__(self, services: Services, declared: dict[str, tuple[VersionSpec, ...]]) -> None:
        self._services = services
        self._declared = declared
        self._reader = Reader(services)
        self._sender = sending.Sender(services, self._reader)

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        spec: MapSpec = desired.spec
        if desired.address.name not in ("milestones", "actuals", "invoices"):
            do = "the maps of this procedure are milestones, actuals and invoices"
            yield Problem("unknown-map", desired.source, f"there is no map named {desired.address.name!r}", do)
        if isinstance(spec.version, VersionSpec):
            yield from _number_problems(spec.version, desired)

    def fresh(self) -> None:
        self._reader.fresh()

    def read(self, desired: Desired, seen: Seen) -> Live:
        name = desired.address.name
        names = getattr(self._services.environment.maps, name)
        if self._services.gateway is None:
            return Live(desired.address, drifting.live(name, names, self._reader, self._recorded(name)), 1)
        live = self._with_value_type(desired, self._read(name, self._wanted_versions(name)))
        return Live(desired.address, live, 1, live.witnesses.contradiction)

    def _read(self, name: str, numbers: Iterable[tuple[str, str]]) -> MapLive:
        names = getattr(self._services.environment.maps, name)
        table_map = seen_of(names, self._reader.round(), None).table_map
        assert table_map is not None
        project = self._reader.project(table_map)
        mapping = Mapping_(project.rows, project.source_filter, project.reversed_filter)
        state, witnesses = judged(seen_of(names, self._reader.round(), mapping), self._reader.enums())
        active = table_map.active
        version = Version(active.publisher, active.number, active.id) if active else Version("", "")
        live = MapLive(
            name=name,
            state=state,
            version=version,
            mapping=mapping,
            witnesses=witnesses,
            versions=tuple(Version(v.publisher, v.number, v.id) for v in table_map.versions),
            schema=frozenset(field.upper() for field in project.schema_fields.get("finance", ())),
            recorded=self._recorded(name),
            project=project.name,
            label=table_map.name,
        )
        wanted = [found.id for pair in numbers if (found := live.find(*pair))]
        return replace(live, saved={**self._reader.saved(wanted), version.id: mapping})

    def _with_value_type(self, desired: Desired, live: MapLive) -> MapLive:
        """With the type that a row of the declared version would copy, where that version is yet to be made so."""
        version = desired.spec.version
        if not isinstance(version, VersionSpec) or live.find(version.publisher, version.number):
            return live
        if findings.way(version, live.name, self._services.environment) != "row":
            return live
        return replace(live, value_type=self._reader.value_type(live.rows))

    def _wanted_versions(self, name: str) -> Iterable[tuple[str, str]]:
        """Versions whose mapping matters: declared ones, and whatever a record names as the original."""
        yield from ((spec.publisher, spec.number) for spec in self._declared.get(name, ()))
        yield from ((original.publisher, original.number) for original in self._recorded(name))

    def _recorded(self, name: str) -> tuple[Original, ...]:
        window = self._services.window()
        written = window.original(name) if window else None
        found = [replace(written, said_by=written.said_by or "run file")] if written else []
        said = getattr(self._services.environment.maps, name).original
        if said:
            found.append(Original(name, said.publisher, said.number, "", said.running, "inventory"))
        return tuple(found)

    def resolution(self, live: MapLive, seen: Seen) -> Resolution:
        """What this map ran on before the window, or why that isn't known."""
        declared = self._declared.get(live.name, ())
        return resolve(live, declared, self._fields(), fencing.untouched(seen))

    def _fields(self) -> tuple[str, ...]:
        declared = [row.finance for specs in self._declared.values() for spec in specs for row in spec.mappings]
        return (TRANSACTION_STATUS, *declared)

    def _base(self, live: MapLive, resolution: Resolution) -> Mapping_ | None:
        return live.saved.get(resolution.original.id) if resolution.original else None

    def findings(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        value: MapLive = live.value
        resolution = self.resolution(value, seen)
        yield from findings.of_state(desired.address, value)
        yield from findings.of_original(desired, value, resolution)
        yield from findings.of_version(desired, value, resolution, self._services.environment, self._reader.enums())

    def under(self, desired: Desired, condition: Condition) -> Desired:
        wants = condition.wants
        version = {"cutover": desired.spec.version, "original": "original"}.get(str(wants.get("version")))
        return replace(desired, spec=MapSpec(version, wants.get("running")))

    def compare(self, desired: Desired, live: Live, seen: Seen) -> Change | None:
        value, spec = live.value, desired.spec
        if value.state in ("paused", "unknown"):
            return None
        resolution = self.resolution(value, seen)
        target = decide.target(spec.version, spec.running, value, resolution)
        base = resolution.original.id if resolution.original else ""
        moves = decide.moves(value, target, self._base(value, resolution), base) if target else None
        return Change(desired, live, moves.fields, moves) if moves else None

    def settled(self, change: Change) -> Finding | None:
        return None

    def steps(self, changes: Sequence[Change], seen: Seen) -> Sequence[Step]:
        return stepping.steps(changes, self._services.environment)

    def pending(self, desired: Desired, live: Live, seen: Seen) -> Sequence[Step]:
        busy = live.value.state == "busy"
        return (stepping.wait_for_rest(desired.address, self._services.environment),) if busy else ()

    def after(self, change: Change) -> Live:
        live: Live = change.live
        return replace(live, value=change.detail.after)

    def unchanged(self, desired: Desired, live: Live, seen: Seen) -> Unchanged | None:
        if self.compare(desired, live, seen) is not None:
            return None
        value: MapLive = live.value
        return Unchanged(desired.address, 1, f"{value.version}, {value.state}")

    def summary(self, desired: Desired, live: Live, seen: Seen) -> Summary | None:
        value: MapLive = live.value
        original = self.resolution(value, seen).original
        lines = [("version", str(value.version)), ("running", value.state), ("witnesses", str(value.witnesses))]
        if original:
            words = f"{original.publisher} {original.number}, {original.running} ({original.said_by})"
            lines.append(("original", words))
        if isinstance(desired.spec.version, VersionSpec) and desired.spec.version.number != value.version.number:
            added = [rows.words(rows.declared(row, self._reader.enums())) for row in desired.spec.version.mappings]
            lines.extend(("+ mapping", text) for text in added)
        return Summary(desired.address, tuple(lines))

    def world(self, desired: Desired, live: Live) -> Iterable[WorldLine]:
        value: MapLive = live.value
        enums = self._reader.enums()
        mapping = repr((sorted(map(str, (canonical(r, enums) for r in value.rows))), value.mapping[1:]))
        # Whether initial sync ends before or after the next look makes no difference to what is planned.
        state = "running" if value.state == "busy" else value.state
        parts = {"running state": state, "version": str(value.version), "mapping": mapping}
        for part, text in parts.items():
            shown = "" if part == "mapping" else text
            yield WorldLine(desired.address, part, 1, hashlib.sha256(text.encode()).hexdigest()[:32], shown)

    def original(self, live: MapLive, seen: Seen) -> Original | None:
        """The original to be kept with the window."""
        return self.resolution(live, seen).original

    def fence(self, step: Step, batch: Sequence[Record], desired: Desired) -> Look:
        if step.verb != "start":
            return CLEAR
        live = self._now(desired)
        return Look(tuple(fencing.before_start(step, live, self._reader)))

    def _now(self, desired: Desired) -> MapLive:
        self._reader.fresh()
        return self._read(desired.address.name, self._wanted_versions(desired.address.name))

    def holds(self, clauses: Sequence[tuple[Condition, Desired]]) -> tuple[Finding, ...]:
        self._reader.fresh()
        lives = [(condition, desired, self._glance(desired.address.name)) for condition, desired in clauses]
        found: list[Finding] = []
        for condition, desired, live in lives:
            base = self._base_of(live)
            found.extend(fencing.breaches(condition, desired, live, base, self._declared, self._reader.enums()))
        return tuple(found)

    def _glance(self, name: str) -> MapLive:
        """A map as a fence needs it: the mapping is read only while the map runs, to keep the look short."""
        names = getattr(self._services.environment.maps, name)
        seen = seen_of(names, self._reader.round(), NO_MAPPING)
        if seen.table_map is None or seen.table_map.running == "running" or seen.table_map.active is None:
            return self._read(name, ())
        state, witnesses = judged(seen, {})
        active = seen.table_map.active
        version = Version(active.publisher, active.number, active.id)
        return MapLive(name, state, version, NO_MAPPING, witnesses, recorded=self._recorded(name))

    def _base_of(self, live: MapLive) -> Mapping_ | None:
        original = next(iter(live.recorded), None)
        known = live.find(original.publisher, original.number) if original else None
        return self._reader.saved([known.id]).get(known.id) if known else None

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        return self._sender.perform(step)

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        return self._sender.settle(step, since)

    def observe(self, step: Step, batch: Sequence[Record], receipt: Receipt | None) -> Observation:
        self._reader.fresh()
        return self._sender.observe(step, receipt)

    def drift(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        original = next(iter(self._recorded(desired.address.name)), None)
        declared: Any = self._declared.get(desired.address.name, ())
        yield from drifting.findings(desired.address, live.value, original, declared, self._fields())


def _number_problems(version: VersionSpec, desired: Desired) -> Iterable[Problem]:
    parts = version.number.split(".")
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 10 for part in parts):
        what = f"{version.number!r} is not a map version: four numbers with dots are expected"
        yield Problem("version-number", desired.source, what, "write, for example, 1.0.0.8")


def maps_in(seen: Seen) -> Iterable[tuple[Address, MapLive]]:
    """Every map that was read."""
    for address, live in seen.items():
        if isinstance(live.value, MapLive):
            yield (address, live.value)
