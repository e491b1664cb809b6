"""The lease as a record of Dataverse: a note with an id of its own, so that a second writer is refused (rules 8.4).

Every environment has notes. The table, and the columns that hold name and text, are settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from statecfg.clients.dataverse import Dataverse
from statecfg.model.environment import LockSettings
from statecfg.model.errors import NotFound
from statecfg.model.lease import Holder, Lease, as_holder

NAMESPACE = UUID("3d0c2f6e-9a1b-4c57-8f0e-6b1d2c3a4e5f")
"""The id of an environment's lease is made from it and the organization's id."""


class LeaseRecord:
    """Keeps the lease of one environment in a record of Dataverse."""

    def __init__(self, dataverse: Dataverse, organization_id: str, settings: LockSettings) -> None:
        self._dataverse = dataverse
        self._settings = settings
        self.id = str(uuid5(NAMESPACE, organization_id.casefold()))

    def read(self) -> Lease | None:
        settings = self._settings
        row = self._dataverse.row(settings.entity_set, self.id, select=(settings.text_column, "modifiedon"))
        if row is None:
            return None
        return self._lease(row)

    def _lease(self, row: Mapping[str, Any]) -> Lease:
        tag = str(row.get("@odata.etag", ""))
        written = datetime.fromisoformat(str(row["modifiedon"]).replace("Z", "+00:00")).astimezone(UTC)
        age_s = (self._dataverse.server_time() - written).total_seconds()
        try:
            said = json.loads(str(row.get(self._settings.text_column) or ""))
            return Lease(as_holder(said), tag, age_s, float(said["lease_s"]))
        except (ValueError, KeyError, TypeError):
            # Somebody wrote over it: it is a lock whose owner isn't known, which only its age can end.
            return Lease(Holder("unknown", "somebody", "", "", 0, ""), tag, age_s, self._settings.lease_s)

    def create(self, holder: Holder, lease_s: float) -> str:
        settings = self._settings
        values = {settings.id_column: self.id, settings.name_column: "statecfg lock", **self._text(holder, lease_s)}
        # With an id of its own a second try can't make a second lease: it is a Conflict, and whose it is can be read.
        self._dataverse.create(settings.entity_set, values, repeatable=True)
        return self._tag()

    def replace(self, holder: Holder, lease_s: float, tag: str) -> str:
        self._dataverse.update(self._settings.entity_set, self.id, self._text(holder, lease_s), etag=tag)
        return self._tag()

    def delete(self, tag: str) -> None:
        self._dataverse.delete(self._settings.entity_set, self.id, etag=tag)

    def _text(self, holder: Holder, lease_s: float) -> dict[str, str]:
        return {self._settings.text_column: json.dumps({**asdict(holder), "lease_s": lease_s})}

    def _tag(self) -> str:
        row = self._dataverse.row(self._settings.entity_set, self.id, select=(self._settings.id_column,))
        if row is None:
            raise NotFound("the lock's record is gone", where=self._settings.entity_set)
        return str(row["@odata.etag"])
