"""Where we are, as lines: phases, the maps by every witness, and runs, one or all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from statecfg.model.results import MapStatus, PhaseStatus, RunSummary, StatusReport
from statecfg.model.window import Attestation
from statecfg.report.apply_screen import outcome_lines
from statecfg.report.finding_lines import finding_lines
from statecfg.report.layout import blank, hanging, indented, line, style, table
from statecfg.report.words import counted, instant, short_digest

PHASE_WORDS = {"not_begun": "not begun", "open": "OPEN", "complete": "complete", "passed": "passed"}


def status_lines(report: StatusReport) -> Iterator[Text]:
    """The environment, its phases, its maps by all witnesses, what was found, and the last run."""
    read = f"   as of {instant(report.read_at)}" if report.read_at else ""
    yield line(("Environment  ", "head"), f"{report.environment} ({report.environment_class}){read}")
    yield blank()
    yield from table([("Phase", "Is", "Place", "Begun", "Records"), *(_phase(phase) for phase in report.phases)])
    yield blank()
    for status in report.maps:
        yield from _map(status)
    if report.findings:
        yield blank()
        yield from finding_lines(report.findings)
    yield blank()
    yield from run_table([report.last_run] if report.last_run else [])


def _phase(phase: PhaseStatus) -> tuple[str, ...]:
    begun = instant(phase.begun_at) if phase.begun_at else "-"
    return (phase.name, PHASE_WORDS[phase.state], phase.position or "-", begun, phase.records)


def _map(status: MapStatus) -> Iterator[Text]:
    yield from hanging(Text(f"map/{status.name}", style=style("head")), status.label, at=20)
    yield from indented(f"version   {status.version or 'not read'}", 4)
    said = ", ".join(f"{who}: {what}" for who, what in status.witnesses)
    verdict = "they agree" if status.agree else "THEY CONTRADICT EACH OTHER"
    yield from indented(f"says      {said or 'nobody was asked'} ({verdict})", 4, "" if status.agree else "error")
    if status.original:
        yield from indented(f"original  {status.original}", 4)
    if status.what:
        yield from indented(status.what, 4, "warn")


def run_table(runs: Iterable[RunSummary]) -> Iterator[Text]:
    """Runs, one a line; a sentence if there is none."""
    listed = tuple(runs)
    if not listed:
        yield line("No run is recorded here.")
        return
    yield from table([("Run", "Phase", "Environment", "Begun", "Result", "Wrote"), *(_run(run) for run in listed)])


def _run(run: RunSummary) -> tuple[str, ...]:
    result = run.result.replace("_", " ")
    return (run.run, run.phase, run.environment, instant(run.started_at), result, wrote(run.counts))


DONE = {"create": "created", "set-ready": "set ready", "resend": "sent again", "confirm": "confirmed"}


def wrote(written: Mapping[str, int]) -> str:
    """{"milestones create": 1188, "invoices confirm": 40} -> "1,188 milestones created, 40 invoices confirmed"."""
    parts = ((count, *name.partition(" ")[::2]) for name, count in written.items())
    words = [f"{counted(count, kind.removesuffix('s'))} {DONE.get(verb, verb)}".rstrip() for count, kind, verb in parts]
    return ", ".join(words) or "no records"


def run_lines(run: RunSummary) -> Iterator[Text]:
    """One run in full: who, when, why, what it wrote, each step, and what people attested."""
    rows = [
        ("Run", run.run),
        ("Environment", run.environment),
        ("Phase", run.phase),
        ("By", run.who or "not recorded"),
        ("Begun", instant(run.started_at) if run.started_at else "not recorded"),
        ("Ended", instant(run.ended_at) if run.ended_at else "not recorded"),
        ("Result", run.result.replace("_", " ") + ("" if run.exit_code is None else f" (exit {run.exit_code})")),
        ("Plan", f"sha256 {short_digest(run.digest)}" if run.digest else "not recorded"),
        ("Reason", run.reason or "none given"),
        ("Wrote", wrote(run.counts)),
    ]
    for name, words in rows:
        yield from hanging(Text(name, style=style("head")), words, at=13)
    if run.steps:
        yield blank()
        yield from outcome_lines(run.steps)
    yield from _attested(run.attestations)


def _attested(attestations: Iterable[Attestation]) -> Iterator[Text]:
    for word in attestations:
        yield blank()
        yield from hanging(Text("Attested", style=style("head")), f"{word.name}, {instant(word.at)}", at=13)
        signed = f" (signed in as {word.signed_in})" if word.signed_in else ""
        yield from indented(f"{word.who}: {word.words}{signed}", 13)
