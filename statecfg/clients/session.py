"""The one HTTP session of the program: which authorities are trusted, what is never kept, how long one answer may take.

Used for every API call and handed to msal for the sign-ins, so that both behave alike: no redirect is followed, since
the secret of a request would go where it points, and no answer may take or hold more than was allowed. It knows
nothing of services, tokens or retries.
"""

from __future__ import annotations

import http.cookiejar
import ipaddress
import ssl
import threading
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_S = 10.0
ANSWER_S = 60.0
LARGEST_SIGN_IN = 4 * 1024 * 1024
CHUNK = 256 * 1024

_limits = threading.local()


class _LimitedSocket(ssl.SSLSocket):
    """Stops reading when the time of this thread's exchange is up.

    A time-out counts from byte to byte: a service that sends one a minute would never meet it, in headers or in a body.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        if time.monotonic() > getattr(_limits, "until", float("inf")):
            raise TimeoutError("the answer takes longer than its deadline")
        return super().recv_into(buffer, nbytes, flags)


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
        self.mount("https://", _Adapter(pool_connections=8, pool_maxsize=pool, pool_block=True))

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
        """As in requests, but never without a time-out (msal sets none), never redirected, and bounded.

        limit_s: how long the whole answer may take. Unless it is streamed, its body may hold as much as a sign-in's.
        """
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_S, ANSWER_S)
        _limits.until = time.monotonic() + kwargs.pop("limit_s", CONNECT_S + ANSWER_S)
        streamed = kwargs.pop("stream", False)
        response = super().request(method, url, *args, **{**kwargs, "allow_redirects": False, "stream": True})
        if not streamed:
            with response:
                # requests keeps a body that was read here under this name.
                response._content = whole_body(response, LARGEST_SIGN_IN)
        return response


class _Adapter(HTTPAdapter):
    """Connections whose sockets keep to the limit of an exchange."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = _LimitedSocket
        super().init_poolmanager(*args, **kwargs, ssl_context=context)


def whole_body(response: requests.Response, largest: int) -> bytes:
    """The body of a streamed answer. Raises requests' ContentDecodingError if it is larger than `largest` bytes."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(CHUNK):
        size += len(chunk)
        if size > largest:
            raise requests.exceptions.ContentDecodingError(f"more than {largest:,} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_loopback(url: str | bytes | None) -> bool:
    host = urlsplit(url.decode() if isinstance(url, bytes) else url or "").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
