"""Actions and functions by name: the ones every environment has, and what other parts of the sandbox register.

Source: reference/dataverse.md, "Functions and actions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.bulkdelete import bulk_delete
from statecfg.sandbox.dataverse.catalog import BY_NAME
from statecfg.sandbox.dataverse.definitions import LANGUAGE
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.names import NAMES
from statecfg.sandbox.dataverse.privileges import user_privileges
from statecfg.sandbox.wire import MalformedJson, json_value, split_outside_quotes
from statecfg.sandbox.world import Refused, Row, Tx

Action = Callable[[Tx, str | None, Mapping[str, Any]], Mapping[str, Any] | None]
Parameters = Mapping[str, Any]
Function = Callable[[Tx, Exchange, Parameters], Mapping[str, Any]]
BoundFunction = Callable[[Row], Mapping[str, Any]]

VERSION = "9.2.25063.00180"
# What clients are known to send besides. Source: reference/dataverse.md, "What third-party clients send".
_NOT_EMULATED = ("CreateEntities", "RetrieveMetadataChanges")


@dataclass(slots=True)
class Environment:
    """What the environment says of itself. authority: Entra's address of the tenant. finance_url: "" if not linked."""

    environment_id: str = ""
    tenant_id: str = ""
    organization_name: str = "Contoso"
    finance_url: str = ""
    authority: str = "https://login.microsoftonline.com/common"


@dataclass(frozen=True, slots=True)
class Operations:
    """The registry. Actions by (table, name), the table "" for unbound ones; functions by name, bound ones by both."""

    environment: Environment = field(default_factory=Environment)
    actions: dict[tuple[str, str], Action] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    bound_functions: dict[tuple[str, str], BoundFunction] = field(default_factory=dict)

    def register(self, table: str, name: str, action: Action) -> None:
        """Offer an action, bound to records of `table`, or unbound if it is ""."""
        self.actions[table, name] = action

    def action(self, table: str, name: str) -> Action:
        """The action of this name. Raises Refused."""
        found = self.actions.get((table, name))
        if found is None:
            raise missing_operation(name)
        return found


def missing_operation(name: str) -> Refused:
    """The error for an operation that isn't offered: the service has it, or nobody does."""
    if name in _NOT_EMULATED:
        return errors.bad_uri(f"{name} is not emulated by this sandbox.", 501)
    return errors.unknown_resource(name)


def operations(environment: Environment) -> Operations:
    """A registry with what every environment has."""
    known = Operations(environment)
    known.register("", "BulkDelete", bulk_delete)
    known.functions["WhoAmI"] = _who_am_i
    known.functions["RetrieveAvailableLanguages"] = lambda tx, exchange, given: {"LocaleIds": [LANGUAGE]}
    known.bound_functions["systemuser", "RetrieveUserPrivileges"] = user_privileges
    known.functions["RetrieveVersion"] = lambda tx, exchange, given: {"Version": VERSION}
    known.functions["RetrieveTotalRecordCount"] = _total_record_count
    known.functions["RetrieveCurrentOrganization"] = lambda tx, exchange, given: _organization(
        tx, exchange, environment
    )
    known.functions["RetrieveFinanceAndOperationsIntegrationDetails"] = lambda tx, exchange, given: _finance(
        environment
    )
    return known


def parameters(arguments: str, aliases: Mapping[str, str]) -> Parameters:
    """A function's parameters by name, aliases replaced. Raises Refused."""
    found: dict[str, Any] = {}
    for part in split_outside_quotes(arguments, ","):
        name, equals, text = part.partition("=")
        if not equals:
            if part.strip():
                raise errors.bad_uri(f"Bad Request - Error in query syntax at '{part}'.")
            continue
        text = text.strip()
        if text.startswith("@"):
            if text not in aliases:
                raise errors.bad_uri(f"The parameter alias '{text}' is not defined.")
            text = aliases[text]
        found[name.strip()] = _parameter(text.strip())
    return found


def entity_of(result: Row) -> str:
    """The entity set of an action's result if it is a whole record of one table, else ""."""
    for table in BY_NAME.values():
        if (
            table.key[0] in result
            and len(result) == len(table.columns)
            and all(c.name in result for c in table.columns)
        ):
            return table.entity_set
    return ""


def _parameter(text: str) -> Any:
    """A literal: JSON, a text in single quotes, an enum member, or a bare word."""
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    member = re.fullmatch(r"[\w.]+'([^']*)'", text)
    if member:
        return member[1]
    try:
        return json_value(text.replace("'", '"') if text.startswith("{") else text)
    except MalformedJson:
        return text


def _who_am_i(tx: Tx, exchange: Exchange, _given: Parameters) -> dict[str, Any]:
    user = tx.get("systemuser", exchange.user) or {}
    unit = next(tx.select("businessunit", limit=1), {"businessunitid": None})
    organization = next(tx.select("organization", limit=1), {"organizationid": None})
    return {
        "BusinessUnitId": user.get("businessunitid") or unit["businessunitid"],
        "UserId": exchange.user,
        "OrganizationId": organization["organizationid"],
    }


def _total_record_count(tx: Tx, _exchange: Exchange, given: Parameters) -> dict[str, Any]:
    names = given.get("EntityNames")
    if not isinstance(names, list) or not all(isinstance(name, str) and name in NAMES for name in names):
        raise errors.bad_uri("The parameter EntityNames must list logical names of tables.")
    counts = [tx.connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in names]  # noqa: S608
    return {
        "EntityRecordCountCollection": {
            "Count": len(names),
            "IsReadOnly": False,
            "Keys": names,
            "Values": counts,
        }
    }


def _organization(tx: Tx, exchange: Exchange, environment: Environment) -> dict[str, Any]:
    organization = next(tx.select("organization", limit=1), {"organizationid": None})
    base = exchange.request.base
    endpoints = {"WebApplication": f"{base}/", "OrganizationDataService": f"{exchange.root}/"}
    name = environment.organization_name
    return {
        "Detail": {
            "OrganizationId": organization["organizationid"],
            "FriendlyName": name,
            "OrganizationVersion": VERSION,
            "EnvironmentId": environment.environment_id,
            "DatacenterId": "00000000-0000-0000-0000-000000000000",
            "Geo": "EMEA",
            "TenantId": environment.tenant_id,
            "UrlName": name.lower(),
            "UniqueName": f"unq{name.lower()}",
            "Endpoints": {
                "Count": len(endpoints),
                "IsReadOnly": False,
                "Keys": list(endpoints),
                "Values": list(endpoints.values()),
            },
            "State": "Enabled",
        }
    }


def _finance(environment: Environment) -> dict[str, Any]:
    if not environment.finance_url:
        message = "The environment is not linked with Finance and Operations."
        raise Refused(errors.INVALID_ARGUMENT, message, 400)
    return {
        "Id": environment.environment_id,
        "TenantId": environment.tenant_id,
        "Url": environment.finance_url,
    }
