"""A world whose undisturbed end is known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench.start(tmp_path_factory.mktemp("mixed"))
    bench.undisturbed()
    yield bench
    bench.close()
