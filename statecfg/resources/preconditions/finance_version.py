"""`finance_version: {at_least: 10.0.24}`: the release of Finance.

The service answers with a release (10.0.39) or with a build (10.0.1860.44); the two are never compared with each
other: a build is looked up in the environment's `finance_release` table. Source: reference/project-operations.md 8.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from statecfg.model.declared import Requirement, Seen
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

FIRST_BUILD = 1000
"""A third component from here on is a build number (inferred: reference/finance-and-operations.md 8.1)."""


@dataclass(frozen=True, slots=True)
class FinanceVersionSpec:
    """The least release, as three numbers."""

    at_least: str


class FinanceVersion(Check):
    """Blocks an older Finance; asks where a build number is not in the table."""

    name: ClassVar[str] = "finance_version"
    Spec: ClassVar[type] = FinanceVersionSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        said = str(self._services.finance.action("DataManagementEntities", "GetApplicationVersion", repeatable=True))
        yield judged(said, requirement.spec.at_least, self._services.environment.finance_release)


def judged(said: str, at_least: str, releases: Mapping[str, str]) -> Finding:
    """What a version that the service said means for the least one. releases: build (or its start) -> release."""
    title = "finance version"
    release = _release(said, releases)
    if release is None:
        what = f"Finance says {said}: that is a build, and the table finance_release doesn't name its release"
        return Finding("ask", "finance-version", what, "add it to finance_release, or attest it", title, evidence=said)
    if _numbers(release) < _numbers(at_least):
        what = f"Finance is {release}, but the procedure needs {at_least}"
        return Finding("block", "finance-version", what, f"update Finance to {at_least} or later", title)
    return Finding("ok", "finance-version", f"{release}, needs {at_least}", title=title)


def _release(said: str, releases: Mapping[str, str]) -> str | None:
    numbers = _numbers(said)
    if len(numbers) < 3:
        return None
    if numbers[2] < FIRST_BUILD:
        return said
    known = [build for build in releases if (said + ".").startswith(build + ".")]
    return releases[max(known, key=len)] if known else None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split(".") if part.isdecimal() and len(part) < 10)
