"""Creating, changing, upserting and deleting one record, with its nested records and its preconditions.

Source: reference/dataverse.md, "Single-record operations", "Alternate keys and upsert", "ETags, 304, 412".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from statecfg.sandbox.dataverse import errors, records
from statecfg.sandbox.dataverse.address import Key, found_key, missing
from statecfg.sandbox.dataverse.components import SOLUTION_HEADER, put_into_solution
from statecfg.sandbox.dataverse.duplicates import refuse_duplicates
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.names import NAMES, Names
from statecfg.sandbox.dataverse.payload import Body, Reader, Values
from statecfg.sandbox.dataverse.queryoptions import query_options
from statecfg.sandbox.dataverse.reading import read_record
from statecfg.sandbox.dataverse.undecided import update_headers
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Row, Tx

ANY = "*"


def reader(tx: Tx, exchange: Exchange) -> Reader:
    """A reader for this request's bodies."""
    content_type = exchange.request.headers.get("content-type", "").lower().replace(" ", "")
    return Reader(tx, exchange.references, "ieee754compatible=true" in content_type)


def create_record(tx: Tx, exchange: Exchange, names: Names, extra: Row | None = None) -> Answer:
    """`POST set`. extra: values that the address implies, for a record made within a relation."""
    body = exchange.body()
    row = insert(tx, reader(tx, exchange), names, body, extra or {})
    refuse_duplicates(tx, exchange, names.table.name, (row,))
    return _created(tx, exchange, names, row)


def insert(tx: Tx, read: Reader, names: Names, body: Any, extra: Row) -> Row:
    """Create a record with everything nested in it. Raises Refused."""
    values = read.values(names, body, creating=True)
    values.row.update(extra)
    _nested_first(tx, read, values)
    row = records.create(tx, names.table.name, values.row)
    _children(tx, read, values, row[names.key])
    return row


def change(tx: Tx, read: Reader, names: Names, key: str, body: Body) -> Row:
    """Change a record, and what is nested in it. Raises Refused."""
    values = read.values(names, body, creating=False)
    _nested_first(tx, read, values)
    row = records.update(tx, names.table.name, key, values.row)
    _children(tx, read, values, key)
    return row


def patch_record(tx: Tx, exchange: Exchange, names: Names, key: Key) -> Answer:
    """`PATCH set(key)`: update, or upsert where no precondition forbids it."""
    body = exchange.object_body()
    found = found_key(tx, names, key)
    if found is None:
        if exchange.if_match is not None:
            raise missing(names, key)
        row = insert(tx, reader(tx, exchange), names, {**_key_values(names, key, body), **body}, {})
        refuse_duplicates(tx, exchange, names.table.name, (row,))
        return _created(tx, exchange, names, row, key)
    if exchange.if_none_match == ANY:
        raise errors.matches_already()
    check_version(exchange, found)
    without_key = {name: value for name, value in body.items() if name not in key.columns}
    row = change(tx, reader(tx, exchange), names, found[names.key], without_key)
    refuse_duplicates(tx, exchange, names.table.name, (row,))
    if exchange.prefer.representation:
        return _represented(tx, exchange, names, row, 200)
    address = exchange.address(names.table.entity_set, key.text)
    return _noted(exchange.nothing(204, **update_headers(tx.world.settings, address)), 1)


def delete_record(tx: Tx, exchange: Exchange, names: Names, key: Key) -> Answer:
    """`DELETE set(key)`."""
    found = found_key(tx, names, key)
    if found is None:
        raise missing(names, key)
    check_version(exchange, found)
    records.delete(tx, names.table.name, found[names.key])
    return _noted(exchange.nothing(), 1)


def check_version(exchange: Exchange, row: Mapping[str, Any]) -> None:
    """Refuse a change of another version than `If-Match` names. Raises Refused."""
    wanted = exchange.if_match
    if wanted is not None and wanted != ANY and wanted != f'W/"{row["versionnumber"]}"':
        raise errors.version_mismatch()


def _nested_first(tx: Tx, read: Reader, values: Values) -> None:
    for single, body in values.nested:
        names = NAMES[single.target.table]
        made = insert(tx, read, names, body, {})
        values.row[single.column.name] = made[names.key]
        if len(single.column.targets) > 1:
            values.row[f"{single.column.name}type"] = single.target.table


def _children(tx: Tx, read: Reader, values: Values, key: str) -> None:
    for collection, body in values.children:
        insert(tx, read, NAMES[collection.table.name], body, tie(collection.column, collection.target.table, key))
    for collection, child in values.tied:
        records.update(tx, collection.table.name, child, tie(collection.column, collection.target.table, key))


def tie(column: Any, table: str, key: str | None) -> Row:
    """The values that point a lookup to a record, or nowhere."""
    row: Row = {column.name: key}
    if len(column.targets) > 1:
        row[f"{column.name}type"] = table if key else None
    return row


def _key_values(names: Names, key: Key, body: Body) -> dict[str, Any]:
    """The key of the address as part of the record; the body's own values win, even if they differ."""
    if key.guid:
        return {} if names.key in body else {names.key: key.guid}
    described = {name: column for name, column in names.properties.items() if column.name in key.columns}
    return {name: key.columns[column.name] for name, column in described.items() if column.type != "lookup"}


def _created(tx: Tx, exchange: Exchange, names: Names, row: Row, key: Key | None = None) -> Answer:
    solution = exchange.request.headers.get(SOLUTION_HEADER)
    if solution:
        put_into_solution(tx, solution, names.table.name, row[names.key])
    if exchange.prefer.representation:
        return _represented(tx, exchange, names, row, 201)
    text = key.text if key is not None and not key.guid else row[names.key]
    address = exchange.address(names.table.entity_set, text)
    return _noted(exchange.nothing(OData_EntityId=address, Location=address), 1)


def _represented(tx: Tx, exchange: Exchange, names: Names, row: Row, status: int) -> Answer:
    options = query_options(exchange.request.query)
    # An update's representation honours $select and ignores $expand.
    options = replace(options, expand=()) if status == 200 else options
    return _noted(read_record(tx, exchange, names, row[names.key], options, status), 1)


def _noted(answer: Answer, rows: int) -> Answer:
    return replace(answer, note={"rows": rows})
