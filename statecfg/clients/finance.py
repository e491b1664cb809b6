"""Finance and operations over OData and its metadata service: reads of every company, actions, names of enum members.

Every request is cross-company. The two columns that hold connection strings are never asked for, and dropped should a
row have them. Source: reference/finance-and-operations.md, sections 2 to 8. Nothing here writes rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from statecfg.clients import numbers, odata
from statecfg.clients.odata import Row
from statecfg.clients.transport import Request, Transport
from statecfg.model.errors import NotFound, Unavailable

ACTION_NAMESPACE = "Microsoft.Dynamics.DataEntities"
SECRET_COLUMNS = frozenset({"servicebusconnectionstring", "storageaccountsasconnectionstring"})

_HEADERS: Mapping[str, str] = {
    "Accept": "application/json;odata.metadata=minimal",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
}
_CROSS_COMPANY = "cross-company=true"


class Finance:
    """One finance and operations environment. url: its base address. Safe to share by threads."""

    def __init__(self, transport: Transport, url: str, *, workers: int = 4) -> None:
        self._transport = transport
        self._base = url.rstrip("/")
        self._workers = workers
        self._enums: dict[str, Mapping[str, int]] = {}
        self._columns: dict[str, Mapping[str, str]] = {}

    @property
    def host(self) -> str:
        """The bare host name, without a port, as the dual-write gateway and Dataverse's link know it."""
        return urlsplit(self._base).hostname or ""

    def rows(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - OData's own name
        orderby: str = "",
        top: int | None = None,
    ) -> Iterator[Row]:
        """Rows of all companies, page after page as they are asked for; all of them, or an error.

        Enums are member names, money is Decimal. top: at most so many rows.
        """
        options = odata.query(select=",".join(_allowed(select)), filter=filter, orderby=orderby, top=top)
        first = f"{self._base}/data/{entity_set}{options}&{_CROSS_COMPANY}"
        for rows in odata.pages(first, self._get, self._next_address):
            yield from (odata.without(row, SECRET_COLUMNS) for row in rows)

    def rows_where_in(
        self,
        entity_set: str,
        column: str,
        values: Iterable[str | UUID],
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002
        chunk: int = 50,
    ) -> Iterator[Row]:
        """Rows whose column holds one of the values; `chunk` values a request, several requests at once.

        A str is compared as a string, a UUID as a GUID; `in` is not supported there, so each is compared with `eq`.
        """

        def read(part: tuple[str | UUID, ...]) -> list[Row]:
            wanted = odata.both(filter, odata.any_of(column, [odata.literal(value) for value in part]))
            return list(self.rows(entity_set, select=select, filter=wanted))

        return odata.side_by_side(read, odata.chunks(values, chunk), self._workers)

    def count(self, entity_set: str, filter: str = "") -> int:  # noqa: A002
        """How many rows match, in all companies."""
        options = odata.query(filter=filter)
        address = f"{self._base}/data/{entity_set}/$count{options}{'&' if options else '?'}{_CROSS_COMPANY}"
        said = self._transport.send(Request("finance", "GET", address, _HEADERS, form="number")).value
        if said is None:
            raise Unavailable("finance and operations answered a count with nothing", where=address)
        return int(said)

    def action(
        self, entity_set: str, name: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = False
    ) -> Any:
        """What an action on an entity set returns (`value` of its reply), None if nothing.

        repeatable: it only reads (GetApplicationVersion), so that a lost answer may be asked for again.
        Raises Rejected if its code refuses.
        """
        address = f"{self._base}/data/{entity_set}/{ACTION_NAMESPACE}.{name}?{_CROSS_COMPANY}"
        headers = {**_HEADERS, "Content-Type": "application/json"}
        payload = numbers.encoded(dict(body or {}))
        value = self._transport.send(Request("finance", "POST", address, headers, payload, repeatable)).value
        return value.get("value") if isinstance(value, dict) else value

    def enum(self, name: str) -> Mapping[str, int]:
        """Member name -> number of an enum. Raises NotFound for an unknown one.

        Source: reference/finance-and-operations.md, "Metadata service". Read once: members don't change in a run.
        """
        if name not in self._enums:
            found = self._get(f"{self._base}/metadata/PublicEnumerations({odata.text(name)})")
            listed = found.get("Members") if isinstance(found, dict) else None
            if not isinstance(listed, list):
                raise Unavailable(f"the metadata of {name} holds no members", where=self._base)
            self._enums[name] = {str(member["Name"]): int(member["Value"]) for member in listed}
        return self._enums[name]

    def sets(self) -> frozenset[str]:
        """Names of the entity sets that can be read here."""
        first = f"{self._base}/metadata/DataEntities{odata.query(select='PublicCollectionName,DataServiceEnabled')}"
        rows = (row for page in odata.pages(first, self._get, self._next_address) for row in page)
        return frozenset(str(row["PublicCollectionName"]) for row in rows if row.get("DataServiceEnabled", True))

    def columns(self, entity_set: str) -> Mapping[str, str]:
        """Column name in lower case -> as this environment spells it. Raises NotFound for an unknown set.

        For names whose upper and lower case is not established; source: the metadata service.
        """
        if entity_set not in self._columns:
            wanted = odata.query(filter=f"EntitySetName eq {odata.text(entity_set)}")
            first = f"{self._base}/metadata/PublicEntities{wanted}"
            rows = [row for page in odata.pages(first, self._get, self._next_address) for row in page]
            properties = [one for row in rows for one in row.get("Properties") or ()]
            if not properties:
                raise NotFound(f"finance and operations knows no entity set {entity_set}", where=first, status=404)
            self._columns[entity_set] = {str(one["Name"]).lower(): str(one["Name"]) for one in properties}
        return self._columns[entity_set]

    def _get(self, address: str) -> Any:
        return self._transport.send(Request("finance", "GET", address, _HEADERS)).value

    def _next_address(self, link: Any) -> str:
        """A next page's address: its path and query on our own base, since the link can carry an internal host."""
        parts = urlsplit(link if isinstance(link, str) else "")
        for root in ("/data/", "/metadata/"):
            start = parts.path.lower().find(root)
            if start >= 0:
                return f"{self._base}{parts.path[start:]}{'?' + parts.query if parts.query else ''}"
        raise Unavailable("the next page of a read has no address that can be used", where=self._base)


def enum_literal(enum: str, member: str) -> str:
    """An enum member as it stands in a filter; only `eq` and `ne` are supported on them."""
    return f"{ACTION_NAMESPACE}.{enum}{odata.text(member)}"


def _allowed(select: Sequence[str]) -> Sequence[str]:
    for column in select:
        if column.lower() in SECRET_COLUMNS:
            raise ValueError(f"{column} holds a secret and is never read")
    if not select:
        raise ValueError("name the columns: a read without them would return secrets")
    return select
