"""The whole cutover on the local stand-in, told with the real commands, each shown as it is run.

It fails loudly: a command that ends otherwise than it should, or a ledger that moved, ends the demo with exit code 1.
It works in a directory of its own and leaves nothing behind.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
INVENTORY = ".sandbox/inventory"
RULE = "=" * 100
DONE, CHANGES = 0, 2


class Failed(Exception):
    """The demo did not go as it must; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Story:
    """Commands run in one project directory. start: when it began, on the monotonic clock."""

    project: Path
    start: float

    def says(self, words: str) -> None:
        """A heading, with the time since the beginning."""
        print(f"\n{RULE}\n{time.monotonic() - self.start:5.1f} s  {words}\n{RULE}", flush=True)

    def runs(self, *words: str, expects: int = DONE) -> None:
        """Show a command, run it, and see that it ends as it must."""
        print(f"\n$ statecfg {' '.join(words)}", flush=True)
        done = subprocess.run(_command(words), cwd=self.project)
        if done.returncode != expects:
            raise Failed(f"`statecfg {' '.join(words)}` ended with exit code {done.returncode}, expected {expects}")

    def reads(self, *words: str) -> Any:
        """Show a command, run it, and return the JSON document that it prints."""
        print(f"\n$ statecfg {' '.join(words)}", flush=True)
        done = subprocess.run(_command(words), cwd=self.project, stdout=subprocess.PIPE, check=False)
        if done.returncode != DONE:
            raise Failed(f"`statecfg {' '.join(words)}` ended with exit code {done.returncode}")
        return json.loads(done.stdout, parse_float=str)


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "statecfg", *words]


def tell(story: Story) -> None:
    """The story from a company before its cutover to the day after."""
    story.says("A company just before its cutover: Dataverse, Finance and the dual-write gateway, on this machine.")
    story.runs("sandbox", "up", "--port", "0", "--detach")
    before = story.reads("sandbox", "status", "-o", "json")["ledger"]

    story.says("The files are right?")
    story.runs("validate", "-i", INVENTORY)

    story.says("What would the cutover do? Nothing is written yet. (Exit code 2: there is something to do.)")
    story.runs("plan", "cutover", "-i", INVENTORY, "--out", "cutover.plan", "--detailed-exitcode", expects=CHANGES)

    story.says("Carry out exactly this plan.")
    story.runs("apply", "cutover.plan", "-i", INVENTORY)

    story.says("The way back to normal: the maps as they were before.")
    story.runs("plan", "restored", "-i", INVENTORY, "--out", "restored.plan", "--detailed-exitcode", expects=CHANGES)
    story.runs("apply", "restored.plan", "-i", INVENTORY)

    story.says("Once more: a finished phase has nothing to do. (Exit code 0.)")
    story.runs("plan", "cutover", "-i", INVENTORY, "--detailed-exitcode")
    story.runs("plan", "restored", "-i", INVENTORY, "--detailed-exitcode")

    story.says("Monday: finance imports whatever is in staging, and posts every invoice proposal.")
    story.runs("sandbox", "import-and-post")

    story.says("Is it all still as it was left?")
    story.runs("drift", "-i", INVENTORY)

    story.says("And the money? Accounts receivable and general ledger, before and after, from the sandbox's own books.")
    after = story.reads("sandbox", "status", "-o", "json")["ledger"]
    compare(before, after)


def compare(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Show AR and GL of every legal entity before and after. Raises Failed if an entry or a total differs."""
    print(f"\n{'':6}{'':4}{'entries':>10}{'':>4}{'':14}{'before':>20}{'after':>20}")
    for company in sorted({*before, *after}):
        old, new = before.get(company, {}), after.get(company, {})
        for book, figures in (("ar", ("amount", "open_amount")), ("gl", ("debit", "credit"))):
            entries = f"{old[book]['count']} -> {new[book]['count']}"
            for figure in figures:
                row = f"{company:6}{book.upper():4}{entries:>14}  {figure.replace('_', ' '):12}"
                print(f"{row}{money(old[book][figure]):>20}{money(new[book][figure]):>20}")
                entries = ""
    if before != after:
        raise Failed("accounts receivable or the general ledger moved: " + ", ".join(_moved(before, after)))
    entries = sum(books[book]["count"] for books in after.values() for book in ("ar", "gl"))
    if not entries:
        raise Failed("the sandbox keeps no books at all, so that nothing was proved")
    print(f"\nNot one of {entries:,} entries was added, changed or removed.")


def money(text: Any) -> str:
    """An amount with two decimals at least, thousands apart, and every digit that it has."""
    whole, _, cents = f"{Decimal(text):,f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def _moved(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [company for company in sorted({*before, *after}) if before.get(company) != after.get(company)]


def main() -> int:
    """Run the demo in a directory of its own. Returns the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    project = Path(tempfile.mkdtemp(prefix="statecfg-demo-"))
    shutil.copytree(ROOT / "states", project / "states")
    story = Story(project, time.monotonic())
    try:
        tell(story)
    except Failed as failed:
        print(f"\nThe demo FAILED: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted.", file=sys.stderr)
        return 130
    finally:
        subprocess.run(_command(["sandbox", "down", "--quiet"]), cwd=project, stdout=subprocess.DEVNULL, check=False)
        shutil.rmtree(project, ignore_errors=True)
    print(f"\nThe whole cutover took {time.monotonic() - story.start:.0f} seconds.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
