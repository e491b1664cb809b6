"""From the path of an address to its segments: names, keys, and functions with parameters.

Keys and parameters may hold slashes and quotes, encoded or not.
Source: reference/dataverse.md, "URLs, headers, statuses" and "Alternate keys and upsert".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.literals import is_guid, stored_text
from statecfg.sandbox.dataverse.names import NAMES, Names
from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.wire import split_outside_quotes
from statecfg.sandbox.world import Refused, Row, Tx

# The host and the version don't matter within a reference; the rest is `set(key)`.
_API = re.compile(r"^/api/data/v\d+\.\d+/", re.IGNORECASE)
_HOST = re.compile(r"^https?://[^/]+", re.IGNORECASE)
_SLASH = "\x00"
# Tables whose primary key can't be named in an address.
_BY_GUID_ONLY = ("systemuser", "team")
_QUOTED = re.compile(r"'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path. arguments: the text in parentheses, None without them."""

    name: str
    arguments: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A record's key as an address gives it: one GUID, or columns with stored values. text: as written."""

    guid: str
    columns: Mapping[str, Any]
    text: str


def segments(path: str) -> list[Segment]:
    """The segments of a path that is still percent-encoded. Raises Refused."""
    # A slash that was encoded belongs to a value, whatever stands around it.
    text = unquote(path.replace("%2F", _SLASH).replace("%2f", _SLASH)).strip("/")
    return [_segment(part.replace(_SLASH, "/")) for part in split_outside_quotes(text, "/")] if text else []


def _segment(part: str) -> Segment:
    name, parenthesis, inner = part.partition("(")
    if not parenthesis:
        return Segment(name)
    if not inner.endswith(")"):
        raise errors.bad_uri(f"Bad Request - Error in query syntax at '{part}'.")
    return Segment(name, inner[:-1])


def key_of(names: Names, arguments: str) -> Key:
    """The key in a segment's parentheses. Raises Refused if the columns are no key of the table."""
    text = arguments.strip()
    if is_guid(text):
        return Key(text.lower(), {}, text)
    columns: dict[str, Any] = {}
    for part in split_outside_quotes(text, ","):
        name, equals, value = part.partition("=")
        column = names.properties.get(name.strip())
        if not equals or column is None:
            raise errors.bad_key(names.table)
        columns[column.name] = _key_value(column, value.strip())
    if set(columns) == {names.key} and names.table.name not in _BY_GUID_ONLY:
        return Key(str(columns[names.key]), {}, text)
    if not any(set(key.columns) == set(columns) for key in names.table.alternate_keys):
        raise errors.bad_key(names.table)
    return Key("", columns, text)


def found_key(tx: Tx, names: Names, key: Key) -> Row | None:
    """The record with this key, None if there is none."""
    if key.guid:
        return tx.get(names.table.name, key.guid)
    where = " AND ".join(f'"{name}" = ?' for name in key.columns)
    return next(tx.select(names.table.name, where, tuple(key.columns.values()), limit=1), None)


def missing(names: Names, key: Key) -> Refused:
    """The error for a record that isn't there."""
    return errors.does_not_exist(names.table, key.guid) if key.guid else errors.not_found_by_key(names.table)


def reference(text: Any, references: Mapping[str, str]) -> tuple[Names, Key]:
    """The table and key in a reference such as `/accounts(id)`, absolute or not. Raises Refused."""
    if not isinstance(text, str) or not text.strip():
        raise errors.bad_payload("Error Message : An entity reference must be an address.")
    resolved = _resolved(text.strip(), references)
    found = segments(_API.sub("", _HOST.sub("", resolved)))
    names = next((n for n in NAMES.values() if found and n.table.entity_set == found[0].name), None)
    if len(found) != 1 or names is None or found[0].arguments is None:
        raise errors.bad_payload(f"Error Message : Invalid entity reference '{text}'.")
    return names, key_of(names, found[0].arguments)


def referenced(tx: Tx, text: Any, references: Mapping[str, str]) -> tuple[Table, str]:
    """The table and id of the record that a reference leads to. Raises Refused."""
    names, key = reference(text, references)
    row = found_key(tx, names, key)
    if row is None:
        raise missing(names, key)
    return names.table, str(row[names.key])


def _resolved(text: str, references: Mapping[str, str]) -> str:
    """A reference to an earlier request of the change set, replaced by what that one made."""
    name = text.lstrip("/")
    if not name.startswith("$"):
        return text
    if name not in references:
        raise errors.bad_uri(f"Content-ID Reference: '{name}' does not exist in the batch context.")
    return references[name]


def _key_value(column: Column, text: str) -> Any:
    """A literal of a key as its column stores it; a text stands in single quotes, or it is none. Raises Refused."""
    quoted = _QUOTED.fullmatch(text) is not None
    if column.type in ("string", "memo") and not quoted:
        raise errors.bad_uri(f"Bad Request - Error in query syntax at '{column.name}={text}'.")
    return stored_text(column, text[1:-1].replace("''", "'") if quoted else text)
