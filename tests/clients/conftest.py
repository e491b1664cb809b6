"""What the tests of the clients share: a scripted server, a clock, a transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from statecfg.clients.session import Session
from statecfg.clients.transport import Transport
from statecfg.model.events import Event
from tests.clients.scripted import Clock, FixedBearer, Reply, Script, Server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Script], Server]]:
    servers: list[Server] = []

    def start(script: Script = lambda seen: Reply()) -> Server:
        servers.append(Server(tmp_path, script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def transport_to(clock: Clock, events: list[Event]) -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make(server: Server, *tokens: str, deadline_s: float = 600.0) -> Transport:
        transport = Transport(
            Session(ca_file=server.ca_file),
            FixedBearer(*tokens),
            emit=events.append,
            clock=clock,
            sleep=clock.sleep,
            deadline_s=deadline_s,
        )
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()
