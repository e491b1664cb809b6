"""What the sandbox's tests share: a Dataverse behind a real listener, as it was seeded for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.dataverse_place import Place, place


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
