"""What tells one milestone from another, and the id that follows from it (rules 4.1). Pure.

The id is computed, never stored: whoever runs the same file against the same tenant again finds the same records.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha1
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
        self._places = tuple(KeyText._fields.index(name) for name in fields)

    def id(self, text: KeyText) -> bytes:
        """The 16 bytes of the id that a milestone with this key gets: UUID version 5 of the tenant, table and key.

        Made by hand, because a UUID object a row would cost more than everything else that is done with a row.
        """
        name = _PARTS.join([normal(_shown(text[place])) for place in self._places]).encode()
        made = bytearray(sha1(self._namespace.bytes + name, usedforsecurity=False).digest()[:16])
        made[6] = made[6] & 0x0F | 0x50
        made[8] = made[8] & 0x3F | 0x80
        return bytes(made)

    def words(self, text: KeyText) -> str:
        """The key as a person reads it: `CON-0001 / L1 / Kick-off`."""
        return " / ".join(_shown(getattr(text, name)) for name in self.fields)


def _shown(value: str | date | None) -> str:
    return value.isoformat() if isinstance(value, date) else (value or "")


def id_text(id_bytes: bytes) -> str:
    """An id as Dataverse writes it: lower case, with hyphens."""
    return str(uuid.UUID(bytes=id_bytes))
