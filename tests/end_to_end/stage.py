"""One sandbox that many tests use, each from the same kept moment on, so that no test pays for what came before.

A moment is the whole world as it was when it was kept. What a test does to it is gone with the next `take`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from statecfg.sandbox.server import Sandbox
from tests.end_to_end.rig import FAST, Rig

MILESTONE = "msdyn_contractlinescheduleofvalue"
MILESTONE_ID = f"{MILESTONE}id"
ARRIVED = "fo.ProjectContractLineMilestones"
Rows = Sequence[Mapping[str, str]]


class Stage:
    """A sandbox with its kept moments. Every rig that it gave out is closed with it."""

    def __init__(self, place: Path, contracts: int = 3, milestones: int = 12, **options: Any) -> None:
        self.place = place
        self.sandbox = Sandbox.start(place / "sandbox", contracts, milestones, **options)
        self._rigs: list[Rig] = []
        self._count = 0
        self.keep("fresh")

    def rig(self) -> Rig:
        """A project directory that knows nothing yet, on the world as it is."""
        self._count += 1
        inventory = self.sandbox.directory / "inventory"
        rig = Rig(self.sandbox, self.place / f"state{self._count}", inventory, extra=dict(FAST))
        self._rigs.append(rig)
        return rig

    def keep(self, moment: str) -> None:
        """Remember the world as it is."""
        self.sandbox.world.snapshot(moment)

    def take(self, moment: str = "fresh") -> Rig:
        """Go back to a moment, without faults and without a memory of requests."""
        self._hang_up()
        self.sandbox.world.faults.clear()
        self.sandbox.world.restore(moment)
        rig = self.rig()
        rig.forget_requests()
        return rig

    def _hang_up(self) -> None:
        for rig in self._rigs:
            for app in rig.apps:
                app.close()
        self._rigs.clear()

    def close(self) -> None:
        """End the sandbox; it must not have failed at anything itself."""
        self._hang_up()
        crashes = list(self.sandbox.crashes)
        self.sandbox.close()
        assert crashes == []


@contextmanager
def staged(place: Path, contracts: int = 3, milestones: int = 12, **options: Any) -> Iterator[Stage]:
    """A stage that is closed at the end of the block."""
    stage = Stage(place, contracts, milestones, **options)
    try:
        yield stage
    finally:
        stage.close()


def give(rig: Rig, rows: Rows, totals: Rows | None = None, name: str = "milestones.csv") -> Path:
    """Have the rig's project use these rows, with control totals that fit them, or other rows; the file."""
    path = rig.state_dir / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    use(rig, path, rows if totals is None else totals)
    return path


def use(rig: Rig, path: Path, rows: Rows) -> None:
    """Have the rig's project use a file that holds these rows."""
    rig.extra |= {"milestone_file": str(path), "control.count": str(len(rows))}
    rig.extra |= {f"control.sum.{code}": str(amount) for code, amount in sums(rows).items()}


def sums(rows: Rows) -> dict[str, Decimal]:
    """What rows of an export come to, by currency."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row["currency"]] += Decimal(row["amount"])
    return dict(found)


def contract_ids(rig: Rig) -> dict[str, str]:
    """Every project contract: number -> id."""
    return {row["ordernumber"]: row["salesorderid"] for row in rig.find("salesorder")}


def line_of(rig: Rig, row: Mapping[str, str]) -> dict[str, Any]:
    """The contract line of a row of the export."""
    lines = rig.find("salesorderdetail", salesorderid=contract_ids(rig)[row["contract"]])
    return next(line for line in lines if line["salesorderdetailname"] == row["line"])


def stones_of(rig: Rig, row: Mapping[str, str]) -> list[dict[str, Any]]:
    """Milestones in Dataverse that are called as a row of the export is, on its line."""
    line = line_of(rig, row)["salesorderdetailid"]
    return [stone for stone in rig.find(MILESTONE, msdyn_name=row["name"]) if stone["msdyn_contractlineid"] == line]


def stones_on(rig: Rig, numbers: Iterable[str]) -> list[dict[str, Any]]:
    """Every milestone in Dataverse of these contracts."""
    ids = contract_ids(rig)
    return [stone for number in numbers for stone in rig.find(MILESTONE, msdyn_contract=ids[number])]


def by_hand(rig: Rig, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
    """Somebody else's request to Dataverse."""
    request = {"service": "dataverse", "method": method, "path": f"/api/data/v9.2/{path}", "body": body}
    answer = rig.control("edit", "POST", request=request)
    assert answer["status"] < 400, answer


def make_milestone(rig: Rig, row: Mapping[str, str], **columns: Any) -> None:
    """Somebody makes a milestone as a row of the export has it, Not ready, with an id of the service's own."""
    line = line_of(rig, row)
    body = {
        "msdyn_name": row["name"],
        "msdyn_amount": float(row["amount"]),
        "msdyn_tax": float(row["tax"] or 0),
        "msdyn_invoicedate": f"{row['date']}T00:00:00Z",
        "msdyn_milestonedate": row["date"],
        "msdyn_invoicestatus": 192350000,
        "msdyn_transactionclassification": 192350003,
        "msdyn_transactiontypecode": 192350006,
        "msdyn_contract@odata.bind": f"/salesorders({line['salesorderid']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({line['transactioncurrencyid']})",
    }
    by_hand(rig, "POST", f"{MILESTONE}s", {**body, **columns})
