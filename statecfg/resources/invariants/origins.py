"""Whose a new voucher is: a migrated record's of this cutover, or somebody else's work (rules 6.7, 7.3).

Told by id only: on-account line and milestone by transaction, posted invoice by proforma number, staging row by actual.
Never by contract, customer or amount: all of those are shared with work that goes on. Evidence that isn't there makes
the answer "can't be told", never "somebody else's".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from statecfg.clients.finance import Finance
from statecfg.model.declared import Seen
from statecfg.model.errors import Forbidden, NotFound, Rejected
from statecfg.resources.invoices.leaks import staged_words
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.invoices.traces import Traces
from statecfg.resources.milestones.contracts import Row
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services

FOREIGN = "nothing of this cutover"
UNTOLD = "can't be told whose"
SHOWN = 3
"""How many records of one voucher are named."""

Voucher = tuple[str, str]
"""Legal entity, as F&O writes it (lower case), and number."""
Trace = tuple[Voucher, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose a voucher is. migrated: whether it belongs to this cutover, None = it can't be told. words: as shown."""

    migrated: bool | None
    words: str


NOBODY_KNOWS = Origin(None, UNTOLD)


def origins(services: Services, seen: Seen, vouchers: Iterable[Voucher]) -> Mapping[Voucher, Origin]:
    """Whose each of these vouchers is."""
    wanted = frozenset(vouchers)
    if not wanted:
        return {}
    known = _Known(Traces(services.dataverse, services.finance), seen)
    found: dict[Voucher, dict[str, None]] = defaultdict(dict)
    missing = [] if known.milestones else ["the milestones of this cutover were not read"]
    for evidence in (known.on_account, known.posted, known.staged):
        try:
            for voucher, words in evidence(wanted):
                found[voucher][words] = None
        except (Forbidden, NotFound, Rejected) as cause:
            missing.append(cause.what)
    return {voucher: _origin(list(found.get(voucher, ())), missing) for voucher in wanted}


def _origin(records: list[str], missing: list[str]) -> Origin:
    if records:
        more = f" and {len(records) - SHOWN} more" if len(records) > SHOWN else ""
        return Origin(True, ", ".join(records[:SHOWN]) + more)
    return Origin(None, f"{UNTOLD} ({missing[0]})") if missing else Origin(False, FOREIGN)


@dataclass(frozen=True, slots=True)
class _Known:
    """The records of this cutover, as they were read, and where their traces are looked for."""

    traces: Traces
    seen: Seen

    @property
    def finance(self) -> Finance:
        return self.traces.finance

    @property
    def milestones(self) -> list[MilestonesLive]:
        return [live.value for live in self.seen.values() if isinstance(live.value, MilestonesLive)]

    @property
    def invoices(self) -> list[InvoicesLive]:
        return [live.value for live in self.seen.values() if isinstance(live.value, InvoicesLive)]

    @property
    def numbers(self) -> dict[str, str]:
        """Proforma number -> contract, of the cutover's invoices."""
        return {
            invoice.number: invoice.contract
            for live in self.invoices
            for invoice in live.invoices.values()
            if invoice.number
        }

    def on_account(self, wanted: frozenset[Voucher]) -> Iterator[Trace]:
        """Posted on-account lines whose transaction is a migrated milestone's."""
        lines = list(self._with("DocumentProjInvoiceOnAccLines", "LedgerVoucher", wanted, "TransId"))
        transactions = sorted({str(row["TransId"]) for _, row in lines})
        rows = self.finance.rows_where_in(
            "ProjectContractLineMilestones", "TransactionId", transactions,
            select=["dataAreaId", "TransactionId", "ContractLineMilestoneGuid", "Description"],
        )  # fmt: skip
        names = {(_company(row), str(row["TransactionId"])): name for row in rows if (name := self._name(row))}
        for voucher, row in lines:
            called = names.get((voucher[0], str(row["TransId"])))
            if called:
                yield voucher, f"a migrated milestone: {called}"

    def _name(self, row: Row) -> str:
        """What a milestone of the file is called; "" if it is none."""
        own = row["ContractLineMilestoneGuid"]
        for live in self.milestones:
            if own and live.owns(own):
                place = live.entry(own).line
                line = live.known.lines[place] if place >= 0 else None
                return f"{line.contract} / {line.name} / {row['Description']}" if line else str(row["Description"])
        return ""

    def posted(self, wanted: frozenset[Voucher]) -> Iterator[Trace]:
        """Posted invoices with the proforma number of a cutover invoice."""
        numbers = self.numbers
        for voucher, row in self._with("DocumentProjectInvoiceBases", "LedgerVoucher", wanted, "ProjInvoiceId"):
            number = str(row["ProjInvoiceId"])
            if number in numbers:
                yield voucher, f"cutover invoice {number} of {numbers[number]}"

    def staged(self, wanted: frozenset[Voucher]) -> Iterator[Trace]:
        """Staging rows of the cutover's actuals, and vouchers that came back to the actuals themselves."""
        confirmed = {invoice.id: invoice for live in self.invoices for invoice in live.confirmed}
        actuals = {actual.id: actual for actual in self.traces.actuals(list(confirmed))}
        lines = {line.id: f"{line.contract} / {line.name}" for live in self.milestones for line in live.known.lines}
        invoices = {key: invoice.number for key, invoice in confirmed.items()}
        contracts = sorted({invoice.contract for invoice in confirmed.values()})
        for row in self.traces.staged(actuals, sorted(self.numbers), contracts):
            voucher = (_company(row), str(row["VoucherNumber"] or ""))
            if voucher in wanted:
                yield voucher, f"a migrated actual: {staged_words(row, actuals, lines, invoices)}"

    def _with(
        self, entity_set: str, column: str, wanted: frozenset[Voucher], *columns: str
    ) -> Iterator[tuple[Voucher, Row]]:
        numbers = sorted({number for _, number in wanted})
        rows = self.finance.rows_where_in(entity_set, column, numbers, select=["dataAreaId", column, *columns])
        pairs = (((_company(row), str(row[column])), row) for row in rows)
        return ((voucher, row) for voucher, row in pairs if voucher in wanted)


def _company(row: Row) -> str:
    return str(row["dataAreaId"]).casefold()
