"""When the next phase has begun, so that this one is passed (rules 1.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.model.address import Address, Source
from statecfg.model.declared import Desired, Live, Phase, StateSet
from statecfg.model.plan import Identity
from statecfg.model.window import Window
from statecfg.resources.map.spec import MapLive, MapSpec, Version, VersionSpec, Witnesses
from statecfg.resources.milestones.live import READY
from statecfg.resources.progress import begun_next
from tests.resources.milestone_worlds import ADDRESS, World, a_row, arrived

NOWHERE = Source("cutover.yml")
DECLARED = VersionSpec("Default publisher", "1.0.0.8")
CUTOVER = Phase(
    "cutover", NOWHERE, next="restored",
    resources=(Desired(Address("map", "milestones"), MapSpec(version=DECLARED), NOWHERE, "cutover"),),
)  # fmt: skip
STATES = StateSet("milestone-cutover", {"cutover": CUTOVER, "restored": Phase("restored", NOWHERE)})
ORIGINAL, ON_CUTOVER = Version("Microsoft", "1.0.0.7", "o"), Version("default  Publisher", "1.0.0.8", "c")
NO_WITNESS = Witnesses("stopped", "silent", "silent")


def _map(name: str, version: Version = ORIGINAL, state: Any = "stopped", rows: tuple[FieldMapping, ...] = ()) -> Live:
    live = MapLive(name=name, state=state, version=version, mapping=Mapping_(rows, "", ""), witnesses=NO_WITNESS)
    return Live(Address("map", name), live)


def _seen(*maps: Live, statuses: tuple[int, ...] = (3,)) -> dict[Address, Live]:
    world, rows = World(), [a_row(n, f"M{n}") for n in range(2, 2 + len(statuses))]
    for row, status in zip(rows, statuses, strict=True):
        world.has(row, arrived(status))
    return {**{live.address: live for live in maps}, ADDRESS: Live(ADDRESS, world.live(rows))}


def test_the_run_file_says_so() -> None:
    window = Window(Identity("e", "o", "f", "c"), begun={"cutover": "t", "restored": "t"})
    assert begun_next(CUTOVER, STATES, {}, window)
    assert not begun_next(CUTOVER, STATES, {}, replace(window, begun={"cutover": "t"}))


def test_the_last_phase_has_no_next() -> None:
    assert not begun_next(STATES.phases["restored"], STATES, _seen(_map("milestones")), None)


@pytest.mark.parametrize(
    ("maps", "statuses", "begun"),
    [
        ((_map("milestones"),), (3, 3), True),
        ((_map("milestones"),), (3, READY), False),
        ((_map("milestones", state="running"),), (3, READY), True),
        ((_map("milestones"), _map("actuals", state="running")), (3, READY), True),
        ((_map("milestones", ON_CUTOVER),), (3, 3), False),
        ((_map("milestones", state="running"),), (READY, READY), False),
        ((_map("actuals", state="running"),), (3, 3), False),
    ],
)
def test_without_a_run_file_the_live_systems_say_so(
    maps: tuple[Live, ...], statuses: tuple[int, ...], begun: bool
) -> None:
    assert begun_next(CUTOVER, STATES, _seen(*maps, statuses=statuses), None) is begun


def test_a_version_with_the_cutover_mapping_is_not_back() -> None:
    row = FieldMapping("TRANSSTATUS", "msdyn_invoicestatus", 2, {"4": "192350001"}, "", "")
    assert not begun_next(CUTOVER, STATES, _seen(_map("milestones", rows=(row,))), None)
