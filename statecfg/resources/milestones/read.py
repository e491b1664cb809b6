"""Reads what both services hold of a file's milestones, in pages and chunks, into one packed value a milestone.

The file is iterated twice and never held. Columns: reference/project-operations.md, 2.2 and appendix A.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from statecfg.clients.choices import MilestoneStatus, TransStatus
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.model.address import Address
from statecfg.model.declared import Desired, Seen
from statecfg.model.environment import Environment
from statecfg.resources.milestones import billed
from statecfg.resources.milestones.contracts import Contracts, Named, Row, named, read_contracts
from statecfg.resources.milestones.decide import matches
from statecfg.resources.milestones.key import TABLE, Keys, KeyText, normal
from statecfg.resources.milestones.live import (
    INVOICED,
    NO_STATUS,
    OTHER,
    POSTED,
    Codes,
    Entry,
    Known,
    LineInfo,
    packed,
    unpacked,
)

SET = "msdyn_contractlinescheduleofvalues"
FINANCE_SET = "ProjectContractLineMilestones"
STATUSES: Mapping[str, int] = {TransStatus.NO_STATUS: NO_STATUS, TransStatus.INVOICED: INVOICED}
"""ProjTransStatus by member; any other member is OTHER. Source: reference/finance-and-operations.md, 9.2."""
INVOICE_LINES = "DocumentProjInvoiceOnAccLines"
INVOICE_DAY = "msdyn_invoicedate"
FEW = 500
"""Up to so many posted milestones are looked up one by one; for more, all posted invoice lines are read."""
ROWS = 1000
"""So many rows a request of several contracts is meant to bring, so that few wait in memory at once."""


def day_column(seen: Seen, environment: Environment, columns: frozenset[str]) -> str:
    """The date column of a milestone that the active map carries; without a map, the time-zone independent one."""
    offered = [name for name in (environment.columns.milestone_date, INVOICE_DAY) if name in columns]
    live = seen.get(Address("map", "milestones"))
    carried = [row.dataverse for row in live.value.rows if row.finance.upper() == "TRANSACTIONDATE"] if live else []
    return next((name for name in carried if name in offered), offered[0] if offered else INVOICE_DAY)


def local_day(text: str | None) -> date | None:
    """The calendar day of a date as Dataverse shows it.

    A UserLocal date is its author's midnight in UTC; the nearest midnight is the day that the author saw.
    Source: reference/project-operations.md, 2.2 ("time-zone trap").
    """
    if not text:
        return None
    if len(text) == len("2024-01-31"):
        return date.fromisoformat(text)
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) + timedelta(hours=12)).date()


def finance_day(text: str | None) -> date | None:
    """The calendar day of a date as F&O shows it; 1900-01-01 is F&O's empty date."""
    day = date.fromisoformat(text[:10]) if text else None
    return None if day is None or day.year <= 1900 else day


@dataclass(slots=True)
class _Collected:
    """Entries while they are read. transactions: those of F&O -> id, of posted milestones. posted: by contract."""

    contracts: Contracts
    wanted: Named
    keys: Keys
    codes: Codes = field(default_factory=Codes)
    entries: dict[bytes, bytes] = field(default_factory=dict)
    candidates: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    recorded: Mapping[bytes, bytes] = field(default_factory=dict)
    transactions: dict[str, bytes] = field(default_factory=dict)
    posted: dict[str, int] = field(default_factory=dict)
    unclear: set[bytes] = field(default_factory=set)

    def change(self, record_id: bytes, **changes: Any) -> None:
        """Note more about a milestone; one not seen before is absent from Dataverse."""
        facts = self.entries.get(record_id)
        entry = unpacked(facts, self.codes) if facts else Entry()
        self.entries[record_id] = packed(entry._replace(**changes), self.codes)

    def known(self, **more: Any) -> Known:
        return Known(
            keys=self.keys,
            contracts=self.contracts.found,
            ambiguous=self.contracts.ambiguous,
            lines=self.contracts.lines,
            entries=self.entries,
            codes=self.codes,
            ids=self.wanted.ids,
            candidates=self.candidates,
            names=self.names,
            unclear=frozenset(self.unclear),
            recorded={computed: own for computed, own in self.recorded.items() if own in self.entries},
            **more,
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one environment."""

    dataverse: Dataverse
    finance: Finance
    environment: Environment
    adopted: Mapping[bytes, bytes] = field(default_factory=dict)

    def read(self, desired: Desired, seen: Seen) -> tuple[Known, int]:
        """All that is known for a file, and how many milestones were read."""
        keys = Keys(self.environment.tenant, desired.spec.key)
        wanted = named(desired.records or (), keys)
        contracts = read_contracts(self.dataverse, self.finance, self.environment, wanted)
        collected = _Collected(contracts, wanted, keys, recorded=self.adopted)
        count = self._dataverse(collected, seen)
        self._finance(collected)
        self._posted_for_real(collected)
        self._billed(collected, desired)
        entities = frozenset(code.casefold() for code in self.environment.legal_entities)
        periods = self._periods({contract.company for contract in contracts.found.values()})
        return collected.known(periods=periods, legal_entities=entities), count

    def _dataverse(self, collected: _Collected, seen: Seen) -> int:
        """Every milestone of the contracts, and those that name no contract but one of the lines."""
        columns = self.dataverse.columns(TABLE)
        day = day_column(seen, self.environment, columns)
        select = [*MILESTONE_COLUMNS, *dict.fromkeys(c for c in (day, INVOICE_DAY) if c in columns)]
        lines = {line.id: line for line in collected.contracts.lines}
        currencies = self._currencies()
        count = 0
        for row in self._milestones(collected, select):
            count += 1
            _note(collected, row, lines.get(str(row["_msdyn_contractlineid_value"])), currencies, day)
        return count

    def _milestones(self, collected: _Collected, select: Sequence[str]) -> Iterator[Row]:
        contracts = collected.contracts.ids
        if not contracts:
            return
        chunk = collected.wanted.contracts_for(ROWS)
        yield from self.dataverse.rows_where_in(SET, "_msdyn_contract_value", contracts, select=select, chunk=chunk)
        yield from self.dataverse.rows(SET, select=select, filter="_msdyn_contract_value eq null")

    def _currencies(self) -> dict[str, str]:
        rows = self.dataverse.rows("transactioncurrencies", select=("isocurrencycode",))
        return {str(row["transactioncurrencyid"]): str(row["isocurrencycode"] or "") for row in rows}

    def _finance(self, collected: _Collected) -> None:
        numbers, chunk = collected.contracts.numbers, collected.wanted.contracts_for(ROWS)
        is_many = sum(collected.posted.values()) > FEW
        invoiced = self._all_invoice_lines() if is_many else frozenset[str]()
        rows = self.finance.rows_where_in(
            FINANCE_SET, "ProjectContractId", numbers, select=FINANCE_COLUMNS, chunk=chunk
        )
        for row in rows:
            record_id = UUID(str(row["ContractLineMilestoneGuid"])).bytes
            facts = collected.entries.get(record_id)
            if facts is None and record_id not in collected.wanted.ids:
                continue
            collected.change(record_id, **finance_facts(row))
            transaction = _transaction(row["dataAreaId"], row["TransactionId"])
            if transaction in invoiced:
                collected.change(record_id, posted=True)
            elif not is_many and facts and unpacked(facts, collected.codes).status == POSTED:
                collected.transactions[transaction] = record_id

    def _posted_for_real(self, collected: _Collected) -> None:
        """Marks milestones with a posted invoice line in F&O (reference/finance-and-operations.md, 9.4)."""
        numbers = sorted({transaction.partition("|")[2] for transaction in collected.transactions} - {""})
        rows = self.finance.rows_where_in(INVOICE_LINES, "TransId", numbers, select=("dataAreaId", "TransId"))
        for row in rows if numbers else ():
            record_id = collected.transactions.get(_transaction(row["dataAreaId"], row["TransId"]))
            if record_id:
                collected.change(record_id, posted=True)
        collected.transactions.clear()

    def _all_invoice_lines(self) -> frozenset[str]:
        """Every on-account line of a posted invoice in F&O."""
        rows = self.finance.rows(INVOICE_LINES, select=("dataAreaId", "TransId"))
        return frozenset(_transaction(row["dataAreaId"], row["TransId"]) for row in rows if row["TransId"])

    def _billed(self, collected: _Collected, desired: Desired) -> None:
        """Marks milestones that were invoiced before; only contracts with rows that aren't posted are looked at."""
        contracts = collected.contracts.found
        is_open = {n for n in contracts if collected.posted.get(n, 0) < collected.wanted.rows.get(n, 0)}
        if not is_open:
            return
        left = billed.unaccounted(self.dataverse, [contracts[n].id for n in sorted(is_open)])
        sure: set[bytes] = set()
        if left:
            known = collected.known()
            openings = (
                billed.Opening(m.id, billed.traces(m.line.id, m.row.name, m.row.description, m.row.amount))
                for m in matches(desired.records or (), desired.spec, known)
                if m.line and m.entry.status != POSTED
            )
            sure, collected.unclear = billed.invoiced_before(left, openings)
        if self.environment.invoice_link == "schedules":
            lines = [line.id for n in is_open for line in contracts[n].lines.values()]
            sure |= billed.on_confirmed_invoices(self.dataverse, lines)
        for record_id in sure:
            collected.change(record_id, billed=True)

    def _periods(self, companies: set[str]) -> Mapping[str, tuple[tuple[date, date], ...]]:
        """The days that each legal entity's fiscal calendar covers."""
        ledgers = self.finance.rows("Ledgers", select=("LegalEntityId", "FiscalCalendar"))
        calendars = {str(row["LegalEntityId"]).casefold(): str(row["FiscalCalendar"] or "") for row in ledgers}
        wanted = {calendars[company] for company in companies if calendars.get(company)}
        days: dict[str, list[tuple[date, date]]] = {calendar: [] for calendar in wanted}
        if wanted:
            for row in self.finance.rows("FiscalPeriods", select=("Calendar", "StartDate", "EndDate")):
                start, end = finance_day(row["StartDate"]), finance_day(row["EndDate"])
                if row["Calendar"] in days and start and end:
                    days[row["Calendar"]].append((start, end))
        return {c: merged(days[calendars[c]]) for c in companies if days.get(calendars.get(c, ""))}


def _transaction(company: object, number: object) -> str:
    """A transaction of F&O: its number counts within a legal entity."""
    return f"{str(company).casefold()}|{number or ''}"


def merged(spans: Iterable[tuple[date, date]]) -> tuple[tuple[date, date], ...]:
    """Spans of days, those that touch or overlap made one, in order."""
    whole: list[tuple[date, date]] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1] + timedelta(days=1):
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return tuple(whole)


MILESTONE_COLUMNS = (
    "msdyn_contractlinescheduleofvalueid", "msdyn_name", "msdyn_description", "msdyn_amount", "msdyn_tax",
    "msdyn_invoicestatus", "_msdyn_contractlineid_value", "_transactioncurrencyid_value", "versionnumber",
)  # fmt: skip
FINANCE_COLUMNS = (
    "dataAreaId", "ContractLineMilestoneGuid", "TransactionId", "TransStatus", "Amount", "CurrencyCode",
    "TransactionDate",
)  # fmt: skip


def dataverse_facts(row: Row, currencies: Mapping[str, str], day: str) -> Entry:
    """A milestone as Dataverse has it. day: the column that holds its date."""
    status = row["msdyn_invoicestatus"]
    shown = row.get(day) or row.get(INVOICE_DAY)
    return Entry(
        status=int(status) - MilestoneStatus.NOT_READY if status is not None else 0,
        amount=row["msdyn_amount"],
        tax=row["msdyn_tax"],
        currency=currencies.get(str(row["_transactioncurrencyid_value"]), ""),
        day=local_day(shown),
        version=int(row["versionnumber"] or 0),
    )


def finance_facts(row: Row) -> dict[str, Any]:
    """What F&O has of a milestone, by the names of Entry."""
    amount = row["Amount"]
    return {
        "finance": STATUSES.get(str(row["TransStatus"]), OTHER),
        "finance_amount": None if amount is None else Decimal(amount),
        "finance_currency": str(row["CurrencyCode"] or ""),
        "finance_day": finance_day(row["TransactionDate"]),
    }


def _note(collected: _Collected, row: Row, line: LineInfo | None, currencies: Mapping[str, str], day: str) -> None:
    record_id = UUID(str(row["msdyn_contractlinescheduleofvalueid"])).bytes
    is_ours = record_id in collected.wanted.ids
    if line is None and not is_ours:
        return
    entry = replace_line(dataverse_facts(row, currencies, day), line)
    collected.entries[record_id] = packed(entry, collected.codes)
    stands_for_one = _identify(collected, record_id, row, line, entry)
    if (is_ours or stands_for_one) and line and entry.status == POSTED:
        number = normal(line.contract)
        collected.posted[number] = collected.posted.get(number, 0) + 1


def replace_line(entry: Entry, line: LineInfo | None) -> Entry:
    """The entry with the line's index."""
    return entry._replace(line=line.index if line else -1)


def _identify(collected: _Collected, record_id: bytes, row: Row, line: LineInfo | None, entry: Entry) -> bool:
    """Note a milestone whose id isn't that of its key: renamed since, or made by hand; whether it has a row's key."""
    name, description = str(row["msdyn_name"] or ""), str(row["msdyn_description"] or "")
    called = [(line.contract, text) for text in line.called] if line else [("", "")]
    texts = [KeyText(contract, text, name, entry.day, description) for contract, text in called]
    computed = [collected.keys.id(text) for text in texts]
    if record_id in computed:
        return False
    meant = [each for each in computed if each in collected.wanted.ids]
    if meant or record_id in collected.wanted.ids or record_id in collected.recorded.values():
        collected.names[record_id] = collected.keys.words(texts[0]) if line else name
    for each in meant:
        collected.candidates[each] = (*collected.candidates.get(each, ()), record_id)
    return bool(meant)
