"""Speaks to a running sandbox's control path from outside, over TLS and with nothing but the standard library."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

CONTROL = "/__sandbox/"
SHORT_S = 5.0
LONG_S = 600.0


class NoAnswer(Exception):
    """Nobody answers at the address, or what answers is no sandbox."""


class Unwilling(Exception):
    """The sandbox understood and refused; the text is its own."""


@dataclass(frozen=True, slots=True)
class Control:
    """The control path of the sandbox whose details these are (the content of `sandbox.json`)."""

    url: str
    ca_file: str

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Control:
        """The control path, through the Dataverse listener."""
        return cls(str(details.get("dataverse_url", "")), str(details.get("ca_file", "")))

    def get(self, name: str, timeout_s: float = SHORT_S) -> Any:
        """Read one control resource. Raises NoAnswer, Unwilling."""
        return self.send("GET", name, timeout_s=timeout_s)

    def send(self, method: str, name: str, body: Any = None, timeout_s: float = LONG_S) -> Any:
        """Send one control request and return the JSON of the answer. Raises NoAnswer, Unwilling."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(self.url + CONTROL + name, data, headers, method=method)  # noqa: S310
        try:
            with self._opener().open(request, timeout=timeout_s) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise Unwilling(_words(refusal.read(), refusal.code)) from refusal
        except (OSError, ValueError) as cause:
            raise NoAnswer(f"no answer from {self.url}: {cause}") from cause
        return json.loads(text, parse_float=Decimal) if text else None

    def _opener(self) -> urllib.request.OpenerDirector:
        if not self.url.startswith("https://") or not Path(self.ca_file).is_file():
            raise NoAnswer("the details of this sandbox name no address or no CA file")
        context = ssl.create_default_context(cafile=self.ca_file)
        # The sandbox is on loopback: a proxy of the machine has no business here.
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )


def _words(body: bytes, status: int) -> str:
    """The message in an error answer, whatever form it has."""
    try:
        loaded = json.loads(body)
    except ValueError:
        return f"HTTP {status}"
    found = loaded.get("error", loaded) if isinstance(loaded, dict) else loaded
    if isinstance(found, dict):
        return str(found.get("message", found))
    return str(found)
