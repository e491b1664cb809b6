"""From a record's JSON to column values: types, lookups by `@odata.bind`, nested records. Strict about names and case.

Source: reference/dataverse.md, "Single-record operations" and "Lookups and associations".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.address import referenced
from statecfg.sandbox.dataverse.literals import edm_type, is_guid, utc_moment
from statecfg.sandbox.dataverse.names import Collection, Names, Single
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import Row, Tx

Body = Mapping[str, Any]
_BIND = "@odata.bind"
_LARGEST_INT = 2**31
_LARGEST_BIGINT = 2**63
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


@dataclass(slots=True)
class Values:
    """What a body says.

    row: column values. nested: records to be made first, whose ids go into lookups. children: records to be made after
    it, or (as ids) tied to it, by their collection.
    """

    row: Row = field(default_factory=dict)
    nested: list[tuple[Single, Body]] = field(default_factory=list)
    children: list[tuple[Collection, Body]] = field(default_factory=list)
    tied: list[tuple[Collection, str]] = field(default_factory=list)


class Reader:
    """Reads the bodies of one request; looks references up only once."""

    def __init__(self, tx: Tx, references: Mapping[str, str], ieee754: bool = False) -> None:
        self._tx = tx
        self._references = references
        self._ieee754 = ieee754
        self._seen: dict[str, tuple[str, str]] = {}

    def values(self, names: Names, body: Any, creating: bool) -> Values:
        """What a record's body says. Raises Refused."""
        if not isinstance(body, Mapping):
            raise errors.bad_payload("Error Message : A record must be a JSON object.")
        values = Values()
        for name, value in body.items():
            if "@" in name:
                self._annotation(names, name, value, values)
            elif name in names.properties and names.properties[name].type != "lookup":
                column = names.properties[name]
                if not column.readonly and (creating or not column.create_only):
                    values.row[name] = None if value is None else self.value(column, value, names)
            else:
                self._navigation(names, name, value, values)
        return values

    def value(self, column: Column, value: Any, names: Names) -> Any:
        """A JSON value as the column holds it. Raises Refused."""
        try:
            return self._typed(column, value)
        except (ValueError, ArithmeticError) as cause:
            raise errors.bad_payload(
                f"InnerException : Microsoft.OData.ODataException: Cannot convert the literal '{value}' of property "
                f"'{column.name}' of 'Microsoft.Dynamics.CRM.{names.table.name}' "
                f"to the expected type '{edm_type(column)}'."
            ) from cause

    def _annotation(self, names: Names, name: str, value: Any, values: Values) -> None:
        if name == "@odata.type":
            _check_type(names, value)
        elif name.endswith(_BIND):
            self._bind(names, name.removesuffix(_BIND), value, values)

    def _bind(self, names: Names, navigation: str, value: Any, values: Values) -> None:
        single = names.singles.get(navigation)
        if single is not None:
            self._set(single, None if value is None else self._reference(value, single.table.name), values.row)
            return
        collection = names.collections.get(navigation)
        if collection is None:
            raise errors.undeclared_property(navigation, names.table)
        if not isinstance(value, list):
            raise errors.bad_payload(f"Error Message : '{navigation}{_BIND}' must be an array.")
        for each in value:
            values.tied.append((collection, self._reference(each, collection.table.name)))

    def _navigation(self, names: Names, name: str, value: Any, values: Values) -> None:
        single, collection = names.singles.get(name), names.collections.get(name)
        if single is not None and value is None:
            self._set(single, None, values.row)
        elif single is not None and isinstance(value, Mapping):
            values.nested.append((single, value))
        elif collection is not None and isinstance(value, list):
            values.children += [(collection, each) for each in value]
        elif single is not None or name in names.properties:
            message = (
                "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
            )
            raise errors.bad_uri(message)
        else:
            raise errors.invalid_property(name, names.table)

    def _reference(self, value: Any, table: str) -> str:
        """The id that a reference leads to, if it is one of this table. Raises Refused."""
        if isinstance(value, str) and value in self._seen:
            found, key = self._seen[value]
        else:
            described, key = referenced(self._tx, value, self._references)
            found = described.name
            self._seen[value] = (found, key)
        if found != table:
            raise errors.bad_payload(f"Error Message : '{value}' is no reference to a record of '{table}'.")
        return key

    def _set(self, single: Single, key: str | None, row: Row) -> None:
        row[single.column.name] = key
        if len(single.column.targets) > 1:
            row[f"{single.column.name}type"] = single.target.table if key else None

    def _typed(self, column: Column, value: Any) -> Any:
        kind = column.type
        if kind in ("string", "memo"):
            return _text(value)
        if kind in ("money", "decimal"):
            return self._decimal(value)
        if kind in ("int", "choice", "bigint"):
            return self._whole(value, _LARGEST_BIGINT if kind == "bigint" else _LARGEST_INT)
        if kind == "bool":
            if not isinstance(value, bool):
                raise ValueError(value)
            return value
        return _dated(column, value) if kind in ("date", "datetime") else _guid(value)

    def _decimal(self, value: Any) -> Decimal | int:
        if isinstance(value, str) and self._ieee754:
            value = Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValueError(value)
        if isinstance(value, Decimal) and (not value.is_finite() or value.adjusted() > 30):
            raise ValueError(value)
        return value

    def _whole(self, value: Any, limit: int) -> int:
        if isinstance(value, str) and self._ieee754:
            value = int(value)
        if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 20 and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -limit <= value < limit:
            raise ValueError(value)
        return value


def _check_type(names: Names, value: Any) -> None:
    named = str(value).lstrip("#")
    if named != f"Microsoft.Dynamics.CRM.{names.table.name}":
        raise errors.bad_payload(
            f"Error Message : A resource with type '{named}' was found, but it is not assignable to the expected type "
            f"'Microsoft.Dynamics.CRM.{names.table.name}'."
        )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _guid(value: Any) -> str:
    if not is_guid(value):
        raise ValueError(value)
    return str(value).lower()


def _dated(column: Column, value: Any) -> str:
    text = _text(value)
    if column.type == "date":
        if not _DAY.fullmatch(text):
            raise ValueError(value)
        return date.fromisoformat(text).isoformat()
    # A day alone is taken where only the day means anything.
    if not _MOMENT.fullmatch(text) and not (column.format == "DateOnly" and _DAY.fullmatch(text)):
        raise ValueError(value)
    return utc_moment(text)
