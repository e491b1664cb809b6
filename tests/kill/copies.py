"""Copies of a world and of a project's directory at one moment, and what makes two of them the same.

Within one run two copies are the same if nothing at all differs, times and numbers included. Two runs share a moment if
only that differs which a run, a machine or a clock gives: `shared` leaves it out.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

JOURNAL = "journal.sqlite"
_UNFINISHED = ".partial"
_PASSING = (
    (re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}"), "<run>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (
        re.compile(r'(\\*"(?:pid|started|took_s|waited_s|window_s|seconds)\\*": ?)(\\*"[^"\\]*\\*"|[\d.]+)'),
        r"\1<passing>",
    ),
    (re.compile(r"/[^\s\"'\\]*/\.statecfg/"), "<project>/"),
)


@dataclass(frozen=True, slots=True)
class Copy:
    """One moment of the watched run, unlike every other copy of it.

    moment: before or after which request. world: the name under which the sandbox keeps it. project: the copied state
    directory. random: from where the world's ids go on. at: the world's time. carried: actions on invoices that were
    carried out until then, by address.
    """

    phase: str
    moment: str
    world: str
    project: Path
    random: Any
    at: datetime
    carried: Counter[str]


def copy_project(state_dir: Path, to: Path) -> Path:
    """A state directory as a process that dies now leaves it: whole files, and the journal's committed rows."""
    to.mkdir(parents=True)
    if not state_dir.exists():
        return to
    shutil.copytree(state_dir, to, ignore=_left_out, dirs_exist_ok=True)
    journal = state_dir / JOURNAL
    if journal.exists():
        with closing(sqlite3.connect(journal)) as own, closing(sqlite3.connect(to / JOURNAL)) as copied:
            own.backup(copied)
    return to


def project_rows(state_dir: Path) -> Iterator[str]:
    """Everything that a state directory holds, in a fixed order: the journal's rows, then each file's lines."""
    journal = state_dir / JOURNAL
    if journal.exists():
        with closing(sqlite3.connect(journal)) as store:
            yield from (f"journal {row}" for row in store_rows(store))
    for path in sorted(state_dir.rglob("*")):
        if path.is_file() and path.name not in _left_out("", [path.name]):
            name = path.relative_to(state_dir)
            yield f"file {name}"
            yield from (f"{name}: {line}" for line in _lines(path))


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    # Whatever order a set had in that process: a JSON object has none.
    return (json.dumps(json.loads(text), sort_keys=True, indent=1) if path.suffix == ".json" else text).splitlines()


def store_rows(store: sqlite3.Connection) -> Iterator[str]:
    """Every row of every table of a world or a journal."""
    names = store.execute("select name from sqlite_master where type = 'table' order by name").fetchall()
    for (name,) in names:
        yield from (f"{name} {row}" for row in store.execute(f'select * from "{name}"'))


def digest(rows: Iterable[str]) -> str:
    """A digest of rows in their order."""
    sum_ = blake2b(digest_size=16)
    for row in rows:
        sum_.update(row.encode() + b"\n")
    return sum_.hexdigest()


def shared(rows: Iterable[str]) -> Counter[str]:
    """Rows without what a run, a machine or a clock gives, in no order."""
    text = "\n".join(rows)
    for pattern, word in _PASSING:
        text = pattern.sub(word, text)
    return Counter(text.split("\n"))


def _left_out(_directory: str, names: list[str]) -> set[str]:
    """The journal, which is copied by its rows, and files that are still being written."""
    return {name for name in names if name.startswith(JOURNAL) or name.endswith(_UNFINISHED)}
