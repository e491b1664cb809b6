"""Plan files: JSON Lines, streamed out and in, closed by a digest over everything before it.

The digest proves that a file is whole and unchanged; it says nothing of who made it. Money is written as decimal
text beside the names of the columns that it fills, so that it comes back as exactly the same Decimal.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import msgspec

from statecfg.model.address import Address, Source
from statecfg.model.declared import Condition
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import (
    Batching,
    FieldChange,
    Finding,
    Header,
    Identity,
    Plan,
    Step,
    Summary,
    Unchanged,
    WorldLine,
)
from statecfg.model.records import Record

FORMAT = 1
_encode = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True, slots=True)
class FileRecords:
    """A step's records in a plan file; iterating reads them from there. `start` is a byte offset."""

    path: str
    start: int
    count: int

    def __iter__(self) -> Iterator[Record]:
        with Path(self.path).open("rb") as file:
            file.seek(self.start)
            for _ in range(self.count):
                yield _record(msgspec.json.decode(file.readline()))


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


def read(path: Path) -> tuple[Plan, str]:
    """The plan in a file, and its SHA-256. Raises PlanRefused unless it is a whole and unchanged plan."""
    try:
        sha256 = _verified(path)
        return _built(path), sha256
    except (OSError, msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise _refused(path, f"this is not a plan that can be read ({cause})") from cause


def _verified(path: Path) -> str:
    digest, last = hashlib.sha256(), b""
    with path.open("rb") as file:
        for line in file:
            digest.update(last)
            last = line
    trailer = msgspec.json.decode(last)
    if trailer.get("type") != "trailer":
        raise _refused(path, "the plan is cut short: its last line is missing")
    if trailer["sha256"] != digest.hexdigest():
        raise _refused(path, "the plan was changed after it was made: its digest is not that of its lines")
    return digest.hexdigest()


def _refused(path: Path, what: str) -> PlanRefused:
    return PlanRefused(what, where=str(path), do="make a new plan: statecfg plan PHASE --out FILE")


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        while line := file.readline():
            yield file.tell(), msgspec.json.decode(line)


def _built(path: Path) -> Plan:
    parts: dict[str, list[Any]] = {name: [] for name in ("header", "reads", "step", *_PARTS)}
    for end, line in _lines(path):
        kind = line.pop("type")
        if kind == "record":
            _count(parts["step"], line["step"])
        elif kind == "step":
            parts["step"].append({**line, "records": FileRecords(str(path), end, 0)})
        elif kind in parts:
            parts[kind].append(_PARTS[kind](line) if kind in _PARTS else line)
    reads = parts["reads"][0]
    return Plan(
        header=_header(parts["header"][0], path),
        steps=tuple(_step(line) for line in parts["step"]),
        world=tuple(parts["world"]),
        reads=reads["reads"],
        passed=reads["passed"],
        **{name: tuple(parts[name]) for name in ("findings", "settled", "unchanged", "summaries")},
    )


def _count(steps: list[dict[str, Any]], number: int) -> None:
    step = steps[-1]
    if step["number"] != number:
        raise ValueError(f"a record of step {number} stands under step {step['number']}")
    step["records"] = replace(step["records"], count=step["records"].count + 1)


def _plain(value: Any) -> dict[str, Any]:
    """A frozen value as a JSON object, one level named by its fields."""
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}


def _address(text: Mapping[str, str] | None) -> Address | None:
    return Address(**text) if text else None


def _finding(line: Mapping[str, Any]) -> Finding:
    body = {**line, "where": Source(**line["where"]), "address": _address(line["address"])}
    changes = tuple(FieldChange(**change) for change in line["changes"])
    return Finding(**{**body, "details": tuple(line["details"]), "changes": changes})


def _header(line: dict[str, Any], path: Path) -> Header:
    if line.pop("format") != FORMAT:
        raise _refused(path, "the plan was made by another version of statecfg")
    return Header(**{**line, "environment": Identity(**line["environment"])})


def _step(line: Mapping[str, Any]) -> Step:
    body = dict(line)
    body["address"] = Address(**line["address"])
    body["targets"] = tuple(Address(**target) for target in line["targets"])
    body["conditions"] = tuple(_condition(condition) for condition in line["conditions"])
    body["batching"] = Batching(**line["batching"]) if line["batching"] else None
    records = line["records"]
    count = records.count or line["count"]
    return Step(**{**body, "count": count, "records": records if records.count else ()})


def _condition(line: Mapping[str, Any]) -> Condition:
    return Condition(Address(**line["target"]), line["wants"], Source(**line["source"]))


def _record(line: Mapping[str, Any]) -> Record:
    money = set(line["money"])
    values = {name: Decimal(value) if name in money else value for name, value in line["values"].items()}
    return Record(line["key"], line["id"], line["before"], values, line["row"])


_PARTS: Mapping[str, Any] = {
    "findings": _finding,
    "settled": _finding,
    "unchanged": lambda line: Unchanged(**{**line, "address": Address(**line["address"])}),
    "summaries": lambda line: Summary(Address(**line["address"]), tuple(tuple(pair) for pair in line["lines"])),
    "world": lambda line: WorldLine(**{**line, "address": Address(**line["address"])}),
}


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
    return f"{key[0]} {key[1]}: " + (f"{was} -> {is_}" if was != is_ else f"{was}, but not the same as before")
