from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statecfg.engine.guard import Guard
from statecfg.engine.journal import Journal
from statecfg.engine.waiting import Pace, Waiting
from statecfg.engine.writing import Writer
from statecfg.model.address import NOWHERE, Address
from statecfg.model.declared import Desired
from statecfg.model.errors import Blocked, Interrupted, Rejected, SignInRefused, TimedOut, Unavailable
from statecfg.model.kind import CLEAR, Look, Receipt, Refused, Settlement
from statecfg.model.plan import Batching, Finding, Step
from statecfg.model.records import Record
from tests.engine.planning import Sheets

ADDRESS = Address("sheet", "s")
BREACH = Look((Finding("block", "map-stopped", "the map was stopped", "look"),))


class Service(Sheets):
    """Takes records; refuses some, loses some answers, and sees a breach at a given look."""

    def __init__(self, refuses: Sequence[str] = (), loses: int = 0, breach_at: int = 0) -> None:
        self.refuses, self.loses, self.breach_at = set(refuses), loses, breach_at
        self.taken: list[str] = []
        self.requests: list[int] = []
        self.looks = 0
        self.skips: tuple[Refused, ...] = ()
        self.lock = threading.Lock()

    def fence(self, step: Step, batch: Any, desired: Desired) -> Look:
        self.looks += 1
        return BREACH if self.looks == self.breach_at else Look((), self.skips) if self.skips else CLEAR

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        with self.lock:
            self.requests.append(len(batch))
            if any(record.key in self.refuses for record in batch):
                raise Rejected("no such thing")
            self.taken.extend(record.key for record in batch)
            if self.loses:
                self.loses -= 1
                raise Unavailable("the answer was lost", sent=True)
        return Receipt()

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        done = tuple(record for record in batch if record.key in self.taken)
        return Settlement(done, tuple(record for record in batch if record.key not in self.taken))


def records(count: int) -> tuple[Record, ...]:
    return tuple(Record(f"r{n}", str(n), row=n + 2) for n in range(count))


def a_writer(tmp_path: Path, service: Service, count: int, batching: Batching, **options: Any) -> Writer:
    step = Step(ADDRESS, "create", "create", 1, moment="batch", batching=batching, count=count, records=records(count))
    desired = Desired(ADDRESS, None, NOWHERE, "p")
    guard = Guard((), {ADDRESS: desired}, {"sheet": service}, {}, {})
    waiting = Waiting(Pace(0.0, 0.0), stopping=options.pop("stopping", lambda: False))
    return Writer("run", step, service, guard, Journal(tmp_path / "j.sqlite"), waiting, **options)


FLOWING = Batching(size=10, most=10, workers=3, every_s=1000.0)


def test_every_record_is_sent_once(tmp_path: Path) -> None:
    service = Service()
    progress = a_writer(tmp_path, service, 95, FLOWING).write()
    assert sorted(service.taken) == sorted(record.key for record in records(95))
    assert (progress.done, len(service.requests), service.looks) == (95, 10, 1)


def test_one_refused_record_is_found_and_the_rest_is_written(tmp_path: Path) -> None:
    service = Service(refuses=["r37"])
    progress = a_writer(tmp_path, service, 95, FLOWING).write()
    assert [refused.record.key for refused in progress.refused] == ["r37"]
    assert progress.refused[0].record.row == 39
    assert (progress.done, len(service.taken), len(set(service.taken))) == (94, 94, 94)
    assert service.looks > 1, "after a refusal the world is looked at again"


def test_a_refusal_ends_the_step_where_that_was_declared(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, Service(refuses=["r3"]), 20, FLOWING, stop_at_refusal=True)
    with pytest.raises(Rejected, match="r3 was refused"):
        writer.write()


def test_a_lost_answer_is_settled_by_looking_never_by_sending_again(tmp_path: Path) -> None:
    service = Service(loses=2)
    progress = a_writer(tmp_path, service, 30, FLOWING).write()
    assert (progress.done, len(service.taken)) == (30, 30)


def test_a_breach_stops_the_writing_and_names_what_went_out_since_the_last_clean_look(tmp_path: Path) -> None:
    service = Service(breach_at=3)
    writer = a_writer(tmp_path, service, 50, Batching(size=10, most=10, workers=1, every_s=0.0))
    with pytest.raises(Blocked, match="Sent since the last look that was clean: r10, r11"):
        writer.write()
    assert len(service.taken) == 20


GROUPS = Batching(size=1, workers=4, every_s=None, group=8)


def test_a_group_is_not_sent_when_the_look_before_it_finds_a_breach(tmp_path: Path) -> None:
    service = Service(breach_at=2)
    with pytest.raises(Blocked, match="Nothing was sent since the last look"):
        a_writer(tmp_path, service, 20, GROUPS).write()
    assert len(service.taken) == 8


def test_what_is_seen_after_a_group_names_that_group_and_nothing_is_sent_after_it(tmp_path: Path) -> None:
    class Leaking(Service):
        def aftermath(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
            return BREACH.findings if batch[0].key == "r8" else ()

    service = Leaking()
    with pytest.raises(Blocked, match=r"since the last look that was clean: r8, .*, r15\.$"):
        a_writer(tmp_path, service, 40, GROUPS).write()
    assert len(service.taken) == 16


def test_what_a_fence_skips_is_left_out_and_named(tmp_path: Path) -> None:
    service = Service()
    service.skips = (Refused(records(20)[4], "somebody's time entry is on it", "foreign-content"),)
    progress = a_writer(tmp_path, service, 20, Batching(size=1, workers=4, every_s=None, group=20)).write()
    assert "r4" not in service.taken
    assert (progress.done, [refused.code for refused in progress.refused]) == (19, ["foreign-content"])


def test_after_the_last_batch_the_world_is_looked_at_once_more(tmp_path: Path) -> None:
    class Leaking(Service):
        def aftermath(self, step: Step, batch: Sequence[Record]) -> tuple[Finding, ...]:
            return BREACH.findings

    with pytest.raises(Blocked, match=r"since the last look that was clean: r0, .*, r14\.$"):
        a_writer(tmp_path, Leaking(), 15, FLOWING).write()


def test_a_stop_is_heard_between_batches_and_leaves_nothing_unknown(tmp_path: Path) -> None:
    service = Service()
    writer = a_writer(tmp_path, service, 100, FLOWING, stopping=lambda: len(service.taken) >= 20)
    with pytest.raises(Interrupted):
        writer.write()
    assert writer.progress.done == len(service.taken) < 100
    assert writer.progress.unknown == []


def test_each_intent_is_on_disk_before_its_request_leaves(tmp_path: Path) -> None:
    service = Service()
    writer = a_writer(tmp_path, service, 30, FLOWING)
    seen: list[int] = []
    plain = service.perform

    def perform(step: Step, batch: Sequence[Record]) -> Receipt:
        other = Journal(tmp_path / "j.sqlite")
        noted = [entry for entry in other.entries("run") if f'"{batch[0].key}"' in entry[3]]
        seen.append(len(noted))
        other.close()
        return plain(step, batch)

    service.perform = perform  # type: ignore[method-assign]
    writer.write()
    assert seen == [1, 1, 1]


class Failing(Service):
    """Fails one record in a way that ends the run; loses another's answer and never says what became of it."""

    def __init__(self, error: Exception, at: str) -> None:
        super().__init__()
        self.error, self.at = error, at

    def perform(self, step: Step, batch: Sequence[Record]) -> Receipt:
        if any(record.key == self.at for record in batch):
            raise self.error
        return super().perform(step, batch)

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        return Settlement(waiting="a job may still do it")


def states(writer: Writer) -> list[str]:
    return [state for *_, state in writer.journal.entries("run")]


def test_an_error_in_a_group_leaves_no_other_result_unnoted(tmp_path: Path) -> None:
    service = Failing(SignInRefused("revoked"), "r2")
    writer = a_writer(tmp_path, service, 8, GROUPS)
    with pytest.raises(SignInRefused):
        writer.write()
    assert states(writer) == ["done", "done", "", *["done"] * 5]
    assert (writer.progress.done, writer.progress.unknown) == (7, [])


@pytest.mark.parametrize("batching", [GROUPS, Batching(size=1, most=1, workers=2, every_s=1000.0)])
def test_what_could_not_be_found_out_is_unknown(tmp_path: Path, batching: Batching) -> None:
    service = Failing(Unavailable("the answer was lost", sent=True), "r2")
    writer = a_writer(tmp_path, service, 6, batching)
    writer.step = replace(writer.step, deadline_s=0.01)
    with pytest.raises(TimedOut, match="a job may still do it"):
        writer.write()
    assert [record.key for record in writer.progress.unknown] == ["r2"]
    assert "lost" in states(writer)


def test_the_time_between_a_look_and_what_was_sent_on_its_strength_is_told(tmp_path: Path) -> None:
    now = [0.0]

    class Slow(Service):
        def fence(self, step: Step, batch: Any, desired: Desired) -> Look:
            now[0] += 3.0 if self.looks == 1 else 1.0
            return super().fence(step, batch, desired)

    writer = a_writer(tmp_path, Slow(), 20, GROUPS, clock=lambda: now[0])
    assert writer.write().window_s == 3.0
