"""The client spells every fact of the wire as its source has it; the sandbox's spelling is held to the same files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.facts import Fact, facts, same, spelling

CLIENT = [fact for fact in facts() if fact.client]
SANDBOX = [fact for fact in facts() if fact.sandbox]


@pytest.mark.parametrize("fact", CLIENT, ids=str)
def test_the_client_spells_the_fact(fact: Fact) -> None:
    assert same(spelling(fact.client), fact)


@pytest.mark.parametrize("fact", SANDBOX, ids=str)
def test_the_sandbox_spells_the_fact(fact: Fact) -> None:
    assert same(spelling(fact.sandbox), fact)


@pytest.mark.parametrize("fact", facts(), ids=str)
def test_a_side_that_has_no_spelling_of_a_fact_says_why_and_one_side_has_one(fact: Fact) -> None:
    assert bool(fact.client) is (len(fact.why_no_client.split()) < 5)
    assert bool(fact.sandbox) is (len(fact.why_no_sandbox.split()) < 5)
    assert fact.client or fact.sandbox


@pytest.mark.parametrize(
    ("value", "said"),
    [("1", "2"), ("1", 2), (1, "1"), ("AX", "ax"), (["a", "b"], ["a"]), (["a"], "b"), ("/api", re.compile("/ap"))],
)
def test_another_spelling_is_seen_to_be_another(value: Any, said: Any) -> None:
    assert not same(said, replace(facts()[0], value=value, any_case=False))


def test_each_fact_has_a_source_in_the_reference() -> None:
    assert [fact for fact in facts() if not fact.source.startswith("reference/") or '"' not in fact.source] == []


def test_every_option_of_the_client_is_a_fact() -> None:
    from statecfg.clients import choices

    kinds = [kind for kind in vars(choices).values() if isinstance(kind, type) and kind.__module__ == choices.__name__]
    said = {f"{choices.__name__}:{kind.__name__}.{member.name}" for kind in kinds for member in kind}  # type: ignore[attr-defined]
    assert said == {fact.client for fact in CLIENT if fact.client.startswith(choices.__name__)}


def test_no_option_value_stands_bare_in_the_clients() -> None:
    places = Path(__file__).parents[2].joinpath("statecfg", "clients").glob("*.py")
    assert [place.name for place in places if "19235000" in place.read_text() and place.name != "choices.py"] == []
