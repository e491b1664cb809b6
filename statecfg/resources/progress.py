"""How far a cutover is, from what was read of its maps and records: whether the next phase has begun. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

from statecfg.model.declared import Phase, Seen, StateSet
from statecfg.model.window import Window
from statecfg.resources.map.spec import TRANSACTION_STATUS, MapLive, MapSpec, Version, VersionSpec
from statecfg.resources.milestones.live import MilestonesLive

T = TypeVar("T")


def begun_next(phase: Phase, states: StateSet, seen: Seen, window: Window | None) -> bool:
    """Whether the phase that follows `phase` has begun, so that `phase` is passed (rules 1.1).

    seen: what was read of the three maps and of the milestones. The run file may say so; one that doesn't know of
    it yet proves nothing, since the next phase may have been applied from elsewhere, so the live systems count too.
    """
    if not phase.next:
        return False
    if window is not None and phase.next in window.begun:
        return True
    maps, milestones = list(_values(seen, MapLive)), list(_values(seen, MilestonesLive))
    declared = declared_versions(states)
    if not any(live.settled for live in milestones) or not any(_is_back(live, declared) for live in maps):
        return False
    return any(live.state == "running" for live in maps) or all(live.complete for live in milestones)


def declared_versions(states: StateSet) -> frozenset[tuple[str, str]]:
    """Identities of every map version that a phase declares."""
    specs = (d.spec.version for phase in states.phases.values() for d in phase.resources if isinstance(d.spec, MapSpec))
    return frozenset(Version(spec.publisher, spec.number).identity for spec in specs if isinstance(spec, VersionSpec))


def _is_back(live: MapLive, declared: Collection[tuple[str, str]]) -> bool:
    """Whether this is the milestones map, on a version that no phase declares and without the cutover's mapping."""
    has_cutover_row = any(row.finance.upper() == TRANSACTION_STATUS for row in live.rows)
    return live.name == "milestones" and live.version.identity not in declared and not has_cutover_row


def _values(seen: Seen, kind: type[T]) -> Iterator[T]:
    return (live.value for live in seen.values() if isinstance(live.value, kind))
