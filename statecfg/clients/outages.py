"""What a broken exchange means: whether the request may have reached the service, and what happened in words.

requests and urllib3 wrap the cause several times over and put addresses with their queries into the text; none of that
is shown. It decides nothing about repeating.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

import requests
from urllib3.exceptions import IncompleteRead, NameResolutionError, NewConnectionError


def never_connected(error: BaseException) -> bool:
    """Whether the request certainly did not leave: name not found, connection refused, certificate not trusted."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    return cause_of(error, NewConnectionError, ssl.SSLCertVerificationError) is not None


def untrusted(error: BaseException) -> bool:
    """Whether the service's certificate is signed by nobody who is trusted here, or names another host."""
    return cause_of(error, ssl.SSLCertVerificationError) is not None


def reason(error: BaseException) -> str:
    """Why there is no whole answer, in a few words."""
    if certificate := cause_of(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({getattr(certificate, 'verify_message', '') or 'not verified'})"
    if cause_of(error, NameResolutionError, socket.gaierror):
        return "its host name is not known"
    for kind, words in _WORDS:
        if cause_of(error, kind):
            return words
    return type(error).__name__


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.ConnectTimeout, "no connection within the time allowed"),
    (requests.exceptions.ProxyError, "the proxy did not let the request through"),
    (ConnectionRefusedError, "the connection was refused"),
    (NewConnectionError, "no connection could be made"),
    (requests.exceptions.Timeout, "no answer within the time allowed"),
    (TimeoutError, "no answer within the time allowed"),
    (IncompleteRead, "the answer was cut off"),
    (http.client.IncompleteRead, "the answer was cut off"),
    (requests.exceptions.ContentDecodingError, "the answer can't be decoded"),
    (ssl.SSLError, "the encrypted connection broke"),
    (ConnectionError, "the connection was dropped"),
    (http.client.HTTPException, "the connection was dropped"),
    (requests.exceptions.ConnectionError, "the connection was dropped"),
    (requests.exceptions.ChunkedEncodingError, "the answer was cut off"),
)


def cause_of(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """The error itself, or the first one that it wraps, of these kinds."""
    seen: list[BaseException] = [error]
    for one in seen:
        if isinstance(one, kinds):
            return one
        wrapped: list[Any] = [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
        seen.extend(each for each in wrapped if isinstance(each, BaseException) and not any(each is s for s in seen))
    return None
