"""From an answer that is no success to an error of the tree: one place for all services.

It reads the forms in which the services write errors, cuts and cleans the text, and chooses the class. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from statecfg.clients import numbers
from statecfg.clients.redaction import Redaction
from statecfg.model.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    SignInRefused,
    Throttled,
    Unavailable,
)

LONGEST_MESSAGE = 600
LONGEST_TEXT = 64 * 1024

SERVICES: Mapping[str, str] = {
    "dataverse": "Dataverse",
    "finance": "Finance and operations",
    "dualwrite": "The dual-write gateway",
    "admin": "The Power Platform admin API",
}

# Source: reference/dataverse.md, "Errors". A duplicate may come with another status than 412.
DUPLICATE_CODES = frozenset({"0x80040237", "0x80060892", "0x80040333"})
STALE_CODES = frozenset({"0x80060882"})

# Source: reference/finance-and-operations.md, "Errors": business code refused, although the status says 500.
ACTION_FAILED = "Exception occurred while executing action"

_REQUEST_IDS = ("x-ms-service-request-id", "req_id", "x-ms-request-id", "ms-dyn-aid", "x-ms-correlation-id")
_WORDS = ("message", "errorMessage", "error", "details", "error_description", "title")

_CLASSES: Mapping[int, type[ApiError]] = {
    401: SignInRefused,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    412: Conflict,
    429: Throttled,
}

_DO: Mapping[type[ApiError], str] = {
    SignInRefused: "Check `auth` of this environment in the inventory: tenant, client and scope for {key}.",
    Forbidden: "Give the signed-in user or application the roles it needs there, then run the same command again.",
    Throttled: "Wait until other jobs on this environment are done, or raise `waits.service_s` in the inventory.",
    Unavailable: "Look whether the service is up and its address in the inventory right, then run the command again.",
}

# Source: reference/finance-and-operations.md, "Registration in F&O".
_REGISTER = (
    "Register the client in System administration > Setup > Microsoft Entra applications, with a user that has "
    "the roles it needs."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer says about its failure, before it becomes an error."""

    service: str
    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def error_of(refusal: Refusal, redaction: Redaction) -> ApiError:
    """The error of an answer that is no success; its text is cut and holds no secret."""
    code, message = _said(refusal.body)
    kind = _class_of(refusal.status, code, message)
    words = presentable(message, redaction) or f"status {refusal.status}, without a word of explanation"
    return kind(
        f"{service_name(refusal.service)} answered {refusal.status}: {words}",
        where=place(refusal.method, refusal.url),
        do=advice(kind, refusal.service),
        status=refusal.status,
        code=presentable(code, redaction),
        request_id=presentable(request_id(refusal.headers), redaction)[:100],
        sent=kind is Unavailable,
    )


def service_name(service: str) -> str:
    """How a message names a service at the start of a sentence."""
    return SERVICES.get(service, service)


def service_in_words(service: str) -> str:
    """How a message names a service within a sentence."""
    name = service_name(service)
    return f"the {name.removeprefix('The ')}" if name.startswith("The ") else name


def advice(kind: type[ApiError], service: str) -> str:
    """What to do about a class of error."""
    if service == "dualwrite" and kind is SignInRefused:
        return (
            "Sign in a user for the gateway (`auth.dualwrite`: refresh_token or device_code): it takes no application."
        )
    if service == "finance" and kind in (SignInRefused, Forbidden):
        return _REGISTER
    return _DO.get(kind, "").format(key=f"`{service}`")


def place(method: str, url: str) -> str:
    """Where a request went, for a message: method, host and path. Never the query, which may hold data."""
    parts = urlsplit(url)
    path = parts.path if len(parts.path) <= 160 else parts.path[:157] + "..."
    return f"{method} {parts.scheme}://{parts.netloc}{path}"


def request_id(headers: Mapping[str, str]) -> str:
    """The id by which the service's own logs name the request, or ""."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")


def presentable(text: str, redaction: Redaction) -> str:
    """A service's words on one line: no secrets, no control characters, cut."""
    # Cleaned before it is cut: half a secret can't be recognised any more.
    cleaned = redaction.clean(text[:LONGEST_TEXT])
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in cleaned).split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 3] + "..."


def _class_of(status: int, code: str, message: str) -> type[ApiError]:
    if hex_code(code) in DUPLICATE_CODES | STALE_CODES:
        return Conflict
    if status == 500 and ACTION_FAILED in message:
        return Rejected
    if status >= 500 or status < 400:
        return Unavailable
    return _CLASSES.get(status, Rejected)


def hex_code(code: str) -> str:
    """A Dataverse code as 0x8..., whichever of its two forms was sent (signed decimal, hex)."""
    text = code.strip().lower()
    if text.startswith("-") and text[1:].isdecimal() and len(text) < 20:
        return f"0x{int(text) & 0xFFFFFFFF:08x}"
    return text


def _said(body: bytes) -> tuple[str, str]:
    """(code, message) of an error's body: OData, the gateway's forms, plain text, or nothing."""
    try:
        value = numbers.decoded(body) if body.strip() else ""
    except numbers.NotJson:
        value = body[:LONGEST_TEXT].decode("utf-8", "replace")
    if not isinstance(value, dict):
        return "", value if isinstance(value, str) else ""
    error = _member(value, "error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), _with_inner(error)
    return str(_member(value, "code") or ""), next(
        (text for name in _WORDS if isinstance(text := _member(value, name), str) and text), ""
    )


def _with_inner(error: Mapping[str, Any]) -> str:
    """The message of an OData error and, behind it, what the business code itself said.

    Source: reference/finance-and-operations.md, "Errors": the outer text is often only "An error has occurred."
    """
    inner = error.get("innererror")
    texts = [error.get("message"), inner.get("message") if isinstance(inner, dict) else None]
    said = [text for text in texts if isinstance(text, str) and text]
    return " ".join(dict.fromkeys(said))


def _member(value: Mapping[str, Any], name: str) -> Any:
    return next((member for key, member in value.items() if str(key).lower() == name.lower()), None)
