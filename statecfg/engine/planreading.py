"""Plan files, read: every line is of its type and in its place, or the file is refused with the line's number.

A digest that is right says nothing of who wrote the lines, so nothing in them is believed before it was looked at:
types, order, ranges. Records are checked with the rest and read again, one by one, when they are sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec

from statecfg.model.declared import Condition
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Finding, Header, Plan, Step, Summary, Unchanged, WorldLine
from statecfg.model.records import Record

FORMAT = 1
LONGEST_LINE = 16 * 1024 * 1024
"""A step's line carries a map's whole mapping, at most about a megabyte."""
LONGEST_DEADLINE_S = 7 * 24 * 3600.0
MOST_WORKERS = 64
MOST_RECORDS = 1_000_000_000
LARGEST_EXPONENT = 30

_Value = str | int | bool | None


class _Kind(msgspec.Struct):
    """What every line has."""

    type: str


class _HeaderLine(msgspec.Struct):
    format: int


class _RecordLine(msgspec.Struct):
    step: int
    key: str
    id: str
    before: str
    values: dict[str, _Value]
    row: int
    money: tuple[str, ...]


class _StepLine(msgspec.Struct):
    conditions: tuple[Condition, ...]


class _Reads(msgspec.Struct):
    reads: dict[str, Any]
    passed: str


class _Trailer(msgspec.Struct):
    type: str
    sha256: str


_VALUES: Mapping[str, type[Any]] = {
    "findings": Finding,
    "settled": Finding,
    "unchanged": Unchanged,
    "summaries": Summary,
    "world": WorldLine,
}
_decoders: dict[type[Any], Any] = {}


def _decoded(line: bytes, kind: type[Any]) -> Any:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind].decode(line)


@dataclass(frozen=True, slots=True)
class FileRecords:
    """A step's records in a plan file; iterating reads them from there. `start` is a byte offset."""

    path: str
    start: int
    count: int

    def __iter__(self) -> Iterator[Record]:
        try:
            with Path(self.path).open("rb") as file:
                file.seek(self.start)
                for _ in range(self.count):
                    yield _record(file.readline(LONGEST_LINE))
        except (OSError, ValueError, InvalidOperation) as cause:
            raise refused(self.path, f"the plan's records changed while they were used ({cause})") from cause


def refused(path: Path | str, what: str, line: int = 0) -> PlanRefused:
    """The error for a file that is no plan that can be taken."""
    where = f"{path}:{line}" if line else str(path)
    return PlanRefused(what, where=where, do="make a new plan: statecfg plan PHASE --out FILE")


def read(path: Path) -> tuple[Plan, str]:
    """The plan in a file, and its SHA-256. Raises PlanRefused unless it is a whole and unchanged plan."""
    reader = _Reader(path)
    try:
        sha256 = reader.verified()
        return reader.plan(), sha256
    except (OSError, ValueError, RecursionError, InvalidOperation) as cause:
        raise refused(path, f"this is not a plan that can be read ({cause})", reader.line) from cause


class _Reader:
    """One plan file. line: the number of the line that is being looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.line = 0
        self._steps: list[Step] = []
        self._header: Header | None = None
        self._reads: _Reads | None = None
        self._values: dict[str, list[Any]] = {name: [] for name in _VALUES}

    def verified(self) -> str:
        """The digest that the last line says and the others have. Raises PlanRefused if they disagree."""
        digest, last = hashlib.sha256(), b""
        for _, line in self._lines():
            digest.update(last)
            last = line
        trailer = _decoded(last, _Trailer)
        if trailer.type != "trailer":
            raise refused(self._path, "the plan is cut short: its last line is missing", self.line)
        if trailer.sha256 != digest.hexdigest():
            raise refused(self._path, "the plan was changed after it was made: its digest is not that of its lines")
        return digest.hexdigest()

    def plan(self) -> Plan:
        """What the lines say."""
        last = self.line
        for end, line in self._lines():
            kind = _decoded(line, _Kind).type
            if (kind == "header") != (self.line == 1) or (kind == "trailer") != (self.line == last):
                self._no(f"a line of type {kind[:40]!r} can't stand here")
            if kind != "trailer":
                self._take(kind, line, end)
        if self._header is None or self._reads is None:
            self._no("the line that says what was read is missing")
        values = {name: tuple(found) for name, found in self._values.items()}
        steps = tuple(_counted(step) for step in self._steps)
        return Plan(self._header, steps=steps, reads=self._reads.reads, passed=self._reads.passed, **values)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line with the offset behind it."""
        self.line = 0
        with self._path.open("rb") as file:
            while line := file.readline(LONGEST_LINE + 1):
                self.line += 1
                if len(line) > LONGEST_LINE:
                    self._no(f"a line is longer than {LONGEST_LINE:,} bytes")
                yield file.tell(), line

    def _no(self, what: str) -> NoReturn:
        raise ValueError(what)

    def _take(self, kind: str, line: bytes, end: int) -> None:
        if kind == "record":
            self._count(line)
        elif kind == "step":
            self._steps.append(self._step(line, end))
        elif kind in _VALUES:
            self._values[kind].append(_decoded(line, _VALUES[kind]))
        elif kind == "header":
            self._header = self._checked(line)
        elif kind == "reads" and self._reads is None:
            self._reads = _decoded(line, _Reads)
        else:
            self._no(f"a line of type {kind[:40]!r} can't stand here")

    def _checked(self, line: bytes) -> Header:
        if _decoded(line, _HeaderLine).format != FORMAT:
            raise refused(self._path, "the plan was made by another version of statecfg", self.line)
        header = cast(Header, _decoded(line, Header))
        for moment in (header.made_at, header.expires_at):
            datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S%z")
        return header

    def _step(self, line: bytes, end: int) -> Step:
        step = cast(Step, _decoded(line, Step))
        if step.number != len(self._steps) + 1:
            self._no(f"step {step.number} stands where step {len(self._steps) + 1} belongs")
        _check_ranges(step)
        conditions = _decoded(line, _StepLine).conditions
        return replace(step, conditions=conditions, records=FileRecords(str(self._path), end, 0))

    def _count(self, line: bytes) -> None:
        number = _decoded(line, _RecordLine).step
        _record(line)
        if not self._steps or self._steps[-1].number != number:
            self._no(f"a record of step {number} stands where none belongs")
        records = cast(FileRecords, self._steps[-1].records)
        self._steps[-1] = replace(self._steps[-1], records=replace(records, count=records.count + 1))


def _counted(step: Step) -> Step:
    records = cast(FileRecords, step.records)
    return replace(step, count=records.count or step.count, records=records if records.count else ())


def _check_ranges(step: Step) -> None:
    """Raises ValueError for a step that could never have been planned: it might hang, or send nothing."""
    sound = 0 <= step.count <= MOST_RECORDS and 0 <= step.deadline_s <= LONGEST_DEADLINE_S
    if batching := step.batching:
        sound = sound and 1 <= batching.workers <= MOST_WORKERS and batching.group >= 1
        sound = sound and 1 <= batching.size <= batching.most and (batching.every_s is None or batching.every_s >= 0)
    if not sound:
        raise ValueError(f"a number of step {step.number} is out of its range")


def _record(line: bytes) -> Record:
    found: _RecordLine = _decoded(line, _RecordLine)
    values: dict[str, Any] = dict(found.values)
    for name in found.money:
        values[name] = _money(values.get(name))
    return Record(found.key, found.id, found.before, values, found.row)


def _money(text: Any) -> Decimal:
    value = Decimal(text) if isinstance(text, str) else Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > LARGEST_EXPONENT:
        raise ValueError("an amount is no number, or beyond every amount")
    return value
