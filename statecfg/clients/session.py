"""The one HTTP session of the program: which authorities are trusted, what is never kept, how long one answer may take.

Used for every API call and handed to msal for the sign-ins, so that both behave alike. It knows nothing of services,
tokens or retries.
"""

from __future__ import annotations

import http.cookiejar
import ipaddress
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

CONNECT_S = 10.0
ANSWER_S = 60.0


class Session(requests.Session):
    """A requests session that may be shared by threads.

    ca_file: the only authority trusted, as a PEM file; "" = those of the machine.
    pool: connections to one service at once; a caller beyond that waits for a free one.
    """

    def __init__(self, *, ca_file: str = "", pool: int = 16) -> None:
        super().__init__()
        self._ca_file = ca_file
        # The affinity cookie would pin all calls to one web server and its limits
        # (reference/dataverse.md, "Throttling and throughput").
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        # Without an auth of its own, requests would put a password of ~/.netrc in the place of the token.
        self.auth = _unchanged
        self.mount("https://", HTTPAdapter(pool_connections=8, pool_maxsize=pool, pool_block=True))

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: MutableMapping[str, str] | None,
        stream: bool | None,
        verify: bool | str | None,
        cert: Any,
    ) -> Any:
        """Settings of one request; an environment's ca_file wins over REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.

        Source: reference/dataverse.md, "Recipe: local token endpoint with a private CA".
        """
        settings = dict(super().merge_environment_settings(url, proxies or {}, stream, verify, cert))
        if self._ca_file:
            settings["verify"] = self._ca_file
        if _is_loopback(url):
            settings["proxies"] = {}
        return settings

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As in requests, but never without a time-out: msal sets none."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_S, ANSWER_S)
        return super().request(method, url, *args, **kwargs)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_loopback(url: str | bytes | None) -> bool:
    host = urlsplit(url.decode() if isinstance(url, bytes) else url or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
