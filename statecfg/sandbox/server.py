"""A running sandbox: the world, its listeners and its directory, started and ended as one.

Tests start it in their own process; `serve` is the same as a process of its own, until somebody ends it.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from statecfg.sandbox.certificates import certificates
from statecfg.sandbox.composition import Composed, composed, prepare
from statecfg.sandbox.control import Call, ControlError
from statecfg.sandbox.dualwrite.seed import originals
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.listeners import Listeners, bound_sockets
from statecfg.sandbox.overview import overview
from statecfg.sandbox.page import offer as offer_page
from statecfg.sandbox.seeding import fit, generate, legacy
from statecfg.sandbox.seeding.addresses import DETAILS_FILE, SERVICES, Addresses
from statecfg.sandbox.seeding.departures import widened
from statecfg.sandbox.seeding.files import Begun, begun, remember, remembered, write_data, write_entrance
from statecfg.sandbox.seeding.identities import Identities, identities
from statecfg.sandbox.seeding.plant import clear, plant
from statecfg.sandbox.seeding.portfolio import Portfolio
from statecfg.sandbox.settings import UnknownSetting
from statecfg.sandbox.wanted import Shape, Wanted, shape_from
from statecfg.sandbox.world import World

WORLD_FILE = "world.sqlite"
CUTOVER_VERSION = "1.0.0.8"


class PortTaken(Exception):
    """Somebody else listens on one of the ports."""


class Sandbox:
    """One sandbox. world: what is in it. kernel: its services and control path. details: what `sandbox.json` says."""

    def __init__(
        self, directory: Path, addresses: Addresses, people: Identities, parts: Composed, *, keep: bool = False
    ) -> None:
        self.directory = directory
        self.keep = keep
        self.kernel: Kernel = parts.kernel
        self.world: World = parts.kernel.world
        self._install = parts.install
        self.details: dict[str, Any] = {}
        self._addresses = addresses
        self._people = people
        self._closing = ExitStack()

    @classmethod
    def start(
        cls,
        directory: Path | str,
        contracts: int = 40,
        milestones: int = 1200,
        seed: int = 7,
        port: int = 0,
        columns: Path | None = None,
        from_file: Path | None = None,
        existing: int = 0,
        keep: bool = False,
        **settings: Any,
    ) -> Sandbox:
        """A sandbox in this process, listening when this returns. settings: knobs of the world by name.

        Raises PortTaken, Unreadable (the export), UnknownSetting, ValueError.
        """
        return started(
            Wanted(
                Path(directory),
                port,
                keep,
                Shape(contracts, milestones, seed, from_file, columns, existing, settings),
            )
        )

    def url(self, service: str) -> str:
        """The base address of a service: entra, dataverse, finance, dualwrite, admin."""
        return self._addresses.url(service)

    @property
    def crashes(self) -> list[str]:
        """Traces of requests that the sandbox itself failed at; a test wants none."""
        return self.kernel.crashes

    def close(self) -> None:
        """Stop listening and close the world."""
        self._closing.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reseed(self, shape: Shape) -> dict[str, Any]:
        """Replace the world; addresses and sign-in stay. Returns the new details. Raises Unreadable, UnknownSetting."""
        company, export = company_of(shape)
        clear(self.world)
        self.world.settings.change(shape.settings)
        self.enter(self.plant(company, export))
        return self.details

    def plant(self, company: Portfolio, export: legacy.Export | None) -> Begun:
        """Fill the empty world and write the legacy files; what is to be remembered of it."""
        plant(self.world, widened(self.world, company), self._people)
        self._install()
        with self.world.reading() as tx:
            found = originals(tx)
        write_data(self.directory, company, export)
        made = begun(company, export, found, CUTOVER_VERSION, self._people.seed)
        if self.keep:
            remember(self.directory, made)
        return made

    def enter(self, world: Begun) -> None:
        """Write the inventory and `sandbox.json`, so that others find in."""
        started_at = self.details.get("started", self.world.timestamp())
        self.details = write_entrance(self.directory, self._addresses, self._people, world, started_at)

    def listen(self, sockets: Mapping[str, socket.socket]) -> None:
        """Offer this sandbox's own control calls, and begin to answer."""
        control = self.kernel.control
        control.register("process", "GET", lambda call: {"pid": os.getpid(), "dir": str(self.directory)})
        control.register("status", "GET", lambda call: overview(self.kernel))
        control.register("seed", "POST", self._reseed_call)
        offer_page(self.kernel, lambda: self.details)
        listeners = Listeners(self.kernel, sockets, certificates(self.directory))
        listeners.start()
        self._closing.callback(self.world.close)
        self._closing.callback(listeners.close)

    def _reseed_call(self, call: Call) -> Any:
        try:
            return self.reseed(shape_from(call.fields()))
        except UnknownSetting as unknown:
            raise ControlError(f"there is no setting {unknown}", 404) from unknown
        except (legacy.Unreadable, ValueError, TypeError) as wrong:
            raise ControlError(str(wrong)) from wrong


def started(wanted: Wanted) -> Sandbox:
    """The sandbox that is wanted, listening. Raises PortTaken, Unreadable (the export), UnknownSetting, ValueError."""
    with ExitStack() as undo:
        sockets = bound(wanted.port)
        for opened in sockets.values():
            undo.callback(opened.close)
        directory = wanted.directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        before = _before(directory) if wanted.keep else None
        planted = None if before else company_of(wanted.shape)
        people = identities(before.people_seed if before else wanted.shape.seed)
        world = _world(directory, wanted, fresh=before is None)
        undo.callback(world.close)
        addresses = Addresses(tuple(int(sockets[name].getsockname()[1]) for name in SERVICES))
        parts = composed(world, prepare(world), people, addresses.url)
        world.settings.change(wanted.shape.settings)
        sandbox = Sandbox(directory, addresses, people, parts, keep=wanted.keep)
        entrance = before if planted is None else sandbox.plant(*planted)
        sandbox.listen(sockets)
        assert entrance is not None
        sandbox.enter(entrance)
        undo.pop_all()
    return sandbox


def bound(port: int) -> dict[str, socket.socket]:
    """The five listening sockets, from `port` on, or on free ports for 0. Raises PortTaken."""
    try:
        return bound_sockets(SERVICES, port)
    except (OSError, OverflowError) as cause:
        last = port + len(SERVICES) - 1
        raise PortTaken(f"ports {port} to {last} can't all be listened on: {cause}") from cause


def company_of(shape: Shape) -> tuple[Portfolio, legacy.Export | None]:
    """The company of this shape and, if it fits somebody's export, what was read of that. Raises Unreadable."""
    if shape.from_file is None:
        return generate.portfolio(shape.contracts, shape.milestones, shape.seed, shape.existing), None
    export = legacy.read(shape.from_file, shape.columns)
    return fit.portfolio(export.usable, shape.seed), export


def serve(wanted: Wanted, told: Callable[[dict[str, Any]], None]) -> int:
    """Run a sandbox until Ctrl-C or SIGTERM; `told` is called with its details when it is ready. Returns 0."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with started(wanted) as sandbox:
        told(sandbox.details)
        while not ended.wait(1.0):
            pass
    (wanted.directory.absolute() / DETAILS_FILE).unlink(missing_ok=True)
    return 0


def _before(directory: Path) -> Begun | None:
    """How the world that is kept here began, if one is."""
    return remembered(directory) if (directory / WORLD_FILE).exists() else None


def _world(directory: Path, wanted: Wanted, *, fresh: bool) -> World:
    """The store of the world: in the directory if it is kept, else one that is gone when it is closed."""
    if not wanted.keep:
        return World(seed=wanted.shape.seed)
    path = directory / WORLD_FILE
    if fresh:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    world = World(str(path), seed=wanted.shape.seed)
    if not fresh:
        # Ids that the earlier run gave out must not come again.
        world.random.seed(f"{world.seed}/{world.timestamp()}")
    return world
