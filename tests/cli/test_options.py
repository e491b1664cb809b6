from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from statecfg.cli.options import options, project_options
from statecfg.model.options import Options


def given(words: str, place: Path) -> Options:
    """What the command line makes of these words, in a project that has two inventories and one set of states."""
    found: list[Options] = []

    @click.command()
    @project_options
    def command(inventory: str | None, limit: str | None, states: str | None, extra: tuple[str, ...]) -> None:
        found.append(options(inventory, limit, states, extra))

    for folder in ("inventories/a", "inventories/b", "states/milestone-cutover", "old states/set"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    result = CliRunner().invoke(command, shlex.split(words))
    assert result.exit_code == 0, result.output
    return found[0]


@pytest.mark.parametrize(
    "words",
    [
        "-i inventories/a",
        "-i inventories/a -l uat",
        "-i inventories/b -s 'old states/set' -e cutover_version=1.0.0.8 -e 'reason=two words'",
    ],
)
def test_the_options_of_a_run_can_be_typed_again_as_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    first = given(words, tmp_path)
    assert first.words == words
    assert given(first.words, tmp_path) == first
