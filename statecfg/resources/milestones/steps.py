"""From what is missing to the steps that bring it: a canary first, seen in F&O, then the rest (rules 4.10). Pure.

Records are made when they are iterated, from the file and what was read; nothing as long as the file is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from statecfg.model.declared import Desired
from statecfg.model.environment import Environment
from statecfg.model.plan import Batching, Mark, Step
from statecfg.model.records import LazyRecords, Record
from statecfg.resources.milestones import payload
from statecfg.resources.milestones.decide import SENT, Match, Verdict, matches_of
from statecfg.resources.milestones.key import row_text
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.milestones.wording import money

VERBS: Mapping[Verdict, tuple[str, Mark, str]] = {
    "create": ("create", "+", "to create"),
    "set_ready": ("set-ready", "~", "made by hand, to set ready for invoicing"),
    "resend": ("resend", ">", "to send again"),
}
"""What is done with a row -> the step's verb, its mark, its words."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The records that a change is about: those of a file that must be sent. columns: of Dataverse's table."""

    desired: Desired
    live: MilestonesLive
    environment: Environment
    columns: frozenset[str]

    def matches(self, *verdicts: Verdict) -> Iterator[Match]:
        """Rows to be treated so, in file order."""
        return (match for match in matches_of(self.live) if match.verdict in verdicts)

    def record(self, match: Match) -> Record:
        """What is sent for a row."""
        keys = self.live.known.keys
        if match.verdict == "create":
            return payload.created(match, self.environment, self.columns, keys)
        return payload.touched(match, keys)

    def expected(self, match: Match) -> Record:
        """What must be seen in F&O for a row."""
        return payload.expected(match, self.live.known.keys)


def canaries(pending: Pending) -> dict[tuple[str, str], Match]:
    """One row for each legal entity and way of billing: the first to be created, else the first to be touched."""
    chosen: dict[tuple[str, str], Match] = {}
    for match in pending.matches(*SENT):
        place = (match.contract.company if match.contract else "", (match.row.billing or "milestone").casefold())
        if place not in chosen or SENT.index(match.verdict) < SENT.index(chosen[place].verdict):
            chosen[place] = match
    return chosen


def steps(pending: Pending) -> Iterator[Step]:
    """The steps of one resource, in order; none if nothing is to be sent."""
    first = canaries(pending)
    if not first:
        return
    ids = frozenset(match.id for match in first.values())
    entities = sorted({company for company, _ in first})
    for verdict in SENT:
        chosen = tuple(pending.record(match) for match in first.values() if match.verdict == verdict)
        if chosen:
            yield _canary(pending, verdict, chosen, entities)
    expected = tuple(pending.expected(match) for match in first.values())
    yield _wait(pending, "wait-canary", _canary_words(len(ids)), expected, len(ids), is_canary=True)
    for verdict in SENT:
        count = pending.live.total(verdict) - sum(match.verdict == verdict for match in first.values())
        if count:
            yield _bulk(pending, verdict, ids, count)
    rest = pending.live.total("to_send") - len(ids)
    if rest:
        words = f"until {counted(rest, 'milestone')} {'is' if rest == 1 else 'are'} in F&O as Invoiced"
        yield _wait(pending, "wait", words, _records(pending, SENT, pending.expected, ids), rest, is_canary=False)


def _canary_words(count: int) -> str:
    seen = "the canary is" if count == 1 else f"{count} canaries are"
    return f"until {seen} in F&O as Invoiced, with amount, currency, date and dimensions"


def _canary(pending: Pending, verdict: Verdict, records: Sequence[Record], entities: Iterable[str]) -> Step:
    verb, mark, words = VERBS[verdict]
    return Step(
        pending.desired.address,
        f"{verb}-canary",
        f"{len(records)} of the milestones {words} first: one for each legal entity ({', '.join(entities)})",
        mark=mark,
        moment="batch",
        deadline_s=pending.environment.waits.service_s,
        batching=_batching(pending.environment, verdict, workers=1),
        count=len(records),
        records=records,
    )


def _bulk(pending: Pending, verdict: Verdict, canary: frozenset[bytes], count: int) -> Step:
    verb, mark, words = VERBS[verdict]
    contracts = sum(1 for tally in pending.live.tallies.values() if getattr(tally, verdict))
    return Step(
        pending.desired.address,
        verb,
        f"{counted(count, 'milestone')} {words} on {counted(contracts, 'contract')}",
        mark=mark,
        moment="batch",
        deadline_s=pending.environment.waits.service_s,
        batching=_batching(pending.environment, verdict, pending.environment.writes.workers),
        count=count,
        records=_records(pending, (verdict,), pending.record, canary),
    )


def _wait(pending: Pending, verb: str, words: str, records: Iterable[Record], count: int, *, is_canary: bool) -> Step:
    return Step(
        pending.desired.address,
        verb,
        words,
        detail={"canary": is_canary},
        sends=False,
        deadline_s=pending.environment.waits.arrival_s,
        count=count,
        records=records,
    )


def _batching(environment: Environment, verdict: Verdict, workers: int) -> Batching:
    """Creates go many a request; a touch carries If-Match, so it goes alone."""
    size = environment.writes.batch if verdict == "create" else 1
    most = environment.writes.most if verdict == "create" else 1
    return Batching(size=size, most=most, workers=workers, every_s=environment.fence.every_s)


def _records(
    pending: Pending, verdicts: tuple[Verdict, ...], make: Callable[[Match], Record], canary: frozenset[bytes]
) -> LazyRecords:
    """The rows to be treated so, canaries left out."""
    return LazyRecords(lambda: (make(match) for match in pending.matches(*verdicts) if match.id not in canary))


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 contract`, `1,200 milestones`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def samples(pending: Pending, most: int = 20) -> Iterator[tuple[str, str, str]]:
    """The first rows to be sent, in words: key, how it is now, what it becomes."""
    now = {"create": "absent", "set_ready": "not ready for invoicing", "resend": "ready, not in F&O"}
    for count, match in enumerate(pending.matches(*SENT)):
        if count == most:
            return
        amount = f"ready for invoicing, Invoiced in F&O: {money(match.row.amount)} {match.row.currency}"
        yield pending.live.known.keys.words(row_text(match.row)), now[match.verdict], amount
