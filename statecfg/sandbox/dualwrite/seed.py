"""The seeded link: every map of the catalogue with its versions on offer, most of them running.

It writes rows as the service's own history would have left them; what runs was really deployed, by the same code that
serves requests. Companies must be in Dataverse before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dataverse.components import put_into_solution
from statecfg.sandbox.dualwrite import codes, deploying, schemas
from statecfg.sandbox.dualwrite.catalog import (
    CDS_PUBLISHER,
    CUTOVER_MAPS,
    DEFAULT_PUBLISHER,
    MICROSOFT,
    MILESTONES,
    PREFIXES,
    MapSpec,
    VersionSpec,
    clr_type_of,
    map_specs,
    without_value_maps,
)
from statecfg.sandbox.dualwrite.link import identity, seed_link
from statecfg.sandbox.dualwrite.mapping import mapping_from, text_of
from statecfg.sandbox.dualwrite.tables import DEPLOYMENTS, KEYS, MAPS, TEMPLATES
from statecfg.sandbox.dualwrite.versions import MAP_ROWS, Saved, offer, save_row
from statecfg.sandbox.dualwrite.witnesses import deliver_all
from statecfg.sandbox.world import Row, Tx

# The real name of the solution with Project Operations' maps is not known.
PROJECT_SOLUTION = "Dynamics365ProjectOperationsDualWriteEntityMaps"
CUSTOM_SOLUTION = "ContosoDualWriteMaps"
TRIAL_SOLUTION = "ContosoTrials"
# unique name, friendly name, publisher. Source: reference/dual-write.md, "Solutions".
_SOLUTIONS = (
    ("Default", "Default Solution", DEFAULT_PUBLISHER),
    ("msdyn_DualWriteAppCoreMaps", "Dual-write application core maps", MICROSOFT),
    ("Dynamics365FinanceAndOperationsDualWriteMaps", "Finance and Operations dual-write maps", MICROSOFT),
    (PROJECT_SOLUTION, "Project Operations dual-write maps", MICROSOFT),
    (CUSTOM_SOLUTION, "Contoso dual-write maps", DEFAULT_PUBLISHER),
    (TRIAL_SOLUTION, "Contoso trials", CDS_PUBLISHER),
)
# The solution that a publisher's versions are in.
_HOME = {MICROSOFT: PROJECT_SOLUTION, DEFAULT_PUBLISHER: CUSTOM_SOLUTION, CDS_PUBLISHER: TRIAL_SOLUTION}
_SECOND = "2"


@dataclass(frozen=True, slots=True)
class Original:
    """What one of the cutover's maps runs on. name: `milestones`, `actuals` or `invoices`."""

    name: str
    entity_set: str
    label: str
    publisher: str
    version: str
    running: bool


def seed_maps(tx: Tx, environment: str) -> None:
    """Link the two environments and put every map of the catalogue to work; the rest of the world is there already.

    environment: id of the platform's environment.
    """
    settings = tx.world.settings
    with tx.echoing():
        seed_link(tx, environment)
        solutions = _solutions(tx)
        _generate_mappings(tx)
        for spec in _specs(tx):
            _seed_map(tx, spec, solutions)
        if settings["maps.duplicate_name"]:
            _seed_second(tx)
        deliver_all(tx)


def forget_value_maps(tx: Tx) -> None:
    """Leave every value map out of every saved version, and run what runs without them from now on."""
    with tx.echoing():
        for table in (MAP_ROWS, TEMPLATES):
            key, column = (f"{MAP_ROWS}id", "msdyn_mapping") if table == MAP_ROWS else ("id", "mapping")
            for row in list(tx.select(table)):
                tx.update(table, row[key], {column: text_of(without_value_maps(mapping_from(row[column])))})
        for row in list(tx.select(DEPLOYMENTS)):
            deploying.run(tx, row["map"])
        deliver_all(tx)


def originals(tx: Tx) -> tuple[Original, ...]:
    """What the three maps of the cutover run on now, for an inventory."""
    return tuple(_original(tx, name) for name in CUTOVER_MAPS)


def _original(tx: Tx, name: str) -> Original:
    described = tx.get(MAPS, name) or {}
    template = tx.get(TEMPLATES, described["template"]) or {}
    running = described["state"] == codes.RUNNING
    return Original(name, described["entity_set"], described["label"], template["author"], template["version"], running)


def _specs(tx: Tx) -> tuple[MapSpec, ...]:
    settings = tx.world.settings
    kind, direction = clr_type_of(tx.world.seed), settings["maps.milestone_direction"]
    return map_specs(kind, direction, value_maps=settings["maps.value_maps"])


def _seed_map(tx: Tx, spec: MapSpec, solutions: Mapping[str, str], suffix: str = "") -> None:
    name = spec.name + suffix
    tx.insert(MAPS, {
        "map": name, "tname": spec.tname, "entity_set": spec.entity_set, "source_table": spec.table,
        "label": spec.label, "finance_set": spec.finance_set, "state": codes.NONE,
        "pid": identity(tx.world, "pid", name) if spec.has_project else None,
        "project": identity(tx.world, "project", name), "position": tx.next_number(MAPS),
        "described": spec.label if suffix else spec.entity_set,
    })  # fmt: skip
    if tx.get(KEYS, spec.entity_set) is None:
        tx.insert(KEYS, {"entity_set": spec.entity_set, "fields": json.dumps(spec.key)})
    chosen = list(_seed_versions(tx, spec, solutions)) if not suffix else []
    described = tx.get(MAPS, name) or {}
    late = () if tx.world.settings["schema.refreshed"] or spec.name != MILESTONES else (schemas.LATE_FIELD,)
    schemas.refresh(tx, described, without=late)
    _put_to_work(tx, spec, name, chosen[0] if chosen else None)


def _put_to_work(tx: Tx, spec: MapSpec, name: str, template: str | None) -> None:
    tx.update(MAPS, name, {"template": template})
    stopped = not template or not spec.has_project or not spec.running or name in tx.world.settings["maps.stopped"]
    if stopped:
        deploying.enter(tx, name, codes.NOT_RUNNING if spec.has_project else codes.NONE)
    else:
        deploying.run(tx, name)


def _seed_versions(tx: Tx, spec: MapSpec, solutions: Mapping[str, str]) -> Iterator[str]:
    """Save and offer a map's versions; the id of the active one comes out."""
    wanted = tx.world.settings["maps.active"].get(spec.name)
    for version in spec.versions:
        row = _seed_version(tx, spec, version, solutions)
        if f"{version.publisher} {version.version}" == wanted or (wanted is None and version.active):
            yield str(row[f"{MAP_ROWS}id"])


def _seed_version(tx: Tx, spec: MapSpec, version: VersionSpec, solutions: Mapping[str, str]) -> Row:
    managed = version.publisher == MICROSOFT
    solution = solutions[_HOME[version.publisher]]
    saved = Saved(version.publisher, version.version, version.description, version.mapping)
    key = identity(tx.world, "map row", spec.name, version.publisher, version.version)
    columns = {f"{MAP_ROWS}id": key, "ismanaged": managed, "solutionid": solution}
    row = save_row(tx, spec.tname, spec.label, saved, **columns)
    put_into_solution(tx, _HOME[version.publisher], MAP_ROWS, key)
    offer(tx, row)
    return row


def _seed_second(tx: Tx) -> None:
    """A second map of the same name as the milestone map, told apart by its description and its ids only."""
    spec = next(spec for spec in _specs(tx) if spec.name == MILESTONES)
    _seed_map(tx, spec, {}, _SECOND)


def _solutions(tx: Tx) -> dict[str, str]:
    publishers = {name: _publisher(tx, name, prefix) for name, prefix in PREFIXES.items()}
    made: dict[str, str] = {}
    for uniquename, friendly, publisher in _SOLUTIONS:
        row = records.create(tx, "solution", {
            "solutionid": identity(tx.world, "solution", uniquename), "uniquename": uniquename,
            "friendlyname": friendly, "version": "1.0.0.0", "ismanaged": publisher == MICROSOFT,
            "publisherid": publishers[publisher],
            "installedon": tx.world.timestamp(),
        })  # fmt: skip
        made[uniquename] = str(row["solutionid"])
    return made


def _publisher(tx: Tx, name: str, prefix: str) -> str:
    row = records.create(tx, "publisher", {
        "publisherid": identity(tx.world, "publisher", name), "friendlyname": name,
        "uniquename": name.replace(" ", ""), "customizationprefix": prefix,
    })  # fmt: skip
    return str(row["publisherid"])


def _generate_mappings(tx: Tx) -> None:
    """Target mappings of the entities behind the maps; the milestone entity's last field only if it was generated."""
    for label in sorted({spec.label for spec in _specs(tx) if spec.finance_set}):
        try:
            schemas.generate_mapping(tx, label)
        except KeyError:
            continue
    if not tx.world.settings["target_mapping.generated"]:
        spec = next(spec for spec in _specs(tx) if spec.name == MILESTONES)
        schemas.forget_mapping(tx, spec.label, schemas.LATE_FIELD)
