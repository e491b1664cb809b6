"""Every finding code of the code stands on its page, and every code of the page is one of the code's.

Codes are read from the source: words with hyphens that are no code of a finding are listed here by what they are, so
that a new one is looked at once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from statecfg.resources.invoices import wording as of_invoices
from statecfg.resources.milestones import wording as of_milestones

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
SOURCES = [*(ROOT / "statecfg" / "engine").rglob("*.py"), *(ROOT / "statecfg" / "resources").rglob("*.py")]

MADE = {"map-not-running", "map-not-stopped", "foreign-write.NUMBER"}
"""Codes that are put together while the program runs."""
DERIVED = ("customer-transactions", "general-ledger", "posted-project-invoices")
"""Invariants whose code also gets an ending: `-explained`, `-unknown`."""

VERBS = {"apply-version", "save-version", "check-canary", "confirm-canary", "create-canary", "wait-canary", "wait-jobs",
         "set-ready", "in-flight"}  # fmt: skip
OF_FILES = {
    "amount-too-large", "billing-unknown", "control-totals", "currency-missing", "currency-unknown", "duplicate-row",
    "key-date-empty", "key-description-empty", "key-empty", "no-rows", "progress-not-offered", "row-not-invoiced",
    "tax-negative", "tax-without-amount", "text-too-long", "two-currencies", "unknown-map", "version-number",
}  # fmt: skip
OF_STEPS = {
    "address-unknown", "arrived-otherwise", "canary-without-dimensions", "canary-wrong", "changed-since-plan",
    "deleted-since-plan", "exists-otherwise", "foreign-content", "foreign-ready", "import-failed", "invoice-in-flight",
    "job-failed", "no-draft", "not-arrived", "not-invoiced", "request-failed", "version-not-offered",
}  # fmt: skip
EVENTS = {"window-opened"}
OTHERWISE = VERBS | OF_FILES | OF_STEPS | EVENTS
"""What is no finding: words of steps, problems of files, why a step failed or left a record out, diagnostics."""


def rows() -> dict[str, str]:
    """Codes of the page with their severities."""
    return dict(re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|", PAGE, re.MULTILINE))


def words() -> Iterator[str]:
    """Every constant of the code that reads as a code of several words."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(-[a-z]+)+", str(node.value)):
                yield str(node.value)


def literal_codes() -> Iterator[tuple[str, str, str]]:
    """(place, severity, code) of every Finding whose two first arguments are written out."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and len(node.args) > 1):
                continue
            severity, code = node.args[:2]
            if isinstance(code, ast.Constant) and isinstance(severity, ast.Constant):
                yield f"{path.name}:{node.lineno}", str(severity.value), str(code.value)


def codes() -> set[str]:
    worded = {*of_milestones.WORDINGS, *of_invoices.WORDINGS}
    ended = {f"{code}-{ending}" for code in DERIVED for ending in ("explained", "unknown")}
    return (set(words()) - OTHERWISE) | worded | ended | MADE


def test_every_code_of_the_program_stands_on_the_page_and_none_else() -> None:
    assert set(rows()) - codes() == set(), "on the page, and nowhere in the code"
    assert codes() - set(rows()) == set(), "in the code, and not on the page"


def test_what_is_listed_as_no_code_is_in_the_code_and_not_on_the_page() -> None:
    assert set(words()) >= OTHERWISE
    assert set(rows()) & OTHERWISE == set()


def test_the_page_tells_each_severity_that_is_written_in_the_code() -> None:
    found = list(literal_codes())
    assert len(found) > 40
    told = rows()
    wrong = [(place, code, severity) for place, severity, code in found if severity not in told[code].split(", ")]
    assert wrong == []
    worded = {**of_milestones.WORDINGS, **of_invoices.WORDINGS}
    assert [code for code, wording in worded.items() if wording.severity not in told[code].split(", ")] == []


def test_each_row_says_what_it_means_and_every_one_that_blocks_what_to_do() -> None:
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            code, severity, means, do = (cell.strip() for cell in line.strip("|").split(" | "))
            assert len(means) > 10, code
            assert "block" not in severity or len(do) > 5, code
