"""Tokens: made here, and checked here on behalf of every service.

Access tokens are real signed JWTs; a service accepts one only if this tenant made it, for this service, and it is
neither expired nor declared expired by a fault.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from statecfg.sandbox.entra.directory import Client, Directory, User
from statecfg.sandbox.wire import Request

_ALGORITHM = "ES256"
_KEY_ID = "sandbox-1"
_CHECKED_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is made for.

    upn: "" for an application on its own. by_hand: no token, made by the sandbox itself.
    """

    client_id: str
    object_id: str
    upn: str = ""
    name: str = ""
    by_hand: bool = False

    @property
    def is_app(self) -> bool:
        """Whether an application acts on its own, without a person."""
        return not self.upn and not self.by_hand


class TokenRefused(Exception):
    """The request's token doesn't count here. reason: for people, never the token itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tokens:
    """The tokens of one tenant. now: seconds since 1970 by the world's clock, which can be put forward."""

    def __init__(self, directory: Directory, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self.now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._checked: dict[str, dict[str, Any]] = {}
        self._expired: set[str] = set()
        self._refresh: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def access_token(self, issuer: str, resource: str, client: Client, user: User | None, lifetime_s: int) -> str:
        """A new access token for one resource."""
        now = int(self.now())
        who = user.object_id if user else client.object_id
        claims: dict[str, Any] = {
            "aud": resource, "iss": issuer, "iat": now, "nbf": now, "exp": now + lifetime_s, "appid": client.client_id,
            "oid": who, "sub": who, "tid": self._directory.tenant_id, "uti": secrets.token_urlsafe(16), "ver": "1.0",
        }  # fmt: skip
        if user:
            claims |= {"upn": user.upn, "name": user.name, "scp": "user_impersonation"}
        else:
            claims |= {"idtyp": "app"}
        return jwt.encode(claims, self._key, _ALGORITHM, headers={"kid": _KEY_ID})

    def id_token(self, issuer: str, client: Client, user: User, lifetime_s: int) -> str:
        """Who signed in, for the application."""
        # Clients hold this one against their own clock, which is the machine's.
        now = int(time.time())
        claims = {
            "aud": client.client_id, "iss": issuer, "iat": now, "nbf": now, "exp": now + lifetime_s,
            "sub": user.object_id, "oid": user.object_id, "tid": self._directory.tenant_id, "name": user.name,
            "preferred_username": user.upn, "ver": "2.0",
        }  # fmt: skip
        return jwt.encode(claims, self._key, _ALGORITHM, headers={"kid": _KEY_ID})

    def client_info(self, user: User) -> str:
        """The person's ids as msal reads them."""
        ids = {"uid": user.object_id, "utid": self._directory.tenant_id}
        return base64.urlsafe_b64encode(json.dumps(ids).encode()).decode().rstrip("=")

    def refresh_token(self, client: Client, user: User, token: str = "") -> str:
        """A refresh token, new unless given; it stays good until it is revoked."""
        token = token or f"1.{secrets.token_urlsafe(48)}"
        with self._lock:
            self._refresh[token] = (client.client_id, user.upn)
        return token

    def refreshed(self, token: str) -> tuple[str, str] | None:
        """Client id and person of a refresh token."""
        return self._refresh.get(token)

    def revoke_refresh_tokens(self) -> None:
        """As after a changed password: nobody can refresh any more."""
        with self._lock:
            self._refresh.clear()

    def expire(self, authorization: str) -> None:
        """Treat the token of an Authorization header as expired from now on."""
        self._expired.add(_bearer(authorization))

    def keys(self) -> dict[str, Any]:
        """The public key as a key set."""
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "use": "sig"}]}

    def caller(self, request: Request) -> Caller:
        """Who sent a request to one of the services. Raises TokenRefused."""
        if request.trusted:
            return Caller("", "", upn=request.headers.get("x-by-hand", ""), by_hand=True)
        token = _bearer(request.headers.get("authorization", ""))
        if not token:
            raise TokenRefused("The request has no bearer token.")
        claims = self._claims(token)
        if token in self._expired or claims["exp"] <= self.now():
            raise TokenRefused("The access token has expired.")
        if self._directory.service_of(claims["aud"]) != request.service:
            raise TokenRefused(f"The access token is for {claims['aud']}, not for this service.")
        return Caller(claims["appid"], claims["oid"], claims.get("upn", ""), claims.get("name", ""))

    def _claims(self, token: str) -> dict[str, Any]:
        known = self._checked.get(token)
        if known is not None:
            return known
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                [_ALGORITHM],
                # The times in it are the world's, not the machine's; `caller` looks at them.
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["aud", "exp", "appid", "oid"],
                },
            )
        except jwt.PyJWTError as cause:
            raise TokenRefused("The access token is not one of this tenant.") from cause
        if len(self._checked) > _CHECKED_KEPT:
            self._checked.clear()
        self._checked[token] = claims
        return claims


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
