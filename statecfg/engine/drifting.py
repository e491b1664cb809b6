"""Drift: whether what the phases left is still so. Reads, compares, writes nothing; knows no kind by name."""

from __future__ import annotations

from dataclasses import dataclass

from statecfg.engine.reading import read, resources_for
from statecfg.engine.waiting import Waiting
from statecfg.model.declared import Phase, StateSet
from statecfg.model.kind import Kinds
from statecfg.model.plan import Finding


@dataclass(frozen=True, slots=True)
class Drift:
    """What drift saw. looked_at, not_looked_at: resources by address."""

    findings: tuple[Finding, ...] = ()
    looked_at: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()


def drift(phase: Phase, states: StateSet, kinds: Kinds, waiting: Waiting) -> Drift:
    """Compare the live environment with what the phases up to `phase` left.

    The end of the chain says how the maps must be; every phase before it says which records there are. While an
    earlier phase is open its maps are the plan's business, and are said to be not looked at.
    """
    chain = states.chain()
    upto = chain[: chain.index(phase.name) + 1] if phase.name in chain else (phase.name,)
    is_last = upto[-1] == chain[-1]
    records = [d.address for name in upto for d in states.phases[name].resources if d.conditions]
    ends = [d.address for d in phase.resources if not d.conditions]
    resources = resources_for(phase, states, kinds, records)
    wanted = set(records) | (set(ends) if is_last else set())
    seen = read([d for d in resources if d.address in wanted or d.conditions], kinds, waiting)
    findings: list[Finding] = []
    for desired in resources:
        if desired.address in wanted:
            findings.extend(kinds[desired.address.kind].drift(desired, seen[desired.address], seen))
    return Drift(
        tuple(findings),
        tuple(str(address) for address in sorted(wanted)),
        tuple(f"{address}: phase {phase.name} is still open, see plan" for address in ends if address not in wanted),
    )
