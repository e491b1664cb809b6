"""Saved versions of maps: rows of `msdyn_dualwriteentitymap`, and the templates that the gateway offers of them.

A row is not on offer before *Apply solution* (RestoreTemplates) has read it; *Save as* in the UI does both at once.
Which column carries the publisher, and whether a row must be in the solution, are settings, as nobody has said.
Source: reference/dual-write.md, "Versions", "Saved versions", "Solutions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.catalog import PREFIXES
from statecfg.sandbox.dualwrite.link import identity
from statecfg.sandbox.dualwrite.mapping import NotAMapping, TaskMapping, mapping_from, text_of
from statecfg.sandbox.dualwrite.tables import MAPS, TEMPLATES
from statecfg.sandbox.world import Row, Tx

MAP_ROWS = "msdyn_dualwriteentitymap"
UNKNOWN_PUBLISHER = "Unknown"
# Where a tenant keeps the publisher of a version; "" leaves it to the solution that the row is in.
IN_AUTHOR, IN_PROPERTIES, IN_SOLUTION = "msdyn_author", "msdyn_properties", ""

_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){3}")
_ROW_NAME = re.compile(r"(?P<prefix>[^\[\]]*)_\[(?P<tname>.+ - .+)\]")


class NotUsable(ValueError):
    """A saved version that the gateway cannot offer; says why."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What somebody saves: a version of a map."""

    publisher: str
    version: str
    description: str
    mapping: TaskMapping


def row_name(publisher: str, tname: str) -> str:
    """The name of a saved version's row: the publisher's prefix and the pair of the map."""
    return f"{PREFIXES.get(publisher, 'cust')}_[{tname}]"


def save_row(tx: Tx, tname: str, label: str, saved: Saved, **columns: Any) -> Row:
    """Store a version as a row, as the service's own UI and a solution import do. Raises Refused."""
    place = tx.world.settings["map_row.author_column"]
    said = {"author": saved.publisher, "description": saved.description}
    values = {
        "msdyn_name": row_name(saved.publisher, tname),
        "msdyn_displayname": label,
        "msdyn_version": saved.version,
        "msdyn_mapping": text_of(saved.mapping),
        "msdyn_properties": json.dumps(said if place == IN_PROPERTIES else {"template": {}}),
        "msdyn_author": saved.publisher if place == IN_AUTHOR else None,
        "msdyn_description": None if place == IN_PROPERTIES else saved.description,
        **columns,
    }
    return records.create(tx, MAP_ROWS, values)


def save_as(tx: Tx, described: Row, saved: Saved) -> Row:
    """Save a version as the UI does: a row, at once on offer; its template.

    Raises NotUsable if the number is no four-part version, or this publisher has saved this number already.
    """
    if not _VERSION.fullmatch(saved.version):
        raise NotUsable(f"{saved.version!r} is no version: four numbers are needed")
    if template_of(tx, described["map"], saved.publisher, saved.version):
        raise NotUsable(f"{saved.publisher} has saved {saved.version} already")
    row = save_row(tx, described["tname"], described["label"], saved)
    return _offered(tx, described["map"], row, row[f"{MAP_ROWS}id"])


def offer(tx: Tx, row: Row, *, duplicate: bool = False) -> Row:
    """Make a saved row a template of its map; a template there already takes over the row's content.

    duplicate: make another one beside it, as several solutions in one request do. Raises NotUsable.
    """
    tname = _checked_name(row)
    described = next(iter(tx.find(MAPS, tname=tname)), None) or _new_map(tx, row, tname)
    if not duplicate and tx.get(TEMPLATES, row[f"{MAP_ROWS}id"]) is not None:
        changes = _template_columns(tx, row)
        return tx.update(TEMPLATES, row[f"{MAP_ROWS}id"], changes)
    return _offered(tx, described["map"], row, tx.world.new_guid() if duplicate else row[f"{MAP_ROWS}id"])


def rows_of_solution(tx: Tx, uniquename: str) -> Sequence[Row]:
    """The saved versions that RestoreTemplates sees for a solution. Raises NotUsable if there is no such solution."""
    solutions = tx.find("solution", uniquename=uniquename)
    if not solutions:
        raise NotUsable(f"Solution {uniquename} was not found.")
    members = tx.find("solutioncomponent", solutionid=solutions[0]["solutionid"])
    inside = {member["objectid"] for member in members}
    rows = sorted(tx.select(MAP_ROWS), key=lambda row: int(row["versionnumber"]))
    if tx.world.settings["map_row.solution"] == "required":
        return [row for row in rows if row[f"{MAP_ROWS}id"] in inside]
    elsewhere = {member["objectid"] for member in tx.select("solutioncomponent")} - inside
    return [row for row in rows if row[f"{MAP_ROWS}id"] not in elsewhere]


def template_of(tx: Tx, map_name: str, publisher: str, version: str) -> Row | None:
    """The first template of a map with this publisher and number."""
    found = (t for t in templates(tx, map_name) if (t["author"], t["version"]) == (publisher, version))
    return next(found, None)


def templates(tx: Tx, map_name: str) -> Iterator[Row]:
    """The versions of a map on offer, oldest first."""
    return iter(sorted(tx.find(TEMPLATES, map=map_name), key=lambda row: int(row["position"])))


def author_of(tx: Tx, row: Row) -> str:
    """Who published a saved version, read from where this tenant keeps it."""
    if tx.world.settings["map_row.author_column"] == IN_SOLUTION:
        return _solution_publisher(tx, row)
    return _said(tx, row, "author", "msdyn_author") or UNKNOWN_PUBLISHER


def _solution_publisher(tx: Tx, row: Row) -> str:
    """The publisher of the solution a row is in; a row in none is in the default solution."""
    members = tx.find("solutioncomponent", objectid=row[f"{MAP_ROWS}id"])
    inside = [tx.get("solution", member["solutionid"]) for member in members]
    solution = next((s for s in inside if s), None) or next(iter(tx.find("solution", uniquename="Default")), None)
    publisher = tx.get("publisher", solution["publisherid"]) if solution and solution["publisherid"] else None
    return str(publisher["friendlyname"]) if publisher else UNKNOWN_PUBLISHER


def _said(tx: Tx, row: Row, member: str, column: str) -> str:
    if tx.world.settings["map_row.author_column"] != IN_PROPERTIES:
        return str(row.get(column) or "")
    try:
        properties = json.loads(row.get("msdyn_properties") or "{}")
    except (ValueError, RecursionError):
        return ""
    return str(properties.get(member) or "") if isinstance(properties, Mapping) else ""


def _checked_name(row: Row) -> str:
    """The pair that a row is a version of. Raises NotUsable."""
    found = _ROW_NAME.fullmatch(row.get("msdyn_name") or "")
    if not found:
        raise NotUsable(f"Row {row[f'{MAP_ROWS}id']} is not named after a map: {row.get('msdyn_name')!r:.80}")
    if not _VERSION.fullmatch(row.get("msdyn_version") or ""):
        raise NotUsable(f"{row['msdyn_name']} has no four-part version: {row.get('msdyn_version')!r:.40}")
    try:
        mapping = mapping_from(row.get("msdyn_mapping") or "")
    except NotAMapping as cause:
        raise NotUsable(f"{row['msdyn_name']} {row['msdyn_version']}: {cause}") from cause
    if f"{mapping.entity_set} - {mapping.label}" != found["tname"]:
        raise NotUsable(f"{row['msdyn_name']} {row['msdyn_version']} maps another pair")
    return found["tname"]


def _offered(tx: Tx, map_name: str, row: Row, template: str) -> Row:
    columns = _template_columns(tx, row)
    position = tx.next_number(TEMPLATES)
    return tx.insert(TEMPLATES, {
        "id": template, "map": map_name, "row": row[f"{MAP_ROWS}id"], "position": position,
        "created": row.get("createdon") or tx.world.timestamp(), **columns,
    })  # fmt: skip


def _template_columns(tx: Tx, row: Row) -> dict[str, Any]:
    return {
        "name": row["msdyn_name"],
        "author": author_of(tx, row),
        "version": row["msdyn_version"],
        "description": _said(tx, row, "description", "msdyn_description"),
        "mapping": text_of(mapping_from(row["msdyn_mapping"])),
        "managed": bool(row.get("ismanaged")),
    }


def _new_map(tx: Tx, row: Row, tname: str) -> Row:
    """A map that nobody here knew before its first version came: no project, not initialised."""
    entity_set, _, label = tname.partition(" - ")
    number = tx.next_number(MAPS)
    return tx.insert(MAPS, {
        "map": f"map{number}", "tname": tname, "entity_set": entity_set, "source_table": _table_of(tx, entity_set),
        "label": label, "finance_set": "", "state": codes.NONE, "template": row[f"{MAP_ROWS}id"], "position": number,
        "project": identity(tx.world, "project", tname),
    })  # fmt: skip


def _table_of(tx: Tx, entity_set: str) -> str:
    return next((t.name for t in tx.world.tables.values() if t.entity_set == entity_set), entity_set)
