"""Which tests run when: the long ones, which show damage and interrupted worlds, are a suite of their own."""

from __future__ import annotations

import pytest

DAMAGE = (
    "tests/foreign/",
    "tests/end_to_end/test_removed_",
    "tests/end_to_end/test_intermediate_worlds",
    "tests/end_to_end/test_abandoned",
    "tests/end_to_end/test_messy_export",
    "tests/end_to_end/test_somebody_",
    "tests/end_to_end/test_between_",
    "tests/end_to_end/test_every_moment",
    "tests/end_to_end/test_ways_",
    "tests/end_to_end/test_wire_",
    "tests/end_to_end/test_witnesses",
    "tests/sandbox/test_typical_mistakes",
    "tests/hostile/test_answers",
    "tests/hostile/test_bounds",
    "tests/hostile/test_fuzzed_",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(DAMAGE):
            item.add_marker(pytest.mark.damage)
