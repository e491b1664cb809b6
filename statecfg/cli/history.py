"""`statecfg history`: the runs that were, and one of them in full."""

from __future__ import annotations

import difflib

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import OK


@click.command("history", short_help="Runs: who, when, what came of them.")
@click.argument("run", required=False)
@project_options
@output_options("text", "json", "events")
@answering
def history(call: Call, run: str | None) -> int:
    """List the runs that this project recorded, newest first; or show one RUN in full.

    \b
    Examples:
      statecfg history
      statecfg history -l contoso-prod -o json
    """
    if run:
        show_run(call, run)
    else:
        _show_all(call)
    return OK


def show_run(call: Call, run: str) -> None:
    """Show one run in full. Raises UsageError if it is not recorded here."""
    from statecfg.report.as_json import run_document
    from statecfg.report.status_screen import run_lines

    found = call.history(run)
    if not found:
        raise click.UsageError(f"No run {run} is recorded here{_near(call, run)}")
    if call.output.form == "text":
        call.output.lines(run_lines(found[0]))
    else:
        call.output.document(run_document(found[0]), OK)


def _near(call: Call, run: str) -> str:
    """The run that was probably meant, or where to find those there are."""
    close = difflib.get_close_matches(run, [summary.run for summary in call.history()], n=1)
    return f"; did you mean {close[0]}?" if close else ". statecfg history lists those that are."


def _show_all(call: Call) -> None:
    from statecfg.report.as_json import history_document
    from statecfg.report.status_screen import run_table

    if call.output.form == "text":
        call.output.lines(run_table(call.history()))
    else:
        call.output.document(history_document(call.history()), OK)
