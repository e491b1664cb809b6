"""Solutions with saved map versions: exported as a file, imported by a system job, applied by RestoreTemplates.

To clients a solution file is opaque. This sandbox's own hold, beside what a file of the product holds, one JSON member
with the map versions; that member is all that an import reads.
Source: reference/dual-write.md, "Solutions" and "A new version without the UI".
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dataverse.components import put_into_solution
from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.catalog import DEFAULT_PUBLISHER
from statecfg.sandbox.dualwrite.mapping import NotAMapping, TaskMapping, mapping_from, task_members
from statecfg.sandbox.dualwrite.tables import IMPORTS, RESTORES
from statecfg.sandbox.dualwrite.versions import (
    MAP_ROWS,
    NotUsable,
    Saved,
    offer,
    row_name,
    rows_of_solution,
    save_row,
)
from statecfg.sandbox.hooks import Refused
from statecfg.sandbox.world import Row, Tx

CONTENT = "dualwritemaps.json"
LARGEST_CONTENT = 20_000_000

# Source: reference/dataverse.md; numbers of the system job.
_LOCKED, _IN_PROGRESS = 2, 20
_COMPLETED, _SUCCEEDED, _FAILED = 3, 30, 31
_IMPORT = 93


class NotASolution(ValueError):
    """A file that cannot be imported."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solution file says of itself."""

    uniquename: str
    friendlyname: str
    version: str
    managed: bool
    publisher: str = DEFAULT_PUBLISHER


@dataclass(frozen=True, slots=True)
class Exported:
    """One map version in a solution file."""

    tname: str
    label: str
    saved: Saved


def solution_file(solution: Solution, versions: Sequence[Exported]) -> bytes:
    """A solution file as the export of a development environment."""
    maps = [
        {
            "name": each.tname, "displayname": each.label, "publisher": each.saved.publisher,
            "version": each.saved.version, "description": each.saved.description,
            "mapping": task_members(each.saved.mapping),
        }
        for each in versions
    ]  # fmt: skip
    content = {
        "uniquename": solution.uniquename, "friendlyname": solution.friendlyname, "version": solution.version,
        "managed": solution.managed, "publisher": solution.publisher, "maps": maps,
    }  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", '<Types><Default Extension="xml" ContentType="text/xml"/></Types>')
        archive.writestr("solution.xml", _manifest(solution))
        archive.writestr("customizations.xml", "<ImportExportXml/>")
        archive.writestr(CONTENT, json.dumps(content))
    return packed.getvalue()


def begin_import(tx: Tx, body: Mapping[str, Any]) -> dict[str, Any]:
    """`ImportSolutionAsync`: take the file and make the system job that will import it. Raises Refused."""
    try:
        file = base64.b64decode(str(body.get("CustomizationFile") or ""), validate=True)
        content = _content(file)
    except (binascii.Error, NotASolution) as cause:
        raise Refused("0x80048036", f"Solution file is not valid: {cause}") from cause
    now = tx.world.timestamp()
    job = records.create(tx, "asyncoperation", {
        "name": f"Import Solution {content['uniquename']}", "operationtype": _IMPORT, "messagename": "ImportSolution",
        "startedon": now, "statecode": _LOCKED, "statuscode": _IN_PROGRESS,
    })["asyncoperationid"]  # fmt: skip
    tx.insert(IMPORTS, {
        "job": job, "content": json.dumps(content), "reads": tx.world.settings["solution.import_reads"]
    })  # fmt: skip
    return {"ImportJobKey": str(body.get("ImportJobId") or tx.world.new_guid()), "AsyncOperationId": job}


def settle_imports(tx: Tx) -> None:
    """Count one read of the system jobs, and do the imports that are due."""
    for waiting in tx.select(IMPORTS):
        if waiting["reads"] > 0:
            tx.update(IMPORTS, waiting["job"], {"reads": waiting["reads"] - 1})
            continue
        tx.delete(IMPORTS, waiting["job"])
        _finish_import(tx, waiting)


def begin_restore(tx: Tx, uniquenames: Sequence[str]) -> str:
    """`RestoreTemplates`: ask for a solution's saved versions to be put on offer; the request's id."""
    now = tx.world.now() + timedelta(seconds=float(tx.world.settings["gateway.request_s"]))
    made = tx.insert(RESTORES, {
        "action": codes.APPLY_SOLUTION, "state": codes.WAITING,
        "created": tx.world.timestamp(), "modified": tx.world.timestamp(),
        "solutions": json.dumps(list(uniquenames)), "reads": tx.world.settings["gateway.restore_reads"],
        "due": now.isoformat(), "activity": tx.world.new_guid(),
    })  # fmt: skip
    return str(made["id"])


def settle_restores(tx: Tx) -> None:
    """Count one poll, and do the restores that are due."""
    for row in list(tx.select(RESTORES, '"state" = ?', (codes.WAITING,))):
        if row["reads"] > 0:
            tx.update(RESTORES, row["id"], {"reads": row["reads"] - 1})
        elif row["due"] <= tx.world.now().isoformat():
            problems = _restored(tx, json.loads(row["solutions"]))
            tx.update(RESTORES, row["id"], {
                "state": codes.FAILED if problems else codes.COMPLETED, "modified": tx.world.timestamp(),
                "message": "\n".join(problems),
            })  # fmt: skip


def _restored(tx: Tx, uniquenames: Sequence[str]) -> list[str]:
    """Put the solutions' versions on offer; what could not be. Several at once leave duplicates behind."""
    problems = []
    for uniquename in uniquenames:
        try:
            rows = rows_of_solution(tx, uniquename)
        except NotUsable as cause:
            problems.append(str(cause))
            continue
        for row in rows:
            try:
                offer(tx, row)
                if len(uniquenames) > 1:
                    offer(tx, row, duplicate=True)
            except NotUsable as cause:
                problems.append(str(cause))
    return problems


def _finish_import(tx: Tx, waiting: Row) -> None:
    changes: dict[str, Any] = {"statuscode": _SUCCEEDED}
    try:
        with tx.savepoint():
            _imported(tx, json.loads(waiting["content"]))
    except (Refused, NotASolution) as cause:
        changes = {"statuscode": _FAILED, "message": str(cause), "friendlymessage": str(cause)}
    done = {"statecode": _COMPLETED, "completedon": tx.world.timestamp()}
    records.update(tx, "asyncoperation", waiting["job"], {**done, **changes})


def add_to_solution(tx: Tx, body: Mapping[str, Any]) -> dict[str, Any]:
    """`AddSolutionComponent`: put a saved version into a solution. Raises Refused."""
    row = tx.get(MAP_ROWS, str(body.get("ComponentId", "")))
    if row is None:
        raise Refused("0x80048033", "The component to add to the solution does not exist.")
    return {"id": put_into_solution(tx, str(body.get("SolutionUniqueName", "")), MAP_ROWS, row[f"{MAP_ROWS}id"])}


def _imported(tx: Tx, content: Mapping[str, Any]) -> None:
    _keep_solution(tx, content)
    for each in content["maps"]:
        exported = _exported(each)
        row = _stored(tx, exported, managed=bool(content.get("managed")))
        put_into_solution(tx, content["uniquename"], MAP_ROWS, row[f"{MAP_ROWS}id"])


def _keep_solution(tx: Tx, content: Mapping[str, Any]) -> None:
    found = tx.find("solution", uniquename=content["uniquename"])
    values = {
        "friendlyname": content.get("friendlyname"), "version": content.get("version"),
        "ismanaged": bool(content.get("managed")), "installedon": tx.world.timestamp(),
    }  # fmt: skip
    if found:
        records.update(tx, "solution", found[0]["solutionid"], values)
        return
    publisher = tx.find("publisher", friendlyname=str(content.get("publisher", "")))
    values["publisherid"] = publisher[0]["publisherid"] if publisher else None
    records.create(tx, "solution", {"uniquename": content["uniquename"], **values})


def _stored(tx: Tx, exported: Exported, *, managed: bool) -> Row:
    """The row of an imported version; an unmanaged row of the same version is written over."""
    name = row_name(exported.saved.publisher, exported.tname)
    same = tx.find(MAP_ROWS, msdyn_name=name, msdyn_version=exported.saved.version)
    if same:
        records.delete(tx, MAP_ROWS, same[0][f"{MAP_ROWS}id"])
    kept = {f"{MAP_ROWS}id": same[0][f"{MAP_ROWS}id"]} if same else {}
    return save_row(tx, exported.tname, exported.label, exported.saved, ismanaged=managed, **kept)


def _exported(members: Mapping[str, Any]) -> Exported:
    try:
        mapping: TaskMapping = mapping_from(json.dumps(members["mapping"]))
        saved = Saved(members["publisher"], members["version"], members.get("description", ""), mapping)
        return Exported(members["name"], members.get("displayname") or mapping.label, saved)
    except (KeyError, TypeError, NotAMapping) as cause:
        raise NotASolution(f"a map version in it cannot be read: {cause}") from cause


def _content(file: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            if archive.getinfo(CONTENT).file_size > LARGEST_CONTENT:
                raise NotASolution("it is too large")
            content = json.loads(archive.read(CONTENT))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, RuntimeError) as cause:
        raise NotASolution("it is no solution of this sandbox") from cause
    if not isinstance(content, dict) or not content.get("uniquename") or not isinstance(content.get("maps"), list):
        raise NotASolution("it names no solution or no maps")
    return content


def _manifest(solution: Solution) -> str:
    return (
        f"<ImportExportXml><SolutionManifest><UniqueName>{escape(solution.uniquename)}</UniqueName>"
        f"<Version>{escape(solution.version)}</Version><Managed>{int(solution.managed)}</Managed>"
        f"<Publisher><UniqueName>{escape(solution.publisher)}</UniqueName></Publisher>"
        "</SolutionManifest></ImportExportXml>"
    )
