"""The one place where secrets are taken out of text before anybody sees it.

Every error text, event and log line goes through `Redaction.clean`: secrets that were read in this process are known by
value, tokens and connection strings by shape. Knows nothing of services.
"""

from __future__ import annotations

import json
import re
import threading
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
_SHORTEST = 6

_SHAPES = (
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){1,4}"),  # signed and encrypted tokens
    re.compile(r"(?i)(?<=\bbearer )\s*[^\s,;\"']{8,}"),
    re.compile(r"(?<![\w.])[01]\.A[\w-]{40,}(?:\.[\w-]+)*"),  # refresh tokens as Entra writes them
    re.compile(
        r"(?i)(?<=\b)((?:account|sharedaccess|shared_access|sas|signing)_?key|sharedaccesssignature|client_secret"
        r"|client_assertion|refresh_token|access_token|id_token|device_code|password|passphrase|pwd|sig)"
        r"(\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\s&;,\"'}\\]+"
    ),
    re.compile(r"(?i)\bendpoint=sb://[^\s\"']+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
)


class Redaction:
    """Secrets by value, added as they are read, and by shape. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[str, ...] = ()

    def keep_secret(self, text: str) -> str:
        """Remember a secret, so that no text shows it; returns it unchanged. Very short ones can't be told apart."""
        if len(text) >= _SHORTEST:
            with self._lock:
                known = {*self._known, *_spellings(text)}
                # Longest first: a secret that contains another one must go as a whole.
                self._known = tuple(sorted(known, key=len, reverse=True))
        return text

    def clean(self, text: str) -> str:
        """The text without any secret."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        for shape in _SHAPES:
            text = shape.sub(_hidden, text)
        return text


def _spellings(secret: str) -> set[str]:
    """A secret as it stands in plain text, in a URL or form, and inside a JSON string."""
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}


def _hidden(match: re.Match[str]) -> str:
    """What stands for a match: its name and sign, if the shape has them, stay readable."""
    if not match.re.groups:
        return HIDDEN
    return f"{match.group(1)}{match.group(2)}{HIDDEN}"
