"""CreateMultiple, UpdateMultiple, UpsertMultiple: many records of one table in one transaction, all or none.

An error is that of one record and doesn't say which one, as in the service.
Source: reference/dataverse.md, "Bulk messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from statecfg.sandbox.dataverse import errors, records
from statecfg.sandbox.dataverse.address import Key, found_key, reference
from statecfg.sandbox.dataverse.duplicates import refuse_duplicates_among
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.names import Names
from statecfg.sandbox.dataverse.payload import Body, Reader
from statecfg.sandbox.dataverse.writing import change, insert, reader
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Refused, Tx


def create_multiple(tx: Tx, exchange: Exchange, names: Names) -> Answer:
    """`POST set/Microsoft.Dynamics.CRM.CreateMultiple`: the new ids in the order of the targets."""
    targets = _targets(exchange, names)
    try:
        ids = _created(tx, reader(tx, exchange), names, targets)
        refuse_duplicates_among(tx, exchange, names.table.name, ids)
    except Refused as refused:
        if refused.code == errors.DUPLICATE_RECORD:
            raise Refused(refused.code, "Cannot insert duplicate key.", refused.status) from refused
        raise
    context = f"{exchange.root}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
    return replace(exchange.answer({"@odata.context": context, "Ids": ids}), note={"rows": len(ids)})


def update_multiple(tx: Tx, exchange: Exchange, names: Names) -> Answer:
    """`POST set/Microsoft.Dynamics.CRM.UpdateMultiple`."""
    targets = _targets(exchange, names)
    keyed = [(_own_key(tx, names, target), target) for target in targets]
    _updated(tx, reader(tx, exchange), names, keyed)
    refuse_duplicates_among(tx, exchange, names.table.name, [key for key, _ in keyed])
    return replace(exchange.nothing(), note={"rows": len(targets)})


def upsert_multiple(tx: Tx, exchange: Exchange, names: Names) -> Answer:
    """`POST set/Microsoft.Dynamics.CRM.UpsertMultiple`; it doesn't tell which records are new."""
    targets = _targets(exchange, names)
    read = reader(tx, exchange)
    keys = [_upserted(tx, read, names, target) for target in targets]
    refuse_duplicates_among(tx, exchange, names.table.name, keys)
    return replace(exchange.nothing(), note={"rows": len(targets)})


def _targets(exchange: Exchange, names: Names) -> list[Body]:
    targets = exchange.object_body().get("Targets")
    if not isinstance(targets, list) or not targets:
        raise errors.bad_payload("Error Message : The parameter 'Targets' must be an array of records.")
    for target in targets:
        if not isinstance(target, Mapping) or "@odata.type" not in target:
            raise errors.bad_payload(
                "InnerException : Microsoft.OData.ODataException: An unexpected instance of an abstract type: "
                f"each target needs '@odata.type', for example 'Microsoft.Dynamics.CRM.{names.table.name}'."
            )
    return targets


def _created(tx: Tx, read: Reader, names: Names, targets: list[Body]) -> list[str]:
    values = [read.values(names, target, creating=True) for target in targets]
    if any(each.nested or each.children or each.tied for each in values):
        return [insert(tx, read, names, target, {})[names.key] for target in targets]
    return [row[names.key] for row in records.create_many(tx, names.table.name, (each.row for each in values))]


def _updated(tx: Tx, read: Reader, names: Names, targets: list[tuple[str, Body]]) -> None:
    values = [(key, read.values(names, target, creating=False)) for key, target in targets]
    if any(each.nested or each.children or each.tied for _, each in values):
        for key, target in targets:
            change(tx, read, names, key, target)
        return
    try:
        records.update_many(tx, names.table.name, ((key, each.row) for key, each in values))
    except Refused as refused:
        if refused.code == errors.DOES_NOT_EXIST and names.table.name in refused.message:
            key = refused.message.partition("Id = ")[2].partition(" ")[0]
            message = f"{names.table.schema_name} With Ids = {key} Do Not Exist"
            raise Refused(refused.code, message, refused.status) from refused
        raise


def _own_key(tx: Tx, names: Names, target: Body) -> str:
    """The primary key that a target gives, or that its `@odata.id` leads to. Raises Refused."""
    if "@odata.id" in target and tx.world.settings["dataverse.update_by_reference"]:
        key = _named_key(names, target["@odata.id"])
        found = found_key(tx, names, key)
        if found is None:
            raise errors.not_found_by_key(names.table) if key.columns else _absent(names, key.guid)
        return str(found[names.key])
    value = target.get(names.key)
    if not isinstance(value, str):
        raise errors.bad_payload(f"Error Message : Each target needs its primary key '{names.key}'.")
    return value.lower()


def _absent(names: Names, key: str) -> Refused:
    return Refused(errors.DOES_NOT_EXIST, f"{names.table.schema_name} With Ids = {key} Do Not Exist", 404)


def _named_key(names: Names, address: Any) -> Key:
    found, key = reference(address, {})
    if found is not names:
        raise errors.bad_payload(f"Error Message : '{address}' is no reference to a record of '{names.table.name}'.")
    return key


def _upserted(tx: Tx, read: Reader, names: Names, target: Body) -> str:
    """The primary key of the record that was changed or made."""
    if "@odata.id" not in target:
        key = Key(_own_key(tx, names, target), {}, "")
    else:
        key = _named_key(names, target["@odata.id"])
    found = found_key(tx, names, key)
    if found is not None:
        body = {name: value for name, value in target.items() if name not in key.columns}
        return str(change(tx, read, names, found[names.key], body)[names.key])
    if any(name in target for name in key.columns):
        # The service fails here as well: the key would be set twice.
        raise errors.bad_payload("Error Message : An item with the same key has already been added.")
    named = {names.key: key.guid} if key.guid else dict(key.columns)
    return str(insert(tx, read, names, {**target, **named}, {})[names.key])
