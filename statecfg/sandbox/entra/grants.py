"""Which credentials earn a token: secret, certificate, federated assertion, device code, refresh token, password.

Rules only; the forms they come in and the answers they become are the service's.
Source: reference/dataverse.md, "Sign-in".
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from statecfg.sandbox.entra.directory import Client, Directory, User, same_resource
from statecfg.sandbox.entra.thumbprints import named_thumbprint, public_key, thumbprints
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.settings import Settings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_IDENTITY_SCOPES = frozenset(("openid", "profile", "offline_access", "email"))
_USER_CODE_SIGNS = string.ascii_uppercase + string.digits
_CERTIFICATE_ALGORITHMS = ["RS256", "PS256"]
_LEEWAY_S = 300

Form = Mapping[str, str]


class GrantRefused(Exception):
    """No token. error: the OAuth name; number: the AADSTS number; status: HTTP."""

    def __init__(self, error: str, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.number = number
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Grant:
    """Who gets a token for what. user: None for an application on its own. scopes: as asked for."""

    client: Client
    user: User | None
    resource: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class DeviceCode:
    """A sign-in that waits for a person."""

    device_code: str
    user_code: str
    client_id: str
    scope: str
    expires_at: float
    approved_by: str = ""
    declined: bool = False
    polls: int = 0
    last_poll: float = 0.0


class Grants:
    """The token endpoint's rules for one tenant."""

    def __init__(self, directory: Directory, tokens: Tokens, settings: Settings) -> None:
        self._directory = directory
        self._tokens = tokens
        self._settings = settings
        self._devices: dict[str, DeviceCode] = {}
        self._lock = threading.Lock()

    def granted(self, form: Form, audiences: tuple[str, ...]) -> Grant:
        """The grant that a token request earns; `audiences`: what a client assertion may name. Raises GrantRefused."""
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            client = self._authenticated(form, audiences)
            return self._grant(client, None, form)
        if kind == DEVICE_GRANT:
            return self._by_device(form)
        if kind == "refresh_token":
            return self._by_refresh(form, audiences)
        if kind == "password":
            return self._by_password(form)
        raise GrantRefused("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{kind}'.")

    def device_code(self, form: Form) -> DeviceCode:
        """Begin a sign-in by device code. Raises GrantRefused."""
        client = self._client(form)
        self._resource(form.get("scope", ""))
        user_code = "".join(secrets.choice(_USER_CODE_SIGNS) for _ in range(9))
        code = DeviceCode(
            device_code=secrets.token_urlsafe(64),
            user_code=user_code,
            client_id=client.client_id,
            scope=form.get("scope", ""),
            expires_at=self._tokens.now() + float(self._settings["entra.device_expires_s"]),
        )
        with self._lock:
            self._devices[code.device_code] = code
        return code

    def approve(self, user_code: str = "", upn: str = "", declined: bool = False) -> int:
        """A person enters a code (any waiting one if it is ""), and says yes or no. Returns how many were waiting."""
        user = self._directory.user(upn)
        with self._lock:
            waiting = [
                code
                for code in self._devices.values()
                if not code.approved_by and user_code.upper() in ("", code.user_code)
            ]
            for code in waiting:
                code.approved_by = user.upn if user and not declined else ""
                code.declined = declined
        return len(waiting)

    def _by_device(self, form: Form) -> Grant:
        with self._lock:
            code = self._devices.get(form.get("device_code") or form.get("code", ""))
            if code is None or code.client_id.lower() != form.get("client_id", "").lower():
                raise GrantRefused("bad_verification_code", 70019, "The device code is unknown.")
            self._poll(code)
            del self._devices[code.device_code]
        client, user = self._client(form), self._directory.user(code.approved_by)
        return self._grant(client, user, {"scope": code.scope})

    def _poll(self, code: DeviceCode) -> None:
        """Count one poll. Raises GrantRefused while the person hasn't answered."""
        now, since = self._tokens.now(), code.last_poll
        code.polls, code.last_poll = code.polls + 1, now
        if code.declined:
            raise GrantRefused("authorization_declined", 70018, "The user declined to sign in.")
        if now > code.expires_at:
            raise GrantRefused(
                "expired_token", 70020, "The provided value for the input parameter 'device_code' has expired."
            )
        if self._settings["entra.slow_down"] and now - since < float(self._settings["entra.device_interval_s"]):
            raise GrantRefused("slow_down", 70022, "The request was made too soon.")
        after = int(self._settings["entra.device_approve_after"])
        if not code.approved_by and after and code.polls > after:
            user = self._directory.user()
            code.approved_by = user.upn if user else ""
        if not code.approved_by:
            raise GrantRefused(
                "authorization_pending",
                70016,
                "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
            )

    def _by_refresh(self, form: Form, audiences: tuple[str, ...]) -> Grant:
        client = self._client(form)
        if not client.public or "client_secret" in form or "client_assertion" in form:
            client = self._authenticated(form, audiences)
        found = self._tokens.refreshed(form.get("refresh_token", ""))
        user = self._directory.user(found[1]) if found else None
        if found is None or user is None or found[0].lower() != client.client_id.lower():
            message = "The provided authorization code or refresh token is invalid, expired or was revoked."
            raise GrantRefused("invalid_grant", 70008, message)
        return self._grant(client, user, form)

    def _by_password(self, form: Form) -> Grant:
        client = self._client(form)
        user = self._directory.user(form.get("username", "-"))
        if user is None or not user.password or user.password != form.get("password"):
            raise GrantRefused(
                "invalid_grant", 50126, "Error validating credentials due to invalid username or password."
            )
        return self._grant(client, user, form)

    def _client(self, form: Form) -> Client:
        client_id = form.get("client_id", "")
        client = self._directory.client(client_id)
        if client is None:
            tenant = self._directory.tenant_id
            message = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            raise GrantRefused("unauthorized_client", 700016, message)
        return client

    def _authenticated(self, form: Form, audiences: tuple[str, ...]) -> Client:
        client = self._client(form)
        if "client_assertion" in form:
            self._check_assertion(client, form, audiences)
        elif "client_secret" in form:
            if form["client_secret"] not in client.secrets:
                message = (
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                    f"value, not the client secret ID, for a secret added to app '{client.client_id}'."
                )
                raise GrantRefused("invalid_client", 7000215, message, 401)
        else:
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise GrantRefused("invalid_client", 7000218, message, 401)
        return client

    def _check_assertion(self, client: Client, form: Form, audiences: tuple[str, ...]) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise GrantRefused("invalid_request", 900144, "'client_assertion_type' is missing or unknown.")
        assertion = form["client_assertion"]
        try:
            claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
            if claims.get("iss") == client.client_id:
                self._check_certificate(client, assertion, audiences)
            else:
                _check_federation(client, assertion, claims)
        except jwt.ExpiredSignatureError as cause:
            message = "Client assertion is not within its valid time range."
            raise GrantRefused("invalid_client", 700024, message, 401) from cause
        except jwt.PyJWTError as cause:
            message = f"Client assertion failed signature validation. {cause}"
            raise GrantRefused("invalid_client", 50013, message, 401) from cause

    def _check_certificate(self, client: Client, assertion: str, audiences: tuple[str, ...]) -> None:
        thumbprint = named_thumbprint(jwt.get_unverified_header(assertion))
        key = next((public_key(pem) for pem in client.certificates if thumbprint in thumbprints(pem)), None)
        if not isinstance(key, RSAPublicKey):
            raise _unregistered(client, f"The key was not found., Thumbprint of key used by client: '{thumbprint}'")
        try:
            claims = jwt.decode(
                assertion, key, _CERTIFICATE_ALGORITHMS, leeway=_LEEWAY_S, options={"verify_aud": False}
            )
        except jwt.InvalidSignatureError as cause:
            reason = "The key was found, but use of the key to verify the signature failed."
            raise _unregistered(client, reason) from cause
        named = claims.get("aud", "")
        if claims.get("sub") != client.client_id or same_resource(str(named)) not in audiences:
            message = "The audience in the client assertion is not the token endpoint."
            raise GrantRefused("invalid_client", 700023, message, 401)

    def _grant(self, client: Client, user: User | None, form: Form) -> Grant:
        # The older endpoint has no scope; it names the resource itself.
        older = f"{form['resource']}/.default" if "resource" in form else ""
        scope = form.get("scope", older)
        resource = self._resource(scope)
        scopes = tuple(part for part in scope.split() if part not in _IDENTITY_SCOPES)
        if user is None and any(not part.endswith("/.default") for part in scopes):
            message = (
                f"The provided value for scope {scope} is not valid. It must be the resource followed by /.default."
            )
            raise GrantRefused("invalid_scope", 1002012, message)
        return Grant(client, user, resource, scopes)

    def _resource(self, scope: str) -> str:
        """The one resource that a scope names, as the caller wrote it. Raises GrantRefused."""
        named = {part.rpartition("/")[0] for part in scope.split() if part not in _IDENTITY_SCOPES}
        if len(named) != 1:
            message = f"The provided value for the input parameter 'scope' is not valid: {scope!r}."
            raise GrantRefused("invalid_scope", 70011, message)
        resource = named.pop()
        if self._directory.service_of(resource) is None:
            tenant = self._directory.tenant_id
            message = f"The resource principal named {resource} was not found in the tenant named {tenant}."
            raise GrantRefused("invalid_resource", 500011, message)
        return resource


def _unregistered(client: Client, reason: str) -> GrantRefused:
    """The refusal of an assertion that none of the application's certificates signed."""
    message = (
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - {reason}, app '{client.client_id}']"
    )
    return GrantRefused("invalid_client", 700027, message, 401)


def _check_federation(client: Client, assertion: str, claims: Mapping[str, Any]) -> None:
    for trust in client.federations:
        if (trust.issuer, trust.subject) == (claims.get("iss"), claims.get("sub")):
            jwt.decode(assertion, trust.public_key_pem, ["RS256", "PS256", "ES256"], audience=trust.audience)
            return
    message = (
        "No matching federated identity record found for presented assertion. "
        f"Assertion Issuer: '{claims.get('iss')}'. Assertion Subject: '{claims.get('sub')}'."
    )
    raise GrantRefused("invalid_client", 70021, message, 401)
