"""Dataverse's Web API v9.2 as the kinds use it: pages, chunks of keys, bulk creates, actions. Exact numbers.

Source: reference/dataverse.md. It knows no table of Project Operations; entity sets and columns are the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

from statecfg.clients import numbers, odata, refusals
from statecfg.clients.odata import Row
from statecfg.clients.transport import Answer, Request, Transport
from statecfg.model.errors import NotFound, Unavailable

API = "/api/data/v9.2"
ACTION_NAMESPACE = "Microsoft.Dynamics.CRM"
LARGEST_PAGE = 5000

# Source: reference/dataverse.md, "Errors": a record that is not there, as against a set or action that is not.
NO_SUCH_RECORD = frozenset({"0x80040217", "0x80060891"})

_HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
}


class Dataverse:
    """One Dataverse environment. url: its base address, for example https://contoso.crm4.dynamics.com.

    workers: chunks read at once; the service's own hint bounds them. Safe to share by threads.
    """

    def __init__(self, transport: Transport, url: str, *, workers: int = 4) -> None:
        self._transport = transport
        self._base = url.rstrip("/")
        self._workers = workers
        self._lock = threading.Lock()
        self._last: Answer | None = None
        self._columns: dict[str, frozenset[str]] = {}
        self._entity_sets: dict[str, str] = {}

    # Reading

    def rows(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - OData's own name
        orderby: str = "",
        expand: str = "",
        top: int | None = None,
        page: int = LARGEST_PAGE,
    ) -> Iterator[Row]:
        """Rows of a table, page after page as they are asked for; all of them, or an error.

        Each row holds the selected columns, its primary key and `@odata.etag`. top: at most so many rows.
        """
        options = odata.query(select=",".join(select), filter=filter, orderby=orderby, expand=expand, top=top)
        # With both, $top would be ignored (reference/dataverse.md, "Queries and paging").
        headers = {} if top else {"Prefer": f"odata.maxpagesize={page}"}
        fetch = partial(self._get, headers=headers)
        for rows in odata.pages(self._address(entity_set) + options, fetch, self._next_address):
            yield from rows

    def rows_where_in(
        self,
        entity_set: str,
        column: str,
        values: Iterable[str | UUID],
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002
        expand: str = "",
        chunk: int = 100,
    ) -> Iterator[Row]:
        """Rows whose column holds one of the values; `chunk` values a request, several requests at once.

        A lookup is named as it is read (`_msdyn_contract_value`) and takes GUIDs.
        """

        def read(part: tuple[str | UUID, ...]) -> list[Row]:
            wanted = odata.both(filter, in_filter(column, part))
            return list(self.rows(entity_set, select=select, filter=wanted, expand=expand))

        return odata.side_by_side(read, odata.chunks(values, chunk), self._parallel())

    def row(self, entity_set: str, key: str, *, select: Sequence[str], expand: str = "") -> Row | None:
        """One record by its id (or an alternate key as OData writes it); None if there is none."""
        address = self._address(f"{entity_set}({_key(key)})")
        try:
            found = self._get(address + odata.query(select=",".join(select), expand=expand))
        except NotFound as error:
            if refusals.hex_code(error.code) in NO_SUCH_RECORD:
                return None
            raise
        return _object(found, address)

    def count(self, entity_set: str, filter: str = "") -> int:  # noqa: A002
        """How many rows match; the service counts to 5000 at most (reference/dataverse.md, "Counting")."""
        options = odata.query(filter=filter, count="true", top=1)
        address = self._address(entity_set) + options
        return int(_object(self._get(address), address)["@odata.count"])

    # Writing

    def create(
        self, entity_set: str, values: Mapping[str, Any], *, repeatable: bool = False, solution: str = ""
    ) -> str:
        """The id of a new record. With the primary key in `values` a second try can't make a second record.

        repeatable: send again when the answer is lost; a duplicate is then a Conflict with `sent` set, and the caller
        compares. solution: unique name of the solution that it becomes a component of, "" = none
        (reference/dataverse.md, "Optional headers"). Raises Conflict, Rejected, Unavailable (`sent`: it may exist).
        """
        headers = {"MSCRM.SolutionUniqueName": solution} if solution else {}
        answer = self._send("POST", entity_set, values, headers, repeatable=repeatable)
        return _created_id(answer)

    def create_multiple(self, entity_set: str, logical_name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """The ids of new records, in the order of `rows`. All are made, or none.

        Raises Rejected in the words of one refused row (which one is not said), Conflict for a key that exists,
        Unavailable (`sent`: all of them may exist).
        """
        targets = [{"@odata.type": f"{ACTION_NAMESPACE}.{logical_name}", **row} for row in rows]
        path = f"{entity_set}/{ACTION_NAMESPACE}.CreateMultiple"
        answer = self._send("POST", path, {"Targets": targets})
        ids = _object(answer.value, path, sent=True).get("Ids")
        if not isinstance(ids, list) or len(ids) != len(rows):
            raise Unavailable("CreateMultiple did not name one id for each record", where=path, sent=True)
        return tuple(str(one) for one in ids)

    def update(self, entity_set: str, key: str, values: Mapping[str, Any], *, etag: str | None = None) -> None:
        """Change columns of a record that exists. With an etag only if nobody changed it since: else Conflict."""
        path = f"{entity_set}({_key(key)})"
        self._send("PATCH", path, values, {"If-Match": etag or "*"}, repeatable=etag is None)

    def delete(self, entity_set: str, key: str, *, etag: str | None = None) -> None:
        """Delete a record. Raises NotFound if there is none, Conflict if it changed since the etag was read."""
        path = f"{entity_set}({_key(key)})"
        self._send("DELETE", path, None, {"If-Match": etag or "*"}, repeatable=etag is None)

    def action(self, entity_set: str, key: str, name: str, body: Mapping[str, Any] | None = None) -> Row | None:
        """What a bound action returns, None if nothing. Never sent twice; Unavailable(sent=True) if it may have run."""
        return self._called(f"{entity_set}({_key(key)})/{ACTION_NAMESPACE}.{name}", body)

    def unbound_action(self, name: str, body: Mapping[str, Any] | None = None) -> Row | None:
        """What an unbound action returns, None if nothing. Never sent twice."""
        return self._called(name, body)

    def function(self, name: str, params: str = "") -> Row:
        """What an unbound function returns. params: as OData writes them inside the parentheses."""
        address = self._address(f"{name.removesuffix('()')}({quote(params, safe=odata.READABLE)})")
        return _object(self._get(address), address)

    # About the environment

    def organization(self) -> Row:
        """Who this environment is: OrganizationId, UniqueName, FriendlyName, OrganizationVersion, EnvironmentId, ..."""
        address = self._address("RetrieveCurrentOrganization(AccessType=@p1)")
        address += "?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'"
        return _object(_object(self._get(address), address).get("Detail"), address)

    def user(self) -> Row:
        """Who is signed in: UserId, BusinessUnitId, OrganizationId."""
        return self.function("WhoAmI")

    def finance_link(self) -> Row:
        """The finance and operations environment linked here: id, tenantid, url (names in lower case).

        Raises Rejected if none is linked. Source: reference/project-operations.md, "Version check".
        """
        return dict(odata.members(self.function("RetrieveFinanceAndOperationsIntegrationDetails")))

    def columns(self, logical_name: str) -> frozenset[str]:
        """Logical names of a table's columns. Raises NotFound for an unknown table."""
        if logical_name not in self._columns:
            path = f"EntityDefinitions(LogicalName={odata.text(logical_name)})/Attributes"
            rows = self.rows(path, select=("LogicalName",))
            self._columns[logical_name] = frozenset(str(row["LogicalName"]) for row in rows)
        return self._columns[logical_name]

    def entity_set(self, logical_name: str) -> str:
        """The entity set of a table. Raises NotFound for an unknown one."""
        if logical_name not in self._entity_sets:
            address = self._address(f"EntityDefinitions(LogicalName={odata.text(logical_name)})")
            found = _object(self._get(address + odata.query(select="EntitySetName")), address)
            self._entity_sets[logical_name] = str(found["EntitySetName"])
        return self._entity_sets[logical_name]

    def has_message(self, name: str) -> bool:
        """Whether the environment knows a message (an action) of this name."""
        return any(self.rows("sdkmessages", select=("name",), filter=f"name eq {odata.text(name)}"))

    def has_bulk(self, message: str, logical_name: str) -> bool:
        """Whether a bulk message (CreateMultiple, ...) is offered for a table."""
        wanted = f"sdkmessageid/name eq {odata.text(message)} and primaryobjecttypecode eq {odata.text(logical_name)}"
        return any(self.rows("sdkmessagefilters", select=("sdkmessagefilterid",), filter=wanted))

    def server_time(self) -> datetime:
        """The service's clock now, in UTC, to the second: the Date of its last answer and the time since."""
        if self._last is None or self._last.date is None:
            self.user()
        last = self._last
        if last is None or last.date is None:
            raise Unavailable("Dataverse answers without a Date", where=self._base, do="Run the command again.")
        return (last.date + timedelta(seconds=self._transport.clock() - last.received)).astimezone(UTC)

    @property
    def dop(self) -> int | None:
        """How many requests at once the service recommends (x-ms-dop-hint); None before it has said so."""
        hint = self._last.headers.get("x-ms-dop-hint", "") if self._last else ""
        return int(hint) if hint.isdecimal() and len(hint) < 6 and int(hint) > 0 else None

    # The wire

    def _address(self, path: str) -> str:
        return f"{self._base}{API}/{path}"

    def _parallel(self) -> int:
        return min(self._workers, self.dop or self._workers)

    def _next_address(self, link: Any) -> str:
        """A next page's address, unchanged. One at another host would be handed our token."""
        if not isinstance(link, str) or not link.startswith(self._base + "/"):
            raise Unavailable("the next page of a read is at another address", where=self._base)
        return link

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> Any:
        return self._noted(Request("dataverse", "GET", address, {**_HEADERS, **(headers or {})})).value

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool = False,
    ) -> Answer:
        payload = None if body is None else numbers.encoded(body)
        content = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
        sent_headers = {**_HEADERS, **content, **(headers or {})}
        return self._noted(Request("dataverse", method, self._address(path), sent_headers, payload, repeatable))

    def _called(self, path: str, body: Mapping[str, Any] | None) -> Row | None:
        value = self._send("POST", path, body or {}).value
        return None if value is None else _object(value, path, sent=True)

    def _noted(self, request: Request) -> Answer:
        answer = self._transport.send(request)
        with self._lock:
            self._last = answer
        return answer


def in_filter(column: str, values: Sequence[str | UUID]) -> str:
    """A filter for rows whose column is one of the values.

    Lookups are compared one by one: which name the `In` function takes for them is not established.
    """
    texts = [str(value) for value in values]
    if column.startswith("_") and column.endswith("_value"):
        return odata.any_of(column, texts)
    if any(sign in value for value in texts for sign in "\"\\'"):
        return odata.any_of(column, [odata.text(value) for value in texts])
    listed = ",".join(f'"{value}"' for value in texts)
    return f"{ACTION_NAMESPACE}.In(PropertyName={odata.text(column)},PropertyValues=[{listed}])"


def _key(key: str) -> str:
    """A key segment: a GUID bare, an alternate key (`number='A-1'`) with what is not allowed there encoded."""
    return quote(key, safe="='(),-_.~")


def _created_id(answer: Answer) -> str:
    """The GUID in OData-EntityId, for example https://.../accounts(<guid>)."""
    address = answer.headers.get("OData-EntityId") or answer.headers.get("Location") or ""
    found = address.rpartition("(")[2].rstrip(")")
    if not odata.is_guid(found):
        raise Unavailable("Dataverse did not name the new record", where=address, sent=True)
    return found.lower()


def _object(value: Any, where: str, *, sent: bool = False) -> Row:
    if not isinstance(value, dict):
        raise Unavailable("Dataverse answered with something that is no record", where=where, sent=sent)
    return value
