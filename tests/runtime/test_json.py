"""JSON without losing a digit, and values as form text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.exceptions import InvalidRequest
from kraken.runtime import to_json
from kraken.runtime.forms import form, lenient_text, text
from kraken.runtime.json import decode, decode_plain

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.text(max_size=8) | DECIMALS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_goes_out_comes_back(value: Any) -> None:
    assert json.loads(to_json(value), parse_float=Decimal) == value
    assert decode(to_json(value).encode()) == value


@given(st.integers(-(10**25), 10**25), st.integers(0, 25))
def test_digits_stay(digits: int, places: int) -> None:
    written = format(Decimal(digits).scaleb(-places), "f")
    assert to_json(decode(written.encode())) == written
    assert Decimal(to_json(decode_plain(written.encode()))) == Decimal(written)


def test_numbers() -> None:
    assert decode(b"[1, 1.50, 12345678901234567.12, 1e-8]") == [
        1,
        Decimal("1.50"),
        Decimal("12345678901234567.12"),
        Decimal("1E-8"),
    ]
    assert to_json(decode(b"[45283.50,1e-8,1E3,-0.0]")) == "[45283.50,0.00000001,1000,-0.0]"
    plain = decode_plain(b"[1, 1.5, 12345678901234567.12]")
    assert plain == [1, 1.5, Decimal("12345678901234567.12")]
    assert [type(each) for each in plain] == [int, float, Decimal]
    with pytest.raises(ValueError, match="not a finite number"):
        to_json(Decimal("NaN"))


# ---------------------------------------------------------------------- forms


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=12))))
def test_forms_are_those_of_urllib(pairs: list[tuple[str, str]]) -> None:
    encodable = [pair for pair in pairs if "".join(pair).isprintable()]
    assert form(encodable) == urlencode(encodable)
    assert parse_qsl(form(encodable), keep_blank_values=True) == encodable


@given(DECIMALS)
def test_decimals_as_text(value: Decimal) -> None:
    assert Decimal(text(value)) == value
    assert "E" not in text(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_lenient_float_is_the_same_float(value: float) -> None:
    assert float(lenient_text(value)) == value
    assert "e" not in lenient_text(value)


def test_texts() -> None:
    values: list[tuple[Any, str]] = [
        ("x", "x"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
        (["a", 1, True], "a,1,true"),
        (("a",), "a"),
        ([], ""),
        ({"a": Decimal("1E-8")}, '{"a":0.00000001}'),
    ]
    for value, expected in values:
        assert text(value) == expected
    for wrong in (0.5, None, object(), b"x", {1}, Decimal("NaN"), [0.5]):
        with pytest.raises(InvalidRequest, match="name: "):
            form([("name", wrong)])
