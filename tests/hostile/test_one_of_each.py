"""One of each sort of hostile answer, in seconds; all of them are in the long suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.stage import Stage
from tests.hostile import wire
from tests.hostile.proxy import Proxy
from tests.hostile.test_answers import (
    BODIES,
    ORDERS,
    PLACES,
    asked,
    assert_not_followed,
    assert_told,
    proxy,
    stage,
    taken,
)

__all__ = ["proxy", "stage"]

ONE_OF_EACH: dict[str, wire.Spoil] = {
    "a captive portal": wire.body(*BODIES["a captive portal"]),
    "10,000 levels": wire.body(wire.DEEP),
    "a number without end": wire.body(b'{"value":[{"a":1e999999999}]}'),
    "a length too great": wire.long_by(50),
    "a head letter by letter": wire.trickled,
    "a next page elsewhere": wire.next_link(lambda exchange: "https://evil.invalid/api/data/v9.2/salesorders"),
}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_hostile_answer_is_told_with_its_address(
    stage: Stage,
    proxy: Proxy,
    tmp_path: Path,
    name: str,
) -> None:
    rig = taken(stage, proxy, tmp_path, wire.at(*ORDERS, ONE_OF_EACH[name]))
    assert_told(asked(rig, "plan", "cutover"), 10)


def test_a_redirected_sign_in_takes_no_secret_along(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    assert_not_followed(stage, proxy, tmp_path, PLACES["the authority"], 307)
