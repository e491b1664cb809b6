"""`no_foreign_writes: {since: first_stop}`: while the maps were stopped, nobody else wrote what they carry.

What was written then never arrives: a stopped map replays nothing. Read before each start and after the last one
(rules 5.3). Needs the mark that is taken before the first stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.model.window import Mark
from statecfg.resources.services import Services

TABLES = (
    ("msdyn_contractlinescheduleofvalues", "msdyn_name", "milestone"),
    ("msdyn_actuals", "msdyn_description", "actual"),
    ("invoices", "name", "invoice"),
    ("msdyn_transactionconnections", "msdyn_name", "transaction connection"),
)
"""Sets that the three maps and their companion carry, the column that names a row, and what a row is called."""
TITLE = "other people's writes"


@dataclass(frozen=True, slots=True)
class NoForeignWritesSpec:
    """Since when; there is only one answer today."""

    since: Literal["first_stop"] = "first_stop"


class NoForeignWrites(Check):
    """Asks about every row that somebody else wrote; in production also where it can't be known."""

    name: ClassVar[str] = "no_foreign_writes"
    Spec: ClassVar[type] = NoForeignWritesSpec
    at: ClassVar[frozenset[str]] = frozenset({"start", "end"})

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        window = self._services.window()
        if window is None or window.mark is None:
            severity: Literal["ask", "warn"] = "ask" if self._services.environment.is_production else "warn"
            what = "not looked at: there is no mark of the first stop (the run file has it)"
            yield Finding(severity, "foreign-writes-unknown", what, "give the run file with --from-run FILE", TITLE)
            return
        found = tuple(self._foreign(window.mark))
        if not found:
            yield Finding("ok", "foreign-writes", f"none since {window.mark.at}", title=TITLE)
        for code, words in found:
            do = f'have it written again after the restore, then --attest {code}="NAME: WORDS"'
            yield Finding("ask", code, f"{words}; it will never arrive in F&O", do, TITLE)

    def _foreign(self, mark: Mark) -> Iterator[tuple[str, str]]:
        me = str(self._services.dataverse.user()["UserId"])
        for entity_set, name, word in TABLES:
            for row in self._changed(entity_set, name, mark, me):
                version = row.get("@odata.etag", "").strip('W/"')
                by = row.get("_modifiedby_value@OData.Community.Display.V1.FormattedValue") or "somebody else"
                yield f"foreign-write.{version}", f"{word} {row.get(name)!r} was written by {by}, {row['modifiedon']}"

    def _changed(self, entity_set: str, name: str, mark: Mark, me: str) -> Iterator[dict[str, Any]]:
        return self._services.dataverse.rows(
            entity_set,
            select=[name, "modifiedon", "_modifiedby_value"],
            filter=f"modifiedon ge {mark.at} and _modifiedby_value ne {me}",
        )
