"""What Finance tells about itself: the metadata service under `/metadata`, and the CSDL at `/data/$metadata`.

Source: reference/finance-and-operations.md, 4.2 and 7.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

from statecfg.sandbox.finance.actions import ACTIONS
from statecfg.sandbox.finance.catalog import NAMESPACE, EntitySet, Navigation, entity_sets, enums
from statecfg.sandbox.finance.errors import WireError, invalid, no_resource
from statecfg.sandbox.finance.filtering import (
    Binary,
    Call,
    FilterRefused,
    Literal,
    Name,
    Negation,
    Node,
    Several,
    parsed,
)
from statecfg.sandbox.finance.wire import is_day
from statecfg.sandbox.tables import Column

Shown = dict[str, Any]

_EDM = {
    "string": "Edm.String", "memo": "Edm.Binary", "money": "Edm.Decimal", "decimal": "Edm.Decimal",
    "int": "Edm.Int32", "bigint": "Edm.Int64", "guid": "Edm.Guid", "datetime": "Edm.DateTimeOffset",
    "bool": "Edm.Boolean",
}  # fmt: skip
_AX = {
    "string": "String", "memo": "Container", "money": "Real", "decimal": "Real", "int": "Int32", "bigint": "Int64",
    "guid": "Guid", "bool": "Enum", "enum": "Enum",
}  # fmt: skip
_LANGUAGE = "en-US"


def edm_type(column: Column) -> str:
    """A column's type in the CSDL."""
    return f"{NAMESPACE}.{column.enum}" if column.type == "enum" else _EDM[column.type]


def ax_type(column: Column) -> str:
    """A column's type in X++ terms."""
    if column.type == "datetime":
        return "Date" if is_day(column) else "UtcDateTime"
    return _AX[column.type]


def is_nullable(column: Column, entity_set: EntitySet) -> bool:
    """Texts, enums and binaries that are no key may be null."""
    return column.type in ("string", "memo", "enum") and column.name not in entity_set.keys


def data_entity(entity_set: EntitySet) -> Shown:
    """One row of `/metadata/DataEntities`."""
    return {
        "Name": entity_set.aot or f"{entity_set.entity}Entity",
        "PublicEntityName": entity_set.entity,
        "PublicCollectionName": entity_set.name,
        "LabelId": _label_id(entity_set.name),
        "LabelText": None,
        "DataServiceEnabled": True,
        "DataManagementEnabled": bool(entity_set.label),
        "EntityCategory": entity_set.category,
        "IsReadOnly": entity_set.readonly,
    }


def public_entity(entity_set: EntitySet) -> Shown:
    """One row of `/metadata/PublicEntities`."""
    return {
        "Name": entity_set.entity,
        "EntitySetName": entity_set.name,
        "LabelId": _label_id(entity_set.name),
        "IsReadOnly": entity_set.readonly,
        "ConfigurationEnabled": True,
        "Properties": [_property(column, entity_set) for column in entity_set.columns],
        "NavigationProperties": [_navigation(each) for each in entity_set.navigations],
        "PropertyGroups": [],
        "Actions": list(_actions(entity_set)),
    }


def _property(column: Column, entity_set: EntitySet) -> Shown:
    return {
        "Name": column.name,
        "TypeName": edm_type(column),
        "DataType": ax_type(column),
        "LabelId": _label_id(column.name),
        "IsKey": column.name in entity_set.keys,
        "IsMandatory": column.name in entity_set.keys,
        "ConfigurationEnabled": True,
        "AllowEdit": not entity_set.readonly and not column.readonly and not column.create_only,
        "AllowEditOnCreate": not entity_set.readonly and not column.readonly,
        "IsDimension": False,
        "DimensionRelation": None,
        "IsDynamicDimension": False,
        "DimensionLegalEntityProperty": None,
        "DimensionTypeProperty": None,
    }


def _navigation(navigation: Navigation) -> Shown:
    return {
        "Name": navigation.name,
        "RelatedEntity": entity_sets()[navigation.target].entity,
        "RelatedRelationName": None,
        "Cardinality": "Multiple" if navigation.many else "Single",
        "Constraints": [
            {
                "@odata.type": "#Microsoft.Dynamics.Metadata.ReferentialConstraint",
                "Property": own,
                "ReferencedProperty": other,
            }
            for own, other in navigation.on
        ],
    }


def _actions(entity_set: EntitySet) -> Iterator[Shown]:
    for (name, action), (_, kind) in ACTIONS.items():
        if name == entity_set.name:
            is_collection = kind.startswith("Collection(")
            plain = kind.removeprefix("Collection(").removesuffix(")")
            bound = {"TypeName": f"{NAMESPACE}.{entity_set.entity}", "IsCollection": True}
            yield {
                "Name": action,
                "BindingKind": "BoundToEntitySet",
                "Parameters": [{"Name": entity_set.entity, "Type": bound}],
                "ReturnType": {"TypeName": plain, "IsCollection": is_collection} if kind else None,
                "FieldLookup": None,
            }


def public_enumeration(name: str) -> Shown:
    """One row of `/metadata/PublicEnumerations`."""
    members = [
        {"Name": member, "Value": number, "LabelId": _label_id(member), "ConfigurationEnabled": True}
        for member, number in enums()[name].items()
    ]
    return {"Name": name, "LabelId": _label_id(name), "LabelText": None, "Members": members}


def _label_id(name: str) -> str:
    return f"@SBX:{name}"


@cache
def _lists() -> Mapping[str, tuple[Shown, ...]]:
    """The lists of the metadata service by lower-case name."""
    sets = tuple(entity_sets().values())
    return {
        "dataentities": tuple(data_entity(each) for each in sets),
        "publicentities": tuple(public_entity(each) for each in sets),
        "publicenumerations": tuple(public_enumeration(name) for name in enums()),
    }


_SPELLED = {
    "dataentities": "DataEntities",
    "publicentities": "PublicEntities",
    "publicenumerations": "PublicEnumerations",
}


def metadata_reply(rest: str, options: Mapping[str, str], base: str) -> Shown:
    """The answer to `GET /metadata/<rest>`. Raises WireError."""
    name, bracket, inner = rest.strip("/").partition("(")
    if not name:
        value: list[Shown] = [
            {"name": each, "kind": "EntitySet", "url": each} for each in (*_SPELLED.values(), "Labels")
        ]
        return {"@odata.context": f"{base}/metadata/$metadata", "value": value}
    if name.lower() == "labels":
        return _label(inner)
    rows = _lists().get(name.lower())
    if rows is None:
        raise no_resource(f"/metadata/{rest}")
    context = f"{base}/metadata/$metadata#{_SPELLED[name.lower()]}"
    if bracket:
        return {"@odata.context": f"{context}/$entity", **_named(rows, inner.rstrip(")").strip("'"), rest)}
    return {"@odata.context": context, **_listed(rows, options)}


def _named(rows: Sequence[Shown], name: str, rest: str) -> Shown:
    found = [row for row in rows if row["Name"].lower() == name.lower()]
    if not found:
        raise no_resource(f"/metadata/{rest}")
    return found[0]


def _label(inner: str) -> Shown:
    fields = dict(part.split("=", 1) for part in inner.rstrip(")").split(",") if "=" in part)
    wanted = fields.get("Id", "").strip("'")
    if not wanted:
        raise no_resource("/metadata/Labels")
    value = wanted.partition(":")[2] if wanted.startswith("@SBX:") else ""
    return {"Id": wanted, "Language": fields.get("Language", _LANGUAGE).strip("'"), "Value": value}


def _listed(rows: Sequence[Shown], options: Mapping[str, str]) -> Shown:
    text = options.get("$filter", "").strip()
    try:
        node = parsed(text) if text else None
        found = [row for row in rows if node is None or holds(node, row)]
    except FilterRefused as refusal:
        raise invalid(str(refusal)) from refusal
    names = [name.strip() for name in options.get("$select", "").split(",") if name.strip()]
    start, count = _whole(options, "$skip", 0), _whole(options, "$top", len(found))
    value = [_selected(row, names) for row in found[start : start + count]]
    counted = {"@odata.count": len(found)} if options.get("$count", "").lower() == "true" else {}
    return {**counted, "value": value}


def _selected(row: Shown, names: Sequence[str]) -> Shown:
    try:
        return {name: row[name] for name in names} if names else row
    except KeyError as unknown:
        raise invalid(f"Could not find a property named {unknown}.") from unknown


def _whole(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal() or len(text) > 9:
        raise invalid(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def holds(node: Node, row: Mapping[str, Any]) -> bool:
    """Whether a row of the metadata service meets a condition. Raises FilterRefused."""
    return bool(_value(node, row))


def _value(node: Node, row: Mapping[str, Any]) -> Any:
    match node:
        case Name(name):
            if name not in row:
                raise FilterRefused(f"Could not find a property named '{name}'.")
            return row[name]
        case Literal(value):
            return value
        case Negation(of):
            return not _value(of, row)
        case Several("and", parts):
            return all(_value(part, row) for part in parts)
        case Several(_, parts):
            return any(_value(part, row) for part in parts)
        case Call(function, arguments):
            return _called(function, [_value(argument, row) for argument in arguments])
        case Binary(operator, left, right):
            return _compared(operator, _value(left, row), _value(right, row))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
}


def _called(function: str, arguments: Sequence[Any]) -> Any:
    try:
        return _FUNCTIONS[function](*(str(argument) for argument in arguments))
    except (KeyError, TypeError) as cause:
        raise FilterRefused(f"An unknown function with name '{function}' was found.") from cause


def _compared(operator: str, left: Any, right: Any) -> bool:
    if operator not in ("eq", "ne"):
        raise FilterRefused(f"The operator '{operator}' is not supported here.")
    return bool((left == right) == (operator == "eq"))


@cache
def csdl() -> bytes:
    """The whole schema document."""
    return "".join(_document()).encode()


def _document() -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    yield f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    for name, members in enums().items():
        yield f'<EnumType Name="{name}">'
        yield from (f'<Member Name="{member}" Value="{number}"/>' for member, number in members.items())
        yield "</EnumType>"
    for entity_set in entity_sets().values():
        yield from _entity_type(entity_set)
        yield from _action_elements(entity_set)
    yield '<EntityContainer Name="Resources">'
    for entity_set in entity_sets().values():
        yield from _set_element(entity_set)
    yield "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"


def _entity_type(entity_set: EntitySet) -> Iterator[str]:
    yield f'<EntityType Name="{entity_set.entity}"><Key>'
    yield from (f'<PropertyRef Name="{key}"/>' for key in entity_set.keys)
    yield "</Key>"
    for column in entity_set.columns:
        nullable = "" if is_nullable(column, entity_set) else ' Nullable="false"'
        yield f'<Property Name="{column.name}" Type="{edm_type(column)}"{nullable}>'
        yield from _annotations(column, entity_set)
        yield "</Property>"
    for navigation in entity_set.navigations:
        target = f"{NAMESPACE}.{entity_sets()[navigation.target].entity}"
        kind = f"Collection({target})" if navigation.many else target
        yield f'<NavigationProperty Name="{navigation.name}" Type="{kind}"/>'
    yield "</EntityType>"


def _annotations(column: Column, entity_set: EntitySet) -> Iterator[str]:
    term = "Microsoft.Dynamics.OData.Core.V1"
    yield f'<Annotation Term="{term}.LabelId" String={quoteattr(_label_id(column.name))}/>'
    yield f'<Annotation Term="{term}.AllowEdit" Bool="{str(not column.readonly).lower()}"/>'
    yield f'<Annotation Term="{term}.IsRequired" Bool="{str(column.name in entity_set.keys).lower()}"/>'
    yield f'<Annotation Term="{term}.AXType"><EnumMember>{term}.AXType/{ax_type(column)}</EnumMember></Annotation>'


def _action_elements(entity_set: EntitySet) -> Iterator[str]:
    for (name, action), (_, kind) in ACTIONS.items():
        if name == entity_set.name:
            bound = f"Collection({NAMESPACE}.{entity_set.entity})"
            yield f'<Action Name="{action}" IsBound="true"><Parameter Name="{entity_set.entity}" Type="{bound}"/>'
            yield f'<ReturnType Type="{kind}"/></Action>' if kind else "</Action>"


def _set_element(entity_set: EntitySet) -> Iterator[str]:
    yield f'<EntitySet Name="{entity_set.name}" EntityType="{NAMESPACE}.{entity_set.entity}">'
    for navigation in entity_set.navigations:
        yield f'<NavigationPropertyBinding Path="{navigation.name}" Target="{navigation.target}"/>'
    yield "</EntitySet>"


__all__ = ["WireError", "csdl", "holds", "metadata_reply"]
