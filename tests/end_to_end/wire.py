"""One small world whose undisturbed end is known, and runs of it in which the wire fails at chosen requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.engine.interrupting import Stop
from statecfg.model.results import ApplyResult
from tests.end_to_end.outcome import canonical, confirmed
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage

SMALL = {
    "writes.batch": "2",
    "writes.most": "2",
    "fence.group": "2",
    "waits.execution_limit_s": "0.3",
    "waits.first_look_s": "0.02",
    "waits.longest_look_s": "0.2",
    "waits.service_s": "15",
}
PHASES = ("cutover", "restored")
_NAMES = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "<id>"),
    (re.compile(r"(\$filter|\$skiptoken|Id|PropertyValues|p\d|@\w+)=[^&]*"), r"\1=..."),
    (re.compile(r"\?.*"), ""),
    (re.compile(r"\d{4,}"), "<n>"),
)


class Hasty(Stop):
    """Sleeps a twentieth of what it is asked to between attempts, so that tests need not."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 20)


@dataclass(frozen=True, slots=True)
class End:
    """What is there after both phases, import and posting: in rules 8.3's words, and the ledger's."""

    world: Mapping[str, Any]
    invoices: Counter[str]
    ledger: Any


def spelling(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """Of which sort a request is: service, method, and its path without ids and query."""
    path = str(entry["path"])
    for pattern, word in _NAMES:
        path = pattern.sub(word, path)
    return str(entry["service"]), str(entry["method"]), path


def small_world(place: Path) -> Stage:
    """Three contracts of two milestones, and the ways of a run that is in a hurry."""
    return Stage(place, contracts=3, milestones=6)


def taken(stage: Stage) -> Rig:
    """A project that knows nothing, on the world before its cutover."""
    rig = stage.take()
    rig.extra |= SMALL
    rig.stop = Hasty
    return rig


def run(rig: Rig, phase: str) -> ApplyResult:
    """Apply a phase to its end, whatever the wire does; it must get there by itself."""
    result = rig.apply(phase)
    assert result.exit_code == 0, said(result)
    return result


def go_on(rig: Rig, result: ApplyResult) -> ApplyResult:
    """Resume what was stopped; it must get to its end now."""
    assert result.next_command.startswith(f"statecfg resume {result.run}"), result.next_command
    again = rig.app().resume(result.run, approve=lambda plan: True, attest={}, ask=None)
    assert again.exit_code == 0, said(again)
    return again


def finish(rig: Rig) -> End:
    """Whatever is left of both phases, then import and posting; what is there in the end."""
    for phase in PHASES:
        run(rig, phase)
    rig.import_and_post()
    return End(canonical(rig), confirmed(rig), rig.ledger())


def fired(rig: Rig) -> list[int]:
    """How often each fault that was asked for has struck."""
    return [fault["fired"] for fault in rig.control("faults")]


def pattern(path: str) -> str:
    """A regular expression for every request that is spelt so."""
    guid, digits = "[0-9a-fA-F-]{36}", r"\d{4,}"
    return "^" + re.escape(path).replace("<id>", guid).replace("<n>", digits) + r"(\?|$)"
