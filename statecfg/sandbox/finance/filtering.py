"""The `$filter` dialect of Finance and Operations: text to a condition, and a condition to SQL or to a verdict.

It differs from other OData services: a `*` inside `eq` is a wildcard, enums take qualified literals and only `eq` and
`ne`, `in` and `has` don't exist, and functions are known to the metadata service alone.
Source: reference/finance-and-operations.md, 3.1 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from lark import Lark, Transformer, Tree, v_args
from lark.exceptions import LarkError, VisitError

from statecfg.sandbox.finance import catalog

DEEPEST = 200

_GRAMMAR = r"""
?start: either
?either: both (_OR both)*                      -> some
?both: negated (_AND negated)*                 -> every
?negated: NOT negated                          -> negation
    | compared
?compared: sum | sum COMPARE sum               -> comparison
?sum: term | sum ADDITIVE term                 -> arithmetic
?term: factor | term FACTORIAL factor          -> arithmetic
?factor: "-" factor                            -> minus
    | "(" either ")"
    | STRING                                   -> string
    | ENUM                                     -> enum
    | GUID                                     -> guid
    | DATE                                     -> moment
    | NUMBER                                   -> number
    | "true"                                   -> true
    | "false"                                  -> false
    | "null"                                   -> null
    | NAME "(" [either ("," either)*] ")"      -> call
    | NAME                                     -> name

_OR.9: /or(?=[\s(])/
_AND.9: /and(?=[\s(])/
NOT.9: /not(?=[\s(])/
COMPARE.9: /(?:eq|ne|gt|ge|lt|le)(?=[\s('-])/
ADDITIVE.9: /(?:add|sub)(?=[\s(-])/
FACTORIAL.9: /(?:mul|divby|div|mod)(?=[\s(-])/
ENUM.8: /[A-Za-z_][\w.]*'(?:[^']|'')*'/
STRING.7: /'(?:[^']|'')*'/
GUID.6: /[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/
DATE.5: /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?/
NUMBER.4: /\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?[dDfFmMlL]?/
NAME: /[A-Za-z_]\w*/
%ignore /\s+/
"""


class FilterRefused(ValueError):
    """The text is no filter of this dialect, or it compares what cannot be compared."""


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, Decimal, bool, None; `kind` says how it was written. enum: the type of an enum literal."""

    value: Any
    kind: str
    enum: str = ""


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two parts: a comparison, or arithmetic."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Several:
    """Conditions joined by `and` or by `or`."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not` of a condition."""

    of: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function, as the metadata service knows a few."""

    function: str
    arguments: tuple[Node, ...]


Node = Name | Literal | Binary | Several | Negation | Call

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")


@v_args(inline=True)
class _Builder(Transformer[Any, Node]):
    """Lark's tree to conditions."""

    def binary(self, left: Node, operator: Any, right: Node) -> Binary:
        return Binary(str(operator), left, right)

    comparison = arithmetic = binary

    def some(self, *parts: Node) -> Several:
        return Several("or", parts)

    def every(self, *parts: Node) -> Several:
        return Several("and", parts)

    def negation(self, _not: Any, of: Node) -> Negation:
        return Negation(of)

    def minus(self, of: Node) -> Node:
        if isinstance(of, Literal) and of.kind == "number":
            return Literal(-of.value, "number")
        return Binary("sub", Literal(Decimal(0), "number"), of)

    def string(self, token: Any) -> Literal:
        return Literal(_unquoted(token), "string")

    def enum(self, token: Any) -> Literal:
        qualified, _, text = str(token).partition("'")
        return _enum_literal(qualified, _unquoted("'" + text))

    def guid(self, token: Any) -> Literal:
        return Literal(str(token).lower(), "guid")

    def moment(self, token: Any) -> Literal:
        return Literal(str(token), "moment")

    def number(self, token: Any) -> Literal:
        return Literal(Decimal(str(token).rstrip("dDfFmMlL")), "number")

    def true(self) -> Literal:
        return Literal(True, "bool")

    def false(self) -> Literal:
        return Literal(False, "bool")

    def null(self) -> Literal:
        return Literal(None, "null")

    def call(self, name: Any, *arguments: Node | None) -> Call:
        return Call(str(name), tuple(a for a in arguments if a is not None))

    def name(self, token: Any) -> Name:
        return Name(str(token))


def _unquoted(token: Any) -> str:
    return str(token)[1:-1].replace("''", "'")


def _enum_literal(qualified: str, text: str) -> Literal:
    namespace, _, short = qualified.rpartition(".")
    enum = catalog.enum_name(short)
    if enum is None or namespace not in (catalog.NAMESPACE, "Microsoft.Dynamics.Metadata"):
        raise FilterRefused(f"The type '{qualified}' is not known.")
    found = catalog.member(enum, text)
    if found is None:
        raise FilterRefused(f"The string '{text}' is not a valid enumeration type constant of '{qualified}'.")
    return Literal(found, "enum", enum)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)


def parsed(text: str) -> Node:
    """The condition that a `$filter` text means. Raises FilterRefused."""
    if text.count("(") > DEEPEST or text.count(" not ") > DEEPEST:
        raise FilterRefused("The node count limit of the filter was exceeded.")
    try:
        tree: Tree[Any] = _parser().parse(text)
        return _Builder().transform(tree)
    except VisitError as cause:
        if isinstance(cause.orig_exc, FilterRefused):
            raise cause.orig_exc from cause
        raise FilterRefused(f"Syntax error in '{text}'.") from cause
    except (LarkError, RecursionError) as cause:
        at = getattr(cause, "column", "?")
        raise FilterRefused(f"Syntax error at position {at} in '{text}'.") from cause


def moment(text: str) -> tuple[str, bool]:
    """A date or time literal as rows hold it, in whole seconds UTC, and whether nothing was cut off.

    Raises ValueError.
    """
    stated = datetime.fromisoformat(text)
    utc = stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated.astimezone(UTC)
    whole = utc.replace(microsecond=0)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"), utc - whole == timedelta(0)
