"""Ctrl-C and SIGTERM while something is written: the first asks the run to end well, the second ends it now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from statecfg.model.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the run was asked to end. Called without arguments, it says so."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def __call__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask the run to end after the open batch."""
        self._asked.set()

    def sleep(self, seconds: float) -> None:
        """Sleep, unless or until the run is asked to end. Raises Interrupted then."""
        if self._asked.wait(seconds):
            raise Interrupted("stopped while a service was waited for")

    def hear(self, number: int, frame: FrameType | None) -> None:
        """A signal arrived. The second one raises KeyboardInterrupt where the program stands."""
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()


@contextmanager
def listening(stop: Stop) -> Iterator[None]:
    """Hear signals for as long as this lasts; elsewhere than in the main thread there are none to hear."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop.hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
