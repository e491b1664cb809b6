"""Validators and editor schemas built from frozen dataclasses: a declared shape and a tree in, a typed value out.

Types come from the declaration, never from YAML's guesses: text stays as written, money is exact and quoted, unknown
keys are errors at every level. pydantic walks and collects; the words are ours, with the place of the blamed value.
Knows no shape by name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema
from typing_extensions import TypedDict

from statecfg.loading.document import ListNode, MapNode, Node, Scalar, plain, text_of
from statecfg.loading.problems import Problems, advice

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}\Z")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?\Z")
EXPRESSION: Mapping[str, Any] = {"type": "string", "pattern": r"\{\{.*\}\}"}
"""What may stand for any value, in JSON Schema."""


class Shape:
    """Validator of one dataclass. keys: field -> key, where they differ; hidden: fields that no file may set, with
    the values that they get here."""

    def __init__(
        self, declared: type, keys: Mapping[str, str] | None = None, hidden: Mapping[str, Any] | None = None
    ) -> None:
        self.declared = declared
        given = hidden or {}
        self.keys = {field: key for field, key in _keys(declared, keys or {}).items() if field not in given}
        self._adapter: TypeAdapter[Any] = TypeAdapter(_record(declared, self.keys, given))

    def value(self, node: Node, problems: Problems, name: str = "") -> Any:
        """The declared value that a tree stands for; None if it doesn't (then `problems` has every reason).

        name: what the whole is called in messages about it.
        """
        try:
            return self._adapter.validate_python(node)
        except ValidationError as errors:
            for error in errors.errors(include_url=False, include_input=False):
                _note(error, node, problems, self, name)
            return None

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the shape, for editors; definitions are in `$defs`."""
        return self._adapter.json_schema(schema_generator=_EditorSchema)


@cache
def shape_of(declared: type) -> Shape:
    """The shape of a dataclass whose fields are its keys, a trailing underscore dropped."""
    return Shape(declared)


def key_of(field: str) -> str:
    """The YAML key of a dataclass field."""
    return field.removesuffix("_")


def _keys(declared: type, keys: Mapping[str, str]) -> dict[str, str]:
    return {field.name: keys.get(field.name, key_of(field.name)) for field in dataclasses.fields(declared)}


def _wrong(code: str, what: str, do: str = "") -> PydanticCustomError:
    return PydanticCustomError(code, "{what}", {"what": what, "do": do})


def _scalar(node: Node, wanted: str) -> Scalar:
    """The scalar that a node must be."""
    if not isinstance(node, Scalar):
        found = "a list" if isinstance(node, ListNode) else "a mapping"
        raise _wrong("wrong-type", f"{found} stands where {wanted} is wanted")
    if node.style == "failed":
        raise _wrong("failed", "")
    if node.is_null:
        raise _wrong("empty-value", f"is empty where {wanted} is wanted", "give it a value, or remove the line")
    return node


def _text(node: Node) -> str:
    return _scalar(node, "text").text


def _integer(node: Node) -> int:
    scalar = _scalar(node, "a whole number")
    if not _INTEGER.match(scalar.text.strip()):
        raise _wrong("wrong-type", f"`{_cut(scalar.text)}` is no whole number")
    return int(scalar.text)


def _measure(node: Node) -> float:
    scalar = _scalar(node, "a number")
    if not _NUMBER.match(scalar.text.strip()):
        raise _wrong("wrong-type", f"`{_cut(scalar.text)}` is no number")
    return float(scalar.text)


def _exact(node: Node) -> Decimal:
    scalar = _scalar(node, "an amount")
    if not _NUMBER.match(scalar.text.strip()):
        raise _wrong("wrong-type", f"`{_cut(scalar.text)}` is no amount", 'write it as "1234.50"')
    if scalar.style == "plain":
        do = f'write "{scalar.text}"; without quotes other programs would round it'
        raise _wrong("unquoted-money", f"the amount {scalar.text} stands without quotes", do)
    return Decimal(scalar.text.strip())


def _claim(node: Node) -> bool:
    scalar = _scalar(node, "true or false")
    if scalar.text.casefold() not in ("true", "false"):
        raise _wrong("wrong-type", f"`{_cut(scalar.text)}` is neither true nor false", "write true or false")
    return scalar.text.casefold() == "true"


def _entries(node: Node) -> Mapping[str, Node]:
    if isinstance(node, Scalar):
        _scalar(node, "a mapping")
    if not isinstance(node, MapNode):
        raise _wrong("wrong-type", "a mapping with keys is wanted here")
    return dict(node.entries)


def _items(node: Node) -> list[Node]:
    if isinstance(node, Scalar):
        _scalar(node, "a list")
    if not isinstance(node, ListNode):
        raise _wrong("wrong-type", "a list is wanted here", "write [a, b], or a line with `- ` for each")
    return list(node.items)


def _nothing(node: Node) -> None:
    """None of a union: its discriminator has seen that the node is null."""


def _free(node: Node) -> Any:
    return plain(node)


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def _leaf(kind: Any, read: Callable[[Node], Any], *schemas: Mapping[str, Any]) -> Any:
    return Annotated[kind, BeforeValidator(read), WithJsonSchema({"anyOf": [*map(dict, schemas), dict(EXPRESSION)]})]


_LEAVES: Mapping[Any, Any] = {
    str: Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number"]})],
    int: _leaf(int, _integer, {"type": "integer"}),
    float: _leaf(float, _measure, {"type": "number"}),
    bool: _leaf(bool, _claim, {"type": "boolean"}),
    Decimal: _leaf(Decimal, _exact, {"type": "string", "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?$"}),
    NoneType: Annotated[None, BeforeValidator(_nothing)],
    Any: Annotated[Any, BeforeValidator(_free)],
}


def _form(hint: Any) -> Any:
    """What pydantic is given for a type that a dataclass declares."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, _keys(hint, {}), {})
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _choice(arguments)
    if origin in (Union, UnionType):
        return _either(arguments)
    if origin is tuple:
        return Annotated[tuple[_form(arguments[0]), ...], BeforeValidator(_items)]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Annotated[dict[str, _form(arguments[1])], BeforeValidator(_entries)]  # type: ignore[misc]
    raise TypeError(f"{hint!r} has no form in YAML")


def _record(declared: type, keys: Mapping[str, str], hidden: Mapping[str, Any]) -> Any:
    """A dataclass as a mapping that has its keys and no others."""
    hints = get_type_hints(declared)
    fields = {field.name: field for field in dataclasses.fields(declared) if field.name in keys}
    forms = {
        keys[name]: (Required if _is_required(field) else NotRequired)[_form(hints[name])]
        for name, field in fields.items()
    }
    make: Any = TypedDict
    typed = make(declared.__name__, forms)
    typed.__pydantic_config__ = ConfigDict(extra="forbid")
    typed.__doc__ = declared.__doc__
    names = {key: name for name, key in keys.items()}

    def made(values: Mapping[str, Any]) -> Any:
        return declared(**hidden, **{names[key]: value for key, value in values.items()})

    return Annotated[typed, BeforeValidator(_entries), AfterValidator(made)]


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _choice(options: tuple[Any, ...]) -> Any:
    by_text = {text_of(option): option for option in options}

    def chosen(node: Node) -> Any:
        scalar = _scalar(node, " or ".join(f"`{text}`" for text in by_text))
        if scalar.text not in by_text:
            raise _wrong("unknown-value", f"`{_cut(scalar.text)}` isn't possible here", _possible(scalar.text, by_text))
        return by_text[scalar.text]

    kind = Literal[options]  # type: ignore[valid-type]
    return Annotated[
        kind, BeforeValidator(chosen), WithJsonSchema({"anyOf": [{"enum": list(by_text)}, dict(EXPRESSION)]})
    ]


def _possible(text: str, known: Mapping[str, Any]) -> str:
    meant = advice(text, known)
    return meant if meant.startswith("did you") else f"write {' or '.join(f'`{each}`' for each in known)}"


def _either(hints: tuple[Any, ...]) -> Any:
    """One of several types, told apart by how the value is written: empty, text, list or mapping."""
    by_form: dict[str, Any] = {_written(hint): hint for hint in hints}
    if len(by_form) < len(hints):
        raise TypeError(f"{hints!r} can't be told apart in YAML")
    tagged = tuple(Annotated[_form(hint), Tag(form)] for form, hint in by_form.items())

    def form_of(node: Node) -> str:
        form = {ListNode: "list", MapNode: "mapping"}.get(type(node), "text")
        form = "empty" if isinstance(node, Scalar) and node.is_null else form
        return form if form in by_form else next(each for each in by_form if each != "empty")

    return Annotated[Union[tagged], Discriminator(form_of)]  # noqa: UP007  the members are only known here


def _written(hint: Any) -> str:
    origin = get_origin(hint)
    if hint is NoneType:
        return "empty"
    if dataclasses.is_dataclass(hint) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return "mapping"
    return "list" if origin is tuple else "text"


def _note(error: ErrorDetails, root: Node, problems: Problems, shape: Shape, name: str) -> None:
    """One of pydantic's errors as a problem in plain words, at the place of what it blames."""
    node, path = _blamed(error, root)
    key = str(error["loc"][-1]) if error["loc"] else ""
    inside = f" in `{'.'.join(path)}`" if path else f" in {name}" if name else ""
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        known = _known_keys(shape, path)
        place = node.place(key) if isinstance(node, MapNode) else node.source
        problems.add("unknown-key", place, f"`{key}` isn't known{inside}", advice(key, known))
    elif error["type"] == "missing":
        problems.add("missing-key", node.source, f"`{key}` is missing{inside}")
    elif error["type"] == "value_error":
        problems.add("wrong-value", node.source, f"{context.get('error')}{inside}")
    elif error["type"] != "failed":
        subject = f"`{'.'.join(path)}`: " if path else f"{name}: " if name else ""
        problems.add(
            error["type"], node.source, subject + str(context.get("what", error["msg"])), str(context.get("do", ""))
        )


def _blamed(error: ErrorDetails, root: Node) -> tuple[Node, list[str]]:
    """The deepest node on the way to an error, and the keys that lead there. What is no key is a tag of pydantic's."""
    node: Node = root
    path: list[str] = []
    steps = error["loc"][:-1] if error["type"] in ("extra_forbidden", "missing") else error["loc"]
    for step in steps:
        if isinstance(node, MapNode) and step in node.entries:
            node = node.entries[str(step)]
            path.append(str(step))
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node, path


def _known_keys(shape: Shape, path: list[str]) -> list[str]:
    """The keys that may stand where `path` leads."""
    if not path:
        return list(shape.keys.values())
    here: Any = shape.declared
    for step in path:
        hints = {key_of(name): hint for name, hint in get_type_hints(here).items()}
        here = next((each for each in _records_in(hints.get(step)) if step), None)
        if here is None:
            return []
    return [key_of(field.name) for field in dataclasses.fields(here)]


def _records_in(hint: Any) -> list[Any]:
    if dataclasses.is_dataclass(hint):
        return [hint]
    return [found for argument in get_args(hint) for found in _records_in(argument)]


class _EditorSchema(GenerateJsonSchema):
    """JSON Schema in which an expression may stand for any list or mapping, as it may in the files."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A mapping, or an expression that gives one."""
        return {"anyOf": [super().dict_schema(schema), dict(EXPRESSION)]}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """A list, or an expression that gives one."""
        return {"anyOf": [super().tuple_schema(schema), dict(EXPRESSION)]}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Any of the forms: an expression fits several."""
        return {"anyOf": [self.generate_inner(choice) for choice in schema["choices"].values()]}
