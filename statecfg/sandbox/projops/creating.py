"""Creating a proforma invoice: everything that is ready on a contract goes onto one draft.

Source: reference/project-operations.md, 4.3 and 4.4; what a detail takes over from its milestone: 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.projops import billing, codes
from statecfg.sandbox.projops.refusals import missing, refused
from statecfg.sandbox.projops.splitting import customer_of
from statecfg.sandbox.projops.tables import (
    ACTUAL,
    CONTRACT,
    DETAIL,
    INVOICE,
    INVOICE_LINE,
    LINE,
    MILESTONE,
    SCHEDULE,
    acting,
)
from statecfg.sandbox.world import Row, Tx

NET_DAYS = 30
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_ZERO = Decimal(0)


def create_invoice(tx: Tx, contract_id: str) -> Row:
    """A draft invoice over everything that is ready on a contract, which moves on to "invoice created".

    Where several customers pay there is a draft for each; the first is returned.
    Raises Refused if there is nothing ready, or the contract can't be invoiced.
    """
    contract = billable_contract(tx, contract_id)
    milestones, actuals = billing.ready_milestones(tx, contract_id), billing.ready_actuals(tx, contract_id)
    if not milestones and not actuals:
        raise refused(f"There are no transactions ready to invoice on project contract {contract['ordernumber']}.")
    with acting():
        drafts = [_draft(tx, *share) for share in _by_payer(tx, contract, milestones, actuals)]
    return drafts[0]


def create_from_schedules(tx: Tx, contract_id: str, schedules: Sequence[str]) -> None:
    """A draft over the milestones of these invoice schedules that are ready, and over nothing else of the contract.

    What else the service checks is not documented. Raises Refused if none of them is ready.
    """
    contract = billable_contract(tx, contract_id)
    rows = [tx.get(SCHEDULE, key) or _no_schedule(key) for key in schedules]
    named = {row["msdyn_contractlinescheduleofvalue"]: row for row in rows}
    ready = billing.ready_milestones(tx, contract_id)
    milestones = [row for row in ready if row["msdyn_contractlinescheduleofvalueid"] in named]
    if not milestones:
        raise refused(f"No invoice schedule of project contract {contract['ordernumber']} has a milestone to invoice.")
    with acting():
        for share in _by_payer(tx, contract, milestones, ()):
            draft = _draft(tx, *share, with_schedules=False)
            scheduled = [named[row["msdyn_contractlinescheduleofvalueid"]] for row in share[1]]
            done = {"msdyn_invoice": draft["invoiceid"], "msdyn_invoicerunstatus": codes.RUN_SUCCESSFUL}
            records.update_many(tx, SCHEDULE, [(row[f"{SCHEDULE}id"], done) for row in scheduled])


def _no_schedule(key: str) -> NoReturn:
    raise missing(SCHEDULE, key)


_Share = tuple[Row, Sequence[Row], Sequence[Row]]


def _by_payer(tx: Tx, contract: Row, milestones: Sequence[Row], actuals: Sequence[Row]) -> list[_Share]:
    """What goes onto a draft of its own: contract as billed, milestones, actuals; the contract's own customer first."""
    if tx.world.settings["projops.drafts"] != "customer":
        return [(contract, milestones, actuals)]
    owner = contract["customerid"]
    by_customer: dict[str, list[Row]] = {owner: []}
    for row in milestones:
        customer = customer_of(tx, row["msdyn_contractlinescheduleofvalueid"]) or owner
        by_customer.setdefault(customer, []).append(row)
    shares: list[_Share] = [(contract, by_customer.pop(owner), actuals)]
    shares += [
        ({**contract, "customerid": c, "customeridtype": "account"}, rows, ()) for c, rows in by_customer.items()
    ]
    return [share for share in shares if share[1] or share[2]]


def _draft(
    tx: Tx, contract: Row, milestones: Sequence[Row], actuals: Sequence[Row], *, with_schedules: bool = True
) -> Row:
    invoice = records.create(tx, INVOICE, _header(tx, contract))
    lines = _lines(tx, invoice, contract)
    details = _details(tx, invoice, contract, lines, milestones, actuals)
    _note(tx, details, milestones, actuals)
    if with_schedules:
        _schedules(tx, invoice, milestones)
    _advance(tx, milestones, actuals)
    return total(tx, invoice["invoiceid"])


def billable_contract(tx: Tx, contract_id: str) -> Row:
    """The contract, if it can be invoiced now. Raises Refused."""
    contract = tx.get(CONTRACT, contract_id)
    if contract is None:
        raise missing(CONTRACT, contract_id)
    number = contract["ordernumber"]
    if contract["msdyn_ordertype"] != codes.WORK_BASED:
        raise refused(f"{number} is not a project contract.")
    if contract["msdyn_psastate"] not in (None, codes.CONTRACT_ACTIVE) or contract["statecode"] == codes.ORDER_CANCELED:
        raise refused(f"Project contract {number} is not won; only a won contract can be invoiced.")
    if tx.world.settings["projops.second_draft"] == "refuse" and _drafts(tx, contract_id):
        raise refused(f"Project contract {number} has a draft invoice already.")
    return contract


def _drafts(tx: Tx, contract_id: str) -> list[Row]:
    found = tx.find(INVOICE, salesorderid=contract_id)
    return [row for row in found if row["msdyn_projectinvoicestatus"] in codes.EDITABLE]


def _header(tx: Tx, contract: Row) -> dict[str, Any]:
    today = tx.world.now().date()
    return {
        "name": contract["name"],
        "invoicenumber": _number(tx),
        "salesorderid": contract["salesorderid"],
        "customerid": contract["customerid"],
        "customeridtype": contract["customeridtype"],
        "pricelevelid": contract["pricelevelid"],
        "transactioncurrencyid": contract["transactioncurrencyid"],
        "msdyn_ordertype": codes.WORK_BASED,
        "msdyn_projectinvoicestatus": codes.DRAFT,
        "msdyn_invoicedate": f"{today}T00:00:00Z",
        "duedate": f"{today + timedelta(days=NET_DAYS)}T00:00:00Z",
    }


def _number(tx: Tx) -> str:
    suffix = "".join(tx.world.random.choice(_LETTERS) for _ in range(6))
    return f"INV-{tx.next_number('projops.invoice'):06d}-{suffix}"


def _lines(tx: Tx, invoice: Row, contract: Row) -> Mapping[str, Row]:
    """One invoice line for each contract line, by the contract line's id, even where nothing is billed."""
    contract_lines = tx.find(LINE, salesorderid=contract["salesorderid"])
    contract_lines.sort(key=lambda line: (line["lineitemnumber"] or 0, line["salesorderdetailid"]))
    made = records.create_many(tx, INVOICE_LINE, [_line(tx, invoice, line) for line in contract_lines])
    return {row["salesorderdetailid"]: row for row in made}


def _line(tx: Tx, invoice: Row, line: Row) -> dict[str, Any]:
    return {
        "invoiceid": invoice["invoiceid"],
        "invoicedetailname": line["salesorderdetailname"],
        "productdescription": line["productdescription"],
        "salesorderdetailid": line["salesorderdetailid"],
        "msdyn_project": line["msdyn_project"],
        "msdyn_billingmethod": line["msdyn_billingmethod"],
        "msdyn_contractline": line["salesorderdetailid"],
        "msdyn_contractlineamount": line["baseamount"],
        "msdyn_invoicedtilldate": _invoiced_till_date(tx, line),
        "lineitemnumber": line["lineitemnumber"],
        "quantity": Decimal(1),
        "transactioncurrencyid": invoice["transactioncurrencyid"],
    }


def _invoiced_till_date(tx: Tx, line: Row) -> Decimal:
    posted = tx.find(MILESTONE, msdyn_contractlineid=line["salesorderdetailid"], msdyn_invoicestatus=codes.POSTED)
    return sum((row["msdyn_amount"] or _ZERO for row in posted), _ZERO)


def _details(
    tx: Tx,
    invoice: Row,
    contract: Row,
    lines: Mapping[str, Row],
    milestones: Sequence[Row],
    actuals: Sequence[Row],
) -> list[Row]:
    """One line detail for each ready item, milestones first."""
    named = tx.world.settings["projops.invoice_link"] != "schedules"
    items = [_of_milestone(row, named) for row in milestones] + [_of_actual(row) for row in actuals]
    common = {
        "msdyn_invoice": invoice["invoiceid"],
        "msdyn_salescontract": contract["salesorderid"],
        "msdyn_contractorganizationalunitid": contract["msdyn_contractorganizationalunitid"],
        "msdyn_pricelist": contract["pricelevelid"],
        "transactioncurrencyid": contract["transactioncurrencyid"],
        **_customer(contract),
    }
    rows = [{**common, **item, "msdyn_invoicelineid": _line_id(lines, item)} for item in items]
    return records.create_many(tx, DETAIL, rows)


def _line_id(lines: Mapping[str, Row], item: Mapping[str, Any]) -> str | None:
    line = lines.get(item["msdyn_salescontractlineid"])
    return line["invoicedetailid"] if line else None


def _customer(contract: Row) -> dict[str, Any]:
    if contract["customeridtype"] == "contact":
        return {"msdyn_customertype": codes.CUSTOMER_CONTACT, "msdyn_contactcustomer": contract["customerid"]}
    return {"msdyn_customertype": codes.CUSTOMER_ACCOUNT, "msdyn_accountcustomer": contract["customerid"]}


def _of_milestone(row: Row, named: bool) -> dict[str, Any]:
    amount, tax = row["msdyn_amount"] or _ZERO, row["msdyn_tax"] or _ZERO
    day = row["msdyn_invoicedate"] or (
        f"{row['msdyn_milestonedate']}T00:00:00Z" if row["msdyn_milestonedate"] else None
    )
    return {
        "msdyn_description": row["msdyn_name"] if named else "Milestone",
        "msdyn_externaldescription": row["msdyn_externaldescription"],
        "msdyn_salescontractlineid": row["msdyn_contractlineid"],
        "msdyn_project": row["msdyn_project"],
        "msdyn_task": row["msdyn_projecttask"],
        "msdyn_transactionclassification": row["msdyn_transactionclassification"],
        "msdyn_transactiontypecode": row["msdyn_transactiontypecode"],
        "msdyn_billingtype": codes.CHARGEABLE,
        "msdyn_amountmethod": codes.FIXED_AMOUNT,
        "msdyn_quantity": Decimal(1),
        "msdyn_price": amount,
        "msdyn_amount": amount,
        "msdyn_tax": tax,
        "msdyn_extendedamount": amount + tax,
        "msdyn_invoiceamount": amount,
        "msdyn_documentdate": day,
        "msdyn_startdatetime": day,
        "msdyn_enddatetime": day,
    }


_FROM_ACTUAL = (
    "msdyn_description", "msdyn_externaldescription", "msdyn_salescontractlineid", "msdyn_project", "msdyn_task",
    "msdyn_transactionclassification", "msdyn_billingtype", "msdyn_amountmethod", "msdyn_quantity", "msdyn_price",
    "msdyn_amount", "msdyn_documentdate", "msdyn_startdatetime", "msdyn_enddatetime", "msdyn_transactioncategory",
)  # fmt: skip


def _of_actual(row: Row) -> dict[str, Any]:
    taken = {name: row[name] for name in _FROM_ACTUAL}
    amount = row["msdyn_amount"] or _ZERO
    return {
        **taken,
        "msdyn_transactiontypecode": codes.BILLED_SALES,
        "msdyn_tax": _ZERO,
        "msdyn_extendedamount": amount,
        "msdyn_invoiceamount": amount,
    }


def _note(tx: Tx, details: Sequence[Row], milestones: Sequence[Row], actuals: Sequence[Row]) -> None:
    keys = [row["msdyn_invoicelinetransactionid"] for row in details]
    for key, milestone in zip(keys, milestones, strict=False):
        billing.remember(tx, key, milestone=milestone["msdyn_contractlinescheduleofvalueid"])
    for key, actual in zip(keys[len(milestones) :], actuals, strict=True):
        billing.remember(tx, key, actual=actual["msdyn_actualid"])


def _schedules(tx: Tx, invoice: Row, milestones: Iterable[Row]) -> None:
    """The other way from an invoice to its milestones: a schedule row for each."""
    if tx.world.settings["projops.invoice_link"] == "details":
        return
    rows = [
        {
            "msdyn_name": milestone["msdyn_name"],
            "msdyn_contractlineid": milestone["msdyn_contractlineid"],
            "msdyn_contractlinescheduleofvalue": milestone["msdyn_contractlinescheduleofvalueid"],
            "msdyn_invoice": invoice["invoiceid"],
            "msdyn_invoicerundate": invoice["msdyn_invoicedate"],
            "msdyn_invoicerunstatus": codes.RUN_SUCCESSFUL,
        }
        for milestone in milestones
    ]
    records.create_many(tx, SCHEDULE, rows)


def _advance(tx: Tx, milestones: Iterable[Row], actuals: Iterable[Row]) -> None:
    records.update_many(
        tx,
        MILESTONE,
        [(row["msdyn_contractlinescheduleofvalueid"], {"msdyn_invoicestatus": codes.ON_INVOICE}) for row in milestones],
    )
    records.update_many(
        tx,
        ACTUAL,
        [(row["msdyn_actualid"], {"msdyn_billingstatus": codes.BILLING_CREATED}) for row in actuals],
    )


def total(tx: Tx, invoice_id: str) -> Row:
    """Bring the sums of an invoice and its lines up to date with its details; the invoice."""
    details = billing.details_of(tx, invoice_id)
    with acting():
        for line in tx.find(INVOICE_LINE, invoiceid=invoice_id):
            own = [row for row in details if row["msdyn_invoicelineid"] == line["invoicedetailid"]]
            _change(tx, INVOICE_LINE, line["invoicedetailid"], line, _line_sums(own))
        invoice = tx.get(INVOICE, invoice_id)
        if invoice is None:
            raise missing(INVOICE, invoice_id)
        return _change(tx, INVOICE, invoice_id, invoice, _invoice_sums(details))


def _sum(details: Iterable[Row], column: str) -> Decimal:
    return sum((row[column] or _ZERO for row in details), _ZERO)


def _line_sums(details: Sequence[Row]) -> dict[str, Decimal]:
    amount, tax = _sum(details, "msdyn_amount"), _sum(details, "msdyn_tax")
    return {
        "priceperunit": amount,
        "baseamount": amount,
        "tax": tax,
        "extendedamount": amount + tax,
        "msdyn_chargeableamount": amount,
    }


def _invoice_sums(details: Sequence[Row]) -> dict[str, Decimal]:
    amount, tax = _sum(details, "msdyn_amount"), _sum(details, "msdyn_tax")
    return {
        "totallineitemamount": amount,
        "totaltax": tax,
        "totalamount": amount + tax,
        "totalamountlessfreight": amount + tax,
        "msdyn_amountdue": amount + tax,
    }


def _change(tx: Tx, table: str, key: str, before: Row, wanted: Mapping[str, Any]) -> Row:
    changes = {name: value for name, value in wanted.items() if before[name] != value}
    return records.update(tx, table, key, changes) if changes else before
