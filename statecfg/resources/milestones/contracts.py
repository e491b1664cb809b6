"""Reads the contracts and contract lines that a file names, from both services, in chunks.

Columns and option values: reference/project-operations.md, "salesorder: project contract", "salesorderdetail:
contract line" and "F&O data entities behind the maps". What isn't established there is probed in the metadata.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from statecfg.clients.choices import BillingMethod, OrderType
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.finance import Finance
from statecfg.clients.hearing import carefully
from statecfg.model.environment import Environment
from statecfg.model.errors import NotFound
from statecfg.resources.milestones.decide import is_invoiced
from statecfg.resources.milestones.key import Keys, normal, row_text
from statecfg.resources.milestones.live import ContractInfo, Ids, LineInfo
from statecfg.resources.milestones.spec import MilestoneRow

Row = Mapping[str, Any]

NOT_WON = frozenset({192350000, 192350001, 192350002, 192350005, 192350006})
"""msdyn_psastatusreason of a contract that can't be invoiced: Draft, In review, On hold, Lost, Abandoned."""
ACTIVE = 192350002
"""msdyn_psastate of a won contract. Where an environment doesn't fill these two columns nobody is held up: the service
itself refuses to invoice such a contract."""

SPLITS, SPLIT_TABLE = "msdyn_projectcontractsplitbillingrules", "msdyn_projectcontractsplitbillingrule"
SPLIT_LINE, SPLIT_CONTRACT = "msdyn_salescontractline", "msdyn_salescontract"


@dataclass(frozen=True, slots=True)
class Named:
    """What a file names: contract -> its lines, each by its normal text -> as first written; rows a contract; ids."""

    contracts: Mapping[str, str]
    lines: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int]
    ids: Ids

    def contracts_for(self, rows: int) -> int:
        """How many contracts hold about so many rows: between 10 and 100."""
        each = max(1, len(self.ids) // max(1, len(self.contracts)))
        return max(10, min(100, rows // each))


def named(rows: Iterable[MilestoneRow], keys: Keys) -> Named:
    """What the invoiced rows of a file name, in one pass."""
    contracts: dict[str, str] = {}
    lines: dict[str, dict[str, str]] = defaultdict(dict)
    counts: Counter[str] = Counter()
    ids: list[bytes] = []
    for row in rows:
        if is_invoiced(row):
            number = normal(row.contract)
            contracts.setdefault(number, " ".join(row.contract.split()))
            lines[number].setdefault(normal(row.line), row.line.strip())
            counts[number] += 1
            ids.append(keys.id(row_text(row)))
    return Named(contracts, lines, counts, Ids(ids))


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts found, by normal number; numbers of several contracts; all their named lines by index."""

    found: Mapping[str, ContractInfo]
    ambiguous: frozenset[str]
    lines: tuple[LineInfo, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(contract.id for contract in self.found.values())

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(contract.number for contract in self.found.values())


def read_contracts(dataverse: Dataverse, finance: Finance, environment: Environment, wanted: Named) -> Contracts:
    """The contracts and lines that a file names, with what Dataverse and F&O know of them."""
    company = _present(dataverse, "salesorder", environment.columns.company)
    currencies = {
        row["transactioncurrencyid"]: row
        for row in dataverse.rows("transactioncurrencies", select=("isocurrencycode", "currencyprecision"))
    }
    codes = {
        row["cdm_companyid"]: str(row[environment.columns.company_code] or "")
        for row in (dataverse.rows("cdm_companies", select=(environment.columns.company_code,)) if company else ())
    }
    rows = dataverse.rows_where_in(
        "salesorders", "ordernumber", wanted.contracts.values(), filter=f"msdyn_ordertype eq {OrderType.WORK_BASED}",
        select=(*CONTRACT_COLUMNS, *company),
    )  # fmt: skip
    bare = [_contract(row, currencies, codes, company) for row in rows]
    times = Counter(normal(contract.number) for contract in bare)
    found = {normal(contract.number): contract for contract in bare if times[normal(contract.number)] == 1}
    return _with_lines(dataverse, finance, found, frozenset(n for n, count in times.items() if count > 1), wanted)


CONTRACT_COLUMNS = (
    "salesorderid", "ordernumber", "name", "msdyn_psastate", "msdyn_psastatusreason", "_transactioncurrencyid_value",
)  # fmt: skip


def _contract(
    row: Row, currencies: Mapping[str, Row], codes: Mapping[str, str], company: Sequence[str]
) -> ContractInfo:
    currency = currencies.get(row["_transactioncurrencyid_value"] or "", {})
    precision = currency.get("currencyprecision")
    return ContractInfo(
        number=str(row["ordernumber"]),
        id=str(row["salesorderid"]),
        name=str(row["name"] or ""),
        company=codes.get(row[company[0]] or "", "").casefold() if company else "",
        currency=str(currency.get("isocurrencycode") or ""),
        currency_id=str(row["_transactioncurrencyid_value"] or ""),
        precision=2 if precision is None else int(precision),
        won=row["msdyn_psastatusreason"] not in NOT_WON and row["msdyn_psastate"] in (None, ACTIVE),
    )


def _present(dataverse: Dataverse, table: str, column: str) -> tuple[str, ...]:
    """A column as it is read, in a tuple, or nothing if the table doesn't have it."""
    logical = column.removeprefix("_").removesuffix("_value")
    return (column,) if logical in dataverse.columns(table) else ()


def _with_lines(
    dataverse: Dataverse,
    finance: Finance,
    found: Mapping[str, ContractInfo],
    ambiguous: frozenset[str],
    wanted: Named,
) -> Contracts:
    """The same contracts with their lines; four tables are read at once."""
    ids, numbers = [c.id for c in found.values()], [c.number for c in found.values()]
    with ThreadPoolExecutor(4, "read") as pool:
        lines = pool.submit(carefully, _lines, dataverse, ids)
        customers = pool.submit(carefully, _customers, dataverse, finance, ids, numbers)
        dimensions = pool.submit(carefully, _dimensions, finance, numbers)
        headers = pool.submit(carefully, _headers, finance, numbers)
    facts = _Facts(lines.result(), dimensions.result(), customers.result(), headers.result())
    contracts: dict[str, ContractInfo] = {}
    every: list[LineInfo] = []
    for number, contract in found.items():
        contracts[number], made = _filled(contract, wanted.lines[number], facts, len(every))
        every.extend(made)
    return Contracts(contracts, ambiguous, tuple(every))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What four tables say. lines: by contract id. dimensions, customers: by line id. headers: by contract number."""

    lines: Mapping[str, Sequence[_Line]]
    dimensions: Mapping[str, str]
    customers: Mapping[str, int]
    headers: Mapping[str, Row]


def _filled(
    contract: ContractInfo, texts: Mapping[str, str], facts: _Facts, start: int
) -> tuple[ContractInfo, tuple[LineInfo, ...]]:
    """A contract with the lines that the file names, and these lines numbered from `start`."""
    chosen, ambiguous = _chosen(facts.lines.get(contract.id, ()), texts)
    made: dict[str, LineInfo] = {}
    for text, line in chosen.items():
        known = made.get(line.id)
        called = (*(known.called if known else ()), texts[text])
        made[line.id] = _info(line, contract, known.index if known else start + len(made), called, facts)
    header = facts.headers.get(normal(contract.number), {})
    whole = replace(
        contract,
        company=contract.company or str(header.get("dataAreaId") or "").casefold(),
        customer=str(header.get("CustomerAccountNumber") or ""),
        lines={text: made[line.id] for text, line in chosen.items()},
        ambiguous=ambiguous,
    )
    return whole, tuple(made.values())


def _chosen(lines: Sequence[_Line], texts: Iterable[str]) -> tuple[dict[str, _Line], frozenset[str]]:
    """The line that each text means: by name, else by description, else by number; and texts for several lines."""
    chosen: dict[str, _Line] = {}
    ambiguous = set()
    for text in texts:
        for called in ("name", "description", "number"):
            same = [line for line in lines if normal(getattr(line, called)) == text]
            if len(same) == 1:
                chosen[text] = same[0]
            elif same:
                ambiguous.add(text)
            if same:
                break
    return chosen, frozenset(ambiguous)


class _Line(NamedTuple):
    """A contract line as Dataverse has it, without what nobody needs."""

    id: str
    name: str
    description: str
    number: str
    project: str
    fixed_price: bool
    amount: Decimal | None


def _line(row: Row) -> _Line:
    number = row["lineitemnumber"]
    return _Line(
        id=str(row["salesorderdetailid"]),
        name=str(row["salesorderdetailname"] or ""),
        description=str(row["productdescription"] or ""),
        number="" if number is None else str(number),
        project=str(row["_msdyn_project_value"] or ""),
        fixed_price=row["msdyn_billingmethod"] == BillingMethod.FIXED_PRICE,
        amount=_contracted(row),
    )


def _info(line: _Line, contract: ContractInfo, index: int, called: tuple[str, ...], facts: _Facts) -> LineInfo:
    return LineInfo(
        index=index,
        id=line.id,
        contract=contract.number,
        name=line.name or line.description or called[0],
        called=called,
        fixed_price=line.fixed_price,
        amount=line.amount,
        project=line.project,
        dimensions=facts.dimensions.get(line.id),
        customers=facts.customers.get(line.id) or facts.customers.get(normal(contract.number), 1),
    )


def _contracted(row: Row) -> Decimal | None:
    """The contracted amount without tax; that `baseamount` is it is inferred, so the other two may stand in."""
    if row["baseamount"] is not None:
        return Decimal(row["baseamount"])
    if row["extendedamount"] is not None:
        return Decimal(row["extendedamount"]) - Decimal(row["tax"] or 0)
    return None


LINE_COLUMNS = (
    "salesorderdetailid", "salesorderdetailname", "productdescription", "lineitemnumber", "_salesorderid_value",
    "msdyn_billingmethod", "baseamount", "extendedamount", "tax", "_msdyn_project_value",
)  # fmt: skip


def _lines(dataverse: Dataverse, contracts: Sequence[str]) -> Mapping[str, Sequence[_Line]]:
    lines: dict[str, list[_Line]] = defaultdict(list)
    for row in dataverse.rows_where_in("salesorderdetails", "_salesorderid_value", contracts, select=LINE_COLUMNS):
        lines[str(row["_salesorderid_value"])].append(_line(row))
    return lines


def _customers(
    dataverse: Dataverse, finance: Finance, contracts: Sequence[str], numbers: Sequence[str]
) -> Mapping[str, int]:
    """How many customers a line has, by its id; where Dataverse's columns aren't there, by contract number from F&O."""
    try:
        known = dataverse.columns(SPLIT_TABLE)
    except NotFound:
        known = frozenset()
    if not {SPLIT_LINE, SPLIT_CONTRACT} <= known:
        rows = finance.rows_where_in(
            "ProjectFundingSources", "ProjectContractID", numbers, select=("ProjectContractID", "FundingSourceId")
        )
        return Counter(normal(str(row["ProjectContractID"])) for row in rows)
    line, contract = f"_{SPLIT_LINE}_value", f"_{SPLIT_CONTRACT}_value"
    splits = dataverse.rows_where_in(SPLITS, contract, contracts, select=(line,), filter="statecode eq 0")
    return Counter(str(row[line]) for row in splits if row[line])


def _dimensions(finance: Finance, numbers: Sequence[str]) -> Mapping[str, str]:
    rows = finance.rows_where_in(
        "ProjectContractLines", "ProjectContractId", numbers,
        select=("ContractLineId", "DefaultLedgerDimensionDisplayValue"), chunk=100,
    )  # fmt: skip
    return {
        str(row["ContractLineId"]).casefold(): str(row["DefaultLedgerDimensionDisplayValue"] or "").strip()
        for row in rows
    }


def _headers(finance: Finance, numbers: Sequence[str]) -> Mapping[str, Row]:
    rows = finance.rows_where_in(
        "ProjectContractHeaders", "ProjectContractId", numbers,
        select=("dataAreaId", "ProjectContractId", "CustomerAccountNumber"), chunk=100,
    )  # fmt: skip
    return {normal(str(row["ProjectContractId"])): row for row in rows}
