"""The life of a map: requests to start, stop, pause, resume or create its project, and the states they lead to.

A request is accepted at once and done later: after so many polls or seconds. Whether it may be done is decided when it
is done. Failures are states of the request, never errors of HTTP.
Source: reference/dual-write.md, "Start", "Status", "States", "Transitions".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from statecfg.sandbox.dualwrite import codes, deploying, initial_sync, texts
from statecfg.sandbox.dualwrite.catalog import clr_type_of
from statecfg.sandbox.dualwrite.link import identity
from statecfg.sandbox.dualwrite.mapping import mapping_from
from statecfg.sandbox.dualwrite.runtime import Runtime
from statecfg.sandbox.dualwrite.tables import CATCH_UP_ERRORS, MAPS, QUEUE, REQUESTS, TEMPLATES
from statecfg.sandbox.dualwrite.validation import problems
from statecfg.sandbox.wire import json_bytes
from statecfg.sandbox.world import Row, Tx

_SYNCING = "initial_sync"
_CATCHING_UP = "catch_up"


class Impossible(Exception):
    """A request that ends in error; the text is what the map's request will say."""


class NotKnown(LookupError):
    """A call names a map that this link doesn't have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of one map."""

    map_name: str
    template: str | None
    parameters: Mapping[str, Any] | None


class Lifecycle:
    """Requests on maps, carried out on the world; `runtime` does what initial sync and resume need done."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # Each does its work or raises Impossible; a text says what went wrong after it was done.
        self._actions: Mapping[str, Callable[[Tx, Row, Row], str | None]] = {
            codes.START: self._start,
            codes.STOP: self._stop,
            codes.PAUSE: self._pause,
            codes.RESUME: self._resume,
            codes.CREATE_PROJECT: self._create_project,
        }

    def accept(self, tx: Tx, action: str, wanted: Sequence[Wanted]) -> str:
        """Take a request over one or several maps; its id. What takes no time is done at once."""
        settings = tx.world.settings
        request, now = tx.world.new_guid(), tx.world.now()
        fault = tx.world.faults.take("polls", ",".join(each.map_name for each in wanted))
        reads = int(fault.details.get("n", 1)) if fault else settings["gateway.request_reads"]
        due = now + timedelta(seconds=float(settings["gateway.request_s"]))
        for each in wanted:
            tx.insert(REQUESTS, {
                "id": request, "map": each.map_name, "action": action, "state": codes.WAITING,
                "created": tx.world.timestamp(), "modified": tx.world.timestamp(), "template": each.template,
                "body": json_bytes(each.parameters).decode(), "reads": reads, "due": due.isoformat(),
                "seen": now.isoformat(), "position": tx.next_number(REQUESTS),
            })  # fmt: skip
            self._show_sync(tx, action, each, request)
        self.settle(tx)
        return request

    def settle(self, tx: Tx, *, read: bool = False) -> None:
        """Do what is due; `read` counts one poll of every request and map that is under way."""
        # What follows is dual-write's own doing: nothing of it is carried, and nothing comes back to here.
        with tx.echoing():
            self._settle_requests(tx, read=read)
            self._settle_maps(tx, read=read)

    def request_rows(self, tx: Tx, request: str) -> list[Row]:
        """The entries of one request, one a map."""
        return tx.find(REQUESTS, id=request)

    def _settle_requests(self, tx: Tx, *, read: bool) -> None:
        now = tx.world.now()
        overdue = (now - timedelta(seconds=float(tx.world.settings["gateway.unread_s"]))).isoformat()
        waiting: dict[str, list[Row]] = {}
        for row in tx.select(REQUESTS, '"state" = ?', (codes.WAITING,), order='"position"'):
            waiting.setdefault(row["id"], []).append(row)
        for rows in waiting.values():
            first = rows[0]
            polled_out = first["reads"] <= 0 or first["seen"] <= overdue
            if polled_out and first["due"] <= now.isoformat():
                self._finish(tx, rows)
            elif read:
                changes = {"reads": max(first["reads"] - 1, 0), "seen": now.isoformat()}
                for row in rows:
                    tx.update(REQUESTS, (row["id"], row["map"]), changes)

    def _settle_maps(self, tx: Tx, *, read: bool) -> None:
        now = tx.world.now().isoformat()
        for described in tx.select(MAPS, '"busy_until" IS NOT NULL'):
            if described["busy_reads"] > 0:
                if read:
                    tx.update(MAPS, described["map"], {"busy_reads": described["busy_reads"] - 1})
            elif described["busy_until"] <= now:
                self._leave_busy(tx, described)

    def _finish(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Carry out a request on each of its maps. A pause is all or none."""
        refusal = _pause_refused(tx, rows)
        for row in rows:
            error = refusal or self._attempted(tx, row)
            if error:
                _leave_failed_sync(tx, row)
            tx.update(REQUESTS, (row["id"], row["map"]), {
                "state": codes.FAILED if error else codes.COMPLETED, "error": error or None,
                "modified": tx.world.timestamp(), "activity": tx.world.new_guid() if error else None,
            })  # fmt: skip

    def _attempted(self, tx: Tx, row: Row) -> str | None:
        """Do what a request asks of one map; the error text if it failed."""
        described, action = tx.get(MAPS, row["map"]), self._actions.get(row["action"])
        if described is None or action is None:
            return f"Action {row['action']} is not supported."
        try:
            with tx.savepoint():
                return action(tx, described, row)
        except Impossible as cause:
            return str(cause)

    def _start(self, tx: Tx, described: Row, row: Row) -> str | None:
        name, syncing = described["map"], described["busy"] == _asked(row["id"])
        if described["state"] not in codes.STARTABLE and not syncing:
            raise Impossible(f"Map {described['tname']} cannot be started in state {described['state']}.")
        if described["pid"] is None:
            raise Impossible(f"Map {described['tname']} has no project.")
        template = self._template_to_run(tx, described, row["template"])
        check(tx, described, template)
        _refuse_on_request(tx, "start", described)
        if described["template"] != template["id"]:
            deploying.choose(tx, name, template["id"])
        master = _initial_sync_master(tx, row)
        if master is None:
            deploying.run(tx, name)
            return None
        # What went through before a row failed stays on the other side: initial sync is no transaction.
        error = initial_sync.synchronise(tx, self._runtime, described, template, master, row["id"])
        if not error:
            deploying.prepare(tx, name)
            _be_busy(tx, name, _SYNCING, "gateway.initial_sync_reads")
        return error

    def _stop(self, tx: Tx, described: Row, _row: Row) -> None:
        if described["state"] in codes.BUSY:
            raise Impossible(f"Map {described['tname']} cannot be stopped in state {described['state']}.")
        _refuse_on_request(tx, "stop", described)
        if described["state"] in (codes.RUNNING, codes.PAUSED):
            deploying.halt(tx, described["map"])

    def _pause(self, tx: Tx, described: Row, _row: Row) -> None:
        deploying.hold(tx, described["map"])

    def _resume(self, tx: Tx, described: Row, row: Row) -> None:
        name = described["map"]
        if described["state"] != codes.PAUSED:
            raise Impossible(f"Map {described['tname']} is not paused.")
        skip = _skip_catch_up(row)
        if skip is None:
            deploying.enter(tx, name, codes.CATCH_UP)
            _be_busy(tx, name, _CATCHING_UP, "gateway.catch_up_reads")
            return
        _empty_queue(tx, name, preserve=skip)
        deploying.release(tx, name)

    def _create_project(self, tx: Tx, described: Row, _row: Row) -> None:
        if described["pid"] is not None:
            raise Impossible(f"Map {described['tname']} has a project already.")
        pid = identity(tx.world, "pid", described["map"])
        tx.update(MAPS, described["map"], {"pid": pid})
        deploying.enter(tx, described["map"], tx.world.settings["gateway.project_created_state"])

    def _template_to_run(self, tx: Tx, described: Row, wanted: str | None) -> Row:
        """The version a start runs: the one it names, else the active one. Raises Impossible."""
        chosen = wanted or described["template"]
        template = tx.get(TEMPLATES, chosen) if chosen else None
        if template is None or template["map"] != described["map"]:
            raise Impossible(f"Template {chosen} is no version of map {described['tname']}.")
        other = chosen != described["template"]
        if other and tx.world.settings["gateway.start_other_version"] == "refuse":
            raise Impossible(f"Template {chosen} is not the active version of map {described['tname']}.")
        return template

    def _leave_busy(self, tx: Tx, described: Row) -> None:
        """Initial sync and catch-up end alike: what came in meanwhile is sent, and the map runs."""
        self._runtime.replay(tx, described["map"])
        deploying.release(tx, described["map"])

    def _show_sync(self, tx: Tx, action: str, wanted: Wanted, request: str) -> None:
        """A start with initial sync shows in the map's state from the moment it is asked for."""
        described = tx.get(MAPS, wanted.map_name)
        if action != codes.START or described is None or described["state"] not in codes.STARTABLE:
            return
        if described["pid"] and _master_of(tx, wanted.parameters):
            deploying.enter(tx, wanted.map_name, codes.INITIAL_SYNC)
            tx.update(MAPS, wanted.map_name, {"busy": _asked(request)})


def check(tx: Tx, described: Row, template: Row) -> None:
    """Run the checks of a start. Raises Impossible with the first problem's text."""
    found = problems(tx, described, mapping_from(template["mapping"]), clr_type_of(tx.world.seed))
    if found:
        raise Impossible("\n".join(dict.fromkeys(problem.message for problem in found)))


def map_by_project(tx: Tx, pid: str) -> Row:
    """The map with a project id. Raises NotKnown."""
    found = tx.find(MAPS, pid=pid)
    if not found:
        raise NotKnown(pid)
    return found[0]


def map_by_template(tx: Tx, template: str) -> Row:
    """The map that a version belongs to. Raises NotKnown."""
    row = tx.get(TEMPLATES, template)
    described = tx.get(MAPS, row["map"]) if row else None
    if described is None:
        raise NotKnown(template)
    return described


def _asked(request: str) -> str:
    """What a map is busy with while the request that starts it with initial sync is under way."""
    return f"asked/{request}"


def _be_busy(tx: Tx, name: str, busy: str, reads: str) -> None:
    until = tx.world.now() + timedelta(seconds=float(tx.world.settings["gateway.busy_s"]))
    tx.update(MAPS, name, {
        "busy": busy, "busy_until": until.isoformat(), "busy_reads": tx.world.settings[reads]
    })  # fmt: skip


def _pause_refused(tx: Tx, rows: Iterable[Row]) -> str:
    """Why none of the maps of a pause is paused; "" if nothing is in the way."""
    for row in rows:
        described = tx.get(MAPS, row["map"]) or {}
        if row["action"] == codes.PAUSE and described.get("state") != codes.RUNNING:
            return f"Map {described.get('tname')} is not running; no map was paused."
    return ""


def _leave_failed_sync(tx: Tx, row: Row) -> None:
    described = tx.get(MAPS, row["map"])
    if row["action"] == codes.START and described and described["busy"] == _asked(row["id"]):
        deploying.enter(tx, row["map"], tx.world.settings["gateway.sync_failed_state"])


def _refuse_on_request(tx: Tx, verb: str, described: Row) -> None:
    """Fail because somebody asked for it, by a setting or a fault. Raises Impossible."""
    name = described["map"]
    asked = tx.world.settings[f"gateway.{verb}_failures"].get(name)
    fault = tx.world.faults.take(f"{verb}_failure", f"{name} {described['tname']}")
    if fault is not None:
        asked = fault.details.get("message") or fault.details.get("code", "DIPV1001")
    if asked and str(asked).startswith("DIPV") and " " not in str(asked):
        raise Impossible(texts.validation_failed(str(asked)))
    if asked:
        raise Impossible(str(asked))


def _initial_sync_master(tx: Tx, row: Row) -> str | None:
    parameters = json.loads(row["body"] or "null")
    return _master_of(tx, parameters)


def _master_of(tx: Tx, parameters: Mapping[str, Any] | None) -> str | None:
    """The side that wins in the initial sync that is asked for; None if none is."""
    said = (parameters or {}).get("skipInitialSync")
    if said is None:
        said = tx.world.settings["gateway.start_without_parameters"] == "skip"
    if said in (True, "true", "True"):
        return None
    resolution = (parameters or {}).get("conflictResolution")
    master = resolution.get("master") if isinstance(resolution, Mapping) else None
    return initial_sync.FINANCE_MASTER if master == initial_sync.FINANCE_MASTER else initial_sync.DATAVERSE_MASTER


def _skip_catch_up(row: Row) -> bool | None:
    """None: catch up; True: go live and keep the queue as errors; False: go live and drop it."""
    parameters = json.loads(row["body"] or "null") or {}
    skip = parameters.get("dualWriteSkipCatchUpSyncParameters")
    return bool(skip.get("skipCatchUpSyncPreserveData")) if isinstance(skip, Mapping) else None


def _empty_queue(tx: Tx, name: str, *, preserve: bool) -> None:
    for waiting in tx.find(QUEUE, map=name):
        tx.delete(QUEUE, waiting["id"])
        if preserve:
            tx.insert(CATCH_UP_ERRORS, {
                "map": name, "operation": waiting["operation"], "after": waiting["after"],
                "message": "Catch-up was skipped.", "at": tx.world.timestamp(),
            })  # fmt: skip
