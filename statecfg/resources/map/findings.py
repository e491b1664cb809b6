"""What blocks, asks or warns about a map before anything is planned. Decides over what was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from statecfg.model.address import Address
from statecfg.model.declared import Desired
from statecfg.model.environment import Environment
from statecfg.model.plan import Finding
from statecfg.resources.map.originals import Resolution
from statecfg.resources.map.rows import Enums, differences
from statecfg.resources.map.saving import NO_TYPE, NO_TYPE_DO
from statecfg.resources.map.spec import MapLive, MapSpec, VersionSpec


def of_state(address: Address, live: MapLive) -> Iterator[Finding]:
    """A paused map, and witnesses that contradict each other."""
    if live.witnesses.contradiction:
        what = f"{address}: the witnesses contradict each other: {live.witnesses.contradiction}"
        do = "look at the map in Data management > Dual-write; refresh or stop it there, then run this again"
        yield Finding("block", "witnesses-disagree", what, do, "maps", address=address)
    elif live.state == "paused":
        what = f"{address} is paused: what it queues would be replayed when it runs again"
        do = "let a person resume it and wait until it runs, or stop it, knowing what its queue holds (M5)"
        yield Finding("block", "map-paused", what, do, "maps", address=address)


def of_original(desired: Desired, live: MapLive, resolution: Resolution) -> Iterator[Finding]:
    """An original that is not known, or that records disagree on."""
    spec: MapSpec = desired.spec
    needed = spec.running == "original" or spec.version is not None
    if resolution.original is None and (needed or resolution.code == "originals-disagree"):
        do = (
            f"write maps.{live.name}.original: {{publisher, number, running}} into the inventory, or give the run "
            "file with --from-run FILE"
        )
        candidates = tuple(f"candidate: {text}" for text in resolution.candidates)
        yield Finding(
            "block", resolution.code, resolution.problem, do, "maps", desired.source, desired.address, candidates
        )


def of_version(
    desired: Desired, live: MapLive, resolution: Resolution, environment: Environment, enums: Enums
) -> Iterator[Finding]:
    """A saved cutover version that is not exactly the original plus what is declared; a way that can't be gone."""
    spec: MapSpec = desired.spec
    if not isinstance(spec.version, VersionSpec) or resolution.original is None:
        return
    saved = live.find(spec.version.publisher, spec.version.number)
    base = live.saved.get(resolution.original.id)
    mapping = live.mapping if saved and saved.id == live.version.id else live.saved.get(saved.id) if saved else None
    if mapping and base:
        wrong = differences(mapping, base, spec.version.mappings, enums)
        if wrong:
            what = f"{desired.address}: version {saved} is saved, but it isn't the original plus what is declared"
            do = "declare another number (cutover_version), or correct that version by hand"
            yield Finding("block", "mapping-not-exact", what, do, "maps", desired.source, desired.address, wrong)
    if saved is None:
        yield from _way(desired, spec.version, environment, live.value_type)


def _way(desired: Desired, version: VersionSpec, environment: Environment, value_type: str | None) -> Iterator[Finding]:
    how = way(version, desired.address.name, environment)
    if how == "row" and environment.is_production and not version.accept_unsupported:
        what = f"{desired.address}: via: row is not supported by Microsoft"
        do = "use via: manual or via: solution, or say accept_unsupported: REASON"
        yield Finding("block", "via-unsupported", what, do, "maps", desired.source, desired.address)
    if how == "row" and any(row.values for row in version.mappings) and value_type == "":
        what = f"{desired.address}: {NO_TYPE}"
        yield Finding("block", "value-map-type-unknown", what, NO_TYPE_DO, "maps", desired.source, desired.address)
    names = getattr(environment.maps, desired.address.name)
    if how == "solution" and not (names.solution and Path(names.solution_file or "?").is_file()):
        what = f"{desired.address}: via: solution needs the solution's name, and its file, which must be there"
        do = f"write solution and solution_file of maps.{desired.address.name} in the inventory"
        yield Finding("block", "solution-missing", what, do, "maps", desired.source, desired.address)


def way(version: VersionSpec, name: str, environment: Environment) -> str:
    """How a new version comes to be: as the state file says, else the inventory, else by class (rules 3.5)."""
    from_inventory = getattr(environment.maps, name).via
    return version.via or from_inventory or ("row" if environment.environment_class == "sandbox" else "manual")
