"""Somebody else at work while the product runs: acts of other people, and the very moment at which they happen.

The product says what it does as it does it; an act waits for one of these events and is done before the product goes
on. `gate` is the moment after a fence's last read and before the write, `step_start` the moment before the fence.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from statecfg.model.events import Event
from tests.end_to_end.rig import Rig
from tests.foreign.client import DRAFT, MILESTONES, READY, Client
from tests.foreign.procedure import Cutover, hours

MILESTONE = "msdyn_contractlinescheduleofvalue"
Act = Callable[[], object]


@dataclass
class _Planned:
    name: str
    data: dict[str, Any]
    act: Act

    def fits(self, event: Event) -> bool:
        return event.name == self.name and self.data.items() <= event.data.items()


@dataclass
class Meddler:
    """Everybody who isn't the product, in a rig's sandbox. done: acts that were carried out."""

    rig: Rig
    done: int = 0
    _planned: list[_Planned] = field(default_factory=list)

    def __post_init__(self) -> None:
        meddler = self

        class Events(list[Event]):
            def append(self, event: Event) -> None:
                super().append(event)
                meddler.heed(event)

        self.rig.events = Events()
        self.client = Client(self.rig.sandbox.details)
        self.cutover = Cutover(self.client, self.rig.sandbox.directory / "data" / "milestones.csv")

    def at(self, name: str, act: Act, **data: Any) -> None:
        """Act once, when the product says an event of this name with these data for the first time."""
        self._planned.append(_Planned(name, data, act))

    def heed(self, event: Event) -> None:
        """Do what was planned for this event."""
        due = [planned for planned in self._planned if planned.fits(event)]
        for planned in due:
            self._planned.remove(planned)
            planned.act()
            self.done += 1

    def edit(self, table: str, **fields: Any) -> Any:
        """An edit by a colleague, by the rules of its service."""
        return self.rig.control("edit", "POST", table=table, **fields)

    def work_on(self, contract: str, amount: int = 80, line: str = "L1") -> str:
        """A colleague's approved hours on a contract, ready to be invoiced; their id."""
        place = self.cutover.lines()[contract, line]
        key = str(uuid.uuid4())
        values = _columns(hours(key, place["_salesorderid_value"], place, amount))
        self.edit("msdyn_actual", operation="create", changes={**values, "msdyn_skipsync": False})
        return key

    def set_status(self, key: str, status: int = READY) -> None:
        """A colleague sets a milestone's status."""
        self.edit(MILESTONE, key=key, changes={"msdyn_invoicestatus": status})

    def stones(self, contract: str, status: int) -> list[dict[str, Any]]:
        """A contract's milestones in a status."""
        return self.rig.find(MILESTONE, msdyn_contract=self.order(contract), msdyn_invoicestatus=status)

    def order(self, contract: str) -> str:
        """A contract's id."""
        (order,) = self.rig.find("salesorder", ordernumber=contract)
        return str(order["salesorderid"])

    def an_open_invoice(self, contract: str) -> dict[str, Any]:
        """A draft on a contract."""
        rows = self.rig.find("invoice", salesorderid=self.order(contract), msdyn_projectinvoicestatus=DRAFT)
        return rows[0]

    def in_finance(self, key: str) -> dict[str, Any]:
        """A milestone's row in F&O."""
        (row,) = self.rig.find("fo.ProjectContractLineMilestones", ContractLineMilestoneGuid=key)
        return row

    def bring_back_original(self) -> None:
        """A colleague stops the milestones map and starts it again on the version it always had."""
        original = next(
            one["id"]
            for one in self.client.maps()[MILESTONES]["detail"]["templates"]
            if (one["author"], one["version"]["build"], one["version"]["revision"]) == ("Microsoft", 0, 7)
        )
        self.client.stop(MILESTONES)
        self.client.switch(MILESTONES, original)
        self.client.start(MILESTONES)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    """The same row by its columns: what a client binds by an address is a key."""
    plain = {name: value for name, value in values.items() if "@" not in name}
    bound = {
        name.removesuffix("@odata.bind").lower(): str(value).rpartition("(")[2].rstrip(")")
        for name, value in values.items()
        if name.endswith("@odata.bind")
    }
    return {**plain, **bound}
