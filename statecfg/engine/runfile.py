"""Run files: what a window must not lose, in one small JSON file that pipelines can publish and restore (rules 8.6).

Written whole and renamed into place before the first write goes out; no secrets are in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Identity
from statecfg.model.window import Attestation, Mark, Original, Window

FORMAT = 1


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
        body = json.loads(path.read_text(encoding="utf-8"))
        if body.pop("format") != FORMAT:
            raise ValueError("made by another version of statecfg")
        return _window(body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise PlanRefused(f"this is not a run file that can be read ({cause})", where=str(path)) from cause


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


def _window(body: Mapping[str, Any]) -> Window:
    return Window(
        **{
            **body,
            "identity": Identity(**body["identity"]),
            "originals": tuple(Original(**original) for original in body["originals"]),
            "mark": Mark(**body["mark"]) if body["mark"] else None,
            "attestations": tuple(Attestation(**attestation) for attestation in body["attestations"]),
        }
    )
