"""One run of one client against a sandbox: as a child process, with nothing but addresses, credentials and the CA."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.sandbox.server import Sandbox
from tests.third_party.packages import DATAVERSE_API, DYNAMICS_WEB_API, PYTHON_SDK, Package, environment

RUN_DEADLINE_S = 120
# What the children must not inherit: a CA bundle of the machine would be in the way of the sandbox's.
TRUST = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
PREFIXES = {PYTHON_SDK: "sdk", DATAVERSE_API: "dva", DYNAMICS_WEB_API: "dwa"}
ABSENT = "00000000-0000-4000-8000-00000000dead"
FIXED_PRICE = 192350001

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind. prefix: how the names of everything it made begin."""

    package: Package
    prefix: str
    steps: Mapping[str, Step]
    said: str

    def value(self, name: str) -> Any:
        """What a step returned; the test fails with the client's own error if it failed."""
        step = self.steps.get(name)
        assert step is not None, f"{self.package.name} never came to '{name}':\n{self.said}"
        assert "error" not in step, f"{self.package.name} failed at '{name}':\n{step['error']['trace']}"
        return step["value"]

    @property
    def failed(self) -> dict[str, str]:
        """The steps that failed, with the client's words."""
        return {name: step["error"]["message"] for name, step in self.steps.items() if "error" in step}

    def name(self, text: str) -> str:
        """The name that the run gave to something."""
        return f"{self.prefix} {text}"

    def number(self, text: str | int) -> str:
        """The account number that the run gave to something."""
        return f"{self.prefix}-{text}"


def run(package: Package, sandbox: Sandbox, directory: Path, *, only: Sequence[str] = (), trusting: bool = True) -> Run:
    """Run the client's script to its end.

    only: these steps, all if empty. trusting: whether the child is told the sandbox's CA. Raises Missing.
    """
    job, results = directory / "job.json", directory / "results.json"
    described = {**_job(package, sandbox), "only": list(only), "retries": 3 if trusting else 0}
    job.write_text(json.dumps(described), "utf-8")
    done = subprocess.run(
        [*package.command(), str(job), str(results)],
        cwd=directory,
        env=_variables(package, sandbox, trusting),
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
    )
    steps = json.loads(results.read_text("utf-8")) if results.exists() else {}
    said = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return Run(package, described["prefix"], steps, said)


def rows(sandbox: Sandbox, table: str, where: str, *params: Any) -> list[dict[str, Any]]:
    """What the sandbox itself holds, whatever a client says."""
    with sandbox.world.reading() as tx:
        return list(tx.select(table, where, params))


def named(sandbox: Sandbox, run_: Run, text: str) -> list[dict[str, Any]]:
    """The accounts with a name that begins so, in name order."""
    found = rows(sandbox, "account", "name LIKE ?", f"{run_.name(text)}%")
    return sorted(found, key=lambda row: str(row["name"]))


def _job(package: Package, sandbox: Sandbox) -> dict[str, Any]:
    details = sandbox.details
    line = _line(sandbox)
    return {
        "dataverse": details["dataverse_url"],
        "entra": details["entra_url"],
        "tenant": details["tenant_id"],
        "client_id": details["client_id"],
        "client_secret": details["client_secret"],
        "prefix": PREFIXES[package],
        "absent": ABSENT,
        "line": line["salesorderdetailid"],
        "contract": line["salesorderid"],
        "environment": str(package.directory),
    }


def _line(sandbox: Sandbox) -> dict[str, Any]:
    """A contract line that takes milestones."""
    where = "msdyn_billingmethod = ? AND msdyn_project IS NOT NULL"
    return rows(sandbox, "salesorderdetail", where, FIXED_PRICE)[0]


def _variables(package: Package, sandbox: Sandbox, trusting: bool) -> dict[str, str]:
    ca_file = str(sandbox.details["ca_file"])
    told = {"NODE_EXTRA_CA_CERTS" if package.is_node else "REQUESTS_CA_BUNDLE": ca_file} if trusting else {}
    return {name: value for name, value in environment().items() if name not in TRUST} | told
