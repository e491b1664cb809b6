"""What the sandbox's tests share: a Dataverse, and a dual-write link, behind real listeners, as they were at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.dataverse_place import Place, place
from tests.sandbox.dualwrite_world import Link, running_link


@pytest.fixture(scope="session")
def running_dataverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("dataverse")) as running:
        yield running


@pytest.fixture
def dataverse(running_dataverse: Place) -> Iterator[Place]:
    """As seeded; at the end the service must not have failed by itself."""
    running_dataverse.world.restore("seeded")
    running_dataverse.world.faults.clear()
    running_dataverse.kernel.log.clear()
    yield running_dataverse
    assert running_dataverse.kernel.crashes == []


@pytest.fixture(scope="session")
def running_dualwrite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with running_link(tmp_path_factory.mktemp("ca")) as link:
        yield link


@pytest.fixture
def link(running_dualwrite: Link) -> Link:
    """A small company whose two sides are linked, as it was at first."""
    running_dualwrite.world.restore("fresh")
    running_dualwrite.world.faults.clear()
    return running_dualwrite
