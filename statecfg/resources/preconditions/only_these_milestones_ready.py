"""`only_these_milestones_ready: {in: environment}`: no milestone outside the file is ready for invoicing.

While the cutover version runs, any milestone on 001 that anyone touches goes to F&O as Invoiced, in every legal
entity (rules 3.6). So this is read before the map starts and at every milestone fence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services

READY = 192350001
"""msdyn_invoicestatus Ready for invoicing. Source: reference/project-operations.md 2.1."""
ID = "msdyn_contractlinescheduleofvalueid"


@dataclass(frozen=True, slots=True)
class OnlyTheseMilestonesReadySpec:
    """Where to look; there is only one answer today."""

    in_: Literal["environment"] = "environment"


class OnlyTheseMilestonesReady(Check):
    """Blocks while somebody else's milestone is ready for invoicing."""

    name: ClassVar[str] = "only_these_milestones_ready"
    Spec: ClassVar[type] = OnlyTheseMilestonesReadySpec
    at: ClassVar[frozenset[str]] = frozenset({"start", "batch"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        ours = [live.value for live in seen.values() if isinstance(live.value, MilestonesLive)]
        rows = self._services.dataverse.rows(
            "msdyn_contractlinescheduleofvalues",
            select=[ID, "msdyn_name"],
            filter=f"msdyn_invoicestatus eq {READY}",
            expand="msdyn_contract($select=ordernumber)",
        )
        foreign = [_words(row) for row in rows if not any(live.owns(str(row[ID])) for live in ours)]
        title = "ready milestones"
        if not foreign:
            yield Finding("ok", "foreign-ready-milestones", "none outside the file is ready", title=title)
            return
        what = f"{len(foreign)} milestones outside the file are ready for invoicing, the first: {foreign[0]}"
        do = "set them to Not ready for invoicing until the maps are restored: they would arrive as Invoiced"
        yield Finding("block", "foreign-ready-milestones", what, do, title, details=tuple(foreign[:100]))


def _words(row: dict[str, object]) -> str:
    contract = row.get("msdyn_contract")
    number = contract.get("ordernumber") if isinstance(contract, dict) else None
    return f"{number or 'without a contract'} / {row.get('msdyn_name')}"
