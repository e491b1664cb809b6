"""The Dataverse service: who asks, within which limits, in which transaction, and every refusal in its own form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from statecfg.sandbox.control import ControlError
from statecfg.sandbox.dataverse import catalog, errors, messages, records
from statecfg.sandbox.dataverse.batch import batch_answer
from statecfg.sandbox.dataverse.duplicates import declare_settings as declare_duplicates
from statecfg.sandbox.dataverse.exchange import Exchange, error_answer, preferences
from statecfg.sandbox.dataverse.limits import Limits, Throttled
from statecfg.sandbox.dataverse.limits import declare_settings as declare_limits
from statecfg.sandbox.dataverse.mistakes import declare_settings as declare_mistakes
from statecfg.sandbox.dataverse.mistakes import kept_headers
from statecfg.sandbox.dataverse.names import NAMES
from statecfg.sandbox.dataverse.operations import Action, Environment, operations
from statecfg.sandbox.dataverse.payload import Reader
from statecfg.sandbox.dataverse.routing import READS, Routing
from statecfg.sandbox.dataverse.undecided import declare_settings as declare_undecided
from statecfg.sandbox.entra.tokens import Caller, TokenRefused, Tokens
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.wire import Answer, Request
from statecfg.sandbox.world import PropagationFailed, Refused, Row, Tx, World

# Longest address of a request of its own; a batch may hold longer ones.
ADDRESS_LIMIT = 32_768

_PATH = re.compile(r"/api/data/(v9\.[0-2])(?:/(.*))?", re.IGNORECASE | re.DOTALL)
# Headers that name whom a request is made for, and the column they name her by.
_ON_BEHALF = {"mscrmcallerid": "systemuserid", "callerobjectid": "azureactivedirectoryobjectid"}
_CODES = {
    401: "0x8005f101", 403: errors.NOT_A_MEMBER, 404: errors.DOES_NOT_EXIST, 412: errors.VERSION_MISMATCH,
    429: "0x80072322", 500: "0x80040216", 502: "0x80040216", 503: "0x80040216",
}  # fmt: skip
_WORDS = {
    401: "The access token has expired.",
    429: "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
    500: "An unexpected error occurred.",
    503: "The service is unavailable.",
}


def prepare(world: World) -> None:
    """Define the tables and settings of Dataverse in a world."""
    catalog.define(world)
    declare_limits(world.settings)
    declare_mistakes(world.settings)
    declare_duplicates(world.settings)
    declare_undecided(world.settings)
    world.settings.declare("dataverse.delay_per_request_s", 0, "seconds each request takes, besides its rows")
    world.settings.declare("dataverse.delay_per_row_s", 0, "seconds each written row takes")


class Dataverse:
    """The Web API of one environment, on a prepared world."""

    name = "dataverse"

    def __init__(self, world: World, tokens: Tokens, environment: Environment | None = None) -> None:
        self.world = world
        self.operations = operations(environment or Environment())
        self._tokens = tokens
        self._limits = Limits(world.settings)
        self._routing = Routing(self.operations)

    def register(self, table: str, name: str, action: Action) -> None:
        """Offer an action bound to records of `table`, or unbound if it is ""."""
        self.operations.register(table, name, action)

    def install(self) -> None:
        """Write what follows from the catalog and the registered actions; call it once, when all are registered."""
        with self.world.transaction() as tx:
            messages.install(tx, self.operations)

    def offer_edits(self, kernel: Kernel) -> None:
        """Let the control path make somebody's edits of these tables."""
        for table in catalog.TABLES:
            kernel.edit_with(table.name, edited)

    def answer(self, request: Request) -> Answer:
        """Handle one request."""
        try:
            caller = self._tokens.caller(request)
        except TokenRefused as refused:
            return self._identified(request, self._unauthorized(request, refused.reason))
        found = _PATH.fullmatch(request.path)
        length = len(request.base) + len(request.target)
        if length > ADDRESS_LIMIT:
            return self._identified(request, error_answer(errors.address_too_long(length, ADDRESS_LIMIT)))
        if found is None:
            return self._identified(request, error_answer(errors.unknown_resource(request.path)))
        try:
            with self.world.reading() as tx:
                user = _user(tx, caller, request)
        except Refused as refused:
            return self._identified(request, error_answer(refused))
        return self._identified(request, self._limited(self._exchange(request, found[1], found[2] or "", user)))

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in Dataverse's form."""
        refused = Refused(
            code or _CODES.get(status, errors.INVALID_ARGUMENT), message or _WORDS.get(status, ""), status
        )
        return self._identified(request, error_answer(refused))

    def _exchange(self, request: Request, version: str, path: str, user: str) -> Exchange:
        root = f"{request.base}/api/data/{version}"
        return Exchange(self.world, request, root, path, user, preferences(request.headers.get("prefer", "")))

    def _limited(self, exchange: Exchange) -> Answer:
        try:
            began = self._limits.begin(exchange.user)
        except Throttled as throttled:
            told = {"Retry-After": str(throttled.retry_after_s), **self._limits.left(exchange.user)}
            return _with_headers(error_answer(throttled, exchange.prefer.details), told)
        answer = self._handled(exchange)
        answer = replace(answer, delay_s=answer.delay_s + self._delay_s(answer))
        return _with_headers(answer, self._limits.end(exchange.user, began, answer.delay_s))

    def _handled(self, exchange: Exchange) -> Answer:
        if exchange.path.strip("/").lower() not in ("$batch", "%24batch"):
            return self._performed(exchange, None)
        try:
            if exchange.method != "POST":
                raise Refused(errors.BAD_URI, "A batch is sent by POST.", 405)
            return batch_answer(exchange, self._performed)
        except Refused as refused:
            return error_answer(refused, exchange.prefer.details)

    def _performed(self, exchange: Exchange, tx: Tx | None) -> Answer:
        """One request in the given transaction, or in its own; a refusal undoes its own."""
        try:
            if tx is not None:
                return self._routed(tx, exchange)
            opened = self.world.reading() if exchange.method in READS else self.world.transaction()
            with opened as own:
                return self._routed(own, exchange)
        except PropagationFailed as failed:
            return error_answer(Refused(errors.ISV_ABORTED, failed.message), exchange.prefer.details)
        except Refused as refused:
            return error_answer(refused, exchange.prefer.details)
        except RecursionError:
            return error_answer(errors.bad_uri("The request is nested too deeply."))

    def _routed(self, tx: Tx, exchange: Exchange) -> Answer:
        # A part of a batch may be made for somebody else than the batch.
        behalf = _impersonated(tx, exchange.request)
        user = exchange.user if behalf is None else _seated(behalf)
        before, tx.caller = tx.caller, user
        try:
            return self._routing.handle(tx, replace(exchange, user=user))
        finally:
            tx.caller = before

    def _delay_s(self, answer: Answer) -> float:
        settings = self.world.settings
        rows = int(answer.note.get("rows", 0))
        return float(settings["dataverse.delay_per_request_s"]) + rows * float(settings["dataverse.delay_per_row_s"])

    def _unauthorized(self, request: Request, reason: str) -> Answer:
        """401, as it comes without a body; the header leads clients to the tenant."""
        authority = self.operations.environment.authority
        challenge = f"Bearer authorization_uri={authority}/oauth2/authorize, resource_id={request.base}/"
        answer = Answer(401)
        if self.world.settings["dataverse.unauthorized_body"]:
            answer = error_answer(Refused(_CODES[401], _WORDS[401], 401))
        return replace(_with_headers(answer, {"WWW-Authenticate": challenge}), note={"refused": reason})

    def _identified(self, request: Request, answer: Answer) -> Answer:
        named = _with_headers(answer, {"x-ms-service-request-id": request.request_id, "REQ_ID": request.request_id})
        return replace(named, headers=kept_headers(self.world.settings, named.headers))


def edited(world: World, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Make somebody's edit of a Dataverse table, by its rules and with dual-write's consequences.

    wanted: table; operation create, update or delete; key, or match (column values that fit one row); changes; by (a
    user's full name). Raises ControlError.
    """
    table, operation = str(wanted["table"]), str(wanted.get("operation", "update"))
    changes = wanted.get("changes", {})
    try:
        with world.transaction() as tx:
            tx.caller = _somebody(tx, str(wanted.get("by", "")))
            values = _values(tx, table, changes)
            if operation == "create":
                return records.create(tx, table, values)
            key = str(wanted["key"]) if "key" in wanted else _matched(tx, table, wanted.get("match", {}))
            if operation == "delete":
                records.delete(tx, table, key)
                return None
            return records.update(tx, table, key, values)
    except (Refused, PropagationFailed) as refused:
        raise ControlError(refused.message) from refused
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise ControlError(f"the edit can't be understood: {cause!r}") from cause


def _values(tx: Tx, table: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values by column name as the columns hold them; a lookup takes an id."""
    names, read = NAMES[table], Reader(tx, {})
    columns = {column.name: column for column in names.table.columns}
    return {name: None if value is None else read.value(columns[name], value, names) for name, value in changes.items()}


def _matched(tx: Tx, table: str, match: Mapping[str, Any]) -> str:
    found = tx.find(table, **match) if match else []
    if len(found) != 1:
        raise ControlError(f"{len(found)} rows of {table} match {dict(match)}")
    return str(found[0][catalog.BY_NAME[table].key[0]])


def _somebody(tx: Tx, name: str) -> str:
    """A person of this name, or any person who isn't an application."""
    found = tx.find("systemuser", fullname=name) if name else tx.find("systemuser", applicationid=None)
    if name and not found:
        raise ControlError(f"there is no user {name!r}")
    people = [user for user in found if user["systemuserid"] not in (records.SYSTEM_USER, records.DUAL_WRITE_USER)]
    return str(people[-1]["systemuserid"]) if people else records.SYSTEM_USER


def _user(tx: Tx, caller: Caller, request: Request) -> str:
    """The systemuser a request is made for. Raises Refused for somebody who has no seat here, or acts for one."""
    if caller.by_hand:
        named = tx.find("systemuser", fullname=caller.upn) if caller.upn else []
        return str(named[0]["systemuserid"]) if named else _somebody(tx, "")
    column = "applicationid" if caller.is_app else "azureactivedirectoryobjectid"
    found = tx.find("systemuser", **{column: caller.client_id if caller.is_app else caller.object_id})
    if not found and not caller.is_app:
        found = tx.find("systemuser", domainname=caller.upn)
    own, behalf = _seated(found), _impersonated(tx, request)
    return own if behalf is None else _seated(behalf)


def _seated(found: Sequence[Row]) -> str:
    """The id of the user who was found, if there is one who may work here. Raises Refused."""
    if not found:
        raise Refused(errors.NOT_A_MEMBER, "The user is not a member of the organization.", 403)
    if found[0]["isdisabled"]:
        raise Refused(errors.USER_DISABLED, "The user is disabled.", 403)
    return str(found[0]["systemuserid"])


def _impersonated(tx: Tx, request: Request) -> Sequence[Row] | None:
    """Whom the sender acts for, by the headers; None if they name nobody."""
    for header, column in _ON_BEHALF.items():
        named = request.headers.get(header, "").strip()
        if named:
            return tx.find("systemuser", **{column: named.lower()})
    return None


def _with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return replace(answer, headers={**answer.headers, **headers})
