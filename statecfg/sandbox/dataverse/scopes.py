"""The tables of a query under their aliases with their joins, and the parts that conditions are put together from.

Shared by the operators of a filter and by the query functions, which know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.filtering import Alias, Literal, Node, Path, filter_tree
from statecfg.sandbox.dataverse.names import NAMES, Names, Single
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import World, quoted


class Scope:
    """One table within a query, under an alias, with the joins that its paths need."""

    def __init__(self, names: Names, alias: str, counter: list[int] | None = None) -> None:
        self.names = names
        self.alias = alias
        self.joins: list[str] = []
        self.counter = counter if counter is not None else [0]
        self._joined: dict[str, Scope] = {}

    def sql(self, column: str) -> str:
        """A column of this table."""
        return f"{self.alias}.{quoted(column)}"

    def fresh(self) -> str:
        """An alias nobody has."""
        self.counter[0] += 1
        return f"j{self.counter[0]}"

    def followed(self, navigation: str) -> Scope:
        """The table that a single-valued navigation property leads to. Raises Refused."""
        if navigation in self._joined:
            return self._joined[navigation]
        single = self.names.singles.get(navigation)
        if single is None:
            raise errors.unknown_property(navigation, self.names.table)
        other = Scope(NAMES[single.target.table], self.fresh(), self.counter)
        # One list for the whole tree of joins keeps them in the order they depend on each other.
        other.joins = self.joins
        self.joins.append(self._join(single, other))
        self._joined[navigation] = other
        return other

    def _join(self, single: Single, other: Scope) -> str:
        on = f"{self.sql(single.column.name)} = {other.sql(other.names.key)}"
        if len(single.column.targets) > 1:
            on += f" AND {self.sql(single.column.name + 'type')} = '{single.target.table}'"
        return f" LEFT JOIN {quoted(other.names.table.name)} {other.alias} ON {on}"


class Build:
    """What the condition of one query is built with: its literals, its places, its parameters in order."""

    def __init__(self, world: World, aliases: Mapping[str, str], caller: str = "") -> None:
        self.world = world
        self.caller = caller
        self.params: list[Any] = []
        self._aliases = aliases

    def place(self, path: Path, scopes: Mapping[str, Scope]) -> tuple[Scope, Column]:
        """The table and the column that a path leads to. Raises Refused."""
        names = path.names
        scope = scopes[""]
        if names[0] in scopes and len(names) > 1:
            scope, names = scopes[names[0]], names[1:]
        for navigation in names[:-1]:
            scope = scope.followed(navigation)
        return scope, scope.names.column(names[-1])

    def literal(self, node: Node) -> Literal | None:
        """The literal that a node is or stands for; None if it is neither. Raises Refused for an unknown alias."""
        if isinstance(node, Alias):
            if node.name not in self._aliases:
                raise errors.bad_uri(f"The parameter alias '{node.name}' is not defined.")
            node = filter_tree(self._aliases[node.name])
        return node if isinstance(node, Literal) else None

    def bind(self, value: Any) -> str:
        """A parameter's place."""
        self.params.append(value)
        return "?"

    def among(self, sql: str, values: Sequence[Any]) -> str:
        """Whether a column holds one of these values; a number that it can't hold is none of them."""
        possible = [value for value in values if not isinstance(value, Decimal)]
        if all(not isinstance(value, str) or value.isascii() for value in possible):
            return f"{sql} IN ({', '.join(self.bind(value) for value in possible)})"
        return f"fold({sql}) IN ({', '.join(f'fold({self.bind(value)})' for value in possible)})"
