"""The end of an apply: what became of each step, what was found, and the command that goes on. Pure.

What is confirmed stays confirmed: nothing here ever speaks of rolling back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.text import Text

from statecfg.model.errors import BLOCKED, INTERRUPTED, OK, Blocked, Interrupted
from statecfg.model.plan import Finding
from statecfg.model.results import ApplyResult, StepOutcome
from statecfg.report.error_lines import error_lines
from statecfg.report.finding_lines import finding_lines
from statecfg.report.layout import RULE, blank, hanging, heading, indented, line, style
from statecfg.report.words import counted, deed, duration, number, plain

WORDS = {"done": "done", "unknown": "UNKNOWN", "not_started": "not started"}


def apply_lines(result: ApplyResult) -> Iterator[Text]:
    """The whole end screen, in the order in which it matters: steps, findings, what stopped it, verdict, next."""
    if result.steps:
        yield blank()
        interrupted = isinstance(result.error, Interrupted)
        yield from outcome_lines(result.steps, failed="STOPPED" if interrupted else "FAILED")
    yield from _why(result)
    yield from _notes(result.notes)
    if result.steps or result.findings or result.error:
        yield line((RULE, "quiet"))
    yield verdict(result)
    if result.run and result.steps:
        yield line(("Run:  ", "head"), result.run)
    if result.next_command:
        yield from hanging(Text("Next:", style=style("head")), result.next_command, at=6)


def _why(result: ApplyResult) -> Iterator[Text]:
    found = _new(result)
    if found:
        yield blank()
        yield heading("Looked at again")
        yield from finding_lines(found)
    if result.error:
        yield blank()
        yield from error_lines(result.error)
    if result.refused_file:
        yield blank()
        yield from indented(f"Refused records, to correct and feed back: {result.refused_file}", 0)


def _new(result: ApplyResult) -> list[Finding]:
    """What the plan had not shown yet and the error won't: invariants above all."""
    told = {_said(finding) for finding in result.plan.findings}
    carried = result.error.findings if isinstance(result.error, Blocked) else ()
    told |= {_said(finding) for finding in carried}
    return [finding for finding in result.findings if _said(finding) not in told]


def _said(finding: Finding) -> tuple[str, str, str]:
    return finding.severity, finding.code, finding.what


def outcome_lines(steps: Iterable[StepOutcome], failed: str = "FAILED") -> Iterator[Text]:
    """One line a step, below its resource: number, state, what it was about, how far it came and why no further.

    failed: what to call a step that ended half-way; it did not fail if a person ended it.
    """
    words = {**WORDS, "failed": failed}
    for address, group in groupby(steps, lambda step: str(step.address)):
        yield heading(address)
        for step in group:
            partly = step.refused and step.state == "done"
            word, name = ("PARTLY", "failed") if partly else (words[step.state], step.state)
            lead = Text(f"{step.number:>4}  ").append(word, style=style(name))
            yield from hanging(lead, _outcome(step), at=19)


def _outcome(step: StepOutcome) -> str:
    parts = [deed(step.verb, step.summary)]
    if step.total > 1 and 0 < step.done < step.total:
        parts.append(f"{number(step.done)} of {number(step.total)}")
    if step.refused:
        parts.append(f"{number(step.refused)} refused")
    if step.irreversible and step.window_s:
        parts.append(f"each within {step.window_s:.1f} s of a look at the maps")
    return ": ".join(part for part in (", ".join(parts), step.what) if part)


def _notes(notes: Iterable[str]) -> Iterator[Text]:
    listed = tuple(notes)
    if listed:
        yield blank()
        for note in listed:
            yield Text("".join(c if c.isprintable() else " " for c in note))


def verdict(result: ApplyResult) -> Text:
    """One sentence: how it ended, and where its record is."""
    took = f" in {duration(result.seconds)}" if result.seconds else ""
    phase = plain(result.plan.header.phase)
    if result.exit_code == OK and not result.plan.steps:
        return line((f"Nothing to do: {_idle(result)}.", "ok"))
    if result.exit_code == OK:
        steps = counted(len(result.steps), "step")
        return line((f"Phase {phase} is complete: {steps} done{took}; read again, nothing is left to do.", "ok"))
    done = sum(step.whole for step in result.steps)
    how = {INTERRUPTED: "Interrupted", BLOCKED: "Stopped by a guard"}.get(result.exit_code, "Stopped")
    return line((f"{how}: {done} of {counted(len(result.steps), 'step')} done{took}.", "error"))


def _idle(result: ApplyResult) -> str:
    if result.plan.passed:
        return f"phase {plain(result.plan.header.phase)} is passed, see {plain(result.plan.passed)}"
    return "everything is as declared"
