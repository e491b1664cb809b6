from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from statecfg.sandbox.server import Sandbox
from tests.foreign.client import Client
from tests.foreign.procedure import Cutover


@pytest.fixture(scope="package")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a running sandbox of four contracts wrote its files."""
    place = tmp_path_factory.mktemp("foreign")
    with Sandbox.start(place, contracts=4, milestones=20) as sandbox:
        yield place
        assert sandbox.crashes == []


@pytest.fixture(scope="package")
def client(directory: Path) -> Iterator[Client]:
    """Signed in with what `sandbox.json` says, and nothing else."""
    signed_in = Client(json.loads((directory / "sandbox.json").read_text("utf-8")))
    signed_in.screen("POST", "snapshot", {"name": "fresh"})
    yield signed_in
    signed_in.close()


@pytest.fixture
def cutover(client: Client, directory: Path) -> Cutover:
    """A cutover that has not begun, in the world as seeded."""
    client.screen("POST", "restore", {"name": "fresh"})
    client.screen("DELETE", "faults")
    return Cutover(client, directory / "data" / "milestones.csv")
