"""An error as lines: what happened, where, what to do; never a traceback. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from rich.text import Text

from statecfg.model.errors import ApiError, Blocked, DeclarationError, StalePlan, StatecfgError
from statecfg.report.finding_lines import finding_lines
from statecfg.report.layout import hanging, indented, line, style
from statecfg.report.problem_lines import problem_lines
from statecfg.report.words import plain


def error_lines(error: StatecfgError) -> Iterator[Text]:
    """The error, what belongs to it (problems, findings, what moved, what the service said), and what to do."""
    if not isinstance(error, DeclarationError):
        yield from _first(error.where, error.what)
    yield from belonging(error)
    if isinstance(error, DeclarationError):
        yield line((f"{error.what}. Nothing was contacted.", "error"))
    if error.do:
        yield from indented(f"Do: {error.do}", 2)


def words(what: str, do: str = "") -> Iterator[Text]:
    """An error that isn't of the tree: what happened and what to do."""
    yield from _first("", what)
    if do:
        yield from indented(f"Do: {do}", 2)


def _first(where: str, what: str) -> Iterator[Text]:
    lead = Text("Error: ", style=style("error"))
    if where:
        lead.append(f"{plain(where)}:", style="")
    return hanging(lead, what, at=2) if len(lead.plain) > 20 else hanging(lead, what, at=7)


@singledispatch
def belonging(error: StatecfgError) -> Iterator[Text]:
    """What an error carries besides its words."""
    return iter(())


@belonging.register
def _declaration(error: DeclarationError) -> Iterator[Text]:
    return problem_lines(error.problems)


@belonging.register
def _blocked(error: Blocked) -> Iterator[Text]:
    return finding_lines(error.findings)


@belonging.register
def _stale(error: StalePlan) -> Iterator[Text]:
    for moved in error.moved:
        yield from hanging(Text("  ~", style=style("~")), moved, at=4)


@belonging.register
def _api(error: ApiError) -> Iterator[Text]:
    said = [f"status {error.status}" if error.status else "no answer", error.code]
    said += [f"request {error.request_id}"] if error.request_id else []
    yield from indented(f"The service said: {', '.join(part for part in said if part)}.", 2, "quiet")
    if error.sent and not error.where.startswith("GET "):
        yield from indented("It may have been carried out: the next plan looks before it sends anything again.", 2)
