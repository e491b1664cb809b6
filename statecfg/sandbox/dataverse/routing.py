"""From an address and a method to what is done: sets, records, properties, relations, references, operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from statecfg.sandbox.dataverse import errors, metadata, records
from statecfg.sandbox.dataverse.address import Key, Segment, found_key, key_of, missing, referenced, segments
from statecfg.sandbox.dataverse.applying import apply_page
from statecfg.sandbox.dataverse.bulk import create_multiple, update_multiple, upsert_multiple
from statecfg.sandbox.dataverse.catalog import BY_ENTITY_SET, TABLES
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.names import NAMES, Names, Single, wire_name
from statecfg.sandbox.dataverse.operations import Operations, entity_of, missing_operation, parameters
from statecfg.sandbox.dataverse.payload import Reader
from statecfg.sandbox.dataverse.queryoptions import decoded_fields, query_options
from statecfg.sandbox.dataverse.reading import COUNT_LIMIT, Query, Within, read_page, read_record, relation
from statecfg.sandbox.dataverse.tracking import delta_count, delta_page
from statecfg.sandbox.dataverse.undecided import count_text
from statecfg.sandbox.dataverse.writing import check_version, create_record, delete_record, patch_record, reader, tie
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Refused, Row, Tx

PREFIX = "Microsoft.Dynamics.CRM."
READS = ("GET", "HEAD")
_MULTIPLE: dict[str, Callable[[Tx, Exchange, Names], Answer]] = {
    "CreateMultiple": create_multiple,
    "UpdateMultiple": update_multiple,
    "UpsertMultiple": upsert_multiple,
}


class Routing:
    """The addresses of one environment."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def handle(self, tx: Tx, exchange: Exchange) -> Answer:
        """Do what a request asks for, within a transaction (a snapshot for a read). Raises Refused."""
        parts = segments(exchange.path)
        if not parts:
            return self._service_document(exchange)
        if metadata.owns(parts[0].name):
            return metadata.answer(tx, exchange, parts, self._operations)
        table = BY_ENTITY_SET.get(parts[0].name)
        if table is None:
            return self._unbound(tx, exchange, parts)
        names = NAMES[table.name]
        if parts[0].arguments is None:
            return self._set(tx, exchange, names, parts[1:])
        key = key_of(names, parts[0].arguments)
        if len(parts) == 1:
            return self._record(tx, exchange, names, key)
        return self._below(tx, exchange, names, key, parts[1:])

    def _service_document(self, exchange: Exchange) -> Answer:
        sets = [{"name": t.entity_set, "kind": "EntitySet", "url": t.entity_set} for t in TABLES]
        return exchange.answer({"@odata.context": f"{exchange.root}/$metadata", "value": sets})

    def _unbound(self, tx: Tx, exchange: Exchange, parts: list[Segment]) -> Answer:
        name = parts[0].name.removeprefix(PREFIX)
        if len(parts) > 1:
            raise errors.unknown_resource(parts[0].name)
        if exchange.method == "GET" and name in self._operations.functions:
            given = parameters(parts[0].arguments or "", query_options(exchange.request.query).aliases)
            value = self._operations.functions[name](tx, exchange, given)
            return exchange.answer({"@odata.context": f"{exchange.root}/$metadata#{PREFIX}{name}Response", **value})
        if exchange.method == "POST" and parts[0].arguments is None:
            return self._act(tx, exchange, "", name, None)
        raise missing_operation(name)

    def _act(self, tx: Tx, exchange: Exchange, table: str, name: str, key: str | None) -> Answer:
        result = self._operations.action(table, name)(tx, key, exchange.object_body())
        if result is None:
            return exchange.nothing()
        entity_set = entity_of(dict(result))
        if entity_set:
            names = NAMES[BY_ENTITY_SET[entity_set].name]
            return read_record(tx, exchange, names, result[names.key], query_options(exchange.request.query))
        return exchange.answer({"@odata.context": f"{exchange.root}/$metadata#{PREFIX}{name}Response", **result})

    def _set(self, tx: Tx, exchange: Exchange, names: Names, rest: list[Segment]) -> Answer:
        """`set`, `set/$count`, `set/Microsoft.Dynamics.CRM.CreateMultiple`."""
        method = exchange.method
        if rest:
            name = rest[0].name
            if len(rest) > 1:
                raise errors.unknown_resource(rest[1].name)
            if name == "$count" and method == "GET":
                return self._count(tx, exchange, names, None)
            if method == "POST" and name.removeprefix(PREFIX) in _MULTIPLE:
                return _MULTIPLE[name.removeprefix(PREFIX)](tx, exchange, names)
            if method == "POST" and name == f"{PREFIX}DeleteMultiple":
                raise Refused("0x80040800", "DeleteMultiple has not yet been implemented.")
            raise errors.unknown_resource(name)
        if method == "GET":
            return self._page(tx, exchange, names, None)
        if method == "POST":
            return create_record(tx, exchange, names)
        raise not_allowed(method)

    def _page(self, tx: Tx, exchange: Exchange, names: Names, within: Within | None) -> Answer:
        options = query_options(exchange.request.query)
        if options.apply:
            return apply_page(tx, exchange, names, options, within)
        if options.deltatoken and within is None:
            return delta_page(tx, exchange, names, options)
        return read_page(tx, exchange, names, options, within)

    def _count(self, tx: Tx, exchange: Exchange, names: Names, within: Within | None) -> Answer:
        options = query_options(exchange.request.query)
        if options.deltatoken:
            count = delta_count(tx, names, options.deltatoken)
        else:
            count = min(Query(tx, exchange, names, options, within).count(), COUNT_LIMIT)
        return Answer(200, count_text(tx.world.settings, count), {"Content-Type": "text/plain", "OData-Version": "4.0"})

    def _record(self, tx: Tx, exchange: Exchange, names: Names, key: Key) -> Answer:
        method = exchange.method
        if method == "GET":
            row = _required(tx, names, key)
            return read_record(tx, exchange, names, row[names.key], query_options(exchange.request.query))
        if method == "PATCH":
            return patch_record(tx, exchange, names, key)
        if method == "DELETE":
            return delete_record(tx, exchange, names, key)
        raise not_allowed(method)

    def _below(self, tx: Tx, exchange: Exchange, names: Names, key: Key, rest: list[Segment]) -> Answer:
        """What follows a record: an operation, a property, a relation."""
        first = rest[0]
        row = _required(tx, names, key)
        if first.name.startswith(PREFIX) and len(rest) == 1:
            return self._bound(tx, exchange, names, row, first.name.removeprefix(PREFIX))
        if first.name in names.singles:
            return self._single(tx, exchange, names, row, names.singles[first.name], rest[1:])
        if first.name in names.collections:
            return self._collection(tx, exchange, names, row, first, rest[1:])
        return self._property(tx, exchange, names, row, rest)

    def _bound(self, tx: Tx, exchange: Exchange, names: Names, row: Row, name: str) -> Answer:
        """An action or a function of one record."""
        if exchange.method == "POST":
            return self._act(tx, exchange, names.table.name, name, row[names.key])
        function = self._operations.bound_functions.get((names.table.name, name))
        if function is None or exchange.method != "GET":
            raise errors.unknown_resource(PREFIX + name)
        return exchange.answer({"@odata.context": f"{exchange.root}/$metadata#{PREFIX}{name}Response", **function(row)})

    def _single(
        self, tx: Tx, exchange: Exchange, names: Names, row: Row, single: Single, rest: list[Segment]
    ) -> Answer:
        other = NAMES[single.target.table]
        several = len(single.column.targets) > 1
        fits = not several or row[f"{single.column.name}type"] == other.table.name
        key = row[single.column.name] if fits else None
        if rest and rest[0].name == "$ref" and len(rest) == 1:
            return self._single_reference(tx, exchange, names, row, single, key)
        if exchange.method != "GET":
            raise not_allowed(exchange.method)
        if key is None:
            return exchange.nothing()
        if rest:
            return self._below(tx, exchange, other, Key(key, {}, key), rest)
        return read_record(tx, exchange, other, key, query_options(exchange.request.query))

    def _single_reference(
        self, tx: Tx, exchange: Exchange, names: Names, row: Row, single: Single, key: str | None
    ) -> Answer:
        table = names.table.name
        if exchange.method == "GET":
            other = NAMES[single.target.table]
            if key is None:
                return exchange.nothing()
            value = {"@odata.id": exchange.address(other.table.entity_set, key)}
            return exchange.answer({"@odata.context": f"{exchange.root}/$metadata#$ref", **value})
        if exchange.method == "PUT":
            key = _target(tx, exchange, single.target.table)
        elif exchange.method == "DELETE":
            key = None
        else:
            raise not_allowed(exchange.method)
        records.update(tx, table, row[names.key], tie(single.column, single.target.table, key))
        return exchange.nothing()

    def _collection(
        self, tx: Tx, exchange: Exchange, names: Names, row: Row, first: Segment, rest: list[Segment]
    ) -> Answer:
        collection = names.collections[first.name]
        child = NAMES[collection.table.name]
        within = relation(collection, row[names.key])
        tied = tie(collection.column, collection.target.table, row[names.key])
        if rest and rest[0].name == "$ref":
            return self._collection_reference(tx, exchange, names, row, first)
        if first.arguments is not None:
            found = key_of(child, first.arguments)
            inner = _required(tx, child, found)
            if inner[collection.column.name] != row[names.key]:
                raise missing(child, found)
            return self._below(tx, exchange, child, found, rest) if rest else self._record(tx, exchange, child, found)
        if rest and rest[0].name == "$count" and exchange.method == "GET":
            return self._count(tx, exchange, child, within)
        if not rest and exchange.method == "GET":
            return self._page(tx, exchange, child, within)
        if not rest and exchange.method == "POST":
            return create_record(tx, exchange, child, tied)
        raise errors.unknown_resource(rest[0].name) if rest else not_allowed(exchange.method)

    def _collection_reference(self, tx: Tx, exchange: Exchange, names: Names, row: Row, first: Segment) -> Answer:
        collection = names.collections[first.name]
        child = NAMES[collection.table.name]
        if exchange.method == "POST":
            key, tied = _target(tx, exchange, child.table.name), row[names.key]
        elif exchange.method == "DELETE":
            key, tied = _removed(tx, exchange, child, first), None
        else:
            raise not_allowed(exchange.method)
        records.update(tx, child.table.name, key, tie(collection.column, collection.target.table, tied))
        return exchange.nothing()

    def _property(self, tx: Tx, exchange: Exchange, names: Names, row: Row, rest: list[Segment]) -> Answer:
        column = names.properties.get(rest[0].name)
        raw = len(rest) == 2 and rest[1].name == "$value"
        if column is None or (len(rest) > 1 and not raw):
            raise errors.unknown_resource(rest[0].name if column is None else rest[1].name)
        value = row[column.name]
        if exchange.method == "GET" and raw:
            return Answer(
                200 if value is not None else 204,
                str("" if value is None else value).encode(),
                {"Content-Type": "text/plain"},
            )
        if exchange.method == "GET":
            if value is None:
                return exchange.nothing()
            context = f"{exchange.root}/$metadata#{names.table.entity_set}({row[names.key]})/{wire_name(column)}"
            return exchange.answer({"@odata.context": context, "value": value})
        if column.type == "lookup" or exchange.method not in ("PUT", "DELETE"):
            raise not_allowed(exchange.method)
        check_version(exchange, row)
        body: Any = {column.name: exchange.object_body().get("value") if exchange.method == "PUT" else None}
        read: Reader = reader(tx, exchange)
        records.update(tx, names.table.name, row[names.key], read.values(names, body, creating=False).row)
        return replace(exchange.nothing(), note={"rows": 1})


def not_allowed(method: str) -> Refused:
    """The address exists, but not for this method."""
    return Refused(errors.BAD_URI, f"The requested resource does not support http method '{method}'.", 405)


def _required(tx: Tx, names: Names, key: Key) -> Row:
    row = found_key(tx, names, key)
    if row is None:
        raise missing(names, key)
    return row


def _target(tx: Tx, exchange: Exchange, table: str) -> str:
    """The id in a reference body, `{"@odata.id": address}`. Raises Refused."""
    found, key = referenced(tx, exchange.object_body().get("@odata.id"), exchange.references)
    if found.name != table:
        raise errors.bad_payload(f"Error Message : The reference must lead to a record of '{table}'.")
    return key


def _removed(tx: Tx, exchange: Exchange, child: Names, first: Segment) -> str:
    """The record to take out of a collection: in the segment's parentheses, or as `$id`. Raises Refused."""
    if first.arguments is not None:
        return str(_required(tx, child, key_of(child, first.arguments))[child.key])
    address = dict(decoded_fields(exchange.request.query)).get("$id")
    found, key = referenced(tx, address, exchange.references)
    if found.name != child.table.name:
        raise errors.bad_uri(f"'{address}' is no record of '{child.table.name}'.")
    return key
