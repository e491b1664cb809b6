"""What a cutover must leave, read straight from the sandbox's world and never through the product."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from typing import Any

from tests.end_to_end.rig import Rig

READY, ON_INVOICE, POSTED = 192350001, 192350002, 192350003
CONFIRMED = 192350002
BILLED_SALES, MILESTONE_CLASS = 192350006, 192350003
MAPS = ("milestones", "actuals", "invoices")


def export(rig: Rig) -> list[dict[str, str]]:
    """The rows of the legacy export."""
    with (rig.sandbox.directory / "data" / "milestones.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def canonical(rig: Rig) -> dict[str, Any]:
    """The world in words that two runs must share: no ids, numbers and times that a server gives (rules 8.3)."""
    with rig.sandbox.world.reading() as tx:
        orders = {row["salesorderid"]: row["ordernumber"] for row in tx.find("salesorder")}
        stones = tx.find("msdyn_contractlinescheduleofvalue")
        invoices = tx.find("invoice")
        actuals = tx.find("msdyn_actual")
        arrived = tx.find("fo.ProjectContractLineMilestones")
        staged = len(tx.find("fo.ProjActualsImports"))
    stone = ("msdyn_contractlinescheduleofvalueid", "msdyn_name", "msdyn_amount", "msdyn_invoicestatus")
    there = ("ContractLineMilestoneGuid", "Amount", "TransStatus", "CurrencyCode")
    actual = ("msdyn_description", "msdyn_amount", "msdyn_transactiontypecode")
    return {
        "milestones": sorted(tuple(row[name] for name in stone) for row in stones),
        "in finance": sorted(tuple(row[name] for name in there) for row in arrived),
        "invoices": Counter(
            (orders.get(row["salesorderid"], ""), row["msdyn_projectinvoicestatus"], row["totalamount"])
            for row in invoices
        ),
        "actuals": Counter(tuple(row[name] for name in actual) for row in actuals),
        "staged": staged,
        "maps": maps(rig),
    }


def maps(rig: Rig) -> dict[str, tuple[str, str]]:
    """State code and active version of the three maps, as the gateway itself has them."""
    return {row["map"]: (row["state"], row["template"]) for row in rig.find("dw.maps") if row["map"] in MAPS}


def confirmed(rig: Rig) -> Counter[str]:
    """How many confirmed invoices each contract has, by its number."""
    numbers = {row["salesorderid"]: row["ordernumber"] for row in rig.find("salesorder")}
    rows = rig.find("invoice", msdyn_projectinvoicestatus=CONFIRMED)
    return Counter(numbers[row["salesorderid"]] for row in rows)


def posted(rig: Rig) -> dict[tuple[str, str, Decimal], str]:
    """Ids of posted milestones in Dataverse by contract, name and amount."""
    numbers = {row["salesorderid"]: row["ordernumber"] for row in rig.find("salesorder")}
    rows = rig.find("msdyn_contractlinescheduleofvalue", msdyn_invoicestatus=POSTED)
    return {
        (numbers[row["msdyn_contract"]], row["msdyn_name"], row["msdyn_amount"]): row[
            "msdyn_contractlinescheduleofvalueid"
        ]
        for row in rows
    }


def assert_complete(rig: Rig, before: Counter[str]) -> None:
    """Every milestone of the export is posted and Invoiced with its amount, on one new confirmed invoice a contract.

    before: confirmed invoices by contract before the cutover.
    """
    rows, done = export(rig), posted(rig)
    arrived = {row["ContractLineMilestoneGuid"]: row for row in rig.find("fo.ProjectContractLineMilestones")}
    for row in rows:
        key = (row["contract"], row["name"], Decimal(row["amount"]))
        assert key in done, f"{key} is not posted in Dataverse"
        there = arrived[done[key]]
        assert (there["TransStatus"], there["Amount"]) == ("Invoiced", Decimal(row["amount"])), key
        assert there["CurrencyCode"] == row["currency"]
    assert confirmed(rig) - before == Counter(dict.fromkeys({row["contract"] for row in rows}, 1))
