"""In which order resources are read and written. Pure; knows only what each says that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from statecfg.model.address import Address
from statecfg.model.declared import Desired
from statecfg.model.errors import DeclarationError, Problem
from statecfg.model.kind import Kinds


def needed(desired: Desired, kinds: Kinds) -> tuple[Address, ...]:
    """Every address that a resource depends on: its kind's needs, its `while`, its `after`."""
    own = kinds[desired.address.kind].needs(desired)
    return (*own, *(condition.target for condition in desired.conditions), *desired.after)


def ordered(resources: Iterable[Desired], kinds: Kinds) -> tuple[Desired, ...]:
    """The resources so that each comes after all it depends on; ties as declared.

    Raises DeclarationError if they depend on each other in a circle.
    """
    declared = {desired.address: desired for desired in resources}
    place = {address: number for number, address in enumerate(declared)}
    sorter = TopologicalSorter(
        {a: [n for n in needed(d, kinds) if n in declared and n != a] for a, d in declared.items()}
    )
    try:
        sorter.prepare()
    except CycleError as circle:
        raise _circle(circle.args[1], declared) from circle
    result: list[Desired] = []
    ready: list[Address] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=place.__getitem__)
        address, ready = ready[0], ready[1:]
        result.append(declared[address])
        sorter.done(address)
    return tuple(result)


def _circle(addresses: Iterable[Address], declared: Mapping[Address, Desired]) -> DeclarationError:
    names = list(addresses)
    text = " -> ".join(str(name) for name in names)
    where = declared[names[0]].source
    return DeclarationError([Problem("circle", where, f"these wait for each other: {text}", "remove one `after`")])
