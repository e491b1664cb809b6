"""Where one service hears of another's writes, inside the writer's transaction.

The service that writes calls `guard` before and `after_changes` after; whoever listens may refuse by raising, and
the whole transaction is then rolled back. Listeners are registered when a world is composed and never know each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from statecfg.sandbox.faults import Faults

# The writer's transaction, whatever the world's are: nothing is done with it here but to hand it on.
T = TypeVar("T")
Row = Mapping[str, Any]
Pair = tuple[Row | None, Row | None]
Listener = Callable[[T, str, str, Sequence[Pair]], None]
Guard = Callable[[T, Row | None, Mapping[str, Any] | None], None]
Divider = Callable[[T, Sequence[Mapping[str, Any]]], tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]]
Watcher = Callable[[str, str, str], None]
Aftermath = Callable[[str, str, str, int], None]

CREATE = "create"
UPDATE = "update"
DELETE = "delete"


class PropagationFailed(Exception):
    """The other side refused a row that a running map carried there; the source's transaction must be rolled back."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(Exception):
    """A business rule refuses a write or an action; the service answers in its own error form.

    code: the wire's error code, for example "0x80040265". status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Abandoned(Exception):
    """A watcher lets go of a request whose sender is gone: no further handling, and no answer."""


class Hooks(Generic[T]):
    """The listeners and guards of one world, and the rows that its faults refuse."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._listeners: list[Listener[T]] = []
        self._guards: dict[tuple[str, str], list[Guard[T]]] = {}
        self._dividers: dict[str, Divider[T]] = {}
        self._watchers: list[Watcher] = []
        self._after: list[Aftermath] = []
        self._part_watchers: list[Watcher] = []

    def on_changes(self, listener: Listener[T]) -> None:
        """Have `listener(tx, table, operation, pairs)` called after each write; pairs are (before, after)."""
        self._listeners.append(listener)

    def on_before(self, table: str, operation: str, guard: Guard[T]) -> None:
        """Have `guard(tx, before, changes)` called before each such write; it raises Refused to prevent it.

        changes: what is written, all of it on create, None on delete. before: None on create.
        """
        self._guards.setdefault((table, operation), []).append(guard)

    def on_dividing(self, table: str, divider: Divider[T]) -> None:
        """Have `divider(tx, rows)` say what is created instead of rows of this table.

        It returns as many rows as it was given, and further ones that come with them; it may raise Refused.
        """
        self._dividers[table] = divider

    def divided(
        self, tx: T, table: str, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
        """What is created where these rows were asked for, and what comes with them."""
        divider = self._dividers.get(table)
        return divider(tx, rows) if divider else (rows, ())

    def on_request(self, watcher: Watcher) -> None:
        """Have `watcher(service, method, path)` called before any service handles a request, outside transactions.

        A watcher may raise Abandoned, here and in `on_handled`.
        """
        self._watchers.append(watcher)

    def before_request(self, service: str, method: str, path: str) -> None:
        """Tell every watcher of a request that is about to be handled; what lags or falls due catches up now."""
        for watcher in self._watchers:
            watcher(service, method, path)

    def on_part(self, watcher: Watcher) -> None:
        """Have `watcher(service, method, path)` called before each part of a batch that is a request of its own."""
        self._part_watchers.append(watcher)

    def before_part(self, service: str, method: str, path: str) -> None:
        """Tell every watcher of such a part that is about to be handled, outside transactions."""
        for watcher in self._part_watchers:
            watcher(service, method, path)

    def on_handled(self, watcher: Aftermath) -> None:
        """Have `watcher(service, method, path, status)` called when a request was handled.

        What it wrote is committed then, and nothing of its answer is sent.
        """
        self._after.append(watcher)

    def after_request(self, service: str, method: str, path: str, status: int) -> None:
        """Tell every watcher of a request that was handled."""
        for watcher in self._after:
            watcher(service, method, path, status)

    def guard(self, tx: T, table: str, operation: str, before: Row | None, changes: Row | None) -> None:
        """Let every guard of this write speak; before is None for a create, changes None for a delete."""
        for guard in self._guards.get((table, operation), ()):
            guard(tx, before, changes)
        fault = None if changes is None else self._faults.refusal(table, {**(before or {}), **changes})
        if fault is not None:
            raise Refused(
                str(fault.details.get("code", "0x80040265")),
                str(fault.details.get("message", "The row was refused.")),
                int(fault.details.get("status", 400)),
            )

    def after_change(self, tx: T, table: str, operation: str, before: Row | None, after: Row | None) -> None:
        """Tell every listener of one written row."""
        self.after_changes(tx, table, operation, ((before, after),))

    def after_changes(self, tx: T, table: str, operation: str, pairs: Sequence[Pair]) -> None:
        """Tell every listener of the rows that one request wrote to one table."""
        for listener in self._listeners:
            listener(tx, table, operation, pairs)
