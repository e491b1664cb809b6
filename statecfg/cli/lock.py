"""`statecfg lock`: who is at work in an environment, and ending the lock of a run that is gone for good."""

from __future__ import annotations

from dataclasses import asdict

import click

from statecfg.cli.invocation import Call, answering
from statecfg.cli.options import output_options, project_options
from statecfg.model.errors import OK
from statecfg.model.lease import Lease


@click.group("lock", short_help="Who is at work in an environment.")
def lock() -> None:
    """Look at the lock of an environment, or end one whose run is gone for good.

    Every apply holds a lock in the environment itself, so that two people never write at once, wherever they sit.
    A lock ends by itself when its process on the same host is gone, or when it has not been renewed for a while and
    nothing is under way.

    \b
    Example:
      statecfg lock show -i inventories/contoso -l contoso-prod
    """


@lock.command("show", short_help="Who holds the lock, since when.")
@project_options
@output_options("text", "json", "events")
@answering
def show(call: Call) -> int:
    """Show who is at work in the environment.

    \b
    Example:
      statecfg lock show -i inventories/contoso -l contoso-prod
    """
    held = call.application().lock()
    _tell(call, held, "Held by" if held else "Nobody is at work here.")
    return OK


@lock.command("release", short_help="End the lock of a run that is gone for good.")
@click.argument("run")
@project_options
@output_options("text", "json", "events")
@answering
def release(call: Call, run: str) -> int:
    """End the lock of RUN. Only for a run that is certainly gone: one that still works will stop at its next write.

    \b
    Example:
      statecfg lock release 20260114T020310-9f3c -i inventories/contoso -l contoso-prod
    """
    _tell(call, call.application().release(run), "Released; it was held by")
    return OK


def _tell(call: Call, held: Lease | None, words: str) -> None:
    if call.output.form != "text":
        ages = {"age_s": round(held.age_s, 1), "lease_s": held.lease_s, "void": held.void} if held else {}
        held_by = {**asdict(held.holder), **ages} if held else None
        call.output.document({"lock": held_by}, OK)
        return
    from statecfg.report.lock_lines import lock_lines

    call.output.lines(lock_lines(held, words))
