"""Collected only when it is named, as `make test-mixed` does: a search takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kill.conftest import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True
