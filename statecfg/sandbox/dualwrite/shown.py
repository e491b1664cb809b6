"""The gateway's objects as JSON values: maps, versions, requests, projects, schemas, the connection set.

Only forms: what a map's state *is* comes from the gateway's own witness store, everything else from its tables.
Source: reference/dual-write.md, "Endpoints", "Map model", "Mapping JSON".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox.dualwrite import codes
from statecfg.sandbox.dualwrite.codes import DATAVERSE_TYPE, FINANCE_TYPE
from statecfg.sandbox.dualwrite.link import companies
from statecfg.sandbox.dualwrite.mapping import mapping_from, task_members
from statecfg.sandbox.dualwrite.runtime import has_table
from statecfg.sandbox.dualwrite.schemas import cached
from statecfg.sandbox.dualwrite.settings import GATEWAY
from statecfg.sandbox.dualwrite.tables import KEYS, MAPS, REQUESTS, SYNC_RUNS, TEMPLATES
from statecfg.sandbox.dualwrite.versions import templates
from statecfg.sandbox.dualwrite.witnesses import said
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import Row, Tx

REQUESTS_SHOWN = 50
_MEMBERS = ("majorRevision", "minorRevision")
# Source: reference/dual-write.md, "Initial sync details".
_RUN = (
    "responseId", "displayName", "projectName", "legalEntityName", "legalEntityId", "schedule", "submittedOn",
    "executionStatus", "lastExecutionStatusChangeOn", "taskExecutionStatuses", "runtimeMappingExecutionRequestName",
    "isDataManagementProject", "dataManagementOperation", "tenant", "initialSyncRequestId", "id", "upsertCount",
    "errorCount", "owner", "createdDateTime", "tags",
)  # fmt: skip
_LEG = (
    "displayName", "status", "details", "exportStatus", "exportDetails", "exportJob", "exportStarted",
    "exportFinished", "exportRecordCount", "exportRecordErrorCount", "exportNewVersionToken", "exportRangeInfo",
    "importStatus", "importDetails", "importJob", "importStarted", "importFinished", "importRecordsInsertedCount",
    "importRecordsUpdatedCount", "importRecordsErrorCount", "exportErrors", "exportUri", "importErrors",
    "importErrorUri",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sides:
    """How this link names and reaches its two environments."""

    finance: str
    dataverse: str
    finance_url: str
    dataverse_url: str

    @classmethod
    def of(cls, link: Mapping[str, Any], finance_url: str, dataverse_url: str) -> Sides:
        """The sides of a link's row."""
        tail = str(link["cid"])[:8]
        return cls(f"finance-{tail}", f"dataverse-{tail}", finance_url, dataverse_url)


def environment_object(link: Mapping[str, Any], sides: Sides) -> dict[str, Any]:
    """The link as Environments gives it."""
    return {
        "cid": link["cid"], "cname": link["cname"], "targetType": FINANCE_TYPE, "displayName": sides.finance,
        "detail": {"isSolutionAware": True}, "powerAppsEnvironment": link["environment"],
    }  # fmt: skip


def map_object(tx: Tx, described: Row) -> dict[str, Any]:
    """One map as Entities and Status give it."""
    tidings = said(tx, GATEWAY, described["map"])
    requests = [request_object(row) for row in _requests(tx, described["map"])]
    active = tx.get(TEMPLATES, tidings.template) if tidings.template else None
    by_label = tx.world.settings["gateway.left_name"] == "label"
    return {
        "leftEntity": {
            "targetType": FINANCE_TYPE, "displayName": described["label"],
            "name": described["label"] if by_label else described["finance_set"] or described["label"],
        },
        "rightEntity": {
            "targetType": DATAVERSE_TYPE, "name": described["entity_set"], "displayName": described["described"],
        },
        "detail": {
            "tid": tidings.template, "tName": described["tname"], "tags": [],
            "templates": [template_object(row) for row in templates(tx, described["map"])],
            "template": template_object(active) if active else None, "pid": described["pid"],
            "lastRequest": requests[0] if requests else None, "state": tidings.state,
            "actions": list(codes.ALLOWED[tidings.state]), "lastRequests": requests, "isProjectDeleted": False,
        },
    }  # fmt: skip


def template_object(row: Row) -> dict[str, Any]:
    """One saved version as it is on offer."""
    parts = [int(part) for part in row["version"].split(".")]
    numbers = dict(zip(("major", "minor", "build", "revision"), parts, strict=True))
    return {
        "id": row["id"], "name": row["name"], "readOnly": bool(row["managed"]), "displayName": row["name"],
        "author": row["author"], "version": {**numbers, **dict.fromkeys(_MEMBERS, 0)}, "tags": [],
        "description": row["description"], "createdDateTime": row["created"],
    }  # fmt: skip


def request_object(row: Row) -> dict[str, Any]:
    """One request of a map."""
    return {
        "requestId": row["id"], "action": row["action"], "createdOn": row["created"], "modifiedOn": row["modified"],
        "state": row["state"], "errorMessage": row["error"], "errorUri": row["error_uri"],
        "rootActivityId": row["activity"],
    }  # fmt: skip


def restore_object(row: Row) -> dict[str, Any]:
    """A RestoreTemplates request."""
    return {
        "requestId": row["id"], "action": row["action"], "createdOn": row["created"], "modifiedOn": row["modified"],
        "state": row["state"], "rootActivityId": row["activity"],
        "result": {"message": row["message"] or "", "status": row["state"]},
    }  # fmt: skip


def project_object(tx: Tx, described: Row, link: Mapping[str, Any], sides: Sides) -> dict[str, Any]:
    """A map's project as FieldMappings gives it: the active version's mapping, and the schemas as cached."""
    template = tx.get(TEMPLATES, described["template"]) if described["template"] else None
    tasks = []
    if template:
        tasks.append(task_members(mapping_from(template["mapping"]), sides.finance, sides.dataverse))
        tasks[0]["connectionSetName"] = link["cname"]
    return {
        "name": described["project"], "displayName": described["tname"],
        "environments": [
            environment(tx, link, sides, [described], finance=True),
            environment(tx, link, sides, [described], finance=False),
        ],
        "targetTypeList": [FINANCE_TYPE, DATAVERSE_TYPE], "entityMappingTasks": tasks, "validationIssues": [],
        "projectState": said(tx, GATEWAY, described["map"]).state, "isPQOnlineFlow": False, "maxCrmIo": None,
        "useCrmOdataExport": False, "createImportErrorFile": False, "autoRetryFailedImportRecords": False,
        "templateIdentifier": _identifier(template), "isDataManagementProject": True,
        "dataManagementOperation": None, "tenant": None, "isDualWriteProject": True,
        "isDualWriteEnabled": described["state"] == codes.RUNNING, "skipInitialSync": True,
        "areKeysMismatched": False, "authorizedUsers": [], "id": described["pid"], "owner": None,
        "createdDateTime": template["created"] if template else None, "tags": [],
    }  # fmt: skip


def connection_set(tx: Tx, link: Mapping[str, Any], sides: Sides) -> dict[str, Any]:
    """The connection set with both environments, their schemas and keys, and the linked legal entities."""
    maps = list(tx.select(MAPS, order='"position"'))
    pairs = [
        {
            "left": {"name": code, "id": code.upper()},
            "right": {"name": row["cdm_companycode"], "id": row["cdm_companyid"]},
        }
        for code, row in sorted(companies(tx).items())
    ]
    return {
        "name": link["cname"], "displayName": "Contoso dual-write",
        "environments": {
            sides.finance: environment(tx, link, sides, maps, finance=True),
            sides.dataverse: environment(tx, link, sides, maps, finance=False),
        },
        "targetTypeList": [FINANCE_TYPE, DATAVERSE_TYPE],
        "dataPartitionMappings": [
            {
                "firstPartitionEnvName": sides.finance, "firstPartition": pair["left"]["id"],
                "secondPartitionEnvName": sides.dataverse, "secondPartition": pair["right"]["id"],
            }
            for pair in pairs
        ],
        "tenant": None, "forDualWrite": True, "bypassApiHubConnector": True, "id": link["cid"], "owner": None,
        "createdDateTime": None, "tags": [],
        "dualWriteDetail": {
            "legalEntityMappings": {
                "leftEnvironment": sides.finance, "rightEnvironment": sides.dataverse, "mappings": pairs
            },
            "conflictResolution": {"option": "1", "master": "CRM"}, "alertSettings": [],
            "autoPauseThresholdSettings": [], "isOnFirstPartyAuth": True, "isSolutionAware": True,
            "solutionAwareRequests": [], "actionDetails": [], "errorTableNames": [], "scheduledRequests": [],
            "isTrialEnvironment": False, "errorTableUpdateInProgress": False,
        },
    }  # fmt: skip


def environment(tx: Tx, link: Mapping[str, Any], sides: Sides, maps: Iterable[Row], *, finance: bool) -> dict[str, Any]:
    """One side of the link with the schemas of some maps as the gateway remembers them."""
    name = sides.finance if finance else sides.dataverse
    url = sides.finance_url if finance else sides.dataverse_url
    seen: dict[str, Row] = {(m["label"] if finance else m["entity_set"]): m for m in maps}
    return {
        "name": name, "connectionSetName": link["cname"], "targetType": FINANCE_TYPE if finance else DATAVERSE_TYPE,
        "sharedEnums": [], "schemas": [s for m in seen.values() for s in _schema(tx, m, finance=finance)],
        "connectionDisplayName": name, "environmentDisplayName": name, "metadataUrl": None,
        "environmentInfo": None, "powerAppsEnvironment": link["environment"], "directUrl": url,
        "isDevInstance": False, "bypassApiHubConnector": True, "needsIntegrationKey": not finance,
        "excludeHardCodedIntegrationKeys": False,
    }  # fmt: skip


def initial_sync_object(tx: Tx, described: Row) -> dict[str, Any]:
    """The runs of initial sync of one map, newest first."""
    runs = sorted(tx.find(SYNC_RUNS, map=described["map"]), key=lambda run: -run["id"])
    return {
        "projectName": described["project"], "projectExecutionResponses": [_run_object(described, run) for run in runs]
    }  # fmt: skip


def _run_object(described: Row, run: Row) -> dict[str, Any]:
    """One run with every member that is known; what this sandbox has nothing for is empty."""
    errors = [{"recordId": None, "sourceField": None, "errorMessage": text} for text in json.loads(run["details"])]
    imported = {"importStatus": run["status"], "importFinished": run["at"], "importErrors": errors}
    leg = dict.fromkeys(_LEG) | imported | {
        "displayName": described["tname"], "status": run["status"], "exportStatus": run["status"],
        "exportStarted": run["at"], "exportFinished": run["at"], "exportErrors": [],
        "exportRecordCount": run["upserts"] + run["errors"], "exportRecordErrorCount": 0,
        "importRecordsInsertedCount": 0, "importRecordsUpdatedCount": run["upserts"],
        "importRecordsErrorCount": run["errors"],
    }  # fmt: skip
    return dict.fromkeys(_RUN) | {
        "responseId": run["request"], "displayName": described["tname"], "projectName": described["project"],
        "submittedOn": run["at"], "executionStatus": run["status"], "lastExecutionStatusChangeOn": run["at"],
        "initialSyncRequestId": run["request"], "id": run["request"], "createdDateTime": run["at"],
        "isDataManagementProject": True, "upsertCount": run["upserts"], "errorCount": run["errors"], "tags": [],
        "taskExecutionStatuses": [{"name": "001", "status": run["status"], "isRunning": False, "legs": [leg]}],
    }  # fmt: skip


def _requests(tx: Tx, map_name: str) -> Iterator[Row]:
    return tx.select(REQUESTS, '"map" = ?', (map_name,), '"position" DESC', REQUESTS_SHOWN)


def _identifier(template: Row | None) -> dict[str, Any] | None:
    if template is None:
        return None
    shown = template_object(template)
    return {name: shown[name] for name in ("name", "version", "id", "displayName")}


def _schema(tx: Tx, described: Row, *, finance: bool) -> Iterator[dict[str, Any]]:
    known = cached(tx, described["map"])
    if known is None:
        return
    name = described["label"] if finance else described["entity_set"]
    columns = _columns(tx, described, finance=finance)
    fields = [_field(field, columns.get(field)) for field in sorted(known[0] if finance else known[1])]
    yield {
        "targetType": FINANCE_TYPE if finance else DATAVERSE_TYPE, "refreshState": None,
        "name": name, "displayName": name,
        "fields": fields, "keys": [] if finance else _keys(tx, described), "tenant": None,
        "primaryCompanyContextField": "DATAAREAID" if finance else None, "authorizedUsers": [], "id": None,
        "owner": None, "tags": [], "singletonName": described["source_table"], "companyContextFields": [],
    }  # fmt: skip


def _columns(tx: Tx, described: Row, *, finance: bool) -> dict[str, Column]:
    table = f"fo.{described['finance_set']}" if finance else described["source_table"]
    if not has_table(tx.world, table):
        return {}
    return {(name.upper() if finance else name): c for name, c in tx.world.shape(table).columns.items()}


def _field(name: str, column: Column | None) -> dict[str, Any]:
    kind = column.type if column else "string"
    return {
        "name": name, "displayName": (column.label if column else "") or name,
        "isRequired": bool(column and column.required), "isRetrievable": True,
        "isReadonly": bool(column and column.readonly),
        "typeDetails": {
            "type": kind, "length": column.length if column else 0, "isMultiLine": kind == "memo",
            "precision": column.scale if column and kind in ("money", "decimal") else None,
            "isDateOnly": kind == "date",
            "relatedEntity": column.targets[0].table if column and column.targets else None,
            "navigationPropertyName": column.targets[0].navigation if column and column.targets else None,
        },
    }  # fmt: skip


def _keys(tx: Tx, described: Row) -> list[dict[str, Any]]:
    key = tx.get(KEYS, described["entity_set"])
    if key is None:
        return []
    return [{
        "name": "userKeys", "displayName": "Integration key", "fields": json.loads(key["fields"]),
        "isIntegrationKey": True, "isPrimaryKey": False, "isCustomized": bool(key["customized"]),
        "isHardcoded": False, "message": None,
    }]  # fmt: skip
