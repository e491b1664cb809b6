"""A sandbox as a process of its own: started in the background, found again, and ended, by its directory.

A process id alone proves nothing, since ids are used again. The sandbox says its own id over its control path, and
only a process that says so is ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from statecfg.sandbox.seeding.addresses import DETAILS_FILE, read_details
from statecfg.sandbox.talk import Control, NoAnswer, Unwilling

LOG_FILE = "sandbox.log"
READY_S = 180.0
ENDED_S = 20.0
LOOK_S = 0.05
LOG_LINES = 12

Found = TypeVar("Found")


class NotStarted(Exception):
    """The process ended before it was ready; the text is what it said."""


class NotEnded(Exception):
    """The process goes on although it was asked to end."""


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers: its details, and what it says of itself."""

    details: dict[str, Any]
    pid: int
    control: Control


def running(directory: Path) -> Running | None:
    """The sandbox of this directory if it answers and is the process that its details name."""
    details = read_details(directory)
    if details is None:
        return None
    control = Control.of(details)
    try:
        said = control.get("process")
    except (NoAnswer, Unwilling):
        return None
    if not isinstance(said, dict) or said.get("pid") != details.get("pid") or said.get("dir") != str(directory):
        return None
    return Running(details, int(said["pid"]), control)


def start_detached(directory: Path, arguments: Sequence[str], ready_s: float = READY_S) -> Running:
    """Start a sandbox in the background and wait until it answers. Raises NotStarted."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / DETAILS_FILE).unlink(missing_ok=True)
    log = directory / LOG_FILE
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - this very program, no shell
            [sys.executable, "-m", "statecfg.sandbox", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
    found = _awaited(lambda: _answering(directory, child, log), ready_s)
    if found is None:
        child.terminate()
        raise NotStarted(f"it wasn't ready within {ready_s:.0f} s; see {log}")
    # It is meant to outlive us: nobody waits for it, and Python needn't warn that nobody did.
    child.returncode = 0
    return found


def end(found: Running, ended_s: float = ENDED_S) -> None:
    """End a running sandbox and wait until it is gone. Raises NotEnded."""
    os.kill(found.pid, signal.SIGTERM)
    if _awaited(lambda: None if _alive(found) else True, ended_s) is None:
        raise NotEnded(f"process {found.pid} didn't end within {ended_s:.0f} s")


def _answering(directory: Path, child: subprocess.Popen[bytes], log: Path) -> Running | None:
    if child.poll() is not None:
        raise NotStarted(_last_words(log))
    found = running(directory)
    return found if found and found.pid == child.pid else None


def _awaited(look: Callable[[], Found | None], limit_s: float) -> Found | None:
    """What `look` gives once it gives something, or None after the limit."""
    deadline = time.monotonic() + limit_s
    while (found := look()) is None and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return found


def _alive(found: Running) -> bool:
    """Whether it still answers or, where processes can be looked at without touching them, still exists."""
    try:
        found.control.get("process", timeout_s=1.0)
    except (NoAnswer, Unwilling):
        return sys.platform != "win32" and _exists(found.pid)
    return True


def _exists(pid: int) -> bool:
    """Whether a process is there and is more than an entry that its parent hasn't collected."""
    try:
        reaped, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        reaped = 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return reaped != pid and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[:1] == ["Z"]


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    return "\n".join(lines[-LOG_LINES:]) or "it said nothing"
