"""Drift as lines: what is expected and what is live, the worst first, records by business key. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from statecfg.model.errors import OK
from statecfg.model.plan import Severity
from statecfg.model.results import DriftReport
from statecfg.report.finding_lines import NAMES_SHOWN, finding_lines
from statecfg.report.layout import RULE, blank, hanging, heading, line, style
from statecfg.report.words import counted, instant

GROUPS: tuple[tuple[Severity, str], ...] = (
    ("block", "Blocking: this must be settled"),
    ("ask", "To be decided by a person"),
    ("warn", "Warnings"),
    ("info", "For information (no drift)"),
    ("ok", "As expected"),
)


def drift_lines(report: DriftReport, *, details: int | None = NAMES_SHOWN) -> Iterator[Text]:
    """The whole report. details: how many records a finding names, None = all."""
    read = f"   as of {instant(report.read_at)}" if report.read_at else ""
    yield line(("Environment  ", "head"), f"{report.environment} ({report.environment_class}){read}")
    yield line(("Expected     ", "head"), f"phase {report.phase}; differences read: expected -> live")
    for severity, words in GROUPS:
        found = [finding for finding in report.findings if finding.severity == severity]
        if found:
            yield blank()
            yield heading(words)
            yield from finding_lines(found, details=details)
    yield blank()
    yield from _evidence("Looked at", report.looked_at)
    yield from _evidence("Not looked at", report.not_looked_at)
    yield line((RULE, "quiet"))
    yield _verdict(report)


def _evidence(name: str, things: tuple[str, ...]) -> Iterator[Text]:
    if things:
        yield from hanging(Text(f"{name}:", style=style("head")), ", ".join(things), at=15)


def _verdict(report: DriftReport) -> Text:
    unseen = f" {counted(len(report.not_looked_at), 'thing')} not looked at." if report.not_looked_at else ""
    if report.exit_code() == OK:
        return line((f"No drift in what was looked at.{unseen}", "ok"))
    blocking = sum(finding.severity == "block" for finding in report.findings)
    other = sum(finding.severity in ("warn", "ask") for finding in report.findings)
    return line((f"Drift: {blocking} blocking, {counted(other, 'other')}.{unseen}", "error"))
