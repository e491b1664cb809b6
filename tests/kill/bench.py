"""A small world with one undisturbed run in it, watched at every request, and the way back to each of its moments.

The run is the real command in a process of its own. The sandbox tells of each request before it is handled and after
what it wrote is committed; there, and nowhere else, a run can be told apart from one that died.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.rig import FAST, Rig
from tests.kill.command import command, start
from tests.kill.copies import Copy, copy_project, digest, project_rows, store_rows
from tests.kill.ending import CONFIRM, CREATE, Ending, ending

BEFORE, AFTER = "before", "after"
PHASES = ("cutover", "restored")
SETTINGS = {
    **FAST,
    "waits.first_look_s": "0.02",
    "waits.witness_s": "3",
    "waits.execution_limit_s": "0.3",
    "writes.batch": "2",
    "writes.most": "2",
    "writes.workers": "1",
    "fence.group": "1",
}
# A seed that makes, on three contracts of two legal entities, every kind of line and one milestone made by hand.
SHAPE = {"contracts": 3, "milestones": 7, "seed": 18}
_READS_BY_POST = ("GetApplicationVersion", "/oauth2/", "GetTemplatePrerequisiteSequences")
_DEADLINE_S = 60


class Asked(NamedTuple):
    """A request as the sandbox tells of it."""

    service: str
    method: str
    path: str

    @property
    def writes(self) -> bool:
        """Whether it may change anything; sign-in and reads by POST may not."""
        return self.method != "GET" and not any(word in self.path for word in _READS_BY_POST)


class Observer(Protocol):
    """Hears of every request; it may hold it, and raise Abandoned to let go of it."""

    def before(self, asked: Asked) -> None: ...
    def after(self, asked: Asked) -> None: ...


class Nobody:
    """Hears and does nothing."""

    def before(self, asked: Asked) -> None: ...
    def after(self, asked: Asked) -> None: ...


@dataclass(repr=False)
class Bench:
    """One sandbox, and the moments to which it can go back. carried: actions on invoices since the world was fresh,
    by address, counted by the sandbox's own answers. moments: the fresh world, and each phase's end."""

    place: Path
    sandbox: Sandbox
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    carried: Counter[str] = field(default_factory=Counter)
    ending: Ending | None = None
    moments: dict[str, Copy] = field(default_factory=dict)
    _observer: Observer = field(default_factory=Nobody)
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls, place: Path, **settings: object) -> Bench:
        """A world before its cutover."""
        sandbox = Sandbox.start(place / "sandbox", **SHAPE, **settings)  # type: ignore[arg-type]
        bench = cls(place, sandbox)
        sandbox.world.hooks.on_request(bench._begin)
        sandbox.world.hooks.on_handled(bench._end)
        bench.keep("fresh", "", place / "none")
        return bench

    @property
    def rig(self) -> Rig:
        """The sandbox with a project that knows nothing, for those who look at it."""
        return Rig(self.sandbox, self.place / "none", self.sandbox.directory / "inventory", extra=self.settings)

    @contextmanager
    def observed(self, observer: Observer) -> Iterator[None]:
        """Every request is told to `observer` within this."""
        self._observer = observer
        try:
            yield
        finally:
            self._observer = Nobody()

    @contextmanager
    def set(self, **settings: str) -> Iterator[None]:
        """The command has these settings within this; a dot in a name is written as two underscores."""
        before = self.settings
        self.settings = {**before, **{name.replace("__", "."): value for name, value in settings.items()}}
        try:
            yield
        finally:
            self.settings = before

    def run(self, phase: str, directory: Path) -> None:
        """The real command to its end, in the project of this state directory."""
        with start(command(phase, self.sandbox, self.settings), directory.parent, self.place) as process:
            said = process.communicate(timeout=_DEADLINE_S)
            assert process.returncode == 0, "\n".join(said)

    def undisturbed(self, observer: Watching | None = None) -> None:
        """Both phases without a death; what they leave is what every other way must leave."""
        directory = self.place / "watched" / ".statecfg"
        for phase in PHASES:
            if observer:
                observer.phase = phase
            with self.observed(observer or Nobody()):
                self.run(phase, directory)
            self.keep(phase, phase, directory)
        self.ending = ending(self.rig, self.carried)

    def keep(self, name: str, phase: str, directory: Path) -> Copy:
        """Remember the world as it is, with a copy of a state directory."""
        self.sandbox.world.snapshot(name)
        self.moments[name] = self.copy(phase, name, name, directory)
        return self.moments[name]

    def copy(self, phase: str, moment: str, name: str, directory: Path) -> Copy:
        """The present moment, whose world is kept under a name."""
        project = copy_project(directory, self.place / "copies" / name / ".statecfg")
        world = self.sandbox.world
        return Copy(phase, moment, name, project, world.random.getstate(), world.now(), Counter(self.carried))

    def forget(self, copy: Copy) -> None:
        """Keep a copy no longer."""
        self.sandbox.world.forget(copy.world)
        shutil.rmtree(copy.project.parent)

    def begun(self, phase: str, way: str) -> Path:
        """Go back to just before a phase; the state directory of then, in a place of its own."""
        return self._taken(self.moments["fresh" if phase == PHASES[0] else PHASES[0]], way)

    def take(self, copy: Copy, way: str) -> Path:
        """Go back to a moment, the clock too: what was under way then still is. Its state directory as by `begun`."""
        directory = self._taken(copy, way)
        self.sandbox.world.settings["clock.offset_s"] = (copy.at - datetime.now(UTC)).total_seconds()
        return directory

    def _taken(self, copy: Copy, way: str) -> Path:
        self.quiet()
        self.sandbox.world.restore(copy.world)
        self.sandbox.world.random.setstate(copy.random)
        self.carried = Counter(copy.carried)
        directory = self.place / way / copy.world / ".statecfg"
        shutil.copytree(copy.project, directory)
        return directory

    def quiet(self, held: int = 0) -> None:
        """Wait until no request is under way but those that are held."""
        for _ in range(_DEADLINE_S * 200):
            if self._under_way == held:
                return
            time.sleep(0.005)
        raise AssertionError(f"{self._under_way} requests are under way, {held} of them held")

    def close(self) -> None:
        """End the sandbox; it must not have failed at anything itself."""
        crashes = list(self.sandbox.crashes)
        self.sandbox.close()
        shutil.rmtree(self.place, ignore_errors=True)
        assert crashes == []

    def _begin(self, service: str, method: str, path: str) -> None:
        with self._lock:
            self._under_way += 1
        try:
            self._observer.before(Asked(service, method, path))
        except BaseException:
            self._leave()
            raise

    def _end(self, service: str, method: str, path: str, status: int) -> None:
        try:
            if status < 300 and any(action in path for action in (CREATE, CONFIRM)):
                with self._lock:
                    self.carried[path] += 1
            self._observer.after(Asked(service, method, path))
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1


@dataclass(repr=False)
class Watching:
    """Copies a run whenever world or directory are not as in any copy before.

    points: moments watched. copies: by what they hold. writes: the copies before and after each write, in order.
    """

    bench: Bench
    directory: Path
    phase: str = ""
    points: int = 0
    copies: dict[str, Copy] = field(default_factory=dict)
    writes: list[tuple[Asked, str, Copy]] = field(default_factory=list)
    _last: tuple[tuple[int, str], Copy] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, asked: Asked) -> None:
        self._watch(BEFORE, asked)

    def after(self, asked: Asked) -> None:
        self._watch(AFTER, asked)

    def _watch(self, when: str, asked: Asked) -> None:
        with self._lock:
            self.points += 1
            copy = self._copied(f"{when} {' '.join(asked)}")
            if asked.writes:
                self.writes.append((asked, when, copy))

    def _copied(self, moment: str) -> Copy:
        """The copy of this moment: the first that holds the same."""
        world = self.bench.sandbox.world
        # As long as no row was written, not even in vain, the world is as it was; files are looked at each time.
        present = (world.writes, digest(project_rows(self.directory)))
        if self._last is None or self._last[0] != present:
            self._last = (present, self._distinct(moment, f"copy-{self.points}"))
        return self._last[1]

    def _distinct(self, moment: str, name: str) -> Copy:
        world = self.bench.sandbox.world
        world.snapshot(name)
        copy = self.bench.copy(self.phase, moment, name, self.directory)
        key = digest((self.phase, *store_rows(world.kept(name)), *project_rows(copy.project)))
        first = self.copies.setdefault(key, copy)
        if first is not copy:
            self.bench.forget(copy)
        return first
