"""The ready inventory of a sandbox: one environment in Ansible's shape, so that a phase can be planned at once.

Texts are written as JSON strings, which every YAML reader takes for what they are; paths are absolute.
Variable names are the inventory's own, as docs and shipped inventories have them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from statecfg.sandbox.dualwrite.seed import Original
from statecfg.sandbox.seeding.addresses import CA_FILE, Addresses, write_private
from statecfg.sandbox.seeding.identities import GATEWAY_CLIENT, Identities

ENVIRONMENT = "sandbox"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the inventory says of one seeded world. key: the columns that tell its milestones apart."""

    legal_entities: Sequence[str]
    originals: Sequence[Original]
    cutover_version: str
    count: int
    sums: Mapping[str, Decimal]
    key: Sequence[str]


def write_inventory(directory: Path, addresses: Addresses, people: Identities, facts: Facts) -> Path:
    """Write DIR/inventory with its secrets in DIR/secrets, and return the inventory's directory."""
    secrets = directory / "secrets"
    write_private(secrets / "client_secret", people.client_secret)
    write_private(secrets / "refresh_token", people.refresh_token)
    inventory = directory / "inventory"
    texts = {
        "hosts.yml": _hosts(),
        "group_vars/sandboxes.yml": _group(),
        f"host_vars/{ENVIRONMENT}.yml": _host(directory, addresses, people, facts),
    }
    for name, text in texts.items():
        path = inventory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return inventory


def _hosts() -> str:
    return f"""\
# The one environment of this sandbox: Dataverse and Finance, linked by dual-write.
all:
  children:
    sandboxes:
      hosts:
        {ENVIRONMENT}:
"""


def _group() -> str:
    return """\
# What holds for every sandbox.
class: sandbox
maintenance:
  provider: administration_mode
  background_operations: "on"
async_integration:
  none: {who: "sandbox up", why: "the seeded world has no integration job"}
waits:
  execution_limit_s: 5      # how long the sandbox works on a request whose answer was lost
"""


def _host(directory: Path, addresses: Addresses, people: Identities, facts: Facts) -> str:
    secrets = directory / "secrets"
    return f"""\
# Written by `statecfg sandbox up`; the next `up` writes it again.
dataverse: {_text(addresses.url("dataverse"))}
finance: {_text(addresses.url("finance"))}
dualwrite: {_text(addresses.url("dualwrite"))}
authority: {_text(addresses.url("entra"))}
tenant: {_text(people.tenant)}
ca_file: {_text(directory / CA_FILE)}
admin:
  url: {_text(addresses.url("admin"))}
  environment: {_text(people.environment)}

auth:
  dataverse:                # also for finance and the admin API
    client_id: {_text(people.client_id)}
    client_secret: {{file: {_text(secrets / "client_secret")}}}
  dualwrite:                # takes no app-only token: a person signed in once, this is their refresh token
    client_id: {_text(GATEWAY_CLIENT)}
    refresh_token: {{file: {_text(secrets / "refresh_token")}}}

legal_entities: {_list(facts.legal_entities)}
cutover_version: {_text(facts.cutover_version)}
milestone_file: {_text(directory / "data" / "milestones.csv")}
control:                    # what the legacy system says of the file: invoiced rows, and their sums by currency
  count: {facts.count}
  sum: {_sums(facts.sums)}

maps:
{"".join(_map(original) for original in facts.originals)}
vars:
  milestone_key: {_list(facts.key)}
"""


def _map(original: Original) -> str:
    running = "running" if original.running else "stopped"
    return f"""\
  {original.name}:
    entity_set: {_text(original.entity_set)}
    entity: {_text(original.label)}
    original: {{publisher: {_text(original.publisher)}, number: {_text(original.version)}, running: {running}}}
"""


def _text(value: object) -> str:
    """A YAML text, quoted."""
    return json.dumps(str(value), ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _sums(sums: Mapping[str, Decimal]) -> str:
    return "{" + ", ".join(f"{_text(code)}: {_text(f'{amount:f}')}" for code, amount in sums.items()) + "}"
