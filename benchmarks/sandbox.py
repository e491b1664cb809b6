"""Figures of the sandbox: seeding, a page, a bulk create with dual-write running. Run by `make bench`; nothing fails.

CPU seconds are those of the sandbox's own process, read from the system, so that the client here doesn't count.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

HELD = 100_000
PAGE = 5_000
BULK = 500
TIMES = 5
MILESTONES = "msdyn_contractlinescheduleofvalues"
_COLUMNS = "msdyn_name,msdyn_amount,msdyn_tax,msdyn_invoicestatus,msdyn_milestonedate,_msdyn_contractlineid_value"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Running:
    """A sandbox in a process of its own, and a client that is signed in to its Dataverse."""

    details: dict[str, Any]
    session: requests.Session

    def cpu_s(self) -> float:
        """CPU seconds that the process has used; Linux only."""
        fields = Path(f"/proc/{self.details['pid']}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Its greatest memory so far."""
        lines = Path(f"/proc/{self.details['pid']}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def get(self, path: str, **headers: str) -> Any:
        """One read that must succeed; the JSON of its answer, parsed only when somebody looks at it."""
        answer = self.session.get(f"{self.details['dataverse_url']}/api/data/v9.2/{path}", headers=headers, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> None:
        """One write that must succeed."""
        address = f"{self.details['dataverse_url']}/api/data/v9.2/{path}"
        self.session.post(address, json=body, timeout=600).raise_for_status()


@contextmanager
def running() -> Iterator[Running]:
    """A sandbox that holds many milestones; says what seeding it cost."""
    directory = Path(tempfile.mkdtemp(prefix="statecfg-bench-"))
    words = ["sandbox", "up", "--dir", str(directory), "--port", "0", "--detach", "--existing", str(HELD)]
    try:
        start = time.perf_counter()
        _run(*words, "--contracts", "40", "--milestones", "1200")
        seconds = time.perf_counter() - start
        details = json.loads((directory / "sandbox.json").read_text("utf-8"))
        found = Running(details, _signed_in(details))
        told = f"{seconds:.1f} s until it answers, {found.cpu_s():.1f} s CPU, {found.memory_mb():.0f} MB"
        say(f"seed {HELD:,} milestones", told)
        yield found
    finally:
        _run("sandbox", "down", "--dir", str(directory), "--quiet")
        shutil.rmtree(directory, ignore_errors=True)


def measured(what: str, sandbox: Running, work: Callable[[], object]) -> None:
    """Do some work a few times, after once to warm up, and say what one time costs the sandbox."""
    work()
    cpu, walls = sandbox.cpu_s(), []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        walls.append(time.perf_counter() - start)
    each = (sandbox.cpu_s() - cpu) / TIMES
    say(what, f"{each * 1000:.0f} ms CPU each, {statistics.median(walls) * 1000:.0f} ms until answered")


def page(sandbox: Running) -> None:
    """One full page of milestones."""
    rows = sandbox.get(f"{MILESTONES}?$select={_COLUMNS}", Prefer=f"odata.maxpagesize={PAGE}")["value"]
    assert len(rows) == PAGE


def bulk(sandbox: Running, sample: dict[str, Any]) -> None:
    """One CreateMultiple of milestones that are ready, each of which F&O gets."""
    targets = [{**sample, "msdyn_contractlinescheduleofvalueid": str(uuid.uuid4())} for _ in range(BULK)]
    sandbox.post(f"{MILESTONES}/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})


def sample_of(sandbox: Running) -> dict[str, Any]:
    """A milestone like one that is there, as the Web API takes it."""
    lookups = "_msdyn_contract_value,_msdyn_contractlineid_value,_msdyn_project_value,_transactioncurrencyid_value"
    (row,) = sandbox.get(f"{MILESTONES}?$select={lookups}&$top=1&$filter=msdyn_invoicestatus eq 192350000")["value"]
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.msdyn_contractlinescheduleofvalue",
        "msdyn_name": "Benchmark",
        "msdyn_amount": 1000.25,
        "msdyn_tax": 0,
        "msdyn_invoicedate": "2024-03-01",
        "msdyn_milestonedate": "2024-03-01",
        "msdyn_invoicestatus": 192350001,
        "msdyn_transactionclassification": 192350003,
        "msdyn_transactiontypecode": 192350006,
        "msdyn_contract@odata.bind": f"/salesorders({row['_msdyn_contract_value']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({row['_msdyn_contractlineid_value']})",
        "msdyn_project@odata.bind": f"/msdyn_projects({row['_msdyn_project_value']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({row['_transactioncurrencyid_value']})",
    }


def arrived(sandbox: Running) -> int:
    """Milestones that F&O has, so that it is known that dual-write ran."""
    control = f"{sandbox.details['dataverse_url']}/__sandbox/status"
    counts = sandbox.session.get(control, timeout=600).json()["counts"]["milestones in Finance"]
    return sum(counts.values())


def say(what: str, figures: str) -> None:
    """One line of results."""
    print(f"{what:<28}{figures}", flush=True)


def _signed_in(details: dict[str, Any]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = details["ca_file"]
    form = {
        "grant_type": "client_credentials",
        "client_id": details["client_id"],
        "client_secret": details["client_secret"],
        "scope": f"{details['dataverse_url']}/.default",
    }
    answer = session.post(f"{details['authority']}/oauth2/v2.0/token", data=form, timeout=60)
    answer.raise_for_status()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "statecfg", *words], stdout=subprocess.PIPE, check=True)


if __name__ == "__main__":
    with running() as there:
        measured(f"a page of {PAGE:,}", there, lambda: page(there))
        before, like = arrived(there), sample_of(there)
        measured(f"CreateMultiple of {BULK}", there, lambda: bulk(there, like))
        say("  of them in Finance", f"{arrived(there) - before:,} of {BULK * (TIMES + 1):,}")
