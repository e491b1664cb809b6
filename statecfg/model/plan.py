"""What differs, what is sent, and what is shown: the values a plan is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from statecfg.model.address import NOWHERE, Address, Source
from statecfg.model.records import NO_RECORDS, Record

Severity = Literal["ok", "info", "warn", "ask", "block"]
Mark = Literal["+", "~", ">", "!", "=", "?"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen: an answer of a precondition, a blocking difference, a question, a warning, a drift.

    code: stable, in words with hyphens, for example `foreign-ready-milestones`; it is the NAME of `--attest`.
    title: the few words in the left column of a screen. what: what was seen. do: what to do about it.
    details: names of the records concerned, by business key. evidence: what an attestation binds to.
    changes: for a difference, each leaf as expected (old) -> live (new).
    """

    severity: Severity
    code: str
    what: str
    do: str = ""
    title: str = ""
    where: Source = NOWHERE
    address: Address | None = None
    details: tuple[str, ...] = ()
    evidence: str = ""
    changes: tuple[FieldChange, ...] = ()

    @property
    def blocks(self) -> bool:
        return self.severity == "block"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One leaf that differs."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """**What** differs between desired and live. Kinds subclass nothing: `detail` is their own frozen value."""

    desired: Any  # Desired
    live: Any  # Live
    fields: tuple[FieldChange, ...] = ()
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Batching:
    """How the records of a step are sent.

    size: records a request at the start; most: the most a request may grow to; workers: requests at once.
    every_s: seconds after which a new fence is due; None = a fence before every group.
    group: records between two fences when every_s is None.
    """

    size: int = 100
    most: int = 1000
    workers: int = 4
    every_s: float | None = 10.0
    group: int = 8


@dataclass(frozen=True, slots=True)
class Step:
    """**How**: one thing sent, or one stream of records sent. Data only: shown, hashed, stored, replayed.

    number: 1..n in the plan (0 before the planner numbers it). verb: the kind's own word, for example `stop`.
    targets: every resource it touches (address is the first). detail: what the kind needs to perform it (JSON).
    moment: which fences guard it: "" none, else "batch", "create", "confirm", "start".
    conditions: the `while` that must hold, as data, read again at each fence.
    sends: False for a step that only waits and looks. shows: False if what it did can't be read back until what comes
    after it is done, so that a plan made meanwhile holds it again; sending it twice does no harm.
    """

    address: Address
    verb: str
    summary: str
    number: int = 0
    targets: tuple[Address, ...] = ()
    mark: Mark = ">"
    detail: Mapping[str, Any] = field(default_factory=dict)
    moment: str = ""
    conditions: tuple[Any, ...] = ()  # tuple[Condition, ...]
    irreversible: bool = False
    sends: bool = True
    shows: bool = True
    deadline_s: float = 900.0
    batching: Batching | None = None
    count: int = 0
    records: Iterable[Record] = NO_RECORDS


@dataclass(frozen=True, slots=True)
class WorldLine:
    """What a plan depends on, in little: one part of one resource, with its count and order-free digest.

    part: for records the contract's number, for a map "state", "version", "mapping", "original".
    value: a short text a person can read, so that a mismatch can be shown as old -> new.
    """

    address: Address
    part: str
    count: int
    digest: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which environment this is, as the live services say, never as a file says."""

    name: str
    organization_id: str
    finance_host: str
    connection_id: str
    dataverse_host: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a plan: what made it, for which environment, phase and inputs, and when."""

    tool: str
    version: str
    environment: Identity
    environment_class: str
    phase: str
    position: str
    source: str
    made_at: str
    expires_at: str
    inputs: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """How much of a resource is already as declared."""

    address: Address
    count: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a resource of the plan comes to, in lines that a person checks: sums, first record, counts."""

    address: Address
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole difference and how it would be removed. Steps are in the order in which they would run.

    passed: the phase that follows, if it has begun; then maps are no longer this phase's business.
    settled: differences that are reported and never acted on.
    """

    header: Header
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    world: tuple[WorldLine, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    summaries: tuple[Summary, ...] = ()
    settled: tuple[Finding, ...] = ()
    reads: Mapping[str, Any] = field(default_factory=dict)
    passed: str = ""

    @property
    def blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)
