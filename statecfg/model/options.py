"""What a person asked for on the command line, as values: where the files are and which environment is meant."""

from __future__ import annotations

import shlex
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

    @property
    def words(self) -> str:
        """The same options as a person types them again; the set of states only where it isn't found by itself."""
        given = ["-i", str(self.inventory)]
        given += ["-l", self.limit] if self.limit else []
        given += [] if self.states.parent == Path("states") else ["-s", str(self.states)]
        given += [word for name, value in self.extra.items() for word in ("-e", f"{name}={value}")]
        return shlex.join(given)
