"""What must hold of a map at the very moment of a write. Pure, over what was just read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from statecfg.clients.mapping import Mapping_
from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Seen
from statecfg.model.plan import Finding, Step
from statecfg.resources.map.reading import Reader
from statecfg.resources.map.rows import Enums, differences, names_any
from statecfg.resources.map.saving import added
from statecfg.resources.map.spec import TRANSACTION_STATUS, MapLive, MapSpec, Version, VersionSpec
from statecfg.resources.milestones.live import MilestonesLive

HOLD = "keep maintenance on, leave Import from staging and posting on hold, and find out who changed the map"


def untouched(seen: Seen) -> bool:
    """Whether no milestone that was read has got anywhere yet, so that the live system tells the original."""
    lives = [live.value for live in seen.values() if isinstance(live.value, MilestonesLive)]
    return bool(lives) and all(live.untouched for live in lives)


def breaches(
    condition: Condition,
    desired: Desired,
    live: MapLive,
    base: Mapping_ | None,
    declared: Mapping[str, tuple[VersionSpec, ...]],
    enums: Enums,
) -> Iterator[Finding]:
    """What is not as a clause of a `while` wants it."""
    address, wants = condition.target, condition.wants
    if live.witnesses.contradiction:
        what = f"{address}: the witnesses contradict each other: {live.witnesses.contradiction}"
        yield Finding("block", "witnesses-disagree", what, HOLD, "maps", condition.source, address)
    elif live.state != wants.get("running", live.state):
        what = f"{address} is {live.state}, but must be {wants['running']} while this is written ({live.witnesses})"
        yield Finding("block", f"map-not-{wants['running']}", what, HOLD, "maps", condition.source, address)
    spec: MapSpec = desired.spec
    if wants.get("version") == "cutover" and isinstance(spec.version, VersionSpec):
        yield from _not_on(spec.version, condition, live, base, enums)
    if wants.get("version") == "original" and names_any(live.rows, _fields(declared)):
        what = f"{address} is on {live.version}, which is a cutover version"
        yield Finding("block", "map-on-cutover-version", what, HOLD, "maps", condition.source, address)


def _fields(declared: Mapping[str, tuple[VersionSpec, ...]]) -> tuple[str, ...]:
    return (TRANSACTION_STATUS, *(row.finance for specs in declared.values() for s in specs for row in s.mappings))


def _not_on(
    version: VersionSpec, condition: Condition, live: MapLive, base: Mapping_ | None, enums: Enums
) -> Iterable[Finding]:
    address = condition.target
    if live.version.identity != Version(version.publisher, version.number).identity:
        what = f"{address} is on {live.version}, but must be on {version.publisher} {version.number}"
        yield Finding("block", "map-on-other-version", what, HOLD, "maps", condition.source, address)
    elif condition.wants.get("mappings") == "exact" and base is not None:
        wrong = differences(live.mapping, base, version.mappings, enums)
        if wrong:
            what = f"{address}: the mapping isn't the original plus what is declared: {'; '.join(wrong[:3])}"
            yield Finding("block", "mapping-not-exact", what, HOLD, "maps", condition.source, address, wrong)


def before_start(step: Step, live: MapLive, reader: Reader) -> Iterator[Finding]:
    """What stands against starting a map now: another version or mapping than planned, or TRANSSTATUS where it must
    not be."""
    detail, address = step.detail, step.address
    wanted = Version(str(detail["publisher"]), str(detail["number"]))
    if live.version.identity != wanted.identity:
        what = f"{address} is on {live.version}, but must start on {wanted}"
        yield Finding("block", "map-on-other-version", what, HOLD, "maps", address=address)
    elif "added" in detail:
        yield from _not_as_planned(step, live, reader)
    elif detail["original"]:
        yield from _transaction_status_left(address, live, reader)


def _not_as_planned(step: Step, live: MapLive, reader: Reader) -> Iterator[Finding]:
    base = reader.saved([str(step.detail["base"])]).get(str(step.detail["base"]))
    wrong = differences(live.mapping, base, added(step), reader.enums()) if base else ("the original can't be read",)
    if wrong:
        what = f"{step.address}: the mapping of {live.version} isn't the original plus what is declared: {wrong[0]}"
        yield Finding("block", "mapping-not-exact", what, HOLD, "maps", address=step.address, details=wrong)


def _transaction_status_left(address: Address, live: MapLive, reader: Reader) -> Iterator[Finding]:
    templates = [live.mapping, *reader.saved([live.version.id]).values()]
    if any(names_any(mapping.rows, (TRANSACTION_STATUS,)) for mapping in templates):
        what = f"{address}: {TRANSACTION_STATUS} is still in the mapping of {live.version}"
        yield Finding("block", "transstatus-in-original", what, HOLD, "maps", address=address)
    deployed = [row for runtime in reader.round().runtime if runtime.active for row in runtime.rows]
    if names_any(deployed, (TRANSACTION_STATUS,)):
        what = f"{TRANSACTION_STATUS} is still in a mapping that Dataverse runs"
        yield Finding("block", "transstatus-live", what, HOLD, "maps", address=address)
