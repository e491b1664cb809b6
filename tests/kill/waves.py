"""Several requests in flight at once, held together and killed together: none, some or all of them carried out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.kill.bench import Asked, Bench
from tests.kill.ending import CONFIRM, CREATE
from tests.kill.killing import Holding, kill
from tests.kill.recovering import go_on

MILESTONES = "CreateMultiple"
TOGETHER = {"writes__batch": "1", "writes__most": "1", "writes__workers": "4", "fence__group": "8"}


@dataclass(frozen=True, slots=True)
class Wave:
    """Requests that are in flight together. action: part of their address. first: how many went before, as canaries.

    count: how many are in flight. handled: how many of them are carried out before the kill.
    """

    action: str
    first: int
    count: int
    handled: int = 0


# Of seven milestones two are canaries and one is there already; of three invoices one is the canary.
_WHOLE = (Wave(MILESTONES, 2, 4), Wave(CREATE, 1, 2), Wave(CONFIRM, 1, 2))


def waves() -> Iterator[Wave]:
    """Each wave of the small world, with every number of requests that may have been carried out."""
    for wave in _WHOLE:
        yield from (replace(wave, handled=handled) for handled in range(wave.count + 1))


class OneWave(Holding):
    """Holds every request of a wave: the first ones after their commit, the others before they are handled."""

    def __init__(self, wave: Wave) -> None:
        super().__init__(wave.count)
        self.wave = wave
        self._met = 0
        self._handled = 0

    def before(self, asked: Asked) -> None:
        if self.wave.action not in asked.path:
            return
        with self.lock:
            self._met += 1
            place = self._met - self.wave.first
        if place > self.wave.handled:
            self.hold()

    def after(self, asked: Asked) -> None:
        if self.wave.action not in asked.path:
            return
        with self.lock:
            self._handled += 1
            is_canary = self._handled <= self.wave.first
        if not is_canary:
            self.hold()


def killed_in(bench: Bench, wave: Wave) -> list[str]:
    """What is wrong when the command is killed with this wave in flight and its run is resumed; empty if nothing."""
    directory = bench.begun("cutover", f"wave-{wave.action}-{wave.handled}")
    try:
        with bench.set(**TOGETHER):
            unkilled = kill(bench, "cutover", directory, OneWave(wave))
            return [unkilled] if unkilled else go_on(bench, directory, "cutover")
    finally:
        shutil.rmtree(directory.parent)
