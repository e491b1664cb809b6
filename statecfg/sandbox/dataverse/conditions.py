"""From a filter's tree to an SQL condition with parameters, joins and sub-queries. It knows the catalog, not the wire.

Null follows OData: `ne` is true for an empty column, and `not` of something unknown is true.
"""

# ruff: noqa: S608 - SQL is built from quoted catalog names; values are always parameters.
from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from statecfg.sandbox.dataverse import errors, queryfunctions
from statecfg.sandbox.dataverse.filtering import (
    Alias,
    Call,
    Combination,
    Comparison,
    Lambda,
    Literal,
    Negation,
    Node,
    Path,
    filter_tree,
)
from statecfg.sandbox.dataverse.literals import edm_type, stored
from statecfg.sandbox.dataverse.names import NAMES
from statecfg.sandbox.dataverse.scopes import Build, Scope
from statecfg.sandbox.tables import Column
from statecfg.sandbox.world import quoted

_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_TEXT_FUNCTIONS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}"}
_TEXTS = ("string", "memo")


class Conditions(Build):
    """Builds the condition of one query; collects its parameters in order."""

    def where(self, text: str, scope: Scope) -> str:
        """The SQL condition of a filter's text. Raises Refused."""
        return self.condition(filter_tree(text), {"": scope})

    def condition(self, node: Node, scopes: Mapping[str, Scope]) -> str:
        """The SQL condition of a node; `scopes` by lambda variable, "" for the table that is queried."""
        if isinstance(node, Combination):
            return self._combination(node, scopes)
        if isinstance(node, Negation):
            if isinstance(node.term, Call) and node.term.name.startswith(queryfunctions.PREFIX):
                raise errors.bad_uri(f"The function '{node.term.name}' can't be negated.")
            return f"({self.condition(node.term, scopes)}) IS NOT TRUE"
        if isinstance(node, Comparison):
            return self._comparison(node, scopes)
        if isinstance(node, Call):
            return self._call(node, scopes)
        if isinstance(node, Lambda):
            return self._lambda(node, scopes)
        return self._truth(node, scopes)

    def _combination(self, node: Combination, scopes: Mapping[str, Scope]) -> str:
        listed = self._as_list(node, scopes) if node.op == "or" else None
        if listed is not None:
            return listed
        return _balanced([f"({self.condition(term, scopes)})" for term in node.terms], f" {node.op.upper()} ")

    def _as_list(self, node: Combination, scopes: Mapping[str, Scope]) -> str | None:
        """`a eq 1 or a eq 2 or ...` as a list, which an index serves however long it is."""
        values: list[Literal] = []
        paths = set()
        for term in node.terms:
            literal = self.literal(term.right) if isinstance(term, Comparison) else None
            if not isinstance(term, Comparison) or term.op != "eq" or literal is None or literal.value is None:
                return None
            if not isinstance(term.left, Path):
                return None
            paths.add(term.left.names)
            values.append(literal)
        if len(paths) != 1:
            return None
        scope, column = self.place(Path(paths.pop()), scopes)
        return self.among(scope.sql(column.name), [stored(column, literal) for literal in values])

    def _comparison(self, node: Comparison, scopes: Mapping[str, Scope]) -> str:
        left, right, op = node.left, node.right, node.op
        if isinstance(right, Path) and not isinstance(left, Path):
            left, right, op = right, left, _MIRRORED[op]
        if isinstance(left, Path):
            scope, column = self.place(left, scopes)
            if isinstance(right, Path):
                return self._columns(scope, column, op, right, scopes)
            literal = self.literal(right)
            if literal is not None:
                return self._against(scope.sql(column.name), column, op, literal)
        literal = self.literal(right)
        if literal is not None and literal.kind == "word" and op in ("eq", "ne") and literal.value is not None:
            truth = self.condition(left, scopes)
            return f"({truth}) IS {'' if literal.value is (op == 'eq') else 'NOT '}TRUE"
        for side in (left, right):
            if isinstance(side, Call | Negation):
                # What is wrong within comes first.
                self.condition(side, scopes)
        raise errors.bad_uri("Only columns and literals can be compared.")

    def _columns(self, scope: Scope, column: Column, op: str, path: Path, scopes: Mapping[str, Scope]) -> str:
        other_scope, other = self.place(path, scopes)
        if edm_type(column) != edm_type(other):
            raise errors.bad_uri(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{edm_type(column)}' and '{edm_type(other)}'."
            )
        if column.scale != other.scale and column.type in ("money", "decimal"):
            raise errors.bad_uri(f"Columns '{column.name}' and '{other.name}' can't be compared.")
        sides = (scope.sql(column.name), other_scope.sql(other.name))
        if column.type in _TEXTS:
            sides = (f"fold({sides[0]})", f"fold({sides[1]})")
        return f"{sides[0]} {_SIGNS[op]} {sides[1]}"

    def _against(self, sql: str, column: Column, op: str, literal: Literal) -> str:
        value = stored(column, literal, op)
        if value is None:
            return f"{sql} IS {'' if op in ('eq', 'ge', 'le') else 'NOT '}NULL"
        if isinstance(value, Decimal):
            return self._between_units(sql, op, value)
        if isinstance(value, str) and not value.isascii():
            sql, mark = f"fold({sql})", f"fold({self.bind(value)})"
        else:
            mark = self.bind(value)
        return f"{sql} IS NOT {mark}" if op == "ne" else f"{sql} {_SIGNS[op]} {mark}"

    def _between_units(self, sql: str, op: str, value: Decimal) -> str:
        """A comparison with a number that lies between two that the column can hold, or beyond all of them."""
        if op in ("eq", "ne"):
            return "0" if op == "eq" else "1"
        low, high = (int(value.to_integral_value(rounding)) for rounding in (ROUND_FLOOR, ROUND_CEILING))
        if abs(low) >= 2**63:
            beyond = (value > 0) == (op in ("lt", "le"))
            return f"{sql} IS NOT NULL" if beyond else "0"
        return f"{sql} > {self.bind(low)}" if op in ("gt", "ge") else f"{sql} < {self.bind(high)}"

    def _truth(self, node: Node, scopes: Mapping[str, Scope]) -> str:
        """A boolean column or literal standing alone."""
        if isinstance(node, Path):
            scope, column = self.place(node, scopes)
            if column.type == "bool":
                return f"{scope.sql(column.name)} = 1"
        literal = self.literal(node) if isinstance(node, Literal | Alias) else None
        if literal is not None and isinstance(literal.value, bool):
            return "1" if literal.value else "0"
        raise errors.bad_uri("The $filter expression must evaluate to a single boolean value.")

    def _call(self, node: Call, scopes: Mapping[str, Scope]) -> str:
        if node.name.startswith(queryfunctions.PREFIX):
            return queryfunctions.condition(self, node, scopes)
        if node.name not in _TEXT_FUNCTIONS or len(node.arguments) != 2:
            raise errors.bad_uri(f"An unknown function with name '{node.name}' was found.")
        path, literal = node.arguments[0], self.literal(node.arguments[1])
        if not isinstance(path, Path) or literal is None or literal.kind != "string":
            raise errors.bad_uri(f"No function signature for the function with name '{node.name}' matches.")
        scope, column = self.place(path, scopes)
        if column.type not in _TEXTS:
            raise errors.bad_uri(f"No function signature for the function with name '{node.name}' matches.")
        return self.like(scope.sql(column.name), _TEXT_FUNCTIONS[node.name].format(literal.value))

    def like(self, sql: str, pattern: str) -> str:
        """A match with SQL's wildcards, without regard to case; `%_[]` act, as they do in the service."""
        if pattern.isascii() and "[" not in pattern:
            return f"{sql} LIKE {self.bind(pattern)}"
        return f"wildcard({self.bind(pattern)}, {sql})"

    def _lambda(self, node: Lambda, scopes: Mapping[str, Scope]) -> str:
        scope = scopes[""]
        names = node.path
        if names and names[0] in scopes and len(names) > 1:
            scope, names = scopes[names[0]], names[1:]
        for navigation in names[:-1]:
            scope = scope.followed(navigation)
        collection = scope.names.collections.get(names[-1]) if names else None
        if collection is None or (node.variable in scopes and node.variable):
            raise errors.unknown_property("/".join(node.path), scope.names.table)
        inner = Scope(NAMES[collection.table.name], scope.fresh(), scope.counter)
        tie = f"{inner.sql(collection.column.name)} = {scope.sql(scope.names.key)}"
        if len(collection.column.targets) > 1:
            tie += f" AND {inner.sql(collection.column.name + 'type')} = '{collection.target.table}'"
        body = "1" if node.body is None else self.condition(node.body, {**scopes, node.variable: inner})
        wanted = f"({body})" if node.quantifier == "any" else f"({body}) IS NOT TRUE"
        found = f"EXISTS (SELECT 1 FROM {quoted(collection.table.name)} {inner.alias}{''.join(inner.joins)} "
        return f"{'' if node.quantifier == 'any' else 'NOT '}{found}WHERE {tie} AND {wanted})"


def _balanced(terms: list[str], joint: str) -> str:
    """Terms joined as a balanced tree: SQLite bounds the depth of an expression, not its length."""
    while len(terms) > 8:
        terms = [
            f"({terms[at]}{joint}{terms[at + 1]})" if at + 1 < len(terms) else terms[at]
            for at in range(0, len(terms), 2)
        ]
    return joint.join(terms)
