"""From a condition to SQL over one entity set, with every constant a parameter in its stored form.

Amounts are compared as the whole numbers they are stored as, so that no comparison rounds; only arithmetic inside a
filter is approximate. Nulls compare as values, as OData wants, and enums only by `eq` and `ne`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any

from statecfg.sandbox.finance.catalog import NAMESPACE, EntitySet
from statecfg.sandbox.finance.filtering import (
    COMPARISONS,
    Binary,
    Call,
    FilterRefused,
    Literal,
    Name,
    Negation,
    Node,
    Several,
    moment,
)
from statecfg.sandbox.tables import LARGEST_INTEGER, Column
from statecfg.sandbox.world import quoted

Condition = tuple[str, list[Any]]

_SIGNS = {"eq": "IS", "ne": "IS NOT", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_TURNED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "divby": "/", "mod": "%"}
_NUMBERS = ("money", "decimal", "int", "bigint")
_EXACT = Context(prec=60)
_NEVER: Condition = ("0", [])
_ALWAYS: Condition = ("1", [])


def condition(entity_set: EntitySet, node: Node) -> Condition:
    """The WHERE text and its parameters for a filter on this set. Raises FilterRefused."""
    match node:
        case Several(operator, parts):
            return joined(operator.upper(), [condition(entity_set, part) for part in parts])
        case Negation(of):
            sql, params = condition(entity_set, of)
            return f"NOT ({sql})", params
        case Binary(operator, left, right) if operator in COMPARISONS:
            return _comparison(entity_set, operator, left, right)
        case Name(name):
            return _flag(_column(entity_set, name))
        case Literal(bool(value), "bool"):
            return _ALWAYS if value else _NEVER
        case Call(function):
            raise FilterRefused(f"An unknown function with name '{function}' was found.")
    raise FilterRefused("The $filter expression must evaluate to a single boolean value.")


def joined(operator: str, parts: Sequence[Condition]) -> Condition:
    """Conditions joined as a balanced tree: SQLite bounds how deep an expression may be, not how wide."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = joined(operator, parts[:middle]), joined(operator, parts[middle:])
    return f"({left[0]} {operator} {right[0]})", [*left[1], *right[1]]


def _column(entity_set: EntitySet, name: str) -> Column:
    column = entity_set.by_name.get(name)
    if column is None:
        raise FilterRefused(f"Could not find a property named '{name}' on type '{NAMESPACE}.{entity_set.entity}'.")
    return column


def _flag(column: Column) -> Condition:
    if column.type != "bool":
        raise FilterRefused("The $filter expression must evaluate to a single boolean value.")
    return f"{quoted(column.name)} IS 1", []


def _comparison(entity_set: EntitySet, operator: str, left: Node, right: Node) -> Condition:
    if isinstance(left, Literal) and isinstance(right, Name):
        return _comparison(entity_set, _TURNED[operator], right, left)
    if isinstance(left, Name) and isinstance(right, Literal):
        return _against(_column(entity_set, left.name), operator, right)
    if isinstance(left, Name) and isinstance(right, Name):
        return _between(_column(entity_set, left.name), operator, _column(entity_set, right.name))
    first, second = _number(entity_set, left), _number(entity_set, right)
    return f"{first[0]} {_SIGNS[operator]} {second[0]}", [*first[1], *second[1]]


def _against(column: Column, operator: str, literal: Literal) -> Condition:
    if literal.kind == "null":
        return _null(column, operator)
    if column.type == "enum":
        return _enum(column, operator, literal)
    compare = _BY_TYPE.get(column.type)
    if compare is None or literal.kind not in compare.kinds:
        raise _incompatible(column, operator, literal.kind)
    return compare.sql(column, operator, literal.value)


def _null(column: Column, operator: str) -> Condition:
    if operator not in ("eq", "ne"):
        return _NEVER
    return f"{quoted(column.name)} {_SIGNS[operator]} NULL", []


def _enum(column: Column, operator: str, literal: Literal) -> Condition:
    if literal.kind != "enum" or literal.enum != column.enum:
        raise _incompatible(column, operator, literal.enum or literal.kind)
    if operator not in ("eq", "ne"):
        raise FilterRefused(f"The operator '{operator}' is not supported for the enumeration '{column.enum}'.")
    return f"{quoted(column.name)} {_SIGNS[operator]} ?", [literal.value]


def _incompatible(column: Column, operator: str, kind: str) -> FilterRefused:
    found = f"{NAMESPACE}.{column.enum}" if column.type == "enum" else f"Edm.{column.type}"
    return FilterRefused(
        "A binary operator with incompatible types was detected. "
        f"Found operand types '{found}' and '{kind}' for operator kind '{operator}' at '{column.name}'."
    )


def _text(column: Column, operator: str, value: str) -> Condition:
    name = quoted(column.name)
    if "*" not in value or operator not in ("eq", "ne"):
        return f"{name} {_SIGNS[operator]} ?", [value]
    pattern = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"ifnull({name}, '') {'LIKE' if operator == 'eq' else 'NOT LIKE'} ? ESCAPE '\\'", [pattern]


def _guid(column: Column, operator: str, value: str) -> Condition:
    return f"{quoted(column.name)} {_SIGNS[operator]} ?", [value.strip("{}").lower()]


def _bool(column: Column, operator: str, value: bool) -> Condition:
    return f"{quoted(column.name)} {_SIGNS[operator]} ?", [int(value)]


def _exact_number(column: Column, operator: str, value: Decimal) -> Condition:
    scale = column.scale if column.type in ("money", "decimal") else 0
    try:
        units = _EXACT.scaleb(value, scale)
        floor = units.to_integral_value(ROUND_FLOOR, _EXACT)
    except InvalidOperation:
        return _beyond(operator, value > 0)
    if abs(floor) > LARGEST_INTEGER:
        return _beyond(operator, value > 0)
    return _floored(column, operator, int(floor), floor == units)


def _moment(column: Column, operator: str, value: str) -> Condition:
    try:
        text, exact = moment(value)
    except (ValueError, OverflowError) as cause:
        raise FilterRefused(f"'{value}' is no date.") from cause
    return _floored(column, operator, text, exact)


def _floored(column: Column, operator: str, value: int | str, exact: bool) -> Condition:
    """A comparison with a value that was cut down to what the column can hold."""
    if not exact:
        if operator in ("eq", "ne"):
            return _NEVER if operator == "eq" else _ALWAYS
        operator = "gt" if operator in ("gt", "ge") else "le"
    return f"{quoted(column.name)} {_SIGNS[operator]} ?", [value]


def _beyond(operator: str, above: bool) -> Condition:
    true = operator == "ne" or operator in (("lt", "le") if above else ("gt", "ge"))
    return _ALWAYS if true else _NEVER


def _between(left: Column, operator: str, right: Column) -> Condition:
    same = left.type == right.type and left.enum == right.enum and left.scale == right.scale
    both_numbers = left.type in _NUMBERS and right.type in _NUMBERS
    if not same and not both_numbers:
        raise _incompatible(left, operator, right.type)
    if left.type == "enum" and operator not in ("eq", "ne"):
        raise FilterRefused(f"The operator '{operator}' is not supported for the enumeration '{left.enum}'.")
    first, second = (quoted(left.name), quoted(right.name)) if same else (_real(left), _real(right))
    return f"{first} {_SIGNS[operator]} {second}", []


def _real(column: Column) -> str:
    scale = column.scale if column.type in ("money", "decimal") else 0
    return f"({quoted(column.name)} / {10**scale}.0)"


def _number(entity_set: EntitySet, node: Node) -> Condition:
    match node:
        case Name(name):
            column = _column(entity_set, name)
            if column.type not in _NUMBERS:
                raise FilterRefused(f"'{name}' is no number.")
            return _real(column), []
        case Literal(Decimal() as value, "number"):
            return "CAST(? AS REAL)", [str(value)]
        case Binary(operator, left, right) if operator in _ARITHMETIC:
            first, second = _number(entity_set, left), _number(entity_set, right)
            return f"({first[0]} {_ARITHMETIC[operator]} {second[0]})", [*first[1], *second[1]]
    raise FilterRefused("A binary operator with incompatible types was detected.")


@dataclass(frozen=True, slots=True)
class _Comparing:
    """How columns of a type compare, and with which literals."""

    kinds: tuple[str, ...]
    sql: Callable[[Column, str, Any], Condition]


_BY_TYPE = {
    "string": _Comparing(("string",), _text),
    "memo": _Comparing(("string",), _text),
    "guid": _Comparing(("guid", "string"), _guid),
    "bool": _Comparing(("bool",), _bool),
    "money": _Comparing(("number",), _exact_number),
    "decimal": _Comparing(("number",), _exact_number),
    "int": _Comparing(("number",), _exact_number),
    "bigint": _Comparing(("number",), _exact_number),
    "datetime": _Comparing(("moment",), _moment),
}
