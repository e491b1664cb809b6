"""Who does what: several test processes share a list of work, each piece taken on once, by whoever is free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

Work = TypeVar("Work")
SIDES = tuple(pytest.param(n, marks=pytest.mark.xdist_group(f"side-{n}"), id=f"side-{n}") for n in range(2))
"""The two processes of `make test-kill`; a test of each does what the other has not taken on."""


class Claims:
    """Files in a directory of the whole test run, one for each piece of work that was taken on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(exist_ok=True)

    def share(self, name: str, work: Iterable[Work]) -> Iterator[Work]:
        """The pieces of a list that nobody else has taken on. The list must be the same for all who share it."""
        for number, piece in enumerate(work):
            try:
                (self._directory / f"{name}-{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            yield piece
