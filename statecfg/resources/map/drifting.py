"""Whether a map is still as it was left, from what Dataverse and F&O record of it (rules 7.6).

The gateway is not asked: its tokens expire. The publisher of a running version is known to the gateway only, so only
its number and its mapping are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from statecfg.clients.mapping import Mapping_
from statecfg.model.address import Address
from statecfg.model.environment import MapNames
from statecfg.model.plan import FieldChange, Finding
from statecfg.model.window import Original
from statecfg.resources.map.reading import Reader, seen_of
from statecfg.resources.map.rows import names_any
from statecfg.resources.map.spec import MapLive, Version, VersionSpec
from statecfg.resources.map.witnesses import judged


def live(name: str, names: MapNames, reader: Reader, recorded: tuple[Original, ...]) -> MapLive:
    """A map as its run-time rows show it; without any it counts as stopped."""
    seen = seen_of(names, reader.round(), None)
    state, witnesses = judged(seen, {})
    return MapLive(
        name=name,
        state=state,
        version=Version("", seen.number),
        mapping=Mapping_(seen.rows, "", ""),
        witnesses=witnesses,
        recorded=recorded,
        label=names.entity,
    )


def findings(
    address: Address,
    live: MapLive,
    original: Original | None,
    declared: Sequence[VersionSpec],
    fields: Iterable[str],
) -> Iterator[Finding]:
    """What is no longer as it was left; one finding of severity ok if everything is."""
    found = [*_mapping(address, live, fields), *_version(address, live, original, declared)]
    found += _running(address, live, original)
    yield from found or [
        Finding("ok", "map-as-left", f"{live.state}, version {live.version.number}", title=address.name)
    ]


def _mapping(address: Address, live: MapLive, fields: Iterable[str]) -> Iterator[Finding]:
    wanted = tuple(fields)
    if names_any(live.rows, wanted):
        names = ", ".join(row.finance for row in live.rows if row.finance.upper() in {f.upper() for f in wanted})
        what = f"{address} runs with {names} in its live mapping: every ready milestone would count as invoiced"
        do = "stop the map, put it back on its original version and start it without initial sync"
        yield Finding("block", "transstatus-live", what, do, "maps", address=address)


def _version(
    address: Address, live: MapLive, original: Original | None, declared: Sequence[VersionSpec]
) -> Iterator[Finding]:
    number = live.version.number
    if not number:
        return
    if original and number == original.number:
        return
    if any(number == spec.number for spec in declared):
        what = f"{address} runs the cutover version {number}"
        change = (FieldChange("version", original.number if original else "original", number),)
        do = "stop the map and put it back on its original version"
        yield Finding("block", "map-on-cutover-version", what, do, "maps", address=address, changes=change)
    elif original:
        what = f"{address} runs version {number}, it was left on {original.number}"
        change = (FieldChange("version", original.number, number),)
        yield Finding("warn", "map-on-newer-version", what, "", "maps", address=address, changes=change)


def _running(address: Address, live: MapLive, original: Original | None) -> Iterator[Finding]:
    wanted = original.running if original else "running"
    if live.witnesses.contradiction:
        what = f"{address}: the witnesses contradict each other: {live.witnesses.contradiction}"
        yield Finding("block", "witnesses-disagree", what, "", "maps", address=address)
    elif live.state != wanted:
        what = f"{address} is {live.state}, it was left {wanted}"
        do = "start it without initial sync" if wanted == "running" else "stop it"
        change = (FieldChange("running", wanted, live.state),)
        code = "map-stopped" if wanted == "running" else "map-running"
        yield Finding("block", code, what, do, "maps", address=address, changes=change)
