"""Dataverse rows into F&O: one map's deployed mapping, applied to the rows of one transaction.

It decides what F&O is told; how F&O takes it (defaults, validation) is the writer's business, which is F&O's own.
A failure anywhere raises, and the caller's transaction is rolled back on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statecfg.sandbox.dualwrite import texts
from statecfg.sandbox.dualwrite.filters import NotAFilter, odata_filter
from statecfg.sandbox.dualwrite.link import companies
from statecfg.sandbox.dualwrite.lookups import Lookups, NoSuchColumn
from statecfg.sandbox.dualwrite.mapping import Line, TaskMapping
from statecfg.sandbox.dualwrite.values import DoesNotFit, NoCounterpart, finance_value, mapped_to_finance
from statecfg.sandbox.hooks import CREATE, DELETE, UPDATE, PropagationFailed, Refused
from statecfg.sandbox.tables import Column, OutOfRange
from statecfg.sandbox.world import Duplicate, Tx

COMPANY = "dataAreaId"

# (tx, F&O set, row by property names, "create" | "update" | "delete"). An update and a delete hold the key columns of
# the row that F&O has; a create doesn't hold the ones that F&O assigns. Raises Refused with an X++ text.
FinanceWriter = Callable[[Tx, str, Mapping[str, Any], str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """What one map writes to: the Dataverse table it reads, the F&O set behind it, and what identifies a row."""

    source_table: str
    finance_set: str
    mapping: TaskMapping
    key: tuple[str, ...]

    @property
    def finance_table(self) -> str:
        """The world's table of the F&O set."""
        return f"fo.{self.finance_set}"


class Carrier:
    """Carries rows of one Dataverse table through one mapping."""

    def __init__(self, tx: Tx, target: Target, write: FinanceWriter) -> None:
        self._tx = tx
        self._target = target
        self._write = write
        self._lookups = Lookups(tx)
        self._companies = companies(tx)
        self._missing = tx.world.settings["valuemap.missing"]
        shape = tx.world.shape(target.finance_table)
        by_field = {name.upper(): column for name, column in shape.columns.items()}
        self._steps = tuple((line, by_field[line.finance.upper()]) for line in target.mapping.to_finance)
        self._found_by = _key_columns(target, by_field)
        self._own_key = shape.table.key

    def carry(self, operation: str, row: Mapping[str, Any]) -> bool:
        """Send one row; False where the map's filter or the link leaves it out. Raises PropagationFailed."""
        try:
            if not self._concerns(row):
                return False
            self._send(operation, self._finance_row(row))
        except (Refused, Duplicate, OutOfRange, DoesNotFit, NoSuchColumn, NotAFilter) as refusal:
            raise self._failure(str(getattr(refusal, "message", refusal))) from refusal
        return True

    def _concerns(self, row: Mapping[str, Any]) -> bool:
        text = self._target.mapping.dataverse_filter
        return odata_filter(text)(lambda path: self._value(row, path)) if text else True

    def _value(self, row: Mapping[str, Any], path: str) -> Any:
        return self._lookups.value(self._target.source_table, row, path)

    def _finance_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for line, column in self._steps:
            value = self._value(row, line.dataverse)
            if line.transforms:
                self._transform(made, line, column, value)
            else:
                made[column.name] = finance_value(column, value)
        return made

    def _transform(self, made: dict[str, Any], line: Line, column: Column, value: Any) -> None:
        try:
            made[column.name] = finance_value(column, mapped_to_finance(line.transforms, value))
        except NoCounterpart as missing:
            if self._missing == "error":
                reason = f"The value {missing} of {line.dataverse} has no pair in the value map of {line.finance}."
                raise DoesNotFit(reason) from missing
            if self._missing == "default":
                made[column.name] = column.default

    def _send(self, operation: str, made: dict[str, Any]) -> None:
        company = str(made.get(COMPANY) or "").lower()
        if COMPANY in made:
            if company not in self._companies:
                return
            made[COMPANY] = company
        there = self._there(made)
        with self._tx.echoing():
            if operation == DELETE:
                if there:
                    self._write(self._tx, self._target.finance_set, there, DELETE)
            else:
                self._write(self._tx, self._target.finance_set, {**made, **there}, UPDATE if there else CREATE)

    def _there(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """The key columns of the row that F&O has for this one; empty if it has none."""
        if not self._found_by or any(made.get(name) in (None, "") for name in self._found_by):
            return {}
        wanted = {name: made[name] for name in self._found_by}
        if COMPANY in made:
            wanted[COMPANY] = made[COMPANY]
        found = self._tx.find(self._target.finance_table, **wanted)
        return {name: found[0][name] for name in self._own_key} if found else {}

    def _failure(self, reason: str) -> PropagationFailed:
        written = texts.write_failed(self._target.mapping.label, reason)
        return PropagationFailed(texts.plugin_failed(self._target.source_table, written))


def _key_columns(target: Target, by_field: Mapping[str, Column]) -> Sequence[str]:
    """The F&O columns that the integration key is mapped to."""
    key = {path.lower() for path in target.key}
    return tuple(by_field[line.finance.upper()].name for line in target.mapping.lines if line.dataverse.lower() in key)
