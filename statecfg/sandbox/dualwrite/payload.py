"""How much one Dataverse write may carry to dual-write's plug-in, and the platform's refusal beyond that.

Source: reference/dual-write.md, "Run-time behaviour" (limits). How the service measures a message is not known; here
it is the texts of the rows and a flat share for each column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from statecfg.sandbox.hooks import Refused
from statecfg.sandbox.world import Tx

# -2147220970 as the Web API writes it.
TOO_LARGE = "0x80040216"
_COLUMN = 40
_MEGABYTE = 1_000_000


def refuse_beyond_payload(tx: Tx, rows: Iterable[Mapping[str, Any] | None]) -> None:
    """Check the rows of one write of one table. Raises Refused."""
    size = sum(size_of(row) for row in rows if row is not None)
    if size > tx.world.settings["sync.payload_bytes"]:
        message = "Message size exceeded when sending context to Sandbox. Message size: "
        raise Refused(TOO_LARGE, f"{message}{size / _MEGABYTE:.2f} MB")


def size_of(row: Mapping[str, Any]) -> int:
    """Bytes that a row counts for."""
    texts = sum(len(value) for value in row.values() if type(value) is str)
    return texts + _COLUMN * len(row)
