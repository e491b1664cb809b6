"""The dual-write management gateway: which maps there are, how they are, and the requests that change them.

Microsoft publishes no reference of it; the forms are those that other clients send and read, so answers are read
loosely and requests written exactly. Every start says skipInitialSync: without it, old rows would be pushed to the
other side. Pause and resume are not offered: what they queue would be replayed.
Source: reference/dual-write.md, sections 2 to 5 and 11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from statecfg.clients import loose, mapping, numbers, tablemap
from statecfg.clients.mapping import FieldMapping, Project
from statecfg.clients.tablemap import Connection, MapRequest, MapVersion, TableMap
from statecfg.clients.transport import Request, Transport
from statecfg.model.errors import NotFound, Rejected, Unavailable

MANAGEMENT = "/api/DualWriteManagement/1.0"
TARGET = "AX"

# Source: reference/dual-write.md, "Start".
START, STOP, CREATE_PROJECT = "1", "4", "8"
# Source: reference/dual-write.md, "Solutions".
APPLY_SOLUTION = "2"

_NAME = re.compile(r"[\w.:-]{1,200}", re.ASCII)

# An empty list of maps is a known passing fault of the service (reference/dual-write.md, "Errors and throttling").
_EMPTY_WAITS_S = (0.5, 1.0, 2.0, 4.0)


class Gateway:
    """One link's management. url: the regional gateway's address. finance_host: bare host name of the F&O side."""

    def __init__(self, transport: Transport, url: str, finance_host: str) -> None:
        self._transport = transport
        self._base = url.rstrip("/")
        self._finance_host = finance_host
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """The link of the F&O environment. Raises NotFound if it has none. Asked for once."""
        if self._connection is None:
            # The bare host: an address would find nothing, which looks like "not linked".
            query = f"targetType={TARGET}&identifier={quote(self._finance_host, safe='')}"
            found = loose.objects(self._get(f"{MANAGEMENT}/Environments?{query}"))
            if not found or not loose.text(found[0], "cid"):
                raise NotFound(
                    f"{self._finance_host} is not linked to any Dataverse environment",
                    where=self._base,
                    do="Check `finance` and `dualwrite` in the inventory, and who is signed in to the gateway.",
                )
            one = found[0]
            names = (loose.text(one, "cid"), loose.text(one, "cname"), loose.text(one, "powerAppsEnvironment"))
            self._connection = Connection(*names)
        return self._connection

    def maps(self) -> tuple[TableMap, ...]:
        """Every table map of the link, as it is now."""
        cid = self.connection().cid
        path = f"{MANAGEMENT}/Entities?targetType={TARGET}&cid={quote(cid, safe='')}"
        return tuple(tablemap.table_map(one) for one in self._not_empty(path, loose.objects, "list of maps"))

    def find(self, entity_set: str, entity: str) -> TableMap:
        """The one map of an entity set and an F&O label; singular and plural of the label's words are the same.

        Raises Rejected unless there is exactly one, naming the candidates.
        """
        return tablemap.found_in(self.maps(), entity_set, entity)

    def project(self, pid: str) -> Project:
        """Mapping, key and cached schemas of a map's project. Raises Unavailable if they can't be understood."""
        path = f"{MANAGEMENT}/{quote(pid, safe='')}/FieldMappings"
        answer = self._not_empty(path, lambda value: value or None, "field mapping")
        try:
            return mapping.project_of(answer)
        except mapping.NotAMapping as error:
            raise Unavailable(f"the field mapping can't be understood: {error}", where=self._base + path) from error

    def legal_entities(self) -> tuple[tuple[str, str], ...]:
        """The legal entities of the link: (in finance and operations, in Dataverse)."""
        path = f"/api/ConnectionSet/{quote(self.connection().cname, safe='')}"
        answer = loose.resolved(self._not_empty(path, lambda value: value or None, "connection set"))
        return tablemap.legal_entities_of(answer)

    def start(self, maps: Sequence[TableMap]) -> str:
        """The id of a request that starts maps on their active versions, without initial sync. Never sent twice."""
        parameters = {"skipInitialSync": True, "conflictResolution": {"option": "1", "master": "CRM"}}
        return self._requested(START, [self._detail(one) | {"parameters": parameters} for one in maps])

    def stop(self, maps: Sequence[TableMap]) -> str:
        """The id of a request that stops maps, all in one call. Never sent twice."""
        return self._requested(STOP, [self._detail(one) for one in maps])

    def create_project(self, table_map: TableMap) -> str:
        """The id of a request that makes the project of a map that has none. Never sent twice."""
        detail = self._detail(table_map)
        return self._requested(CREATE_PROJECT, [{name: detail[name] for name in ("tid", "cid")}])

    def status(self, request_id: str) -> Mapping[str, MapRequest]:
        """What became of a request, by `TableMap.key`. Raises NotFound for an unknown request.

        A completed request does not mean that the map has reached its state: read the map.
        """
        answer = self._get(f"{MANAGEMENT}/Status/{quote(request_id, safe='')}")
        if isinstance(answer, Mapping) and loose.text(answer, "state", "status"):
            return {"": tablemap.request_of(answer)}
        maps = [tablemap.table_map(one) for one in loose.objects(answer)]
        return {
            one.key: request for one in maps for request in one.requests if request.id.lower() == request_id.lower()
        }

    def switch(self, table_map: TableMap, version_id: str) -> None:
        """Make a version the active one of a stopped map. Raises Rejected if refused. Never sent twice.

        The answer says nothing of the outcome: read the map.
        """
        path = f"{self._solution_aware()}/SwitchActive/{quote(version_id, safe='')}?pid={quote(table_map.pid, safe='')}"
        # The bare id, although it is no JSON: so the service's own page sends it.
        self._post(path, version_id.encode())

    def refresh(self, project_name: str) -> None:
        """Have the gateway read the metadata of both sides afresh; safe to repeat."""
        path = f"/api/Project/{quote(project_name, safe='')}/Refresh"
        self._post(path, numbers.encoded({"tokens": [""]}), repeatable=True)

    def solutions(self) -> tuple[str, ...]:
        """Unique names of the solutions whose maps can be applied."""
        answer = self._get(f"{self._solution_aware()}/Solutions/")
        return tuple(loose.text(one, "uniquename") for one in loose.objects(answer))

    def restore(self, solution: str) -> str:
        """The id of a request that makes one solution's map versions available. Never sent twice."""
        body = {"action": APPLY_SOLUTION, "solutions": [{"criteria": {"uniquename": solution}}]}
        path = f"{self._solution_aware()}/RestoreTemplates"
        return _request_id(self._post(path, numbers.encoded(body)), self._base + path)

    def restore_status(self, request_id: str) -> MapRequest:
        """What became of a `restore`."""
        answer = self._get(f"{self._solution_aware()}/Status/{quote(request_id, safe='')}")
        request = tablemap.request_of(answer)
        words = loose.text(loose.member(answer, "result"), "message")
        return MapRequest(request.id, request.action, request.state, request.error or words)

    def _solution_aware(self) -> str:
        return f"{MANAGEMENT}/SolutionAware/{quote(self.connection().cid, safe='')}"

    def _detail(self, table_map: TableMap) -> dict[str, Any]:
        if table_map.active is None:
            raise Rejected(f"{table_map.name} has no active version", where=self._base, do="Choose one in Dual-write.")
        detail = {"tid": table_map.active.id, "pid": table_map.pid, "cid": self.connection().cid}
        return {name: value for name, value in detail.items() if value}

    def _requested(self, action: str, details: Sequence[Mapping[str, Any]]) -> str:
        path = f"{MANAGEMENT}/Start"
        return _request_id(self._post(path, numbers.encoded({"action": action, "details": details})), self._base + path)

    def _not_empty(self, path: str, understand: Callable[[Any], Any], what: str) -> Any:
        """An answer that holds something; asked for again a few times while it does not."""
        for wait_s in (*_EMPTY_WAITS_S, 0.0):
            if understood := understand(self._get(path)):
                return understood
            self._transport.sleep(wait_s)
        raise Unavailable(f"the dual-write gateway answered with an empty {what}", where=self._base + path)

    def _get(self, path: str) -> Any:
        return self._transport.send(
            Request("dualwrite", "GET", self._base + path, {"Accept": "application/json"})
        ).value

    def _post(self, path: str, body: bytes, *, repeatable: bool = False) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
        return self._transport.send(
            Request("dualwrite", "POST", self._base + path, headers, body, repeatable, form="loose")
        ).value


def _request_id(answer: Any, where: str) -> str:
    found = answer.strip() if isinstance(answer, str) else loose.text(answer, "requestId", "id")
    # A page of a proxy that answers in the gateway's place is no name of a request.
    if not _NAME.fullmatch(found):
        raise Unavailable("the dual-write gateway took the request without naming it", where=where, sent=True)
    return found


__all__ = ["Connection", "FieldMapping", "Gateway", "MapRequest", "MapVersion", "Project", "TableMap"]
