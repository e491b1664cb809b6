"""`$filter` read and answered by somebody else's code: odata-query parses it, SQLite evaluates what it makes of it.

Only what the service adds to OData is ours here: texts are compared without regard to case, `ne` holds for an empty
column, `not` of something unknown holds. Paths and collections, which odata-query leaves to an object mapper, become
columns of a flat table and sub-queries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from odata_query import ast
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sql.sqlite import AstToSqliteSqlVisitor

PARENT, CHILDREN = "parentaccountid", "contact_customer_accounts"
COLUMNS = (
    "accountid", "name", "description", "emailaddress1", "numberofemployees", "revenue", "creditonhold", "statecode",
    "overriddencreatedon", "createdon",
)  # fmt: skip
PARENT_COLUMNS = ("name", "numberofemployees", "revenue")
CHILD_COLUMNS = ("lastname", "numberofchildren")

Row = Mapping[str, Any]


class Reference:
    """A flat copy of some accounts with their parents and contacts, to be asked with filters."""

    def __init__(self, accounts: Iterable[Row], contacts: Iterable[Row]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.create_collation("CASELESS", _compared)
        self._database.create_function("LIKE", 2, _like, deterministic=True)
        by_id = {row["accountid"]: row for row in accounts}
        names = [*COLUMNS, "_parentaccountid_value", *(f"{PARENT}/{name}" for name in PARENT_COLUMNS)]
        self._fill("account", names, [_flat(row, by_id) for row in by_id.values()])
        self._fill("contact", ["parent", *CHILD_COLUMNS], [_child(row) for row in contacts])

    def ids(self, text: str) -> set[str]:
        """The accounts that a filter holds for."""
        condition = _Sql().visit(ODataParser().parse(ODataLexer().tokenize(text)))
        found = self._database.execute(f"SELECT accountid FROM account WHERE {condition}")
        return {key for (key,) in found}

    def close(self) -> None:
        """Forget the copy."""
        self._database.close()

    def _fill(self, table: str, names: list[str], rows: list[list[Any]]) -> None:
        self._database.execute(
            f"CREATE TABLE {table} ({', '.join(f'{_quoted(name)} COLLATE CASELESS' for name in names)})"
        )
        marks = ", ".join("?" * len(names))
        self._database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


class _Sql(AstToSqliteSqlVisitor):
    """odata-query's SQL, with what Dataverse adds."""

    def visit_Attribute(self, node: ast.Attribute) -> str:  # noqa: N802 - called by this name
        owner = node.owner.name
        return _quoted(f"{owner}/{node.attr}") if owner == PARENT else f"{owner}.{_quoted(node.attr)}"

    def visit_Compare(self, node: ast.Compare) -> str:  # noqa: N802 - called by this name
        literals = [isinstance(side, ast._Literal) for side in (node.left, node.right)]
        if isinstance(node.comparator, ast.NotEq) and any(literals):
            return f"({self.visit(node.left)} IS NOT {self.visit(node.right)})"
        return f"({super().visit_Compare(node)})"

    def visit_UnaryOp(self, node: ast.UnaryOp) -> str:  # noqa: N802 - called by this name
        return f"(({self.visit(node.operand)}) IS NOT TRUE)"

    def _to_pattern(self, arg: ast.String, prefix: str = "", suffix: str = "") -> str:
        return self.visit_String(ast.String(f"{prefix}{arg.val}{suffix}"))

    def visit_CollectionLambda(self, node: ast.CollectionLambda) -> str:  # noqa: N802 - called by this name
        name = node.lambda_.identifier.name if node.lambda_ else "c"
        body = self.visit(node.lambda_.expression) if node.lambda_ else "1"
        every = isinstance(node.operator, ast.All)
        wanted = f"({body}) IS NOT TRUE" if every else f"({body})"
        found = f"EXISTS (SELECT 1 FROM contact {name} WHERE {name}.parent = account.accountid AND {wanted})"
        return f"(NOT {found})" if every else f"({found})"


def _flat(row: Row, by_id: Mapping[str, Row]) -> list[Any]:
    parent = by_id.get(row["parentaccountid"] or "")
    above = [_value(parent[name]) if parent else None for name in PARENT_COLUMNS]
    return [*(_value(row[name]) for name in COLUMNS), row["parentaccountid"], *above]


def _child(row: Row) -> list[Any]:
    return [row["parentcustomerid"], *(_value(row[name]) for name in CHILD_COLUMNS)]


def _value(value: Any) -> Any:
    """A value as odata-query's SQL for SQLite expects it: moments without T and Z, numbers as SQLite's own."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and value.endswith("Z") and len(value) == 20:
        return value.replace("T", " ").removesuffix("Z")
    return value


def _compared(left: str, right: str) -> int:
    one, other = left.lower(), right.lower()
    return (one > other) - (one < other)


def _like(pattern: str, text: Any) -> bool | None:
    """LIKE for patterns with `%` at their ends only, without regard to case."""
    if text is None:
        return None
    wanted, found = pattern.strip("%").lower(), str(text).lower()
    starts, ends = not pattern.startswith("%"), not pattern.endswith("%")
    if starts:
        return found.startswith(wanted)
    return found.endswith(wanted) if ends else wanted in found


def _quoted(name: str) -> str:
    return f'"{name}"'
