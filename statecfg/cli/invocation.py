"""One call of a command: options in, an exit code out, and every error on its way put into words."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import click

from statecfg.cli.application import Application, Surroundings
from statecfg.cli.options import STATE_DIR, options
from statecfg.cli.output import Output
from statecfg.model.errors import FAILED, INTERRUPTED, StatecfgError, exit_code
from statecfg.model.results import RunSummary

PROJECT = ("inventory", "limit", "states", "extra")


@dataclass(frozen=True, slots=True)
class Call:
    """What a command works with: its output, the person at the terminal, and the application when it is needed.

    project: the options that say which files and which environment, as they were given.
    """

    output: Output
    surroundings: Surroundings
    project: Mapping[str, Any] = field(default_factory=dict)

    def application(self) -> Application:
        """The project, opened. Raises DeclarationError if its files are wrong, UsageError if none was named."""
        application = self.surroundings.open(options(**self.project), self.output.listener())
        self.output.clean = application.clean
        return application

    def history(self, run: str | None = None) -> tuple[RunSummary, ...]:
        """The runs recorded here, newest first, of the environment that was named, if one was; or one run in full."""
        limit = self.project.get("limit")
        runs = self.surroundings.history(STATE_DIR, run)
        return tuple(summary for summary in runs if not limit or summary.environment == limit)


def answering(function: Callable[..., int]) -> Callable[..., int]:
    """Make `function(call, **own options) -> exit code` the body of a click command with the shared options."""

    @functools.wraps(function)
    @click.pass_context
    def command(context: click.Context, /, **given: Any) -> int:
        output = Output(
            command=context.info_name or "",
            form=given.pop("form", "text"),
            verbosity=given.pop("verbose", 0),
            quiet=given.pop("quiet", False),
            no_color=given.pop("no_color", False),
        )
        project = {name: given.pop(name) for name in PROJECT if name in given}
        surroundings = context.find_object(Surroundings) or Surroundings()
        return answered(output, lambda: function(Call(output, surroundings, project), **given))

    return command


def answered(output: Output, work: Callable[[], int]) -> int:
    """The exit code of `work`; whatever it raises is told on `output` first. Only click's own errors pass."""
    try:
        return work()
    except click.ClickException:
        raise
    except StatecfgError as error:
        output.error(error)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        do = "run the same command again: it looks at what is there and goes on from it"
        output.plain_error("Interrupted", "interrupted", do, INTERRUPTED)
        return INTERRUPTED
    except BrokenPipeError:
        _leave_the_pipe()
    except Exception as error:
        output.unexpected(error, FAILED)
        return FAILED
    finally:
        output.close()


def _leave_the_pipe() -> NoReturn:
    """Whoever read our output has gone (`| head`): end without another word."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(FAILED)
