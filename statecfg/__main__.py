"""The entry point: `statecfg` and `python -m statecfg`."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

from statecfg.cli.main import cli


def main() -> None:
    """Run the command line and exit. SIGTERM, which pipelines send, ends a run as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    cli(prog_name="statecfg")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
