"""What state files say of each other: phases, resources and kinds that are named must be there.

References are gathered while the files are read and settled when all of them are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from statecfg.loading.problems import Problems, advice
from statecfg.model.address import Address, Source
from statecfg.model.declared import Phase


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that must lead somewhere.

    to: `phase`, `resource` (an address of the same phase), or `any` (an address of any phase, a kind that a phase
    has resources of, or a phase). phase: in whose file it stands.
    """

    to: Literal["phase", "resource", "any"]
    name: str
    where: Source
    phase: str
    key: str


def settle(references: Iterable[Reference], phases: Mapping[str, Phase], problems: Problems) -> None:
    """Notes every reference that leads nowhere."""
    for reference in references:
        known = _known(reference, phases)
        if reference.name not in known:
            what = f"`{reference.key}: {reference.name}` names nothing that is declared"
            problems.add("unknown-reference", reference.where, what, advice(reference.name, known))


def _known(reference: Reference, phases: Mapping[str, Phase]) -> set[str]:
    if reference.to == "phase":
        return set(phases)
    here = phases.get(reference.phase)
    if reference.to == "resource":
        return {str(address) for address in _addresses([here] if here else [])}
    every = _addresses(phases.values())
    return {str(address) for address in every} | {address.kind for address in every} | set(phases)


def _addresses(phases: Iterable[Phase]) -> list[Address]:
    return [desired.address for phase in phases for desired in phase.resources]


def check_chain(phases: Mapping[str, Phase], problems: Problems) -> None:
    """Notes a `next` that leads back, and two phases with the same next."""
    before: dict[str, Phase] = {}
    for phase in phases.values():
        if phase.next and phase.next in before:
            what = f"`next: {phase.next}` is also what follows {before[phase.next].name}"
            problems.add("chain", phase.source, what, "a phase follows at most one other")
        before.setdefault(phase.next, phase)
        if phase.next and phase.name in _following(phase, phases):
            problems.add("chain", phase.source, f"`next` leads from {phase.name} back to itself")


def _following(phase: Phase, phases: Mapping[str, Phase]) -> list[str]:
    names: list[str] = []
    name = phase.next
    while name in phases and name not in names:
        names.append(name)
        name = phases[name].next
    return names


def check_after(phase: Phase, problems: Problems) -> None:
    """Notes resources whose `after` leads back to themselves."""
    after = {desired.address: desired.after for desired in phase.resources}
    for desired in phase.resources:
        reached: set[Address] = set()
        waiting = list(desired.after)
        while waiting:
            address = waiting.pop()
            if address not in reached:
                reached.add(address)
                waiting.extend(after.get(address, ()))
        if desired.address in reached:
            problems.add("circular-after", desired.source, f"`after` leads from {desired.address} back to itself")
