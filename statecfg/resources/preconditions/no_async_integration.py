"""`no_async_integration: {}`: no asynchronous integration job carries one of the three maps, and there is no backlog.

Such a job goes on after the live map has stopped. The only known signals are AsyncMode and the backlog table
(reference/finance-and-operations.md 1.3, 8.6). Read again before create, confirm and start (rules 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from statecfg.clients.witness import FinanceRow, finance_rows
from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

ASYNCHRONOUS = ("RequiredAsync", "1")
"""DualWriteAsyncMode of a map in an integration job, by name and number.
Source: reference/finance-and-operations.md 8.6."""
TITLE = "async integration"


@dataclass(frozen=True, slots=True)
class NoAsyncIntegrationSpec:
    """Nothing to say."""


class NoAsyncIntegration(Check):
    """Blocks an asynchronous map or a backlog; asks in production where nothing says that there is none."""

    name: ClassVar[str] = "no_async_integration"
    Spec: ClassVar[type] = NoAsyncIntegrationSpec
    at: ClassVar[frozenset[str]] = frozenset({"create", "confirm", "start"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        backlog = self._backlog()
        if backlog:
            what = f"{len(backlog)} changes wait in the asynchronous backlog: {', '.join(backlog[:5])}"
            do = "let the integration job finish, or clear the backlog, before going on"
            yield Finding("block", "async-backlog", what, do, TITLE, details=tuple(backlog))
            return
        maps = self._services.environment.maps
        entities = {m.entity.casefold() for m in (maps.milestones, maps.actuals, maps.invoices)}
        rows = [r for r in finance_rows(self._services.finance) if r.internal.casefold() in entities]
        yield self._mode(rows, len(entities))

    def _backlog(self) -> list[str]:
        rows = self._services.finance.rows("DualWriteAsyncLogs", select=["RowId", "UniqueEntityName", "dataAreaId"])
        return [f"{row['UniqueEntityName']} ({row['dataAreaId']})" for row in rows]

    def _mode(self, rows: Iterable[FinanceRow], maps: int) -> Finding:
        known = list(rows)
        jobs = [row.internal for row in known if row.async_mode in ASYNCHRONOUS]
        if jobs:
            what = f"in an asynchronous integration job: {', '.join(jobs)}"
            return Finding("block", "async-integration", what, "take them out of the integration job", TITLE)
        if len(known) >= maps:
            return Finding("ok", "async-integration", "no map is asynchronous, no backlog", title=TITLE)
        return self._unread()

    def _unread(self) -> Finding:
        answer = self._services.environment.async_integration.none
        if self._services.environment.is_production:
            what = "not every map shows its mode here: someone must attest that no integration job holds them"
            return Finding("ask", "async-integration", what, title=TITLE)
        if answer:
            what = f"no backlog; no job, says {answer.who}: {answer.why}"
            return Finding("ok", "async-integration", what, title=TITLE)
        what = "not every map shows its mode here, and the inventory's async_integration doesn't answer for them"
        return Finding("ask", "async-integration", what, "add async_integration: {none: {who, why}}", TITLE)
