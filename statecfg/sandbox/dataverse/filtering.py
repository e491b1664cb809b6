"""The language of `$filter`: text in, a tree of values out. It knows no table; what the names mean is decided later.

Source: reference/dataverse.md, "Queries and paging".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError, UnexpectedInput, VisitError

from statecfg.sandbox.dataverse import errors

_GRAMMAR = r"""
start: _or
_or: and_terms (_OR and_terms)*
and_terms: comparison (_AND comparison)*
comparison: unary [OP unary]
?unary: operand | NOT unary -> negation
?operand: "(" group ")" | path | literal | call
group: _or
path: NAME ("/" NAME)*
call: path "(" [_arguments] ")"
_arguments: bound | _positional | _named
bound: NAME ":" group
_positional: value_argument ("," value_argument)*
value_argument: operand
_named: named ("," named)*
named: NAME "=" (literal | path | array)
array: ARRAY
literal: STRING -> string
       | GUID -> guid
       | DATETIME -> moment
       | DATE -> day
       | NUMBER -> number
       | ENUM -> enum
       | ALIAS -> alias

_OR.9: /or(?=[\s(])/
_AND.9: /and(?=[\s(])/
NOT.9: /not(?=[\s(])/
OP.9: /(eq|ne|gt|ge|lt|le)(?=[\s(])/
ENUM.8: /[A-Za-z_][\w.]*'(?:[^']|'')*'/
STRING.8: /'(?:[^']|'')*'/
GUID.8: /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/
DATETIME.7: /\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?/
DATE.6: /\d{4}-\d\d-\d\d/
NUMBER.5: /[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?[dDfFmMlL]?(?![\w-])/
ARRAY.5: /\[(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\]"'])*\]/
ALIAS.5: /@\w+/
NAME.2: /[A-Za-z_][\w.]*/
%ignore /\s+/
"""

_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. kind: string, guid, moment, day, number, enum, word (true, false, null) or array."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Alias:
    """A value that stands elsewhere in the query, `@p1`."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Names joined by slashes: a column, or navigation properties and a column."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and eq, ne, gt, ge, lt or le."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Combination:
    """Terms of which all ("and") or one ("or") must hold."""

    op: str
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """A term that must not hold."""

    term: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function. arguments: by position; named: by name, as query functions take them."""

    name: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Lambda:
    """any or all over a collection; variable and body are "" and None for a bare any()."""

    path: tuple[str, ...]
    quantifier: str
    variable: str
    body: Node | None


Node: TypeAlias = Literal | Alias | Path | Comparison | Combination | Negation | Call | Lambda


@v_args(inline=True)
class _Tree(Transformer[Token, Node]):
    """From the parser's reductions to nodes; runs while parsing, so depth costs no recursion."""

    def start(self, *terms: Node) -> Node:
        return _combined("or", terms)

    def group(self, *terms: Node) -> Node:
        return _combined("or", terms)

    def and_terms(self, *terms: Node) -> Node:
        return _combined("and", terms)

    def negation(self, _sign: Token, term: Node) -> Node:
        return Negation(term)

    def comparison(self, left: Node, op: Token | None = None, right: Node | None = None) -> Node:
        return left if op is None or right is None else Comparison(str(op), left, right)

    def path(self, *names: Token) -> Node:
        if len(names) == 1 and names[0] in _WORDS:
            return Literal("word", _WORDS[names[0]])
        return Path(tuple(str(name) for name in names))

    def call(self, path: Node, *parts: Any) -> Node:
        names = path.names if isinstance(path, Path) else ("",)
        given = [part for part in parts if part is not None]
        if names[-1] in ("any", "all"):
            variable, body = given[0] if given and isinstance(given[0], tuple) else ("", None)
            return Lambda(names[:-1], names[-1], variable, body)
        named = tuple(part.pair for part in given if isinstance(part, _Named))
        return Call("/".join(names), tuple(part for part in given if not isinstance(part, (_Named, tuple))), named)

    def bound(self, name: Token, body: Node) -> tuple[str, Node]:
        return str(name), body

    def value_argument(self, node: Node) -> Node:
        return node

    def named(self, name: Token, value: Node) -> _Named:
        return _Named((str(name), value))

    def array(self, text: Token) -> Node:
        return Literal("array", _array(str(text)))

    def string(self, text: Token) -> Node:
        return Literal("string", text[1:-1].replace("''", "'"))

    def guid(self, text: Token) -> Node:
        return Literal("guid", text.lower())

    def moment(self, text: Token) -> Node:
        return Literal("moment", text.upper())

    def day(self, text: Token) -> Node:
        return Literal("day", str(text))

    def number(self, text: Token) -> Node:
        return Literal("number", Decimal(text.rstrip("dDfFmMlL")))

    def enum(self, text: Token) -> Node:
        name, _, member = text.partition("'")
        member = member[:-1].replace("''", "'")
        return Literal("guid", member.lower()) if name == "guid" else Literal("enum", member)

    def alias(self, text: Token) -> Node:
        return Alias(str(text))


@dataclass(frozen=True, slots=True)
class _Named:
    pair: tuple[str, Node]


def _combined(op: str, terms: tuple[Node, ...]) -> Node:
    return terms[0] if len(terms) == 1 else Combination(op, terms)


def _array(text: str) -> tuple[Any, ...]:
    """The members of an array written as JSON, or with single quotes."""
    try:
        return tuple(json.loads(text, parse_float=Decimal))
    except ValueError:
        return tuple(part.strip().strip("'\"").replace("''", "'") for part in text[1:-1].split(",") if part.strip())


_PARSER = Lark(_GRAMMAR, parser="lalr", transformer=_Tree(), maybe_placeholders=False)


@lru_cache(maxsize=1024)
def filter_tree(text: str) -> Node:
    """The tree of a filter's text. Raises Refused with the position of the mistake."""
    if text.count("'") % 2:
        raise errors.bad_uri(f"There is an unterminated literal at position {len(text)} in '{text}'.")
    try:
        tree: Any = _PARSER.parse(text)
    except UnexpectedInput as wrong:
        place = getattr(wrong, "pos_in_stream", -1)
        raise errors.bad_uri(f"Syntax error at position {place} in '{text}'.") from wrong
    except (LarkError, VisitError, ArithmeticError, RecursionError) as wrong:
        raise errors.bad_uri(f"Syntax error in '{text}'.") from wrong
    return tree  # type: ignore[no-any-return]
