"""One run at a time: a lease in the environment itself, and a lock file beside the journal (rules 8.4).

A lease is renewed while the run lives. It may be taken over when its process on this host is gone, by the run that
owns it, or when it has expired and the service is quiet. A lease that was lost stops the run before its next write.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import portalocker

from statecfg.model.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Locked,
    NotFound,
    Rejected,
    StatecfgError,
    Unavailable,
)
from statecfg.model.events import Emit, Event, silent
from statecfg.model.lease import Holder, Lease, LeaseStore
from statecfg.model.plan import Finding

GIVE_BACK = 3
"""How often a lease is tried to be given back; what is left then is void at once on this host, elsewhere in time."""


def this_process(run: str, who: str, phase: str) -> Holder:
    """This process as the holder of a lease."""
    return Holder(run, who, socket.gethostname(), _boot_id(), os.getpid(), _started(os.getpid()), phase)


def is_gone(holder: Holder) -> bool:
    """Whether the holder was a process of this host that is no longer there (also after a restart of the host)."""
    if holder.host != socket.gethostname():
        return False
    if holder.boot != _boot_id():
        return bool(holder.boot and _boot_id())
    return _started(holder.pid) != holder.started


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in the kernel's own count; "" if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return fields[19] if fields[0] not in ("Z", "X") else ""
    except (OSError, IndexError):
        return _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str:
    """Without /proc only whether the process lives is known; signal 0 asks."""
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "alive"
    return "alive"


@dataclass(slots=True)
class Lock:
    """The lease of this run while it is held. quiet: whether nothing of the last holder is under way any more."""

    store: LeaseStore
    holder: Holder
    lease_s: float = 120.0
    quiet: Callable[[], tuple[Finding, ...]] = tuple
    emit: Emit = silent
    tag: str = ""
    lost: str = ""
    unavailable: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)

    def take(self, owns: str = "") -> None:
        """Take the lease. owns: a run whose lease may be taken over (`resume RUN`).

        Where none can be made, `unavailable` says why. Raises Locked; ApiError if the service is away, for then
        nobody knows whether there is one.
        """
        try:
            self.tag = self.store.create(self.holder, self.lease_s)
        except Conflict:
            self._take_over(owns)
        except (Forbidden, NotFound, Rejected) as cause:
            self.unavailable = cause.what
            return
        self._say("taken")

    def _take_over(self, owns: str) -> None:
        held = self.store.read()
        if held is None:
            return self.take(owns)
        # Ours already: it was made, and the answer was lost.
        is_ours = held.holder == self.holder
        if not (is_ours or is_gone(held.holder) or held.holder.run == owns or self._may_expire(held)):
            raise Locked(
                f"{held.holder} is at work here; it renewed its lock {held.age_s:.0f} s ago",
                do=f"wait for it; if it is gone for good: statecfg lock release {held.holder.run}",
            )
        try:
            self.tag = self.store.replace(self.holder, self.lease_s, held.tag)
        except (Conflict, NotFound) as cause:
            raise Locked("somebody else took the lock at this very moment", do="run the same command again") from cause
        return None

    def _may_expire(self, held: Lease) -> bool:
        return held.expired and not self.quiet()

    def keep(self) -> None:
        """Renew the lease until the run ends; meant for a thread. A renewal that is refused loses it."""
        while not self._ended.wait(self.lease_s / 4):
            try:
                self._renew()
            except (Conflict, NotFound) as cause:
                self.lost = cause.what or "somebody else took it"
                return
            except StatecfgError:
                continue  # away for a moment; the next renewal, or the fence, will tell

    def _renew(self) -> None:
        """Write the lease again. Raises Conflict or NotFound if it isn't ours any more."""
        try:
            self.tag = self.store.replace(self.holder, self.lease_s, self.tag)
        except Conflict:
            held = self.store.read()
            if held is None or held.holder != self.holder:
                raise
            self.tag = held.tag  # the last renewal was written, and its answer lost

    def check(self) -> None:
        """Raise Locked if the lease was lost: nothing may be written any more."""
        if self.lost:
            raise Locked(
                f"the lock of this run was lost ({self.lost}); nothing was written since", do="statecfg lock show"
            )

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        self._ended.set()
        with suppress(ApiError):
            for _ in range(GIVE_BACK):
                if not self.tag or self.lost or self._given_back():
                    break

    def _given_back(self) -> bool:
        """Whether the lease is gone, or another's. Where the answer is lost, or it was renewed, looking tells."""
        try:
            self.store.delete(self.tag)
        except (Conflict, Unavailable):
            left = self.store.read()
            if left is not None and left.holder == self.holder:
                self.tag = left.tag
                return False
        self._say("released")
        return True

    def _say(self, what: str) -> None:
        self.emit(Event("lock", {"what": what, **asdict(self.holder)}))


@contextmanager
def held(lock: Lock, directory: Path, owns: str = "") -> Iterator[Lock]:
    """Hold the local lock and the lease for as long as this lasts. Raises Locked."""
    with _local(directory), _leased(lock, owns) as taken:
        yield taken


@contextmanager
def _leased(lock: Lock, owns: str) -> Iterator[Lock]:
    lock.take(owns)
    keeper = threading.Thread(target=lock.keep, name="lease", daemon=True)
    if lock.tag:
        keeper.start()
    try:
        yield lock
    finally:
        lock.release()
        if keeper.is_alive():
            keeper.join(timeout=5)


@contextmanager
def _local(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "lock"
    try:
        # The kernel lets go of it when the process dies, however it dies.
        with portalocker.Lock(str(path), mode="a", timeout=0, flags=portalocker.LOCK_EX | portalocker.LOCK_NB):
            yield
    except portalocker.exceptions.LockException as cause:
        raise Locked("another run of this project is at work on this environment", where=str(path)) from cause
