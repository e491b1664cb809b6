from __future__ import annotations

import contextlib
import time
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecfg.loading.expressions import ExpressionError, evaluate, template


def result(text: str, **variables: Any) -> Any:
    wanted = template(text)
    assert wanted.lone
    return evaluate(wanted.lone, variables)


def refusal(text: str, **variables: Any) -> str:
    with pytest.raises(ExpressionError) as caught:
        result(text, **variables)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{{ a }}", 5),
        ("  {{ a }}\n", 5),
        ("{{ a + 1 }}", 6),
        ("{{ b + 2 }}", Decimal("3.10")),
        ("{{ a / 2 }}", Decimal("2.5")),
        ("{{ [a, b] }}", [5, Decimal("1.10")]),
        ("{{ c.d }}", "x"),
        ("{{ c['d'].upper() }}", "X"),
        ("{{ c.items }}", "own key"),
        ("{{ c.keys() | list | sort }}", ["d", "items"]),
        ("{{ unknown | default('z') }}", "z"),
        ("{{ a if a > 3 else 'small' }}", 5),
        ("{{ none }}", None),
        ("{{ true }}", True),
        ("{{ 'a-b'.split('-')[1] }}", "b"),
        ("{{ '7' | int + 1 }}", 8),
        ("{{ ['x', 'y'] | join('/') }}", "x/y"),
        ("{{ '}}' }}", "}}"),
        ("{{ result }}", "a name that jinja uses itself"),
    ],
)
def test_a_lone_expression_keeps_its_type(text: str, meant: object) -> None:
    variables: dict[str, Any] = {"a": 5, "b": Decimal("1.10"), "c": {"d": "x", "items": "own key"}}
    found = result(text, **variables, result="a name that jinja uses itself")
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ unknown }}", "undefined-variable"),
        ("{{ a.unknown }}", "undefined-variable"),
        ("{{ a.unknown.more }}", "undefined-variable"),
        ("{{ a[3] }}", "undefined-variable"),
        ("{{ 1 if false }}", "undefined-variable"),
        ("{{ [] | first }}", "undefined-variable"),
        ("{% if a %}1{% endif %}", "template-statement"),
        ("{% set x = 1 %}", "template-statement"),
        ("{# comment #}", "template-statement"),
        ("{{ a ", "expression-syntax"),
        ("{{ a b }}", "expression-syntax"),
        ("{{ }}", "expression-syntax"),
        ("{{ a | attr('x') }}", "expression-syntax"),
        ("{{ " + "(" * 1900 + "1" + ")" * 1900 + " }}", "expression-syntax"),
        ("{{ 1.5 * 2 }}", "inexact-number"),
        ("{{ 1 / 0 }}", "expression-failed"),
        ("{{ 'x' + 1 }}", "expression-failed"),
        ("{{ 'x' | int }}", "expression-failed"),
        ("{{ a() }}", "expression-failed"),
        ("{{ a.items() }}", "expression-failed"),
        ("{{ self }}", "expression-failed"),
        ("{{ range(10) }}", "undefined-variable"),
        ("{{ lipsum() }}", "undefined-variable"),
        ("{{ cycler }}", "undefined-variable"),
        ("{{ ''.__class__ }}", "undefined-variable"),
        ("{{ ''['__class__'] }}", "undefined-variable"),
        ("{{ a.__init__.__globals__ }}", "undefined-variable"),
        ("{{ 'x'.join(['a', 'b']) }}", "undefined-variable"),
    ],
)
def test_what_is_wrong_with_an_expression_has_its_code(text: str, code: str) -> None:
    if "{{" in text:
        assert refusal(text, a={"b": 1}) == code
    else:
        with pytest.raises(ExpressionError) as caught:
            template(text)
        assert caught.value.code == code


LONG = "a" * 60_000


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10**8 }}",
        "{{ 'x' * 100000000 }}",
        "{{ 100000000 * 'x' }}",
        "{{ [1] * 100000000 }}",
        "{{ 9**9**9 }}",
        "{{ 99999999999999999999 * 99999999999999999999 * 99999999999999999999 }}",
        "{{ " + "9" * 3_900 + " }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x'.zfill(1000000000) }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ long + long }}",
        "{{ long ~ long ~ long }}",
        "{{ long | replace('a', long) }}",
        "{{ long.replace('a', long) }}",
        "{{ long | list | join(long) }}",
        "{{ [long, long, long] }}",
        "{{ [[long] * 30] * 30 }}",
        "{{ " + " ~ ".join(["long"] * 300) + " }}",
        "{{ " + "+".join(["1"] * 1_500) + " }}",
        "{{ 'x' " + " " * 5_000 + " }}",
    ],
)
def test_what_would_grow_is_refused_before_it_does(text: str) -> None:
    tracemalloc.start()
    began = time.monotonic()
    refusal(text, long=LONG)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 60_000_000
    assert time.monotonic() - began < 5


@settings(deadline=None)
@given(st.text(alphabet="{}%# ab1.|()[]'+*~-_,:/", max_size=60))
def test_any_text_is_a_value_or_a_refusal(text: str) -> None:
    # Whatever else is raised fails the test.
    with contextlib.suppress(ExpressionError):
        for part in template(text).parts:
            if part.kind == "expression":
                evaluate(part.text, {"a": "x", "b": [1, {"c": None}]})


@settings(deadline=None)
@given(st.text(alphabet=st.characters(blacklist_characters="{}"), max_size=60))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    joined = "".join(part.text for part in template(f"{text}{{{{ 1 }}}}").parts if part.kind == "text")
    assert joined == text.replace("\r\n", "\n").replace("\r", "\n")
