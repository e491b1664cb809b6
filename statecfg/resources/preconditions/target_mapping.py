"""`target_mapping: {entity: ..., staging_field: TRANSSTATUS}`: "Generate mapping" was done in F&O.

No API does it, but its result can be seen: a row of DataManagementTargetMapEntities. Whether that names the entity by
label or by AOT name is inferred, so both are tried. Source: reference/finance-and-operations.md 8.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

HOW = (
    "in Finance: Data management > Data entities > {entity} > Modify target mapping > Map staging to target > "
    "Generate mapping, answer Yes; then run this again"
)


@dataclass(frozen=True, slots=True)
class TargetMappingSpec:
    """The entity by its label, and the staging field that its target mapping must have."""

    entity: str
    staging_field: str


class TargetMapping(Check):
    """Blocks until the field is in the entity's target mapping."""

    name: ClassVar[str] = "target_mapping"
    Spec: ClassVar[type] = TargetMappingSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        spec: TargetMappingSpec = requirement.spec
        names = {spec.entity.casefold(), *self._aot_names(spec.entity)}
        rows = self._services.finance.rows(
            "DataManagementTargetMapEntities",
            select=["Entity", "StagingField"],
            filter=f"StagingField eq '{spec.staging_field}'",
        )
        if any(str(row["Entity"]).casefold() in names for row in rows):
            yield Finding("ok", "target-mapping", f"{spec.staging_field} is mapped", title="target mapping")
            return
        what = f"{spec.staging_field} is not in the target mapping of {spec.entity!r}"
        yield Finding("block", "target-mapping", what, HOW.format(entity=spec.entity), "target mapping")

    def _aot_names(self, label: str) -> Iterable[str]:
        quoted = label.replace("'", "''")
        rows = self._services.finance.rows(
            "DataManagementEntities", select=["EntityName", "TargetName"], filter=f"EntityName eq '{quoted}'"
        )
        return [str(row["TargetName"]).casefold() for row in rows if row.get("TargetName")]
