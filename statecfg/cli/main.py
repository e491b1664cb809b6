"""The command line: its commands by name, loaded when called, and how it ends.

A command is options -> one call of the application -> lines or a document -> an exit code. Nothing but click and the
command that was called is loaded, so that `--help` is quick.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from statecfg import __version__
from statecfg.cli.completion import VARIABLE
from statecfg.cli.output import Output
from statecfg.model.errors import INTERRUPTED, OK, USAGE

COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("statecfg.cli.validate", "Check the files; nothing is contacted."),
    "plan": ("statecfg.cli.plan", "Read, compare, and show what would be done."),
    "apply": ("statecfg.cli.apply", "Carry out a saved plan, or plan a phase and carry it out."),
    "resume": ("statecfg.cli.resume", "Go on with a run that was stopped."),
    "drift": ("statecfg.cli.drift", "Find what no longer is as it was left."),
    "status": ("statecfg.cli.status", "Where we are: phases, maps by all witnesses, last run."),
    "lock": ("statecfg.cli.lock", "Who is at work in an environment."),
    "history": ("statecfg.cli.history", "Runs: who, when, what came of them."),
    "show": ("statecfg.cli.show", "Show a saved plan or a run again."),
    "schema": ("statecfg.cli.schema", "JSON Schema of state files and inventories, for editors."),
    "sandbox": ("statecfg.cli.sandbox", "The local stand-in for the services: up, down, and more."),
    "completion": ("statecfg.cli.completion", "Shell completion: bash, zsh or fish."),
}
FORMATS = ("json", "events", "junit")


class StatecfgGroup(click.Group):
    """Commands that are imported when called; click's own exit code 2 is our 64, since 2 means changes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = VARIABLE,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit; with `standalone_mode=False` return the exit code."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(given, prog_name, complete_var, False, **extra) or OK
        except click.ClickException as wrong:
            code = _wrong(wrong, given)
        except (KeyboardInterrupt, click.Abort):
            code = INTERRUPTED
        if standalone_mode:
            sys.exit(code)
        return code


def _wrong(wrong: click.ClickException, given: Sequence[str]) -> int:
    """Tell of a wrong command line in the format that it asked for."""
    form = asked_format(given)
    if form == "text":
        wrong.show()
    else:
        do = "see --help"
        Output(form=form).plain_error("Usage", wrong.format_message(), do, USAGE)  # type: ignore[arg-type]
    return USAGE


def asked_format(given: Sequence[str]) -> str:
    """The value of -o/--output on a command line that may be wrong otherwise; "text" if none can be told."""
    for i, word in enumerate(given):
        if word in ("-o", "--output") and i + 1 < len(given):
            form = given[i + 1]
        elif word.startswith("--output="):
            form = word.removeprefix("--output=")
        elif word.startswith("-o") and not word.startswith("--"):
            form = word.removeprefix("-o").removeprefix("=")
        else:
            continue
        if form in FORMATS:
            return form
    return "text"


@click.group(cls=StatecfgGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="statecfg")
def cli() -> None:
    """Go live with Dynamics 365 Project Operations as desired state: declare it, plan it, apply it, check for drift.

    State files say what must hold in each phase of the cutover. `plan` reads the live environment and shows the
    difference; `apply` removes it, in a safe order; `drift` finds what moved afterwards.

    \b
    Try it on the local stand-in, from the project's root:
      statecfg sandbox up --detach
      statecfg plan cutover -i .sandbox/inventory
      statecfg apply cutover -i .sandbox/inventory

    \b
    Exit codes: 0 done, 2 changes or drift, 3 stopped part way, 4 the world moved, 5 refused, 6 locked,
    7 something blocks, 8 the files are wrong, 9 sign-in, 10 a service is away, 64 wrong command line,
    130 interrupted, 1 anything unexpected.
    """
