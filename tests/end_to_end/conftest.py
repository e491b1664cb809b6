from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.rig import FAST, Rig


@pytest.fixture
def rigs(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Starts sandboxes, each with a project directory of its own; all are ended with the test."""
    started: list[Sandbox] = []
    rigs: list[Rig] = []

    def start(contracts: int = 4, milestones: int = 24, **options: Any) -> Rig:
        place = tmp_path / f"sandbox{len(started)}"
        sandbox = Sandbox.start(place, contracts, milestones, **options)
        started.append(sandbox)
        rigs.append(Rig(sandbox, tmp_path / f"state{len(started)}", place / "inventory", extra=dict(FAST)))
        return rigs[-1]

    yield start
    for rig in rigs:
        for app in rig.apps:
            app.close()
    for sandbox in started:
        crashes = list(sandbox.crashes)
        sandbox.close()
        assert crashes == []


@pytest.fixture
def rig(rigs: Callable[..., Rig]) -> Rig:
    """A small world before its cutover."""
    return rigs()
