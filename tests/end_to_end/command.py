"""The real command line on a real project: what it says on stdout and stderr, and how it exits.

It runs in this process, in a directory of its own; its connections are closed when it has answered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from statecfg.app import App
from statecfg.cli.application import Surroundings
from statecfg.cli.main import cli
from statecfg.model.events import Emit
from statecfg.model.options import Options
from tests.end_to_end.rig import ROOT, Rig


@dataclass(frozen=True)
class Said:
    """What a command said. code: as the shell sees it."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


def said_by(*words: str, directory: Path) -> Said:
    """A command line with exactly these words, run in a directory; nobody is at a terminal."""
    opened: list[App] = []

    def open_(options: Options, emit: Emit) -> App:
        opened.append(App(options, emit, cache_dir=directory / "tokens"))
        return opened[-1]

    out, err = StringIO(), StringIO()
    directory.mkdir(parents=True, exist_ok=True)
    with _inside(directory), redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(list(words), prog_name="statecfg", standalone_mode=False, obj=Surroundings(open=open_))
        finally:
            for app in opened:
                app.close()
    return Said(int(code), out.getvalue(), err.getvalue())


def on(rig: Rig, command: str, *words: str) -> Said:
    """A command on a rig's project, with its variables, in its state directory."""
    extra = [word for name, value in rig.extra.items() for word in ("-e", f"{name}={value}")]
    project = ["-i", str(rig.inventory), "-s", str(rig.states), *extra]
    return said_by(command, *words, *project, directory=rig.state_dir)


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


__all__ = ["ROOT", "Said", "on", "said_by"]
