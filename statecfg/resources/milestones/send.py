"""Sends milestones and finds out what became of them. Everything here may be repeated without harm.

A milestone's id is chosen by us, so a second create of it is a duplicate and never a second record; a touch carries
If-Match, so it never overwrites somebody's change (rules 4.1, 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from statecfg.clients.dataverse import Dataverse
from statecfg.model.errors import Conflict, NotFound, Rejected
from statecfg.model.kind import Settlement
from statecfg.model.records import Record
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.key import TABLE
from statecfg.resources.milestones.payload import ETAG, ID, STATUS
from statecfg.resources.milestones.read import SET, local_day


@dataclass(frozen=True, slots=True)
class Sender:
    """Writes to one environment's Dataverse."""

    dataverse: Dataverse

    def create(self, batch: Sequence[Record]) -> None:
        """Create a batch, all of it or nothing. One that exists already is done if it is what would be sent.

        Raises Rejected in the service's words, or if one exists otherwise; Unavailable if the answer is lost.
        """
        try:
            self._create(batch)
        except Conflict:
            self._create_missing(batch)

    def _create(self, batch: Sequence[Record]) -> None:
        try:
            self.dataverse.create_multiple(SET, TABLE, [record.values for record in batch])
        except NotFound as gone:
            # A contract, line or project that a record points to is gone: that record is refused, not the run.
            raise Rejected(gone.what, code=gone.code, where=gone.where, do="make a new plan") from gone

    def _create_missing(self, batch: Sequence[Record]) -> None:
        found = self._found(batch)
        for record in batch:
            wrong = unlike(record, found[record.id]) if record.id in found else ""
            if wrong:
                raise Rejected(
                    f"{record.key} exists already, but {wrong}", code="exists-otherwise", where=record.id,
                    do="find out who made or changed it",
                )  # fmt: skip
        missing = [record for record in batch if record.id not in found]
        if missing:
            self._create(missing)

    def touch(self, batch: Sequence[Record]) -> None:
        """Write a milestone's status, if nobody changed it since it was read; done already counts as done."""
        for record in batch:
            values = {name: value for name, value in record.values.items() if name != ETAG}
            try:
                self.dataverse.update(SET, record.id, values, etag=str(record.values[ETAG]))
            except Conflict as conflict:
                if not self._is_touched(record):
                    raise Rejected(
                        f"{record.key} was changed by somebody since the plan was made",
                        code="changed-since-plan", where=record.id, do="make a new plan",
                    ) from conflict  # fmt: skip
            except NotFound as gone:
                what = f"{record.key} was deleted by somebody since the plan was made"
                raise Rejected(what, code="deleted-since-plan", where=record.id, do="make a new plan") from gone

    def _is_touched(self, record: Record) -> bool:
        """Whether the record is on the status that is written, by a change that came after the plan."""
        row = self.dataverse.row(SET, record.id, select=(STATUS, "versionnumber"))
        return row is not None and row[STATUS] == record.values[STATUS] and _etag(row) != record.values[ETAG]

    def settle_create(self, batch: Sequence[Record]) -> Settlement:
        """Which of a batch exist as sent; the others may be sent again at any time (rules 4.1)."""
        found = self._found(batch)
        done = tuple(r for r in batch if r.id in found and not unlike(r, found[r.id]))
        return Settlement(done, tuple(record for record in batch if record not in done))

    def settle_touch(self, batch: Sequence[Record]) -> Settlement:
        """Which of a batch were touched."""
        done = tuple(record for record in batch if self._is_touched(record))
        return Settlement(done, tuple(record for record in batch if record not in done))

    def _found(self, batch: Sequence[Record]) -> dict[str, Row]:
        ids = [record.id for record in batch]
        wanted = {name for record in batch for name in record.values}
        select = [ID, *COMPARED, *(name for name in OPTIONAL if name in wanted)]
        return {str(row[ID]): row for row in self.dataverse.rows_where_in(SET, ID, ids, select=select)}


COMPARED = (
    "msdyn_name", "msdyn_amount", "msdyn_tax", STATUS, "_msdyn_contract_value", "_msdyn_contractlineid_value",
    "_transactioncurrencyid_value", "msdyn_invoicedate", "msdyn_description",
)  # fmt: skip
OPTIONAL = ("msdyn_milestonedate",)
LOOKUPS: Mapping[str, str] = {
    "msdyn_contract@odata.bind": "_msdyn_contract_value",
    "msdyn_ContractLineId@odata.bind": "_msdyn_contractlineid_value",
    "transactioncurrencyid@odata.bind": "_transactioncurrencyid_value",
}
"""How a lookup is sent -> how it is read."""


def _etag(row: Row) -> str:
    return f'W/"{row["versionnumber"]}"'


def unlike(record: Record, row: Row) -> str:
    """The first way in which a record in Dataverse is not what was sent, in words; "" if it is. Pure."""
    for name, sent in record.values.items():
        column = LOOKUPS.get(name, name)
        if column in row and not _equal(name, sent, row[column]):
            return f"{column} is {row[column]!r}, not {sent!r}"
    return ""


def _equal(name: str, sent: Any, found: Any) -> bool:
    if name in LOOKUPS:
        return str(sent).rpartition("(")[2].rstrip(")").casefold() == str(found or "").casefold()
    if isinstance(sent, Decimal):
        return found is not None and Decimal(found) == sent
    if name in ("msdyn_invoicedate", "msdyn_milestonedate"):
        return local_day(found) == local_day(sent)
    return bool(sent == found)
