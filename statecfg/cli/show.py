"""`statecfg show`: a saved plan or a run, once more."""

from __future__ import annotations

from pathlib import Path

import click

from statecfg.cli.history import show_run
from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options
from statecfg.model.errors import OK


@click.command("show", short_help="Show a saved plan or a run again.")
@click.argument("what", metavar="FILE|RUN")
@click.option("--detail", type=click.Choice(["summary", "rows", "full"]), default="summary", show_default=True,
              help="How much is shown of each record.")  # fmt: skip
@output_options("text", "json", "events")
@answering
def show(call: Call, what: str, detail: str) -> int:
    """Show a saved plan again, or a run that was recorded here. Nothing is contacted.

    A plan file is checked first: one that was changed after it was made is refused.

    \b
    Examples:
      statecfg show go-live.plan
      statecfg show go-live.plan --detail full
    """
    if Path(what).is_file():
        _show_plan(call, Path(what), detail)
    else:
        show_run(call, what)
    return OK


def _show_plan(call: Call, path: Path, detail: str) -> None:
    from statecfg.report.as_json import plan_document
    from statecfg.report.plan_screen import plan_lines

    made, saved = call.surroundings.read_plan(path)
    if call.output.form == "text":
        call.output.lines(plan_lines(made, detail=detail, saved=saved))  # type: ignore[arg-type]
    else:
        call.output.document(plan_document(made, saved), OK)
