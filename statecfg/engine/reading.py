"""One round of reading the live environment, in the order of what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statecfg.engine.order import needed, ordered
from statecfg.engine.waiting import Waiting
from statecfg.model.address import Address
from statecfg.model.declared import Desired, Live, Phase, StateSet
from statecfg.model.errors import TimedOut
from statecfg.model.events import Event
from statecfg.model.kind import Kinds, Observation


def resources_for(phase: Phase, states: StateSet, kinds: Kinds, needs: Iterable[Address]) -> tuple[Desired, ...]:
    """The resources to read for a phase: its own, and those of other phases that its checks (`needs`) look at.

    Where several phases declare one address, the phase's own declaration counts, else the first in the chain.
    """
    everywhere: dict[Address, Desired] = {}
    for name in (phase.name, *states.chain(), *states.phases):
        for desired in states.phases[name].resources if name in states.phases else ():
            everywhere.setdefault(desired.address, desired)
    wanted = {desired.address: desired for desired in phase.resources}
    queue = [*needs, *(address for desired in phase.resources for address in needed(desired, kinds))]
    while queue:
        address = queue.pop()
        if address in everywhere and address not in wanted:
            wanted[address] = everywhere[address]
            queue.extend(needed(everywhere[address], kinds))
    return ordered(wanted.values(), kinds)


def read(resources: Sequence[Desired], kinds: Kinds, waiting: Waiting, settle_s: float = 0.0) -> dict[Address, Live]:
    """What is, of every resource (given in order). A reading that the live systems don't agree on is repeated.

    settle_s: for how long it is repeated; after that it is returned as it is, and its kind says what contradicts.
    """
    for name in {desired.address.kind for desired in resources}:
        kinds[name].fresh()
    seen: dict[Address, Live] = {}
    for desired in resources:
        seen[desired.address] = _settled(desired, kinds, seen, waiting, settle_s)
        waiting.emit(Event("read", {"address": str(desired.address), "records": seen[desired.address].records}))
    return seen


def _settled(desired: Desired, kinds: Kinds, seen: dict[Address, Live], waiting: Waiting, settle_s: float) -> Live:
    kind = kinds[desired.address.kind]
    live = kind.read(desired, seen)
    if not live.unsettled:
        return live

    def again() -> Observation:
        nonlocal live
        kind.fresh()
        live = kind.read(desired, seen)
        return Observation("not_yet" if live.unsettled else "reached", live.unsettled)

    try:
        waiting.until(again, f"{desired.address}: {live.unsettled}", settle_s)
    except TimedOut:
        return live
    return live
