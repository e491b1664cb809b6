"""The contract between the engine and the kinds: how a sort of resource, a check or an invariant behaves.

The engine is handed kinds and never names one. `read`, `fence`, `holds`, `quiet`, `aftermath`, `exposed`, `perform`,
`observe` and `settle` contact services; everything else is pure, so that the planner can simulate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from statecfg.model.address import Address
from statecfg.model.declared import Condition, Desired, Live, Requirement, Seen
from statecfg.model.errors import Problem
from statecfg.model.plan import Change, Finding, Step, Summary, Unchanged, WorldLine
from statecfg.model.records import Record


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a service answered to one request. detail: JSON, kept in the journal and handed to `observe`."""

    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look at the live environment says of a step.

    done of total: how far, for a progress line. what: what is still missing, or how it failed.
    """

    state: Literal["reached", "not_yet", "failed"]
    what: str = ""
    code: str = ""
    done: int = 0
    total: int = 0


REACHED = Observation("reached")
THE_STEP = Record("", "")
"""Stands for a step without records where a settlement must say that it is to be sent again."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of records whose answer was lost: done, or to be sent again; `waiting` says why neither is known."""

    done: tuple[Record, ...] = ()
    missing: tuple[Record, ...] = ()
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that the service refused, in its words; or that a fence set aside (`code`).

    breach: it was set aside because somebody else's work is in the way, so the run ends as blocked (rules 6.1).
    """

    record: Record
    words: str
    code: str = "refused"
    breach: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What a fence saw: findings that stop the writing, and records of the batch that must be left out, with why."""

    findings: tuple[Finding, ...] = ()
    skip: tuple[Refused, ...] = ()


CLEAR = Look()


class Kind(Protocol):
    """A sort of resource: `map`, `milestones`, `invoices`. Kinds subclass it, for the answers that are mostly empty.

    Spec: a frozen dataclass, the YAML of this kind (fields are keys; a trailing underscore is dropped). Row: the
    NamedTuple of its record file, or None; its first field is `row: int`, field types are str, Decimal, date, bool,
    each `| None` if it may be empty. Wants: a frozen dataclass, the YAML of a `while` clause on this kind; None = no
    `while` can be about it.
    """

    name: ClassVar[str]
    Spec: ClassVar[type]
    Row: ClassVar[type | None]
    Wants: ClassVar[type | None] = None

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        """Everything that the files alone show to be wrong with this declaration and its records."""

    def fresh(self) -> None:
        """A new round of reading begins: nothing read before may be used again."""

    def needs(self, desired: Desired) -> tuple[Address, ...]:
        """Addresses it depends on besides its `while` and `after`: order of reading and of steps."""
        return ()

    def read(self, desired: Desired, seen: Seen) -> Live:
        """What is, in bulk: pages and chunks, never one request a record."""

    def findings(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        """Differences that block, ask, warn or inform (never those that `compare` acts on)."""

    def under(self, desired: Desired, condition: Condition) -> Desired:
        """The declaration as another resource's `while` asks it to be for the time of writing."""

    def compare(self, desired: Desired, live: Live, seen: Seen) -> Change | None:
        """What differs and would be acted on; None if nothing does."""

    def settled(self, change: Change) -> Finding | None:
        """Why a difference is reported and not acted on, or None."""

    def steps(self, changes: Sequence[Change], seen: Seen) -> Sequence[Step]:
        """What to send for these changes of this kind, in order; several changes may share a step. Pure."""

    def after(self, change: Change) -> Live:
        """The live state that results, for the planner's simulation. Pure."""

    def unchanged(self, desired: Desired, live: Live, seen: Seen) -> Unchanged | None:
        """How much is already as declared, for the plan's `=` lines."""

    def summary(self, desired: Desired, live: Live, seen: Seen) -> Summary | None:
        """Sums and samples that a person checks before a yes."""

    def world(self, desired: Desired, live: Live) -> Iterable[WorldLine]:
        """What a plan on this resource depends on, in little."""

    def fence(self, step: Step, batch: Sequence[Record], desired: Desired) -> Look:
        """An uncached look just before a batch (or a single step, with an empty batch) is sent."""

    def holds(self, clauses: Sequence[tuple[Condition, Desired]]) -> tuple[Finding, ...]:
        """Whether these clauses of a `while`, each with the resource it is on, hold now, by all witnesses, uncached.

        One finding for each breach; all clauses on this kind are asked at once, so that one look serves them all.
        """
        return ()

    def pending(self, desired: Desired, live: Live, seen: Seen) -> Sequence[Step]:
        """Steps that wait for work already going on at the service; they come before every other step. Pure."""
        return ()

    def quiet(self, desired: Desired) -> tuple[Finding, ...]:
        """A finding for each piece of this resource's work still going on at the service, uncached."""
        return ()

    def exposed(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
        """After a breach: what of this batch leaked, by name, and what people must do now."""
        return ()

    def aftermath(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
        """What a look just after a group was sent shows of it, uncached: what went out beside what was planned."""
        return ()

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        """Send; safe to repeat; never sleeps. Raises Rejected if the service refuses the batch (the applier then
        halves it), Unavailable with `sent=True` if the answer is lost (the applier then settles)."""

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        """What became of a batch whose answer was lost, by looking; `since`: seconds since it was sent."""

    def observe(self, step: Step, batch: Sequence[Record], receipt: Receipt | None) -> Observation:
        """Whether the step's end is reached, by looking only."""

    def drift(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        """What no longer is as it was left, after go-live. Reads nothing of the dual-write gateway."""


class Check(Protocol):
    """A precondition. It blocks, asks or passes; it never acts.

    at: the moments besides planning and starting at which it is read again: "batch", "create", "confirm", "start",
    and "end", after the last step. rereads: whether what it `needs` must then be read afresh. Checks subclass it.
    """

    name: ClassVar[str]
    Spec: ClassVar[type]
    at: ClassVar[frozenset[str]] = frozenset()
    rereads: ClassVar[bool] = False

    def needs(self, requirement: Requirement) -> tuple[Address, ...]:
        """Resources that must be read before it can look (also of other phases)."""
        return ()

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        """At least one finding; severity ok, info, warn, ask or block. Uncached."""


class Invariant(Protocol):
    """Something that must not change from the window's baseline on (`holds`)."""

    name: ClassVar[str]
    Spec: ClassVar[type]

    def needs(self, requirement: Requirement) -> tuple[Address, ...]:
        """Resources that must be read before it can look."""
        return ()

    def baseline(self, requirement: Requirement, seen: Seen) -> Any:
        """What holds now, as JSON small enough to keep: high-water marks, never whole ledgers."""

    def look(self, requirement: Requirement, seen: Seen, baseline: Any) -> Iterable[Finding]:
        """Whether anything is new since the baseline. At least one finding."""


Kinds = Mapping[str, Kind]
Checks = Mapping[str, Check]
Invariants = Mapping[str, Invariant]
