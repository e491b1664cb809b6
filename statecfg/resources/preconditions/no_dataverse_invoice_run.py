"""`no_dataverse_invoice_run: {}`: nothing in Dataverse makes or confirms invoices by itself.

An active batch job whose name contains "create invoices" invoices on its own, and so does a waiting run of its
workflows (reference/project-operations.md 4.3). Read again before create, confirm and start (rules 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

COMPLETED = 3
"""asyncoperation statecode Completed; below it a job is ready, suspended or locked.
Source: Microsoft Learn, asyncoperation table reference."""


@dataclass(frozen=True, slots=True)
class NoDataverseInvoiceRunSpec:
    """Nothing to say."""


class NoDataverseInvoiceRun(Check):
    """Blocks while a job or a workflow could make invoices."""

    name: ClassVar[str] = "no_dataverse_invoice_run"
    Spec: ClassVar[type] = NoDataverseInvoiceRunSpec
    at: ClassVar[frozenset[str]] = frozenset({"create", "confirm", "start"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        found = [*self._batch_jobs(), *self._workflow_runs()]
        title = "invoice runs"
        if not found:
            yield Finding("ok", "dataverse-invoice-run", "none active in Dataverse", title=title)
            return
        what = f"{len(found)} in Dataverse could make invoices by itself: {', '.join(found[:5])}"
        do = "suspend the batch job and cancel the waiting workflow runs until the maps are restored"
        yield Finding("block", "dataverse-invoice-run", what, do, title, details=tuple(found))

    def _batch_jobs(self) -> Iterable[str]:
        words = [word.casefold() for word in self._services.environment.jobs.create_invoices]
        rows = self._services.dataverse.rows("msdyn_batchjobs", select=["msdyn_name"], filter="msdyn_isactive eq true")
        names = [str(row.get("msdyn_name") or "") for row in rows]
        return [f"batch job {name!r}" for name in names if any(word in name.casefold() for word in words)]

    def _workflow_runs(self) -> Iterable[str]:
        words = self._services.environment.jobs.workflows
        if not words:
            return []
        named = " or ".join(f"contains(name,'{word}')" for word in words)
        rows = self._services.dataverse.rows(
            "asyncoperations", select=["name", "statecode"], filter=f"statecode lt {COMPLETED} and ({named})"
        )
        return [f"workflow run {row.get('name')!r}" for row in rows]
