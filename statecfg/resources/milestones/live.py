"""What is known of a file's milestones after reading: contracts and lines, one small packed value a milestone.

Made for 1,000,000 rows: a milestone is 16 bytes of id and 52 bytes of packed facts, never an object that stays.
Pure; other kinds, checks and the engine read these values and nothing else of this package.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from statecfg.model.declared import Desired
from statecfg.model.plan import Finding
from statecfg.resources.milestones.key import Keys

NONE, NOT_READY, READY, ON_INVOICE, POSTED = -1, 0, 1, 2, 3
"""Where a milestone stands in Dataverse (the last digit of msdyn_invoicestatus); NONE = it isn't there."""

NO_STATUS, INVOICED, OTHER = 0, 4, 127
"""ProjTransStatus in F&O as far as it matters; OTHER = a status that a milestone of this cutover never has."""

_FACTS = Struct("<bbBBHHIIIqqqq")
_SCALE = Decimal(10_000)
_INEXACT = -(2**63)


class Entry(NamedTuple):
    """One milestone as it is, in Dataverse and in F&O.

    status, finance: the constants above. amount, tax, finance_amount: exact, None = empty (or, in F&O, a number
    of more than four decimals, which equals no milestone). currency: an ISO code, "" = unknown. day: the calendar
    day of the column that the active map carries. line: index into `MilestonesLive.lines`, -1 = none of them.
    version: Dataverse's version number. billed: on a confirmed invoice once, or with a Billed Sales actual
    (rules 4.4). posted: F&O shows a posted invoice line or a voucher for it.
    """

    status: int = NONE
    finance: int = NONE
    amount: Decimal | None = None
    tax: Decimal | None = None
    currency: str = ""
    day: date | None = None
    line: int = -1
    version: int = 0
    finance_amount: Decimal | None = None
    finance_currency: str = ""
    finance_day: date | None = None
    billed: bool = False
    posted: bool = False


def _scaled(value: Decimal | None) -> int:
    if value is None:
        return _INEXACT
    scaled = value * _SCALE
    exact = int(scaled)
    return exact if exact == scaled and abs(exact) < -_INEXACT else _INEXACT


def _money(scaled: int) -> Decimal | None:
    return None if scaled == _INEXACT else Decimal(scaled) / _SCALE


def _day(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if ordinal else None


class Codes:
    """ISO currency codes by small number, so that a packed milestone needs two bytes for one."""

    def __init__(self) -> None:
        self._texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        """The number of a code; a new one for a code not seen before."""
        if text not in self._numbers:
            self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return self._numbers[text]

    def text(self, number: int) -> str:
        """The code of a number."""
        return self._texts[number]


def packed(entry: Entry, codes: Codes) -> bytes:
    """A milestone's facts in 52 bytes; `unpacked` gives the same facts back, to the last digit."""
    flags = entry.billed | entry.posted << 1
    return _FACTS.pack(
        entry.status, entry.finance, flags, 0,
        codes.number(entry.currency), codes.number(entry.finance_currency),
        entry.day.toordinal() if entry.day else 0, entry.finance_day.toordinal() if entry.finance_day else 0,
        entry.line + 1,
        _scaled(entry.amount), _scaled(entry.tax), _scaled(entry.finance_amount), entry.version,
    )  # fmt: skip


def unpacked(facts: bytes, codes: Codes) -> Entry:
    """The entry that `packed` made."""
    status, finance, flags, _, code, fcode, day, fday, line, amount, tax, famount, version = _FACTS.unpack(facts)
    return Entry(
        status, finance, _money(amount), _money(tax), codes.text(code), _day(day), line - 1, version,
        _money(famount), codes.text(fcode), _day(fday), bool(flags & 1), bool(flags & 2),
    )  # fmt: skip


ABSENT = Entry()


class Ids:
    """A set of record ids, 16 bytes each: sorted, immutable, small. Members may be asked for as text or as bytes."""

    def __init__(self, ids: Iterable[bytes] = ()) -> None:
        ordered = sorted(set(ids))
        self._bytes = b"".join(ordered)
        self._count = len(ordered)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> bytes:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._bytes[16 * index : 16 * index + 16]

    def __iter__(self) -> Iterator[bytes]:
        return (self[index] for index in range(self._count))

    def __contains__(self, wanted: object) -> bool:
        sought = id_bytes(wanted)
        place = bisect_left(self, sought)
        return place < self._count and self[place] == sought


def id_bytes(record_id: object) -> bytes:
    """The 16 bytes of an id given as text, or as bytes already."""
    return record_id if isinstance(record_id, bytes) else UUID(str(record_id)).bytes


@dataclass(frozen=True, slots=True)
class LineInfo:
    """A project contract line that the file names.

    id: salesorderdetailid. contract: the contract's number. called: the file's words for it, as written. amount:
    the contracted amount without tax, None = not known. dimensions: F&O's default dimensions as text, "" = none,
    None = F&O has no such line. customers: how many customers are billed for it. index: place in
    `MilestonesLive.lines`.
    """

    index: int
    id: str
    contract: str
    name: str
    called: tuple[str, ...]
    fixed_price: bool
    amount: Decimal | None
    project: str = ""
    dimensions: str | None = None
    customers: int = 1


@dataclass(frozen=True, slots=True)
class ContractInfo:
    """A project contract that the file names.

    id: salesorderid. company: the legal entity's code as F&O writes it (lower case), "" = not known. currency: ISO
    code; precision: its decimals. customer: F&O's customer account, "" = not known. lines: by the file's words,
    trimmed and case-folded; a word for several lines at once is in `ambiguous` instead.
    """

    number: str
    id: str
    name: str
    company: str
    currency: str
    currency_id: str
    precision: int
    won: bool
    customer: str = ""
    lines: Mapping[str, LineInfo] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """All that was read of the environment for one file, before any row is judged.

    contracts: by number, trimmed and case-folded; a number that several contracts have is in `ambiguous` instead.
    entries: packed facts by id, of every live milestone of these contract lines, others' too, and of F&O's. lines:
    every line by index. ids: what the file's rows compute to. candidates: computed id -> ids of live milestones
    with that key but another id. names: what those, and renamed ones, are called. periods: legal entity -> days
    that its fiscal calendar covers. legal_entities: those of this cutover. unclear: ids of which can't be said
    whether they were invoiced before. recorded: computed id -> id of the live milestone that this window's runs adopted
    for it, whatever it is called now.
    """

    keys: Keys
    contracts: Mapping[str, ContractInfo] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()
    lines: tuple[LineInfo, ...] = ()
    entries: Mapping[bytes, bytes] = field(default_factory=dict)
    codes: Codes = field(default_factory=Codes)
    ids: Ids = field(default_factory=Ids)
    candidates: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    names: Mapping[bytes, str] = field(default_factory=dict)
    periods: Mapping[str, tuple[tuple[date, date], ...]] = field(default_factory=dict)
    legal_entities: frozenset[str] = frozenset()
    unclear: frozenset[bytes] = frozenset()
    recorded: Mapping[bytes, bytes] = field(default_factory=dict)

    def entry(self, record_id: str | bytes) -> Entry:
        """A milestone as it is in both services; ABSENT if it is in neither."""
        facts = self.entries.get(id_bytes(record_id))
        return unpacked(facts, self.codes) if facts else ABSENT


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the rows of one contract are; every invoiced row of the file is in exactly one of the counts.

    create, set_ready, resend: to be sent. done: 001 and Invoiced in F&O, to be invoiced. drafted: 002 and Invoiced.
    posted: 003 and Invoiced. settled: never touched again (rules 4.4). blocked: named in a finding.
    amount, tax: sums of the file's rows in the contract's currency. found, digest: how many of them are in
    Dataverse or F&O, and the order-free sum of their 16-byte digests. on_invoices: how many are 002 or 003. sent: in a
    world that is simulated, how many of `done` are only on their way. standing: how those found stood, field by field,
    in words.
    """

    rows: int = 0
    create: int = 0
    set_ready: int = 0
    resend: int = 0
    done: int = 0
    drafted: int = 0
    posted: int = 0
    settled: int = 0
    blocked: int = 0
    amount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    found: int = 0
    digest: int = 0
    on_invoices: int = 0
    sent: int = 0
    standing: str = ""

    @property
    def to_send(self) -> int:
        return self.create + self.set_ready + self.resend

    @property
    def final(self) -> int:
        """Rows that are never touched again: 003, or settled."""
        return self.posted + self.settled

    @property
    def arrived(self) -> bool:
        """Whether every row is in F&O as Invoiced, so that the contract may be invoiced."""
        return self.done + self.drafted + self.final == self.rows

    @property
    def complete(self) -> bool:
        """Whether nothing is left to invoice."""
        return self.final == self.rows


@dataclass(frozen=True, slots=True)
class MilestonesLive:
    """The live value of a `milestones` resource: `Live.value`.

    desired: the declaration. known: what was read. tallies: how far each contract is, by its number, trimmed and
    case-folded. ours: ids of the file's rows, live or to be made. adopted: computed id -> id of the live milestone
    that stands for it. findings: what judging the rows found. sums: currency -> (rows, amount) of the invoiced rows;
    aside: the same of rows set aside. first: the key and amount of the first row, in words.
    """

    desired: Desired
    known: Known
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    ours: Ids = field(default_factory=Ids)
    adopted: Mapping[bytes, bytes] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    sums: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    aside: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    first: str = ""

    @property
    def contracts(self) -> Mapping[str, ContractInfo]:
        """The file's contracts that exist, by number, trimmed and case-folded."""
        return self.known.contracts

    def owns(self, record_id: str | bytes) -> bool:
        """Whether a milestone is one of the file's (made or adopted, or still to be made)."""
        return record_id in self.ours

    def entry(self, record_id: str | bytes) -> Entry:
        """A milestone as it is in both services; ABSENT if it is in neither."""
        return self.known.entry(record_id)

    def our_entries(self) -> Iterator[tuple[str, Entry]]:
        """Every milestone of the file with how it stands, by id."""
        return ((str(UUID(bytes=each)), self.entry(each)) for each in self.ours)

    def total(self, count: str) -> int:
        """The sum of one of the tallies' counts, for example `total("posted")`."""
        return sum(getattr(tally, count) for tally in self.tallies.values())

    @property
    def rows(self) -> int:
        """How many invoiced rows the file has."""
        return self.total("rows")

    @property
    def complete(self) -> bool:
        """Whether every invoiced row is 003 and Invoiced, or settled by rules 4.4 (rules 1.3, records only)."""
        return all(tally.complete for tally in self.tallies.values())

    @property
    def settled(self) -> int:
        """How many rows are final: 003, or settled by rules 4.4 (rules 1.1)."""
        return self.total("final")

    @property
    def untouched(self) -> bool:
        """Whether no milestone of the file is 002, 003 or Invoiced in F&O yet (rules 3.2)."""
        return not any(e.status >= ON_INVOICE or e.finance == INVOICED for _, e in self.our_entries())
