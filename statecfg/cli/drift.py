"""`statecfg drift`: whether everything still is as it was left."""

from __future__ import annotations

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.results import DriftReport


@click.command("drift", short_help="Find what no longer is as it was left.")
@project_options
@click.option("--phase", metavar="PHASE", help="Compare with this phase; default: the last one begun.")
@click.option("--fail-on", type=click.Choice(["any", "blocking"]), default="any", show_default=True,
              help="What counts for exit code 2.")  # fmt: skip
@click.option("--detail", type=click.Choice(["summary", "rows"]), default="summary", show_default=True,
              help="Name some or all records of a finding.")  # fmt: skip
@output_options("text", "json", "events", "junit")
@answering
def drift(call: Call, phase: str | None, fail_on: str, detail: str) -> int:
    """Compare the live environment with the phase that should hold now; expected -> live.

    Made for every day after go-live: other people's normal work is no drift. Records are named by business key.
    What could not be read is listed as not looked at, never as right.

    \b
    Examples:
      statecfg drift -i inventories/contoso -l contoso-prod
      statecfg drift -i inventories/contoso -l contoso-prod -o junit > drift.xml

    Exit codes: 0 no drift, 2 drift found, 8 the files are wrong, 9 sign-in, 10 a service is away.
    """
    report = call.application().drift(phase)
    code = report.exit_code(fail_on=fail_on)
    _show(call, report, fail_on, None if detail == "rows" else 5, code)
    return code


def _show(call: Call, report: DriftReport, fail_on: str, details: int | None, code: int) -> None:
    from statecfg.report import as_json, as_junit
    from statecfg.report.drift_screen import drift_lines

    match call.output.form:
        case "json" | "events":
            call.output.document(as_json.drift_document(report, fail_on=fail_on), code)
        case "junit":
            call.output.raw(as_junit.drift_junit(report))
        case _:
            call.output.lines(drift_lines(report, details=details))
