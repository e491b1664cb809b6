"""A Dataverse alone behind a real TLS listener, with a few rows, for the tests of the Web API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from statecfg.sandbox.certificates import certificates
from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dataverse.operations import Environment
from statecfg.sandbox.dataverse.service import Dataverse, prepare
from statecfg.sandbox.entra.directory import Client, Directory, User
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.listeners import Listeners, bound_sockets
from statecfg.sandbox.world import World

TENANT = "7f3d1c52-9d0e-4d1f-8f55-0c6b7a2f9f11"
APP = Client("11111111-2222-4333-8444-555555555555", "statecfg")
ADA = User("Ada Sommer", "ada@contoso.example")
MILESTONES = "msdyn_contractlinescheduleofvalues"
MILESTONE_ID = "msdyn_contractlinescheduleofvalueid"


@dataclass
class Place:
    world: World
    kernel: Kernel
    dataverse: Dataverse
    tokens: Tokens
    session: requests.Session
    url: str
    ids: dict[str, str]

    @property
    def api(self) -> str:
        return f"{self.url}/api/data/v9.2"

    def token(self, user: User | None = None) -> str:
        return self.tokens.access_token("https://issuer", self.url, APP, user, 3600)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request; header names with underscores; a path without host follows the API's root."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = path if path.startswith("https://") else f"{self.api}/{path}"
        return self.session.request(method, address, json=body, headers=named, timeout=30)

    def get(self, path: str, **headers: str) -> Any:
        answer = self.send("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def values(self, path: str, **headers: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **headers)["value"]
        return found

    def create(self, entity_set: str, body: Mapping[str, Any]) -> str:
        answer = self.send("POST", entity_set, dict(body))
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def refused(self, answer: requests.Response) -> tuple[int, str, str]:
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]


def seed(world: World) -> dict[str, str]:
    """Users, a company, two currencies, an account, a contract with a line."""
    with world.transaction() as tx:
        unit = tx.insert("businessunit", {"name": "Contoso"})["businessunitid"]
        for user, name, application, upn in (
            (records.SYSTEM_USER, "SYSTEM", None, None),
            ("00000000-0000-4000-8000-0000000000aa", "# statecfg", APP.client_id, None),
            ("00000000-0000-4000-8000-0000000000ab", ADA.name, None, ADA.upn),
        ):
            row = {"systemuserid": user, "fullname": name, "applicationid": application, "domainname": upn}
            tx.insert("systemuser", {**row, "businessunitid": unit})
        euro = {"currencyname": "Euro", "isocurrencycode": "EUR", "currencysymbol": "€", "exchangerate": 1}
        eur = records.create(tx, "transactioncurrency", euro)["transactioncurrencyid"]
        dollar = {"currencyname": "US Dollar", "isocurrencycode": "USD", "currencysymbol": "$", "exchangerate": 2}
        usd = records.create(tx, "transactioncurrency", dollar)["transactioncurrencyid"]
        tx.insert("organization", {"name": "Contoso", "basecurrencyid": eur})
        account = records.create(tx, "account", {"name": "Fabrikam", "accountnumber": "F-1"})["accountid"]
        contract = records.create(
            tx,
            "salesorder",
            {"name": "Contract 1", "ordernumber": "C-1", "transactioncurrencyid": eur, "customerid": account,
             "customeridtype": "account", "msdyn_ordertype": 192350001},
        )["salesorderid"]  # fmt: skip
        line = records.create(tx, "salesorderdetail", {"salesorderid": contract, "salesorderdetailname": "Line 1"})
    return {"eur": eur, "usd": usd, "account": account, "contract": contract, "line": line["salesorderdetailid"]}


@contextmanager
def place(directory: Path) -> Iterator[Place]:
    world = World()
    prepare(world)
    tenant = Directory(TENANT)
    tenant.add_client(APP)
    tenant.add_user(ADA)
    tokens = Tokens(tenant)
    kernel = Kernel(world)
    kernel.expire_token = tokens.expire
    environment = Environment("e" * 8, TENANT, finance_url="https://localhost:1/")
    dataverse = Dataverse(world, tokens, environment)
    dataverse.offer_edits(kernel)
    kernel.serve(dataverse)
    kept = certificates(directory)
    listeners = Listeners(kernel, bound_sockets(["dataverse"], 0), kept)
    url = f"https://localhost:{listeners.ports['dataverse']}"
    tenant.add_resource(url, "dataverse")
    listeners.start()
    session = requests.Session()
    session.trust_env = False
    session.verify = str(kept.ca_file)
    made = Place(world, kernel, dataverse, tokens, session, url, seed(world))
    dataverse.install()
    session.headers["Authorization"] = f"Bearer {made.token()}"
    world.snapshot("seeded")
    try:
        yield made
    finally:
        session.close()
        listeners.close()
        world.close()
