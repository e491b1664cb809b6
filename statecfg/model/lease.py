"""Who is at work in an environment, as a value, and the contract of the place where that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease: the run, and the process on which host, so that a dead one can be told from a live one."""

    run: str
    who: str
    host: str
    boot: str
    pid: int
    started: str
    phase: str = ""

    def __str__(self) -> str:
        return f"run {self.run} of {self.who} on {self.host} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it stands in the environment. age_s: seconds since it was renewed, on the service's clock.

    void: its process was one of this host and is gone, so that the next run here takes it over at once.
    """

    holder: Holder
    tag: str
    age_s: float
    lease_s: float
    void: bool = False

    @property
    def expired(self) -> bool:
        return self.age_s > self.lease_s


class LeaseStore(Protocol):
    """Where the lease is kept. Each write is refused with Conflict if somebody else wrote since `tag`."""

    def read(self) -> Lease | None:
        """The lease, if there is one."""

    def create(self, holder: Holder, lease_s: float) -> str:
        """Write the lease where there is none; its tag. Raises Conflict if there is one."""

    def replace(self, holder: Holder, lease_s: float, tag: str) -> str:
        """Renew or take over the lease with that tag; the new tag. Raises Conflict, NotFound."""

    def delete(self, tag: str) -> None:
        """Remove the lease with that tag. Raises Conflict, NotFound."""


def as_holder(values: Mapping[str, Any]) -> Holder:
    """A holder from its JSON. Raises KeyError, ValueError, TypeError."""
    names = ("run", "who", "host", "boot", "started", "phase")
    return Holder(pid=int(values["pid"]), **{name: str(values[name]) for name in names})
