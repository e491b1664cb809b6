"""The one world all services share: rows in SQLite, a clock, settings, hooks, seeded randomness.

Services agree on nothing but this: what Dataverse writes, dual-write reads, and F&O holds are rows of one store, so
that a transaction spans both sides as it does in the product. Nothing here knows a service or a protocol.
"""

# ruff: noqa: S608 - SQL is built from quoted catalog names; values are always parameters.
from __future__ import annotations

import json
import random
import shutil
import sqlite3
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from statecfg.sandbox.faults import Faults
from statecfg.sandbox.hooks import Hooks, PropagationFailed, Refused
from statecfg.sandbox.settings import Settings, UnknownSetting
from statecfg.sandbox.sums import ExactSum
from statecfg.sandbox.tables import (
    SQL_TYPES,
    AlternateKey,
    Column,
    Option,
    OutOfRange,
    Table,
    Target,
    decoder,
    encoder,
)
from statecfg.sandbox.wildcards import folded, matches

__all__ = [
    "AlternateKey", "Column", "Duplicate", "Hooks", "Missing", "Option", "OutOfRange", "PropagationFailed", "Refused",
    "Row", "Settings", "Table", "Target", "Tx", "UnknownSetting", "World",
]  # fmt: skip

Row = dict[str, Any]
Key = str | int | tuple[Any, ...]

_STATEMENTS_KEPT = 512
# Room for the indexes of a hundred thousand milestones: with the usual 2 MB each insert would fetch pages again.
_CACHE_KB = 131_072
_MAPPED_BYTES = 1 << 30
_CHECKPOINT_PAGES = 10_000
_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS "world.numbers" (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "world.settings" (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Duplicate(Exception):
    """A row with these key values exists already; columns: the violated key, the primary one or an alternate."""

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        super().__init__(f"{table} has a row with the same {', '.join(columns)}")
        self.table = table
        self.columns = columns


class Missing(KeyError):
    """No row of the table has this key."""

    def __init__(self, table: str, key: Key) -> None:
        super().__init__(f"{table} has no row {key}")
        self.table = table
        self.key = key


class Shape:
    """A table made ready for SQL: column lists, encoders and decoders, computed once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.names = tuple(column.name for column in table.columns)
        self.columns = {column.name: column for column in table.columns}
        self.encoders = {c.name: encode for c in table.columns if (encode := encoder(c))}
        self.decoders = tuple((c.name, decode) for c in table.columns if (decode := decoder(c)))
        self.converted = tuple(
            (place, c.name, self.encoders[c.name], decoder(c))
            for place, c in enumerate(table.columns)
            if c.name in self.encoders
        )
        self.defaults = {c.name: c.default for c in table.columns if c.default is not None}
        self.sequences = tuple((c.name, c.sequence) for c in table.columns if c.sequence)
        self.restamped = tuple((c.name, c.sequence) for c in table.columns if c.restamped)
        self.sql_name = quoted(table.name)
        self.selected = ", ".join(quoted(name) for name in self.names)
        self.by_key = " AND ".join(f"{quoted(name)} = ?" for name in table.key)
        marks = ", ".join("?" * len(self.names))
        self.insert = f"INSERT INTO {self.sql_name} ({self.selected}) VALUES ({marks})"

    def encoded(self, name: str, value: Any) -> Any:
        """A value as it is stored. Raises KeyError for an unknown column, OutOfRange."""
        if name not in self.columns:
            raise KeyError(f"{self.table.name} has no column {name}")
        encode = self.encoders.get(name)
        return value if encode is None or value is None else encode(value)

    def decoded(self, values: Sequence[Any]) -> Row:
        """A stored row as Python values."""
        row = dict(zip(self.names, values, strict=True))
        for name, decode in self.decoders:
            value = row[name]
            if value is not None:
                row[name] = decode(value)
        return row

    def key_values(self, key: Key) -> tuple[Any, ...]:
        """The primary key's stored values, from a scalar or a tuple."""
        values = key if isinstance(key, tuple) else (key,)
        return tuple(self.encoded(name, value) for name, value in zip(self.table.key, values, strict=True))

    def statements(self) -> Iterator[str]:
        """What creates the table and its indexes."""
        columns = [f"{quoted(c.name)} {SQL_TYPES[c.type]}" for c in self.table.columns]
        key = ", ".join(quoted(name) for name in self.table.key)
        yield f"CREATE TABLE IF NOT EXISTS {self.sql_name} ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID"
        groups = [("", index) for index in self.table.indexes]
        groups += [("UNIQUE ", alternate.columns) for alternate in self.table.alternate_keys]
        for number, (unique, names) in enumerate(groups):
            listed = ", ".join(quoted(name) for name in names)
            name = quoted(f"{self.table.name}#{number}")
            yield f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {self.sql_name} ({listed})"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Tx:
    """One transaction, or one read snapshot, of the world.

    from_peer: the write comes from the other side of dual-write, so nothing is sent back.
    caller: id of the user the write is made for, "" for the service itself.
    """

    def __init__(self, world: World, connection: sqlite3.Connection) -> None:
        self.world = world
        self.connection = connection
        self.from_peer = False
        self.caller = ""

    @contextmanager
    def echoing(self) -> Iterator[None]:
        """Writes in this block are the other side's own, and are not sent back to it."""
        before, self.from_peer = self.from_peer, True
        try:
            yield
        finally:
            self.from_peer = before

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Writes in this block are undone alone if it raises."""
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")

    def insert(self, table: str, row: Mapping[str, Any]) -> Row:
        """Add a row, its key, sequences and defaults filled; as stored. Raises Duplicate, OutOfRange, KeyError."""
        shape = self.world.shape(table)
        full = self._filled(shape, row)
        try:
            self.connection.execute(shape.insert, self._encoded(shape, full))
        except sqlite3.IntegrityError as cause:
            raise Duplicate(table, _violated(shape, str(cause))) from cause
        return full

    def insert_many(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Add rows and return their number. Raises Duplicate: then the caller's transaction must end."""
        shape = self.world.shape(table)
        encoded = [self._encoded(shape, self._filled(shape, row)) for row in rows]
        try:
            self.connection.executemany(shape.insert, encoded)
        except sqlite3.IntegrityError as cause:
            raise Duplicate(table, _violated(shape, str(cause))) from cause
        return len(encoded)

    def update(self, table: str, key: Key, changes: Mapping[str, Any]) -> Row:
        """Change a row and return it whole. Raises Missing, Duplicate, OutOfRange, KeyError."""
        shape = self.world.shape(table)
        stamped = {**changes, **{name: self.next_number(sequence) for name, sequence in shape.restamped}}
        assigned = ", ".join(f"{quoted(name)} = ?" for name in stamped)
        values = [shape.encoded(name, value) for name, value in stamped.items()]
        sql = f"UPDATE {shape.sql_name} SET {assigned} WHERE {shape.by_key} RETURNING {shape.selected}"
        try:
            found = self.connection.execute(sql, (*values, *shape.key_values(key))).fetchall() if stamped else None
        except sqlite3.IntegrityError as cause:
            raise Duplicate(table, _violated(shape, str(cause))) from cause
        row = shape.decoded(found[0]) if found else self.get(table, key) if found is None else None
        if row is None:
            raise Missing(table, key)
        return row

    def delete(self, table: str, key: Key) -> None:
        """Remove a row. Raises Missing."""
        shape = self.world.shape(table)
        sql = f"DELETE FROM {shape.sql_name} WHERE {shape.by_key}"
        if self.connection.execute(sql, shape.key_values(key)).rowcount == 0:
            raise Missing(table, key)

    def get(self, table: str, key: Key) -> Row | None:
        """The row with this key, or None."""
        shape = self.world.shape(table)
        sql = f"SELECT {shape.selected} FROM {shape.sql_name} WHERE {shape.by_key}"
        found = self.connection.execute(sql, shape.key_values(key)).fetchone()
        return shape.decoded(found) if found else None

    def find(self, table: str, **equals: Any) -> list[Row]:
        """Rows whose columns have these values (None: empty), in key order. Texts compare without regard to case."""
        shape = self.world.shape(table)
        present = {name: shape.encoded(name, value) for name, value in equals.items() if value is not None}
        absent = [f"{quoted(name)} IS NULL" for name, value in equals.items() if value is None]
        where = " AND ".join([*(f"{quoted(name)} = ?" for name in present), *absent])
        return list(self.select(table, where, tuple(present.values())))

    def select(
        self, table: str, where: str = "", params: Sequence[Any] = (), order: str = "", limit: int | None = None
    ) -> Iterator[Row]:
        """Rows by SQL condition, in `order` or key order; params are stored values (money in ten-thousandths)."""
        shape = self.world.shape(table)
        ordered = order or ", ".join(quoted(name) for name in shape.table.key)
        sql = f"SELECT {shape.selected} FROM {shape.sql_name}"
        sql += f" WHERE {where}" if where else ""
        sql += f" ORDER BY {ordered}"
        sql += f" LIMIT {int(limit)}" if limit is not None else ""
        return map(shape.decoded, self.connection.execute(sql, tuple(params)))

    def next_number(self, sequence: str) -> int:
        """The next number of a sequence; the first is 1 unless `start_number` said otherwise."""
        sql = (
            'INSERT INTO "world.numbers" VALUES (?, 1) '
            "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        found = self.connection.execute(sql, (sequence,)).fetchall()
        return int(found[0][0])

    def start_number(self, sequence: str, last: int) -> None:
        """Have a sequence go on after `last`."""
        self.connection.execute('INSERT OR REPLACE INTO "world.numbers" VALUES (?, ?)', (sequence, last))

    def _filled(self, shape: Shape, row: Mapping[str, Any]) -> Row:
        for name in row:
            if name not in shape.columns:
                raise KeyError(f"{shape.table.name} has no column {name}")
        full = dict.fromkeys(shape.names)
        full.update(shape.defaults)
        full.update(row)
        for name, sequence in shape.sequences:
            if full[name] is None:
                full[name] = self.next_number(sequence)
        self._fill_key(shape, full)
        return full

    def _fill_key(self, shape: Shape, full: Row) -> None:
        key = shape.table.key[0]
        if len(shape.table.key) > 1 or full[key] is not None:
            return
        is_guid = shape.columns[key].type == "guid"
        full[key] = self.world.new_guid() if is_guid else self.next_number(shape.table.name)

    def _encoded(self, shape: Shape, full: Row) -> list[Any]:
        """Values in column order; `full` is brought to what a later read would give."""
        encoded = list(full.values())
        for place, name, encode, decode in shape.converted:
            value = encoded[place]
            if value is not None:
                stored = encoded[place] = encode(value)
                full[name] = stored if decode is None else decode(stored)
        return encoded


def _violated(shape: Shape, message: str) -> tuple[str, ...]:
    """The columns of the violated key, from SQLite's `UNIQUE constraint failed: table.a, table.b`."""
    prefix = f"{shape.table.name}."
    parts = message.partition(": ")[2].split(", ")
    return tuple(part.removeprefix(prefix) for part in parts)


class World:
    """One shared world. `path` is a file, or ":memory:" for one that is gone with the object."""

    def __init__(self, path: str = ":memory:", *, seed: int = 7, settings: Mapping[str, Any] | None = None) -> None:
        # Readers need a snapshot beside the writer, which only a file gives; a passing world lives in a temporary one.
        self._passing = tempfile.mkdtemp(prefix="world-") if path == ":memory:" else None
        self._path = str(Path(self._passing) / "world.db") if self._passing else path
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._current: Tx | None = None
        self._idle: list[sqlite3.Connection] = []
        self._shapes: dict[str, Shape] = {}
        self._snapshots: dict[str, sqlite3.Connection] = {}
        self._connection = self._opened()
        self._connection.executescript(_OWN_TABLES)
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - repeatable worlds, no secrets
        self.faults = Faults()
        self.hooks: Hooks[Tx] = Hooks(self.faults)
        self.settings = Settings(self._stored_settings(), self._save_setting)
        for name, value in (settings or {}).items():
            self.settings[name] = value
        self.settings.declare("clock.offset_s", 0, "seconds the world's clock is ahead of the machine's")

    def define(self, table: Table) -> None:
        """Create the SQL table for a catalog table; one that exists, of an older release, gets what it lacks."""
        shape = Shape(table)
        create, *indexes = shape.statements()
        with self.transaction() as tx:
            tx.connection.execute(create)
            there = {row[1] for row in tx.connection.execute(f"PRAGMA table_info({shape.sql_name})")}
            for c in (c for c in table.columns if c.name not in there):
                tx.connection.execute(f"ALTER TABLE {shape.sql_name} ADD COLUMN {quoted(c.name)} {SQL_TYPES[c.type]}")
            for statement in indexes:
                tx.connection.execute(statement)
        self._shapes[table.name] = shape

    def shape(self, table: str) -> Shape:
        """A defined table made ready for SQL. Raises KeyError."""
        return self._shapes[table]

    def has(self, table: str) -> bool:
        """Whether a table of this name is defined."""
        return table in self._shapes

    @property
    def tables(self) -> dict[str, Table]:
        """Every defined table by name."""
        return {name: shape.table for name, shape in self._shapes.items()}

    @property
    def writes(self) -> int:
        """Rows written so far, those that were rolled back too: as long as it stays, nothing has changed."""
        return self._connection.total_changes

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """The only writer of the world; committed at the end, rolled back on any exception. It doesn't nest."""
        if self._owner == threading.get_ident():
            raise RuntimeError("a transaction is open already in this thread")
        with self._lock:
            self._owner = threading.get_ident()
            self._connection.execute("BEGIN IMMEDIATE")
            self._current = Tx(self, self._connection)
            try:
                yield self._current
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._owner = self._current = None

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A snapshot of what is committed; it never waits for the writer."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._opened()
        connection.execute("BEGIN")
        try:
            yield Tx(self, connection)
        finally:
            connection.execute("ROLLBACK")
            self._idle.append(connection)

    def now(self) -> datetime:
        """The world's time, UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(self.settings["clock.offset_s"]))

    def timestamp(self) -> str:
        """The world's time as rows hold it, `2024-01-31T00:00:00Z`."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_guid(self) -> str:
        """A random GUID; the same ones in the same order for the same seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def snapshot(self, name: str) -> None:
        """Keep the whole present state under a name."""
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        with self._lock:
            self._connection.backup(kept)
        self._snapshots[name] = kept

    def kept(self, name: str) -> sqlite3.Connection:
        """The store that holds a kept state, to be read only. Raises KeyError."""
        return self._snapshots[name]

    def forget(self, name: str) -> None:
        """Keep a state no longer. Raises KeyError."""
        self._snapshots.pop(name).close()

    def restore(self, name: str) -> None:
        """Go back to a kept state. Raises KeyError."""
        kept = self._snapshots[name]
        with self._lock:
            kept.backup(self._connection)
        self.settings.reload(self._stored_settings())

    def close(self) -> None:
        """Close the store; a passing world is removed."""
        with self._lock:
            for connection in (self._connection, *self._idle, *self._snapshots.values()):
                connection.close()
            self._idle.clear()
        if self._passing:
            shutil.rmtree(self._passing, ignore_errors=True)

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS_KEPT
        )
        # A crash may lose the sandbox's last writes, as a power cut would: speed matters more here.
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA busy_timeout=20000; PRAGMA temp_store=MEMORY;"
            f"PRAGMA cache_size=-{_CACHE_KB}; PRAGMA mmap_size={_MAPPED_BYTES};"
            f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES};"
        )
        connection.create_function("fold", 1, folded, deterministic=True)
        connection.create_function("wildcard", 2, matches, deterministic=True)
        connection.create_aggregate("exact_sum", 1, ExactSum)  # type: ignore[arg-type]  # typeshed knows whole sums only
        return connection

    def _stored_settings(self) -> dict[str, Any]:
        rows = self._connection.execute('SELECT name, value FROM "world.settings"')
        return {name: json.loads(value) for name, value in rows}

    def _save_setting(self, name: str, value: Any) -> None:
        sql = 'INSERT OR REPLACE INTO "world.settings" VALUES (?, ?)'
        if self._current is not None and self._owner == threading.get_ident():
            self._current.connection.execute(sql, (name, json.dumps(value, default=float)))
            return
        with self.transaction() as tx:
            tx.connection.execute(sql, (name, json.dumps(value, default=float)))
