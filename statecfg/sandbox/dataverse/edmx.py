"""`$metadata`: the catalog and the registered operations as an EDMX document."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from statecfg.sandbox.dataverse.catalog import TABLES
from statecfg.sandbox.dataverse.literals import edm_type
from statecfg.sandbox.dataverse.names import NAMES, Names
from statecfg.sandbox.dataverse.operations import Operations

NAMESPACE = "Microsoft.Dynamics.CRM"
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    f'<Schema Namespace="{NAMESPACE}" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
)
_MULTIPLE = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")


def document(operations: Operations) -> bytes:
    """The whole document."""
    parts = [_HEAD]
    for table in sorted(TABLES, key=lambda table: table.name):
        parts += _entity_type(NAMES[table.name])
    parts += _operations(operations)
    parts += _container(operations)
    parts.append("</Schema></edmx:DataServices></edmx:Edmx>")
    return "".join(parts).encode()


def _entity_type(names: Names) -> Iterator[str]:
    yield f'<EntityType Name={quoteattr(names.table.name)}><Key><PropertyRef Name="{names.key}"/></Key>'
    for name, column in names.properties.items():
        yield f'<Property Name="{name}" Type="{edm_type(column)}"/>'
    for name, single in names.singles.items():
        yield f'<NavigationProperty Name="{name}" Type="mscrm.{single.target.table}">'
        key = NAMES[single.target.table].key
        yield f'<ReferentialConstraint Property="_{single.column.name}_value" ReferencedProperty="{key}"/>'
        yield "</NavigationProperty>"
    for name, collection in names.collections.items():
        yield f'<NavigationProperty Name="{name}" Type="Collection(mscrm.{collection.table.name})" '
        yield f'Partner="{collection.target.navigation}"/>'
    yield "</EntityType>"


def _operations(operations: Operations) -> Iterator[str]:
    for table in TABLES:
        for name in _MULTIPLE:
            yield f'<Action Name="{name}" IsBound="true">'
            yield f'<Parameter Name="entityset" Type="Collection(mscrm.{table.name})" Nullable="false"/>'
            yield f'<Parameter Name="Targets" Type="Collection(mscrm.{table.name})" Nullable="false"/></Action>'
    for table_name, name in sorted(operations.actions):
        bound = ' IsBound="true"' if table_name else ""
        yield f"<Action Name={quoteattr(name)}{bound}>"
        if table_name:
            yield f'<Parameter Name="entity" Type="mscrm.{table_name}" Nullable="false"/>'
        yield "</Action>"
    for table_name, name in sorted(operations.bound_functions):
        yield f'<Function Name="{name}" IsBound="true"><Parameter Name="entity" Type="mscrm.{table_name}" '
        yield f'Nullable="false"/><ReturnType Type="mscrm.{name}Response" Nullable="false"/></Function>'
        yield f'<ComplexType Name="{name}Response" OpenType="true"/>'
    for name in sorted(operations.functions):
        yield f'<Function Name="{name}"><ReturnType Type="mscrm.{name}Response" Nullable="false"/></Function>'
        yield f'<ComplexType Name="{name}Response" OpenType="true"/>'


def _container(operations: Operations) -> Iterator[str]:
    yield '<EntityContainer Name="System">'
    for table in TABLES:
        yield f'<EntitySet Name="{table.entity_set}" EntityType="{NAMESPACE}.{table.name}"/>'
    for table_name, name in sorted(operations.actions):
        if not table_name:
            yield f'<ActionImport Name="{name}" Action="{NAMESPACE}.{name}"/>'
    for name in sorted(operations.functions):
        yield f'<FunctionImport Name="{name}" Function="{NAMESPACE}.{name}"/>'
    yield "</EntityContainer>"
