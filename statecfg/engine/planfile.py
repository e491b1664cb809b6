"""Plan files: JSON Lines, streamed out and in, closed by a digest over everything before it.

The digest proves that a file is whole and unchanged; it says nothing of who made it. Money is written as decimal
text beside the names of the columns that it fills, so that it comes back as exactly the same Decimal.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from statecfg.engine.planreading import FORMAT, FileRecords, read
from statecfg.model.address import Address
from statecfg.model.plan import Plan, Step, WorldLine
from statecfg.model.records import Record

__all__ = ["FileRecords", "moved", "read", "records_moved", "write"]

NAMED = 20
"""So many records of a plan are named when they would be sent otherwise now."""

_encode = msgspec.json.Encoder(decimal_format="string").encode


class _Digesting:
    """Writes lines and digests them."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def line(self, kind: str, body: Mapping[str, Any]) -> None:
        data = _encode({"type": kind, **body}) + b"\n"
        self.digest.update(data)
        self.file.write(data)


def write(plan: Plan, path: Path) -> tuple[Plan, str]:
    """Write a plan, records and all, and return it as it stands on disk together with its SHA-256 (hex).

    The file appears whole or not at all. Steps' records are iterated once, so that none is held in memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        out = _Digesting(file)
        out.line("header", {"format": FORMAT, **_plain(plan.header)})
        for name in ("findings", "settled", "unchanged", "summaries"):
            for value in getattr(plan, name):
                out.line(name, _plain(value))
        out.line("reads", {"reads": dict(plan.reads), "passed": plan.passed})
        steps = tuple(_write_step(out, step, path) for step in plan.steps)
        for line in plan.world:
            out.line("world", _plain(line))
        sha256 = out.digest.hexdigest()
        file.write(_encode({"type": "trailer", "sha256": sha256}) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return replace(plan, steps=steps), sha256


def _write_step(out: _Digesting, step: Step, path: Path) -> Step:
    out.line("step", {k: v for k, v in _plain(step).items() if k != "records"})
    start, count = out.file.tell(), 0
    for record in step.records:
        money = [name for name, value in record.values.items() if isinstance(value, Decimal)]
        out.line("record", {"step": step.number, **_plain(record), "money": money})
        count += 1
    return replace(step, records=FileRecords(str(path), start, count) if count else (), count=count or step.count)


def _plain(value: Any) -> dict[str, Any]:
    """A frozen value as a JSON object, one level named by its fields."""
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}


def moved(before: Iterable[WorldLine], now: Iterable[WorldLine]) -> tuple[str, ...]:
    """What is no longer as a plan saw it, one line for each part, named for a person; empty if nothing moved."""
    old = {(line.address, line.part): line for line in before}
    new = {(line.address, line.part): line for line in now}
    keys = [*old, *(key for key in new if key not in old)]
    return tuple(_words(key, old.get(key), new.get(key)) for key in keys if _differ(old.get(key), new.get(key)))


def _differ(old: WorldLine | None, new: WorldLine | None) -> bool:
    return old is None or new is None or (old.count, old.digest) != (new.count, new.digest)


def _words(key: tuple[Address, str], old: WorldLine | None, new: WorldLine | None) -> str:
    was = (old.value or f"{old.count} records") if old else "nothing"
    is_ = (new.value or f"{new.count} records") if new else "nothing"
    fields = _fields(was, is_)
    return f"{key[0]} {key[1]}: " + ("; ".join(fields) or f"{was}, but not the same as before")


def _fields(was: str, is_: str) -> list[str]:
    """What two texts of `field: value` parts, or of one value, don't share, field by field, as old -> new."""
    if was == is_:
        return []
    before, after = _parts(was), _parts(is_)
    if before is None or after is None:
        return [f"{was} -> {is_}"]
    names = dict.fromkeys([*before, *after])
    return [_change(n, before.get(n, "none"), after.get(n, "none")) for n in names if before.get(n) != after.get(n)]


def _parts(text: str) -> dict[str, str] | None:
    parts = [part.partition(": ") for part in text.split("; ")]
    return {name: value for name, _, value in parts} if all(colon for _, colon, _ in parts) else None


def _change(name: str, was: str, is_: str) -> str:
    # A checksum says that something moved, and nothing that a person could use.
    return f"{name} moved" if "#" in was + is_ else f"{name}: {was} -> {is_}"


def records_moved(before: Iterable[Step], now: Iterable[Step]) -> tuple[str, ...]:
    """Records that a plan would send and that would be sent otherwise now, or not at all, by key; the first of them.

    To be asked when something moved: it goes through all records of both.
    """
    now = tuple(now)
    same = {_fingerprint(step, record) for step in now if step.sends for record in step.records}
    left = (
        (step, record)
        for step in before
        if step.sends
        for record in step.records
        if _fingerprint(step, record) not in same
    )
    named = {record.id: (step, record) for step, record in islice(left, NAMED)}
    found = {record.id: (step, record) for step in now if step.sends for record in step.records if record.id in named}
    return tuple(_otherwise(*planned, found.get(key)) for key, planned in named.items())


def _fingerprint(step: Step, record: Record) -> int:
    return hash((step.address, _verb(step), record.id, record.before, *map(str, record.values.items())))


def _verb(step: Step) -> str:
    return step.verb.removesuffix("-canary")


def _otherwise(step: Step, record: Record, found: tuple[Step, Record] | None) -> str:
    what = f"{step.address} {record.key}: was to be sent ({_verb(step)})"
    if found is None:
        return f"{what}, and isn't to be any more" + (": it exists by now" if step.mark == "+" else "")
    if _verb(found[0]) != _verb(step):
        return f"{what}, and is to be sent as {_verb(found[0])} now: its status is another"
    values = found[1].values
    fields = [name for name in {**record.values, **values} if record.values.get(name) != values.get(name)]
    return f"{what}, and is another by now" + (f": {', '.join(fields)}" if fields else "")
