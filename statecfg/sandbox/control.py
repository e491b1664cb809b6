"""The sandbox's own path, `/__sandbox/`, on every listener: what no real service has, for people and tests.

Other parts register their handlers by name; this module knows only what belongs to the whole world: settings, faults,
the request log, snapshots. A handler takes a Call and returns a JSON value.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from statecfg.sandbox.faults import BadFault
from statecfg.sandbox.requestlog import RequestLog
from statecfg.sandbox.settings import UnknownSetting, WrongValue
from statecfg.sandbox.wire import Answer, MalformedJson, Request, json_answer, json_value
from statecfg.sandbox.world import World

PREFIX = "/__sandbox/"


class ControlError(Exception):
    """A control call that can't be done."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One control call: what follows the name in the path, the query's fields, the JSON body (None without one)."""

    rest: str
    query: Mapping[str, str]
    body: Any

    def fields(self) -> Mapping[str, Any]:
        """The body as an object; empty without one. Raises ControlError."""
        if self.body is None:
            return {}
        if not isinstance(self.body, Mapping):
            raise ControlError("the body must be an object")
        return self.body


Handler = Callable[[Call], Any]


class Control:
    """The control path of one sandbox."""

    def __init__(self, world: World, log: RequestLog) -> None:
        self._world = world
        self._log = log
        self._handlers: dict[tuple[str, str], Handler] = {}
        self.register("settings", "GET", self._settings)
        self.register("settings", "PATCH", self._change_settings)
        self.register("faults", "GET", lambda call: world.faults.shown())
        self.register("faults", "POST", self._add_fault)
        self.register("faults", "DELETE", self._clear_faults)
        self.register("requests", "GET", self._requests)
        self.register("requests", "DELETE", lambda call: log.clear())
        self.register("snapshot", "POST", self._snapshot)
        self.register("restore", "POST", self._restore)

    def register(self, name: str, method: str, handler: Handler) -> None:
        """Offer `method /__sandbox/name[/rest]`."""
        self._handlers[name, method] = handler

    def names(self) -> list[str]:
        """Every call on offer."""
        return sorted(f"{method} {PREFIX}{name}" for name, method in self._handlers)

    def call(self, name: str, method: str, body: Any = None, rest: str = "", **query: str) -> Any:
        """Do a control call without a connection. Raises ControlError."""
        return self._called(name, method, Call(rest, query, body))

    def _called(self, name: str, method: str, call: Call) -> Any:
        handler = self._handlers.get((name, method))
        if handler is None:
            raise ControlError(f"there is no {method} {PREFIX}{name}", 404)
        return handler(call)

    def answer(self, request: Request) -> Answer:
        """Handle a request to the control path."""
        name, _, rest = request.path.removeprefix(PREFIX).partition("/")
        try:
            body = json_value(request.body) if request.body.strip() else None
            value = self._called(name, request.method, Call(rest, dict(parse_qsl(request.query)), body))
        except ControlError as refused:
            return json_answer({"error": refused.message}, refused.status)
        except MalformedJson as refused:
            return json_answer({"error": f"the body is no JSON: {refused}"}, 400)
        except Exception as crash:
            return json_answer({"error": repr(crash), "trace": traceback.format_exc()}, 500)
        return json_answer(value)

    def _settings(self, call: Call) -> Any:
        """`GET settings`: values by name; `GET settings/meanings`: with default and meaning."""
        settings = self._world.settings
        return settings.described() if call.rest == "meanings" else settings.shown()

    def _change_settings(self, call: Call) -> Any:
        try:
            self._world.settings.change(call.fields())
        except UnknownSetting as unknown:
            raise ControlError(f"there is no setting {unknown}", 404) from unknown
        except WrongValue as wrong:
            raise ControlError(str(wrong)) from wrong
        return self._world.settings.shown()

    def _add_fault(self, call: Call) -> Any:
        try:
            return self._world.faults.add(call.fields()).shown()
        except BadFault as refused:
            raise ControlError(str(refused)) from refused

    def _clear_faults(self, call: Call) -> None:
        if call.rest and not call.rest.isdigit():
            raise ControlError(f"{call.rest} is no fault's number")
        self._world.faults.clear(int(call.rest) if call.rest else None)

    def _requests(self, call: Call) -> Any:
        after = call.query.get("after", "0")
        return self._log.entries(int(after) if after.isdigit() else 0)

    def _snapshot(self, call: Call) -> None:
        self._world.snapshot(_snapshot_name(call))

    def _restore(self, call: Call) -> None:
        try:
            self._world.restore(_snapshot_name(call))
        except KeyError as unknown:
            raise ControlError(f"there is no snapshot {unknown}", 404) from unknown


def _snapshot_name(call: Call) -> str:
    return str(call.fields().get("name", "default"))
