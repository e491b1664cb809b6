"""Findings as lines: what was seen, what to do, which records, and how a question is answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from statecfg.model.address import NOWHERE
from statecfg.model.plan import Finding
from statecfg.report.layout import hanging, indented, style
from statecfg.report.words import number, plain, shown

LABELS = {"ok": "ok", "info": "info", "warn": "warn", "ask": "?", "block": "BLOCK"}
NAMES_SHOWN = 5


def finding_lines(
    findings: Iterable[Finding], *, details: int | None = NAMES_SHOWN, at: int | None = None
) -> Iterator[Text]:
    """Each finding in a few lines: label, title, what was seen; below it place, difference, names, what to do.

    details: how many records a finding names, None = all of them; then also those of findings that only inform.
    at: the column of what was seen, see `column`.
    """
    listed = tuple(findings)
    for finding in listed:
        yield from _lines(finding, at or column(listed), details)


def column(findings: Iterable[Finding]) -> int:
    """Where the words begin, so that they stand below each other."""
    return 9 + min(max((len(title(finding)) for finding in findings), default=0), 31) + 2


def title(finding: Finding) -> str:
    """The few words in a finding's left column."""
    return plain(finding.title or finding.code.replace("-", " "))


def answer(finding: Finding) -> str:
    """The option that answers a question, as it is typed."""
    return f'--attest {finding.code}="WHO: WORDS"'


def _lines(finding: Finding, at: int, details: int | None) -> Iterator[Text]:
    lead = Text("  ").append(LABELS[finding.severity].ljust(7), style=style(finding.severity)).append(title(finding))
    brief = finding.severity in ("ok", "info") and details is not None
    more = " (names: --detail rows)" if brief and finding.details else ""
    yield from hanging(lead, finding.what + more, at=at)
    if brief:
        return
    if finding.where != NOWHERE:
        yield from indented(f"at {finding.where}", at, "quiet")
    for leaf in finding.changes:
        yield from indented(f"{leaf.path}: {shown(leaf.old)} -> {shown(leaf.new)}", at)
    yield from _names(finding.details, at, details)
    if finding.do:
        yield from indented(f"Do: {finding.do}", at)
    if finding.severity == "ask":
        yield from indented(f"Answer: {answer(finding)}", at)


def _names(names: tuple[str, ...], at: int, most: int | None) -> Iterator[Text]:
    shown_names = names if most is None else names[:most]
    for name in shown_names:
        yield from hanging(Text(" " * at + "-"), name, at=at + 2)
    if len(names) > len(shown_names):
        yield from indented(f"... {number(len(names) - len(shown_names))} more: --detail rows", at, "quiet")
