"""TLS listeners on loopback, one a service, all in one thread's event loop; requests are handled in worker threads.

It turns connections into requests and outcomes into bytes, and it sleeps the delays. A dropped connection is a closed
transport, not an error status.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from typing import Any

import uvicorn

from statecfg.sandbox.certificates import Certificates
from statecfg.sandbox.kernel import DROPPED, TRUNCATED, Kernel, Outcome
from statecfg.sandbox.wire import Answer, Request

HOST = "127.0.0.1"
WORKERS = 32
# Source: reference/dataverse.md, "Bulk messages": 116.85 MB is the largest message; nothing larger is read here.
LARGEST_BODY = 122_524_008
KEEP_ALIVE_S = 75
_START_DEADLINE_S = 20
_GRACE_S = 1
_LOOK_S = 0.05

Scope = Mapping[str, Any]


def bound_sockets(services: Sequence[str], port: int) -> dict[str, socket.socket]:
    """A listening socket a service: `port` and the ones after it, or free ones if it is 0. Raises OSError."""
    ports = [0 if port == 0 else port + offset for offset in range(len(services))]
    bound: dict[str, socket.socket] = {}
    try:
        for service, wanted in zip(services, ports, strict=True):
            bound[service] = _listening(wanted)
    except OSError:
        for opened in bound.values():
            opened.close()
        raise
    return bound


def _listening(port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen(1024)
    except OSError:
        bound.close()
        raise
    return bound


class Listeners:
    """Running listeners; `ports` says where each service is."""

    def __init__(self, kernel: Kernel, sockets: Mapping[str, socket.socket], certificates: Certificates) -> None:
        self._kernel = kernel
        self._sockets = dict(sockets)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sandbox")
        self._servers = [self._server(service, certificates) for service in self._sockets]
        self._thread = threading.Thread(target=self._run, name="sandbox-listeners", daemon=True)
        self.ports = {service: int(bound.getsockname()[1]) for service, bound in self._sockets.items()}

    def start(self) -> None:
        """Begin to listen; returns when every listener takes connections."""
        self._thread.start()
        for _ in range(_START_DEADLINE_S * 200):
            if all(server.started for server in self._servers):
                return
            if not self._thread.is_alive():
                break
            threading.Event().wait(0.005)
        raise RuntimeError("the sandbox's listeners did not start")

    def close(self) -> None:
        """Stop listening and wait until the thread has ended."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join(_START_DEADLINE_S)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for bound in self._sockets.values():
            bound.close()

    def _server(self, service: str, certificates: Certificates) -> uvicorn.Server:
        config = uvicorn.Config(
            _Application(self._kernel, service, self._pool),
            http="httptools",
            loop="asyncio",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            access_log=False,
            log_config=None,
            log_level="critical",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_certfile=str(certificates.chain_file),
            ssl_keyfile=str(certificates.chain_file),
        )
        return uvicorn.Server(config)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        pairs = zip(self._servers, self._sockets.values(), strict=True)
        parting = asyncio.create_task(self._part())
        await asyncio.gather(*(server.serve(sockets=[bound]) for server, bound in pairs))
        parting.cancel()
        self._hang_up(idle_only=False)
        # One turn of the loop for each layer of a connection, or it would be torn down with its sockets open.
        await asyncio.sleep(0.01)

    async def _part(self) -> None:
        """Hang up on clients that only keep a connection: they never answer the TLS goodbye that a server waits for."""
        while not any(server.should_exit for server in self._servers):
            await asyncio.sleep(_LOOK_S)
        self._hang_up(idle_only=True)

    def _hang_up(self, *, idle_only: bool) -> None:
        for server in self._servers:
            for connection in list(server.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                if not idle_only or cycle is None or cycle.response_complete:
                    connection.transport.abort()


class _Application:
    """The ASGI application of one service."""

    def __init__(self, kernel: Kernel, service: str, pool: ThreadPoolExecutor) -> None:
        self._kernel = kernel
        self._service = service
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        body = await _body(receive)
        if body is None:
            service = self._kernel.services[self._service]
            too_large = service.refusal(self._request(scope, b""), 413, "", "The request is too large.")
            await self._send(send, Outcome(too_large))
            return
        arrival = self._kernel.arrive(self._request(scope, body))
        if arrival.delay_s:
            await asyncio.sleep(arrival.delay_s)
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._pool, self._kernel.perform, arrival)
        delay_s = outcome.delay_s + outcome.answer.delay_s
        if delay_s:
            await asyncio.sleep(delay_s)
        await self._send(send, outcome)
        if outcome.fate == DROPPED:
            await _gone(receive)

    def _request(self, scope: Scope, body: bytes) -> Request:
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        host = headers.get("host") or f"localhost:{scope['server'][1]}"
        return Request(
            service=self._service,
            method=scope["method"].upper(),
            path=raw_path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            base=f"https://{host}",
            request_id=str(uuid.uuid4()),
        )

    async def _send(self, send: Any, outcome: Outcome) -> None:
        if outcome.fate == DROPPED:
            _transport(send).abort()
            return
        answer = outcome.answer
        content = answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": self._headers(answer)})
        if outcome.fate == TRUNCATED:
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            _transport(send).close()
            return
        await send({"type": "http.response.body", "body": content})

    def _headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        headers = {"Date": format_datetime(self._kernel.world.now(), usegmt=True), **answer.headers}
        if answer.status not in (204, 304):
            headers["Content-Length"] = str(len(answer.body))
        return [(_name(name), value.encode("latin-1", "replace")) for name, value in headers.items()]


def _name(name: str) -> bytes:
    """A header's name as it is sent; uvicorn recognises the ones it acts on in lower case only."""
    return (name.lower() if name.lower() in ("content-length", "connection") else name).encode("latin-1")


async def _body(receive: Any) -> bytes | None:
    """The whole body, or None if it is larger than any service takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _transport(send: Any) -> Any:
    """The connection behind an answer: uvicorn hands the application a method of the object that holds it."""
    return send.__self__.transport


async def _gone(receive: Any) -> None:
    """Wait until the server has seen that the connection is closed, or it would try to answer itself."""
    while (await receive())["type"] != "http.disconnect":
        pass
