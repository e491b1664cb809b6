"""`statecfg apply`: carry out a plan, exactly as it was shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from statecfg.cli.approval import Approval, Asking
from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import attestations, output_options, project_options
from statecfg.model.results import ApplyResult


@click.command("apply", short_help="Carry out a saved plan, or plan a phase and carry it out.")
@click.argument("target", metavar="PHASE|PLANFILE")
@project_options
@click.option("--yes", is_flag=True, help="Don't ask; never enough for class prod.")
@click.option("--confirm", metavar="ENVIRONMENT", default="", help="The environment's name, instead of typing it.")
@click.option("--attest", metavar='NAME="WHO: WORDS"', multiple=True, help="Somebody's word on what can't be read.")
@click.option("--stop-after", metavar="STEP", type=click.IntRange(min=1), help="Stop when this step is done.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with the run.")
@click.option("--digest", metavar="SHA256", default="", help="Refuse any other plan file than this one.")
@click.option("--reopen", metavar="REASON", help="Apply records of a phase that is already closed.")
@click.option("--from-run", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A run file, for the originals and the baseline.")  # fmt: skip
@output_options("text", "json", "events")
@answering
def apply(
    call: Call,
    target: str,
    yes: bool,
    confirm: str,
    attest: Sequence[str],
    stop_after: int | None,
    reason: str,
    digest: str,
    reopen: str | None,
    from_run: Path | None,
) -> int:
    """Carry out a saved plan; or plan PHASE, show the plan, ask, and carry it out.

    The world is read again before the first write, and again before each group of writes that can't be undone.
    Whenever it stops, it says what is done, failed, unknown and not started, and which command goes on.

    \b
    Examples:
      statecfg apply cutover -i inventories/contoso -l contoso-uat
      statecfg apply go-live.plan -i inventories/contoso -l contoso-prod --confirm contoso-prod
      statecfg apply cutover -i .sandbox/inventory --yes

    \b
    Exit codes: 0 done or nothing to do, 3 stopped part way, 4 the world moved since the plan
    was made, 5 approval is missing or the plan is not this one, 7 something blocks, 8 the files
    are wrong, 9 sign-in, 10 a service is away, 130 interrupted.
    """
    given, plan_file = attestations(attest), _plan_file(target)
    if digest and not plan_file:
        raise click.UsageError("--digest belongs to a plan file, and this is the name of a phase.")
    result = call.application().apply(
        plan_file or target,
        approve=Approval(call, yes, confirm, saved=plan_file is not None),
        attest=given,
        ask=Asking(call) if call.surroundings.interactive() else None,
        confirm=confirm,
        stop_after=stop_after,
        reason=reason,
        digest=digest,
        reopen=reopen,
        from_run=from_run,
    )
    show_result(call, result)
    return result.exit_code


def _plan_file(target: str) -> Path | None:
    """The path, if `target` is one and not the name of a phase. Raises UsageError if no file is there."""
    path = Path(target)
    if path.is_file():
        return path
    if path.suffix or os.sep in target or "/" in target:
        raise click.UsageError(f"There is no plan file {target}; make one with: statecfg plan PHASE --out {target}")
    return None


def show_result(call: Call, result: ApplyResult) -> None:
    """Show what an apply came to, in the form that was asked for."""
    if call.output.form == "text":
        from statecfg.report.apply_screen import apply_lines

        call.output.lines(apply_lines(result))
    else:
        from statecfg.report.as_json import apply_document

        call.output.document(apply_document(result), result.exit_code)
