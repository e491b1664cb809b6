"""What is wrong in the files, as lines: `file:line:column: what`, and below it what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from statecfg.model.errors import Problem
from statecfg.model.results import ValidationReport
from statecfg.report.layout import RULE, hanging, indented, line, style
from statecfg.report.words import counted, plain


def problem_lines(problems: Iterable[Problem], label: str = "") -> Iterator[Text]:
    """Each problem at its place, so that editors and terminals can jump there. label: `warning`, for example."""
    for problem in problems:
        lead = Text(plain(str(problem.where) or "(files)"), style=style("head")).append(":", style="")
        kind = f"{label}: " if label else ""
        yield from hanging(lead, f"{kind}{problem.what} [{problem.code}]", at=2)
        if problem.do:
            yield from indented(f"Do: {problem.do}", 2)


def validation_lines(report: ValidationReport, *, strict: bool = False) -> Iterator[Text]:
    """Every problem and warning, then what was looked at and the verdict."""
    yield from problem_lines(report.problems)
    yield from problem_lines(report.warnings, "warning")
    if report.problems or report.warnings:
        yield line((RULE, "quiet"))
    yield from hanging(Text("Looked at", style=style("head")), counts(report.counts), at=11)
    yield _verdict(report, strict)


def counts(values: Mapping[str, int]) -> str:
    """{"files": 1, "rows": 1200} -> "1 file, 1,200 rows"."""
    return ", ".join(counted(count, plain(name).removesuffix("s")) for name, count in values.items()) or "nothing"


def _verdict(report: ValidationReport, strict: bool) -> Text:
    warned = f"; {counted(len(report.warnings), 'warning')}" if report.warnings else ""
    if report.problems:
        return line((f"{counted(len(report.problems), 'problem')}{warned}. Nothing was contacted.", "error"))
    if report.warnings and strict:
        return line((f"{counted(len(report.warnings), 'warning')}, and --strict counts them as problems.", "error"))
    return line((f"The files are right{warned}.", "ok"))
