"""What running maps do with a write: carry it over inside the writer's transaction, queue it, or nothing at all.

`dw.deployments` alone decides. A map without a deployment is stopped: nothing is sent and nothing is remembered. What
the gateway and the other two witnesses say plays no part here.
Source: reference/dual-write.md, "Run-time behaviour".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from statecfg.sandbox.dualwrite import texts
from statecfg.sandbox.dualwrite.bring import Bringer
from statecfg.sandbox.dualwrite.carry import Carrier, FinanceWriter, Target
from statecfg.sandbox.dualwrite.kept import kept, unkept
from statecfg.sandbox.dualwrite.mapping import TaskMapping, mapping_from
from statecfg.sandbox.dualwrite.payload import refuse_beyond_lines, refuse_beyond_payload
from statecfg.sandbox.dualwrite.tables import BACKLOG, CATCH_UP_ERRORS, DEPLOYMENTS, KEYS, QUEUE
from statecfg.sandbox.hooks import CREATE, DELETE, Pair, PropagationFailed
from statecfg.sandbox.world import Row, Tx, World

LIVE = "live"
QUEUEING = "queueing"
# An integration job that outlived its map: it takes changes to its backlog and nothing else happens.
JOB_ONLY = "job"

TO_FINANCE = "finance"
TO_DATAVERSE = "dataverse"
ASYNC_LOGS = "fo.DualWriteAsyncLogs"
ASYNC_ERRORS = "fo.DualWriteAsyncRefErrorLogs"


class Runtime:
    """Carries what services write. write: F&O's own way to take a row; settle: brings due requests up to now."""

    def __init__(self, write: FinanceWriter, settle: Callable[[Tx], None]) -> None:
        self._write = write
        self._settle = settle

    def on_changes(self, tx: Tx, table: str, operation: str, pairs: Sequence[Pair]) -> None:
        """Listen to the world's writes. Raises PropagationFailed, and the writer's transaction is rolled back."""
        if tx.from_peer or table.startswith("dw."):
            return
        self._settle(tx)
        if table.startswith("fo."):
            for deployment in tx.find(DEPLOYMENTS, finance_set=table.removeprefix("fo.")):
                self._from_finance(tx, deployment, operation, pairs)
        else:
            for deployment in tx.find(DEPLOYMENTS, source_table=table):
                self._from_dataverse(tx, deployment, operation, pairs)

    def replay(self, tx: Tx, map_name: str) -> int:
        """Send what a paused map queued, oldest first, every value in between included; return how many.

        What the other side refuses is kept as a catch-up error, and the rest goes on.
        """
        deployment = tx.get(DEPLOYMENTS, map_name)
        waiting = list(tx.find(QUEUE, map=map_name))
        for entry in waiting:
            if deployment is not None:
                self._replay_one(tx, deployment, entry)
            tx.delete(QUEUE, entry["id"])
        return len(waiting)

    def drain(self, tx: Tx, map_name: str | None = None) -> int:
        """Run the asynchronous integration job: deliver its backlog in order, whatever its maps do by now.

        What F&O refuses stays in the backlog, stands in the job's error log, and is tried again by the next run.
        """
        waiting = list(tx.find(BACKLOG, map=map_name) if map_name else tx.select(BACKLOG))
        return sum(self._delivered(tx, entry) for entry in waiting)

    def _delivered(self, tx: Tx, entry: Row) -> bool:
        target = _target_from(json.loads(entry["mapping"]))
        row = unkept(tx.world, target.source_table, entry["after"])
        error = (entry["company"], entry["id"])
        if tx.get(ASYNC_ERRORS, error) is not None:
            tx.delete(ASYNC_ERRORS, error)
        try:
            with tx.savepoint():
                Carrier(tx, target, self._write).carry(entry["operation"], row or {})
        except PropagationFailed as refusal:
            tx.insert(ASYNC_ERRORS, {
                "dataAreaId": entry["company"], "SourceKey": entry["id"], "SynchErrorType": "ApplicationFailure",
                "MarkForRetry": "Yes", "SyncExecutionId": tx.world.new_guid(), "DVErrorLogReference": refusal.message,
                "LogCreationTimestamp": tx.world.timestamp(), "UniqueEntityName": target.mapping.label,
            })  # fmt: skip
            return False
        tx.delete(ASYNC_LOGS, (entry["company"], entry["id"]))
        tx.delete(BACKLOG, entry["id"])
        return True

    def carry_rows(self, tx: Tx, target: Target, rows: Iterator[Row]) -> tuple[int, list[str]]:
        """Push rows of the Dataverse side as an initial sync does: how many were tried, and what was refused."""
        carrier = Carrier(tx, target, self._write)
        return _each(tx, rows, lambda row: carrier.carry(CREATE, row))

    def bring_rows(self, tx: Tx, target: Target, rows: Iterator[Row]) -> tuple[int, list[str]]:
        """Push rows of the F&O side as an initial sync does: how many were tried, and what was refused."""
        bringer = Bringer(tx, target)
        return _each(tx, rows, lambda row: bringer.bring(None, row))

    def _from_dataverse(self, tx: Tx, deployment: Row, operation: str, pairs: Sequence[Pair]) -> None:
        mapping = mapping_from(deployment["mapping"])
        rows = [after if after is not None else before for before, after in pairs]
        if not mapping.to_finance or not _has_finance_side(tx, deployment):
            return
        refuse_beyond_payload(tx, rows)
        if deployment["mode"] == QUEUEING:
            self._enqueue(tx, deployment, TO_FINANCE, operation, pairs)
        elif is_asynchronous(tx, deployment["map"]) or deployment["mode"] == JOB_ONLY:
            self._log(tx, deployment, operation, rows)
        else:
            refuse_beyond_lines(tx, deployment["source_table"], rows)
            carrier = Carrier(tx, target_of(tx, deployment, mapping), self._write)
            for row in rows:
                carrier.carry(operation, row or {})

    def _from_finance(self, tx: Tx, deployment: Row, operation: str, pairs: Sequence[Pair]) -> None:
        mapping = mapping_from(deployment["mapping"])
        if not mapping.to_dataverse or deployment["mode"] == JOB_ONLY:
            return
        if operation == DELETE and not tx.world.settings["sync.finance_deletes"]:
            return
        if deployment["mode"] == QUEUEING:
            self._enqueue(tx, deployment, TO_DATAVERSE, operation, pairs)
            return
        if len(pairs) > tx.world.settings["sync.finance_records"]:
            reason = f"{len(pairs)} records in one transaction are more than live sync carries."
            raise PropagationFailed(texts.finance_write_failed(mapping.entity_set, mapping.label, reason))
        bringer = Bringer(tx, target_of(tx, deployment, mapping))
        for before, after in pairs:
            _bring(bringer, before, after)

    def _enqueue(self, tx: Tx, deployment: Row, direction: str, operation: str, pairs: Sequence[Pair]) -> None:
        if operation == DELETE and not tx.world.settings["pause.queues_deletes"]:
            return
        _refuse_beyond_limit(tx, deployment)
        table = deployment["source_table"] if direction == TO_FINANCE else f"fo.{deployment['finance_set']}"
        for before, after in pairs:
            entry = {
                "map": deployment["map"], "direction": direction, "operation": operation,
                "before": kept(tx.world, table, before), "after": kept(tx.world, table, after),
                "at": tx.world.timestamp(),
            }  # fmt: skip
            tx.insert(QUEUE, entry)

    def _log(self, tx: Tx, deployment: Row, operation: str, rows: Sequence[Mapping[str, Any] | None]) -> None:
        """Leave rows to the integration job, where F&O shows them as its backlog."""
        target = target_of(tx, deployment, mapping_from(deployment["mapping"]))
        for row in rows:
            logged = tx.insert(ASYNC_LOGS, {
                "dataAreaId": "dat", "IsInsert": "Yes" if operation == CREATE else "No",
                "EnqueueReasonCode": "RequiredAsync", "UniqueEntityName": target.mapping.label,
                "SyncExecutionId": tx.world.new_guid(), "ConcurrencyToken": tx.world.new_guid(),
            })  # fmt: skip
            tx.insert(BACKLOG, {
                "id": logged["RowId"], "map": deployment["map"], "operation": operation, "company": "dat",
                "mapping": json.dumps(_target_members(target, deployment["mapping"])),
                "after": kept(tx.world, target.source_table, row),
            })  # fmt: skip

    def _replay_one(self, tx: Tx, deployment: Row, entry: Row) -> None:
        target = target_of(tx, deployment, mapping_from(deployment["mapping"]))
        try:
            with tx.savepoint():
                self._resend(tx, target, entry)
        except PropagationFailed as refusal:
            tx.insert(CATCH_UP_ERRORS, {
                "map": entry["map"], "operation": entry["operation"], "after": entry["after"],
                "message": refusal.message, "at": tx.world.timestamp(),
            })  # fmt: skip

    def _resend(self, tx: Tx, target: Target, entry: Row) -> None:
        table = target.source_table if entry["direction"] == TO_FINANCE else target.finance_table
        before, after = (unkept(tx.world, table, entry[name]) for name in ("before", "after"))
        if entry["direction"] == TO_FINANCE:
            Carrier(tx, target, self._write).carry(entry["operation"], after or before or {})
        else:
            _bring(Bringer(tx, target), before, after)


def _bring(bringer: Bringer, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
    """One F&O row into Dataverse: created, changed, or, without an `after`, deleted."""
    if after is None:
        bringer.remove(before or {})
    else:
        bringer.bring(before, after)


def target_of(tx: Tx, deployment: Mapping[str, Any], mapping: TaskMapping) -> Target:
    """What a deployed map reads and writes."""
    return Target(deployment["source_table"], deployment["finance_set"], mapping, key_of(tx, mapping.entity_set))


def key_of(tx: Tx, entity_set: str) -> tuple[str, ...]:
    """The integration key of a Dataverse table, as dotted paths; empty if it has none."""
    found = tx.get(KEYS, entity_set)
    return tuple(json.loads(found["fields"])) if found else ()


def is_asynchronous(tx: Tx, map_name: str) -> bool:
    """Whether a map belongs to an asynchronous integration job."""
    return map_name in tx.world.settings["async.maps"]


def _has_finance_side(tx: Tx, deployment: Row) -> bool:
    """Maps whose F&O entity this sandbox doesn't have show their states and carry nothing."""
    return bool(deployment["finance_set"]) and has_table(tx.world, f"fo.{deployment['finance_set']}")


def has_table(world: World, name: str) -> bool:
    """Whether this world has a table of that name."""
    try:
        world.shape(name)
    except KeyError:
        return False
    return True


def _refuse_beyond_limit(tx: Tx, deployment: Row) -> None:
    """A queue takes no more once its oldest entry waited longer than a pause may last."""
    oldest = next(tx.select(QUEUE, "map = ?", (deployment["map"],), limit=1), None)
    if oldest is None:
        return
    waited = (tx.world.now() - datetime.fromisoformat(oldest["at"])).total_seconds()
    if waited > tx.world.settings["pause.limit_s"]:
        reason = "The map is paused for longer than changes are queued. Resume it before you change this row."
        raise PropagationFailed(texts.plugin_failed(deployment["source_table"], reason))


def _each(tx: Tx, rows: Iterator[Row], send: Callable[[Row], object]) -> tuple[int, list[str]]:
    tried, refused = 0, []
    for row in rows:
        tried += 1
        try:
            with tx.savepoint():
                send(row)
        except PropagationFailed as refusal:
            refused.append(refusal.message)
    return tried, refused


def _target_members(target: Target, mapping: str) -> dict[str, Any]:
    return {"table": target.source_table, "set": target.finance_set, "mapping": mapping, "key": target.key}


def _target_from(members: Mapping[str, Any]) -> Target:
    mapping = mapping_from(members["mapping"])
    return Target(members["table"], members["set"], mapping, tuple(members["key"]))
