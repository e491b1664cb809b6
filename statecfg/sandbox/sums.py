"""Sums of stored amounts that may grow beyond what SQLite's own whole numbers hold."""

from __future__ import annotations


class ExactSum:
    """An SQL aggregate: the sum as text, None over no value."""

    def __init__(self) -> None:
        self._total: int | None = None

    def step(self, value: int | None) -> None:
        """Take in one row."""
        if value is not None:
            self._total = (self._total or 0) + value

    def finalize(self) -> str | None:
        """The sum."""
        return None if self._total is None else str(self._total)
