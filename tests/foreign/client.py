"""Somebody else's HTTP client: the cutover by hand, with `requests` and what `sandbox.json` says, nothing else.

It knows neither the product nor the sandbox's code, only the services' wire, so that what the sandbox shows can't come
from a fact that both share. It guards nothing: it does the steps in whatever order it is told.
Source of the wire: reference/dual-write.md, "Endpoints"; reference/project-operations.md, "Established actions".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests

MILESTONES = "msdyn_contractlinescheduleofvalues - Project Operations integration contract line milestones"
ACTUALS = "msdyn_actuals - Project Operations integration actuals"
INVOICES = "invoices - Project invoice proposal V2"
THREE = (MILESTONES, ACTUALS, INVOICES)

NOT_READY, READY, CREATED, POSTED = 192350000, 192350001, 192350002, 192350003
DRAFT, CONFIRMED = 192350000, 192350002
BILLED_SALES, UNBILLED_SALES = 192350006, 192350005
CLASS_TIME, CLASS_MILESTONE = 192350000, 192350003
READY_TO_INVOICE = 192350004
WORK_BASED = 192350001

MANAGE = "/api/DualWriteManagement/1.0"
GATEWAY_SCOPE = "https://IntegratorApp.com/.default openid profile offline_access"
START, STOP, PAUSE, RESUME = "1", "4", "5", "6"
RUNNING, PAUSED, STOPPED = "4", "5", ("0", "1", "6")
WAITING, COMPLETED = "1", "2"
CUTOVER_LINE = {
    "syncDirection": 2,
    "sourceField": "TRANSSTATUS",
    "destinationField": "msdyn_invoicestatus",
    "isSystemGenerated": False,
    "valueTransforms": [
        {"transformType": "ValueMap", "valueMap": {"4": str(READY)}, "createValuesOnDestination": False}
    ],
}

Row = dict[str, Any]


class Refused(Exception):
    """A service said no. status: HTTP status; text: its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status
        self.text = text


class Client:
    """One signed-in person with a terminal. details: what `sandbox.json` says."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        self._details = details
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = details["ca_file"]
        self._tokens: dict[str, str] = {}
        self._connection = ""

    def close(self) -> None:
        self._session.close()

    # Sign-in and plain calls

    def token(self, service: str) -> str:
        """An access token for dataverse, finance or dualwrite, asked for once."""
        if service not in self._tokens:
            form = self._by_refresh_token() if service == "dualwrite" else self._by_secret(service)
            url = f"{self._details['authority']}/oauth2/v2.0/token"
            self._tokens[service] = _json(self._session.post(url, data=form, timeout=30))["access_token"]
        return self._tokens[service]

    def sign_in_again(self) -> None:
        """Ask for new tokens with the next requests: the old ones end with the world's clock."""
        self._tokens.clear()

    def _by_secret(self, service: str) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._details["client_id"],
            "client_secret": self._details["client_secret"],
            "scope": f"{self._details[f'{service}_url']}/.default",
        }

    def _by_refresh_token(self) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "client_id": self._details["dualwrite_client_id"],
            "refresh_token": self._details["refresh_token"],
            "scope": GATEWAY_SCOPE,
        }

    def call(self, service: str, method: str, path: str, body: Any = None, **params: str) -> Any:
        """One request with a token; its JSON, numbers with a fraction as Decimal, or None. Raises Refused."""
        url = path if path.startswith("https:") else f"{self._details[f'{service}_url']}{path}"
        headers = {"Authorization": f"Bearer {self.token(service)}", "Accept": "application/json"}
        return _json(self._session.request(method, url, params=params, json=body, headers=headers, timeout=60))

    def screen(self, method: str, name: str, body: Any = None) -> Any:
        """What people do at a screen and no API offers, on the sandbox's own path. Raises Refused."""
        url = f"{self._details['dataverse_url']}/__sandbox/{name}"
        return _json(self._session.request(method, url, json=body, timeout=60))

    # Dual-write maps

    def maps(self) -> dict[str, Row]:
        """Every table map by its name."""
        found = self.call("dualwrite", "GET", f"{MANAGE}/Entities", targetType="AX", cid=self.connection)
        return {row["detail"]["tName"]: row for row in found}

    @property
    def connection(self) -> str:
        """The id of the link to F&O."""
        if not self._connection:
            host = urlsplit(self._details["finance_url"]).hostname or ""
            found = self.call("dualwrite", "GET", f"{MANAGE}/Environments", targetType="AX", identifier=host)
            self._connection = found[0]["cid"]
        return self._connection

    def state(self, name: str) -> str:
        """The state code of a map."""
        return str(self.maps()[name]["detail"]["state"])

    def version(self, name: str) -> tuple[str, str, str]:
        """The active version of a map: publisher, number, id."""
        template = self.maps()[name]["detail"]["template"]
        return template["author"], numbered(template), template["id"]

    def stop(self, *names: str) -> None:
        self._change(STOP, names, STOPPED)

    def pause(self, *names: str) -> None:
        self._change(PAUSE, names, (PAUSED,))

    def resume(self, *names: str) -> None:
        self._change(RESUME, names, (RUNNING,))

    def start(self, *names: str, initial_sync: bool = False) -> None:
        """Start maps, each on its active version."""
        master = {"option": "1", "master": "CRM"}
        parameters = {"skipInitialSync": not initial_sync, "conflictResolution": master}
        self._change(START, names, (RUNNING,), parameters)

    def _change(self, action: str, names: Iterable[str], wanted: tuple[str, ...], parameters: Any = None) -> None:
        maps = self.maps()
        details = [self._detail(maps[name]["detail"], parameters) for name in names]
        request = self.call("dualwrite", "POST", f"{MANAGE}/Start", {"action": action, "details": details})
        self._finish(request["requestId"])
        wait(lambda: all(self.maps()[name]["detail"]["state"] in wanted for name in names), f"{wanted} of {names}")

    def _detail(self, detail: Row, parameters: Any) -> Row:
        told = {"parameters": parameters} if parameters else {}
        return {"tid": detail["template"]["id"], "pid": detail["pid"], "cid": self.connection, **told}

    def _finish(self, request_id: str) -> None:
        wait(lambda: self._ended(request_id), f"the request {request_id}")

    def _ended(self, request_id: str) -> bool:
        told = self.call("dualwrite", "GET", f"{MANAGE}/Status/{request_id}")
        mine = [each for row in told for each in row["detail"]["lastRequests"] if each["requestId"] == request_id]
        failed = [each["errorMessage"] for each in mine if each["state"] not in (WAITING, COMPLETED)]
        if failed:
            raise Refused(200, "; ".join(failed))
        return bool(mine) and all(each["state"] == COMPLETED for each in mine)

    def refresh(self, name: str) -> None:
        """Refresh tables."""
        project = self.call("dualwrite", "GET", f"{MANAGE}/{self.maps()[name]['detail']['pid']}/FieldMappings")
        self.call("dualwrite", "POST", f"/api/Project/{project['name']}/Refresh", {"tokens": [""]})

    def switch(self, name: str, version_id: str) -> None:
        """Table map version: make a saved version the active one."""
        pid = self.maps()[name]["detail"]["pid"]
        self.call("dualwrite", "POST", f"{MANAGE}/SolutionAware/{self.connection}/SwitchActive/{version_id}", pid=pid)

    def save_cutover_version(self, number: str = "1.0.0.8") -> str:
        """Add mapping and Save as, which a person does in the designer; the id of the new version."""
        fields = {
            "map": MILESTONES,
            "version": number,
            "description": "Cutover version of the map",
            "mappings": [CUTOVER_LINE],
            "activate": False,
        }
        return str(self.screen("POST", "save-as", fields)["id"])

    # Rows of both sides

    def rows(self, entity_set: str, **options: str) -> list[Row]:
        """Dataverse rows, all pages. options: OData options without the dollar sign."""
        return list(self._pages("dataverse", f"/api/data/v9.2/{entity_set}", options))

    def finance_rows(self, entity_set: str, **options: str) -> list[Row]:
        """F&O rows of every legal entity, all pages."""
        return list(self._pages("finance", f"/data/{entity_set}", {**options, "cross-company": "true"}))

    def _pages(self, service: str, path: str, options: Mapping[str, str]) -> Iterator[Row]:
        params = {name if name == "cross-company" else f"${name}": value for name, value in options.items()}
        page = self.call(service, "GET", path, **params)
        yield from page["value"]
        while link := page.get("@odata.nextLink"):
            page = self.call(service, "GET", link)
            yield from page["value"]

    def create(self, entity_set: str, values: Mapping[str, Any]) -> None:
        self.call("dataverse", "POST", f"/api/data/v9.2/{entity_set}", dict(values))

    def update(self, entity_set: str, key: str, values: Mapping[str, Any]) -> None:
        self.call("dataverse", "PATCH", f"/api/data/v9.2/{entity_set}({key})", dict(values))

    def act(self, entity_set: str, key: str, action: str) -> Any:
        """Call a bound action."""
        return self.call("dataverse", "POST", f"/api/data/v9.2/{entity_set}({key})/Microsoft.Dynamics.CRM.{action}", {})


def numbered(template: Mapping[str, Any]) -> str:
    """A version's number as text."""
    return ".".join(str(template["version"][part]) for part in ("major", "minor", "build", "revision"))


def wait(reached: Any, what: str, deadline_s: float = 10.0) -> None:
    """Look until it is so. Raises TimeoutError."""
    end = time.monotonic() + deadline_s
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"not after {deadline_s} s: {what}")
        time.sleep(0.01)


def _json(answer: requests.Response) -> Any:
    if answer.status_code >= 400:
        raise Refused(answer.status_code, answer.text)
    return answer.json(parse_float=Decimal) if answer.content else None
