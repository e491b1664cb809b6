"""The look just before a write: every witness, every fence, uncached, as close to the write as can be (rules 2.3, 2.4).

It only looks and says what it saw; the applier decides what follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Requirement, Seen
from statecfg.model.events import Emit, Event, silent
from statecfg.model.kind import CLEAR, Check, Checks, Kinds, Look
from statecfg.model.plan import Finding, Step
from statecfg.model.records import Record


@dataclass(frozen=True, slots=True)
class Guard:
    """Everything a fence needs to look again. seen: what the run read at its start (contracts, ids), for look-ups.

    again: reads resources afresh, for checks that look at records. answered: whether somebody has attested what a
    finding asks; an open question at a fence is a breach. lease: raises Locked if this run's lock was lost.
    disabled: names of fences left out; only tests set it, to see the damage that a missing fence lets through.
    """

    requires: tuple[Requirement, ...]
    resources: Mapping[Address, Desired]
    kinds: Kinds
    checks: Checks
    seen: Seen
    again: Callable[[Iterable[Address]], Seen] = lambda addresses: {}
    emit: Emit = silent
    answered: Callable[[Finding], bool] = lambda finding: False
    lease: Callable[[], None] = lambda: None
    disabled: frozenset[str] = frozenset()
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "fence"))

    def before(self, step: Step, batch: Sequence[Record]) -> Look:
        """What must be known before `batch` is sent: witnesses, checks that fence this moment, the kind's own look."""
        self.lease()
        if not step.moment:
            return CLEAR
        start = time.monotonic()
        looks = [self._own(step, batch), *self._clauses(step), *self._checks(step.moment), *self._quiet(step)]
        seen = [future.result() for future in [self.pool.submit(look) for look in looks]]
        found = Look(tuple(f for look in seen for f in look.findings), tuple(s for look in seen for s in look.skip))
        self._say(step, found, time.monotonic() - start)
        return found

    def after(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
        """The witnesses once more, and the kind's own look, after a group was sent: a breach that began meanwhile."""
        looks = [self._own_after(step, batch), *self._clauses(step)]
        seen = [future.result() for future in [self.pool.submit(look) for look in looks]]
        return tuple(finding for look in seen for finding in look.findings)

    def _own(self, step: Step, batch: Sequence[Record]) -> Callable[[], Look]:
        kind = self.kinds[step.address.kind]
        name = f"{step.address.kind}-{step.moment}"
        if name in self.disabled:
            return lambda: CLEAR
        return lambda: kind.fence(step, batch, self.resources[step.address])

    def _own_after(self, step: Step, batch: Sequence[Record]) -> Callable[[], Look]:
        if f"{step.address.kind}-{step.moment}" in self.disabled:
            return lambda: CLEAR
        return lambda: Look(self.kinds[step.address.kind].aftermath(step, batch))

    def _clauses(self, step: Step) -> Iterable[Callable[[], Look]]:
        conditions: tuple[Condition, ...] = step.conditions
        for name in dict.fromkeys(condition.target.kind for condition in conditions):
            clauses = [(c, self.resources[c.target]) for c in conditions if c.target.kind == name]
            if f"while-{name}" not in self.disabled:
                yield lambda name=name, clauses=clauses: Look(self.kinds[name].holds(clauses))  # type: ignore[misc]

    def _checks(self, moment: str) -> Iterable[Callable[[], Look]]:
        for requirement in self.requires:
            check = self.checks.get(requirement.name)
            if check and moment in check.at and requirement.name not in self.disabled:
                yield lambda check=check, requirement=requirement: self._asked(check, requirement)  # type: ignore[misc]

    def _asked(self, check: Check, requirement: Requirement) -> Look:
        seen = self.again(check.needs(requirement)) if check.rereads else self.seen
        found = check.look(requirement, seen)
        open_ = [f for f in found if f.blocks or (f.severity == "ask" and not self.answered(f))]
        return Look(tuple(replace(finding, severity="block") for finding in open_))

    def _quiet(self, step: Step) -> Iterable[Callable[[], Look]]:
        if step.moment != "start" or "in-flight" in self.disabled:
            return
        for address, desired in self.resources.items():
            if address not in step.targets:
                yield lambda desired=desired: Look(self.kinds[desired.address.kind].quiet(desired))  # type: ignore[misc]

    def _say(self, step: Step, look: Look, took_s: float) -> None:
        breaches = [finding.code for finding in look.findings if finding.blocks]
        data = {"step": step.number, "moment": step.moment, "breaches": breaches, "skipped": len(look.skip)}
        self.emit(Event("gate", {**data, "took_s": round(took_s, 3)}))
