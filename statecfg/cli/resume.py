"""`statecfg resume`: go on with a run that was stopped."""

from __future__ import annotations

from collections.abc import Sequence

import click

from statecfg.cli.apply import show_result
from statecfg.cli.approval import Approval, Asking
from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import attestations, output_options, project_options


@click.command("resume", short_help="Go on with a run that was stopped.")
@click.argument("run", required=False)
@project_options
@click.option("--yes", is_flag=True, help="Don't ask; never enough for class prod.")
@click.option("--confirm", metavar="ENVIRONMENT", default="", help="The environment's name, instead of typing it.")
@click.option("--attest", metavar='NAME="WHO: WORDS"', multiple=True, help="Somebody's word on what can't be read.")
@click.option("--stop-after", metavar="STEP", type=click.IntRange(min=1), help="Stop when this step is done.")
@output_options("text", "json", "events")
@answering
def resume(call: Call, run: str | None, yes: bool, confirm: str, attest: Sequence[str], stop_after: int | None) -> int:
    """Go on with RUN, or with the newest run that did not complete.

    What became of requests whose answer was lost is found out by looking, never by sending them again. Then what is
    left of the same plan is carried out. If somebody else changed the environment meanwhile, it says what and stops.

    \b
    Examples:
      statecfg resume -i inventories/contoso -l contoso-uat
      statecfg resume 20260114T020310-9f3c -l contoso-prod --confirm contoso-prod

    \b
    Exit codes: 0 done, 3 stopped part way again, 4 the world is not as the run left it,
    5 there is nothing to go on with, 6 the run is still at work, 7 something blocks,
    130 interrupted.
    """
    result = call.application().resume(
        run,
        approve=Approval(call, yes, confirm, saved=True),
        attest=attestations(attest),
        ask=Asking(call) if call.surroundings.interactive() else None,
        stop_after=stop_after,
    )
    show_result(call, result)
    return result.exit_code
