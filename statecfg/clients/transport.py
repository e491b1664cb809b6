"""Requests out, answers in: tokens, time-outs, pauses that a service asks for, and what may be sent twice.

A request is sent again only where that is safe: reads always; writes when the caller says they are `repeatable`;
anything that certainly did not reach the service (no connection, 429, a refused token). What may have happened and
whose answer was lost is an `Unavailable` with `sent=True`: the caller looks. It knows nothing of what services mean.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol

import requests

from statecfg.clients import hearing, numbers, outages
from statecfg.clients.redaction import Redaction
from statecfg.clients.refusals import Refusal, advice, error_of, place, presentable, service_name
from statecfg.clients.session import CONNECT_S, Session, whole_body
from statecfg.model.errors import ApiError, Throttled, Unavailable
from statecfg.model.events import Emit, Event, silent

READ_S = 120.0
WRITE_S = 240.0
LARGEST_BODY = 64 * 1024 * 1024
"""The largest page there is, 10,000 rows of F&O, has a few megabytes."""

# A failure of the service's own code (500), or a body that isn't what it claims, may be the same every time.
FEW = 4
FIRST_WAIT_S = 0.5
# "Retry-After: 0" from a service under load is no invitation to hammer it.
SHORTEST_PAUSE_S = 0.1
LONGEST_WAIT_S = 30.0


class Bearer(Protocol):
    """Who signs requests: `Tokens`, or a test's own."""

    def header(self, service: str, refused: str = "") -> str:
        """The Authorization header for a service; another one than `refused`, which the service did not accept."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. service: whose token and pause it uses. repeatable: sending it twice has the effect of sending it once.

    form: what a success holds: JSON, text, a whole number, or either (`loose`: JSON if it can be read so, else text).
    deadline_s: for all attempts together; None = the transport's.
    """

    service: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = False
    form: Literal["json", "text", "number", "loose"] = "json"
    deadline_s: float | None = None

    @property
    def may_repeat(self) -> bool:
        return self.repeatable or self.method == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. value: the decoded body, None if it is empty. received: the transport's clock when it was whole."""

    status: int
    headers: Mapping[str, str]
    value: Any
    received: float

    @property
    def date(self) -> datetime | None:
        """The service's own clock, to the second, as its Date header has it."""
        return _http_date(self.headers.get("Date", ""))


@dataclass(eq=False, slots=True)
class _Failure(Exception):
    """One attempt that failed. again: worth another one. limited: only a few times. wait_s: what the service asks."""

    error: ApiError
    again: bool
    limited: bool = False
    wait_s: float | None = None
    pauses_all: bool = False


@dataclass(slots=True)
class _Turn:
    """What the attempts of one request have in common."""

    deadline: float
    attempts: int = 0
    refused: str = ""
    lost: bool = False
    request_id: str = ""


class Transport:
    """Sends requests of all services over one session; safe to share by threads.

    deadline_s: how long one request may take with all its waits and repetitions. clock and sleep are seams for tests.
    """

    def __init__(
        self,
        session: Session,
        bearer: Bearer,
        *,
        redaction: Redaction | None = None,
        emit: Emit = silent,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        deadline_s: float = 600.0,
    ) -> None:
        self._session = session
        self._bearer = bearer
        self._emit = emit
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._resume_at: dict[str, float] = {}
        self._reached: set[str] = set()
        self._count = 0
        self.clock = clock
        self.sleep = sleep
        self.redaction = redaction or Redaction()

    @property
    def count(self) -> int:
        """How many requests went out so far, repetitions included."""
        return self._count

    def send(self, request: Request) -> Answer:
        """The answer of a success. Raises the ApiError that fits; `sent` says whether it may have been carried out.

        Waits while the service asks for it, for all callers of that service at once, up to the deadline.
        """
        turn = _Turn(self.clock() + (request.deadline_s or self._deadline_s))
        while True:
            self._wait_for_service(request, turn)
            turn.attempts += 1
            try:
                return self._attempt(request, turn)
            except _Failure as failure:
                self._prepare_next(request, turn, failure)

    def close(self) -> None:
        """Give the connections back; none is left to a server that waits."""
        self._session.close()

    def _wait_for_service(self, request: Request, turn: _Turn) -> None:
        """Sleep while the service has asked everybody to wait. Raises Throttled if that is longer than the deadline."""
        while (wait_s := self._resume_at.get(request.service, 0.0) - self.clock()) > 0:
            if self.clock() + wait_s > turn.deadline:
                raise self._throttled(request, wait_s)
            self.sleep(wait_s)

    def _attempt(self, request: Request, turn: _Turn) -> Answer:
        header = self._bearer.header(request.service, turn.refused)
        with self._lock:
            self._count += 1
        # Named by us too, so that the service's support can find a request whose answer was lost.
        turn.request_id = str(uuid.uuid4())
        try:
            status, headers, body = self._exchange(request, header, turn)
        except requests.RequestException as error:
            raise self._unanswered(request, turn, error) from error
        self._reached.add(request.service)
        if 200 <= status < 300:
            return self._success(request, status, headers, body)
        if status == 401 and not turn.refused:
            turn.refused = header
            raise _Failure(self._error(request, status, headers, body), again=True, wait_s=0.0)
        if status == 404 and request.method == "DELETE" and turn.lost:
            # The attempt whose answer was lost has deleted it.
            return Answer(status, headers, None, self.clock())
        raise self._refused(request, turn, status, headers, body)

    def _exchange(self, request: Request, header: str, turn: _Turn) -> tuple[int, Mapping[str, str], bytes]:
        """One request on the wire: (status, headers, whole body). Raises requests' own errors."""
        left = max(turn.deadline - self.clock(), 1.0)
        answer_s = READ_S if request.method == "GET" else WRITE_S
        headers = {**request.headers, "Authorization": header, "x-ms-client-request-id": turn.request_id}
        with self._session.request(
            request.method,
            request.url,
            headers=headers,
            data=request.body,
            timeout=(min(CONNECT_S, left), min(answer_s, left)),
            allow_redirects=False,
            stream=True,
            limit_s=left,
        ) as response:
            return response.status_code, response.headers, whole_body(response, LARGEST_BODY)

    def _success(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            value = _value(body, request.form)
        except ValueError as error:
            what = f"{service_name(request.service)} answered {status} with a body that is no {request.form}"
            refusal = self._unavailable(request, f"{what}: {presentable(str(error), self.redaction)}", status)
            raise _Failure(refusal, again=request.may_repeat, limited=True) from error
        hearing.note(place(request.method, request.url))
        return Answer(status, headers, value, self.clock())

    def _unanswered(self, request: Request, turn: _Turn, error: requests.RequestException) -> _Failure:
        """The failure of a request that got no whole answer."""
        left = not outages.never_connected(error)
        turn.lost = turn.lost or left
        what = f"{service_name(request.service)} gave no whole answer: {outages.reason(error)}"
        refusal = self._unavailable(request, what, sent=turn.lost)
        refusal.request_id = turn.request_id
        if outages.untrusted(error):
            refusal.do = "Set `ca_file` of this environment to the authority (PEM) that signs the certificate."
            return _Failure(refusal, again=False)
        # A service that never answered is more likely misspelt than away for minutes.
        return _Failure(refusal, again=request.may_repeat or not left, limited=request.service not in self._reached)

    def _refused(self, request: Request, turn: _Turn, status: int, headers: Mapping[str, str], body: bytes) -> _Failure:
        error = self._error(request, status, headers, body)
        wait_s = retry_after(headers)
        if isinstance(error, Throttled):
            return _Failure(error, again=True, wait_s=wait_s, pauses_all=True)
        if not isinstance(error, Unavailable) or status < 400 or status == 501:
            error.sent = turn.lost
            return _Failure(error, again=False)
        turn.lost = True
        return _Failure(
            error, again=request.may_repeat, limited=status == 500, wait_s=wait_s, pauses_all=wait_s is not None
        )

    def _prepare_next(self, request: Request, turn: _Turn, failure: _Failure) -> None:
        """Wait before the next attempt, or raise the error if there is to be none."""
        wait_s = failure.wait_s if failure.wait_s is not None else _backoff(turn.attempts)
        if failure.pauses_all:
            wait_s = max(wait_s, SHORTEST_PAUSE_S)
            self._hold(request.service, wait_s)
        spent = failure.limited and turn.attempts >= FEW
        if spent or not failure.again or self.clock() + wait_s > turn.deadline:
            raise failure.error from failure.__cause__
        self._tell(request, turn, failure, wait_s)
        if not failure.pauses_all:
            self.sleep(wait_s)

    def _hold(self, service: str, wait_s: float) -> None:
        with self._lock:
            self._resume_at[service] = max(self._resume_at.get(service, 0.0), self.clock() + wait_s)

    def _tell(self, request: Request, turn: _Turn, failure: _Failure, wait_s: float) -> None:
        data = {
            "service": request.service,
            "what": failure.error.what,
            "status": failure.error.status,
            "attempt": turn.attempts,
            "wait_s": round(wait_s, 1),
        }
        self._emit(Event("retry", data))

    def _error(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
        refusal = Refusal(request.service, request.method, request.url, status, headers, body)
        return error_of(refusal, self.redaction)

    def _unavailable(self, request: Request, what: str, status: int = 0, *, sent: bool = True) -> Unavailable:
        return Unavailable(
            what,
            where=place(request.method, request.url),
            do=advice(Unavailable, request.service),
            status=status,
            sent=sent,
        )

    def _throttled(self, request: Request, wait_s: float) -> Throttled:
        return Throttled(
            f"{service_name(request.service)} asks everybody to wait {wait_s:.0f} s more, longer than the deadline",
            where=place(request.method, request.url),
            do=advice(Throttled, request.service),
            status=429,
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to wait: a number or a date; None if it asks nothing (or nothing readable)."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    date = _http_date(text)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0) if date else None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        date = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    # What is added to it must not leave the calendar.
    return date if 1970 <= date.year < 9000 else None


def _backoff(attempts: int) -> float:
    """Seconds before another attempt: twice as long each time, spread so that many workers don't come at once."""
    longest = min(FIRST_WAIT_S * 2.0 ** (attempts - 1), LONGEST_WAIT_S)
    return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, protects nothing


def _value(body: bytes, form: str) -> Any:
    """The body of a success, None if it is empty. Raises ValueError if it isn't what it should be."""
    if not body.strip():
        return None
    if form == "text":
        return body.decode("utf-8-sig")
    if form == "number":
        return _whole_number(body)
    try:
        return numbers.decoded(body)
    except numbers.NotJson:
        if form == "json":
            raise
        return body.decode("utf-8-sig")


def _whole_number(body: bytes) -> int:
    text = body[:100].decode("utf-8-sig").strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError("digits were expected")
    return int(text)
