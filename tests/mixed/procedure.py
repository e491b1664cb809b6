"""One environment through everything that can happen to it: runs, deaths, a failing wire, other people. And its end.

What must hold after every single thing is `unsafe`; what must hold at the end of the procedure, `end`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from statecfg.app import App, history
from statecfg.engine.lock import is_gone
from statecfg.model.errors import EXIT_CODES, STALE, StatecfgError, exit_code
from statecfg.model.options import Options
from statecfg.model.results import ApplyResult
from tests.end_to_end import moments
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.outcome import confirmed
from tests.end_to_end.rig import STATES, Rig, said
from tests.end_to_end.stage import MILESTONE, MILESTONE_ID
from tests.end_to_end.wire import Hasty
from tests.kill.bench import PHASES, Bench
from tests.kill.ending import ending, once, wrong
from tests.kill.killing import OneWrite, kill
from tests.kill.recovering import lose_journal

IMPATIENT = {"waits.service_s": "3", "waits.map_s": "10", "waits.arrival_s": "6", "waits.confirm_s": "6"}
"""Deadlines that a machine keeps to; a run that meets one is resumed like any other."""
CODES = {0, *(code for _, code in EXIT_CODES)}


class Procedure:
    """A cutover and its restore with all that comes between. steps: what was done so far, in words."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.directory = bench.begun("cutover", name)
        self.rig: Rig = bench.rig
        self.books = self.rig.ledger()
        self.furthest: dict[str, int] = {}
        self.steps: list[str] = []
        self._hours: list[str] = []
        assert bench.ending is not None
        self._all_confirmed = bench.ending.confirmed

    @property
    def phase(self) -> str:
        """The phase that is to be done now, as the sandbox's own rows show it."""
        return "restored" if confirmed(self.rig) == self._all_confirmed else "cutover"

    @property
    def is_unfinished(self) -> bool:
        """Whether a run was stopped or killed, as far as its project knows."""
        runs = history(self.directory, None)
        return bool(runs) and runs[0].result != "complete"

    # What can happen.

    def apply(self, phase: str) -> int:
        """The application on this project, as a new process would open it; its exit code."""
        return self._noted(f"apply {phase}", lambda app: _applied(app, phase))

    def resume(self) -> int:
        """Go on with what was stopped; its exit code."""
        return self._noted("resume", lambda app: app.resume(None, approve=lambda plan: True, attest={}, ask=None))

    def die(self, phase: str, when: str, number: int, workers: int) -> None:
        """The real command, killed at its n-th write; if it has no so many writes it comes to its end."""
        settings = {"writes__workers": str(workers), "fence__group": str(workers)}
        self.steps.append(f"kill apply {phase} {when} its write {number}, {workers} at once")
        with self.bench.set(**settings):
            kill(self.bench, phase, self.directory, OneWrite(when, number))

    def lose_journal(self) -> None:
        """The journal is gone."""
        self.steps.append("lose the journal")
        lose_journal(self.directory)

    def fail(self, fault: Mapping[str, Any]) -> None:
        """The next request of a sort goes wrong."""
        self.steps.append(f"fault {dict(fault)}")
        self.rig.sandbox.world.faults.add(dict(fault))

    def turn(self, name: str, action: str) -> None:
        """Somebody starts or stops a map by hand, between two runs."""
        (row,) = self.rig.find("dw.maps", map=name)
        if (str(row["state"]) == "4") == (action == moments.START):
            return
        self.steps.append(f"somebody turns {name}: {action}")
        self.rig.control("edit", "POST", **moments.change_map(self.rig, name, action))

    def book_hours(self, contract: str) -> None:
        """A colleague's hours become ready to be invoiced on a contract."""
        self.steps.append(f"hours on {contract}")
        others = Meddler(self.rig)
        edit = moments.hours_on(others, contract)
        self._hours.append(str(edit["request"]["body"]["msdyn_actualid"]))
        moments.now(self.rig, edit)
        others.client.close()

    def take_back(self) -> None:
        """The colleague takes all hours back that are not on an invoice."""
        if self._hours:
            self.steps.append("hours are taken back")
        with self.rig.sandbox.world.transaction() as tx:
            for key in self._hours:
                if tx.get("msdyn_actual", key):
                    tx.delete("msdyn_actual", key)
        self._hours.clear()

    # What must hold.

    def unsafe(self) -> list[str]:
        """What is wrong at this moment, in words: money that moved, anything twice, a milestone that went back."""
        words = [] if self.rig.ledger() == self.books else ["the books of F&O have changed"]
        words += [f"{count} times: {path}" for path, count in self._actions().items() if count > 1]
        for row in self.rig.find(MILESTONE):
            key, status = str(row[MILESTONE_ID]), int(row["msdyn_invoicestatus"])
            if status < self.furthest.get(key, 0):
                words.append(f"{row['msdyn_name']} went back from {self.furthest[key]} to {status}")
            self.furthest[key] = status
        return words

    def _actions(self) -> Counter[str]:
        """What the service carried out; the canonical name of an action on one contract or invoice."""
        return Counter({path.partition("?")[0]: count for path, count in self.bench.carried.items()})

    def end(self) -> list[str]:
        """Bring everything to its end, import and post; what is not as in the undisturbed procedure."""
        self.rig.sandbox.world.faults.clear()
        self.take_back()
        words = self._finished()
        self.bench.quiet()
        if words:
            return words
        found = ending(self.rig, self.bench.carried)
        assert self.bench.ending is not None
        return [*once(found, self.rig), *wrong(self.bench.ending, found)]

    def _finished(self) -> list[str]:
        if self.is_unfinished:
            self.resume()  # where somebody was at work meanwhile, it says so, and a new plan is made
        for phase in PHASES:
            code = self.apply(phase)
            if code == STALE:  # the service was still at work on what a dead run had asked for
                code = self.apply(phase)
            if code:
                return [f"at the end apply {phase} exits {code}: {self.last}"]
        return self._left_lock()

    def _left_lock(self) -> list[str]:
        """A lock that a dead process left, and nothing was left to do for, is released; any other is wrong."""
        with closing(self._app()) as app:
            lease = app.lock()
            if lease is None:
                return []
            if not is_gone(lease.holder):
                return [f"the lock is there still: {lease.holder}"]
            app.release(lease.holder.run)
        return []

    last: str = ""

    def _noted(self, words: str, act: Any) -> int:
        """Carry something out; whatever comes of it has a code of the table, and is never a traceback."""
        with closing(self._app()) as app:
            try:
                result: ApplyResult = act(app)
            except StatecfgError as error:
                code, self.last = exit_code(error), f"{type(error).__name__} {error} {error.do}"
            else:
                code, self.last = result.exit_code, said(result)
        self.bench.quiet()
        self.steps.append(f"{words}: {code}")
        assert code in CODES - {1}, self.last
        return code

    def _app(self) -> App:
        options = Options(self.rig.inventory, STATES, None, {**self.bench.settings, **IMPATIENT}, self.directory)
        return App(options, lambda event: None, stop=Hasty(), cache_dir=self.bench.place / "tokens")

    def close(self) -> None:
        """The project is no longer needed."""
        shutil.rmtree(self.directory.parent, ignore_errors=True)


def _applied(app: App, phase: str) -> ApplyResult:
    return app.apply(phase, approve=lambda plan: True, attest={}, ask=None)
