"""What people do in the UI and tests ask of dual-write, as calls of the control path.

No public API exists for *Generate mapping*, *Add mapping* and *Save as*; here they are the work of a person at the
screen. The rest looks into stores that no client sees, or builds what a development environment would export.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statecfg.sandbox.control import Call, Control, ControlError
from statecfg.sandbox.dualwrite import codes, deploying, schemas
from statecfg.sandbox.dualwrite.catalog import DEFAULT_PUBLISHER, MILESTONES, clr_type_of
from statecfg.sandbox.dualwrite.mapping import Line, NotAMapping, TaskMapping, line_from, mapping_from
from statecfg.sandbox.dualwrite.runtime import ASYNC_ERRORS, Runtime
from statecfg.sandbox.dualwrite.seed import CUSTOM_SOLUTION
from statecfg.sandbox.dualwrite.settings import WITNESSES
from statecfg.sandbox.dualwrite.solutions import Exported, Solution, solution_file
from statecfg.sandbox.dualwrite.tables import BACKLOG, CATCH_UP_ERRORS, DEPLOYMENTS, MAPS, QUEUE, TEMPLATES
from statecfg.sandbox.dualwrite.versions import NotUsable, Saved, save_as, template_of
from statecfg.sandbox.dualwrite.witnesses import heard, publish_all
from statecfg.sandbox.world import Row, Tx, World


class DualWriteControl:
    """The control calls of dual-write."""

    def __init__(self, world: World, runtime: Runtime) -> None:
        self._world = world
        self._runtime = runtime

    def register(self, control: Control) -> None:
        """Offer the calls."""
        calls: Mapping[tuple[str, str], Callable[[Call], Any]] = {
            ("maps", "GET"): self._maps,
            ("generate-mapping", "POST"): self._generate,
            ("forget-mapping", "POST"): self._forget,
            ("save-as", "POST"): self._save_as,
            ("solution", "POST"): self._solution,
            ("witness", "POST"): self._lie,
            ("async-run", "POST"): self._drain,
            ("alert-pause", "POST"): self._alert,
        }
        for (name, method), handler in calls.items():
            control.register(name, method, handler)

    def _maps(self, _call: Call) -> Any:
        """Every map: what runs, what each witness says, what waits."""
        with self._world.reading() as tx:
            return [_map_status(tx, row) for row in tx.select(MAPS, order='"position"')]

    def _generate(self, call: Call) -> Any:
        """*Generate mapping* of an entity, by default the milestones'."""
        with self._world.transaction() as tx:
            entity = str(call.fields().get("entity") or _described(tx, MILESTONES)["label"])
            try:
                return {"added": schemas.generate_mapping(tx, entity)}
            except KeyError as unknown:
                raise ControlError(f"F&O has no data entity {entity!r}", 404) from unknown

    def _forget(self, call: Call) -> Any:
        """Take a field out of the milestone entity's target mapping, as if it had never been generated."""
        with self._world.transaction() as tx:
            field = str(call.fields().get("field", schemas.LATE_FIELD))
            schemas.forget_mapping(tx, _described(tx, MILESTONES)["label"], field)
            return {"field": field}

    def _save_as(self, call: Call) -> Any:
        """*Add mapping* and *Save as* in the designer: {map, publisher, version, description, mappings, base}.

        mappings: lines to add to the base version (default: the active one), or, with `whole: true`, all lines.
        """
        fields = call.fields()
        with self._world.transaction() as tx, tx.echoing():
            described = _described(tx, fields.get("map", MILESTONES))
            saved = _saved(tx, described, fields)
            try:
                template = save_as(tx, described, saved)
            except NotUsable as cause:
                raise ControlError(str(cause), 409) from cause
            stopped = described["state"] in codes.STARTABLE
            if stopped and fields.get("activate", tx.world.settings["save_as.activates"]):
                deploying.choose(tx, described["map"], template["id"])
            return {"id": template["id"], "map": described["map"], "publisher": saved.publisher}

    def _solution(self, call: Call) -> Any:
        """A solution file as a development environment exports it; the same fields as save-as, and `uniquename`."""
        fields = call.fields()
        with self._world.reading() as tx:
            described = _described(tx, fields.get("map", MILESTONES))
            exported = Exported(described["tname"], described["label"], _saved(tx, described, fields))
        uniquename = str(fields.get("uniquename", CUSTOM_SOLUTION))
        solution = Solution(
            uniquename,
            str(fields.get("friendlyname", uniquename)),
            str(fields.get("solution_version", "1.0.0.1")),
            bool(fields.get("managed", False)),
            exported.saved.publisher,
        )
        file = base64.b64encode(solution_file(solution, [exported])).decode()
        return {"file": file, "name": f"{uniquename}.zip", "uniquename": uniquename}

    def _lie(self, call: Call) -> Any:
        """Have a witness say something else: {witness, map, says, version, publisher}; `says: truth` ends it."""
        fields = call.fields()
        witness, name = str(fields.get("witness")), str(fields.get("map", MILESTONES))
        if witness not in WITNESSES:
            raise ControlError(f"there is no witness {witness!r}; there are {', '.join(WITNESSES)}")
        with self._world.transaction() as tx, tx.echoing():
            _described(tx, name)
            lies = {w: dict(maps) for w, maps in self._world.settings["witness.lies"].items()}
            lies.setdefault(witness, {}).pop(name, None)
            if fields.get("says") != "truth":
                lies[witness][name] = {key: fields[key] for key in ("says", "version", "publisher") if key in fields}
            self._world.settings["witness.lies"] = {w: maps for w, maps in lies.items() if maps}
            publish_all(tx)
            return self._world.settings["witness.lies"]

    def _drain(self, call: Call) -> Any:
        """Run the asynchronous integration job now; what it could not deliver is counted."""
        name = call.fields().get("map")
        with self._world.transaction() as tx, tx.echoing():
            delivered = self._runtime.drain(tx, str(name) if name else None)
            return {"delivered": delivered, "failed": len(list(tx.select(ASYNC_ERRORS)))}

    def _alert(self, call: Call) -> Any:
        """An alert's threshold was reached: the service pauses a map without anybody asking."""
        with self._world.transaction() as tx, tx.echoing():
            described = _described(tx, call.fields().get("map", MILESTONES))
            if described["state"] != codes.RUNNING:
                raise ControlError(f"{described['map']} is not running", 409)
            deploying.hold(tx, described["map"])
            return {"map": described["map"]}


def _map_status(tx: Tx, row: Row) -> dict[str, Any]:
    active = tx.get(TEMPLATES, row["template"]) if row["template"] else None
    deployment = tx.get(DEPLOYMENTS, row["map"])
    return {
        "name": row["map"], "tname": row["tname"], "state": row["state"],
        "active": f"{active['author']} {active['version']}" if active else None,
        "runs": f"{deployment['author']} {deployment['version']}" if deployment else None,
        "mode": deployment["mode"] if deployment else None,
        "witnesses": {witness: heard(tx, witness, row) for witness in WITNESSES},
        "queued": len(tx.find(QUEUE, map=row["map"])), "backlog": len(tx.find(BACKLOG, map=row["map"])),
        "catch_up_errors": len(tx.find(CATCH_UP_ERRORS, map=row["map"])),
    }  # fmt: skip


def _described(tx: Tx, name: Any) -> Row:
    """A map by its short name, its full name or its entity set. Raises ControlError."""
    row = tx.get(MAPS, str(name))
    found = [row] if row else tx.find(MAPS, tname=str(name)) or tx.find(MAPS, entity_set=str(name))
    if not found:
        raise ControlError(f"there is no map {name!r}", 404)
    return found[0]


def _saved(tx: Tx, described: Row, fields: Mapping[str, Any]) -> Saved:
    if not isinstance(fields.get("version"), str):
        raise ControlError("a version is needed, as text")
    publisher = str(fields.get("publisher", DEFAULT_PUBLISHER))
    description = str(fields.get("description", ""))
    return Saved(publisher, fields["version"], description, _designed(tx, described, fields))


def _designed(tx: Tx, described: Row, fields: Mapping[str, Any]) -> TaskMapping:
    """The mapping that a person has put together. Raises ControlError."""
    given = fields.get("mappings", [])
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(m, Mapping) for m in given):
        raise ControlError("mappings must be a list of objects")
    try:
        lines = tuple(_line(tx, members) for members in given)
    except NotAMapping as cause:
        raise ControlError(str(cause)) from cause
    base = mapping_from(_base(tx, described, fields.get("base"))["mapping"])
    if fields.get("whole"):
        return TaskMapping(base.label, base.entity_set, lines, base.finance_filter, base.dataverse_filter)
    return base.with_lines(lines)


def _line(tx: Tx, members: Mapping[str, Any]) -> Line:
    """A line as the designer saves it: who picks *ValueMap* in a dialog types no `$type`."""
    transforms = [
        {"$type": clr_type_of(tx.world.seed), **each} if isinstance(each, Mapping) else each
        for each in members.get("valueTransforms") or []
    ]
    return line_from({**members, "valueTransforms": transforms})


def _base(tx: Tx, described: Row, wanted: Any) -> Row:
    """The version somebody started from: `publisher number`, or the active one. Raises ControlError."""
    if wanted:
        publisher, _, version = str(wanted).rpartition(" ")
        found = template_of(tx, described["map"], publisher, version)
    else:
        found = tx.get(TEMPLATES, described["template"]) if described["template"] else None
    if found is None:
        raise ControlError(f"{described['map']} has no version {wanted}", 404)
    return found
