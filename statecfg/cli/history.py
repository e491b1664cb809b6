"""`statecfg history`: the runs that were, and one of them in full."""

from __future__ import annotations

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import OK, StatecfgError


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
    """Show one run in full. Raises StatecfgError if it is not recorded here."""
    from statecfg.report.as_json import run_document
    from statecfg.report.status_screen import run_lines

    found = call.history(run)
    if not found:
        raise StatecfgError(f"no run {run} is recorded here", do="statecfg history lists those that are")
    if call.output.form == "text":
        call.output.lines(run_lines(found[0]))
    else:
        call.output.document(run_document(found[0]), OK)


def _show_all(call: Call) -> None:
    from statecfg.report.as_json import history_document
    from statecfg.report.status_screen import run_table

    if call.output.form == "text":
        call.output.lines(run_table(call.history()))
    else:
        call.output.document(history_document(call.history()), OK)
