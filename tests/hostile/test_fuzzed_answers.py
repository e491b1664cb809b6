"""Any field of any answer may be missing, null, or of another type: an exit code of the table, and never a crash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.end_to_end.stage import Stage
from tests.hostile.proxy import Exchange, Mischief, Proxy
from tests.hostile.test_answers import asked, proxy, stage, taken

__all__ = ["proxy", "stage"]

MISSING = object()
WRONG: tuple[Any, ...] = (
    MISSING, None, "", "x", "\u0000", "1e999999999", -1, 10**18, 1.5, True, {}, [], [None], {"x": [1]},
)  # fmt: skip
CODES = {0, 2, 3, 4, 5, 7, 9, 10}
Field = tuple[str, tuple[str | int, ...]]


def kind_of(exchange: Exchange) -> str:
    """An address without the ids in it."""
    return re.sub(r"[0-9a-f-]{36}", "*", f"{exchange.service} {exchange.method} {exchange.path}")


def fields_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for name, each in inner:
        yield from fields_of(each, (*path, name))


def with_wrong(value: Any, path: tuple[str | int, ...], wrong: Any) -> Any:
    """The value with another one at a place, or without what stands there."""
    if not path:
        return None if wrong is MISSING else wrong
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if wrong is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = wrong
    return value


def spoiling(field: Field, wrong: Any) -> Mischief:
    """A service that gets one field wrong, in every answer of a kind."""
    kind, path = field

    def mischief(exchange: Exchange) -> Exchange:
        if exchange.status >= 300 or kind_of(exchange) != kind:
            return exchange
        try:
            return exchange.with_body(json.dumps(with_wrong(json.loads(exchange.body), path, wrong)).encode())
        except (LookupError, TypeError, ValueError):
            return exchange

    return mischief


@pytest.fixture(scope="module")
def fields(stage: Stage, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> list[Field]:
    """Every field of every kind of answer in a run that nobody disturbs."""
    rig = taken(stage, proxy, tmp_path_factory.mktemp("fields"), lambda exchange: exchange)
    assert asked(rig, "apply", "cutover", "--yes").code == 0
    answers = [exchange for exchange in proxy.seen if exchange.body.startswith((b"{", b"["))]
    return sorted({(kind_of(one), path) for one in answers for path in fields_of(json.loads(one.body))}, key=repr)


@pytest.mark.parametrize("words", [("plan", "cutover"), ("apply", "cutover", "--yes")], ids=["plan", "apply"])
@settings(
    deadline=None, max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(pick=st.integers(0, 10**6), wrong=st.sampled_from(WRONG))
def test_whatever_a_field_holds_the_program_ends_in_order(
    stage: Stage,
    proxy: Proxy,
    fields: list[Field],
    tmp_path: Path,
    words: tuple[str, ...],
    pick: int,
    wrong: object,
) -> None:
    field = fields[pick % len(fields)]
    rig = taken(stage, proxy, tmp_path, spoiling(field, wrong))
    said = asked(rig, *words)
    assert said.code in CODES, (field, wrong, said.all)
    assert "Traceback" not in said.all
    assert "unexpected" not in said.all
