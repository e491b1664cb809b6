"""Records are many and steps are few: streams of rows as values, never a list as long as the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class RecordSource(Protocol):
    """A file of records (csv, xlsx). Iterating reads it afresh and yields the kind's `Row` tuples, in file order.

    The first element of every row is its number in the file (from 1, the heading's row counted).
    """

    @property
    def path(self) -> str: ...

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""

    def __iter__(self) -> Iterator[Any]: ...

    def again(self, reasons: Mapping[int, str]) -> bytes:
        """The rows of these numbers as a csv that can be fed back, each with its reason in a last column."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a step: its business key in words, its id, what it was before, and what is sent.

    before: hex digest of what was read when the plan was made, "" if it did not exist.
    values: column -> value exactly as sent (str, int, bool, Decimal, None). row: the file's row, 0 if none.
    """

    key: str
    id: str
    before: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    row: int = 0


class Records(Protocol):
    """A stream of a step's records. Iterating is repeatable and yields the same records each time."""

    def __iter__(self) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """A step's records in a plan file: where they begin, how many, and the SHA-256 over their lines."""

    file: str
    offset: int
    count: int
    digest: str


@dataclass(frozen=True, slots=True)
class LazyRecords:
    """Records made when iterated. `make` is called afresh each time and must yield the same."""

    make: Any  # Callable[[], Iterable[Record]]

    def __iter__(self) -> Iterator[Record]:
        made: Iterable[Record] = self.make()
        return iter(made)


NO_RECORDS: tuple[Record, ...] = ()
