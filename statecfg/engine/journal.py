"""What was intended and what came of it, kept in SQLite so that a kill at any moment loses nothing.

An intent is committed before its own request leaves; its result afterwards. Only ever added to. Losing the file loses
history, never safety: everything needed to go on can be read from the environment and from the run file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from statecfg.engine.journalfile import JournalFile, own_only, understood, unreadable
from statecfg.model.plan import Identity, Step
from statecfg.model.records import Record
from statecfg.model.results import RunResult, RunSummary

_TABLES = """
create table if not exists run (id text primary key, environment text, organization text, phase text, plan text,
    digest text, who text, reason text, started_at text, ended_at text, result text, counts text);
create table if not exists intent (id integer primary key, run text, step integer, verb text, address text,
    records text, at text);
create table if not exists result (intent integer, state text, detail text, at text);
create table if not exists event (run text, at text, name text, data text);
create index if not exists intent_run on intent (run, step);
create index if not exists result_intent on result (intent);
"""


OPEN = ("", "lost")
"""States of an intent whose outcome must be found out by looking."""


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A request that may have left, and whose result is unknown. ids: of the records it held."""

    number: int
    step: int
    verb: str
    address: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepEvent:
    """The last thing told of a step: that it was begun (`state` is ""), or what it came to."""

    step: int
    address: str
    verb: str
    summary: str
    total: int
    state: Literal["", "done", "failed", "unknown"] = ""
    done: int = 0
    refused: int = 0
    what: str = ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """The journal of one project directory. One writer at a time; safe to call from several threads.

    cleaned: takes secrets out of what is noted of answers and events.
    """

    def __init__(self, path: Path, cleaned: Callable[[Any], Any] = lambda value: value) -> None:
        self.path = path
        self._cleaned = cleaned
        self._lock = threading.Lock()
        own_only(path)
        self._db = JournalFile(path, _TABLES)

    def close(self) -> None:
        """Close the file; everything noted is on disk already."""
        with self._lock:
            self._db.close()

    def begin(self, run: str, identity: Identity, phase: str, plan: str, digest: str, who: str, reason: str) -> None:
        """Note that a run begins. plan: path of the plan file; digest: its SHA-256."""
        values = (run, identity.name, identity.organization_id, phase, plan, digest, who, reason, _now(), "", "running")
        with self._writing() as db:
            db.execute("insert into run values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}')", values)

    def reopen(self, run: str) -> None:
        """Note that a run goes on."""
        with self._writing() as db:
            db.execute("update run set ended_at = '', result = 'running' where id = ?", (run,))

    def end(self, run: str, result: RunResult, counts: dict[str, int]) -> None:
        """Note how a run ended."""
        with self._writing() as db:
            db.execute(
                "update run set ended_at = ?, result = ?, counts = ? where id = ?",
                (_now(), result, json.dumps(counts), run),
            )

    def intend(self, run: str, step: Step, batches: Sequence[Sequence[Record]]) -> list[int]:
        """Note what is about to be sent, one entry for each request, in one commit. Returns the entries' numbers."""
        with self._writing() as db:
            return [self._intent(db, run, step, batch) for batch in batches]

    def _intent(self, db: JournalFile, run: str, step: Step, batch: Sequence[Record]) -> int:
        records = json.dumps([[record.key, record.id] for record in batch])
        row = (run, step.number, step.verb, str(step.address), records, _now())
        done = db.execute("insert into intent (run, step, verb, address, records, at) values (?, ?, ?, ?, ?, ?)", row)
        return int(done.lastrowid or 0)

    def note(self, intent: int, state: str, detail: Any = None) -> None:
        """Note the result of an intent: done, refused, lost, skipped."""
        with self._writing() as db:
            db.execute(
                "insert into result values (?, ?, ?, ?)",
                (intent, state, json.dumps(self._cleaned(detail), default=str), _now()),
            )

    def event(self, run: str, name: str, data: Any) -> None:
        """Keep an event with its run."""
        with self._writing() as db:
            db.execute(
                "insert into event values (?, ?, ?, ?)",
                (run, _now(), name, json.dumps(self._cleaned(data), default=str)),
            )

    def runs(self) -> tuple[RunSummary, ...]:
        """Every run, newest first."""
        with self._lock:
            rows = self._db.execute(
                "select id, environment, phase, who, started_at, ended_at, result, digest, counts, reason from run"
                " order by started_at desc, rowid desc"
            ).fetchall()
        return tuple(_summary(row, understood(self.path, row[8])) for row in rows)

    def entries(self, run: str) -> Iterator[tuple[int, str, str, str, str]]:
        """(step, verb, address, records as JSON, state) of every intent of a run, in order; state "" if unknown."""
        with self._lock:
            rows = self._db.execute(
                "select i.step, i.verb, i.address, i.records, coalesce((select r.state from result r"
                " where r.intent = i.id order by r.rowid desc limit 1), '')"
                " from intent i where i.run = ? order by i.id",
                (run,),
            ).fetchall()
        return iter(rows)

    def open_intents(self, run: str) -> tuple[OpenIntent, ...]:
        """Every intent whose result is not known or whose answer was lost, in order."""
        with self._lock:
            rows = self._db.execute(
                "select i.id, i.step, i.verb, i.address, i.records, coalesce((select r.state from result r"
                " where r.intent = i.id order by r.rowid desc limit 1), '') as state"
                " from intent i where i.run = ? order by i.id",
                (run,),
            ).fetchall()
        return tuple(
            OpenIntent(number, step, verb, address, tuple(id_ for _, id_ in understood(self.path, records)))
            for number, step, verb, address, records, state in rows
            if state in OPEN
        )

    def completed_steps(self, run: str) -> frozenset[int]:
        """Numbers of the steps that a run completed."""
        with self._lock:
            rows = self._db.execute(
                "select data from event where run = ? and name = 'step_complete'", (run,)
            ).fetchall()
        done = (understood(self.path, row[0]) for row in rows)
        return frozenset(int(data["step"]) for data in done if data.get("state") == "done")

    def steps(self, run: str) -> dict[int, StepEvent]:
        """The last event of each step of a run, by the step's number. Raises PlanRefused if an entry is damaged."""
        with self._lock:
            rows = self._db.execute(
                "select data from event where run = ? and name in ('step_start', 'step_complete') order by rowid",
                (run,),
            ).fetchall()
        try:
            told = [msgspec.convert(understood(self.path, row[0]), StepEvent) for row in rows]
        except msgspec.ValidationError as cause:
            raise unreadable(self.path, f"an event is damaged ({cause})") from cause
        return {event.step: event for event in told}

    def ended_s(self, run: str) -> float:
        """Seconds since a run ended in order, by this machine's clock; 0 if it never did (it was killed)."""
        with self._lock:
            row = self._db.execute("select ended_at from run where id = ?", (run,)).fetchone()
        if not row or not row[0]:
            return 0.0
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(row[0])).total_seconds())

    def used(self, digest: str) -> str:
        """The run that has used the plan of this digest, "" if none has."""
        with self._lock:
            row = self._db.execute("select id from run where digest = ? limit 1", (digest,)).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def _writing(self) -> Iterator[JournalFile]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")


def _summary(row: Sequence[Any], counts: dict[str, int]) -> RunSummary:
    run, environment, phase, who, started, ended, result, digest, _, reason = row
    return RunSummary(
        run=run,
        environment=environment,
        phase=phase,
        who=who,
        started_at=started,
        ended_at=ended,
        result=result,
        digest=digest,
        counts=counts,
        reason=reason,
    )
