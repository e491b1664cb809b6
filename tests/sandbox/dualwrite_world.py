"""A small company whose two sides are linked: its gateway over real sockets, and what happened on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from statecfg.sandbox.certificates import certificates
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite.compose import DualWrite
from statecfg.sandbox.dualwrite.gateway import RESOURCE
from statecfg.sandbox.dualwrite.seed import seed_maps
from statecfg.sandbox.entra.directory import Client, Directory, User
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance import posting
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.listeners import Listeners, bound_sockets
from statecfg.sandbox.world import World
from tests.sandbox.project_world import MILESTONE, milestone, project_world

TENANT = "7f3d1c52-9d0e-4d1f-8f55-0c6b7a2f9f11"
ENVIRONMENT = "0a6bb8a2-3c55-4a2c-9d2f-93d2a1c9b001"
MANAGEMENT = "/api/DualWriteManagement/1.0"
TIMEOUT_S = 20

MILESTONES = "msdyn_contractlinescheduleofvalues - Project Operations integration contract line milestones"
ACTUALS = "msdyn_actuals - Project Operations integration actuals"
INVOICES = "invoices - Project invoice proposal V2"
CUSTOMERS = "accounts - Customers V3"
CONTRACT_LINES = "salesorderdetails - Project contract lines"

FINANCE_MILESTONES = "fo.ProjectContractLineMilestones"
RUNTIME_ROWS = "msdyn_dualwriteruntimeconfig"
CONFIGURATIONS = "fo.DualWriteProjectConfigurations"

START, STOP, PAUSE, RESUME, CREATE_PROJECT = "1", "4", "5", "6", "8"
SKIP = {"skipInitialSync": True, "conflictResolution": {"option": "1", "master": "CRM"}}
SYNC = {"skipInitialSync": False, "conflictResolution": {"option": "1", "master": "CRM"}}


def linked_world(**settings: Any) -> tuple[World, DualWrite]:
    """The company with every map of the catalogue in it."""
    world = project_world(**settings)
    posting.declare_settings(world)
    dual_write = DualWrite(world)
    with world.transaction() as tx:
        seed_maps(tx, ENVIRONMENT)
    return world, dual_write


@dataclass
class Link:
    """One linked company, seen by a client of the gateway and from behind."""

    world: World
    dual_write: DualWrite
    kernel: Kernel
    session: requests.Session
    url: str
    tokens: Tokens
    directory: Directory
    cid: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call, with a person's token."""
        given = {"json": body} if body is not None else {}
        return self.session.request(method, self.url + path, headers=self.headers, timeout=TIMEOUT_S, **given, **more)

    def get(self, path: str) -> Any:
        """The JSON of a call that must succeed."""
        answer = self.send("GET", MANAGEMENT + path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def maps(self) -> list[dict[str, Any]]:
        """The map list."""
        return self.get(f"/Entities?targetType=AX&cid={self.cid}")

    def map(self, tname: str = MILESTONES) -> dict[str, Any]:
        """One map's detail."""
        return next(each["detail"] for each in self.maps() if each["detail"]["tName"] == tname)

    def state(self, tname: str = MILESTONES) -> str:
        """One map's state, as the gateway says."""
        return self.map(tname)["state"]

    def ask(self, action: str, *tnames: str, **more: Any) -> str:
        """Send one request for maps; its id."""
        details = []
        for tname in tnames or (MILESTONES,):
            found = self.map(tname)
            parameters = {"parameters": more["parameters"]} if "parameters" in more else {}
            template = more.get("template", found["tid"])
            details.append({"tid": template, "pid": found["pid"], "cid": self.cid, **parameters})
        answer = self.send("POST", f"{MANAGEMENT}/Start", {"action": action, "details": details})
        assert answer.status_code == 200, answer.text
        return answer.json()["requestId"]

    def poll(self, request: str) -> list[dict[str, Any]]:
        """The request's entries, one a map, as Status gives them."""
        maps = self.get(f"/Status/{request}")
        return [next(r for r in m["detail"]["lastRequests"] if r["requestId"] == request) for m in maps]

    def wait(self, request: str) -> list[dict[str, Any]]:
        """Poll a request until none of its entries waits."""
        for _ in range(20):
            entries = self.poll(request)
            if all(entry["state"] != "1" for entry in entries):
                return entries
        raise AssertionError("the request never ends")

    def do(self, action: str, *tnames: str, **more: Any) -> list[dict[str, Any]]:
        """Send a request, wait for it, and demand that it succeeded."""
        entries = self.wait(self.ask(action, *tnames, **more))
        assert [entry["state"] for entry in entries] == ["2"] * len(entries), entries
        return entries

    def stop(self, *tnames: str) -> None:
        """Stop maps."""
        self.do(STOP, *tnames)

    def start(self, *tnames: str, **parameters: Any) -> None:
        """Start maps without initial sync."""
        self.do(START, *tnames, parameters={**SKIP, **parameters})

    def start_error(self, tname: str = MILESTONES) -> str:
        """Start a map that cannot start; what its request says."""
        (entry,) = self.wait(self.ask(START, tname, parameters=SKIP))
        assert entry["state"] == "3"
        return str(entry["errorMessage"])

    def switch(self, template: str, tname: str = MILESTONES) -> requests.Response:
        """Choose a version."""
        pid = self.map(tname)["pid"]
        path = f"{MANAGEMENT}/SolutionAware/{self.cid}/SwitchActive/{template}?pid={pid}"
        return self.send("POST", path, data=template, params=None)

    def refresh(self, tname: str = MILESTONES) -> requests.Response:
        """Refresh tables."""
        project = self.get(f"/{self.map(tname)['pid']}/FieldMappings")["name"]
        return self.send("POST", f"/api/Project/{project}/Refresh", {"tokens": [""]})

    def version(self, number: str, publisher: str = "Microsoft", tname: str = MILESTONES) -> str:
        """The id of a version on offer."""
        found = [t for t in self.map(tname)["templates"] if (t["author"], numbered(t)) == (publisher, number)]
        assert len(found) == 1, found
        return found[0]["id"]

    def control(self, method: str, name: str, body: Any = None) -> requests.Response:
        """A call of the sandbox's own path."""
        return self.session.request(method, f"{self.url}/__sandbox/{name}", json=body, timeout=TIMEOUT_S)

    def settings(self, **changes: Any) -> None:
        """Turn knobs; `__` in a name stands for a dot."""
        answer = self.control("PATCH", "settings", {name.replace("__", "."): v for name, v in changes.items()})
        assert answer.status_code == 200, answer.text

    def rows(self, table: str, **equals: Any) -> list[dict[str, Any]]:
        """Rows of the world."""
        with self.world.reading() as tx:
            return tx.find(table, **equals) if equals else list(tx.select(table))

    def witness(self, table: str, tname: str = MILESTONES) -> list[dict[str, Any]]:
        """The rows of a witness for one map, read as a client's request would."""
        service = "finance" if table.startswith("fo.") else "dataverse"
        path = "/data/DualWriteProjectConfigurations" if table.startswith("fo.") else f"/{RUNTIME_ROWS}s"
        self.world.hooks.before_request(service, "GET", path)
        label, entity_set = tname.partition(" - ")[2], tname.partition(" - ")[0]
        if table.startswith("fo."):
            return self.rows(table, InternalEntityName=label, ExternalEntityName=entity_set)
        found = self.rows(table, msdyn_externalentityname=label)
        return [r for r in found if json.loads(r["msdyn_unsecure"])["SourceEntityName"] == entity_set]

    def create(self, *values: dict[str, Any], table: str = MILESTONE) -> list[dict[str, Any]]:
        """Rows created in Dataverse by somebody."""
        with self.world.transaction() as tx:
            return records.create_many(tx, table, values)

    def change(self, row: dict[str, Any], table: str = MILESTONE, **changes: Any) -> None:
        """A row changed in Dataverse by somebody."""
        with self.world.transaction() as tx:
            records.update(tx, table, row[f"{table}id"], changes)

    def in_finance(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """F&O's row of a milestone."""
        found = self.rows(FINANCE_MILESTONES, ContractLineMilestoneGuid=row["msdyn_contractlinescheduleofvalueid"])
        assert len(found) <= 1
        return found[0] if found else None

    def save_as(self, version: str = "1.0.0.8", pairs: dict[str, str] | None = None, **more: Any) -> str:
        """What a person does for the cutover: add the TRANSSTATUS line and save; the version's id."""
        line = cutover_line(pairs or {"4": "192350001"})
        body = {"map": "milestones", "version": version, "description": "cutover", "mappings": [line], **more}
        answer = self.control("POST", "save-as", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def run_cutover_version(self, **pairs: str) -> None:
        """Bring the milestone map to a running version with the TRANSSTATUS line."""
        self.stop()
        self.refresh()
        self.save_as(pairs={k.lstrip("_"): v for k, v in pairs.items()} or None)
        self.start()


def numbered(template: dict[str, Any]) -> str:
    """A version's number as text."""
    return ".".join(str(template["version"][part]) for part in ("major", "minor", "build", "revision"))


def cutover_line(pairs: dict[str, str]) -> dict[str, Any]:
    """The line that the cutover adds."""
    transform = {"transformType": "ValueMap", "valueMap": pairs, "createValuesOnDestination": False}
    return {
        "syncDirection": 2,
        "sourceField": "TRANSSTATUS",
        "destinationField": "msdyn_invoicestatus",
        "isSystemGenerated": False,
        "valueTransforms": [transform],
    }


@contextmanager
def running_link(directory: Path, **settings: Any) -> Iterator[Link]:
    """A linked company with a listening gateway; what it is at this moment is kept as snapshot `fresh`."""
    world, dual_write = linked_world(**{"gateway.request_reads": 0, "gateway.catch_up_reads": 0, **settings})
    kernel, tenant = Kernel(world), Directory(TENANT)
    tokens = Tokens(tenant)
    kernel.serve(dual_write.gateway(tokens, lambda service: f"https://localhost/{service}"))
    dual_write.register(kernel.control)
    tenant.add_resource(RESOURCE, "dualwrite")
    kept = certificates(directory)
    listeners = Listeners(kernel, bound_sockets(["dualwrite"], 0), kept)
    listeners.start()
    session = requests.Session()
    session.trust_env = False
    session.verify = str(kept.ca_file)
    url = f"https://localhost:{listeners.ports['dualwrite']}"
    link = Link(world, dual_write, kernel, session, url, tokens, tenant)
    link.headers = {"Authorization": f"Bearer {persons_token(link)}"}
    link.cid = link.get("/Environments?targetType=AX&identifier=localhost")[0]["cid"]
    world.snapshot("fresh")
    try:
        yield link
    finally:
        session.close()
        listeners.close()
        world.close()


def persons_token(link: Link, resource: str = RESOURCE) -> str:
    """An access token of a person."""
    person = User("Dana", "dana@contoso.example")
    return link.tokens.access_token("https://issuer", resource, Client("c", "client"), person, 3600)


def app_token(link: Link) -> str:
    """An access token of an application alone."""
    return link.tokens.access_token("https://issuer", RESOURCE, Client("c", "client"), None, 3600)


__all__ = ["MILESTONE", "milestone"]
