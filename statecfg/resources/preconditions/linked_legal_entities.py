"""`linked_legal_entities: {}`: the inventory names every legal entity of the dual-write link.

A map runs for all linked legal entities at once, so one that nobody thought of is not idle by itself (rules 3.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services


@dataclass(frozen=True, slots=True)
class LinkedLegalEntitiesSpec:
    """Nothing to say."""


class LinkedLegalEntities(Check):
    """Blocks if a linked legal entity is missing in the inventory."""

    name: ClassVar[str] = "linked_legal_entities"
    Spec: ClassVar[type] = LinkedLegalEntitiesSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        if self._services.gateway is None:
            return
        known = {code.casefold() for code in self._services.environment.legal_entities}
        linked = [finance for finance, _ in self._services.gateway.legal_entities()]
        missing = [code for code in linked if code.casefold() not in known]
        title = "legal entities"
        if missing:
            what = f"the link also holds {', '.join(missing)}, which the inventory's legal_entities don't name"
            do = "add them, after making sure that nobody works there: the maps run for every linked legal entity"
            yield Finding("block", "unnamed-legal-entity", what, do, title, details=tuple(missing))
            return
        yield Finding("ok", "unnamed-legal-entity", f"all {len(linked)} of the link are named", title=title)
