"""Secrets that can be recognised, put into every secret's place, and answers that give them back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization

from tests.clients.certificate import self_signed
from tests.end_to_end.rig import Rig
from tests.hostile.proxy import Exchange, Mischief

CONNECTION = (
    "Endpoint=sb://canary.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=canary-shared-access-key="
)
STORAGE = "https://canary.blob.core.windows.net/dmf?sv=2020-08-04&sig=canary-signature-of-the-storage%3D"
CONNECTION_PARTS = ("canary-shared-access-key", "canary-signature-of-the-storage", "canary.servicebus.windows.net")
_IN_ANSWERS = ("access_token", "refresh_token", "id_token", "device_code")
_IN_FORMS = ("client_secret", "client_assertion", "refresh_token", "device_code")


def signing_in(rig: Rig, place: Path, dataverse: str, dualwrite: str) -> Rig:
    """The rig with another `auth:` in its inventory. Each way in YAML, without the client."""
    details = rig.sandbox.details
    auth = f"""\
auth:
  dataverse: {{client_id: "{details["client_id"]}", {dataverse}}}
  dualwrite: {{client_id: "{details["dualwrite_client_id"]}", {dualwrite}}}
"""
    for path in rig.inventory.rglob("*.yml"):
        copy = place / "signing-in" / path.relative_to(rig.inventory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"(?ms)^auth:.*?(?=^\S)", lambda found: auth, path.read_text("utf-8")), "utf-8")
    return replace(rig, inventory=place / "signing-in")


def secret_file(path: Path, content: str) -> str:
    """A secret in a file of its own, as an inventory names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    return f'{{file: "{path}"}}'


def registered_key(rig: Rig, passphrase: str) -> str:
    """A key under a passphrase with its certificate, as PEM, registered for the rig's client."""
    key, certificate = self_signed()
    shown = certificate.public_bytes(serialization.Encoding.PEM).decode()
    rig.control("credentials", "POST", client_id=rig.sandbox.details["client_id"], certificate=shown)
    locked = serialization.BestAvailableEncryption(passphrase.encode())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()
    return private + shown


def secrets_in(exchanges: Iterable[Exchange]) -> set[str]:
    """Every secret that went over the wire, either way."""
    found: set[str] = set()
    for exchange in exchanges:
        found.add(exchange.authorization.removeprefix("Bearer "))
        if exchange.service == "entra":
            form = parse_qs(exchange.sent.decode())
            found.update(value for name in _IN_FORMS for value in form.get(name, []))
            answer = json.loads(exchange.body) if exchange.body.startswith(b"{") else {}
            found.update(str(answer[name]) for name in _IN_ANSWERS if answer.get(name))
    return found - {""}


def kept_tokens(directory: Path) -> set[str]:
    """Every token that is kept between runs."""
    caches = [json.loads(path.read_text("utf-8")) for path in directory.glob("*.json")]
    return {
        entry["secret"] for cache in caches for kind in cache.values() for entry in kind.values() if "secret" in entry
    }


def echo(exchange: Exchange) -> str:
    """What a careless service writes into its error: the request as it came."""
    token = exchange.authorization.removeprefix("Bearer ")
    return f"request was Authorization: Bearer {token} body {exchange.sent.decode()}"


def refusing(service: str, status: int, path: str = "") -> Mischief:
    """A service that refuses with an error in which the request stands, in text and in headers."""

    def mischief(exchange: Exchange) -> Exchange:
        if exchange.service != service or not re.search(path, exchange.target):
            return exchange
        return exchange.with_body(_error(service, echo(exchange)), status, **_headers(exchange))

    return mischief


def _error(service: str, said: str) -> bytes:
    if service == "entra":
        return json.dumps(
            {"error": "invalid_client", "error_description": f"AADSTS70000: {said}", "correlation_id": said}
        ).encode()
    inner = {"message": said, "type": said}
    return json.dumps({"error": {"code": "0x80040265", "message": said, "innererror": inner}}).encode()


def _headers(exchange: Exchange) -> dict[str, str]:
    shown = (exchange.authorization or exchange.sent.decode()).replace("\n", " ")
    return {"x_ms_service_request_id": shown, "WWW_Authenticate": shown}


def no_json(exchange: Exchange) -> Exchange:
    """A service that answers with a page in which the request stands."""
    if exchange.service == "entra":
        return exchange
    return exchange.with_body(f"<html><pre>{echo(exchange)}</pre></html>".encode())


def telling(exchange: Exchange) -> Exchange:
    """Services whose good answers hold secrets: every message and description repeats the request's token, F&O's rows
    come with connection strings that nobody asked for."""
    if exchange.service == "entra" or exchange.status != 200 or not exchange.body.startswith((b"{", b"[")):
        return exchange
    value = json.loads(exchange.body)
    _tell(value, echo(exchange))
    if exchange.service == "finance" and isinstance(value, dict):
        for row in value.get("value") if isinstance(value.get("value"), list) else ():
            row |= {"ServiceBusConnectionString": CONNECTION, "StorageAccountSASConnectionString": STORAGE}
    return exchange.with_body(json.dumps(value).encode())


def failing_start(exchange: Exchange) -> Exchange:
    """A gateway whose requests fail with a reason in which the token stands."""
    if exchange.service != "dualwrite" or "/Status/" not in exchange.target:
        return exchange
    value = json.loads(exchange.body)
    _fail(value, echo(exchange))
    return exchange.with_body(json.dumps(value).encode())


def _fail(value: Any, words: str) -> None:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _fail(each, words)
    if isinstance(value, dict) and "requestId" in value:
        value |= {"state": "3", "errorMessage": words}


TOLD = ("errorMessage", "errorUri", "description", "FriendlyName", "UrlName", "message")


def _tell(value: Any, words: str) -> None:
    if isinstance(value, Mapping):
        for name in value:
            if name in TOLD and isinstance(value[name], str | None):
                value[name] = words  # type: ignore[index]
            else:
                _tell(value[name], words)
    elif isinstance(value, list):
        for each in value:
            _tell(each, words)
