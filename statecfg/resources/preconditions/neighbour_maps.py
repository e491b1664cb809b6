"""`neighbour_maps: {}`: the other Project Operations maps and whether they run. Information only (rules 5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

RUNNING = 4
"""Map state Running on the gateway. Source: reference/dual-write.md, "States"."""


@dataclass(frozen=True, slots=True)
class NeighbourMapsSpec:
    """Nothing to say."""


class NeighbourMaps(Check):
    """Says how many of the other maps run."""

    name: ClassVar[str] = "neighbour_maps"
    Spec: ClassVar[type] = NeighbourMapsSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        if self._services.gateway is None:
            return
        maps = self._services.environment.maps
        ours = {m.entity_set for m in (maps.milestones, maps.actuals, maps.invoices)}
        others = [m for m in self._services.gateway.maps() if m.entity_set not in ours]
        stopped = tuple(m.name for m in others if m.state != RUNNING)
        what = f"{len(others) - len(stopped)} of {len(others)} run"
        yield Finding("info", "neighbour-maps", what, title="other maps", details=stopped)
