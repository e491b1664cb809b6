"""How the fields of a record file are found and read: which heading, and how its cells are written.

A kind that has a `Row` declares in its Spec the fields that `statecfg.loading` interprets, all by these names:
`from_: str` (the file), and as far as it wants them `columns: Columns | None = None`, `sheet: str = ""`,
`delimiter: Delimiter | None = None` and `encoding: Encoding | None = None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DecimalSign = Literal[".", ","]
ThousandsSign = Literal[".", ",", " ", "'"]
Delimiter = Literal[";", ",", "\t", "|", "tab"]
Encoding = Literal["utf-8", "utf-16", "cp1252", "latin-1", "iso-8859-15", "cp1250", "cp850"]


@dataclass(frozen=True, slots=True)
class Column:
    """Where one field comes from and how its cells are written.

    from_: the heading. decimal, thousands: the signs in numbers (default `.` and none). format: of dates written as
    text, in the letters of `strptime`, for example `%d.%m.%Y` (default: 2024-01-31). is_: words that mean yes, in any
    case; every other word means no, unless `not_` lists the words that do, then a third word is an error.
    """

    from_: str
    decimal: DecimalSign = "."
    thousands: ThousandsSign | None = None
    format: str = ""
    is_: tuple[str, ...] = ()
    not_: tuple[str, ...] = ()


Columns = Mapping[str, Column | str]
"""Field -> heading, or the heading with how its cells are written."""
