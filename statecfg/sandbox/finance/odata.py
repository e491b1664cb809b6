"""`/data`: reading and writing rows, counts, actions. One request in, one answer out; who asks is settled already.

Source: reference/finance-and-operations.md, 3 and 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from statecfg.sandbox.finance import writes
from statecfg.sandbox.finance.actions import ACTIONS
from statecfg.sandbox.finance.address import Address, address_of
from statecfg.sandbox.finance.catalog import COMPANY, EntitySet, entity_sets
from statecfg.sandbox.finance.errors import (
    WireError,
    action_failed,
    bad_body,
    invalid,
    no_resource,
    no_row,
    not_allowed,
    stale,
    write_failed,
)
from statecfg.sandbox.finance.filtering import FilterRefused
from statecfg.sandbox.finance.query import (
    Page,
    Query,
    QueryRefused,
    Scope,
    expanded,
    is_cross_company,
    one,
    query_of,
    run,
)
from statecfg.sandbox.finance.wire import Unacceptable, etag, row_reader, taken
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.wire import Answer, MalformedJson, json_bytes, json_value
from statecfg.sandbox.world import Duplicate, OutOfRange, Row, Tx

ROOT = "/data"
JSON = "application/json; odata.metadata=minimal; odata.streaming=true"


@dataclass(frozen=True, slots=True)
class Ask:
    """One operation under `/data`, from a request or from a part of a batch.

    rest: what follows `/data/`, percent-encoded. base: scheme, host and port as the caller wrote them.
    company: the user's own; companies: those the user may see, None for all.
    """

    method: str
    rest: str
    options: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str
    company: str
    companies: tuple[str, ...] | None = None

    @property
    def scope(self) -> Scope:
        """Whose rows this operation sees."""
        return Scope(self.company, is_cross_company(self.options), self.companies)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation gives: a status, a JSON value or text, headers."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def answer(self) -> Answer:
        """The answer."""
        if self.text is not None:
            return Answer(
                self.status, self.text.encode(), {"Content-Type": "text/plain; charset=utf-8", **self.headers}
            )
        if self.value is None:
            return Answer(self.status, b"", self.headers)
        return Answer(self.status, json_bytes(self.value), {"Content-Type": JSON, **self.headers})


def is_reading(ask: Ask) -> bool:
    """Whether an operation leaves the world as it is."""
    return ask.method == "GET"


def perform(tx: Tx, ask: Ask) -> Reply:
    """Do one operation. Raises WireError."""
    if not ask.rest.strip("/"):
        return _sets(ask)
    try:
        place = address_of(ask.rest)
        return _perform(tx, ask, place)
    except (FilterRefused, QueryRefused) as refusal:
        raise invalid(str(refusal)) from refusal


def _perform(tx: Tx, ask: Ask, place: Address) -> Reply:
    if place.action:
        return _action(tx, ask, place)
    if place.counts:
        return _count(tx, ask, place)
    handlers = _ON_SET if place.key is None else _ON_ROW
    handler = handlers.get(ask.method)
    if handler is None:
        raise not_allowed(ask.method)
    return handler(tx, ask, place)


def _sets(ask: Ask) -> Reply:
    if ask.method != "GET":
        raise not_allowed(ask.method)
    value = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(entity_sets())]
    return Reply(200, {"@odata.context": f"{ask.base}{ROOT}/$metadata", "value": value})


def _read(tx: Tx, ask: Ask, place: Address) -> Reply:
    query = query_of(place.entity_set, ask.options)
    page = run(tx, query, ask.scope, _page_size(tx, ask))
    value: dict[str, Any] = {"@odata.context": _context(ask, query)}
    if page.count is not None:
        value["@odata.count"] = page.count
    value["value"] = page.rows
    if page.token:
        value["@odata.nextLink"] = _next_link(tx, ask, place, page)
    return Reply(200, value)


def _page_size(tx: Tx, ask: Ask) -> int:
    size = max(1, int(tx.world.settings["finance.page_size"]))
    for part in ask.headers.get("prefer", "").split(","):
        name, _, wanted = part.strip().partition("=")
        if name.lower() == "odata.maxpagesize" and wanted.strip('"').isdecimal() and int(wanted.strip('"')) > 0:
            return min(size, int(wanted.strip('"')))
    return size


def _context(ask: Ask, query: Query) -> str:
    columns = f"({','.join(query.select)})" if query.select else ""
    return f"{ask.base}{ROOT}/$metadata#{query.entity_set.name}{columns}"


def _next_link(tx: Tx, ask: Ask, place: Address, page: Page) -> str:
    options = {name: value for name, value in ask.options.items() if name not in ("$skip", "$skiptoken", "$count")}
    if page.remaining is not None:
        options["$top"] = str(page.remaining)
    options["$skiptoken"] = page.token
    host = str(tx.world.settings["finance.next_link_base"]) or ask.base
    return f"{host}{ROOT}/{place.entity_set.name}?{urlencode(options, quote_via=quote, safe='$,()')}"


def _count(tx: Tx, ask: Ask, place: Address) -> Reply:
    if ask.method != "GET":
        raise not_allowed(ask.method)
    options = {name: value for name, value in ask.options.items() if name in ("$filter", "cross-company")}
    query = query_of(place.entity_set, {**options, "$count": "true", "$top": "0"})
    return Reply(200, text=str(run(tx, query, ask.scope, 1).count))


def _found(tx: Tx, ask: Ask, place: Address) -> Row:
    row = one(tx, place.entity_set, place.key or {}, ask.scope)
    if row is None:
        raise no_row(place.entity_set.entity)
    return row


def _read_one(tx: Tx, ask: Ask, place: Address) -> Reply:
    stored = _found(tx, ask, place)
    query = query_of(place.entity_set, ask.options)
    row = expanded(tx, query, stored, ask.scope)
    if place.property_name:
        context = f"{ask.base}{ROOT}/$metadata#{place.target}"
        return Reply(200, {"@odata.context": context, "value": row[place.property_name]})
    context = f"{_context(ask, query)}/$entity"
    return Reply(200, {"@odata.context": context, **row}, {"ETag": row["@odata.etag"]})


def _values(ask: Ask, target: EntitySet) -> dict[str, Any]:
    """The columns in the body, as rows hold them. Raises WireError."""
    values: dict[str, Any] = {}
    for name, value in _object(ask.body).items():
        if "@odata" in name:
            continue
        column = target.by_name.get(name)
        if column is None:
            raise bad_body(f"The property '{name}' does not exist on type '{target.entity}'.")
        values[name] = taken(column, value)
    return values


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json_value(body) if body.strip() else {}
    except MalformedJson as cause:
        raise bad_body(str(cause)) from cause
    if not isinstance(value, dict):
        raise bad_body("The body must be a JSON object.")
    return value


def _create(tx: Tx, ask: Ask, place: Address) -> Reply:
    target = place.entity_set
    row = _written(tx, target, lambda: _insert(tx, ask, target))
    shown = row_reader(target)(row)
    context = f"{ask.base}{ROOT}/$metadata#{target.name}/$entity"
    headers = {"Location": _location(ask, target, row), "ETag": etag(row)}
    return Reply(201, {"@odata.context": context, **shown}, headers)


def _insert(tx: Tx, ask: Ask, target: EntitySet) -> Row:
    values = _values(ask, target)
    if target.per_company:
        values[COMPANY] = str(values.get(COMPANY) or ask.company).lower()
    generated = {column.name for column in target.columns if column.readonly or column.sequence}
    missing = [key for key in target.keys if values.get(key) in (None, "") and key not in generated]
    if missing:
        raise bad_body(f"The key property '{missing[0]}' must have a value.")
    return writes.create(tx, target.name, {name: value for name, value in values.items() if name not in generated})


def _location(ask: Ask, target: EntitySet, row: Row) -> str:
    pairs = ",".join(f"{name}={_literal(target, name, row[name])}" for name in target.keys)
    return f"{ask.base}{ROOT}/{target.name}({quote(pairs, safe=chr(39) + ',=-:')})"


def _literal(target: EntitySet, name: str, value: Any) -> str:
    if target.by_name[name].type in ("string", "enum"):
        return "'" + str(value).replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _update(tx: Tx, ask: Ask, place: Address) -> Reply:
    target, before = place.entity_set, _found(tx, ask, place)
    _check_etag(ask, before)

    def write() -> Row:
        values = _values(ask, target)
        assigned = {column.name for column in target.columns if column.readonly}
        changed = {name: value for name, value in values.items() if name not in assigned and before[name] != value}
        for name in changed:
            if name in target.keys:
                raise bad_body(f"The key property '{name}' cannot be changed.")
        return writes.change(tx, target.name, before, changed)

    _written(tx, target, write)
    return Reply(204)


def _delete(tx: Tx, ask: Ask, place: Address) -> Reply:
    before = _found(tx, ask, place)
    _check_etag(ask, before)

    def write() -> Row:
        writes.remove(tx, place.entity_set.name, before)
        return before

    _written(tx, place.entity_set, write)
    return Reply(204)


def _check_etag(ask: Ask, row: Row) -> None:
    wanted = ask.headers.get("if-match", "").strip()
    if wanted and wanted != "*" and etag(row) not in [part.strip() for part in wanted.split(",")]:
        raise stale()


def _written(tx: Tx, target: EntitySet, write: Any) -> Row:
    """What a write gives; what refuses it becomes the wire's error."""
    status = int(tx.world.settings["finance.refusal_status"])
    if target.readonly:
        raise write_failed(target.entity, "The entity is read-only.", status)
    try:
        row: Row = write()
    except Unacceptable as refusal:
        raise bad_body(refusal.message) from refusal
    except (Refused, PropagationFailed) as refusal:
        raise write_failed(target.entity, refusal.message, status) from refusal
    except Duplicate as refusal:
        raise write_failed(target.entity, "The record already exists.", status) from refusal
    except OutOfRange as refusal:
        raise bad_body(str(refusal)) from refusal
    return row


def _action(tx: Tx, ask: Ask, place: Address) -> Reply:
    found = ACTIONS.get((place.entity_set.name, place.action))
    if found is None or place.key is not None:
        raise no_resource(f"{ROOT}/{ask.rest}")
    if ask.method != "POST":
        raise not_allowed(ask.method)
    perform_action, kind = found
    try:
        value = perform_action(tx, _object(ask.body))
    except Refused as refusal:
        raise action_failed(place.action, place.entity_set.entity, refusal.message) from refusal
    if not kind:
        return Reply(204)
    return Reply(200, {"@odata.context": f"{ask.base}{ROOT}/$metadata#{kind}", "value": value})


_ON_SET = {"GET": _read, "POST": _create}
_ON_ROW = {"GET": _read_one, "PATCH": _update, "PUT": _update, "DELETE": _delete}

__all__ = ["ROOT", "Ask", "Reply", "WireError", "is_reading", "perform"]
