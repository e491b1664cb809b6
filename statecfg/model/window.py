"""The window of a cutover: what held before it, taken once and kept until its end (rules 1.5, 3.2, 7.1, 8.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from statecfg.model.plan import Identity


@dataclass(frozen=True, slots=True)
class Original:
    """A map before the window: publisher, number, id of its active version, and whether it ran.

    map: the name in the inventory (milestones, actuals, invoices). said_by: which record says so, in words.
    """

    map: str
    publisher: str
    number: str
    id: str = ""
    running: str = "running"
    said_by: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """What two records must agree on: publisher (case and spaces don't count) and number."""
        return (" ".join(self.publisher.split()).casefold(), self.number)


@dataclass(frozen=True, slots=True)
class Attestation:
    """Somebody's recorded word: which finding it answers, who, when, the exact words, and what was shown."""

    name: str
    who: str
    words: str
    at: str
    evidence: str
    run: str = ""
    signed_in: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Before the first stop: the service's time and the greatest version number per table (rules 5.3)."""

    at: str
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """All that one window keeps. Written to the run file before the first write, then only added to.

    begun: phase -> when its first write went out. completed: phase -> when it was seen complete.
    baseline: invariant's name -> its own JSON value. digests: name of an input -> SHA-256.
    adopted: computed id of a record -> id of the live one, made by hand, that stands for it.
    """

    identity: Identity
    run: str = ""
    opened_at: str = ""
    originals: tuple[Original, ...] = ()
    baseline: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark | None = None
    attestations: tuple[Attestation, ...] = ()
    begun: Mapping[str, str] = field(default_factory=dict)
    completed: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    adopted: Mapping[str, str] = field(default_factory=dict)

    def original(self, name: str) -> Original | None:
        """The recorded original of a map, if there is one."""
        return next((original for original in self.originals if original.map == name), None)

    def with_begun(self, phase: str, at: str) -> Window:
        """This window with a phase begun; the first time stays."""
        return self if phase in self.begun else replace(self, begun={**self.begun, phase: at})
