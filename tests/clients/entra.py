"""Token endpoints that real msal accepts, as a script for the scripted server."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from tests.clients.scripted import Reply, Seen, Server

CLIENT = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
USER = "cutover@contoso.example"


@dataclass(slots=True)
class Entra:
    """An authority. Tokens are numbered; each refresh replaces the refresh token and voids the old one.

    lifetime_s: of access tokens. faults: replies to give first at the token endpoint. pending: device polls answered
    with authorization_pending.
    """

    server: Server
    lifetime_s: int = 3600
    faults: list[Reply] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=lambda: {"seed-refresh-token"})
    pending: int = 0
    revoked: bool = False
    issued: int = 0
    device_scope: str = ""
    tokens_asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.script = self.answer

    @property
    def authority(self) -> str:
        return self.server.url

    def answer(self, seen: Seen) -> Reply:
        base = f"{self.server.url}/{TENANT}"
        if seen.path.endswith("/openid-configuration"):
            return Reply(
                body={
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                }
            )
        if seen.path.endswith("/devicecode"):
            self.device_scope = seen.form["scope"]
            return Reply(
                body={
                    "device_code": "the-device-code",
                    "user_code": "ABC-123",
                    "verification_uri": "https://localhost/device",
                    "expires_in": 60,
                    "interval": 0,
                    "message": "Open https://localhost/device and enter ABC-123",
                }
            )
        if seen.path.endswith("/token"):
            return self.faults.pop(0) if self.faults else self.token(seen)
        return Reply(404, b"")

    def token(self, seen: Seen) -> Reply:
        form = seen.form
        self.tokens_asked.append(form)
        if self.revoked:
            return refusal("invalid_client", "AADSTS7000215: Invalid client secret provided: s3cret-value-1")
        if form["grant_type"] == "client_credentials":
            return self.granted({}, form["scope"])
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return refusal("invalid_grant", "AADSTS700082: The refresh token has expired.")
            self.refresh_tokens.discard(form["refresh_token"])
            return self.granted(self.of_user(), form["scope"])
        if self.pending:
            self.pending -= 1
            return refusal("authorization_pending", "AADSTS70016: pending")
        return self.granted(self.of_user(), self.device_scope)

    def granted(self, more: dict[str, Any], scope: str) -> Reply:
        self.issued += 1
        token = f"opaque-access-token-{self.issued}"
        return Reply(
            body={"token_type": "Bearer", "expires_in": self.lifetime_s, "access_token": token, "scope": scope} | more
        )

    def of_user(self) -> dict[str, Any]:
        fresh = f"rotated-refresh-token-{self.issued + 1}"
        self.refresh_tokens.add(fresh)
        claims = {
            "aud": CLIENT, "iss": f"{self.server.url}/{TENANT}/v2.0", "sub": "s", "oid": "o", "tid": TENANT,
            "exp": int(time.time()) + 3600, "iat": int(time.time()), "preferred_username": USER,
        }  # fmt: skip
        return {
            "refresh_token": fresh,
            "id_token": f"{_part({'alg': 'none'})}.{_part(claims)}.c2ln",
            "client_info": _part({"uid": "o", "utid": TENANT}),
        }


def refusal(error: str, description: str) -> Reply:
    return Reply(400, {"error": error, "error_description": description, "correlation_id": "c-1"})


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
