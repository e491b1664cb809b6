"""`no_finance_jobs: {}`: Import from staging and proposal posting are on hold in F&O.

They turn what should not be there into proposals and vouchers (reference/project-operations.md, M14). Read again
before create, confirm and start (rules 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

ALIVE = ("Waiting", "Executing", "Ready", "Scheduled")
"""BatchStatus members of a job that runs or may start. Source: reference/finance-and-operations.md 8.4."""
STATUS = "Microsoft.Dynamics.DataEntities.BatchStatus"


@dataclass(frozen=True, slots=True)
class NoFinanceJobsSpec:
    """Nothing to say."""


class NoFinanceJobs(Check):
    """Blocks while one of these jobs runs or could start."""

    name: ClassVar[str] = "no_finance_jobs"
    Spec: ClassVar[type] = NoFinanceJobsSpec
    at: ClassVar[frozenset[str]] = frozenset({"create", "confirm", "start"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        words = [word.casefold() for word in self._services.environment.jobs.finance]
        rows = self._services.finance.rows(
            "BatchJobs",
            select=["BatchJobRecId", "JobDescription", "Status", "CompanyAccounts"],
            filter=" or ".join(f"Status eq {STATUS}'{member}'" for member in ALIVE),
        )
        found = [
            f"{row['JobDescription']} ({row['Status']}, {row.get('CompanyAccounts') or 'all companies'})"
            for row in rows
            if any(word in str(row["JobDescription"]).casefold() for word in words)
        ]
        title = "finance jobs"
        if not found:
            yield Finding("ok", "finance-jobs", "import and posting jobs are on hold", title=title)
            return
        what = f"{len(found)} jobs could import or post: {', '.join(found[:5])}"
        do = "in Finance: System administration > Batch jobs: change their status to Withhold until the end"
        yield Finding("block", "finance-jobs", what, do, title, details=tuple(found))
