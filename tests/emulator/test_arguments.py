"""Whatever is asked, the emulator has an answer: a result, or words of refusal."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.emulator.auth import Keys
from kraken.emulator.errors import Refusal
from kraken.emulator.exchange import Exchange
from kraken.emulator.instruments import Instruments
from kraken.emulator.market import Market
from kraken.emulator.schema import Mode, Schema
from kraken.emulator.specs import Operation, load, specs_folder
from kraken.emulator.spot_rest import HANDLERS, SpotRest
from kraken.emulator.wire import NotJson, dumps, loads

SPOT = load(specs_folder(), "spot")
NUMBERS = ("0", "1", "7", "-1", "0.01", "60000", "60000.05", "1e3", "9" * 20, "9" * 30, "0." + "1" * 20, "²", "٣")
PRICES = ("+5", "-1%", "#5%", "#0", "+", "%", "+99999999999999999999%")
NAMES = (
    "XBTUSD",
    "BTC/USD",
    "SHIBUSD",
    "NOPE",
    "",
    "None",
    "true",
    "True",
    "2030-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
)
texts = st.one_of(st.sampled_from(NUMBERS + PRICES + NAMES), st.text(max_size=5))

clock = itertools.count(1_800_000_000_000_000_000, 1000)
EXCHANGE = Exchange(Instruments(), lambda: next(clock), 1)
Market(EXCHANGE, 1).open()
REST = SpotRest(EXCHANGE, Keys(1, lambda: next(clock), 900))


def fitting(schema: Schema) -> st.SearchStrategy[str]:
    """Texts, some of which fit the schema."""
    if "enum" in schema:
        return st.one_of(st.sampled_from([str(each) for each in schema["enum"]]), texts)
    if schema.get("type") == "array":
        return st.lists(fitting(schema["items"]), max_size=3).map(",".join)
    return texts


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, str]]:
    operation = draw(st.sampled_from([each for each in SPOT.operations.values() if each.id in HANDLERS]))
    optional = [name for name in operation.shape.fields if name not in operation.shape.required]
    names = [
        *operation.shape.required,
        *draw(st.lists(st.sampled_from(optional), max_size=4) if optional else st.just([])),
    ]
    given_ = {name: draw(fitting(operation.shape.fields[name])) for name in names}
    if "pair" in given_ and draw(st.booleans()):
        given_["pair"] = "XBTUSD"
    return operation, given_


@settings(max_examples=400, deadline=None)
@given(requests())
def test_rest_answers_or_refuses(request: tuple[Operation, dict[str, str]]) -> None:
    operation, arguments = request
    for mode in (Mode.TEXT, Mode.LENIENT):
        with contextlib.suppress(Refusal):
            dumps(HANDLERS[operation.id](REST, operation.shape.check(arguments, mode)))


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_websocket_arguments_are_taken_or_refused(data: st.DataObject) -> None:
    channel = data.draw(st.sampled_from([*SPOT.methods.values(), *SPOT.channels.values()]))
    if channel.shape is None:
        return
    names = data.draw(st.lists(st.sampled_from([*channel.shape.fields, "other"]), max_size=6, unique=True))
    params: dict[str, Any] = {name: data.draw(json_values) for name in names}
    with contextlib.suppress(Refusal):
        channel.shape.check(params, Mode.STRICT)


@given(json_values)
def test_json_keeps_every_digit(value: Any) -> None:
    assert dumps(loads(dumps(value))) == dumps(value)


@given(st.text(max_size=30))
def test_any_text_is_json_or_is_not(text: str) -> None:
    with contextlib.suppress(NotJson):
        dumps(loads(text))
