"""What `status` says of maps and phases, in words, from what was read. Pure."""

from __future__ import annotations

from statecfg.model.declared import Seen, StateSet
from statecfg.model.results import MapStatus, PhaseState, PhaseStatus
from statecfg.model.window import Window
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.map.kind import Maps, maps_in
from statecfg.resources.map.spec import MapLive
from statecfg.resources.milestones.live import MilestonesLive


def map_statuses(kind: Maps, seen: Seen) -> tuple[MapStatus, ...]:
    """Every map by all its witnesses."""
    return tuple(_map(kind, live, seen) for _, live in maps_in(seen))


def _map(kind: Maps, live: MapLive, seen: Seen) -> MapStatus:
    resolution = kind.resolution(live, seen)
    original = resolution.original
    witnesses = live.witnesses
    return MapStatus(
        name=live.name,
        label=live.label,
        version=str(live.version),
        witnesses=(
            ("gateway", witnesses.gateway),
            ("Dataverse", witnesses.dataverse),
            ("F&O", witnesses.finance),
        ),
        original=f"{original.publisher} {original.number}, {original.running} ({original.said_by})" if original else "",
        agree=not witnesses.contradiction,
        what=witnesses.contradiction or resolution.problem,
    )


def phase_statuses(states: StateSet, seen: Seen, window: Window | None) -> tuple[PhaseStatus, ...]:
    """Every phase of the chain, and where it stands."""
    chain = states.chain()
    return tuple(_phase(name, chain, states, seen, window) for name in chain)


def _phase(name: str, chain: tuple[str, ...], states: StateSet, seen: Seen, window: Window | None) -> PhaseStatus:
    place, length = states.position(name)
    return PhaseStatus(
        name=name,
        state=_state(name, chain, window),
        position=f"{place} of {length}",
        begun_at=window.begun.get(name, "") if window else "",
        completed_at=window.completed.get(name, "") if window else "",
        records=_records(name, states, seen),
    )


def _state(name: str, chain: tuple[str, ...], window: Window | None) -> PhaseState:
    if window is None or name not in window.begun:
        return "not_begun"
    later = chain[chain.index(name) + 1 :]
    if any(other in window.begun for other in later):
        return "passed"
    return "complete" if name in window.completed else "open"


def _records(name: str, states: StateSet, seen: Seen) -> str:
    words = []
    for desired in states.phases[name].resources:
        live = seen[desired.address].value if desired.address in seen else None
        if isinstance(live, MilestonesLive):
            words.append(
                f"{live.total('posted') + live.total('settled'):,} of {live.total('rows'):,} milestones posted"
            )
        if isinstance(live, InvoicesLive):
            words.append(f"{len(live.confirmed):,} invoices confirmed, {len(live.drafts):,} drafts")
    return "; ".join(words)
