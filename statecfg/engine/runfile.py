"""Run files: what a window must not lose, in one small JSON file that pipelines can publish and restore (rules 8.6).

Written whole and renamed into place before the first write goes out; no secrets are in it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import msgspec

from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Identity
from statecfg.model.window import Window

FORMAT = 1
LARGEST = 256 * 1024 * 1024
"""Far above a million adopted records."""
# A run's name becomes the name of its file.
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")


class _Format(msgspec.Struct):
    format: int


def write(window: Window, path: Path) -> None:
    """Put a window on disk, whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    text = json.dumps({"format": FORMAT, **asdict(window)}, indent=1, default=str)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read(path: Path) -> Window:
    """The window in a run file. Raises PlanRefused if the file isn't one."""
    try:
        body = _bounded(path)
        if msgspec.json.decode(body, type=_Format).format != FORMAT:
            raise ValueError("made by another version of statecfg")
        window = msgspec.json.decode(body, type=Window)
        if not _RUN.match(window.run):
            raise ValueError("it doesn't name a run")
        return window
    except (OSError, ValueError, RecursionError) as cause:
        what = f"this is not a run file that can be read ({cause})"
        do = "move it away, or restore it from where it was published"
        raise PlanRefused(what, where=str(path), do=do) from cause


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"larger than {LARGEST:,} bytes")
    return body


def newest(directory: Path, identity: Identity) -> Window | None:
    """The window of the newest run on this environment that has a run file in `directory`; None if there is none."""
    found = [window for window in map(read, _files(directory)) if same_environment(window.identity, identity)]
    return max(found, key=lambda window: (window.opened_at, window.run), default=None)


def same_environment(one: Identity, other: Identity) -> bool:
    """Whether two identities name one linked pair: organization, F&O host and connection (rules 8.1).

    Where the gateway was not asked the connection is empty, and the other two decide.
    """
    sides = (one.organization_id, one.finance_host), (other.organization_id, other.finance_host)
    linked = not one.connection_id or not other.connection_id or one.connection_id == other.connection_id
    return linked and [text.casefold() for text in sides[0]] == [text.casefold() for text in sides[1]]


def _files(directory: Path) -> Iterable[Path]:
    return sorted(directory.glob("*.json")) if directory.is_dir() else ()
