"""Where a running sandbox is found and how somebody gets in: what `sandbox.json` says.

`inventory` writes the same for the product; other people's clients and scripts read the json.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.sandbox.seeding.identities import GATEWAY_CLIENT, Identities

SERVICES = ("entra", "dataverse", "finance", "dualwrite", "admin")
DETAILS_FILE = "sandbox.json"
CA_FILE = "ca.pem"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The five listeners' ports, in the order of SERVICES."""

    ports: tuple[int, ...]

    def url(self, service: str) -> str:
        """The base URL of a service, without a trailing slash. Raises ValueError for an unknown one."""
        return f"https://localhost:{self.ports[SERVICES.index(service)]}"


def details(directory: Path, addresses: Addresses, people: Identities, pid: int) -> dict[str, Any]:
    """What a client needs to know of a running sandbox."""
    return {
        "dataverse_url": addresses.url("dataverse"),
        "finance_url": addresses.url("finance"),
        "dualwrite_url": addresses.url("dualwrite"),
        "admin_url": addresses.url("admin"),
        "entra_url": addresses.url("entra"),
        "environment_id": people.environment,
        "authority": f"{addresses.url('entra')}/{people.tenant}",
        "tenant_id": people.tenant,
        "client_id": people.client_id,
        "client_secret": people.client_secret,
        "dualwrite_client_id": GATEWAY_CLIENT,
        "refresh_token": people.refresh_token,
        "ca_file": str(directory / CA_FILE),
        "inventory": str(directory / "inventory"),
        "pid": pid,
    }


def write_details(directory: Path, values: dict[str, Any]) -> Path:
    """Write `sandbox.json`, readable by its owner only: it holds the secrets of the sandbox."""
    path = directory / DETAILS_FILE
    write_private(path, json.dumps(values, indent=2) + "\n")
    return path


def read_details(directory: Path) -> dict[str, Any] | None:
    """What `sandbox.json` says, or None if there is none that can be read."""
    try:
        loaded = json.loads((directory / DETAILS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at once and whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
