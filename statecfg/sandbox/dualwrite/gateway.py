"""The management gateway: routes and refusals, over plain rules that know no HTTP.

Only a person's token for this resource counts; no public client signs in as an application here.
Source: reference/dual-write.md, "Endpoints" and "Errors and throttling".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from statecfg.sandbox.dualwrite import codes, deploying, schemas, shown
from statecfg.sandbox.dualwrite.catalog import PREREQUISITES
from statecfg.sandbox.dualwrite.lifecycle import Impossible, Lifecycle, NotKnown, Wanted, check, map_by_project
from statecfg.sandbox.dualwrite.link import link
from statecfg.sandbox.dualwrite.resetting import CannotReset, reset_link
from statecfg.sandbox.dualwrite.settings import GATEWAY
from statecfg.sandbox.dualwrite.solutions import begin_restore, settle_restores
from statecfg.sandbox.dualwrite.tables import KEYS, MAPS, RESTORES, TEMPLATES
from statecfg.sandbox.dualwrite.witnesses import catch_up
from statecfg.sandbox.entra.tokens import TokenRefused, Tokens
from statecfg.sandbox.wire import Answer, MalformedJson, Request, json_answer, json_bytes, json_value
from statecfg.sandbox.world import Row, Tx, World

RESOURCE = "https://IntegratorApp.com"
_MANAGEMENT = "/api/DualWriteManagement/1.0"
_LOOPBACK = ("localhost", "127.0.0.1")
_ACTIONS = (codes.START, codes.STOP, codes.PAUSE, codes.RESUME, codes.CREATE_PROJECT)


class Declined(Exception):
    """A call that ends in an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Visit:
    """One call as its route sees it: the parts of the path, the query, the body, where the caller reaches us."""

    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    base: str

    def json(self) -> Any:
        """The body as JSON. Raises Declined."""
        try:
            return json_value(self.body)
        except MalformedJson as cause:
            raise Declined(400, "The request body is not valid JSON.") from cause

    def json_object(self) -> Mapping[str, Any]:
        """The body as a JSON object. Raises Declined."""
        value = self.json()
        if not isinstance(value, Mapping):
            raise Declined(400, "The request body must be an object.")
        return value


Route = Callable[[Tx, Visit], Any]


class Gateway:
    """The service `dualwrite`. urls: addresses of the two sides, by service name, for what answers quote."""

    name = "dualwrite"

    def __init__(self, world: World, tokens: Tokens, lifecycle: Lifecycle, urls: Callable[[str], str]) -> None:
        self._world = world
        self._tokens = tokens
        self._lifecycle = lifecycle
        self._urls = urls
        self._routes = [(method, _pattern(path), route) for method, path, route in self._listed()]

    def answer(self, request: Request) -> Answer:
        """Handle one request."""
        try:
            caller = self._tokens.caller(request)
            if caller.is_app:
                raise TokenRefused("An application cannot act here without a person.")
            return self._routed(request)
        except TokenRefused as refused:
            return self.refusal(request, 401, "", refused.reason)
        except Declined as declined:
            return self.refusal(request, declined.status, "", declined.message)

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in the gateway's form, which is not documented."""
        body = {"message": message or "The request could not be handled.", "activityId": request.request_id}
        challenge = {"WWW_Authenticate": f'Bearer resource="{RESOURCE}"'} if status == 401 else {}
        return json_answer({**body, **({"code": code} if code else {})}, status, **challenge)

    def _listed(self) -> Sequence[tuple[str, str, Route]]:
        aware = _MANAGEMENT + "/SolutionAware/{cid}"
        return (
            ("GET", _MANAGEMENT + "/Version", lambda _tx, _visit: "1.0"),
            ("GET", _MANAGEMENT + "/Environments", self._environments),
            ("GET", _MANAGEMENT + "/Entities", self._entities),
            ("GET", _MANAGEMENT + "/{pid}/FieldMappings", self._field_mappings),
            ("POST", _MANAGEMENT + "/Start", self._start),
            ("GET", _MANAGEMENT + "/Status/{request}", self._status),
            ("POST", aware + "/SwitchActive/{template}", self._switch),
            ("GET", aware + "/Solutions", self._solutions),
            ("POST", aware + "/RestoreTemplates", self._restore),
            ("GET", aware + "/Status/{request}", self._restore_status),
            ("POST", _MANAGEMENT + "/GetTemplatePrerequisiteSequences/{cid}", self._prerequisites),
            ("POST", "/api/Project/{project}/Refresh", self._refresh),
            ("GET", "/api/ConnectionSet/{cname}", self._connection_set),
            ("POST", "/api/dataset/{dataset}/IntegrationKeys", self._integration_keys),
            ("GET", "/api/ProjectExecutionWithCompanies/{pid}", self._initial_sync),
            ("POST", "/api/ConnectionSet/{cid}/Reset", self._reset),
        )

    def _routed(self, request: Request) -> Answer:
        path, known = request.path.rstrip("/"), False
        for method, pattern, route in self._routes:
            found = pattern.fullmatch(path)
            known = known or found is not None
            if found and method == request.method:
                parts = {name: unquote(value) for name, value in found.groupdict().items()}
                query = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
                with self._world.transaction() as tx:
                    return _answer(route(tx, Visit(parts, query, request.body, request.base)))
        if known:
            raise Declined(405, "The requested resource does not support this method.")
        raise Declined(404, "No resource was found that matches the request.")

    def _sides(self, tx: Tx) -> shown.Sides:
        return shown.Sides.of(link(tx), self._urls("finance"), self._urls("dataverse"))

    def _environments(self, tx: Tx, visit: Visit) -> Any:
        identifier = visit.query.get("identifier", "")
        host = identifier.partition(":")[0].lower()
        ours = {*_LOOPBACK, re.sub(r"^https?://|[:/].*$", "", self._urls("finance")).lower()}
        is_host = "/" not in identifier and _finance_asked(visit)
        if not tx.world.settings["gateway.linked"] or not is_host or host not in ours:
            return []
        return [shown.environment_object(link(tx), self._sides(tx))]

    def _entities(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.query.get("cid", ""))
        self._lifecycle.settle(tx, read=True)
        catch_up(tx, GATEWAY)
        empty = int(tx.world.settings["gateway.empty_lists"])
        if empty > 0:
            tx.world.settings["gateway.empty_lists"] = empty - 1
            return []
        maps = [shown.map_object(tx, row) for row in tx.select(MAPS, order='"position"')]
        return {"value": maps} if tx.world.settings["gateway.list_form"] == "object" else maps

    def _field_mappings(self, tx: Tx, visit: Visit) -> Any:
        return shown.project_object(tx, _project(tx, visit.parts["pid"]), link(tx), self._sides(tx))

    def _start(self, tx: Tx, visit: Visit) -> Any:
        body = visit.json_object()
        action, details = str(body.get("action", "")), body.get("details")
        if action not in _ACTIONS:
            raise Declined(400, f"Action {action!r} is not supported.")
        if not isinstance(details, list) or not details or not all(isinstance(each, Mapping) for each in details):
            raise Declined(400, "The request has no details.")
        alone = action in (codes.START, codes.STOP) and not tx.world.settings["gateway.bulk_start_stop"]
        if alone and len(details) > 1:
            raise Declined(400, f"Action {action} takes one map at a time.")
        wanted = [_wanted(tx, action, each) for each in details]
        if len({each.map_name for each in wanted}) < len(wanted):
            raise Declined(400, "The request names a map twice.")
        return {"requestId": self._lifecycle.accept(tx, action, wanted)}

    def _status(self, tx: Tx, visit: Visit) -> Any:
        self._lifecycle.settle(tx, read=True)
        catch_up(tx, GATEWAY)
        rows = self._lifecycle.request_rows(tx, visit.parts["request"])
        if not rows:
            raise Declined(404, f"Request {visit.parts['request']} was not found.")
        return [shown.map_object(tx, described) for row in rows if (described := tx.get(MAPS, row["map"]))]

    def _switch(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.parts["cid"])
        if not visit.query.get("pid"):
            raise Declined(400, "The project id is missing.")
        template = tx.get(TEMPLATES, visit.parts["template"])
        if template is None:
            raise Declined(404, f"Template {visit.parts['template']} was not found.")
        said = visit.body.decode("utf-8", "replace").strip().strip('"')
        if said and said.lower() != template["id"]:
            raise Declined(400, "The body names another template than the address.")
        described = _project(tx, visit.query["pid"])
        if template["map"] != described["map"]:
            raise Declined(400, "The template belongs to another map.")
        self._lifecycle.settle(tx)
        _switched(tx, described["map"], template)
        reply, request = tx.world.settings["gateway.switch_reply"], tx.world.new_guid()
        return {"request": {"requestId": request}, "id": request}.get(reply, b"")

    def _solutions(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.parts["cid"])
        return [
            {
                "description": row["description"] or "", "friendlyname": row["friendlyname"],
                "ismanaged": bool(row["ismanaged"]), "solutionid": row["solutionid"], "id": row["solutionid"],
                "uniquename": row["uniquename"], "version": row["version"],
            }
            for row in sorted(tx.select("solution"), key=lambda row: str(row["uniquename"]))
            if row["isvisible"]
        ]  # fmt: skip

    def _restore(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.parts["cid"])
        asked = visit.json_object().get("solutions")
        if not isinstance(asked, list) or not asked:
            raise Declined(400, "The request names no solution.")
        names = [each.get("criteria", {}).get("uniquename") for each in asked if _has_criteria(each)]
        if len(names) < len(asked) or not all(isinstance(name, str) and name for name in names):
            raise Declined(400, "A solution is named by criteria.uniquename.")
        return {"requestId": begin_restore(tx, names)}

    def _restore_status(self, tx: Tx, visit: Visit) -> Any:
        with tx.echoing():
            settle_restores(tx)
        row = tx.get(RESTORES, visit.parts["request"].lower())
        if row is None:
            raise Declined(404, f"Request {visit.parts['request']} was not found.")
        return shown.restore_object(row)

    def _prerequisites(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.parts["cid"])
        asked = visit.json()
        if not isinstance(asked, list) or not all(isinstance(each, str) for each in asked):
            raise Declined(400, "The request body must be a list of template ids.")
        return [_sequence(tx, template) for template in asked]

    def _refresh(self, tx: Tx, visit: Visit) -> Any:
        found = tx.find(MAPS, project=visit.parts["project"])
        if not found:
            raise Declined(404, f"Project {visit.parts['project']} was not found.")
        schemas.refresh(tx, found[0])
        return {}

    def _connection_set(self, tx: Tx, visit: Visit) -> Any:
        if visit.parts["cname"] != link(tx)["cname"]:
            raise Declined(404, f"Connection set {visit.parts['cname']} was not found.")
        return shown.connection_set(tx, link(tx), self._sides(tx))

    def _integration_keys(self, tx: Tx, visit: Visit) -> Any:
        if visit.parts["dataset"] != self._sides(tx).dataverse:
            raise Declined(404, f"Dataset {visit.parts['dataset']} was not found.")
        keys = visit.json_object().get("integrationKeys")
        if not isinstance(keys, Mapping) or not all(_is_key(fields) for fields in keys.values()):
            raise Declined(400, "integrationKeys holds a list of fields for each table.")
        for entity_set, fields in keys.items():
            _set_key(tx, str(entity_set), fields)
        return {}

    def _initial_sync(self, tx: Tx, visit: Visit) -> Any:
        return shown.initial_sync_object(tx, _project(tx, visit.parts["pid"]))

    def _reset(self, tx: Tx, visit: Visit) -> Any:
        _linked(tx, visit.parts["cid"])
        body, force = visit.json_object(), visit.query.get("forcereset", "false").lower()
        names, environments = body.get("legalEntities"), body.get("environments")
        if not _finance_asked(visit) or force not in (
            "true",
            "false",
        ):
            raise Declined(400, "targetType must be AX, and forceReset true or false.")
        if not isinstance(environments, list) or len(environments) != 2:
            raise Declined(400, "A link has two environments.")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Declined(400, "legalEntities must be a list of company codes.")
        self._lifecycle.settle(tx)
        try:
            with tx.echoing():
                reset_link(tx, names, force=force == "true")
        except CannotReset as cause:
            raise Declined(409, str(cause)) from cause
        return {}


def _pattern(path: str) -> re.Pattern[str]:
    """A route as a regular expression; fixed parts in any case, as the service's framework takes them."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)), re.IGNORECASE)


def _answer(value: Any) -> Answer:
    if isinstance(value, bytes):
        return Answer(200, value, {"Content-Type": "text/plain"})
    return Answer(200, json_bytes(value), {"Content-Type": "application/json; charset=utf-8"})


def _linked(tx: Tx, cid: str) -> None:
    if not tx.world.settings["gateway.linked"] or cid.lower() != link(tx)["cid"]:
        raise Declined(404, f"Connection {cid} was not found.")


def _project(tx: Tx, pid: str) -> Row:
    try:
        return map_by_project(tx, pid)
    except NotKnown as unknown:
        raise Declined(404, f"Project {pid} was not found.") from unknown


def _finance_asked(visit: Visit) -> bool:
    """Whether a request is about the side of Finance and Operations, as it is unless it says otherwise."""
    return visit.query.get("targettype", codes.FINANCE_TYPE).upper() == codes.FINANCE_TYPE


def _wanted(tx: Tx, action: str, detail: Mapping[str, Any]) -> Wanted:
    """What one entry of a Start body asks for. Raises Declined."""
    template, parameters = detail.get("tid"), detail.get("parameters")
    if detail.get("cid") is not None:
        _linked(tx, str(detail["cid"]))
    if parameters is not None and not isinstance(parameters, Mapping):
        raise Declined(400, "parameters must be an object.")
    if action == codes.CREATE_PROJECT and not detail.get("pid"):
        row = tx.get(TEMPLATES, str(template))
        if row is None:
            raise Declined(404, f"Template {template} was not found.")
        return Wanted(row["map"], str(template), parameters)
    if not detail.get("pid"):
        raise Declined(400, "The project id is missing.")
    described = _project(tx, str(detail["pid"]))
    return Wanted(described["map"], _guid_or_none(template), parameters)


def _guid_or_none(text: Any) -> str | None:
    if text is None:
        return None
    try:
        return str(uuid.UUID(str(text)))
    except ValueError as cause:
        raise Declined(400, f"{text!r:.60} is no template id.") from cause


def _switched(tx: Tx, map_name: str, template: Row) -> None:
    described = tx.get(MAPS, map_name) or {}
    if described["state"] not in codes.STARTABLE:
        status = int(tx.world.settings["gateway.switch_running_status"])
        raise Declined(status, f"Map {described['tname']} must be stopped before its version can be changed.")
    if tx.world.settings["gateway.switch_validates"]:
        try:
            check(tx, described, template)
        except Impossible as cause:
            raise Declined(400, str(cause)) from cause
    deploying.choose(tx, map_name, template["id"])


def _has_criteria(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("criteria"), Mapping)


def _sequence(tx: Tx, template: str) -> list[str]:
    """The active versions of the maps that one needs, in run order, and then the one itself."""
    row = tx.get(TEMPLATES, template)
    if row is None:
        raise Declined(404, f"Template {template} was not found.")
    needed = set(PREREQUISITES.get(row["map"], ()))
    maps = [each for each in tx.select(MAPS, order='"position"') if each["map"] in needed]
    return [*(each["template"] for each in maps), template]


def _is_key(fields: Any) -> bool:
    return isinstance(fields, list) and bool(fields) and all(isinstance(field, str) and field for field in fields)


def _set_key(tx: Tx, entity_set: str, fields: Sequence[str]) -> None:
    if not tx.find(MAPS, entity_set=entity_set):
        raise Declined(404, f"Table {entity_set} is not mapped.")
    row = {"fields": json_bytes(list(fields)).decode(), "customized": True}
    if tx.get(KEYS, entity_set) is None:
        tx.insert(KEYS, {"entity_set": entity_set, **row})
    else:
        tx.update(KEYS, entity_set, row)
