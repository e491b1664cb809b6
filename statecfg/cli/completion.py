"""`statecfg completion`: the lines that teach a shell to complete our words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from statecfg.model.errors import OK

VARIABLE = "_STATECFG_COMPLETE"


@click.command("completion", short_help="Shell completion: bash, zsh or fish.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the completion script for SHELL; have your shell read it when it starts.

    \b
    Examples:
      statecfg completion bash > ~/.local/share/bash-completion/completions/statecfg
      statecfg completion zsh > ~/.zfunc/_statecfg
      statecfg completion fish > ~/.config/fish/completions/statecfg.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "statecfg", VARIABLE)
    click.echo(script.source_template % script.source_vars())
    return OK
