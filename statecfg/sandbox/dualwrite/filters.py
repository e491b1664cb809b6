"""Row filters of a mapping: OData on the Dataverse side, X++ ranges on the F&O side, as predicates over one row.

Pure. Both grammars are cut to what filters of maps use: comparisons of a field with a literal, `and`, `or`, `not`,
parentheses; the operators are spelled differently, the rest is the same.
Source: reference/dual-write.md, "Project, task, leg".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

Read = Callable[[str], Any]
Predicate = Callable[[Read], bool]

DEEPEST = 40
_LONGEST = 20_000
_TOKENS = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<sign>==|!=|>=|<=|&&|\|\||[()!<>,])"
    r"|(?P<word>[^\s()'\"=!<>&|,]+))"
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ODATA = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "and": "&", "or": "|", "not": "!"}
_XPP = {"==": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "&&": "&", "||": "|", "!": "!"}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


class NotAFilter(ValueError):
    """A filter text that cannot be parsed."""


@dataclass(slots=True)
class _Reader:
    """Tokens still to be read, and the fields named so far."""

    operators: Mapping[str, str]
    tokens: list[str]
    at: int = 0
    depth: int = 0
    fields: list[str] = field(default_factory=list)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def means(self, meaning: str) -> bool:
        """Take the next token if it is the operator of this meaning."""
        if self.operators.get(self.peek().lower()) != meaning:
            return False
        self.at += 1
        return True

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise NotAFilter(f"{token} is missing")


@lru_cache(maxsize=256)
def odata_filter(text: str) -> Predicate:
    """A Dataverse filter as a predicate; "" lets every row pass. Raises NotAFilter."""
    return _predicate(text, _ODATA)[0]


@lru_cache(maxsize=256)
def xpp_filter(text: str) -> Predicate:
    """An F&O filter as a predicate; "" lets every row pass. Raises NotAFilter."""
    return _predicate(text, _XPP)[0]


def odata_fields(text: str) -> tuple[str, ...]:
    """The columns a Dataverse filter names. Raises NotAFilter."""
    return _predicate(text, _ODATA)[1]


def _predicate(text: str, operators: Mapping[str, str]) -> tuple[Predicate, tuple[str, ...]]:
    if not text.strip():
        return (lambda read: True), ()
    reader = _Reader(operators, _tokens(text))
    found = _either(reader)
    if reader.peek():
        raise NotAFilter(f"{reader.peek()} is not expected")
    return found, tuple(reader.fields)


def _tokens(text: str) -> list[str]:
    if len(text) > _LONGEST:
        raise NotAFilter("the filter is too long")
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKENS.match(text, at)
        if not match or match.end() == at:
            raise NotAFilter(f"{text[at : at + 20]!r} cannot be read")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


def _either(reader: _Reader) -> Predicate:
    parts = [_both(reader)]
    while reader.means("|"):
        parts.append(_both(reader))
    return parts[0] if len(parts) == 1 else lambda read: any(part(read) for part in parts)


def _both(reader: _Reader) -> Predicate:
    parts = [_term(reader)]
    while reader.means("&"):
        parts.append(_term(reader))
    return parts[0] if len(parts) == 1 else lambda read: all(part(read) for part in parts)


def _term(reader: _Reader) -> Predicate:
    reader.depth += 1
    if reader.depth > DEEPEST:
        raise NotAFilter("the filter is nested too deeply")
    try:
        return _negation_or_operand(reader)
    finally:
        reader.depth -= 1


def _negation_or_operand(reader: _Reader) -> Predicate:
    if reader.means("!"):
        inner = _term(reader)
        return lambda read: not inner(read)
    if reader.peek() == "(":
        reader.take()
        inside = _either(reader)
        reader.expect(")")
        return inside
    if reader.peek().lower() in _FUNCTIONS:
        return _function(reader)
    return _comparison(reader)


def _function(reader: _Reader) -> Predicate:
    function = _FUNCTIONS[reader.take().lower()]
    reader.expect("(")
    name = _field(reader)
    reader.expect(",")
    part = str(_literal(reader.take())).lower()
    reader.expect(")")
    return lambda read: function(str(read(name) or "").lower(), part)


def _comparison(reader: _Reader) -> Predicate:
    name = _field(reader)
    sign = reader.operators.get(reader.take().lower(), "")
    compare = _COMPARISONS.get(sign)
    if compare is None:
        raise NotAFilter(f"{name} is compared with no known operator")
    wanted = _literal(reader.take())
    return lambda read: _holds(sign, compare, read(name), wanted)


def _field(reader: _Reader) -> str:
    name = reader.take()
    if not re.fullmatch(r"[A-Za-z_][\w./]*", name):
        raise NotAFilter(f"{name or 'the end'} is no field")
    name = name.replace("/", ".")
    reader.fields.append(name)
    return name


def _literal(token: str) -> Any:
    if len(token) >= 2 and token[0] in "'\"" and token[-1] == token[0]:
        return token[1:-1].replace(token[0] * 2, token[0])
    words = {"null": None, "true": True, "false": False}
    if token.lower() in words:
        return words[token.lower()]
    if re.fullmatch(r"[\w.+:-]+", token):
        return token
    raise NotAFilter(f"{token or 'the end'} is no value")


def _holds(sign: str, compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return compare(value, wanted) if sign in ("=", "<>") else False
    left, right = _comparable(value), _comparable(wanted)
    if type(left) is not type(right):
        left, right = str(value).lower(), str(wanted).lower()
    return compare(left, right)


def _comparable(value: Any) -> Any:
    """A value in a form that compares: numbers as Decimal, days and times as UTC text, other texts in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).lower()
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    try:
        return datetime.fromisoformat(text.upper()).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return text
