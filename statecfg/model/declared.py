"""What should be and what is: declarations of a phase, and what was read of the live environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from statecfg.model.address import Address, Source
from statecfg.model.records import RecordSource


@dataclass(frozen=True, slots=True)
class Condition:
    """A clause of a `while`: what another resource must be while records of this one are written.

    wants: the clause's own keys, for example {"running": "running", "version": "cutover", "mappings": "exact"}.
    """

    target: Address
    wants: Mapping[str, Any]
    source: Source


@dataclass(frozen=True, slots=True)
class Desired:
    """One declared resource. `spec` is the kind's own frozen dataclass; `records` its file, if it has one."""

    address: Address
    spec: Any
    source: Source
    phase: str
    conditions: tuple[Condition, ...] = ()
    after: tuple[Address, ...] = ()
    records: RecordSource | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of `requires` or `holds`: the check's name and its own frozen dataclass."""

    name: str
    spec: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Live:
    """What is: the kind's own value, and how many records it took to know.

    unsettled: what the live systems did not agree on yet; the reader looks again for a while before it is believed.
    """

    address: Address
    value: Any
    records: int = 0
    unsettled: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """One state file: where things must end, under which preconditions and invariants."""

    name: str
    source: Source
    next: str = ""
    description: str = ""
    requires: tuple[Requirement, ...] = ()
    holds: tuple[Requirement, ...] = ()
    resources: tuple[Desired, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSet:
    """The phases of one directory under states/, in the order of their chain (`next`), then the rest."""

    name: str
    phases: Mapping[str, Phase] = field(default_factory=dict)

    def position(self, phase: str) -> tuple[int, int]:
        """(place from 1, length) of a phase in its chain; (0, length) for one outside, such as a way back."""
        chain = self.chain()
        return (chain.index(phase) + 1 if phase in chain else 0, len(chain))

    def chain(self) -> tuple[str, ...]:
        """Names of the phases in order: from the one that no `next` names, along `next`."""
        follows = {p.next for p in self.phases.values() if p.next}
        starts = [name for name, p in self.phases.items() if name not in follows and p.next]
        name = starts[0] if starts else next(iter(self.phases), "")
        chain: list[str] = []
        while name and name in self.phases and name not in chain:
            chain.append(name)
            name = self.phases[name].next
        return tuple(chain)


Seen = Mapping[Address, Live]
