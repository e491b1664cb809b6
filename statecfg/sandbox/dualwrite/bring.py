"""F&O rows into Dataverse: the lines of a deployed mapping that carry the other way.

A change is brought only if a mapped field changed and the map's F&O filter holds. A row is created, or deleted, only
where the integration key itself is carried this way.
Source: reference/dual-write.md, "Run-time behaviour".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite import texts
from statecfg.sandbox.dualwrite.carry import Target
from statecfg.sandbox.dualwrite.filters import NotAFilter, xpp_filter
from statecfg.sandbox.dualwrite.lookups import Lookups, NoSuchColumn, NotFound, path_column
from statecfg.sandbox.dualwrite.mapping import Line
from statecfg.sandbox.dualwrite.values import DoesNotFit, NoCounterpart, dataverse_value, mapped_to_dataverse
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.tables import OutOfRange
from statecfg.sandbox.world import Duplicate, Row, Tx


class Bringer:
    """Brings rows of one F&O set through one mapping."""

    def __init__(self, tx: Tx, target: Target) -> None:
        self._tx = tx
        self._target = target
        self._lookups = Lookups(tx)
        shape = tx.world.shape(target.finance_table)
        self._columns = {name.upper(): column for name, column in shape.columns.items()}
        self._missing = tx.world.settings["valuemap.missing"]
        self._lines = target.mapping.to_dataverse
        self._key_lines = tuple(line for line in target.mapping.lines if _is_key(line, target.key))

    def bring(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
        """Send one created or changed row; False if it concerns nobody. Raises PropagationFailed."""
        with self._reported():
            return self._changed(before, after) and self._concerns(after) and self._write(after)

    def remove(self, before: Mapping[str, Any]) -> bool:
        """Send the deletion of a row; False if it concerns nobody. Raises PropagationFailed."""
        with self._reported():
            there = self._there(before) if self._carries_key() and self._concerns(before) else None
            if there is None:
                return False
            table = self._target.source_table
            with self._tx.echoing():
                records.delete(self._tx, table, there[self._tx.world.shape(table).table.key[0]])
            return True

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """What goes wrong in this block is dual-write's failure, in its words."""
        try:
            yield
        except (NoSuchColumn, NotFound, DoesNotFit, NotAFilter, OutOfRange, Duplicate) as cause:
            raise self._failure(str(cause)) from cause
        except Refused as refusal:
            raise self._failure(texts.dataverse_refused(refusal.code, refusal.message)) from refusal

    def _changed(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
        names = (self._columns[line.finance.upper()].name for line in self._lines)
        return before is None or any(before.get(name) != after.get(name) for name in names)

    def _concerns(self, row: Mapping[str, Any]) -> bool:
        text = self._target.mapping.finance_filter
        return xpp_filter(text)(lambda field: self._finance_value(row, field)) if text else True

    def _finance_value(self, row: Mapping[str, Any], field: str) -> Any:
        column = self._columns.get(field.upper())
        return None if column is None else row.get(column.name)

    def _write(self, after: Mapping[str, Any]) -> bool:
        there = self._there(after)
        if there is None and not self._carries_key():
            return False
        table = self._target.source_table
        values = dict(found for line in self._lines if (found := self._set(line, after)))
        with self._tx.echoing():
            if there is None:
                records.create(self._tx, table, values)
                return True
            changes = {name: value for name, value in values.items() if there.get(name) != value}
            if changes:
                records.update(self._tx, table, there[self._tx.world.shape(table).table.key[0]], changes)
        return True

    def _set(self, line: Line, row: Mapping[str, Any]) -> tuple[str, Any] | None:
        """The Dataverse column that a line sets, and its value; None if the value has no counterpart and is skipped."""
        end = path_column(self._tx, self._target.source_table, line.dataverse)
        if end is None:
            raise NoSuchColumn(f"{self._target.source_table} has no {line.dataverse}")
        column = self._columns[line.finance.upper()]
        try:
            value = mapped_to_dataverse(line.transforms, column, row.get(column.name))
        except NoCounterpart as missing:
            if self._missing == "skip":
                return None
            if self._missing == "error":
                reason = f"The value {missing} of {line.finance} has no pair in the value map of {line.dataverse}."
                raise DoesNotFit(reason) from missing
            value = end.default
        return self._lookups.identify(self._target.source_table, line.dataverse, dataverse_value(end, value))

    def _there(self, row: Mapping[str, Any]) -> Row | None:
        """The Dataverse row that the integration key names; None if there is none."""
        wanted = dict(found for line in self._key_lines if (found := self._set(line, row)))
        if not wanted or None in wanted.values():
            return None
        rows = self._tx.find(self._target.source_table, **wanted)
        return rows[0] if rows else None

    def _carries_key(self) -> bool:
        return bool(self._key_lines) and all(line.to_dataverse for line in self._key_lines)

    def _failure(self, reason: str) -> PropagationFailed:
        mapping = self._target.mapping
        return PropagationFailed(texts.finance_write_failed(mapping.entity_set, mapping.label, reason))


def _is_key(line: Line, key: tuple[str, ...]) -> bool:
    return line.dataverse.lower() in {path.lower() for path in key}
