"""What a started sandbox says: lines for a person, from its details and its control path's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SERVICES = (
    ("Dataverse", "dataverse_url"),
    ("Finance and Operations", "finance_url"),
    ("Dual-write gateway", "dualwrite_url"),
    ("Entra ID", "entra_url"),
    ("Power Platform admin", "admin_url"),
)


def started_lines(directory: Path, details: Mapping[str, Any]) -> Iterator[str]:
    """What is there, where it is, and what to do next. directory: as the user wrote it."""
    world = details["world"]
    yield f"The sandbox is ready (process {details['pid']})."
    yield ""
    yield f"  {'world':<24}{_world(world)}"
    for name, key in SERVICES:
        yield f"  {name:<24}{details[key]}"
    yield f"  {'legacy export':<24}{directory / 'data' / 'milestones.csv'}"
    if world["unusable"]:
        rows = _counted(world["unusable"], "row")
        yield f"  {'':<24}{rows} of your export can't be used: {directory / 'data' / 'unusable.csv'}"
    yield f"  {'inventory':<24}{directory / 'inventory'}"
    yield ""
    yield "Next, from the project's root:"
    yield f"  statecfg plan cutover -i {directory / 'inventory'}"


def status_lines(details: Mapping[str, Any], status: Mapping[str, Any], ledger: Mapping[str, Any]) -> Iterator[str]:
    """Where a running sandbox is, its maps by all witnesses, its counts, AR and GL by legal entity."""
    yield f"Running as process {details['pid']} since {details['started']}"
    for name, key in SERVICES:
        yield f"  {name:<24}{details[key]}"
    yield from _section("Maps (gateway, Dataverse, Finance)", status.get("maps"))
    yield from _section("Records", status.get("counts"))
    yield from _section("AR and GL", ledger)


def _world(world: Mapping[str, Any]) -> str:
    parts = (
        _counted(world["contracts"], "contract"),
        f"{_counted(world['milestones'], 'milestone')} to migrate",
        f"{world['by_hand']:,} of them made by hand before",
        f"seed {world['seed']}",
    )
    return ", ".join(parts)


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _section(title: str, content: Any) -> Iterator[str]:
    if not content:
        return
    yield ""
    yield title
    yield from _indented(content, 2)


def _indented(content: Any, depth: int) -> Iterator[str]:
    """Nested JSON as an indented outline; lists of plain values on one line."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            if isinstance(value, Mapping) and value:
                yield f"{'':{depth}}{name}"
                yield from _indented(value, depth + 2)
            else:
                yield f"{'':{depth}}{name:<40} {_plain(value)}"
    else:
        for value in content:
            yield from _indented(value, depth) if isinstance(value, Mapping) else (f"{'':{depth}}{_plain(value)}",)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries" if len(value) > 6 else ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
