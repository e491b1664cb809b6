"""The one place where secrets are taken out of text before anybody sees it.

Whatever leaves the program (errors, results, events, journal, plan, crash output) goes through the one `Redaction` of
the application, and foreign text goes through it before it is cut, since half a secret can't be recognised any more.
Secrets that were read in this process are known by value, tokens and connection strings by shape. Knows no service.
"""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from statecfg.model.errors import StatecfgError

HIDDEN = "[hidden]"
_SHORTEST = 6
# A line of a key file is as good as the file; shorter ones are its frame.
_SHORTEST_LINE = 32

_SHAPES = (
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){1,4}"),  # signed and encrypted tokens
    re.compile(r"(?i)(?<=\bbearer )\s*[^\s,;\"']{8,}"),
    re.compile(r"(?<![\w.])[01]\.A[\w-]{40,}(?:\.[\w-]+)*"),  # refresh tokens as Entra writes them
    re.compile(
        r"(?i)(?<=\b)((?:account|sharedaccess|shared_access|sas|signing)_?key|sharedaccesssignature|client_secret"
        r"|client_assertion|refresh_token|access_token|id_token|device_code|password|passphrase|pwd|sig)"
        r"(\\?[\"']?\s*[=:]\s*\\?[\"']?)(?![{\[<`])[^\s&;,`\"'}\\]{6,}"
    ),
    re.compile(r"(?i)\bendpoint=sb://[^\s\"']+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
)


_ERROR_TEXTS = ("what", "where", "do", "code", "request_id", "problems", "findings", "moved")
T = TypeVar("T")


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

    def cleaned(self, value: T) -> T:
        """A value without any secret in its texts, however deep: the same one where there is none.

        Values are copied, errors are changed where they are. What isn't text, mapping, list, dataclass or error of the
        tree stays as it is; so do bytes and streams of records, which are data to be sent and never shown.
        """
        return self._walked(value)  # type: ignore[no-any-return]

    def _walked(self, value: Any) -> Any:
        if isinstance(value, str):
            clean = self.clean(value)
            return value if clean == value else clean
        if isinstance(value, StatecfgError):
            return self._error(value)
        if isinstance(value, Mapping):
            walked = {self._walked(name): self._walked(member) for name, member in value.items()}
            return value if _same(walked.values(), value.values()) and _same(walked, value) else walked
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            items = [self._walked(item) for item in value]
            return value if _same(items, value) else type(value)(items)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        return value

    def _dataclass(self, value: Any) -> Any:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        walked = {name: self._walked(member) for name, member in fields.items()}
        changed = {name: member for name, member in walked.items() if member is not fields[name]}
        return dataclasses.replace(value, **changed) if changed else value

    def _error(self, error: StatecfgError) -> StatecfgError:
        for name in _ERROR_TEXTS:
            if hasattr(error, name):
                setattr(error, name, self._walked(getattr(error, name)))
        error.args = tuple(self._walked(argument) for argument in error.args)
        return error


def _same(walked: Iterable[Any], before: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(walked, before, strict=True))


def _spellings(secret: str) -> set[str]:
    """A secret as it stands in plain text, in a URL or form, and inside a JSON string; and each line of a long one."""
    lines = {line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE and not line.startswith("-----")}
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]} | lines


def _hidden(match: re.Match[str]) -> str:
    """What stands for a match: its name and sign, if the shape has them, stay readable."""
    if not match.re.groups:
        return HIDDEN
    return f"{match.group(1)}{match.group(2)}{HIDDEN}"
