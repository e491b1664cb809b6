"""Duplicate detection: off unless a request turns it on, and then by the rules that the world was given.

Which rules an environment has is its administrators' choice, so here it is a setting.
Source: reference/dataverse.md, "Optional headers" and "Errors".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.catalog import BY_NAME
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.settings import Settings
from statecfg.sandbox.world import Row, Tx, quoted

HEADER = "mscrm.suppressduplicatedetection"
_SETTING = "dataverse.duplicate_rules"


def declare_settings(settings: Settings) -> None:
    """The knob of the rules."""
    meaning = 'duplicate detection rules: by table, the columns that make two records one, {"account": ["name"]}'
    settings.declare(_SETTING, {}, meaning)


def refuse_duplicates(tx: Tx, exchange: Exchange, table: str, rows: Sequence[Row]) -> None:
    """Refuse written rows that a rule finds again, if the request asks for it. Raises Refused."""
    columns = _rule(tx.world.settings, table)
    if not columns or exchange.request.headers.get(HEADER, "").strip().lower() != "false":
        return
    key = BY_NAME[table].key[0]
    where = " AND ".join([*(f"{quoted(column)} = ?" for column in columns), f"{quoted(key)} <> ?"])
    for row in rows:
        # An empty column is like no other.
        if next(tx.select(table, where, [*(row[column] for column in columns), row[key]], limit=1), None) is not None:
            raise errors.duplicate_detected()


def refuse_duplicates_among(tx: Tx, exchange: Exchange, table: str, keys: Sequence[str]) -> None:
    """The same of rows that one request wrote together, by their primary keys. Raises Refused."""
    if _rule(tx.world.settings, table):
        refuse_duplicates(tx, exchange, table, [row for key in keys if (row := tx.get(table, key)) is not None])


def _rule(settings: Settings, table: str) -> tuple[str, ...]:
    rules: Any = settings[_SETTING]
    listed = rules.get(table, ()) if isinstance(rules, Mapping) else ()
    known = {column.name for column in BY_NAME[table].columns}
    return tuple(str(column) for column in listed if column in known)
