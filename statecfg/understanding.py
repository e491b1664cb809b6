"""Kinds, checks and invariants that stumble over no answer: what they can't understand is an error with its address.

Part of the composition: the classes stay as they are, and only what contacts a service is done within `understood`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from statecfg.clients.hearing import understood

T = TypeVar("T")

# Source: `model/kind.py`, whose docstrings say which methods contact services.
CONTACTING = (
    "read", "fence", "holds", "quiet", "aftermath", "exposed", "perform", "observe", "settle", "look", "baseline",
)  # fmt: skip


LEASE = ("read", "create", "replace", "delete")
_WRITING = frozenset({"perform", "create", "replace", "delete"})


def understanding(cls: type[T], contacting: Iterable[str] = CONTACTING) -> type[T]:
    """The same class, whose methods that contact services raise Unavailable for an answer they can't understand."""
    own = {name: _guarded(getattr(cls, name), sends=name in _WRITING) for name in contacting if hasattr(cls, name)}
    return cast(type[T], type(cls.__name__, (cls,), own))


def _guarded(method: Callable[..., Any], *, sends: bool) -> Callable[..., Any]:
    @functools.wraps(method)
    def guarded(*given: Any, **named: Any) -> Any:
        with understood(sends=sends):
            return method(*given, **named)

    return guarded
