"""What happens while the tool works, one small value at a time; screens, streams and journals listen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventName = Literal[
    "run_start", "lock", "read", "gate", "planned_change", "step_start", "step_progress", "step_complete",
    "retry", "wait", "attestation", "diagnostic", "interrupted", "run_complete",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. data: JSON values only; readers ignore what they don't know."""

    name: EventName
    data: Mapping[str, Any] = field(default_factory=dict)


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """An Emit that nobody listens to."""
