"""A request that outlives its sender: the service carries it out some time after the process was killed.

It is what makes a second look necessary: what isn't there when the next process looks may still come. Here it comes
when the next process sends the same again, just before that is handled, or when the service has taken its time.
"""

from __future__ import annotations

import shutil
import threading

from tests.kill.bench import Asked, Bench
from tests.kill.killing import Holding, kill
from tests.kill.recovering import APPLY, WHOLE, Product, go_on, lose_journal

EXECUTION_LIMIT_S = 5.0
_TAKES_S = 3.0
"""How long the service works on it, counted from the kill; well within the limit."""


class Late(Holding):
    """Holds the first request of an action until its sender is dead, and then has it handled late."""

    def __init__(self, action: str) -> None:
        super().__init__(outlives=1)
        self.action = action
        self.handled = threading.Event()
        self._again = threading.Event()
        self._own = 0

    def before(self, asked: Asked) -> None:
        if self.action not in asked.path or self.handled.is_set():
            return
        if self.dead.is_set():
            self._again.set()
            self.handled.wait()
        elif self._is_first():
            self._own = threading.get_ident()
            self.reached.set()
            self.dead.wait()
            self._again.wait(_TAKES_S)

    def after(self, asked: Asked) -> None:
        if threading.get_ident() == self._own:
            self.handled.set()

    def _is_first(self) -> bool:
        with self.lock:
            self.held += 1
            return self.held == 1


def killed_before(bench: Bench, action: str, way: str, product: Product = WHOLE) -> list[str]:
    """What is wrong when the command is killed while the service works on its first such request; empty if nothing."""
    directory = bench.begun("cutover", f"late-{action}-{way}-{id(product)}")
    late = Late(action)
    try:
        with bench.set(waits__execution_limit_s=str(EXECUTION_LIMIT_S)):
            unkilled = kill(bench, "cutover", directory, late)
            if unkilled:
                return [unkilled]
            if way == APPLY:
                lose_journal(directory)
            with bench.observed(late):
                return go_on(bench, directory, "cutover", product)
    finally:
        shutil.rmtree(directory.parent)
