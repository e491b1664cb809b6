"""What the tests of deaths share: a bench for each process, and claims, by which processes share work.

These tests are collected only when they are named, as `make test-kill` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kill.bench import Bench, Watching
from tests.kill.claims import Claims

HERE = Path(__file__).parent
Figures = Callable[[str], None]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


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


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Says a figure at the end of the test run."""
    return lambda words: record_property("figures", words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of every process, whether all went well or not."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "figures" and report.when == "call":
                    terminalreporter.write_line(f"{value} ({report.duration:.0f} s)")
