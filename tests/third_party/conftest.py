"""What the tests of other people's clients share: a sandbox, and one run of each client against it.

These tests are collected only when they are named, as `make test-clients` does: they need Node and the packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from statecfg.sandbox.server import Sandbox
from tests.third_party.packages import DATAVERSE_API, DYNAMICS_WEB_API, PACKAGES, PYTHON_SDK, Package
from tests.third_party.running import Run, run

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=4, milestones=20) as running:
        yield running
        assert running.crashes == []


@pytest.fixture(scope="session")
def runs(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[Package, Run]:
    """One run of every client, all at the same time in the same world."""
    places = {package: tmp_path_factory.mktemp(package.name) for package in PACKAGES}
    with ThreadPoolExecutor(len(PACKAGES)) as pool:
        return dict(zip(places, pool.map(lambda each: run(each[0], sandbox, each[1]), places.items()), strict=True))


@pytest.fixture(params=PACKAGES, ids=lambda package: package.name)
def client(request: pytest.FixtureRequest, runs: dict[Package, Run]) -> Run:
    """The run of each client in turn."""
    return runs[request.param]


@pytest.fixture
def sdk(runs: dict[Package, Run]) -> Run:
    return runs[PYTHON_SDK]


@pytest.fixture
def dataverse_api(runs: dict[Package, Run]) -> Run:
    return runs[DATAVERSE_API]


@pytest.fixture
def dynamics_web_api(runs: dict[Package, Run]) -> Run:
    return runs[DYNAMICS_WEB_API]
