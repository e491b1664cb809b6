"""The query options over objects in memory, for metadata: `$filter`, `$select` and `$expand` on plain dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.filtering import (
    Alias,
    Call,
    Combination,
    Comparison,
    Literal,
    Negation,
    Node,
    Path,
    filter_tree,
)
from statecfg.sandbox.dataverse.queryoptions import Expand, Options

Object = Mapping[str, Any]

# Members that only $expand brings.
NAVIGATION = ("Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships", "ManyToManyRelationships",
              "OptionSet", "GlobalOptionSet")  # fmt: skip
_ALWAYS = ("MetadataId",)


def chosen(objects: Sequence[Object], options: Options) -> list[dict[str, Any]]:
    """The objects that fit, each with what was selected and expanded. Raises Refused."""
    fitting = objects
    if options.filter:
        tree = filter_tree(options.filter)
        fitting = [each for each in objects if truth(tree, each, options.aliases)]
    return [shown(each, options) for each in fitting]


def shown(each: Object, options: Options) -> dict[str, Any]:
    """One object with what was selected and expanded. Raises Refused."""
    if options.select is None:
        kept = {name: value for name, value in each.items() if name not in NAVIGATION}
    else:
        for name in options.select:
            if name not in each:
                raise errors.bad_uri(f"Could not find a property named '{name}' on this metadata type.")
        named = (*options.select, *_ALWAYS)
        kept = {n: v for n, v in each.items() if n in named or n.startswith("@")}
    for expand in options.expand:
        kept[expand.navigation] = _expanded(each, expand)
    return kept


def truth(node: Node, each: Object, aliases: Mapping[str, str]) -> bool:
    """Whether an object fits a filter. Raises Refused."""
    if isinstance(node, Combination):
        results = (truth(term, each, aliases) for term in node.terms)
        return all(results) if node.op == "and" else any(results)
    if isinstance(node, Negation):
        return not truth(node.term, each, aliases)
    if isinstance(node, Comparison):
        return _compared(node.op, _value(node.left, each, aliases), _value(node.right, each, aliases))
    if isinstance(node, Call):
        return _called(node, each, aliases)
    return _value(node, each, aliases) is True


def _called(node: Call, each: Object, aliases: Mapping[str, str]) -> bool:
    values = [_value(argument, each, aliases) for argument in node.arguments]
    if len(values) != 2 or not isinstance(values[1], str):
        raise errors.bad_uri(f"An unknown function with name '{node.name}' was found.")
    text, part = str(values[0] or "").lower(), values[1].lower()
    if node.name == "contains":
        return part in text
    if node.name == "startswith":
        return text.startswith(part)
    if node.name == "endswith":
        return text.endswith(part)
    raise errors.bad_uri(f"An unknown function with name '{node.name}' was found.")


def _value(node: Node, each: Object, aliases: Mapping[str, str]) -> Any:
    if isinstance(node, Alias):
        if node.name not in aliases:
            raise errors.bad_uri(f"The parameter alias '{node.name}' is not defined.")
        node = filter_tree(aliases[node.name])
    if isinstance(node, Literal):
        return node.value
    if not isinstance(node, Path):
        raise errors.bad_uri("Only properties and literals can be compared.")
    value: Any = each
    for name in node.names:
        if value is None:
            return None
        if not isinstance(value, Mapping) or name not in value:
            raise errors.bad_uri(f"Could not find a property named '{name}' on this metadata type.")
        value = value[name]
    return value


def _compared(op: str, left: Any, right: Any) -> bool:
    if op in ("eq", "ne"):
        return bool((left == right) is (op == "eq"))
    numbers = (int, Decimal)
    if not (isinstance(left, numbers) and isinstance(right, numbers)) and not (
        isinstance(left, str) and isinstance(right, str)
    ):
        return False
    low: Any = left
    high: Any = right
    return bool({"gt": low > high, "ge": low >= high, "lt": low < high, "le": low <= high}[op])


def _expanded(each: Object, expand: Expand) -> Any:
    if expand.navigation not in NAVIGATION or expand.navigation not in each:
        raise errors.bad_uri(f"Could not find a property named '{expand.navigation}' on this metadata type.")
    value = each[expand.navigation]
    if isinstance(value, list):
        return chosen(value, expand.options)
    return None if value is None else shown(value, expand.options)
