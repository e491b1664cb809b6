"""Who and where a sandbox is: tenant, environment, the app that signs in, and the people who work there.

All of it follows from the seed, so that a restart on the same directory keeps every saved secret valid. None of it is
worth stealing: the services answer on loopback only.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from statecfg.sandbox.entra.directory import Client, User
from statecfg.sandbox.seeding.portfolio import NAMESPACE

# The two applications of dual-write itself. Source: reference/dual-write.md, "Run-time behaviour".
DUAL_WRITE_APPS = (
    ("6f7d0213-62b1-43a8-b7f4-ff2bb8b7b452", "Dual-write to Finance and Operations"),
    ("2e49aa60-1bd3-43b6-8ab6-03ada3d9f08b", "Dynamics Data Integration"),
)
# The public client that the gateway's tokens are issued to. Source: reference/dual-write.md, "Sign-in".
GATEWAY_CLIENT = "2e49aa60-1bd3-43b6-8ab6-03ada3d9f08b"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a seat in the environment. id: of the user in Dataverse; the one in Entra is another."""

    id: str
    name: str
    sign_in: str

    @property
    def entra(self) -> User:
        """The same person in Entra."""
        return User(self.name, self.sign_in)


@dataclass(frozen=True, slots=True)
class Identities:
    """Everything that names one sandbox and lets somebody in. seed: what all of it follows from."""

    seed: int
    tenant: str
    environment: str
    business_unit: str
    client_id: str
    client_secret: str
    refresh_token: str
    app_user: str
    administrator: Person
    colleagues: tuple[Person, ...]

    @property
    def application(self) -> Client:
        """The registered app that signs in for statecfg."""
        return Client(self.client_id, "statecfg", secrets=(self.client_secret,))

    @property
    def services(self) -> tuple[Client, ...]:
        """Dual-write's own applications; the second one takes the gateway's delegated tokens."""
        return tuple(Client(app, name) for app, name in DUAL_WRITE_APPS)


def identities(seed: int) -> Identities:
    """The identities of the world with this seed."""

    def made(name: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{seed}/identity/{name}"))

    def person(name: str) -> Person:
        return Person(made(name), name, f"{name.lower().replace(' ', '.')}@contoso.example")

    return Identities(
        seed=seed,
        tenant=made("tenant"),
        environment=made("environment"),
        business_unit=made("business unit"),
        client_id=made("client"),
        client_secret=f"sandbox-secret-{uuid.UUID(made('secret')).hex}",
        refresh_token=f"sandbox-refresh-{uuid.UUID(made('refresh')).hex}",
        app_user=made("app user"),
        administrator=person("Dana Administrator"),
        colleagues=(person("Alex Meyer"), person("Sam Rivera")),
    )
