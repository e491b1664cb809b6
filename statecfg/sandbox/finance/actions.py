"""Actions that Finance offers on entity sets: versions, refreshing the entity list, the dual-write role check.

Source: reference/finance-and-operations.md, 4.1, 5 and 8.1. Which version action carries the release number, and which
a build, is inferred: each answer is a setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from statecfg.sandbox.finance.catalog import entity_sets, table_of
from statecfg.sandbox.world import Tx, World

Action = Callable[[Tx, Mapping[str, Any]], Any]

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("finance.application_version", "10.0.44", "what GetApplicationVersion answers"),
    ("finance.application_build", "10.0.2177.48", "what GetApplicationBuildVersion answers"),
    ("finance.platform_build", "7.0.7690.29", "what GetPlatformBuildVersion answers"),
)


def declare_settings(world: World) -> None:
    """Make the settings of the actions known to the world."""
    for name, default, meaning in _SETTINGS:
        world.settings.declare(name, default, meaning)


def _setting(name: str) -> Action:
    return lambda tx, body: str(tx.world.settings[name])


def _initialize(tx: Tx, _body: Mapping[str, Any]) -> None:
    refresh_entities(tx)


def refresh_entities(tx: Tx) -> None:
    """Refresh the list of data entities from the public ones."""
    table = table_of("DataManagementEntities")
    for entity_set in entity_sets().values():
        if entity_set.label and tx.get(table, entity_set.label) is None:
            tx.insert(table, entity_row(entity_set.name))


def entity_row(name: str) -> dict[str, Any]:
    """How Data management lists an entity set."""
    entity_set = entity_sets()[name]
    return {
        "EntityName": entity_set.label,
        "TargetName": entity_set.aot,
        "StagingTableName": entity_set.staging,
        "EntityIsEnabled": "Yes",
        "Category": entity_set.category,
        "Modules": "ProjectManagementAndAccounting",
        "IsShared": "No" if entity_set.per_company else "Yes",
    }


def _modules(tx: Tx, _body: Mapping[str, Any]) -> list[str]:
    version = tx.world.settings["finance.application_build"]
    form = "Name: {0} | Version: {1} | Module: {0} | Publisher: Microsoft Corporation | DisplayName: {0}"
    return [form.format(name, version) for name in ("ApplicationSuite", "Dimensions", "ProjectOperations")]


# (entity set, action): what it does, and the type of its answer ("" for none).
ACTIONS: Mapping[tuple[str, str], tuple[Action, str]] = {
    ("DataManagementEntities", "GetApplicationVersion"): (_setting("finance.application_version"), "Edm.String"),
    ("DataManagementEntities", "GetApplicationBuildVersion"): (_setting("finance.application_build"), "Edm.String"),
    ("DataManagementEntities", "GetPlatformBuildVersion"): (_setting("finance.platform_build"), "Edm.String"),
    ("DataManagementDefinitionGroups", "InitializeDataManagement"): (_initialize, ""),
    ("DualWriteProjectConfigurations", "ValidateCurrentUserRole"): (lambda tx, body: True, "Edm.Boolean"),
    ("SystemNotifications", "GetInstalledModules"): (_modules, "Collection(Edm.String)"),
}
