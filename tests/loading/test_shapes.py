from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecfg.loading.document import parse_document
from statecfg.loading.problems import Problems
from statecfg.loading.shapes import shape_of


@dataclass(frozen=True, slots=True)
class Inner:
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outer:
    name: str = "default"
    count: int | None = None
    exact: Decimal | None = None
    seconds: float = 1.5
    on: bool = False
    mode: Literal["on", "off"] = "on"
    inner: Inner | Literal["none"] | None = None
    many: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    from_: str = ""
    free: Any = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("13 is unlucky")


def read(text: str) -> tuple[Any, list[str]]:
    problems = Problems()
    node = parse_document(text, "f.yml", problems)
    assert node is not None
    value = shape_of(Outer).value(node, problems)
    return value, [f"{each.code} {each.where.line}:{each.where.column} {each.what}" for each in problems.found]


def value(text: str) -> Outer:
    found, wrong = read(text)
    assert not wrong
    assert isinstance(found, Outer)
    return found


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("name: 0123", Outer(name="0123")),
        ("name: 1.10", Outer(name="1.10")),
        ("name: true", Outer(name="true")),
        ("name: 2021-11-01", Outer(name="2021-11-01")),
        ("from: 1e3", Outer(from_="1e3")),
        ("count: 12", Outer(count=12)),
        ('count: "12"', Outer(count=12)),
        ("count: ~", Outer(count=None)),
        ('exact: "1000.10"', Outer(exact=Decimal("1000.10"))),
        ("seconds: 2", Outer(seconds=2.0)),
        ("on: true", Outer(on=True)),
        ("mode: off", Outer(mode="off")),
        ("inner: none", Outer(inner="none")),
        ("inner: {who: 007}", Outer(inner=Inner("007"))),
        ("many: [{who: a}, {who: b, why: c}]", Outer(many=(Inner("a"), Inner("b", "c")))),
        ("words: [1.0, yes]", Outer(words=("1.0", "yes"))),
        ('sums: {USD: "922337203685476.99"}', Outer(sums={"USD": Decimal("922337203685476.99")})),
        ("free: {a: [1, x]}", Outer(free={"a": [1, "x"]})),
    ],
)
def test_types_come_from_the_declaration(text: str, meant: Outer) -> None:
    assert value(text) == meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nmae: x", "unknown-key 1:1 `nmae` isn't known"),
        ("inner: {who: a, wyh: b}", "unknown-key 1:17 `wyh` isn't known in `inner`"),
        ("many: [{who: a}, {wo: a, who: b}]", "unknown-key 1:19 `wo` isn't known in `many`"),
        ("inner: {why: a}", "missing-key 1:8 `who` is missing in `inner`"),
        ("inner: nobody", "unknown-value 1:8 `inner`: `nobody` isn't possible here"),
        ("inner: [a]", "wrong-type 1:8 `inner`: a mapping with keys is wanted here"),
        ("many: {who: a}", "wrong-type 1:7 `many`: a list is wanted here"),
        ("words: a", "wrong-type 1:8 `words`: a list is wanted here"),
        ("words: [[a]]", "wrong-type 1:9 `words`: a list stands where text is wanted"),
        ("name: {a: b}", "wrong-type 1:7 `name`: a mapping stands where text is wanted"),
        ("name:", "empty-value 1:6 `name`: is empty where text is wanted"),
        ("count: 1.5", "wrong-type 1:8 `count`: `1.5` is no whole number"),
        ("count: many", "wrong-type 1:8 `count`: `many` is no whole number"),
        ("count: 13", "wrong-value 1:1 13 is unlucky"),
        ("exact: 1000.10", "unquoted-money 1:8 `exact`: the amount 1000.10 stands without quotes"),
        ('exact: "1,000.10"', "wrong-type 1:8 `exact`: `1,000.10` is no amount"),
        ('exact: "1e308"', "wrong-type 1:8 `exact`: `1e308` is no amount"),
        ('sums: {USD: "NaN"}', "wrong-type 1:13 `sums.USD`: `NaN` is no amount"),
        ("seconds: .inf", "wrong-type 1:10 `seconds`: `.inf` is no number"),
        ("on: yes", "wrong-type 1:5 `on`: `yes` is neither true nor false"),
        ("mode: true", "unknown-value 1:7 `mode`: `true` isn't possible here"),
    ],
)
def test_what_does_not_fit_is_told_in_plain_words_at_its_place(text: str, told: str) -> None:
    assert read(text) == (None, [told])


def test_every_problem_is_told_at_once() -> None:
    _, wrong = read("count: x\nmode: x\nunknown: x\nmany:\n  - {who: }\n  - {}\n")
    assert [each.split()[0] for each in wrong] == [
        "wrong-type",
        "unknown-value",
        "unknown-key",
        "empty-value",
        "missing-key",
    ]


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from(list(Outer.__dataclass_fields__)))
def test_messages_only_name_keys_that_the_file_has(text: str, name: str) -> None:
    key = name.removesuffix("_")
    problems = Problems()
    node = parse_document(f"{key}: {text!r}", "f.yml", problems)
    if node is not None:
        shape_of(Outer).value(node, problems)
    for problem in problems.found:
        assert "function" not in problem.what
        assert "tagged" not in problem.what
        assert "mapping." not in problem.what
