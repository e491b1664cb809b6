"""A proxy between the product and its sandbox that passes everything on as it is, until a test bids it to do mischief.

It speaks TLS on loopback under the sandbox's own authority, one listener a service, and writes what it is told to the
socket itself, so that answers can break any rule of HTTP.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import trustme

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.rig import Rig

SERVICES = ("entra", "dataverse", "finance", "dualwrite", "admin")
_HOP = frozenset({"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive", "date"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the answer that the sandbox gave. sent: the request's body. authorization: its header."""

    number: int
    service: str
    method: str
    target: str
    sent: bytes
    authorization: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def with_body(self, body: bytes, status: int | None = None, **headers: str) -> Exchange:
        """The same answer with another body."""
        told = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return replace(self, body=body, status=status or self.status, headers=told)


Mischief = Callable[[Exchange], Exchange | Iterable[bytes]]
"""What is sent in an answer's place: another answer, or the bytes on the wire one piece after the other."""


def honest(exchange: Exchange) -> Exchange:
    """No mischief."""
    return exchange


@dataclass
class Proxy:
    """Stands before one sandbox. seen: every exchange, as the sandbox answered."""

    sandbox: Sandbox
    mischief: Mischief = honest
    seen: list[Exchange] = field(default_factory=list)
    _servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict)
    _session: requests.Session = field(default_factory=requests.Session)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        directory = self.sandbox.directory
        authority = trustme.CA.from_pem((directory / "ca.pem").read_bytes(), (directory / "ca.key").read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=32))
        self._session.trust_env = False
        for service in SERVICES:
            server = _Server(("127.0.0.1", 0), _handler(self, service))
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            self._servers[service] = server
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
        self._session.close()

    def rig(self, rig: Rig, place: Path) -> Rig:
        """The rig with an inventory whose services are those of the proxy."""
        for path in rig.inventory.rglob("*.yml"):
            copy = place / "proxied" / path.relative_to(rig.inventory)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(self._there(path.read_bytes(), back=True))
        return replace(rig, inventory=place / "proxied")

    def address(self, service: str) -> str:
        return f"localhost:{self._servers[service].server_address[1]}"

    def answer(self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """What the sandbox answers; addresses are those of the one who reads them."""
        url = self.sandbox.url(service) + self._there(target.encode()).decode()
        passed = {name: self._there(value.encode()).decode() for name, value in headers.items() if name != "host"}
        answer = self._session.request(
            method, url, data=self._there(body), headers=passed, timeout=60, allow_redirects=False,
            verify=self.sandbox.details["ca_file"],
        )  # fmt: skip
        told = {
            name: self._there(value.encode(), back=True).decode()
            for name, value in answer.headers.items()
            if name.lower() not in _HOP
        }
        content = self._there(answer.content, back=True)
        with self._lock:
            exchange = Exchange(
                len(self.seen), service, method, target, body, headers.get("authorization", ""),
                answer.status_code, told, content,
            )  # fmt: skip
            self.seen.append(exchange)
        return exchange

    def _there(self, text: bytes, *, back: bool = False) -> bytes:
        """Addresses of the proxy become those of the sandbox; `back`: the other way."""
        for service in SERVICES:
            ours, theirs = self.address(service), self.sandbox.url(service).removeprefix("https://")
            old, new = (theirs, ours) if back else (ours, theirs)
            for sign in (":", "%3A"):
                text = text.replace(old.replace(":", sign).encode(), new.replace(":", sign).encode())
        return text


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on a hostile answer does what it should."""


def _handler(proxy: Proxy, service: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = 60

        def log_message(self, *said: Any) -> None:
            """Nothing on stderr."""

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            exchange = proxy.answer(service, self.command, self.path, headers, body)
            told = proxy.mischief(exchange)
            if isinstance(told, Exchange):
                self.send(told)
            else:
                self.close_connection = True
                with suppress(OSError):
                    for piece in told:
                        self.wfile.write(piece)
                        self.wfile.flush()

        def send(self, told: Exchange) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815 - the names that http.server looks for

    return Handler


@contextmanager
def before(sandbox: Sandbox) -> Iterator[Proxy]:
    """A proxy before a sandbox, until the block ends."""
    proxy = Proxy(sandbox)
    try:
        yield proxy
    finally:
        proxy.close()
