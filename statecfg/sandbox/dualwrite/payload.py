"""How much one Dataverse write may carry to F&O, and what is said beyond that.

How the service measures a message is not known; here it is the texts of the rows and a flat share for each column.
Source: reference/dual-write.md, "Run-time behaviour" (limits); reference/project-operations.md, 7.3 (lines).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from statecfg.sandbox.dualwrite import texts
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.world import Tx

# -2147220970 as the Web API writes it.
TOO_LARGE = "0x80040216"
_COLUMN = 40
_ACTUALS = "msdyn_actual"
_MEGABYTE = 1_000_000


def refuse_beyond_payload(tx: Tx, rows: Iterable[Mapping[str, Any] | None]) -> None:
    """Check the rows of one write of one table. Raises Refused."""
    size = sum(size_of(row) for row in rows if row is not None)
    if size > tx.world.settings["sync.payload_bytes"]:
        message = "Message size exceeded when sending context to Sandbox. Message size: "
        raise Refused(TOO_LARGE, f"{message}{size / _MEGABYTE:.2f} MB")


def refuse_beyond_lines(tx: Tx, table: str, rows: Sequence[Mapping[str, Any] | None]) -> None:
    """Check the actuals of one invoice, which live sync carries only so many of. Raises PropagationFailed."""
    limit = tx.world.settings["sync.invoice_lines"]
    if table != _ACTUALS or len(rows) <= limit:
        return
    lines = Counter(row["msdyn_invoice"] for row in rows if row and row["msdyn_invoice"])
    if max(lines.values(), default=0) > limit:
        raise PropagationFailed(texts.plugin_failed(table, f"An invoice of more than {limit} lines is not carried."))


def size_of(row: Mapping[str, Any]) -> int:
    """Bytes that a row counts for."""
    texts = sum(len(value) for value in row.values() if type(value) is str)
    return texts + _COLUMN * len(row)
