"""Figures: what starting, showing and planning cost. Run by `make bench`; nothing here passes or fails."""

from __future__ import annotations

import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from statecfg.model.address import Address
from statecfg.model.plan import Batching, Header, Identity, Plan, Step
from statecfg.model.records import LazyRecords, Record
from statecfg.report.plan_screen import plan_lines
from statecfg.report.screen import write

ROOT = Path(__file__).resolve().parent.parent
ROWS = 100_000
WORLDS = (1_200, 10_000)


def fastest(words: Sequence[str], times: int = 7) -> float:
    """Seconds of the fastest of several runs of a program."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(words, capture_output=True, check=True, cwd=ROOT)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def starting() -> None:
    """What `--help` costs more than Python with click."""
    click = fastest([sys.executable, "-c", "import click"])
    help_ = fastest([sys.executable, "-m", "statecfg", "--help"])
    say("statecfg --help", f"{help_ * 1000:.0f} ms, of which Python and click {click * 1000:.0f} ms")


def showing() -> None:
    """A plan with many records, every record named."""
    plan = _plan(ROWS)
    stream = _Nowhere()
    seconds, peak = measured(lambda: write(plan_lines(plan, detail="rows"), stream, colour=False))
    say(f"show {ROWS:,} records", f"{seconds:.1f} s, {peak / 2**10:.0f} kB at most")


def planning(milestones: int) -> None:
    """`plan cutover` against a fresh world: seconds, requests, and the most memory of the process."""
    project = Path(tempfile.mkdtemp(prefix="statecfg-bench-"))
    shutil.copytree(ROOT / "states", project / "states")
    up = ["sandbox", "up", "--port", "0", "--detach", "--contracts", str(milestones // 30)]
    try:
        _run(project, *up, "--milestones", str(milestones))
        start = time.perf_counter()
        out = _run(project, "plan", "cutover", "-i", ".sandbox/inventory", "-o", "json", "--out", "p.plan", "--quiet")
        seconds = time.perf_counter() - start
        reads = json.loads(out)["reads"]
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        told = f"{seconds:.1f} s, {reads.get('requests', '?')} requests; largest process so far {most:.0f} MB"
        say(f"plan {milestones:,} milestones", told)
    finally:
        _run(project, "sandbox", "down", "--quiet")
        shutil.rmtree(project, ignore_errors=True)


def measured(work: Callable[[], None]) -> tuple[float, int]:
    """(seconds, bytes at most) of some work."""
    tracemalloc.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


def say(what: str, figures: str) -> None:
    """One line of results."""
    print(f"{what:<28}{figures}", flush=True)


def _run(project: Path, *words: str) -> bytes:
    command = [sys.executable, "-m", "statecfg", *words]
    return subprocess.run(command, cwd=project, stdout=subprocess.PIPE, check=True).stdout


def _plan(rows: int) -> Plan:
    address = Address("milestones", "invoiced-before-go-live")
    records = LazyRecords(
        lambda: (Record(f"CON-{n} / L1 / M", f"id-{n}", "", {"a": Decimal(n)}, n) for n in range(rows))
    )
    step = Step(
        address, "create", f"{rows} to create", 1, (address,), "+", batching=Batching(), count=rows, records=records
    )
    identity = Identity("bench", "o", "f.example", "c", "d.example")
    header = Header("statecfg", "0", identity, "test", "cutover", "1 of 2", "cutover.yml", "", "", {})
    return Plan(header, steps=(step,))


class _Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


if __name__ == "__main__":
    starting()
    showing()
    for size in WORLDS:
        planning(size)
