"""A seeded sandbox with the product's own clients on it, for tests that need both ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statecfg.clients.connect import Clients, connect
from statecfg.model.environment import Admin, Auth, Environment, Secret, SignIn
from statecfg.model.events import Event
from statecfg.sandbox.server import Sandbox

VARIABLES = ("client_secret", "refresh_token")


@dataclass(slots=True)
class Company:
    """A running sandbox. told, events: what its clients said to a person and to listeners."""

    sandbox: Sandbox
    directory: Path
    told: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def environment(self, dataverse: SignIn | None = None, dualwrite: SignIn | None = None) -> Environment:
        """The environment as an inventory would describe it."""
        details = self.sandbox.details
        return Environment(
            name="sandbox",
            environment_class="sandbox",
            dataverse=details["dataverse_url"],
            finance=details["finance_url"],
            dualwrite=details["dualwrite_url"],
            tenant=details["tenant_id"],
            authority=self.sandbox.url("entra"),
            ca_file=details["ca_file"],
            admin=Admin(details["admin_url"], details["environment_id"]),
            auth=Auth(dataverse or self.by_secret, dualwrite or self.by_refresh_token),
        )

    @property
    def by_secret(self) -> SignIn:
        return SignIn(self.sandbox.details["client_id"], client_secret=Secret(env="client_secret"))

    @property
    def by_refresh_token(self) -> SignIn:
        return SignIn(self.sandbox.details["dualwrite_client_id"], refresh_token=Secret(env="refresh_token"))

    @contextmanager
    def clients(
        self,
        *,
        dataverse: SignIn | None = None,
        dualwrite: SignIn | None = None,
        tell: Callable[[str], None] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Iterator[Clients]:
        """Clients of this company, with a token cache of their own directory."""
        made = connect(
            self.environment(dataverse, dualwrite),
            tell=tell or self.told.append,
            cache_dir=self.directory / "tokens",
            emit=self.events.append,
            variables={**{name: self.sandbox.details[name] for name in VARIABLES}, **(variables or {})},
        )
        try:
            yield made
        finally:
            made.close()

    def fault(self, effect: str, **more: Any) -> None:
        """Ask the sandbox for a fault."""
        self.sandbox.world.faults.add({"effect": effect, **more})

    def heal(self) -> None:
        """Take back every fault."""
        self.sandbox.world.faults.clear()

    def requests(self, service: str, path: str = "") -> list[Mapping[str, Any]]:
        """What the sandbox logged for a service."""
        return [one for one in self.sandbox.kernel.log.entries() if one["service"] == service and path in one["path"]]
