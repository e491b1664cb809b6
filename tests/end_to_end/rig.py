"""A sandbox, a project directory, and the product between them, over real sockets.

The product is driven through its application; the sandbox is looked at, and turned, through its control path and its
own ledger, never through the product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from statecfg.app import App
from statecfg.engine.interrupting import Stop
from statecfg.model.events import Event
from statecfg.model.options import Options
from statecfg.model.plan import Finding, Plan
from statecfg.model.results import ApplyResult
from statecfg.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
STATES = ROOT / "states" / "milestone-cutover"
FAST = {"waits.first_look_s": "0.05", "waits.witness_s": "6"}


@dataclass
class Rig:
    """One sandbox and one project directory. events: everything that the product said while it worked."""

    sandbox: Sandbox
    state_dir: Path
    inventory: Path
    states: Path = STATES
    extra: dict[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    stop: Callable[[], Stop] = Stop
    events: list[Event] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)

    def app(self) -> App:
        """The application, as a new process would open it."""
        options = Options(self.inventory, self.states, None, dict(self.extra), self.state_dir)
        tokens = self.state_dir / "tokens"
        app = App(options, self.events.append, disabled=self.disabled, stop=self.stop(), cache_dir=tokens)
        self.apps.append(app)
        return app

    def plan(self, phase: str, **options: Any) -> Plan:
        return self.app().plan(phase, **options)

    def apply(self, target: str | Path, attest: Mapping[str, str] | None = None, **options: Any) -> ApplyResult:
        return self.app().apply(target, approve=lambda plan: True, attest=attest or {}, ask=None, **options)

    def done(self, target: str | Path, **options: Any) -> ApplyResult:
        """Apply, and it must have worked."""
        result = self.apply(target, **options)
        assert result.exit_code == 0, said(result)
        return result

    def control(self, path: str, method: str = "GET", **fields: Any) -> Any:
        """A call of the sandbox's control path."""
        url = f"{self.sandbox.url('dataverse')}/__sandbox/{path}"
        answer = requests.request(method, url, json=fields or None, timeout=60, verify=self.sandbox.details["ca_file"])
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def settings(self, **settings: Any) -> None:
        """Change settings of the sandbox; a dot in a name is written as two underscores."""
        self.control("settings", "PATCH", **{name.replace("__", "."): value for name, value in settings.items()})

    def restore(self, name: str) -> None:
        """Go back to a kept world, as it is when the process that was at work there is gone."""
        self.control("restore", "POST", name=name)
        with self.sandbox.world.transaction() as tx:
            for note in tx.find("annotation", subject="statecfg lock"):
                tx.delete("annotation", note["annotationid"])

    def import_and_post(self) -> None:
        """What F&O's jobs do after maintenance: import from staging, post every proposal."""
        self.control("import", "POST")
        self.control("post", "POST")

    def ledger(self) -> Any:
        """AR and GL as the sandbox's own ledger has them."""
        return self.control("ledger")

    def writes(self) -> list[dict[str, Any]]:
        """Requests of the product that could have changed something, sign-in and reads by POST left out."""
        log = self.control("requests")
        entries = log["requests"] if isinstance(log, dict) else log
        return [entry for entry in entries if entry["method"] != "GET" and not _is_read(entry)]

    def forget_requests(self) -> None:
        self.control("requests", "DELETE")

    def delete_as_somebody(self, entity_set: str, key: str) -> None:
        """Delete a Dataverse record over the wire, as another client would."""
        details = self.sandbox.details
        form = {"grant_type": "client_credentials", "client_id": details["client_id"]}
        form |= {"client_secret": details["client_secret"], "scope": f"{details['dataverse_url']}/.default"}
        verify = details["ca_file"]
        token = requests.post(f"{details['authority']}/oauth2/v2.0/token", form, timeout=30, verify=verify).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        url = f"{details['dataverse_url']}/api/data/v9.2/{entity_set}({key})"
        answer = requests.delete(url, headers=headers, timeout=30, verify=verify)
        assert answer.status_code == 204, answer.text

    def find(self, table: str, **equals: Any) -> list[dict[str, Any]]:
        """Rows of the sandbox's own world that hold these values."""
        with self.sandbox.world.reading() as tx:
            return tx.find(table, **equals)


def _is_read(entry: Mapping[str, Any]) -> bool:
    path = str(entry["path"])
    reads = ("GetApplicationVersion", "/oauth2/", "/__sandbox/", "GetTemplatePrerequisiteSequences")
    return any(word in path for word in reads)


def said(result: ApplyResult) -> str:
    """What an apply came to, for the message of a failed assertion."""
    lines = [f"exit {result.exit_code}: {result.error} {getattr(result.error, 'do', '')}"]
    lines += [f"  {s.number} {s.address} {s.verb} {s.state} {s.done}/{s.total} {s.what}" for s in result.steps]
    lines += [f"  {f.severity} {f.code} {f.what}" for f in result.findings if f.severity not in ("ok", "info")]
    return "\n".join(lines)


def codes(findings: tuple[Finding, ...], severity: str = "block") -> list[str]:
    """Codes of findings of one severity."""
    return [finding.code for finding in findings if finding.severity == severity]
