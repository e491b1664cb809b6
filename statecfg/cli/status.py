"""`statecfg status`: where we are."""

from __future__ import annotations

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import OK


@click.command("status", short_help="Where we are: phases, maps by all witnesses, last run.")
@project_options
@output_options("text", "json", "events")
@answering
def status(call: Call) -> int:
    """Show the phases, the three maps as each of their witnesses tells it, and the last run.

    \b
    Example:
      statecfg status -i inventories/contoso -l contoso-prod
    """
    from statecfg.report.as_json import status_document
    from statecfg.report.status_screen import status_lines

    report = call.application().status()
    if call.output.form == "text":
        call.output.lines(status_lines(report))
    else:
        call.output.document(status_document(report), OK)
    return OK
