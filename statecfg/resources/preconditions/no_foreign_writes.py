"""`no_foreign_writes: {since: first_stop}`: while the maps were stopped, nobody else wrote what they carry.

What was written then never arrives: a stopped map replays nothing. Read before each start and after the last one
(rules 5.3). Needs the mark that is taken before the first stop. What the system itself wrote on this cutover's own
records is ours: where invoices are confirmed in the background, its jobs do it in their own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.model.window import Mark
from statecfg.resources.invoices.live import InvoicesLive
from statecfg.resources.milestones.live import MilestonesLive
from statecfg.resources.services import Services


class Carried(NamedTuple):
    """A set that the three maps, or their companion, carry.

    name: the column that names a row; word: what a row is called. ours: the column by which a row is known to be of
    this cutover, the id of a milestone or of an invoice; "" = none is.
    """

    entity_set: str
    name: str
    word: str
    ours: str


TABLES = (
    Carried("msdyn_contractlinescheduleofvalues", "msdyn_name", "milestone", "msdyn_contractlinescheduleofvalueid"),
    Carried("msdyn_actuals", "msdyn_description", "actual", "_msdyn_invoice_value"),
    Carried("invoices", "name", "invoice", "invoiceid"),
    Carried("msdyn_transactionconnections", "msdyn_name", "transaction connection", ""),
)
SYSTEM = "SYSTEM"
"""Name of the user who does what nobody is signed in for; every organization has one."""
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
        found = tuple(self._foreign(window.mark, _Ours.of(seen)))
        if not found:
            yield Finding("ok", "foreign-writes", f"none since {window.mark.at}", title=TITLE)
        for code, words in found:
            do = f'have it written again after the restore, then --attest {code}="NAME: WORDS"'
            yield Finding("ask", code, f"{words}; it will never arrive in F&O", do, TITLE)

    def _foreign(self, mark: Mark, ours: _Ours) -> Iterator[tuple[str, str]]:
        me = str(self._services.dataverse.user()["UserId"])
        changed = [(table, row) for table in TABLES for row in self._changed(table, mark, me)]
        system = self._system() if any(ours.holds(table, row) for table, row in changed) else frozenset()
        for table, row in changed:
            if ours.holds(table, row) and row["_modifiedby_value"] in system:
                continue
            version = row.get("@odata.etag", "").strip('W/"')
            by = row.get("_modifiedby_value@OData.Community.Display.V1.FormattedValue") or "somebody else"
            words = f"{table.word} {row.get(table.name)!r} was written by {by}, {row['modifiedon']}"
            yield f"foreign-write.{version}", words

    def _system(self) -> frozenset[str]:
        rows = self._services.dataverse.rows("systemusers", select=["systemuserid"], filter=f"fullname eq '{SYSTEM}'")
        return frozenset(str(row["systemuserid"]) for row in rows)

    def _changed(self, table: Carried, mark: Mark, me: str) -> Iterator[dict[str, Any]]:
        columns = dict.fromkeys((table.name, "modifiedon", "_modifiedby_value", table.ours))
        return self._services.dataverse.rows(
            table.entity_set,
            select=[column for column in columns if column],
            filter=f"modifiedon ge {mark.at} and _modifiedby_value ne {me}",
        )


@dataclass(frozen=True, slots=True)
class _Ours:
    """This cutover's records, as far as they were read: its milestones, and its invoices by id."""

    milestones: tuple[MilestonesLive, ...]
    invoices: frozenset[str]

    @classmethod
    def of(cls, seen: Seen) -> _Ours:
        values = [live.value for live in seen.values()]
        invoices = [each for value in values if isinstance(value, InvoicesLive) for each in value.invoices]
        return cls(tuple(each for each in values if isinstance(each, MilestonesLive)), frozenset(invoices))

    def holds(self, table: Carried, row: Mapping[str, Any]) -> bool:
        """Whether a row is a milestone or an invoice of ours, or an actual of such an invoice."""
        found = str(row.get(table.ours) or "")
        return found in self.invoices or (bool(found) and any(live.owns(found) for live in self.milestones))
