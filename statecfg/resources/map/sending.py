"""Carrying out the steps of maps, and looking whether they are done. Sends what the step says, decides nothing.

A request's reply says only that it was taken; the end of a step is what the witnesses say (rules 3.3).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from statecfg.clients import mapping as wire
from statecfg.clients import witness
from statecfg.clients.dualwrite import START, STOP, Gateway
from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.clients.tablemap import MapRequest, TableMap
from statecfg.model.environment import Environment
from statecfg.model.errors import Blocked, Conflict
from statecfg.model.kind import REACHED, THE_STEP, Observation, Receipt, Settlement
from statecfg.model.plan import Finding, Step
from statecfg.resources.map.reading import Reader, seen_of
from statecfg.resources.map.rows import differences
from statecfg.resources.map.spec import DIRECTIONS, MappingRow, Version
from statecfg.resources.map.witnesses import judged
from statecfg.resources.services import Services

NAMESPACE = UUID("7f0c8a52-5b7e-4f5e-9d0a-0d6a3a1b6c11")
"""Ids of saved versions are made from it, so that saving one twice makes one row."""


class Sender:
    """Sends steps of maps and looks at their outcome."""

    def __init__(self, services: Services, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._reader = reader
        self._clock = clock
        self._disagree_since: dict[int, float] = {}

    @property
    def _gateway(self) -> Gateway:
        gateway = self._services.gateway
        assert gateway is not None
        return gateway

    @property
    def _environment(self) -> Environment:
        return self._services.environment

    def perform(self, step: Step) -> Receipt:
        """Send one step. Raises what the clients raise; Blocked if a version to be activated isn't what was planned."""
        return _PERFORM[step.verb](self, step)

    def observe(self, step: Step, receipt: Receipt | None) -> Observation:
        """Whether the step's end is reached. Raises Blocked if the witnesses don't come to agree."""
        said = self._request(step, receipt)
        if said and said.state == "failed":
            return Observation("failed", said.error or "the service gives no reason", "request-failed")
        job = (receipt.detail or {}).get("job") if receipt else None
        return self._imported(str(job)) if job else _OBSERVE[step.verb](self, step)

    def settle(self, step: Step, since: float) -> Settlement:
        """What became of a step whose answer was lost: done, going on, or to be sent again after a quiet moment."""
        self._reader.fresh()
        if _OBSERVE[step.verb](self, step).state == "reached":
            return Settlement()
        action = {"start": START, "stop": STOP}.get(step.verb)
        newest = self._map(str(step.targets[0].name)).requests[:1]
        if action and newest and newest[0].action == action and newest[0].state == "waiting":
            return Settlement(waiting=f"the service is still at {step.summary}")
        if since < self._environment.waits.witness_s / 4:
            return Settlement(waiting=f"whether {step.summary} arrived")
        return Settlement(missing=(THE_STEP,))

    def _map(self, name: str) -> TableMap:
        names = getattr(self._environment.maps, name)
        found = seen_of(names, self._reader.round(), None).table_map
        assert found is not None
        return found

    def _version(self, step: Step) -> Version | None:
        wanted = Version(str(step.detail["publisher"]), str(step.detail["number"]))
        table_map = self._map(str(step.detail["map"]))
        active = (table_map.active,) if table_map.active else ()
        found = [Version(v.publisher, v.number, v.id) for v in (*active, *table_map.versions)]
        return next((version for version in found if version.identity == wanted.identity), None)

    def _request(self, step: Step, receipt: Receipt | None) -> MapRequest | None:
        request_id = (receipt.detail or {}).get("request") if receipt else None
        if not request_id:
            return None
        if step.verb == "apply-version":
            return self._gateway.restore_status(request_id)
        requests = list(self._gateway.status(request_id).values())
        return next((request for request in requests if request.state == "failed"), requests[0] if requests else None)

    # What is sent, by verb.

    def _stop(self, step: Step) -> Receipt:
        maps = [self._map(name) for name in step.detail["maps"]]
        running = [one for one in maps if one.running == "running"]
        return Receipt({"request": self._gateway.stop(running)}) if running else Receipt()

    def _start(self, step: Step) -> Receipt:
        one = self._map(str(step.detail["map"]))
        if one.running == "running":
            return Receipt()
        return Receipt({"request": self._gateway.start([one])})

    def _refresh(self, step: Step) -> Receipt:
        one = self._map(str(step.detail["map"]))
        self._gateway.refresh(self._reader.project(one).name)
        return Receipt()

    def _switch(self, step: Step) -> Receipt:
        version = self._version(step)
        if version is None:
            raise Blocked(f"{step.detail['publisher']} {step.detail['number']} can't be chosen: it isn't saved here")
        one = self._map(str(step.detail["map"]))
        if one.active and one.active.id == version.id:
            return Receipt()
        self._check(step, version)
        self._gateway.switch(one, version.id)
        return Receipt()

    def _check(self, step: Step, version: Version) -> None:
        """A version whose mapping isn't exactly what was planned is not activated (rules 3.5)."""
        saved = self._reader.saved([version.id]).get(version.id)
        wrong = self._wrong(step, saved) if saved else ("its mapping can't be read",)
        if wrong:
            finding = Finding("block", "mapping-not-exact", f"version {version}: {'; '.join(wrong[:3])}", details=wrong)
            raise Blocked(
                f"version {version} is not activated: it isn't the original plus what is declared",
                [finding],
                where=step.summary,
                do="correct or remove that version, or declare another number, then apply again",
            )

    def _wrong(self, step: Step, saved: Mapping_) -> tuple[str, ...]:
        if "added" not in step.detail:
            return ()
        base = self._reader.saved([str(step.detail["base"])]).get(str(step.detail["base"]))
        if base is None:
            return ("the original's mapping can't be read",)
        return differences(saved, base, _added(step), self._reader.enums())

    def _save(self, step: Step) -> Receipt:
        via = str(step.detail["via"])
        if via == "solution":
            return self._import(Path(str(step.detail["solution_file"])))
        if via == "row":
            self._create_row(step)
        return Receipt()

    def _import(self, file: Path) -> Receipt:
        content = base64.b64encode(file.read_bytes()).decode()
        body = {"OverwriteUnmanagedCustomizations": False, "PublishWorkflows": False, "CustomizationFile": content}
        answer = self._services.dataverse.unbound_action("ImportSolutionAsync", body) or {}
        return Receipt({"job": answer.get("AsyncOperationId", "")})

    def _create_row(self, step: Step) -> None:
        """A row of the saved versions' table: the original's own row with the declared lines and another number."""
        settings, dataverse = self._environment.map_row, self._services.dataverse
        base = str(step.detail["base"])
        text = witness.saved_mapping(dataverse, base)
        if text is None:
            raise Blocked(f"the original of map/{step.detail['map']} has no saved row, so via: row can't copy it")
        rows = [self._as_row(row, text.rows) for row in _added(step)]
        columns = dataverse.columns(witness.VERSIONS_TABLE)
        copied = dataverse.row(_SET, base, select=("msdyn_name", "msdyn_displayname", "msdyn_properties")) or {}
        values: dict[str, Any] = {
            "msdyn_dualwriteentitymapid": str(version_id(self._environment, step)),
            **{name: copied.get(name) for name in ("msdyn_name", "msdyn_displayname", "msdyn_properties")},
            "msdyn_version": step.detail["number"],
            "msdyn_mapping": wire.with_rows(text.text, rows),
        }
        if settings.author_column in columns:
            values[settings.author_column] = step.detail["publisher"]
        if settings.description_column in columns:
            values[settings.description_column] = step.detail["description"]
        try:
            dataverse.create(_SET, {k: v for k, v in values.items() if v is not None}, repeatable=True)
        except Conflict:
            return  # the same id: an earlier attempt made it, and the read-back before the switch compares it

    def _as_row(self, row: MappingRow, base: tuple[FieldMapping, ...]) -> FieldMapping:
        if not row.values:
            return FieldMapping(row.finance, row.dataverse, DIRECTIONS[row.direction])
        own = (each.value_type for each in base if each.value_type)
        type_name = next(own, None) or next(witness.value_types(self._services.dataverse), None)
        if not type_name:
            raise Blocked(
                "no saved map version of this environment has a value map whose type could be copied",
                do="use via: manual or via: solution: the type's name must never be invented",
            )
        return FieldMapping(row.finance, row.dataverse, DIRECTIONS[row.direction], dict(row.values), type_name)

    def _apply(self, step: Step) -> Receipt:
        if self._version(step):
            return Receipt()
        return Receipt({"request": self._gateway.restore(str(step.detail["solution"]))})

    # What is looked at, by verb.

    def _see_stopped(self, step: Step) -> Observation:
        return self._all(step, "stopped")

    def _see_started(self, step: Step) -> Observation:
        return self._all(step, "running")

    def _all(self, step: Step, wanted: str) -> Observation:
        names = [target.name for target in step.targets]
        states = [(name, *self._judged(name, wanted)) for name in names]
        missing = [f"map/{name}: {words}" for name, state, words in states if state != wanted]
        agreed = all(state in (wanted, "unknown") and self._map(name).running == wanted for name, state, _ in states)
        if missing and agreed:
            self._refuse_to_wait_on(step, missing)
        done = len(names) - len(missing)
        return Observation("not_yet" if missing else "reached", "; ".join(missing), "", done, len(names))

    def _refuse_to_wait_on(self, step: Step, missing: Sequence[str]) -> None:
        """Witnesses lag behind the gateway, but not for ever. Raises Blocked at their deadline (rules 3.3)."""
        since = self._disagree_since.setdefault(step.number, self._clock())
        if self._clock() - since < self._environment.waits.witness_s:
            return
        do = "look at the map in Data management > Dual-write; refresh or stop it there, then run this again"
        what = f"{step.summary}: the witnesses still contradict each other: {'; '.join(missing)}"
        raise Blocked(what, [Finding("block", "witnesses-disagree", what, do, "maps", address=step.address)], do=do)

    def _judged(self, name: str, wanted: str) -> tuple[str, str]:
        names = getattr(self._environment.maps, name)
        project = self._reader.project(self._map(name)) if wanted == "running" else None
        mapping = Mapping_(project.rows, project.source_filter, project.reversed_filter) if project else None
        state, witnesses = judged(seen_of(names, self._reader.round(), mapping), self._reader.enums())
        return state, witnesses.contradiction or f"{state} ({witnesses})"

    def _see_switched(self, step: Step) -> Observation:
        active = self._map(str(step.detail["map"])).active
        wanted = Version(str(step.detail["publisher"]), str(step.detail["number"]))
        if active and Version(active.publisher, active.number).identity == wanted.identity:
            return REACHED
        return Observation("not_yet", f"still on {active.publisher} {active.number}" if active else "no version")

    def _see_saved(self, step: Step) -> Observation:
        if step.detail["via"] == "row":
            found = witness.saved_mapping(self._services.dataverse, str(version_id(self._environment, step)))
            return REACHED if found else Observation("not_yet", "the row isn't there yet")
        if step.detail["via"] == "solution":
            return REACHED
        return REACHED if self._version(step) else Observation("not_yet", instructions(step))

    def _imported(self, job: str) -> Observation:
        row = self._services.dataverse.row("asyncoperations", job, select=("statecode", "statuscode", "message"))
        if row is None or row.get("statecode") != COMPLETED:
            return Observation("not_yet", "the solution is being imported")
        if row.get("statuscode") != SUCCEEDED:
            return Observation("failed", str(row.get("message") or "the import failed"), "import-failed")
        return REACHED

    def _see_applied(self, step: Step) -> Observation:
        return REACHED if self._version(step) else Observation("not_yet", "the version can't be chosen yet")

    def _see_refreshed(self, step: Step) -> Observation:
        return REACHED

    def _see_rest(self, step: Step) -> Observation:
        one = self._map(str(step.detail["map"]))
        return Observation("not_yet", one.running) if one.running == "busy" else REACHED


_SET = "msdyn_dualwriteentitymaps"
COMPLETED, SUCCEEDED = 3, 30
"""asyncoperation: statecode Completed, statuscode Succeeded. Source: Microsoft Learn, asyncoperation reference."""

_PERFORM: Mapping[str, Callable[[Sender, Step], Receipt]] = {
    "stop": Sender._stop,
    "start": Sender._start,
    "refresh": Sender._refresh,
    "switch": Sender._switch,
    "save-version": Sender._save,
    "apply-version": Sender._apply,
}
_OBSERVE: Mapping[str, Callable[[Sender, Step], Observation]] = {
    "stop": Sender._see_stopped,
    "start": Sender._see_started,
    "refresh": Sender._see_refreshed,
    "switch": Sender._see_switched,
    "save-version": Sender._see_saved,
    "apply-version": Sender._see_applied,
    "wait": Sender._see_rest,
}


def _added(step: Step) -> tuple[MappingRow, ...]:
    return tuple(MappingRow(**row) for row in step.detail.get("added", ()))


def version_id(environment: Environment, step: Step) -> UUID:
    """The id of the row that `via: row` makes: the same for the same environment, map, publisher and number."""
    detail = step.detail
    text = "/".join((environment.dataverse, str(detail["map"]), str(detail["publisher"]), str(detail["number"])))
    return uuid5(NAMESPACE, text.casefold())


def instructions(step: Step) -> str:
    """What a person does in F&O to save the version by hand, by hand. Source: reference/project-operations.md, P2."""
    rows = [
        f"add the mapping {row.finance} <- {row.dataverse}"
        + (f" with the value map {', '.join(f'{k} = {v}' for k, v in row.values.items())}" if row.values else "")
        for row in _added(step)
    ]
    return (
        f"in Finance: Data management > Dual-write > the map {step.detail['map']}: {'; '.join(rows)}; then Save as "
        f"publisher {step.detail['publisher']}, version {step.detail['number']}"
    )
