"""What harm looks like in the sandbox's own rows and books, for tests that leave a check out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from statecfg.model.results import ApplyResult
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.rig import Rig, codes
from tests.foreign.client import CONFIRMED, DRAFT

Billed = dict[tuple[str, str], Any]


def without(others: Meddler, *checks: str) -> Rig:
    """The rig, with these checks left out."""
    others.rig.disabled = frozenset(checks)
    return others.rig


def stopped_by(result: ApplyResult) -> set[str]:
    """Codes of everything that blocked: preconditions, fences, invariants."""
    return {*codes(result.findings), *codes(getattr(result.error, "findings", ()))}


def statuses(others: Meddler) -> dict[str, str]:
    """The status in F&O of every milestone of the file that is there, by contract and name."""
    names = {(row["contract"], row["name"]) for row in others.cutover.rows()}
    rows = others.rig.find("fo.ProjectContractLineMilestones")
    return {
        f"{row['ProjectContractId']} / {row['Description']}": row["TransStatus"]
        for row in rows
        if (row["ProjectContractId"], row["Description"]) in names
    }


def invoices(others: Meddler, *status: int) -> dict[str, int]:
    """How many invoices in these statuses, or in any, each contract of the file has."""
    orders = {row["salesorderid"]: row["ordernumber"] for row in others.rig.find("salesorder")}
    rows = [row for row in others.rig.find("invoice") if not status or row["msdyn_projectinvoicestatus"] in status]
    numbers = [orders[row["salesorderid"]] for row in rows]
    return dict(Counter(number for number in numbers if number in others.cutover.contracts()))


def open_drafts(others: Meddler) -> dict[str, str]:
    """The draft of each contract of the file that has one: contract -> invoice id."""
    orders = {row["salesorderid"]: row["ordernumber"] for row in others.rig.find("salesorder")}
    drafts = others.rig.find("invoice", msdyn_projectinvoicestatus=DRAFT)
    found = {orders[row["salesorderid"]]: row["invoiceid"] for row in drafts}
    return {contract: key for contract, key in found.items() if contract in others.cutover.contracts()}


def billed_again(others: Meddler, *contracts: str) -> Billed:
    """AR entries by customer and invoice, if what these contracts were billed in the old system is billed again."""
    customers, sums = others.cutover.customers(), others.cutover.billed()
    numbers = {
        contract: row["invoicenumber"]
        for contract in contracts
        for row in others.rig.find("invoice", salesorderid=others.order(contract), msdyn_projectinvoicestatus=CONFIRMED)
    }
    return {(customers[contract], number): sums[contract] for contract, number in numbers.items()}
