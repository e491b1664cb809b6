"""What tells one milestone from another, and the id that follows from it (rules 4.1). Pure.

The id is computed, never stored: whoever runs the same file against the same tenant again finds the same records.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from statecfg.resources.milestones.spec import KeyField, MilestoneRow

TABLE = "msdyn_contractlinescheduleofvalue"
_PARTS = "\x1f"


class KeyText(NamedTuple):
    """The fields a key can be made of, as they stand in a row of the file or in a live milestone."""

    contract: str
    line: str
    name: str
    date: date | None = None
    description: str = ""


@lru_cache(maxsize=1 << 16)
def normal(text: str) -> str:
    """Text as keys compare it: NFC, trimmed, inner spaces collapsed, case folded."""
    folded = " ".join(unicodedata.normalize("NFC", text).split()).casefold()
    return unicodedata.normalize("NFC", folded)


def row_text(row: MilestoneRow) -> KeyText:
    """The key fields of a row."""
    return KeyText(row.contract, row.line, row.name, row.date, row.description or "")


class Keys:
    """Ids and words of one tenant's milestones, for a declared choice of key fields."""

    def __init__(self, tenant: str, fields: Sequence[KeyField]) -> None:
        self._namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant.casefold()}/{TABLE}")
        self.fields = tuple(fields)

    def id(self, text: KeyText) -> bytes:
        """The 16 bytes of the id that a milestone with this key gets."""
        return uuid.uuid5(self._namespace, _PARTS.join(self._normal(text))).bytes

    def words(self, text: KeyText) -> str:
        """The key as a person reads it: `CON-0001 / L1 / Kick-off`."""
        return " / ".join(_shown(getattr(text, name)) for name in self.fields)

    def _normal(self, text: KeyText) -> Iterable[str]:
        return (normal(_shown(getattr(text, name))) for name in self.fields)


def _shown(value: str | date | None) -> str:
    return value.isoformat() if isinstance(value, date) else (value or "")


def id_text(id_bytes: bytes) -> str:
    """An id as Dataverse writes it: lower case, with hyphens."""
    return str(uuid.UUID(bytes=id_bytes))
