"""The catalog as the metadata service tells it: tables, columns, option sets, keys, relationships as plain dicts.

Source: reference/dataverse.md, "Metadata".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from statecfg.sandbox.dataverse.catalog import TABLES
from statecfg.sandbox.dataverse.names import NAMES
from statecfg.sandbox.tables import AlternateKey, Column, Option, Table, Target

Definition = dict[str, Any]
_NAMESPACE = uuid.UUID("b7b2f0de-7f1c-4b6a-9f68-3d1f5f0f8a55")
LANGUAGE = 1033
_SYSTEM_PREFIXES = ("msdyn_", "cdm_")

# Column type -> (AttributeType, AttributeTypeName, metadata type).
_KINDS = {
    "string": ("String", "StringType", "StringAttributeMetadata"),
    "memo": ("Memo", "MemoType", "MemoAttributeMetadata"),
    "int": ("Integer", "IntegerType", "IntegerAttributeMetadata"),
    "bigint": ("BigInt", "BigIntType", "BigIntAttributeMetadata"),
    "money": ("Money", "MoneyType", "MoneyAttributeMetadata"),
    "decimal": ("Decimal", "DecimalType", "DecimalAttributeMetadata"),
    "bool": ("Boolean", "BooleanType", "BooleanAttributeMetadata"),
    "datetime": ("DateTime", "DateTimeType", "DateTimeAttributeMetadata"),
    "date": ("DateTime", "DateTimeType", "DateTimeAttributeMetadata"),
    "choice": ("Picklist", "PicklistType", "PicklistAttributeMetadata"),
    "lookup": ("Lookup", "LookupType", "LookupAttributeMetadata"),
    "guid": ("Uniqueidentifier", "UniqueidentifierType", "UniqueIdentifierAttributeMetadata"),
}
_SPECIAL = {
    "statecode": ("State", "StateType", "StateAttributeMetadata"),
    "statuscode": ("Status", "StatusType", "StatusAttributeMetadata"),
    "ownerid": ("Owner", "OwnerType", "LookupAttributeMetadata"),
    "customerid": ("Customer", "CustomerType", "LookupAttributeMetadata"),
    "parentcustomerid": ("Customer", "CustomerType", "LookupAttributeMetadata"),
}


@lru_cache(maxsize=1)
def entity_definitions() -> tuple[Definition, ...]:
    """Every table, in name order."""
    return tuple(_entity(table) for table in sorted(TABLES, key=lambda table: table.name))


@lru_cache(maxsize=1)
def relationship_definitions() -> tuple[Definition, ...]:
    """Every one-to-many relationship."""
    found = [r for d in entity_definitions() for r in d["OneToManyRelationships"]]
    return tuple({r["SchemaName"]: r for r in found}.values())


@lru_cache(maxsize=1)
def global_option_sets() -> tuple[Definition, ...]:
    """The choices that custom columns share, by column name."""
    found = {
        column.name: _option_set(table, column)
        for table in TABLES
        for column in table.columns
        if column.type == "choice" and column.name.startswith(_SYSTEM_PREFIXES)
    }
    return tuple({**found[name], "Name": name, "IsGlobal": True} for name in sorted(found))


def metadata_id(*parts: str) -> str:
    """The same id for the same thing in every world."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def label(text: str) -> Definition:
    """A label with one translation."""
    one = {
        "Label": text, "LanguageCode": LANGUAGE, "IsManaged": True, "MetadataId": metadata_id("label", text),
        "HasChanged": None,
    }  # fmt: skip
    return {"LocalizedLabels": [one], "UserLocalizedLabel": one}


def _managed(value: Any, name: str = "") -> Definition:
    return {"Value": value, "CanBeChanged": False, "ManagedPropertyLogicalName": name or "canmodify"}


def _entity(table: Table) -> Definition:
    return {
        "MetadataId": metadata_id(table.name), "LogicalName": table.name, "SchemaName": table.schema_name,
        "EntitySetName": table.entity_set, "LogicalCollectionName": table.entity_set,
        "CollectionSchemaName": table.entity_set, "PrimaryIdAttribute": table.key[0],
        "PrimaryNameAttribute": table.primary_name or None, "PrimaryImageAttribute": None,
        "ObjectTypeCode": 10000 + TABLES.index(table), "DisplayName": label(table.label),
        "DisplayCollectionName": label(f"{table.label}s"), "Description": label(""), "TableType": "Standard",
        "OwnershipType": "UserOwned" if "ownerid" in {c.name for c in table.columns} else "OrganizationOwned",
        "IsCustomEntity": table.name.startswith(_SYSTEM_PREFIXES), "IsManaged": True, "IsActivity": False,
        "IsIntersect": False, "IsPrivate": False, "IsLogicalEntity": False, "IsAvailableOffline": False,
        "ChangeTrackingEnabled": True, "IsOptimisticConcurrencyEnabled": True, "HasNotes": False,
        "HasActivities": False,
        "CanCreateAttributes": _managed(True, "cancreateattributes"),
        "IsCustomizable": _managed(True, "iscustomizable"),
        "Attributes": [_attribute(table, column) for column in table.columns],
        "Keys": [_key(table, key) for key in table.alternate_keys],
        "OneToManyRelationships": _one_to_many(table), "ManyToOneRelationships": _many_to_one(table),
        "ManyToManyRelationships": [],
    }  # fmt: skip


def _attribute(table: Table, column: Column) -> Definition:
    kind, type_name, metadata = _kind(table, column)
    is_key = column.name in table.key
    definition: Definition = {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{metadata}", "MetadataId": metadata_id(table.name, column.name),
        "LogicalName": column.name, "SchemaName": _schema_name(column), "EntityLogicalName": table.name,
        "AttributeType": kind, "AttributeTypeName": {"Value": type_name}, "AttributeOf": None,
        "DisplayName": label(column.label or column.name), "Description": label(""),
        "RequiredLevel": _managed(_required(table, column), "canmodifyrequirementlevelsettings"),
        "IsPrimaryId": is_key, "IsPrimaryName": column.name == table.primary_name,
        "IsValidForCreate": not column.readonly, "IsValidForUpdate": not (column.readonly or column.create_only),
        "IsValidForRead": True, "IsValidODataAttribute": True, "IsLogical": False, "IsManaged": True,
        "IsCustomAttribute": column.name.startswith(_SYSTEM_PREFIXES), "ColumnNumber": table.columns.index(column) + 1,
    }  # fmt: skip
    return definition | _details(table, column)


def _details(table: Table, column: Column) -> Definition:
    """What only this type of column has."""
    if column.type in ("string", "memo"):
        return {"MaxLength": column.length or None, "Format": "Text" if column.type == "string" else "TextArea"}
    if column.type in ("money", "decimal"):
        bounds = {"Precision": column.scale, "MinValue": column.minimum, "MaxValue": column.maximum}
        # Source 2: amounts are shown with the decimals of their currency.
        return bounds | ({"PrecisionSource": 2} if column.type == "money" else {})
    if column.type in ("datetime", "date"):
        day_only = column.type == "date" or column.format == "DateOnly"
        behaviour = "DateOnly" if column.type == "date" else "UserLocal"
        return {"Format": "DateOnly" if day_only else "DateAndTime", "DateTimeBehavior": {"Value": behaviour}}
    if column.type == "lookup":
        return {"Targets": [target.table for target in column.targets]}
    if column.type == "choice":
        option_set = _option_set(table, column)
        shared = (
            option_set | {"Name": column.name, "IsGlobal": True} if column.name.startswith(_SYSTEM_PREFIXES) else None
        )
        return {"DefaultFormValue": column.default, "OptionSet": option_set, "GlobalOptionSet": shared}
    if column.type == "bool":
        sides = {
            "TrueOption": _option(table, column, Option(1, "Yes")),
            "FalseOption": _option(table, column, Option(0, "No")),
        }
        return {"DefaultValue": column.default, "OptionSet": {**_option_set_head(table, column, "Boolean"), **sides}}
    return {}


def _kind(table: Table, column: Column) -> tuple[str, str, str]:
    if column.type == "choice" and column.name in ("statecode", "statuscode"):
        return _SPECIAL[column.name]
    if column.type == "lookup" and column.name in _SPECIAL:
        return _SPECIAL[column.name]
    if any(f"{c.name}type" == column.name and len(c.targets) > 1 for c in table.columns):
        return "EntityName", "EntityNameType", "EntityNameAttributeMetadata"
    return _KINDS[column.type]


def _required(table: Table, column: Column) -> str:
    if column.name in table.key:
        return "SystemRequired"
    return "ApplicationRequired" if column.required else "None"


def _schema_name(column: Column) -> str:
    return column.schema_name or (column.targets[0].navigation if len(column.targets) == 1 else column.name)


def _option_set_head(table: Table, column: Column, kind: str) -> Definition:
    name = f"{table.name}_{column.name}"
    return {
        "MetadataId": metadata_id("optionset", name), "Name": name, "IsGlobal": False, "OptionSetType": kind,
        "DisplayName": label(column.label or column.name), "Description": label(""), "IsManaged": True,
        "IsCustomOptionSet": False,
    }  # fmt: skip


def _option_set(table: Table, column: Column) -> Definition:
    kind = {"statecode": "State", "statuscode": "Status"}.get(column.name, "Picklist")
    options = [_option(table, column, option) for option in column.options]
    return {**_option_set_head(table, column, kind), "Options": options}


def _option(table: Table, column: Column, option: Option) -> Definition:
    definition: Definition = {
        "Value": option.value, "Color": None, "IsManaged": True, "ExternalValue": None, "ParentValues": [],
        "MetadataId": metadata_id("option", table.name, column.name, str(option.value)), "HasChanged": None,
        "Label": label(option.label), "Description": label(""),
    }  # fmt: skip
    return definition | ({"State": option.state} if option.state is not None else {})


def _key(table: Table, key: AlternateKey) -> Definition:
    return {
        "MetadataId": metadata_id("key", table.name, key.name), "LogicalName": key.name, "SchemaName": key.name,
        "EntityLogicalName": table.name, "KeyAttributes": list(key.columns), "EntityKeyIndexStatus": "Active",
        "DisplayName": label(key.name), "IsManaged": True, "IsSynchronous": True,
    }  # fmt: skip


def _relationship(table: Table, column: Column, target: Target) -> Definition:
    name = target.collection or f"{target.table}_{table.name}_{column.name}"
    return {
        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "MetadataId": metadata_id("relationship", name), "SchemaName": name,
        "RelationshipType": "OneToManyRelationship", "ReferencedEntity": target.table,
        "ReferencedAttribute": NAMES[target.table].key, "ReferencingEntity": table.name,
        "ReferencingAttribute": column.name, "ReferencedEntityNavigationPropertyName": target.collection or name,
        "ReferencingEntityNavigationPropertyName": target.navigation, "IsCustomRelationship": False,
        "IsManaged": True, "IsHierarchical": False, "IsValidForAdvancedFind": True,
        "CascadeConfiguration": {"Delete": _CASCADES[target.on_delete], "Assign": "NoCascade", "Share": "NoCascade"},
    }  # fmt: skip


_CASCADES = {"unlink": "RemoveLink", "cascade": "Cascade", "restrict": "Restrict"}


def _one_to_many(table: Table) -> list[Definition]:
    return [
        _relationship(other, column, target)
        for other in TABLES
        for column in other.columns
        for target in column.targets
        if target.table == table.name
    ]


def _many_to_one(table: Table) -> list[Definition]:
    targets: Sequence[tuple[Column, Target]] = [(c, t) for c in table.columns for t in c.targets]
    return [_relationship(table, column, target) for column, target in targets]
