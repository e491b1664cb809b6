"""Who exists in the sandbox's tenant: applications with their credentials, users, and the resources tokens are for."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from cryptography import x509

# A fixed namespace, so that object ids are the same in every run.
_NAMESPACE = uuid.UUID("6f1d2c9e-35a7-4a53-9a53-8a0f9f6c2d10")


@dataclass(frozen=True, slots=True)
class Federation:
    """A trust in another issuer: its tokens for this subject and audience stand for the application."""

    issuer: str
    subject: str
    public_key_pem: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True)
class Client:
    """An application. public: may sign people in without a credential of its own (device code, refresh token)."""

    client_id: str
    name: str
    secrets: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    federations: tuple[Federation, ...] = ()
    public: bool = True

    @property
    def object_id(self) -> str:
        """Id of the application's service principal."""
        return str(uuid.uuid5(_NAMESPACE, f"client {self.client_id}"))


@dataclass(frozen=True, slots=True)
class User:
    """A person who can sign in."""

    name: str
    upn: str
    password: str = ""

    @property
    def object_id(self) -> str:
        """The person's object id."""
        return str(uuid.uuid5(_NAMESPACE, f"user {self.upn}"))


class Directory:
    """One tenant."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self._clients: dict[str, Client] = {}
        self._users: dict[str, User] = {}
        self._resources: dict[str, str] = {}
        self._lock = threading.Lock()

    def add_client(self, client: Client) -> None:
        """Register an application, or replace it."""
        with self._lock:
            self._clients[client.client_id.lower()] = client

    def add_user(self, user: User) -> None:
        """Add a person; the first one approves device codes unless another is named."""
        with self._lock:
            self._users[user.upn.lower()] = user

    def add_resource(self, identifier: str, service: str) -> None:
        """Let tokens be asked for `identifier`; `service` accepts them."""
        with self._lock:
            self._resources[same_resource(identifier)] = service

    def register(
        self, client_id: str, *, secret: str = "", certificate: str = "", federation: Federation | None = None
    ) -> None:
        """Give an application one more credential. Raises KeyError, ValueError for no PEM."""
        client = self._clients[client_id.lower()]
        if certificate:
            x509.load_pem_x509_certificate(certificate.encode())
        self.add_client(
            replace(
                client,
                secrets=(*client.secrets, secret) if secret else client.secrets,
                certificates=(*client.certificates, certificate) if certificate else client.certificates,
                federations=(*client.federations, federation) if federation else client.federations,
            )
        )

    def client(self, client_id: str) -> Client | None:
        """The application with this id."""
        return self._clients.get(client_id.lower())

    def user(self, upn: str = "") -> User | None:
        """The person with this name, or the first one."""
        return self._users.get(upn.lower()) if upn else next(iter(self._users.values()), None)

    def service_of(self, resource: str) -> str | None:
        """The service that accepts tokens for a resource; None if the tenant doesn't know it."""
        return self._resources.get(same_resource(resource))


def same_resource(identifier: str) -> str:
    """A resource identifier in the one form it is compared in: both names of loopback are the same."""
    try:
        parts = urlsplit(identifier.lower())
    except ValueError:
        return identifier.lower()
    host = parts.netloc.replace("127.0.0.1", "localhost")
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}" if parts.scheme and host else identifier.lower()
