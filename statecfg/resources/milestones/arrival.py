"""Whether milestones that were sent are in F&O as they must be: the proof that they went out under the right map.

What has arrived is never asked for again; what isn't in Dataverse at all, or isn't ready there, was refused, and isn't
waited for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from statecfg.clients.choices import MilestoneStatus
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.model.kind import Observation
from statecfg.model.records import Record
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.live import INVOICED
from statecfg.resources.milestones.payload import ID
from statecfg.resources.milestones.read import FINANCE_COLUMNS, FINANCE_SET, SET, finance_facts

FEW = 2000
"""Of so many that are missing at most, Dataverse is asked which exist at all."""


class Expected(NamedTuple):
    """What a milestone must be in F&O. date None = not compared."""

    key: str
    amount: Decimal
    currency: str
    date: date | None
    line: str


def expectation(record: Record) -> tuple[str, bytes, Expected]:
    """A record of a waiting step: its contract's number, its id, what must be seen."""
    values = record.values
    day = date.fromisoformat(values["date"]) if values["date"] else None
    wanted = Expected(record.key, values["amount"], values["currency"], day, values["line"])
    return str(values["contract"]), UUID(record.id).bytes, wanted


def mismatch(wanted: Expected, row: Row) -> str:
    """What is wrong with a milestone in F&O, in words; "" if it is as it must be. Pure."""
    facts = finance_facts(row)
    if facts["finance"] != INVOICED:
        return f"arrived as {row['TransStatus']}, not as Invoiced"
    if facts["finance_amount"] != wanted.amount:
        return f"arrived with amount {row['Amount']} instead of {wanted.amount}"
    if facts["finance_currency"].upper() != wanted.currency:
        return f"arrived in {row['CurrencyCode']} instead of {wanted.currency}"
    if wanted.date and facts["finance_day"] != wanted.date:
        return f"arrived with date {facts['finance_day'] or 'empty'} instead of {wanted.date}"
    return ""


@dataclass(slots=True)
class Arrivals:
    """What one waiting step still waits for. pending: contract -> id -> what must be seen."""

    total: int
    pending: dict[str, dict[bytes, Expected]] = field(default_factory=lambda: defaultdict(dict))
    wrong: list[str] = field(default_factory=list)
    refused: int = 0

    @classmethod
    def of(cls, records: Iterable[Record], total: int) -> Arrivals:
        """Everything that a step waits for."""
        made = cls(total)
        for record in records:
            contract, record_id, wanted = expectation(record)
            made.pending[contract][record_id] = wanted
        return made

    @property
    def missing(self) -> int:
        return sum(len(ids) for ids in self.pending.values())

    def note(self, rows: Iterable[Row]) -> None:
        """Take off what has arrived; remember what arrived otherwise than it must."""
        for row in rows:
            ids = self.pending.get(str(row["ProjectContractId"]))
            record_id = UUID(str(row["ContractLineMilestoneGuid"])).bytes
            if not ids or record_id not in ids:
                continue
            wrong = mismatch(ids[record_id], row)
            if wrong:
                self.wrong.append(f"{ids[record_id].key} {wrong}")
            del ids[record_id]
        for contract in [contract for contract, ids in self.pending.items() if not ids]:
            del self.pending[contract]

    def drop(self, existing: set[bytes]) -> None:
        """Stop waiting for what isn't in Dataverse as ready: it was refused there."""
        for ids in self.pending.values():
            for record_id in [each for each in ids if each not in existing]:
                del ids[record_id]
                self.refused += 1

    def first(self) -> str:
        """The key of one that is missing."""
        return next((wanted.key for ids in self.pending.values() for wanted in ids.values()), "")

    def observation(self) -> Observation:
        """What this comes to."""
        done = self.total - self.missing - self.refused
        if self.wrong:
            more = f" and {len(self.wrong) - 3} more" if len(self.wrong) > 3 else ""
            return Observation("failed", "; ".join(self.wrong[:3]) + more, "arrived-otherwise", done, self.total)
        if self.missing:
            what = f"{self.missing:,} not in F&O yet, for example {self.first()}"
            return Observation("not_yet", what, "", done, self.total)
        return Observation("reached", _refused(self.refused), "", done, self.total)


def _refused(count: int) -> str:
    return f"{count:,} were refused by Dataverse and are not waited for" if count else ""


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks for arrivals in the live services."""

    dataverse: Dataverse
    finance: Finance

    def look(self, arrivals: Arrivals) -> Observation:
        """One look at everything that is still missing."""
        select = (*FINANCE_COLUMNS, "ProjectContractId")
        arrivals.note(
            self.finance.rows_where_in(FINANCE_SET, "ProjectContractId", list(arrivals.pending), select=select)
        )
        if 0 < arrivals.missing <= FEW:
            arrivals.drop(set(self._existing(arrivals)))
        return arrivals.observation()

    def _existing(self, arrivals: Arrivals) -> Iterator[bytes]:
        ids = [str(UUID(bytes=each)) for ids in arrivals.pending.values() for each in ids]
        is_sent = f"msdyn_invoicestatus ne {MilestoneStatus.NOT_READY}"
        for row in self.dataverse.rows_where_in(SET, ID, ids, select=(ID,), filter=is_sent):
            yield UUID(str(row[ID])).bytes

    def without_dimensions(self, records: Iterable[Record]) -> tuple[str, ...]:
        """Keys of milestones whose contract line has no financial dimensions in F&O (rules 4.10)."""
        wanted = [(record.key, str(record.values["contract"]), str(record.values["line"])) for record in records]
        rows = self.finance.rows_where_in(
            "ProjectContractLines", "ProjectContractId", sorted({contract for _, contract, _ in wanted}),
            select=("ContractLineId", "DefaultLedgerDimensionDisplayValue"),
        )  # fmt: skip
        shown: Mapping[str, str] = {
            str(row["ContractLineId"]).casefold(): str(row["DefaultLedgerDimensionDisplayValue"] or "") for row in rows
        }
        return tuple(key for key, _, line in wanted if not shown.get(line.casefold(), "").strip(" -"))
