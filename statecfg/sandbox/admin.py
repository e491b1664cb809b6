"""The Power Platform's admin service, as far as reading (and setting) an environment's administration mode.

Three facts stay apart: who may sign in (`states.runtime`), whether background operations run, and whether the two ends
belong together (`linkedAppMetadata.url`, `instanceUrl`).
Source: reference/project-operations.md, 8.4; reference/finance-and-operations.md, 8.1 and 8.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from statecfg.sandbox.entra.tokens import TokenRefused, Tokens
from statecfg.sandbox.wire import Answer, MalformedJson, Request, json_answer, json_value
from statecfg.sandbox.world import World

ROOT = "/providers/microsoft.businessappplatform"
ENVIRONMENTS = f"{ROOT}/scopes/admin/environments"
OPERATIONS = f"{ROOT}/lifecycleoperations"
ENABLED, ADMIN_MODE = "Enabled", "AdminMode"
DISABLED = "Disabled"
_ENVIRONMENT_IS = re.compile(r"environment eq '([^']*)'")

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("admin.runtime", ADMIN_MODE, "states.runtime.id of the environment: Enabled or AdminMode"),
    ("admin.background_operations", ENABLED, "backgroundOperationsState: Enabled, Disabled, or empty: not shown"),
    ("admin.type", "Sandbox", "environmentSku: Sandbox, Production, Developer, Trial"),
    ("admin.linked", True, "whether the environment says which F&O environment it is linked to"),
    ("admin.listed", True, "whether the signed-in user sees the environment"),
)


def declare_settings(world: World) -> None:
    """Make the settings of this service known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


class AdminError(Exception):
    """A refusal in this service's form."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Admin:
    """The service. urls: the base address of another service by its name, `https://host:port`."""

    name = "admin"

    def __init__(self, world: World, tokens: Tokens, environment_id: str, urls: Callable[[str], str]) -> None:
        self._world = world
        self._tokens = tokens
        self._environment_id = environment_id
        self._urls = urls
        # What was done to the environment here, oldest first; no part of the world.
        self._operations: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Answer:
        """Handle one request."""
        try:
            self._tokens.caller(request)
            return self._routed(request)
        except TokenRefused as refused:
            return self.refusal(request, 401, "AuthenticationFailed", refused.reason)
        except AdminError as refused:
            return self.refusal(request, refused.status, refused.code, refused.message)

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in the service's own form."""
        words = message or ("Too many requests." if status == 429 else "The request could not be served.")
        headers = {"x_ms_request_id": request.request_id}
        if status == 401:
            headers["WWW_Authenticate"] = "Bearer"
        return json_answer({"error": {"code": code or str(status), "message": words}}, status, **headers)

    def _routed(self, request: Request) -> Answer:
        path = unquote(request.path).rstrip("/")
        options = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
        if not path.lower().startswith(ROOT):
            raise AdminError(404, "NotFound", f"The resource {path} does not exist.")
        if not options.get("api-version"):
            raise AdminError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if path.lower() == ENVIRONMENTS:
            return self._listed(request)
        if path.lower() == OPERATIONS:
            return self._progress(request, options.get("$filter", ""))
        if path.lower() == f"{ENVIRONMENTS}/{self._environment_id}" and self._world.settings["admin.listed"]:
            return self._one(request)
        raise AdminError(404, "EnvironmentNotFound", f"The environment of {path} could not be found.")

    def _listed(self, request: Request) -> Answer:
        if request.method != "GET":
            raise AdminError(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        return json_answer({"value": [self._environment()] if self._world.settings["admin.listed"] else []})

    def _progress(self, request: Request, condition: str) -> Answer:
        """What was done to the environment, newest first."""
        if request.method != "GET":
            raise AdminError(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        named = _ENVIRONMENT_IS.fullmatch(condition.strip())
        if condition and named is None:
            raise AdminError(400, "InvalidFilter", "Operations are filtered by their environment only.")
        ours = named is None or named[1].lower() == self._environment_id
        return json_answer({"value": self._operations[::-1] if ours else []})

    def _one(self, request: Request) -> Answer:
        if request.method == "PATCH":
            self._change(request.body)
            return json_answer({}, 202)
        if request.method != "GET":
            raise AdminError(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        return json_answer(self._environment())

    def _change(self, body: bytes) -> None:
        try:
            wanted = json_value(body)
        except MalformedJson as cause:
            raise AdminError(400, "InvalidRequestContent", str(cause)) from cause
        runtime = _at(wanted, "properties", "states", "runtime", "id")
        background = _at(wanted, "properties", "linkedEnvironmentMetadata", "backgroundOperationsState")
        changes = {"admin.runtime": runtime, "admin.background_operations": background}
        known = {"admin.runtime": (ENABLED, ADMIN_MODE), "admin.background_operations": (ENABLED, DISABLED)}
        for name, value in changes.items():
            if value is not None and value not in known[name]:
                raise AdminError(400, "InvalidRequestContent", f"{value!r} is no state of the environment.")
        self._world.settings.change({name: value for name, value in changes.items() if value is not None})
        now = self._world.timestamp()
        done = {"createdDateTime": now, "lastActionDateTime": now, "state": {"id": "Succeeded"}, "stages": []}
        self._operations.append({"type": {"id": "Edit"}, "environment": {"id": self._environment_id}, **done})

    def _environment(self) -> dict[str, Any]:
        settings = self._world.settings
        key = self._environment_id
        runtime = {"id": settings["admin.runtime"], "runtimeReasonCode": "NotSpecified"}
        properties = {
            "displayName": "Contoso",
            "environmentSku": settings["admin.type"],
            "isDefault": False,
            "states": {"management": {"id": "Ready"}, "runtime": runtime},
            "linkedEnvironmentMetadata": self._dataverse(),
        }
        if settings["admin.linked"]:
            properties["linkedAppMetadata"] = {"type": "Internal", "url": f"{self._urls('finance')}/", "version": ""}
        return {
            "id": f"/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments/{key}",
            "name": key,
            "type": "Microsoft.BusinessAppPlatform/scopes/environments",
            "location": "europe",
            "properties": properties,
        }

    def _dataverse(self) -> dict[str, Any]:
        url = self._urls("dataverse")
        with self._world.reading() as tx:
            organization = next(tx.select("organization", limit=1), None) or {}
        linked = {
            "resourceId": organization.get("organizationid", ""),
            "friendlyName": organization.get("name", ""),
            "uniqueName": organization.get("name", ""),
            "version": "9.2",
            "instanceUrl": f"{url}/",
            "instanceApiUrl": url,
            "instanceState": "Ready",
        }
        background = self._world.settings["admin.background_operations"]
        return {**linked, "backgroundOperationsState": background} if background else linked


def _at(value: Any, *names: str) -> Any:
    """What stands at a path of object members, None where it ends early."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
