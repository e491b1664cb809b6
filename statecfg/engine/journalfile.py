"""The journal's SQLite file: opened, or refused in words that name it. What stands in it is the journal's business.

A file that is no database, is damaged, or was made by another version is never written over: it is the only record of
what was sent. Losing it loses history and never safety, so the advice is to move it away and to plan afresh.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.model.errors import PlanRefused, StatecfgError, StepFailed

VERSION = 1


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement came to: its rows, all of them, and the number of the row that it inserted."""

    rows: tuple[Any, ...]
    lastrowid: int | None

    def fetchall(self) -> tuple[Any, ...]:
        """Every row."""
        return self.rows

    def fetchone(self) -> Any:
        """The first row, None if there is none."""
        return self.rows[0] if self.rows else None


class JournalFile:
    """A connection whose every failure is an error of the tree. One statement at a time; the caller sees to that."""

    def __init__(self, path: Path, tables: str) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as cause:
            raise unreadable(path, str(cause)) from cause
        try:
            self._prepare(tables)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Done:
        """Carry a statement out. Raises PlanRefused for a file that can't be read, StepFailed for a full disk."""
        try:
            cursor = self._db.execute(statement, values)
            return Done(tuple(cursor.fetchall()), cursor.lastrowid)
        except sqlite3.Error as cause:
            raise self._failure(cause) from cause

    def _prepare(self, tables: str) -> None:
        """Look before anything is changed: a journal of another version stays as it is."""
        (version,) = self.execute("pragma user_version").fetchone()
        if version not in (0, VERSION) or not self._fits(tables):
            raise unreadable(self._path, "it was made by another version of statecfg")
        self.execute("pragma journal_mode=wal")
        self.execute("pragma synchronous=full")
        for statement in filter(None, map(str.strip, tables.split(";"))):
            self.execute(statement)
        if version != VERSION:
            self.execute(f"pragma user_version={VERSION}")

    def _fits(self, tables: str) -> bool:
        """Whether every table that is there already has the columns that are needed."""
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(tables)
            names = [name for (name,) in model.execute("select name from sqlite_master where type = 'table'")]
            wanted = {name: _columns(model.execute(f"pragma table_info({name})").fetchall()) for name in names}
        here = {name: _columns(self.execute(f"pragma table_info({name})").rows) for name in names}
        return all(not here[name] or wanted[name] <= here[name] for name in names)

    def _failure(self, cause: sqlite3.Error) -> StatecfgError:
        if isinstance(cause, sqlite3.OperationalError) and "no such" not in str(cause):
            do = "make room or give the right to write there, then run the same command again"
            return StepFailed(f"the journal can't be kept: {cause}", where=str(self._path), do=do)
        return unreadable(self._path, str(cause))


def own_only(path: Path) -> None:
    """Make the file if there is none, and leave it readable by its owner only; its -wal file takes after it.

    Raises StepFailed where nothing can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as cause:
        raise StepFailed(f"the journal can't be kept: {cause.strerror}", where=str(cause.filename or path)) from cause


def understood(path: Path, text: str) -> Any:
    """The value of a JSON text of the journal. Raises PlanRefused if it is none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as cause:
        raise unreadable(path, f"an entry is damaged ({cause})") from cause


def _columns(rows: Sequence[Any]) -> frozenset[str]:
    return frozenset(str(row[1]) for row in rows)


def unreadable(path: Path, why: str) -> PlanRefused:
    """The error for a journal that can't be used."""
    return PlanRefused(
        f"the journal can't be read: {why}",
        where=str(path),
        do="move it away, together with its -wal file; then `statecfg plan` goes on from what it finds",
    )
