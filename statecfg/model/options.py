"""What a person asked for on the command line, as values: where the files are and which environment is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Where the files are, which environment of them, and where the tool keeps its own.

    limit: name of one environment, None = the inventory has only one. extra: `-e KEY=VALUE`, the highest precedence.
    state_dir: journal, plan files and run files.
    """

    inventory: Path
    states: Path
    limit: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    state_dir: Path = Path(".statecfg")
