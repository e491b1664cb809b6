"""Names of things: which resource, and where a value was declared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A resource's name, printed everywhere as `kind/name`, for example `map/milestones`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that `text` spells. Raises ValueError unless it is `kind/name`."""
        kind, slash, name = text.partition("/")
        if not (kind and slash and name):
            raise ValueError(f"{text!r} is not an address: write kind/name, for example map/milestones")
        return cls(kind, name)


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where something was declared: a file with line and column (both from 1; 0 = not known).

    For a record, `line` is the row of the file and `column` names its heading, if one is to blame.
    """

    file: str
    line: int = 0
    column: int | str = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}:{self.column}" if self.column else place


NOWHERE = Source("")
