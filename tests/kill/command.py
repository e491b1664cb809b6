"""The real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.rig import STATES


def command(phase: str, sandbox: Sandbox, settings: Mapping[str, str]) -> list[str]:
    """The words that apply a phase to a sandbox."""
    inventory = str(sandbox.directory / "inventory")
    words = [sys.executable, "-m", "statecfg", "apply", phase, "-i", inventory, "-s", str(STATES), "--yes"]
    return words + [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]


@contextmanager
def start(words: list[str], directory: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a directory, which is made; it is gone at the end. home: where tokens are kept."""
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "XDG_STATE_HOME": str(home / "home")}
    process = subprocess.Popen(
        words, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
