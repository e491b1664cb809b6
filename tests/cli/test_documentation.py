"""What is documented is there, and what is there is documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from statecfg.cli.main import COMMANDS, cli
from tests.cli.applications import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
    assert found is not None
    return found


def subcommands(name: str) -> list[str]:
    group = command(name)
    return list(group.commands) if isinstance(group, click.Group) else []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_an_example_and_a_line_in_the_list(name: str) -> None:
    ran = run(name, "--help")
    assert ran.code == 0
    assert f"statecfg {name}" in ran.out.split("\n", 1)[1], "an example shows the command as it is typed"
    assert command(name).short_help == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stands_on_the_page_of_commands(name: str) -> None:
    assert f"`statecfg {name}" in COMMANDS_PAGE
    row = next(line for line in COMMANDS_PAGE.splitlines() if line.startswith(f"| `statecfg {name}"))
    for below in subcommands(name):
        assert below in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_a_page_shows_exist(page: Path) -> None:
    for words in commands_in(page.read_text(encoding="utf-8")):
        assert words[0] in COMMANDS, " ".join(words)
        found = command(words[0])
        for word in words[1:]:
            if isinstance(found, click.Group) and word in found.commands:
                found = found.commands[word]
        known = {option for parameter in found.params for option in parameter.opts} | {"-h", "--help"}
        given = {word.split("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
        assert given <= known, " ".join(words)


def commands_in(text: str) -> list[list[str]]:
    """Every `statecfg ...` of a page's code blocks, as words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rows = [row for block in blocks for row in block.splitlines()]
    return [found[1].split("#")[0].split() for row in rows if (found := re.match(r"(?:\$ )?statecfg ([a-z].*)", row))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_make_commands_of_the_readme_are_those_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    suites = re.search(r"for suite in ([a-z -]+);", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert suites is not None
    assert set(suites[1].split()) <= set(re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE))
    assert {"demo", "test"} <= set(suites[1].split())


def test_the_make_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE)) <= set(rules)


def test_help_loads_no_more_than_click_and_our_own_words() -> None:
    code = "import sys, statecfg.cli.main as m\ntry: m.cli(['--help'])\nexcept SystemExit: pass\n"
    heavy = "rich requests msal pydantic jinja2 deepdiff ruamel msgspec statecfg.app statecfg.report statecfg.sandbox"
    code += f"print(sorted(set(sys.modules) & set({heavy.split()!r})), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", [["--version"], ["plan", "--help"], ["plan"]])
def test_the_module_runs_as_a_program(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "statecfg", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == (64 if words == ["plan"] else 0)
