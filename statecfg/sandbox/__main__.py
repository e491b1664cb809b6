"""A sandbox as a process of its own: `python -m statecfg.sandbox --dir DIR --port PORT`, until it is ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from statecfg.sandbox.seeding.legacy import Unreadable
from statecfg.sandbox.seeding.telling import started_lines
from statecfg.sandbox.server import PortTaken, serve
from statecfg.sandbox.settings import UnknownSetting
from statecfg.sandbox.wanted import Wanted, wanted_from

FAILED = 1


def main(given: Sequence[str]) -> int:
    """Run until ended; 1 with one line on standard error if it can't start."""
    wanted = wanted_from(given)
    try:
        return serve(wanted, lambda details: _tell(wanted, details))
    except UnknownSetting as unknown:
        print(f"there is no setting {unknown}", file=sys.stderr)
    except (PortTaken, Unreadable, ValueError) as failed:
        print(failed, file=sys.stderr)
    return FAILED


def _tell(wanted: Wanted, details: dict[str, object]) -> None:
    print("\n".join(started_lines(wanted.directory, details)), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
