"""Which answers a piece of work rests on, so that one that can't be understood is named by its address.

Services answer with anything: a number where a text belongs, a row without its key. Whoever reads rows would have to
doubt every field; instead the work as a whole is done within `understood`, and what it stumbles over is an
`Unavailable` like any other answer that isn't what it claims. Knows no service and no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from traceback import extract_tb
from typing import ParamSpec, TypeVar

from statecfg.model.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_STUMBLED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


def note(place: str) -> None:
    """An answer came from there (method and address, as in messages)."""
    heard = _heard.get()
    if heard is not None:
        heard[:] = [place]


@contextmanager
def understood(*, sends: bool = False) -> Iterator[None]:
    """What the block can't make of the answers it gets is raised as Unavailable, naming the last one.

    A mistake before any answer came is our own, and passes. sends: whether the block writes; then what it sent may have
    been carried out.
    """
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield
    except _STUMBLED as error:
        if not heard:
            raise
        raise Unavailable(
            f"an answer can't be understood: {_words(error)}",
            where=heard[-1],
            do="Look what answers there; if it is the service itself, report these words.",
            sent=sends,
        ) from error
    finally:
        _heard.reset(token)


def carefully(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What `work` returns, done within `understood`: for work in a thread of its own, which hears its own answers."""
    with understood():
        return work(*given, **named)


def _words(error: BaseException) -> str:
    """What went wrong, and where in the program, on one short line."""
    frame = extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} {said} ({Path(frame.filename).name}, line {frame.lineno})"
