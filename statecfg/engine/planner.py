"""From desired and live to a plan. Pure: no clock, no disk, no network; it names no kind.

Records come first, in the order of what they depend on; the transitions that their `while` needs stand immediately
before them, and everything else is brought to its declared end last (rules 2.2). Each step's effect is simulated, so
that what follows is planned against the world as it will then be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from statecfg.engine.order import ordered
from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Live, Phase, Seen
from statecfg.model.kind import Kinds
from statecfg.model.plan import Change, Finding, Step, Summary, Unchanged, WorldLine


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before it is given a header: what would be done, what was found, what it all rests on."""

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    settled: tuple[Finding, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    summaries: tuple[Summary, ...] = ()
    world: tuple[WorldLine, ...] = ()


@dataclass(slots=True)
class _Drawing:
    """The plan while it is drawn: the simulated world and what has been collected so far."""

    kinds: Kinds
    declared: dict[Address, Desired]
    seen: dict[Address, Live]
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    settled: list[Finding] = field(default_factory=list)

    def change(self, desired: Desired) -> Change | None:
        """What is to be acted on, if anything; what is settled is noted and not acted on."""
        kind = self.kinds[desired.address.kind]
        change = kind.compare(desired, self.seen[desired.address], self.seen)
        reason = kind.settled(change) if change else None
        if reason:
            self.settled.append(reason)
        return None if reason else change

    def act(self, changes: Sequence[Change], conditions: tuple[Condition, ...] = ()) -> None:
        """Add the steps of changes, one kind after the other, and simulate them."""
        for name in dict.fromkeys(change.desired.address.kind for change in changes):
            same = [change for change in changes if change.desired.address.kind == name]
            for step in self.kinds[name].steps(same, self.seen):
                self.steps.append(replace(step, conditions=conditions) if step.moment else step)
            for change in same:
                self.seen[change.desired.address] = self.kinds[name].after(change)

    def satisfy(self, conditions: Iterable[Condition]) -> None:
        """Add the transitions that a `while` needs: all resources that it names, at once."""
        wanted = [self._under(condition) for condition in conditions]
        self.act([change for change in (self.change(desired) for desired in wanted) if change])

    def _under(self, condition: Condition) -> Desired:
        target = self.declared[condition.target]
        return self.kinds[target.address.kind].under(target, condition)


def draft(phase: Phase, seen: Seen, kinds: Kinds, passed: str = "") -> Draft:
    """The plan of a phase against what was read.

    seen: what was read of every resource of the phase (and of others that kinds look at). passed: the name of the
    phase that has begun after this one, or ""; then only records count, and new ones are a blocking finding.
    """
    resources = ordered(phase.resources, kinds)
    drawing = _Drawing(kinds, {desired.address: desired for desired in resources}, dict(seen))
    drawing.findings.extend(_found(resources, kinds, seen))
    records = [desired for desired in resources if desired.conditions]
    if passed:
        drawing.findings.extend(_closed(drawing, records, phase.name, passed))
        return _finished(drawing, resources, seen)
    _wait_for_pending(drawing, resources)
    for desired in records:
        change = drawing.change(desired)
        if change:
            drawing.satisfy(desired.conditions)
            drawing.act([change], desired.conditions)
    ends = [drawing.change(desired) for desired in resources if not desired.conditions]
    drawing.act([change for change in ends if change])
    return _finished(drawing, resources, seen)


def _found(resources: Iterable[Desired], kinds: Kinds, seen: Seen) -> Iterable[Finding]:
    for desired in resources:
        yield from kinds[desired.address.kind].findings(desired, seen[desired.address], seen)


def _wait_for_pending(drawing: _Drawing, resources: Iterable[Desired]) -> None:
    for desired in resources:
        kind = drawing.kinds[desired.address.kind]
        drawing.steps.extend(kind.pending(desired, drawing.seen[desired.address], drawing.seen))


def _closed(drawing: _Drawing, records: Iterable[Desired], phase: str, passed: str) -> Iterable[Finding]:
    for desired in records:
        change = drawing.change(desired)
        if change:
            yield Finding(
                "block",
                "phase-closed",
                f"{desired.address} has new or changed records, but phase {phase} is closed: {passed} has begun.",
                f"if they really belong to the cutover: statecfg apply {phase} --reopen REASON",
                title="phase",
                where=desired.source,
                address=desired.address,
                details=tuple(f"{leaf.path}: {leaf.old} -> {leaf.new}" for leaf in change.fields[:20]),
            )


def _finished(drawing: _Drawing, resources: Sequence[Desired], seen: Seen) -> Draft:
    lookups = [(drawing.kinds[d.address.kind], d, seen[d.address]) for d in resources]
    return Draft(
        steps=tuple(replace(step, number=number) for number, step in enumerate(drawing.steps, 1)),
        findings=tuple(drawing.findings),
        settled=tuple(drawing.settled),
        unchanged=tuple(u for kind, d, live in lookups if (u := kind.unchanged(d, live, seen))),
        summaries=tuple(s for kind, d, live in lookups if (s := kind.summary(d, live, seen))),
        world=tuple(line for kind, d, live in lookups for line in kind.world(d, live)),
    )
