"""A milestone that becomes several rows: one for each customer of its line, or the ready part and the rest of progress.

The names that the product gives to the header and to the customer of such a row are not established, so both stand in
tables of the sandbox's own, `po.headers` and `po.parts`, that no client sees. Every row is a plain milestone.
Source: reference/project-operations.md, 3.1 ("Multi-customer line", "Progress header").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.hooks import DELETE, Pair
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.refusals import missing, refused
from statecfg.sandbox.projops.tables import CONTRACT, HEADERS, LINE, MILESTONE, PARTS, SPLITS, is_acting
from statecfg.sandbox.world import Row, Tx, World

CUSTOMERS, PROGRESS = "customers", "progress"
NOT_STARTED, IN_PROGRESS, COMPLETED = "Not Started", "In Progress", "Completed"

_KEY = "msdyn_contractlinescheduleofvalueid"
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)
Values = Mapping[str, Any]


def register(world: World) -> None:
    """Have new milestones of lines with several customers divided, and deleted ones forgotten."""
    world.hooks.on_dividing(MILESTONE, divided)
    world.hooks.on_changes(_forget)


def divided(tx: Tx, rows: Sequence[Values]) -> tuple[Sequence[Values], Sequence[Values]]:
    """What is created instead of these milestones: as many rows first, the parts of further customers after them.

    Raises Refused if a line's percentages don't come to 100.
    """
    if tx.from_peer or is_acting() or tx.world.settings["projops.customer_split"] != "rows":
        return rows, ()
    payers = {line: payers_of(tx, line) for line in {row.get("msdyn_contractlineid") for row in rows} if line}
    if all(len(found) < 2 for found in payers.values()):
        return rows, ()
    first: list[Values] = []
    further: list[Values] = []
    for row in rows:
        shares = payers.get(str(row.get("msdyn_contractlineid")), [])
        parts = _by_customer(tx, row, shares) if len(shares) > 1 else [row]
        first.append(parts[0])
        further.extend(parts[1:])
    return first, further


def payers_of(tx: Tx, line: str) -> list[Row]:
    """The billing split of a contract line, greatest share first. Raises Refused if it doesn't come to 100."""
    found = tx.find(SPLITS, msdyn_salescontractline=line)
    total = sum((row["msdyn_allocationpercentage"] or _ZERO for row in found), _ZERO)
    if len(found) > 1 and total != _HUNDRED:
        raise refused(f"The billing split percentages of a contract line must total 100; these come to {total}.")
    return sorted(found, key=lambda row: (-(row["msdyn_allocationpercentage"] or _ZERO), row["msdyn_name"] or ""))


def _by_customer(tx: Tx, row: Values, payers: Sequence[Row]) -> list[dict[str, Any]]:
    percents = [payer["msdyn_allocationpercentage"] for payer in payers]
    last = tx.world.settings["projops.split_rest"] == "last"
    amounts, taxes = (_shares(row.get(name), percents, rest_last=last) for name in ("msdyn_amount", "msdyn_tax"))
    header = _insert_header(tx, CUSTOMERS, row)
    made = []
    for number, payer in enumerate(payers):
        own = (row.get(_KEY) if number == 0 else None) or tx.world.new_guid()
        made.append({**row, _KEY: own, **_given(row, amounts[number], taxes[number])})
        part = {"milestoneid": own, "headerid": header, "percent": percents[number]}
        tx.insert(PARTS, {**part, "customerid": payer["msdyn_accountcustomer"]})
    return made


def _given(row: Values, amount: Decimal | None, tax: Decimal | None) -> dict[str, Decimal]:
    """The amounts of a part, of those that the whole had."""
    shares = {"msdyn_amount": amount, "msdyn_tax": tax}
    return {name: share for name, share in shares.items() if share is not None and name in row}


def _shares(whole: Any, percents: Sequence[Decimal], *, rest_last: bool) -> list[Decimal | None]:
    """An amount by percentages, to the cent; one of them takes what rounding leaves."""
    if whole is None:
        return [None] * len(percents)
    shares = [(Decimal(whole) * percent / _HUNDRED).quantize(_CENT, ROUND_HALF_UP) for percent in percents]
    shares[-1 if rest_last else 0] += Decimal(whole) - sum(shares, _ZERO)
    return list(shares)


def customer_of(tx: Tx, milestone: str) -> str | None:
    """The account that pays a part of a divided milestone; None for any other milestone."""
    part = tx.get(PARTS, milestone) if tx.world.has(PARTS) else None
    return part["customerid"] if part else None


def add_header(tx: Tx, line_id: str, values: Values) -> str:
    """A progress header on a contract line with its one default milestone, not ready; the header's id. Raises Refused.

    values: columns of the milestone, at least name and amount.
    """
    line = tx.get(LINE, line_id)
    if line is None:
        raise missing(LINE, line_id)
    if len(payers_of(tx, line_id)) > 1:
        raise refused("Progress-based billing of a contract line with several customers is not supported.")
    contract = tx.get(CONTRACT, line["salesorderid"]) or {}
    row = {
        "msdyn_tax": _ZERO,
        "msdyn_transactionclassification": codes.MILESTONE,
        "msdyn_transactiontypecode": codes.BILLED_SALES,
        "msdyn_contract": line["salesorderid"],
        "msdyn_contractlineid": line_id,
        "msdyn_contractline": line_id,
        "msdyn_project": line["msdyn_project"],
        "transactioncurrencyid": contract.get("transactioncurrencyid"),
        **values,
        "msdyn_invoicestatus": codes.NOT_READY,
    }
    header = _insert_header(tx, PROGRESS, row)
    made = records.create(tx, MILESTONE, row)
    tx.insert(PARTS, {"milestoneid": made[_KEY], "headerid": header})
    return header


def make_ready(tx: Tx, header_id: str, *, percent: Decimal | None = None, amount: Decimal | None = None) -> str:
    """*Next %* (or *Next amount*) with *Ready to invoice*: the ready part and the rest; the ready milestone's id.

    Percent is of the header's whole amount. Raises Refused.
    """
    header = tx.get(HEADERS, header_id)
    if header is None or header["kind"] != PROGRESS:
        raise missing(HEADERS, header_id)
    whole = _next_amount(header, percent, amount)
    rest = _rest_of(tx, header_id)
    if rest is None or not _ZERO < whole <= rest["msdyn_amount"]:
        left = rest["msdyn_amount"] if rest else _ZERO
        raise refused(f"{whole} is not within what remains to be invoiced of {header['name']}, which is {left}.")
    tx.update(HEADERS, header_id, {"nextpercent": percent, "nextamount": whole})
    return _split_off(tx, header, rest, whole)


def _next_amount(header: Row, percent: Decimal | None, amount: Decimal | None) -> Decimal:
    if (percent is None) == (amount is None):
        raise refused("Either the next percentage or the next amount must be given.")
    if amount is not None:
        return amount
    whole: Decimal = header["amount"]
    return (whole * (percent or _ZERO) / _HUNDRED).quantize(_CENT, ROUND_HALF_UP)


def _rest_of(tx: Tx, header_id: str) -> Row | None:
    """The header's row that is not ready, the largest if there are several."""
    open_ones = [row for row in _rows_of(tx, header_id) if row["msdyn_invoicestatus"] == codes.NOT_READY]
    return max(open_ones, key=lambda row: row["msdyn_amount"], default=None)


def _split_off(tx: Tx, header: Row, rest: Row, amount: Decimal) -> str:
    if amount == rest["msdyn_amount"]:
        records.update(tx, MILESTONE, rest[_KEY], {"msdyn_invoicestatus": codes.READY})
        return str(rest[_KEY])
    tax = ((rest["msdyn_tax"] or _ZERO) * amount / rest["msdyn_amount"]).quantize(_CENT, ROUND_HALF_UP)
    ready = {"msdyn_amount": amount, "msdyn_tax": tax, "msdyn_invoicestatus": codes.READY}
    remaining = {
        "msdyn_amount": rest["msdyn_amount"] - amount,
        "msdyn_tax": (rest["msdyn_tax"] or _ZERO) - tax,
        "msdyn_invoicestatus": codes.NOT_READY,
    }
    rest_stays = tx.world.settings["projops.progress_keeps"] == "rest"
    stays, comes = (remaining, ready) if rest_stays else (ready, remaining)
    records.update(tx, MILESTONE, rest[_KEY], stays)
    made = records.create(tx, MILESTONE, {**_copied(rest), **comes})
    tx.insert(PARTS, {"milestoneid": made[_KEY], "headerid": header["headerid"]})
    return str(made[_KEY] if rest_stays else rest[_KEY])


_COPIED = (
    "msdyn_name", "msdyn_invoicedate", "msdyn_milestonedate", "msdyn_transactionclassification",
    "msdyn_transactiontypecode", "msdyn_contract", "msdyn_contractlineid", "msdyn_contractline", "msdyn_description",
    "msdyn_externaldescription", "msdyn_project", "msdyn_projecttask", "transactioncurrencyid",
)  # fmt: skip


def _copied(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _COPIED}


def headers(tx: Tx) -> list[dict[str, Any]]:
    """Every header: what of it is invoiced, what remains, how far it is, and its rows."""
    return [_shown(tx, header) for header in tx.select(HEADERS, order='"name", "headerid"')]


def _shown(tx: Tx, header: Row) -> dict[str, Any]:
    rows = _rows_of(tx, header["headerid"])
    invoiced = sum((row["msdyn_amount"] for row in rows if row["msdyn_invoicestatus"] == codes.POSTED), _ZERO)
    return {
        "id": header["headerid"],
        "kind": header["kind"],
        "name": header["name"],
        "amount": header["amount"],
        "invoiced_to_date": invoiced,
        "remaining": header["amount"] - invoiced,
        "next_percent": header["nextpercent"],
        "next_amount": header["nextamount"],
        "billing_status": _billing_status([row["msdyn_invoicestatus"] for row in rows]),
        "parts": [_shown_part(tx, row) for row in rows],
    }


def _shown_part(tx: Tx, row: Row) -> dict[str, Any]:
    customer = customer_of(tx, row[_KEY])
    account = tx.get("account", customer) if customer else None
    return {
        "milestone": row[_KEY],
        "customer": account["accountnumber"] if account else None,
        "amount": row["msdyn_amount"],
        "tax": row["msdyn_tax"],
        "status": row["msdyn_invoicestatus"],
    }


def _billing_status(statuses: Sequence[int]) -> str:
    if statuses and all(status == codes.POSTED for status in statuses):
        return COMPLETED
    return NOT_STARTED if all(status == codes.NOT_READY for status in statuses) else IN_PROGRESS


def _rows_of(tx: Tx, header_id: str) -> list[Row]:
    found = [tx.get(MILESTONE, part["milestoneid"]) for part in tx.find(PARTS, headerid=header_id)]
    return sorted((row for row in found if row), key=lambda row: (-(row["msdyn_amount"] or _ZERO), row[_KEY]))


def _insert_header(tx: Tx, kind: str, row: Values) -> str:
    header = {
        "headerid": tx.world.new_guid(),
        "kind": kind,
        "name": row.get("msdyn_name"),
        "lineid": row.get("msdyn_contractlineid"),
        "amount": row.get("msdyn_amount") or _ZERO,
    }
    return str(tx.insert(HEADERS, header)["headerid"])


def _forget(tx: Tx, table: str, operation: str, pairs: Sequence[Pair]) -> None:
    """After milestones went: their parts go, and a header with its last one."""
    if table != MILESTONE or operation != DELETE:
        return
    for before, _ in pairs:
        part = tx.get(PARTS, before[_KEY]) if before else None
        if part is None:
            continue
        tx.delete(PARTS, part["milestoneid"])
        if not tx.find(PARTS, headerid=part["headerid"]):
            tx.delete(HEADERS, part["headerid"])
