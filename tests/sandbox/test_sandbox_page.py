"""docs/sandbox.md says what the sandbox has: every setting, every call, and no name that isn't there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from statecfg.sandbox.server import Sandbox
from tests.sandbox.settings_page import PAGE, between, tables

TEXT = PAGE.read_text(encoding="utf-8")
STALE = "bring it up to date with `python -m tests.sandbox.settings_page`"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=1, milestones=1) as started:
        yield started


@pytest.mark.parametrize("part", ["settings", "calls"])
def test_every_setting_and_every_call_stands_on_the_page_as_it_is(sandbox: Sandbox, part: str) -> None:
    assert between(TEXT, part) == tables(sandbox)[part], STALE


def test_settings_that_the_page_speaks_of_exist(sandbox: Sandbox) -> None:
    prefixes = {each.name.split(".")[0] for each in sandbox.world.settings}
    named = set(re.findall(r"`([a-z_]+\.[a-z_.]+?)(?:=[^`]*)?`", TEXT))
    spoken = {name for name in named if name.split(".")[0] in prefixes and not name.endswith((".json", ".csv", ".yml"))}
    assert {name for name in spoken if name not in sandbox.world.settings} <= {"statecfg.sandbox.server"}
    assert len(spoken) > 60


def test_the_faults_that_the_page_shows_raw_are_understood(sandbox: Sandbox) -> None:
    for text in re.findall(r"`raw` `(\{.*?\})` \|", TEXT):
        shown = sandbox.kernel.control.call("faults", "POST", json.loads(text.replace("{...}", "{}")))
        assert shown["effect"] in ("start_failure", "polls", "edit", "status")
    sandbox.kernel.control.call("faults", "DELETE")


def test_the_edit_that_the_page_shows_is_understood(sandbox: Sandbox) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    wanted = json.loads(block)
    fault = sandbox.kernel.control.call("edit", "POST", wanted)
    assert fault["effect"] == "edit"
    sandbox.kernel.control.call("faults", "DELETE")
    with sandbox.world.reading() as tx:
        assert tx.find("systemuser", fullname=wanted["by"]), "a person of the seeded world"
