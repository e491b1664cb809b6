"""From a request to its fate: faults before, the service, faults after, the log. It knows no socket and no service.

Delays are only named here, never slept: whoever holds the connection sleeps them, outside the world's lock.
"""

from __future__ import annotations

import sys
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from statecfg.sandbox.control import PREFIX, Call, Control, ControlError
from statecfg.sandbox.faults import Fault
from statecfg.sandbox.hooks import Abandoned
from statecfg.sandbox.requestlog import RequestLog
from statecfg.sandbox.wire import Answer, Request, Service, json_bytes
from statecfg.sandbox.world import World

Editor = Callable[[World, Mapping[str, Any]], Any]

WHOLE = "whole"
DROPPED = "dropped"
TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that came in, with the faults that hit it."""

    request: Request
    faults: tuple[Fault, ...]

    @property
    def delay_s(self) -> float:
        """How long the request waits before it is handled."""
        return sum(float(f.details.get("seconds", 1)) for f in self.of("before") if f.effect == "delay")

    def of(self, phase: str) -> list[Fault]:
        """The faults of one phase."""
        return [fault for fault in self.faults if fault.phase == phase]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What goes back: the answer, whole, dropped (no byte at all) or truncated, after a delay."""

    answer: Answer
    fate: str = WHOLE
    delay_s: float = 0.0


class Kernel:
    """All services of one sandbox, with what is common to their requests."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log = RequestLog()
        self.control = Control(world, self.log)
        self.services: dict[str, Service] = {}
        # What people look at with a browser, by path; no service's business, so neither logged nor hit by faults.
        self.pages: dict[str, Callable[[Request], Answer]] = {}
        self.crashes: list[str] = []
        self.expire_token: Callable[[str], None] = lambda token: None
        self._editors: dict[str, Editor] = {}
        self.control.register("edit", "POST", self._edit_call)

    def serve(self, service: Service) -> None:
        """Add a service."""
        self.services[service.name] = service

    def edit_with(self, prefix: str, editor: Editor) -> None:
        """Have `editor(world, edit)` make somebody's edits of tables whose name starts with `prefix`."""
        self._editors[prefix] = editor

    def arrive(self, request: Request) -> Arrival:
        """Note which faults hit a request."""
        if request.trusted or request.path.startswith(PREFIX) or self._page(request):
            return Arrival(request, ())
        met = self.world.faults.meeting(request.service, request.method, request.target, request.body)
        return Arrival(request, tuple(met))

    def perform(self, arrival: Arrival) -> Outcome:
        """Handle a request and note it; never raises."""
        request = arrival.request
        page = self._page(request)
        if page is not None:
            return Outcome(page(request))
        if request.path.startswith(PREFIX):
            return Outcome(self.control.answer(request))
        at = self.world.timestamp()
        outcome = self._performed(request, arrival)
        status = 0 if outcome.fate == DROPPED else outcome.answer.status
        self.log.note(request, at, status, {**outcome.answer.note, **_faulted(arrival)})
        return outcome

    def edit(self, wanted: Mapping[str, Any]) -> Any:
        """Make somebody else's edit now.

        wanted: `request`, made by a trusted hand, or `table` and what its editor takes. Raises ControlError.
        """
        if isinstance(wanted.get("request"), Mapping):
            return self._request_by_hand(wanted["request"])
        table = str(wanted.get("table", ""))
        fitting = sorted((prefix for prefix in self._editors if table.startswith(prefix)), key=len)
        if not fitting:
            raise ControlError(f"nobody edits table {table!r}")
        return self._editors[fitting[-1]](self.world, wanted)

    def _page(self, request: Request) -> Callable[[Request], Answer] | None:
        return self.pages.get(request.path) if request.method == "GET" and not request.trusted else None

    def _performed(self, request: Request, arrival: Arrival) -> Outcome:
        for fault in arrival.of("before"):
            early = self._before(request, fault)
            if early is not None:
                return early
        try:
            outcome = Outcome(self._answer(request))
        except Abandoned:
            return Outcome(Answer(0), DROPPED)
        for fault in arrival.of("after"):
            outcome = self._after(request, fault, outcome)
        return outcome

    def _answer(self, request: Request) -> Answer:
        service = self.services[request.service]
        try:
            self.world.hooks.before_request(request.service, request.method, request.target)
            answer = service.answer(request)
            self.world.hooks.after_request(request.service, request.method, request.target, answer.status)
            return answer
        except Abandoned:
            raise
        except Exception:
            # A defect of the sandbox: kept, so that tests can demand that there was none.
            trace = f"{request.method} {request.target}\n{traceback.format_exc()}"
            self.crashes.append(trace)
            print(trace, file=sys.stderr)
            return service.refusal(request, 500, "", "The sandbox itself failed; see its standard error.")

    def _before(self, request: Request, fault: Fault) -> Outcome | None:
        if fault.effect == "status":
            return Outcome(self._status(request, fault))
        if fault.effect == "drop":
            return Outcome(Answer(0), DROPPED)
        if fault.effect == "expire_token":
            self.expire_token(request.headers.get("authorization", ""))
        if fault.effect == "edit":
            self._edit_at(fault)
        return None

    def _after(self, request: Request, fault: Fault, outcome: Outcome) -> Outcome:
        if fault.effect == "status":
            return replace(outcome, answer=self._status(request, fault))
        if fault.effect in ("drop", "lost"):
            return replace(outcome, fate=DROPPED)
        if fault.effect == "truncate":
            return replace(outcome, fate=TRUNCATED)
        if fault.effect == "delay":
            return replace(outcome, delay_s=outcome.delay_s + float(fault.details.get("seconds", 1)))
        if fault.effect == "expire_token":
            self.expire_token(request.headers.get("authorization", ""))
        if fault.effect == "edit":
            self._edit_at(fault)
        return outcome

    def _edit_at(self, fault: Fault) -> None:
        """Make the edit that waited for a request; where it can't be made, the fault says why and nobody fails."""
        try:
            self.edit(fault.details.get("edit", {}))
        except ControlError as refused:
            fault.details["refused"] = refused.message

    def _status(self, request: Request, fault: Fault) -> Answer:
        details = fault.details
        answer = self.services[request.service].refusal(
            request, int(details.get("status", 503)), str(details.get("code", "")), str(details.get("message", ""))
        )
        headers = dict(answer.headers)
        if "retry_after" in details:
            headers["Retry-After"] = str(details["retry_after"])
        body = details.get("answer")
        if isinstance(body, str):
            return replace(answer, headers={**headers, "Content-Type": "text/html"}, body=body.encode())
        return replace(answer, headers=headers, body=json_bytes(body) if body is not None else answer.body)

    def _edit_call(self, call: Call) -> Any:
        """`POST edit`: now, or `when` a request comes in, as a fault would."""
        fields = dict(call.fields())
        when = fields.pop("when", None)
        if when is None:
            return self.edit(fields)
        if not isinstance(when, Mapping):
            raise ControlError("`when` must be an object")
        fault = {"occurrence": 1, **when, "effect": "edit", "edit": fields}
        return self.control.call("faults", "POST", fault)

    def _request_by_hand(self, wanted: Mapping[str, Any]) -> Any:
        path, _, query = str(wanted.get("path", "/")).partition("?")
        body = wanted.get("body")
        request = Request(
            service=str(wanted.get("service", "")),
            method=str(wanted.get("method", "POST")).upper(),
            path=path,
            query=query,
            headers={"content-type": "application/json", **wanted.get("headers", {})},
            body=b"" if body is None else json_bytes(body),
            base=str(wanted.get("base", "https://localhost")),
            request_id=str(uuid.uuid4()),
            trusted=True,
        )
        if request.service not in self.services:
            raise ControlError(f"there is no service {request.service!r}")
        answer = self.perform(Arrival(request, ())).answer
        return {"status": answer.status, "body": answer.body.decode("utf-8", "replace")}


def _faulted(arrival: Arrival) -> dict[str, Any]:
    effects: Sequence[str] = [fault.effect for fault in arrival.faults]
    return {"faults": effects} if effects else {}
