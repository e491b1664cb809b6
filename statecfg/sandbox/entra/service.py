"""Entra's endpoints: discovery, token, device code, keys. Forms in, JSON out; the rules are in `grants`."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from statecfg.sandbox.control import Call, Control, ControlError
from statecfg.sandbox.entra.directory import Directory, Federation, same_resource
from statecfg.sandbox.entra.grants import Grant, GrantRefused, Grants
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.settings import Settings
from statecfg.sandbox.wire import Answer, Request, json_answer

# Names of a tenant that stand for "whatever tenant the person belongs to".
_ANY_TENANT = ("common", "organizations")

_PAGE = """<!doctype html><title>Sign in to the sandbox</title><style>body{{font:1rem sans-serif;margin:3rem}}</style>
<h1>Sign in to the sandbox</h1><p>{words}</p>
<form method="post"><label>Code <input name="user_code" autofocus></label> <button>Approve</button></form>"""


def declare_settings(settings: Settings) -> None:
    """The knobs of sign-in."""
    settings.declare("entra.token_lifetime_s", 3599, "seconds an access token is good for")
    settings.declare("entra.device_interval_s", 1, "seconds a client is told to wait between polls of a device code")
    settings.declare("entra.device_expires_s", 900, "seconds a device code is good for")
    settings.declare("entra.device_approve_after", 0, "polls after which a device code approves itself; 0: never")
    settings.declare("entra.slow_down", False, "polls that come too soon are answered with slow_down")


class Entra:
    """The sign-in service of one sandbox."""

    name = "entra"

    def __init__(self, directory: Directory, tokens: Tokens, settings: Settings) -> None:
        declare_settings(settings)
        self.directory = directory
        self.tokens = tokens
        self.grants = Grants(directory, tokens, settings)
        self._settings = settings

    def register(self, control: Control) -> None:
        """Offer the control calls of sign-in."""
        control.register("device-approve", "POST", self._approve)
        control.register("credentials", "POST", self._add_credential)
        control.register("refresh-tokens", "DELETE", lambda call: self.tokens.revoke_refresh_tokens())

    def answer(self, request: Request) -> Answer:
        """Handle one request."""
        if request.path in ("/devicelogin", "/common/oauth2/deviceauth"):
            return self._device_page(request)
        found = re.fullmatch(r"/([^/]+)/(.+)", request.path)
        if found is None:
            return self.refusal(request, 404, "", "No endpoint is here.")
        tenant, rest = found.groups()
        if tenant.lower() not in (self.directory.tenant_id.lower(), *_ANY_TENANT):
            message = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return self._error(request, GrantRefused("invalid_tenant", 90002, message))
        return self._routed(request, tenant, rest.lower())

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        """An error in Entra's form."""
        error = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}.get(status, "invalid_request")
        return self._error(
            request, GrantRefused(code or error, 90033, message or "A transient error has occurred.", status)
        )

    def _routed(self, request: Request, tenant: str, rest: str) -> Answer:
        if rest.endswith(".well-known/openid-configuration"):
            return json_answer(_discovery(request.base, tenant))
        if rest == "discovery/v2.0/keys":
            return json_answer(self.tokens.keys())
        if rest == "discovery/instance":
            known = {"tenant_discovery_endpoint": f"{request.base}/{tenant}/v2.0/.well-known/openid-configuration"}
            return json_answer({**known, "api-version": "1.1", "metadata": []})
        if request.method == "POST" and rest in ("oauth2/v2.0/token", "oauth2/token"):
            return self._token(request, tenant)
        if request.method == "POST" and rest == "oauth2/v2.0/devicecode":
            return self._device_code(request)
        return self.refusal(request, 404, "", "No endpoint is here.")

    def _token(self, request: Request, tenant: str) -> Answer:
        addresses = (f"{request.base}/{tenant}/oauth2/v2.0/token", f"{request.base}/{tenant}/v2.0")
        try:
            grant = self.grants.granted(request.form, tuple(same_resource(address) for address in addresses))
        except GrantRefused as refused:
            return self._error(request, refused)
        return json_answer(self._token_reply(grant, f"{request.base}/{self.directory.tenant_id}/v2.0"))

    def _token_reply(self, grant: Grant, issuer: str) -> dict[str, Any]:
        lifetime_s = int(self._settings["entra.token_lifetime_s"])
        reply: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": lifetime_s,
            "ext_expires_in": lifetime_s,
            "access_token": self.tokens.access_token(issuer, grant.resource, grant.client, grant.user, lifetime_s),
        }
        if grant.user is None:
            return reply
        granted = dict.fromkeys((*grant.scopes, f"{grant.resource}/user_impersonation", f"{grant.resource}/.default"))
        return reply | {
            "scope": " ".join(granted),
            "refresh_token": self.tokens.refresh_token(grant.client, grant.user),
            "id_token": self.tokens.id_token(issuer, grant.client, grant.user, lifetime_s),
            "client_info": self.tokens.client_info(grant.user),
        }

    def _device_code(self, request: Request) -> Answer:
        try:
            code = self.grants.device_code(request.form)
        except GrantRefused as refused:
            return self._error(request, refused)
        address = f"{request.base}/devicelogin"
        return json_answer(
            {
                "user_code": code.user_code,
                "device_code": code.device_code,
                "verification_uri": address,
                "expires_in": int(self._settings["entra.device_expires_s"]),
                "interval": self._settings["entra.device_interval_s"],
                "message": f"To sign in, use a web browser to open the page {address} and enter the code "
                f"{code.user_code} to authenticate.",
            }
        )

    def _device_page(self, request: Request) -> Answer:
        words = "Enter the code that the program showed you."
        if request.method == "POST":
            entered = request.form.get("user_code", "").strip()
            done = bool(entered) and self.grants.approve(entered)
            words = "You have signed in; you may close this page." if done else f"No sign-in waits for {entered!r}."
        page = _PAGE.format(words=html.escape(words))
        return Answer(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _error(self, request: Request, refused: GrantRefused) -> Answer:
        now = datetime.now(UTC)
        correlation = request.headers.get("client-request-id", request.request_id)
        described = (
            f"AADSTS{refused.number}: {refused.message} Trace ID: {request.request_id} Correlation ID: {correlation} "
            f"Timestamp: {now:%Y-%m-%d %H:%M:%SZ}"
        )
        body = {
            "error": refused.error,
            "error_description": described,
            "error_codes": [refused.number],
            "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
            "trace_id": request.request_id,
            "correlation_id": correlation,
        }
        return json_answer(body, refused.status, x_ms_request_id=request.request_id)

    def _approve(self, call: Call) -> dict[str, int]:
        fields = call.fields()
        code, upn = str(fields.get("user_code", "")), str(fields.get("user", ""))
        return {"approved": self.grants.approve(code, upn, bool(fields.get("declined", False)))}

    def _add_credential(self, call: Call) -> None:
        """`POST credentials`: client_id, and secret, certificate (PEM) or federation (the fields of a Federation)."""
        fields = call.fields()
        try:
            self.directory.register(
                str(fields["client_id"]),
                secret=str(fields.get("secret", "")),
                certificate=str(fields.get("certificate", "")),
                federation=_federation(fields.get("federation")),
            )
        except (KeyError, TypeError, ValueError) as cause:
            raise ControlError(f"unknown application or incomplete credential: {cause}") from cause


def _federation(fields: Any) -> Federation | None:
    return Federation(**fields) if isinstance(fields, Mapping) else None


def _discovery(base: str, tenant: str) -> dict[str, Any]:
    root = f"{base}/{tenant}"
    return {
        "issuer": f"{root}/v2.0",
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "token_endpoint": f"{root}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{root}/discovery/v2.0/keys",
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    }
