"""How a new version of a map comes to be: by hand, by a solution file, or by a row (rules 3.4, 3.5).

Whichever way it came, it is read back before it is activated; one that isn't exactly the original plus what is
declared never is. What `row` and `solution` rest on is inferred, so it is settings.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from statecfg.clients import loose, numbers, witness
from statecfg.clients import mapping as wire
from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.model.environment import Environment, MapRow
from statecfg.model.errors import Blocked, Conflict
from statecfg.model.kind import REACHED, Observation, Receipt
from statecfg.model.plan import Finding, Step
from statecfg.resources.map.reading import Reader, same_pair
from statecfg.resources.map.rows import differences
from statecfg.resources.map.spec import DIRECTIONS, MappingRow, Version
from statecfg.resources.services import Services

NAMESPACE = UUID("7f0c8a52-5b7e-4f5e-9d0a-0d6a3a1b6c11")
"""Ids of saved versions are made from it, so that saving one twice makes one row."""
VERSIONS = "msdyn_dualwriteentitymaps"
PROPERTIES = "msdyn_properties"
"""A column of JSON. Where `map_row.author_column` names it, publisher and description are members of it; inferred."""
COPIED = ("msdyn_name", "msdyn_displayname", PROPERTIES)
COMPLETED, SUCCEEDED = 3, 30
"""asyncoperation: statecode Completed, statuscode Succeeded. Source: Microsoft Learn, asyncoperation reference."""


class Saver:
    """Makes versions, and looks whether they are there and what they hold."""

    def __init__(self, services: Services, reader: Reader) -> None:
        self._services = services
        self._reader = reader

    @property
    def _settings(self) -> MapRow:
        return self._services.environment.map_row

    def save(self, step: Step) -> Receipt:
        """Make the version of a step; by hand there is nothing to send. Raises Blocked if it can't be made so."""
        via = str(step.detail["via"])
        if via == "solution":
            return self._import(Path(str(step.detail["solution_file"])))
        if via == "row":
            self._create_row(step)
        return Receipt()

    def see(self, step: Step, on_offer: Version | None) -> Observation:
        """Whether the version is saved. on_offer: it, if the gateway offers it already."""
        via = str(step.detail["via"])
        if on_offer or (via == "row" and self._row(step)) or (via == "solution" and self._is_saved(step)):
            return REACHED
        return Observation("not_yet", instructions(step) if via == "manual" else "it isn't saved yet")

    def imported(self, job: str) -> Observation:
        """What became of the system job of an import."""
        row = self._services.dataverse.row("asyncoperations", job, select=("statecode", "statuscode", "message"))
        if row is None or row.get("statecode") != COMPLETED:
            return Observation("not_yet", "the solution is being imported")
        if row.get("statuscode") != SUCCEEDED:
            return Observation("failed", str(row.get("message") or "the import failed"), "import-failed")
        return REACHED

    def check(self, step: Step, version: Version) -> None:
        """Raise Blocked unless a version's mapping is exactly what was planned (rules 3.5)."""
        saved = self._reader.saved([version.id]).get(version.id)
        wrong = self._wrong(step, saved) if saved else ("its mapping can't be read",)
        if wrong:
            do = "correct or remove that version, or declare another number, then apply again"
            what = f"version {version} isn't the original plus what is declared: {'; '.join(wrong[:3])}"
            finding = Finding("block", "mapping-not-exact", what, do, "maps", address=step.address, details=wrong)
            raise Blocked(f"{what}; it is not activated", [finding], where=step.summary, do=do)

    def _wrong(self, step: Step, saved: Mapping_) -> tuple[str, ...]:
        if "added" not in step.detail:
            return ()
        base = self._reader.saved([str(step.detail["base"])]).get(str(step.detail["base"]))
        if base is None:
            return ("the original's mapping can't be read",)
        return differences(saved, base, added(step), self._reader.enums())

    def _row(self, step: Step) -> witness.SavedMapping | None:
        key = str(version_id(self._services.environment, step))
        return witness.saved_mapping(self._services.dataverse, key)

    def _is_saved(self, step: Step) -> bool:
        """Whether a row of this map, number and, where rows tell it, publisher is there."""
        names = getattr(self._services.environment.maps, str(step.detail["map"]))
        wanted = Version(str(step.detail["publisher"]), str(step.detail["number"]))
        column = "" if self._settings.author_column == PROPERTIES else self._settings.author_column
        return any(
            same_pair(names.entity_set, names.entity, row.entity_set, row.entity)
            and Version(row.publisher or wanted.publisher, row.number).identity == wanted.identity
            for row in witness.saved_versions(self._services.dataverse, author_column=column)
        )

    def _import(self, file: Path) -> Receipt:
        try:
            content = base64.b64encode(file.read_bytes()).decode()
        except OSError as cause:
            raise Blocked(f"the solution file can't be read: {cause.strerror}", where=str(file)) from cause
        body = {"OverwriteUnmanagedCustomizations": False, "PublishWorkflows": False, "CustomizationFile": content}
        answer = self._services.dataverse.unbound_action("ImportSolutionAsync", body) or {}
        return Receipt({"job": answer.get("AsyncOperationId", "")})

    def _create_row(self, step: Step) -> None:
        """A row of the saved versions' table: the original's own row with the declared lines and another number."""
        dataverse, base = self._services.dataverse, str(step.detail["base"])
        text = witness.saved_mapping(dataverse, base)
        if text is None:
            raise Blocked(f"the original of map/{step.detail['map']} has no saved row, so via: row can't copy it")
        rows = [self._as_row(row, text.rows) for row in added(step)]
        copied = dataverse.row(VERSIONS, base, select=COPIED) or {}
        values: dict[str, Any] = {
            "msdyn_dualwriteentitymapid": str(version_id(self._services.environment, step)),
            **{name: copied.get(name) for name in COPIED},
            "msdyn_version": step.detail["number"],
            "msdyn_mapping": wire.with_rows(text.text, rows),
            **self._described(step, copied.get(PROPERTIES)),
        }
        given = {name: value for name, value in values.items() if value is not None}
        try:
            dataverse.create(VERSIONS, given, repeatable=True, solution=self._settings.solution)
        except Conflict:
            return  # the same id: an earlier attempt made it, and the read-back before the switch compares it

    def _described(self, step: Step, properties: Any) -> dict[str, Any]:
        """Publisher and description, where this environment keeps them."""
        said = {"author": step.detail["publisher"], "description": step.detail["description"]}
        if self._settings.author_column == PROPERTIES:
            return {PROPERTIES: numbers.encoded({**_members(properties), **said}).decode()}
        columns = self._services.dataverse.columns(witness.VERSIONS_TABLE)
        places = {self._settings.author_column: "author", self._settings.description_column: "description"}
        return {column: said[name] for column, name in places.items() if column in columns}

    def _as_row(self, row: MappingRow, base: tuple[FieldMapping, ...]) -> FieldMapping:
        if not row.values:
            return FieldMapping(row.finance, row.dataverse, DIRECTIONS[row.direction])
        type_name = self._reader.value_type(base)
        if not type_name:
            raise Blocked(NO_TYPE, do=NO_TYPE_DO)
        return FieldMapping(row.finance, row.dataverse, DIRECTIONS[row.direction], dict(row.values), type_name)


NO_TYPE = "no saved map version of this environment has a value map whose type could be copied, so via: row can't be"
NO_TYPE_DO = "use via: manual or via: solution: the name of the type must never be invented"


def _members(text: Any) -> dict[str, Any]:
    """The members of a JSON text; none of what can't be understood."""
    try:
        found = loose.unpacked(text or "{}")
    except numbers.NotJson:
        return {}
    return dict(found) if isinstance(found, dict) else {}


def added(step: Step) -> tuple[MappingRow, ...]:
    """The rows that a step's version adds to the original."""
    return tuple(MappingRow(**row) for row in step.detail.get("added", ()))


def version_id(environment: Environment, step: Step) -> UUID:
    """The id of the row that `via: row` makes: the same for the same environment, map, publisher and number."""
    detail = step.detail
    text = "/".join((environment.dataverse, str(detail["map"]), str(detail["publisher"]), str(detail["number"])))
    return uuid5(NAMESPACE, text.casefold())


def instructions(step: Step) -> str:
    """What a person does in F&O to save the version by hand. Source: reference/project-operations.md, P2."""
    rows = [
        f"add the mapping {row.finance} <- {row.dataverse}"
        + (f" with the value map {', '.join(f'{k} = {v}' for k, v in row.values.items())}" if row.values else "")
        for row in added(step)
    ]
    return (
        f"in Finance: Data management > Dual-write > the map {step.detail['map']}: {'; '.join(rows)}; then Save as "
        f"publisher {step.detail['publisher']}, version {step.detail['number']}"
    )
