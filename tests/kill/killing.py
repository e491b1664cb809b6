"""A real SIGKILL of the real command while the sandbox holds its requests, and what is left then.

A held request is let go of once its sender is dead: one that was held before it was handled is never handled, as if it
had never arrived; one that was held after its commit is never answered.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from statecfg.sandbox.hooks import Abandoned
from tests.kill.bench import AFTER, BEFORE, Asked, Bench, Watching
from tests.kill.command import command, start
from tests.kill.copies import Copy, project_rows, shared, store_rows
from tests.kill.recovering import go_on

_DEADLINE_S = 60
_ON_ITS_WAY_S = 0.02
"""What a process sent with its last breath has arrived by then."""


@dataclass(frozen=True, slots=True)
class Death:
    """One write of the watched run. number: counted within the phase. when: before or after it is handled."""

    phase: str
    number: int
    when: str
    asked: Asked
    copy: Copy


def deaths(watching: Watching) -> list[Death]:
    """Every write, in both modes."""
    counted: Counter[tuple[str, str]] = Counter()
    found = []
    for asked, when, copy in watching.writes:
        counted[copy.phase, when] += 1
        found.append(Death(copy.phase, counted[copy.phase, when], when, asked, copy))
    return found


class Holding:
    """Holds requests until their sender is dead. reached: all that it waits for are held.

    count: how many it waits for. outlives: how many of them are under way even then.
    """

    def __init__(self, count: int = 1, outlives: int = 0) -> None:
        self.count = count
        self.outlives = outlives
        self.held = 0
        self.reached = threading.Event()
        self.dead = threading.Event()
        self.lock = threading.Lock()

    def hold(self) -> None:
        """Keep this request. Raises Abandoned when its sender is dead."""
        with self.lock:
            self.held += 1
            if self.held == self.count:
                self.reached.set()
        self.dead.wait(_DEADLINE_S)
        raise Abandoned

    def before(self, asked: Asked) -> None: ...
    def after(self, asked: Asked) -> None: ...


class OneWrite(Holding):
    """Holds the n-th write, before it is handled or after its commit."""

    def __init__(self, when: str, number: int) -> None:
        super().__init__()
        self.when, self.number = when, number
        self._counted = 0

    def before(self, asked: Asked) -> None:
        self._meet(BEFORE, asked)

    def after(self, asked: Asked) -> None:
        self._meet(AFTER, asked)

    def _meet(self, when: str, asked: Asked) -> None:
        if when == self.when and asked.writes and not self.reached.is_set():
            self._counted += 1
            if self._counted == self.number:
                self.hold()


def kill(bench: Bench, phase: str, directory: Path, holding: Holding) -> str:
    """Run a phase until `holding` holds all it waits for, and kill it there; "" or why that couldn't be done.

    When this returns nothing is under way but what outlives its sender.
    """
    words = command(phase, bench.sandbox, bench.settings)
    with bench.observed(holding), start(words, directory.parent, bench.place) as process:
        if not _reached(holding, process):
            holding.dead.set()
            said = "".join(process.communicate()) if process.poll() is not None else "it still runs"
            return f"{holding.held} of {holding.count} requests came: {said[-2000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(_ON_ITS_WAY_S)
        bench.quiet(holding.held)
        holding.dead.set()
        bench.quiet(holding.outlives)
    return ""


def _reached(holding: Holding, process: subprocess.Popen[str]) -> bool:
    until = time.monotonic() + _DEADLINE_S
    while not holding.reached.wait(0.02):
        if process.poll() is not None or time.monotonic() > until:
            return False
    return True


def killed_at(bench: Bench, death: Death) -> list[str]:
    """What is wrong when the command is killed at this moment and its run is resumed; empty if nothing."""
    directory = bench.begun(death.phase, f"kill-{death.phase}-{death.number}-{death.when}")
    try:
        unkilled = kill(bench, death.phase, directory, OneWrite(death.when, death.number))
        if unkilled:
            return [unkilled]
        return unlike(bench, death.copy, directory) or go_on(bench, directory, death.phase)
    finally:
        shutil.rmtree(directory.parent)


def unlike(bench: Bench, copy: Copy, directory: Path) -> list[str]:
    """In what the present world and this directory are not as a copy of the watched run; empty if in nothing."""
    world = bench.sandbox.world
    world.snapshot("killed")
    found = shared(chain(store_rows(world.kept("killed")), project_rows(directory)))
    expected = shared(chain(store_rows(world.kept(copy.world)), project_rows(copy.project)))
    missing, added = list((expected - found).elements()), list((found - expected).elements())
    if not missing and not added:
        return []
    return [f"not as {copy.world} ({copy.moment}): missing {missing[:3]}, added {added[:3]}"]
