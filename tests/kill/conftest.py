"""What the tests of deaths share: a bench for each process, and claims, by which processes share work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill.bench import Bench, Watching
from tests.kill.claims import Claims


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    """The undisturbed run of this process, with its copies."""
    place = tmp_path_factory.mktemp("bench")
    bench = Bench.start(place)
    watching = Watching(bench, place / "watched" / ".statecfg")
    bench.undisturbed(watching)
    yield watching
    bench.close()


@pytest.fixture
def bench(watched: Watching) -> Bench:
    """The bench of the watched run."""
    return watched.bench


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Claims:
    """What the processes of one test run have taken on."""
    base = tmp_path_factory.getbasetemp()
    return Claims((base if worker_id == "master" else base.parent) / "claims")
