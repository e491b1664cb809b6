"""Faults that are asked for: what goes wrong, at which request, and how often. It decides; others carry it out.

A fault either belongs to requests (delay, status, drop, lost, truncate, expire_token, edit) and fires when one matches,
or stands by for a service that asks for it: `refuse_row` for every written row, any other by `take`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

REQUEST_EFFECTS = ("delay", "status", "drop", "lost", "truncate", "expire_token", "edit")
LONGEST_S = 86_400
_MATCHING = ("service", "method", "path", "body", "occurrence", "times", "phase", "effect")


class BadFault(ValueError):
    """A fault that can't be understood."""


@dataclass(slots=True)
class Fault:
    """One fault.

    path: regular expression searched in path and query. body: text that the request's body contains.
    occurrence: the number of the first matching request that is hit, 0 or 1 for the very first.
    times: how many requests are hit from there on, 0 for all. phase: before the handling, or after its commit.
    details: what the effect needs, for example seconds, status, retry_after, message.
    """

    number: int
    effect: str
    service: str = ""
    method: str = ""
    path: str = ""
    body: str = ""
    occurrence: int = 0
    times: int = 0
    phase: str = "before"
    details: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def meets(self) -> bool:
        """Count one more match, and say whether this one is hit."""
        self.seen += 1
        first = max(self.occurrence, 1)
        hit = self.seen >= first and (self.times == 0 or self.seen < first + self.times)
        self.fired += hit
        return hit

    def concerns(self, service: str, method: str, target: str, body: bytes) -> bool:
        """Whether a request is of the sort this fault is for."""
        return (
            self.service in ("", service)
            and self.method.upper() in ("", method)
            and (not self.path or re.search(self.path, target) is not None)
            and (not self.body or self.body.encode() in body)
        )

    def shown(self) -> dict[str, Any]:
        """The fault as the control path shows it."""
        named = {name: getattr(self, name) for name in ("number", *_MATCHING, "seen", "fired")}
        return {**named, **self.details}


class Faults:
    """The faults asked for at present, in the order they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._next = 1
        self._lock = threading.Lock()

    def add(self, wanted: Mapping[str, Any]) -> Fault:
        """Ask for a fault. With an occurrence and no `times` it fires once. Raises BadFault."""
        fault = _fault(wanted)
        with self._lock:
            fault.number, self._next = self._next, self._next + 1
            self._faults.append(fault)
        return fault

    def clear(self, number: int | None = None) -> None:
        """Forget one fault, or all."""
        with self._lock:
            self._faults = [fault for fault in self._faults if number is not None and fault.number != number]

    def shown(self) -> list[dict[str, Any]]:
        """Every fault with how often it was met."""
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def meeting(self, service: str, method: str, target: str, body: bytes) -> list[Fault]:
        """The request faults that hit this request, in order; each counts it."""
        if not self._faults:
            return []
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.effect in REQUEST_EFFECTS and fault.concerns(service, method, target, body) and fault.meets()
            ]

    def take(self, effect: str, subject: str = "") -> Fault | None:
        """The first standing fault of this effect that hits `subject`; its `path` is searched in the subject."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.effect == effect and (not fault.path or re.search(fault.path, subject)) and fault.meets():
                    return fault
        return None

    def refusal(self, table: str, row: Mapping[str, Any]) -> Fault | None:
        """The `refuse_row` fault that hits a row; details: table, column, contains."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.effect == "refuse_row" and _is_refused(fault, table, row) and fault.meets():
                    return fault
        return None


def _is_refused(fault: Fault, table: str, row: Mapping[str, Any]) -> bool:
    details = fault.details
    if details.get("table", table) != table:
        return False
    columns = (details["column"],) if "column" in details else tuple(row)
    wanted = str(details.get("contains", ""))
    return any(wanted in str(row[column]) for column in columns if row.get(column) is not None)


def _check_details(details: Mapping[str, Any]) -> None:
    """Refuse what could not be carried out when the fault strikes. Raises BadFault."""
    seconds, status = details.get("seconds", 0), details.get("status", 503)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, Decimal)) or not 0 <= seconds <= LONGEST_S:
        raise BadFault(f"`seconds` is a number from 0 to {LONGEST_S}")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise BadFault("`status` is an HTTP status")
    if not isinstance(details.get("edit", {}), Mapping):
        raise BadFault("`edit` is an object")


def _fault(wanted: Mapping[str, Any]) -> Fault:
    if not isinstance(wanted, Mapping) or not isinstance(wanted.get("effect"), str):
        raise BadFault("a fault is an object with an `effect`")
    given = {name: wanted[name] for name in _MATCHING if name in wanted}
    details = {name: value for name, value in wanted.items() if name not in _MATCHING}
    if given.get("occurrence") and "times" not in given:
        given["times"] = 1
    if given.get("phase", "before") not in ("before", "after"):
        raise BadFault("`phase` is before or after")
    for name in ("occurrence", "times"):
        if not isinstance(given.get(name, 0), int):
            raise BadFault(f"`{name}` is a whole number")
    for name in ("service", "method", "body"):
        if not isinstance(given.get(name, ""), str):
            raise BadFault(f"`{name}` is a text")
    _check_details(details)
    try:
        re.compile(given.get("path", ""))
    except (re.error, TypeError) as cause:
        raise BadFault(f"`path` is no regular expression: {cause}") from cause
    if given["effect"] in ("lost", "truncate"):
        given["phase"] = "after"
    return Fault(0, details=details, **given)
