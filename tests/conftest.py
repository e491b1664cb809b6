"""Which tests run when, and the figures that they print.

The long ones, which show damage and interrupted worlds, are a suite of their own; those of deaths and of everything in
any order are collected only when they are named.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMED = (HERE / "kill", HERE / "mixed")
Figures = Callable[[str], None]

DAMAGE = (
    "tests/foreign/",
    "tests/end_to_end/test_removed_",
    "tests/end_to_end/test_intermediate_worlds",
    "tests/end_to_end/test_abandoned",
    "tests/end_to_end/test_messy_export",
    "tests/end_to_end/test_somebody_",
    "tests/end_to_end/test_between_",
    "tests/end_to_end/test_every_moment",
    "tests/end_to_end/test_ways_",
    "tests/end_to_end/test_wire_",
    "tests/end_to_end/test_witnesses",
    "tests/sandbox/test_typical_mistakes",
    "tests/hostile/test_answers",
    "tests/hostile/test_bounds",
    "tests/hostile/test_fuzzed_",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(DAMAGE):
            item.add_marker(pytest.mark.damage)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    suite = next((suite for suite in NAMED if collection_path.is_relative_to(suite)), None)
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    return True if suite and not any(path.is_relative_to(suite) for path in asked) else None


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
