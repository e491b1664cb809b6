"""One Jinja2 expression, evaluated in a sandbox that can't be made to run long, grow or reach out.

Only `{{ }}`: a value is text with expressions in it, never a program. Python objects are out of reach (no attribute
but keys of mappings and a few methods of text), nothing yields a float, and whatever could grow is bounded before it
does. Knows nothing of files, variables or schemas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

LONGEST_TEMPLATE = 4_000
LONGEST_TEXT = 65_536
MOST_PARTS = 200
LARGEST_NUMBER = 10**40

_TEXT_METHODS = frozenset(
    ["upper", "lower", "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "removeprefix", "removesuffix"]
)
_MAPPING_METHODS = frozenset(["get", "keys", "values", "items"])
_FILTERS = ["default", "d", "lower", "upper", "trim", "first", "last", "length", "count", "sort", "unique", "list"]
_MARKS = ("{{", "{%", "{#")


class ExpressionError(Exception):
    """An expression that can't be used; the text says why, in plain words."""

    def __init__(self, code: str, what: str, do: str = "") -> None:
        super().__init__(what)
        self.code, self.what, self.do = code, what, do


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text: literal, or the source of an expression."""

    kind: Literal["text", "expression"]
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text that holds at least one expression. names: the variables that its expressions may ask for."""

    parts: tuple[Part, ...]
    names: frozenset[str]

    @property
    def lone(self) -> str:
        """The only expression, if there is nothing beside it but white space; else ""."""
        solid = [part for part in self.parts if part.kind == "expression" or part.text.strip()]
        return solid[0].text if len(solid) == 1 and solid[0].kind == "expression" else ""


def has_marks(text: str) -> bool:
    """Whether a text may be a template at all."""
    return any(mark in text for mark in _MARKS)


def template(text: str) -> Template:
    """The parts of a text with expressions. Raises ExpressionError for statements, comments and great length."""
    if len(text) > LONGEST_TEMPLATE:
        raise ExpressionError(
            "expression-too-long", f"a text with expressions has at most {LONGEST_TEMPLATE:,} characters"
        )
    try:
        parts = tuple(_parts(text))
        tree = _SANDBOX.parse(text)
        names = frozenset(find_undeclared_variables(tree))
    except TemplateSyntaxError as error:
        raise ExpressionError("expression-syntax", _syntax_words(error.message or "")) from error
    except (RecursionError, MemoryError, SyntaxError, ValueError) as error:
        raise ExpressionError("expression-syntax", "this expression is nested too deep") from error
    _check(tree)
    return Template(parts, names)


def evaluate(source: str, variables: Mapping[str, Any]) -> Any:
    """The value of one expression, of whatever type it has. Raises ExpressionError; never yields Undefined.

    Whatever `variables` raises on look-up passes through.
    """
    try:
        result = _SANDBOX.compile_expression(source, undefined_to_none=False)(**variables)
    except UndefinedError as error:
        raise ExpressionError("undefined-variable", error.message or "undefined") from error
    except ExpressionError:
        raise
    except _MISTAKES as error:
        raise ExpressionError("expression-failed", f"`{_cut(source)}` can't be computed: {_cut(str(error))}") from error
    if isinstance(result, Undefined):
        raise ExpressionError("undefined-variable", result._undefined_message)
    _bound(result)
    return result


# What operands of a wrong type or size raise: each is a mistake of the expression's author, none is one of ours.
_MISTAKES = (
    TemplateSyntaxError, TemplateRuntimeError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
    SyntaxError, RecursionError, MemoryError,
)  # fmt: skip


def _parts(text: str) -> list[Part]:
    parts: list[Part] = []
    inside: list[str] | None = None
    for _, token, value in _SANDBOX.lex(text):
        if token == "variable_begin":  # noqa: S105  the lexer's word, no password
            inside = []
        elif token == "variable_end":  # noqa: S105
            parts.append(Part("expression", "".join(inside or ())))
            inside = None
        elif inside is not None:
            inside.append(value)
        elif token == "data":  # noqa: S105
            parts.append(Part("text", value))
        else:
            what = "statements and comments (`{% %}`, `{# #}`) aren't possible in values"
            raise ExpressionError("template-statement", what, "write an expression: {{ a if condition else b }}")
    return parts


def _check(tree: nodes.Template) -> None:
    """Refuses an expression that is too large, or that has inexact numbers or powers in it."""
    found = list(tree.find_all(nodes.Expr))
    if len(found) > MOST_PARTS:
        raise ExpressionError("expression-too-long", f"an expression has at most {MOST_PARTS} parts")
    for node in found:
        if isinstance(node, nodes.Const) and isinstance(node.value, float):
            raise ExpressionError(
                "inexact-number", f"`{node.value}` would be inexact in an expression", "put it in a quoted variable"
            )


def _syntax_words(message: str) -> str:
    if message.startswith("No filter named"):
        known = ", ".join(sorted(_SANDBOX.filters))
        return f"there is no filter {message.removeprefix('No filter named').strip(' .')}; there are {known}"
    if message.startswith("unexpected end of template"):
        return "this expression isn't closed: `}}` is missing"
    found = re.match(r"expected token '[^']*', got '(.*)'", message)
    return f"`{found[1]}` isn't expected here" if found else f"this expression can't be read: {message}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else flat[:77] + "..."


def _too_large() -> ExpressionError:
    return ExpressionError("expression-too-large", "this expression's result is too large")


def _bound(value: Any) -> None:
    """Refuses a result that is larger than any value of these files can be."""
    left = LONGEST_TEXT
    waiting = [value]
    while waiting:
        item = waiting.pop()
        left -= _weight(item)
        if left < 0:
            raise _too_large()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, Sequence) and not isinstance(item, str):
            waiting.extend(item)


def _weight(item: Any) -> int:
    if isinstance(item, float) or not isinstance(item, str | int | Decimal | Mapping | Sequence | None):
        raise ExpressionError("expression-failed", "this expression doesn't give text, a number, a list or a mapping")
    if isinstance(item, int) and abs(item) > LARGEST_NUMBER:
        raise _too_large()
    return 1 + (len(item) if isinstance(item, str | Mapping | Sequence) else 0)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 1


def _times(left: Any, right: Any) -> Any:
    for many, count in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(count, int) and len(many) * abs(count) > LONGEST_TEXT:
            raise _too_large()
    return left * right


def _plus(left: Any, right: Any) -> Any:
    if _size(left) + _size(right) > LONGEST_TEXT:
        raise _too_large()
    return left + right


def _share(left: Any, right: Any) -> Any:
    if not right:
        raise ExpressionError("expression-failed", "this expression divides by zero")
    return Decimal(left) / Decimal(right)


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise ExpressionError("expression-failed", "`%` can't format text here", "write the parts beside each other")
    return left % right


def _power(left: Any, right: Any) -> Any:
    raise ExpressionError("expression-failed", "powers (`**`) can't be computed here")


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _plus,
    "-": lambda left, right: left - right,
    "*": _times,
    "/": _share,
    "//": lambda left, right: left // right,
    "%": _remainder,
    "**": _power,
}


def _whole_number(value: Any) -> int:
    text = str(value).strip()
    if len(text) > 40:
        raise _too_large()
    return int(text)


def _replaced(value: str, old: str, new: str) -> str:
    if (str(value).count(old) + 1) * (len(new) + 1) + len(str(value)) > LONGEST_TEXT:
        raise _too_large()
    return str(value).replace(old, new)


def _joined(values: Sequence[Any], separator: str = "") -> str:
    texts = [str(value) for value in values]
    if sum(map(len, texts)) + len(texts) * len(separator) > LONGEST_TEXT:
        raise _too_large()
    return separator.join(texts)


class _Sandbox(SandboxedEnvironment):
    """Jinja2's own sandbox, narrowed: keys of mappings, items of lists, a few methods of text, bounded operators."""

    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, optimized=False, cache_size=0)
        self.globals = {}
        own = {"int": _whole_number, "replace": _replaced, "join": _joined, "string": str}
        self.filters = {**{name: self.filters[name] for name in _FILTERS}, **own}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The result of a bounded operator."""
        result = _OPERATORS[operator](left, right)
        _weight(result)
        return result

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping, or one of the few methods; never an attribute of a Python object."""
        if isinstance(obj, Undefined):
            return super().getattr(obj, attribute)
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in _MAPPING_METHODS:
                return getattr(obj, attribute)
        elif isinstance(obj, str) and attribute in _TEXT_METHODS:
            return getattr(obj, attribute)
        return self.undefined(hint=_nothing_there(obj, attribute), obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A key of a mapping, or an item or slice of a list or text."""
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, Mapping | str | list | tuple):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(hint=_nothing_there(obj, argument), obj=obj, name=argument)
        return super().getitem(obj, argument)


def _nothing_there(obj: Any, name: Any) -> str:
    if isinstance(obj, Mapping):
        return f"there is no `{name}` in it; there are {', '.join(map(str, obj)) or 'none'}"
    return f"there is no `{name}` in {_cut(repr(obj))}"


_SANDBOX = _Sandbox()
