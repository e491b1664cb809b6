"""The Power Platform admin API: whether an environment is in administration mode, with background operations or not.

One read. Source: reference/project-operations.md, "Maintenance mode"; reference/finance-and-operations.md 8.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from statecfg.clients.transport import Request, Transport
from statecfg.model.errors import Unavailable

ADMINISTRATION_MODE = "AdminMode"
OPEN = "Enabled"
ON = "Enabled"
OFF = "Disabled"

ENVIRONMENTS = "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments"


@dataclass(frozen=True, slots=True)
class AdminState:
    """runtime: `AdminMode` or `Enabled`. background_operations: `Enabled` or `Disabled`. "" = not said.

    dataverse, finance: the addresses of both ends as the platform has them, without a slash at the end; "" = not said.
    """

    runtime: str
    background_operations: str
    dataverse: str = ""
    finance: str = ""


class PowerPlatform:
    """The admin API for one environment. environment: its id there."""

    def __init__(self, transport: Transport, url: str, environment: str, *, api_version: str = "2021-04-01") -> None:
        self._transport = transport
        self._address = (
            f"{url.rstrip('/')}{ENVIRONMENTS}/{quote(environment, safe='')}?api-version={quote(api_version)}"
        )

    def environment(self) -> AdminState:
        """How the environment runs now. Raises NotFound, Forbidden; Unavailable for an answer without properties."""
        answer = self._transport.send(Request("admin", "GET", self._address, {"Accept": "application/json"}))
        properties = _within(answer.value, "properties")
        if not properties:
            raise Unavailable("the admin API answered without the environment's properties", where=self._address)
        linked = _within(properties, "linkedEnvironmentMetadata")
        return AdminState(
            runtime=_text(_within(_within(properties, "states"), "runtime"), "id"),
            background_operations=_text(linked, "backgroundOperationsState"),
            dataverse=_text(linked, "instanceUrl").rstrip("/"),
            finance=_text(_within(properties, "linkedAppMetadata"), "url").rstrip("/"),
        )


def _within(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
