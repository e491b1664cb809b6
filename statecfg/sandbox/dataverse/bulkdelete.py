"""`BulkDelete`: deletes what a query finds, as a system job. Source: reference/dataverse.md, "Bulk messages".

The job is done when the action answers; only `And` of `In` and `Equal` is understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from statecfg.sandbox.dataverse import errors, records
from statecfg.sandbox.dataverse.literals import stored_text
from statecfg.sandbox.dataverse.names import NAMES
from statecfg.sandbox.world import Refused, Tx, quoted

_BULK_DELETE, _COMPLETED, _SUCCEEDED, _FAILED = 13, 3, 30, 31
_OPERATORS = ("In", "Equal")


def bulk_delete(tx: Tx, _target: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """The action; answers with the id of the system job. Raises Refused for a query that can't be understood."""
    queries = body.get("QuerySet")
    if not isinstance(queries, list) or not queries:
        raise errors.bad_payload("Error Message : The parameter 'QuerySet' must be an array of queries.")
    found = [(_table(query), key) for query in queries for key in _keys(tx, query)]
    message = None
    try:
        with tx.savepoint():
            for table, key in found:
                records.delete(tx, table, key)
    except Refused as refused:
        message = refused.message
    job = {
        "name": str(body.get("JobName") or "Bulk delete")[:256],
        "operationtype": _BULK_DELETE,
        "messagename": "BulkDelete",
        "statecode": _COMPLETED,
        "statuscode": _FAILED if message else _SUCCEEDED,
        "message": message,
        "startedon": tx.world.timestamp(),
        "completedon": tx.world.timestamp(),
    }
    return {"JobId": records.create(tx, "asyncoperation", job)["asyncoperationid"]}


def _table(query: Any) -> str:
    name = query.get("EntityName") if isinstance(query, Mapping) else None
    if name not in NAMES:
        raise Refused("0x80041102", f"The entity '{name}' does not exist.")
    return str(name)


def _keys(tx: Tx, query: Mapping[str, Any]) -> list[str]:
    names = NAMES[_table(query)]
    where, params = [], []
    for column, values in _conditions(query):
        known = next((c for c in names.table.columns if c.name == column), None)
        if known is None:
            raise Refused("0x80041103", f"'{names.table.name}' entity doesn't contain attribute '{column}'.")
        where.append(f"{quoted(column)} IN ({', '.join('?' * len(values))})")
        params += [stored_text(known, value) for value in values]
    if not where:
        raise errors.bad_payload("Error Message : A bulk delete needs conditions.")
    return [str(row[names.key]) for row in tx.select(names.table.name, " AND ".join(where), params)]


def _conditions(query: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    criteria = query.get("Criteria")
    listed = criteria.get("Conditions") if isinstance(criteria, Mapping) else None
    for condition in listed if isinstance(listed, list) else []:
        values = condition.get("Values") if isinstance(condition, Mapping) else None
        if not isinstance(values, list) or not values or condition.get("Operator") not in _OPERATORS:
            raise errors.bad_payload("Error Message : Only the operators In and Equal are understood.")
        given = [value.get("Value") if isinstance(value, Mapping) else value for value in values]
        yield str(condition.get("AttributeName")), given
