"""The listener of Finance and Operations: who asks, which of its roots, and the headers every answer carries.

Source: reference/finance-and-operations.md, 2, 3.6 and 6.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote

from statecfg.sandbox.entra.tokens import Caller, TokenRefused, Tokens
from statecfg.sandbox.finance import errors
from statecfg.sandbox.finance.batch import batch_answer
from statecfg.sandbox.finance.catalog import table_of
from statecfg.sandbox.finance.errors import WireError, error_answer, not_allowed
from statecfg.sandbox.finance.metadata import csdl, metadata_reply
from statecfg.sandbox.finance.odata import Ask, is_reading, perform
from statecfg.sandbox.wire import Answer, Request, json_bytes
from statecfg.sandbox.world import Tx, World

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("finance.page_size", 10_000, "rows of a page at most"),
    ("finance.next_link_base", "", "scheme and host of next links, where they differ from the caller's"),
    ("finance.unregistered_status", 401, "answer to a client that isn't in SysAADClients: 401 or 403"),
    ("finance.refusal_status", 400, "status where a rule refuses a row: 400 or 500"),
    ("finance.people", "Admin", "user that people work as who are no SystemUsers row themselves; empty: none"),
    ("finance.maintenance", False, "maintenance mode: only administrators get in, and no batch job runs"),
    ("finance.user_companies", {}, "companies that a user sees, by user id; without an entry: all"),
)


ADMINISTRATOR = "-SYSADMIN-"


def declare_settings(world: World) -> None:
    """Make the settings of the listener known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


@dataclass(frozen=True, slots=True)
class Signed:
    """The user that a request runs as: id, own company, companies in sight (None: all)."""

    user: str
    company: str
    companies: tuple[str, ...] | None = None


class Finance:
    """The service."""

    name = "finance"

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    def answer(self, request: Request) -> Answer:
        """Handle one request; every refusal is in the service's own form."""
        began = time.perf_counter()
        try:
            answer = self._routed(request, self._signed(request))
        except WireError as refusal:
            answer = refusal.answer()
        return _headed(answer, began)

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in the service's own form, for faults that are asked for."""
        usual = errors.THROTTLED if status == 429 else errors.GENERAL
        return _headed(error_answer(status, message or usual, code), time.perf_counter())

    def _signed(self, request: Request) -> Signed:
        try:
            caller = self._tokens.caller(request)
        except TokenRefused as refused:
            raise WireError(401, refused.reason) from refused
        with self._world.reading() as tx:
            user = _user_id(tx, caller)
            row = tx.get(table_of("SystemUsers"), user) if user else None
        if row is None or not row["Enabled"]:
            status = int(self._world.settings["finance.unregistered_status"])
            raise WireError(status, f"The client {caller.client_id} is not registered, or its user is disabled.")
        if self._world.settings["finance.maintenance"]:
            self._refuse_but_administrators(row["UserID"])
        companies = self._world.settings["finance.user_companies"].get(row["UserID"])
        in_sight = None if companies is None else tuple(str(company).lower() for company in companies)
        return Signed(row["UserID"], row["Company"], in_sight)

    def _refuse_but_administrators(self, user: str) -> None:
        """Raises WireError; the status is inferred. Source: reference/finance-and-operations.md, 11."""
        with self._world.reading() as tx:
            roles = tx.find(table_of("SecurityUserRoles"), UserId=user)
        if not any(role["SecurityRoleIdentifier"] == ADMINISTRATOR for role in roles):
            raise WireError(403, "The environment is in maintenance mode; only administrators can sign in.")

    def _routed(self, request: Request, signed: Signed) -> Answer:
        root, _, rest = request.path.lstrip("/").partition("/")
        options = dict(parse_qsl(request.query, keep_blank_values=True))
        if root.lower() == "data":
            return self._data(request, signed, rest, options)
        if root.lower() == "metadata":
            if request.method != "GET":
                raise not_allowed(request.method)
            return _json(metadata_reply(unquote(rest), options, request.base))
        if root.lower() == "api" and rest.lower().startswith("services"):
            return _services(request, signed, rest)
        raise errors.no_resource(request.target)

    def _data(self, request: Request, signed: Signed, rest: str, options: Mapping[str, str]) -> Answer:
        if unquote(rest) == "$metadata":
            if request.method != "GET":
                raise not_allowed(request.method)
            return Answer(200, csdl(), {"Content-Type": "application/xml"})
        ask = Ask(
            method=request.method,
            rest=rest,
            options=options,
            headers=request.headers,
            body=request.body,
            base=request.base,
            company=signed.company.lower(),
            companies=signed.companies,
        )
        if unquote(rest) == "$batch":
            if request.method != "POST":
                raise not_allowed(request.method)
            return batch_answer(self._world, ask, lambda part: self._met(request, part))
        opened = self._world.reading() if is_reading(ask) else self._world.transaction()
        with opened as tx:
            return perform(tx, ask).answer()

    def _met(self, request: Request, part: Ask) -> Answer | None:
        """The standing fault `batch_part` that hits one part of a batch: its status and Retry-After."""
        fault = self._world.faults.take("batch_part", f"{part.method} {part.rest}")
        if fault is None:
            return None
        status = int(fault.details.get("status", 429))
        answer = self.refusal(request, status, "", str(fault.details.get("message", "")))
        retry = {"Retry-After": str(fault.details["retry_after"])} if "retry_after" in fault.details else {}
        return replace(answer, headers={**answer.headers, **retry})


def _user_id(tx: Tx, caller: Caller) -> str:
    if caller.by_hand:
        return str(tx.world.settings["finance.people"])
    if caller.is_app:
        found = tx.get(table_of("SysAADClients"), caller.client_id)
        return str(found["UserId"]) if found else ""
    return _person(tx, caller.upn)


def _person(tx: Tx, upn: str) -> str:
    users = table_of("SystemUsers")
    for column, value in (("Email", upn), ("Alias", upn), ("UserID", upn.partition("@")[0])):
        found = tx.find(users, **{column: value})
        if found:
            return str(found[0]["UserID"])
    return str(tx.world.settings["finance.people"])


def _json(value: object) -> Answer:
    return Answer(200, json_bytes(value), {"Content-Type": "application/json; odata.metadata=minimal"})


def _headed(answer: Answer, began: float) -> Answer:
    """The answer with the headers that every one has: an activity id and the time it took."""
    spent = int((time.perf_counter() - began) * 1000)
    common = {
        "OData-Version": "4.0",
        "ms-dyn-aid": str(uuid.uuid4()),
        "server-timing": f"dur={spent}",
        "Cache-Control": "no-cache",
    }
    challenge = {"WWW-Authenticate": "Bearer"} if answer.status == 401 else {}
    return replace(answer, headers={**common, **challenge, **answer.headers})


_GROUP, _SERVICE, _OPERATION = "UserSessionService", "AifUserSessionService", "GetUserSessionInfo"
_DISCOVERY: Mapping[tuple[str, ...], object] = {
    (): {"ServiceGroups": [{"Name": _GROUP}]},
    (_GROUP,): {"Services": [{"Name": _SERVICE}]},
    (_GROUP, _SERVICE): {"Operations": [{"Name": _OPERATION}]},
    (_GROUP, _SERVICE, _OPERATION): {"Parameters": []},
}


def _services(request: Request, signed: Signed, rest: str) -> Answer:
    """The JSON services: discovery, and the one that tells who is signed in."""
    parts = tuple(part for part in unquote(rest).split("/")[1:] if part)
    if parts not in _DISCOVERY:
        raise errors.no_resource(request.target)
    if request.method == "GET":
        return _json(_DISCOVERY[parts])
    if request.method != "POST" or len(parts) != 3:
        raise not_allowed(request.method)
    return _json({"UserId": signed.user, "Company": signed.company, "IsSysAdmin": True})
