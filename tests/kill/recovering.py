"""Taking up what a death has left, to the end of the procedure: by `resume`, or by `apply` with the journal gone."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from statecfg.app import App, history
from statecfg.engine.lock import is_gone
from statecfg.model.errors import STALE, PlanRefused
from statecfg.model.options import Options
from statecfg.model.results import ApplyResult
from tests.end_to_end.rig import STATES, said
from tests.kill.bench import PHASES, Bench
from tests.kill.copies import JOURNAL, Copy
from tests.kill.ending import ending, once, wrong

RESUME, APPLY = "resume", "apply"
WAYS = (RESUME, APPLY)


@dataclass(frozen=True, slots=True)
class Product:
    """What goes on: the application, or one that lacks something; with the sandbox's inventory, or another one."""

    app: type[App] = App
    inventory: Path | None = None


WHOLE = Product()


def recover(bench: Bench, copy: Copy, way: str, product: Product = WHOLE) -> list[str]:
    """What is wrong after a copy was taken up; empty if nothing."""
    directory = bench.take(copy, way)
    if way == APPLY:
        lose_journal(directory)
    try:
        return go_on(bench, directory, copy.phase, product)
    finally:
        shutil.rmtree(directory.parent)


def lose_journal(directory: Path) -> None:
    """The journal is gone; run file and plans stay."""
    for path in directory.glob(f"{JOURNAL}*"):
        path.unlink()


def go_on(bench: Bench, directory: Path, phase: str, product: Product = WHOLE) -> list[str]:
    """What is wrong after the present world was taken up with this state directory; empty if nothing.

    phase: the one in which the run died.
    """
    inventory = product.inventory or bench.sandbox.directory / "inventory"
    options = Options(inventory, STATES, None, dict(bench.settings), directory)
    with closing(product.app(options, lambda event: None, cache_dir=bench.place / "tokens")) as app:
        words = _to_the_end(app, directory, phase)
    bench.quiet()
    if words:
        return words
    found = ending(bench.rig, bench.carried)
    assert bench.ending is not None
    return [*once(found, bench.rig), *wrong(bench.ending, found)]


def _to_the_end(app: App, directory: Path, phase: str) -> list[str]:
    runs = history(directory, None)
    if runs and runs[0].result != "complete":
        done = app.resume(None, approve=lambda plan: True, attest={}, ask=None)
        if done.exit_code:
            return [f"resume {runs[0].phase}: {said(done)}"]
    elif not _nothing_to_resume(app):
        return ["there was nothing to resume, and resume did not say so"]
    for name in PHASES[PHASES.index(phase) :]:
        done = _applied(app, name)
        if done.exit_code == STALE:
            # What the dead run had asked for was done by the service between this plan and its apply: plan again, as
            # the message says. Once, for nobody else is at work here.
            done = _applied(app, name)
        if done.exit_code:
            return [f"apply {name}: {said(done)}"]
    return _left_lock(app, done)


def _left_lock(app: App, last: ApplyResult) -> list[str]:
    """A lock that is there still: only one that a dead process left and nothing was left to do for; it is released."""
    lease = app.lock()
    if lease is None:
        return []
    if last.plan.steps or not is_gone(lease.holder):
        return [f"the lock is there still: {lease.holder}"]
    app.release(lease.holder.run)
    return []


def _nothing_to_resume(app: App) -> bool:
    try:
        app.resume(None, approve=lambda plan: True, attest={}, ask=None)
    except PlanRefused as refused:
        return "no run of this environment is unfinished" in refused.what
    return False


def _applied(app: App, phase: str) -> ApplyResult:
    return app.apply(phase, approve=lambda plan: True, attest={}, ask=None)
