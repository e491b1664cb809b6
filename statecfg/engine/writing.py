"""Sending one step's stream of records: in batches, several at once, fenced, each intent noted before it leaves.

Two rhythms. *Flowing*: batches start as soon as a worker is free, and the world is looked at again when the last look
is older than `every_s`, after any refusal, and once after the last batch. *Groups*: a look, a group at once, a look;
nothing else in between. A refused batch is halved until the refused record stands alone; a lost answer is settled by
looking.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from statecfg.engine.guard import Guard
from statecfg.engine.journal import Journal
from statecfg.engine.waiting import Waiting
from statecfg.model.errors import Blocked, Interrupted, Rejected, StatecfgError, Unavailable
from statecfg.model.events import Event
from statecfg.model.kind import Kind, Observation, Refused, Settlement
from statecfg.model.plan import Batching, Finding, Step
from statecfg.model.records import Record

Batch = tuple[Record, ...]
TARGET_S = 4.0
"""A request should take about so long: longer ones risk the service's own limits, shorter ones waste round trips."""


@dataclass(slots=True)
class Progress:
    """How far a step is. `since_look`: sent after the last look that found nothing; named if the next one does.

    window_s: the longest time from the beginning of a look to a request that left on the strength of it.
    """

    done: int = 0
    refused: list[Refused] = field(default_factory=list)
    unknown: list[Record] = field(default_factory=list)
    since_look: list[Record] = field(default_factory=list)
    window_s: float = 0.0


@dataclass(slots=True)
class Writer:
    """Sends the records of one step. stop_at_refusal: the declaration's `on_refused: stop`."""

    run: str
    step: Step
    kind: Kind
    guard: Guard
    journal: Journal
    waiting: Waiting
    stop_at_refusal: bool = False
    progress: Progress = field(default_factory=Progress)
    size: int = 0
    clock: Callable[[], float] = time.monotonic
    _was_refused: bool = False
    _looked: float = 0.0
    _peeked: list[Record] = field(default_factory=list)
    _running: dict[Future[float], tuple[Batch, int]] = field(default_factory=dict)

    def write(self) -> Progress:
        """Send everything. Raises Blocked at a breach, ApiError if the service can't go on, Interrupted if stopped."""
        batching = self.step.batching or Batching()
        self.size = batching.size
        with ThreadPoolExecutor(batching.workers, "write") as pool:
            if batching.every_s is None:
                self._groups(pool, batching)
            else:
                self._flow(pool, batching, batching.every_s)
        return self.progress

    def _flow(self, pool: ThreadPoolExecutor, batching: Batching, every_s: float) -> None:
        queue, records = deque[Batch](), iter(self.step.records)
        looked = -every_s - 1.0
        try:
            while batch := self._next(queue, records):
                if self.clock() - looked >= every_s or self._was_refused:
                    batch = self._allowed(batch)
                    self._was_refused, looked = False, self.clock()
                if not batch:
                    continue
                (intent,) = self.journal.intend(self.run, self.step, [batch])
                self.progress.since_look.extend(batch)
                self._running[pool.submit(self._send, batch)] = (batch, intent)
                while self._running and (len(self._running) >= batching.workers or not self._more(queue, records)):
                    self._collect(queue, batching)
        finally:
            self._drain(queue, batching)
        if self.progress.since_look:
            self._look_after(tuple(self.progress.since_look))

    def _next(self, queue: deque[Batch], records: Iterator[Record]) -> Batch:
        self._heed()
        if queue:
            return queue.popleft()
        batch = list(self._peeked)
        self._peeked.clear()
        return (*batch, *islice(records, max(0, self.size - len(batch))))

    def _more(self, queue: deque[Batch], records: Iterator[Record]) -> bool:
        if not queue and not self._peeked:
            self._peeked.extend(record for record in [next(records, None)] if record)
        return bool(queue or self._peeked)

    def _heed(self) -> None:
        self.guard.lease()
        if self.waiting.stopping():
            raise Interrupted(f"stopped in step {self.step.number}; the open batch was finished")

    def _allowed(self, batch: Batch) -> Batch:
        """What of a batch may be sent after a look at the world; the rest is noted. Raises Blocked at a breach."""
        self._looked = self.clock()
        look = self.guard.before(self.step, batch)
        breaches = [finding for finding in look.findings if finding.blocks]
        if breaches:
            raise breach(self.step, breaches, self.progress.since_look)
        self.progress.since_look = [record for open_batch, _ in self._running.values() for record in open_batch]
        for refused in look.skip:
            self._leave_out(refused)
        left = {(refused.record.key, refused.record.id) for refused in look.skip}
        return tuple(record for record in batch if (record.key, record.id) not in left)

    def _send(self, batch: Batch) -> float:
        start = self.clock()
        self.progress.window_s = max(self.progress.window_s, start - self._looked)
        self.kind.perform(self.step, batch)
        return self.clock() - start

    def _collect(self, queue: deque[Batch], batching: Batching) -> None:
        for future in wait(self._running, return_when=FIRST_COMPLETED).done:
            batch, intent = self._running.pop(future)
            self._result(future, batch, intent, queue, batching)

    def _drain(self, queue: deque[Batch], batching: Batching) -> None:
        """Finish what is already on its way, so that nothing is left unknown that can be known."""
        while self._running:
            future, (batch, intent) = self._running.popitem()
            wait([future])
            # What ended the step is on its way up already.
            with suppress(StatecfgError, OSError):
                self._result(future, batch, intent, queue, batching)

    def _result(
        self, future: Future[float], batch: Batch, intent: int, queue: deque[Batch], batching: Batching
    ) -> None:
        try:
            took_s = future.result()
        except Rejected as refusal:
            self._refused(refusal, batch, intent, queue)
        except Unavailable as lost:
            self.journal.note(intent, "lost", lost.what)
            self._settle(batch, intent, queue)
        else:
            self._done(batch, intent)
            self.size = _adapted(self.size, len(batch), took_s, batching)

    def _done(self, batch: Sequence[Record], intent: int) -> None:
        self.journal.note(intent, "done")
        self.progress.done += len(batch)
        self._say()

    def _say(self) -> None:
        data = {"step": self.step.number, "done": self.progress.done, "total": self.step.count}
        self.waiting.emit(Event("step_progress", {**data, "refused": len(self.progress.refused)}))

    def _refused(self, refusal: Rejected, batch: Batch, intent: int, queue: deque[Batch]) -> None:
        self._was_refused = True
        self.journal.note(intent, "refused", refusal.what)
        if len(batch) > 1:
            half = len(batch) // 2
            queue.extendleft((batch[half:], batch[:half]))
            return
        self._leave_out(Refused(batch[0], refusal.what, refusal.code or "refused"))

    def _leave_out(self, refused: Refused) -> None:
        self.progress.refused.append(refused)
        words = {"step": self.step.number, "key": refused.record.key, "row": refused.record.row, "said": refused.words}
        self.waiting.emit(Event("diagnostic", {"severity": "warn", "code": refused.code, **words}))
        if self.stop_at_refusal:
            raise Rejected(
                f"{refused.record.key} was refused: {refused.words}",
                where=f"step {self.step.number}",
                do="correct the row and apply again, or declare `on_refused: continue`",
            )

    def _settle(self, batch: Batch, intent: int, queue: deque[Batch]) -> None:
        """Find out by looking what became of a batch whose answer was lost; only what is missing goes out again."""
        sent, found = self.clock(), Settlement()

        def look() -> Observation:
            nonlocal found
            found = self.kind.settle(self.step, batch, self.clock() - sent)
            return Observation("not_yet" if found.waiting else "reached", found.waiting)

        what = f"what became of {len(batch)} records whose answer was lost"
        try:
            self.waiting.until(look, what, self.step.deadline_s)
        except StatecfgError:
            self.progress.unknown.extend(batch)
            raise
        self._done(found.done, intent)
        if found.missing:
            queue.append(tuple(found.missing))

    def _groups(self, pool: ThreadPoolExecutor, batching: Batching) -> None:
        records = iter(self.step.records)
        queue = deque[Batch]()
        while group := self._group(queue, records, batching.group):
            going = self._allowed(group)
            self._send_group(pool, going, queue, batching)
            self._look_after(going)

    def _group(self, queue: deque[Batch], records: Iterator[Record], size: int) -> Batch:
        self._heed()
        again = [record for batch in queue for record in batch]
        queue.clear()
        return tuple(again) + tuple(islice(records, max(0, size - len(again))))

    def _send_group(
        self, pool: ThreadPoolExecutor, group: Sequence[Record], queue: deque[Batch], batching: Batching
    ) -> None:
        batches = [tuple(group[n : n + self.size]) for n in range(0, len(group), self.size)]
        intents = self.journal.intend(self.run, self.step, batches)
        self.progress.since_look = list(group)
        sent = [(pool.submit(self._send, batch), batch, i) for batch, i in zip(batches, intents, strict=True)]
        wait([future for future, _, _ in sent])
        errors = []
        for future, batch, intent in sent:
            try:
                self._result(future, batch, intent, queue, batching)
            except StatecfgError as error:
                errors.append(error)  # what came of the others is noted first
        if errors:
            raise errors[0]

    def _look_after(self, group: Sequence[Record]) -> None:
        """Whether all is still as it must be. Raises Blocked, naming what was sent since the last clean look."""
        breaches = [finding for finding in self.guard.after(self.step, group) if finding.blocks]
        if breaches:
            exposed = self.kind.exposed(self.step, group)
            raise breach(self.step, [*breaches, *exposed], group)
        self.progress.since_look.clear()


def _adapted(size: int, sent: int, took_s: float, batching: Batching) -> int:
    if sent < size or took_s <= 0 or batching.most <= batching.size:
        return size
    return max(
        1, min(batching.most, size * 2 if took_s < TARGET_S / 2 else size // 2 if took_s > TARGET_S * 2 else size)
    )


def breach(step: Step, findings: Sequence[Finding], sent: Sequence[Record]) -> Blocked:
    """The error for a fence that found something: what it saw, and which records went out since the last clean look."""
    names = ", ".join(record.key for record in sent[:20]) + (f" and {len(sent) - 20} more" if len(sent) > 20 else "")
    since = f" Sent since the last look that was clean: {names}." if sent else " Nothing was sent since the last look."
    return Blocked(
        f"{findings[0].what.rstrip('.')}.{since}",
        findings,
        where=f"step {step.number} ({step.address} {step.verb})",
        do=findings[0].do,
    )
