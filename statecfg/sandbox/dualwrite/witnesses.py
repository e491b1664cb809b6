"""The three that say whether a map runs: the gateway, Dataverse's runtime rows, F&O's project configurations.

Each is told of an event by itself, after its own delay, writes its own store in its own form, and may be made to lie.
None is computed from another, and none decides anything: what really runs is in `dw.deployments`.
Source: reference/dual-write.md, "Storage behind the API"; reference/finance-and-operations.md, 8.6.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.link import companies
from statecfg.sandbox.dualwrite.mapping import TaskMapping, line_members, mapping_from
from statecfg.sandbox.dualwrite.runtime import is_asynchronous, key_of
from statecfg.sandbox.dualwrite.settings import DATAVERSE, FINANCE, GATEWAY, WITNESSES
from statecfg.sandbox.dualwrite.tables import MAPS, TEMPLATES, TIDINGS, TOLD
from statecfg.sandbox.finance.catalog import COMPANY
from statecfg.sandbox.world import Row, Tx

RUNTIME_ROWS = "msdyn_dualwriteruntimeconfig"
CONFIGURATIONS = "fo.DualWriteProjectConfigurations"
PARTITIONS = "fo.DualWriteProjectPartitionMappings"
SILENT = "no row"

# Environment types in the runtime rows; inferred. Source: reference/dual-write.md, "Run-time rows in Dataverse".
_DATAVERSE_TYPE = 1
_FINANCE_TYPE = 3
_PRESENT = frozenset({codes.RUNNING, codes.PAUSED, codes.CATCH_UP})
_STATUS = {codes.RUNNING: "Enabled", codes.PAUSED: "Queueing", codes.CATCH_UP: "Queueing"}
_PARTITION_KEY = ("ProjectName", "ExternalCompanyName", "InternalCompanyName")
_LIES = {"running": codes.RUNNING, "stopped": codes.STOPPED, "paused": codes.PAUSED}


@dataclass(frozen=True, slots=True)
class Tidings:
    """What a witness says of one map: its state, the version, and that version's mapping text."""

    state: str
    template: str | None
    mapping: str | None


def announce(tx: Tx, map_name: str, tidings: Tidings) -> None:
    """Tell all three of an event; a witness that lags hears of it later."""
    settings = tx.world.settings
    for witness in WITNESSES:
        reads, seconds = settings[f"witness.{witness}.lag_reads"], settings[f"witness.{witness}.lag_s"]
        if not reads and not seconds and not tx.find(TIDINGS, witness=witness, map=map_name):
            _tell(tx, witness, map_name, tidings)
            continue
        due = tx.world.now() + timedelta(seconds=float(seconds))
        tx.insert(TIDINGS, {
            "witness": witness, "map": map_name, "says": tidings.state, "template": tidings.template,
            "mapping": tidings.mapping, "due": due.isoformat(), "reads": reads,
        })  # fmt: skip


def catch_up(tx: Tx, witness: str) -> None:
    """Count one read of a witness, and let it hear what has reached it by now."""
    now = tx.world.now().isoformat()
    for waiting in tx.find(TIDINGS, witness=witness):
        if waiting["reads"] > 0:
            tx.update(TIDINGS, waiting["id"], {"reads": waiting["reads"] - 1})
        elif waiting["due"] <= now:
            tx.delete(TIDINGS, waiting["id"])
            _tell(tx, witness, waiting["map"], Tidings(waiting["says"], waiting["template"], waiting["mapping"]))


def deliver_all(tx: Tx) -> None:
    """Let every witness hear everything now, as when a world is made."""
    for waiting in tx.select(TIDINGS):
        tx.delete(TIDINGS, waiting["id"])
        tidings = Tidings(waiting["says"], waiting["template"], waiting["mapping"])
        _tell(tx, waiting["witness"], waiting["map"], tidings)


def said(tx: Tx, witness: str, map_name: str) -> Tidings:
    """What a witness says of a map now, the truth or a lie."""
    told = tx.get(TOLD, (witness, map_name))
    honest = Tidings(told["says"], told["template"], told["mapping"]) if told else Tidings(codes.NONE, None, None)
    lie = tx.world.settings["witness.lies"].get(witness, {}).get(map_name)
    return honest if not lie else _lied(tx, map_name, honest, lie)


def heard(tx: Tx, witness: str, described: Row) -> str:
    """A witness's answer on a map as a client finds it: a state, or SILENT where there is no row to find."""
    if witness == DATAVERSE and not tx.find(RUNTIME_ROWS, msdyn_name=described["project"]):
        return SILENT
    if witness == FINANCE and tx.get(CONFIGURATIONS, described["project"]) is None:
        return SILENT
    return said(tx, witness, described["map"]).state


def publish_all(tx: Tx) -> None:
    """Write both row stores afresh, as when a lie begins or ends."""
    for row in tx.select(MAPS):
        for witness in (DATAVERSE, FINANCE):
            _publish(tx, witness, row)


def _tell(tx: Tx, witness: str, map_name: str, tidings: Tidings) -> None:
    row = {"says": tidings.state, "template": tidings.template, "mapping": tidings.mapping}
    if tx.get(TOLD, (witness, map_name)) is None:
        tx.insert(TOLD, {"witness": witness, "map": map_name, **row})
    else:
        tx.update(TOLD, (witness, map_name), row)
    described = tx.get(MAPS, map_name)
    if described is not None:
        _publish(tx, witness, described)


def _publish(tx: Tx, witness: str, described: Row) -> None:
    if witness == GATEWAY:
        return
    tidings = said(tx, witness, described["map"])
    if witness == DATAVERSE:
        _write_runtime_row(tx, described, tidings)
    else:
        _write_configuration(tx, described, tidings)


def _lied(tx: Tx, map_name: str, honest: Tidings, lie: Mapping[str, Any]) -> Tidings:
    state = _LIES.get(lie.get("says", ""), honest.state)
    template = tx.get(TEMPLATES, honest.template) if honest.template else None
    if "version" in lie:
        wanted = (lie["version"], lie.get("publisher"))
        template = next((t for t in tx.find(TEMPLATES, map=map_name) if _is(t, *wanted)), template)
    if template is None:
        described = tx.get(MAPS, map_name)
        template = tx.get(TEMPLATES, described["template"]) if described and described["template"] else None
    if template is None:
        return Tidings(state, honest.template, honest.mapping)
    same = template["id"] == honest.template and honest.mapping
    return Tidings(state, template["id"], honest.mapping if same else template["mapping"])


def _is(template: Row, version: str, publisher: str | None) -> bool:
    return bool(template["version"] == version and publisher in (None, template["author"]))


def _write_runtime_row(tx: Tx, described: Row, tidings: Tidings) -> None:
    """Dataverse's own row: only of maps that carry out of Dataverse, and only while they run."""
    for row in tx.find(RUNTIME_ROWS, msdyn_name=described["project"]):
        tx.delete(RUNTIME_ROWS, row["msdyn_dualwriteruntimeconfigid"])
    if tidings.state not in _PRESENT or not tidings.mapping:
        return
    mapping = mapping_from(tidings.mapping)
    if not mapping.to_finance:
        return
    text = json.dumps(_runtime_members(tx, described, tidings, mapping), separators=(",", ":"))
    records.create(tx, RUNTIME_ROWS, {
        "msdyn_name": described["project"], "msdyn_internalentityname": described["source_table"],
        "msdyn_externalentityname": described["label"],
        "msdyn_unsecure": json.dumps(text) if tx.world.settings["witness.double_encoded"] else text,
    })  # fmt: skip


def _runtime_members(tx: Tx, described: Row, tidings: Tidings, mapping: TaskMapping) -> dict[str, Any]:
    template = tx.get(TEMPLATES, tidings.template) if tidings.template else None
    numbers = [int(part) for part in template["version"].split(".")] if template else [0, 0, 0, 0]
    return {
        "ProjectId": described["pid"],
        "SourceEntityName": described["entity_set"],
        "SourceEnvironmentType": _DATAVERSE_TYPE,
        "DestinationEntityName": described["label"],
        "DestinationEnvironmentType": _FINANCE_TYPE,
        "EntityMapVersion": dict(zip(("Major", "Minor", "Build", "Revision"), numbers, strict=True)),
        "FieldMappings": [line_members(line) for line in mapping.lines],
    }


def _write_configuration(tx: Tx, described: Row, tidings: Tidings) -> None:
    """F&O's own row: only of maps that carry out of F&O, or that run in an integration job, and only while they run."""
    forget_configuration(tx, described["project"])
    if tidings.state not in _PRESENT or not tidings.mapping:
        return
    mapping = mapping_from(tidings.mapping)
    in_job = is_asynchronous(tx, described["map"])
    if mapping.to_dataverse or (in_job and tx.world.settings["async.shows_mode"]):
        tx.insert(CONFIGURATIONS, _configuration(tx, described, tidings.state, mapping, in_job=in_job))
        _write_partitions(tx, described["project"], mapping)


def forget_configuration(tx: Tx, project: str) -> None:
    """Delete F&O's row of a map, and its companies."""
    if tx.get(CONFIGURATIONS, project) is not None:
        tx.delete(CONFIGURATIONS, project)
    for row in tx.find(PARTITIONS, ProjectName=project):
        tx.delete(PARTITIONS, tuple(row[name] for name in _PARTITION_KEY))


def _write_partitions(tx: Tx, project: str, mapping: TaskMapping) -> None:
    """The companies in scope of a map that carries companies."""
    if any(line.finance.upper() == COMPANY.upper() for line in mapping.lines):
        for code, row in sorted(companies(tx).items()):
            names = (project, row["cdm_companycode"], code.upper())
            tx.insert(PARTITIONS, dict(zip(_PARTITION_KEY, names, strict=True)))


def _configuration(tx: Tx, described: Row, state: str, mapping: TaskMapping, *, in_job: bool) -> dict[str, Any]:
    return {
        "ProjectName": described["project"],
        "Status": _STATUS[state],
        "InternalEntityName": described["label"],
        "ExternalEntityName": described["entity_set"],
        "ExternalLogicalEntityName": described["source_table"],
        "ExternalEnvironmentUrl": tx.world.settings.get("dataverse.url", "https://localhost"),
        "FieldMap": json.dumps([line_members(line) for line in mapping.lines], separators=(",", ":")),
        "QueryFilterExpression": mapping.finance_filter,
        "IntegrationKey": json.dumps({mapping.entity_set: key_of(tx, mapping.entity_set)}),
        "AsyncMode": "RequiredAsync" if in_job else "RequiredSync",
        "EnableBatchLookup": "Yes",
        "EnableCache": "Yes",
        "ServiceBusConnectionString": _secret(tx, "Endpoint=sb://sandbox.servicebus.invalid/;SharedAccessKey="),
        "StorageAccountSASConnectionString": _secret(tx, "BlobEndpoint=https://sandbox.blob.invalid/;sig="),
    }


def _secret(tx: Tx, prefix: str) -> str:
    """Worthless, but recognisable should it ever be read, printed or logged."""
    return prefix + base64.b64encode(tx.world.random.randbytes(24)).decode()
