"""A real HTTPS server on loopback that answers as a test scripts it, misbehaviour on the wire included."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import trustme


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came. form: the fields of a form body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. drop: nothing, the connection is closed. cut: only so many bytes of the body, then closed."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int | None = None

    @property
    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


Script = Callable[[Seen], Reply]
DROPPED = Reply(drop=True)


class Server:
    """Runs until closed. `script` may be replaced at any time; `seen` is everything that came, in order."""

    def __init__(self, directory: Path, script: Script, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> None:
        self.script = script
        self.seen: list[Seen] = []
        authority = trustme.CA()
        self.ca_file = str(directory / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(context)
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}"

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.seen]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is part of the tests."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = 10

        def log_message(self, *said: Any) -> None:
            """Nothing on stderr."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            seen = Seen(self.command, parts.path, unquote(parts.query), dict(self.headers), body, time.monotonic())
            server.seen.append(seen)
            reply = server.script(seen)
            if reply.drop:
                self.close_connection = True
                return
            self.send(reply)

        def send(self, reply: Reply) -> None:
            payload = reply.payload
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload if reply.cut is None else payload[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    return Handler


def in_turn(*replies: Reply) -> Script:
    """These replies one after the other; the last one for ever."""
    left = list(replies)
    lock = threading.Lock()

    def script(seen: Seen) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return script


class Clock:
    """Time that passes only when somebody sleeps; remembers for how long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


class FixedBearer:
    """A bearer with tokens of a test: `tokens` in turn, the next one whenever the service refused the last."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens) or ["Bearer test"]
        self.asked = 0

    def header(self, service: str, refused: str = "") -> str:
        self.asked += 1
        if refused == self._tokens[0] and len(self._tokens) > 1:
            self._tokens.pop(0)
        return self._tokens[0]
