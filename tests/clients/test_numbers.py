"""Numbers are exact from the wire and back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statecfg.clients import numbers

MONEY = st.decimals(min_value=Decimal("-922337203685477.58"), max_value=Decimal("922337203685477.58"), places=4)


@given(MONEY)
def test_money_comes_back_to_the_last_digit(amount: Decimal) -> None:
    again = numbers.decoded(numbers.encoded({"amount": amount}))["amount"]
    assert str(Decimal(again)) == str(amount)


def test_trailing_zeros_are_kept() -> None:
    assert numbers.encoded({"a": Decimal("1000.10")}) == b'{"a":1000.10}'
    assert str(numbers.decoded(b'{"a":1000.10}')["a"]) == "1000.10"


def test_no_number_becomes_a_float() -> None:
    values = numbers.decoded(b"[1, 0.1, 922337203685476.99, 1e3, 12345678901234567890123, -0.0]")
    assert [type(value) for value in values] == [int, Decimal, Decimal, Decimal, int, Decimal]


def test_a_float_is_never_sent() -> None:
    with pytest.raises(TypeError, match="float"):
        numbers.encoded({"rows": [{"amount": 0.1}]})


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_never_sent(value: str) -> None:
    with pytest.raises(TypeError, match="no number"):
        numbers.encoded([Decimal(value)])


def test_exponents_are_written_out() -> None:
    assert numbers.encoded([Decimal("1E+3"), Decimal("1E-7")]) == b"[1000,0.0000001]"


@pytest.mark.parametrize(
    "body", [b"", b'{"a":', b"<html>", b"[" * 100_000, b'{"a":NaN}', '{"a":"é"}'.encode("latin-1"), b'{"a":1}{"a":2}']
)
def test_what_is_not_json_is_said_to_be_not_json(body: bytes) -> None:
    with pytest.raises(numbers.NotJson):
        numbers.decoded(body)


def test_canonical_text_is_equal_for_equal_values() -> None:
    assert numbers.canonical({"b": 1, "a": [Decimal("1.50")]}) == numbers.canonical({"a": [Decimal("1.50")], "b": 1})
