"""`statecfg plan`: what would be done, and why."""

from __future__ import annotations

from pathlib import Path

import click

from statecfg.cli.application import Application
from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import BLOCKED, CHANGES, OK
from statecfg.model.plan import Plan


@click.command("plan", short_help="Read, compare, and show what would be done.")
@click.argument("phase")
@project_options
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan.")
@click.option("--detail", type=click.Choice(["summary", "rows", "full"]), default="summary", show_default=True,
              help="How much is shown of each record.")  # fmt: skip
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there is anything to do.")
@click.option("--reopen", metavar="REASON", help="Plan records of a phase that is already closed.")
@click.option("--from-run", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A run file, for the originals and the baseline.")  # fmt: skip
@output_options("text", "json", "events", "junit")
@answering
def plan(
    call: Call,
    phase: str,
    out: Path | None,
    detail: str,
    detailed_exitcode: bool,
    reopen: str | None,
    from_run: Path | None,
) -> int:
    """Compare the live environment with PHASE and show every step that would bring it there.

    Nothing is written to the environment. A saved plan is what `apply` carries out, exactly.

    \b
    Signs: + create, ~ change, > action, ! irreversible, = already so, ? will be asked.

    \b
    Examples:
      statecfg plan cutover -i inventories/contoso -l contoso-uat
      statecfg plan cutover -i inventories/contoso -l contoso-prod --out go-live.plan
      statecfg plan cutover -i inventories/contoso -l contoso-uat --detail rows

    Exit codes: 0 shown, 2 there is something to do (--detailed-exitcode), 7 something blocks, 8 the files are wrong.
    """
    application = call.application()
    made = application.plan(phase, out=out, reopen=reopen, from_run=from_run)
    code = BLOCKED if made.blocked else CHANGES if detailed_exitcode and made.steps else OK
    _show(call, application, made, detail, code)
    return code


def _show(call: Call, application: Application, made: Plan, detail: str, code: int) -> None:
    from statecfg.report import as_json, as_junit
    from statecfg.report.plan_screen import plan_lines

    saved = None if made.blocked else application.saved
    match call.output.form:
        case "json" | "events":
            call.output.document(as_json.plan_document(made, saved), code)
        case "junit":
            call.output.raw(as_junit.plan_junit(made))
        case _:
            call.output.lines(plan_lines(made, detail=detail, saved=saved))  # type: ignore[arg-type]
