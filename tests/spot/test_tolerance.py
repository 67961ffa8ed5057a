"""Kraken may add a field, an enum value or an element of a row on any day: nothing fails, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kraken.runtime import to_json
from kraken.runtime.models import KeyedRows, LazyRows
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message, decode_response

from ..specs import Exchange, frames, rest_exchanges

EXCHANGES = [each for each in rest_exchanges() if not each.raises and not each.known.binary]
FRAMES = list(frames())

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.integers(-(10**15), 10**15).map(lambda number: Decimal(number).scaleb(-8)),
    st.text(max_size=6),
)
NEW_VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=3),
    st.dictionaries(st.text(max_size=6), PLAIN | st.lists(PLAIN, max_size=2), max_size=3),
)
AWKWARD_NAMES = st.sampled_from(
    ["", "a b", "class", "self", "copy", "json", "model_config", "model_fields", "__class__", "__dict__", "_private"]
)
NEW_NAMES = st.one_of(st.text(max_size=10), AWKWARD_NAMES)


class Place(NamedTuple):
    """Somewhere in a result that is being changed."""

    container: Any
    key: Any


class Places(NamedTuple):
    """Where Kraken may do something new."""

    enums: list[Place]
    objects: list[tuple[Any, type[BaseModel]]]
    rows: list[tuple[list[Any], type]]


def has_enum(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(has_enum(each) for each in get_args(annotation))


def places(result: Any, raw: Any) -> Places:
    """Go through a result and the JSON it came from side by side."""
    found = Places([], [], [])
    walk(result, raw, found)
    return found


def walk(value: Any, raw: Any, found: Places) -> None:
    if isinstance(value, BaseModel):
        found.objects.append((raw, type(value)))
        for name, info in type(value).model_fields.items():
            key = info.alias or name
            if key in raw:
                collect_enums(info.annotation, raw, key, found)
                walk(getattr(value, name), raw[key], found)
        for name, inner in (value.__pydantic_extra__ or {}).items():
            walk(inner, raw[name], found)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        found.rows.append((raw, type(value)))
        hints = get_type_hints(type(value), include_extras=True)
        for index, name in enumerate(value._fields[: len(raw)]):
            collect_enums(hints[name], raw, index, found)
    elif isinstance(value, dict):
        for name, inner in value.items():
            walk(inner, raw[name], found)
    elif isinstance(value, list | LazyRows):
        for inner, inner_raw in zip(value, raw, strict=True):
            walk(inner, inner_raw, found)


def collect_enums(annotation: Any, container: Any, key: Any, found: Places) -> None:
    if not has_enum(annotation) or container[key] is None:
        return
    if isinstance(container[key], list):
        found.enums.extend(Place(container[key], index) for index in range(len(container[key])))
    else:
        found.enums.append(Place(container, key))


def parse(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def write(value: Any) -> str:
    """JSON of plain values, decimals as numbers in plain notation."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{write(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


def decoded(exchange: Exchange, result: Any) -> Any:
    """Decode a changed result; it prints, and comes back as it was."""
    found = decode_response(exchange.operation, exchange.wrapped(write(result)))
    assert repr(found)
    assert parse(to_json(found)) == result
    return found


def start(exchange: Exchange) -> tuple[Any, Places]:
    raw = exchange.result(parse(exchange.response))
    return raw, places(decode_response(exchange.operation, exchange.response), raw)


def of_all() -> Iterator[Places]:
    for exchange in EXCHANGES:
        yield start(exchange)[1]


def test_there_is_something_to_change() -> None:
    everything = list(of_all())
    assert sum(len(each.enums) for each in everything) > 25
    assert sum(len(each.objects) for each in everything) > 40
    assert {cls.__name__ for each in everything for _, cls in each.rows} == {
        "BestPrice",
        "BookLevel",
        "Candle",
        "FeeTier",
        "LastTrade",
        "Spread",
        "TodayAnd24Hours",
        "Trade",
        "TradeCounts",
    }


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
@settings(max_examples=15)
@given(data=st.data())
def test_any_text_in_any_enum(exchange: Exchange, data: st.DataObject) -> None:
    result, found = start(exchange)
    for container, key in found.enums:
        container[key] = data.draw(st.text(max_size=10))
    decoded(exchange, result)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
@settings(max_examples=15)
@given(data=st.data())
def test_any_new_field_anywhere(exchange: Exchange, data: st.DataObject) -> None:
    result, found = start(exchange)
    for container, model in found.objects:
        known = {*model.model_fields, *(info.alias for info in model.model_fields.values())}
        for name in data.draw(st.lists(NEW_NAMES, max_size=2)):
            if name not in known and name not in container:
                container[name] = data.draw(NEW_VALUES)
    decoded(exchange, result)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
@settings(max_examples=15)
@given(data=st.data())
def test_longer_and_shorter_rows(exchange: Exchange, data: st.DataObject) -> None:
    result, found = start(exchange)
    for row, kind in found.rows:
        optional = len(kind._field_defaults)  # type: ignore[attr-defined]
        if data.draw(st.booleans()):
            row.extend(data.draw(st.lists(NEW_VALUES, min_size=1, max_size=2)))
        elif optional and len(row) == len(kind._fields):  # type: ignore[attr-defined]
            del row[-data.draw(st.integers(1, optional)) :]
    decoded(exchange, result)


def test_new_fields_are_attributes() -> None:
    result = decode_response("GET /0/public/Time", '{"error":[],"result":{"unixtime":1,"rfc1123":"x","zone":"UTC"}}')
    assert result.zone == "UTC"
    assert repr(result) == "ServerTime(unixtime=1, rfc1123='x', zone='UTC')"


def test_elements_that_are_not_there_read_as_none_and_new_ones_stay_behind() -> None:
    row = '["1.0","2.0",3.5,"b","l",""%s]'
    text = f'{{"error":[],"result":{{"P":[{row % ""},{row % ",7"},{row % ",7,[1]"}],"last":"8"}}}}'
    old, known, new = decode_response("get_recent_trades", text)["P"]
    assert (old.trade_id, known.trade_id, new.trade_id) == (None, 7, 7)
    assert (len(old), len(known), len(new)) == (6, 7, 8)
    assert new[-1] == [1]
    assert "trade_id=7, [1])" in repr(new)


def test_a_new_field_beside_the_entries_of_a_map() -> None:
    text = '{"error":[],"result":{"XXBTZUSD":[["1","2",3.5,"b","l","",4]],"last":"8","next":"z","more":false}}'
    result: Any = decode_response("get_recent_trades", text)
    assert isinstance(result, KeyedRows)
    result = cast("Any", result)
    assert result["XXBTZUSD"][0].trade_id == 4
    assert list(result.trades) == ["XXBTZUSD"]
    assert len(result) == 1
    assert "next" not in result
    assert (result.next, result.more) == ("z", False)
    assert parse(to_json(result)) == parse(text)["result"]


# ---------------------------------------------------------------------- frames


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(inner)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
@settings(max_examples=10)
@given(data=st.data())
def test_any_new_field_anywhere_in_a_frame(frame: str, data: st.DataObject) -> None:
    changed = parse(frame)
    for each in list(objects_in(changed)):
        # Names of known fields are upper-cased away; those have types.
        for name in data.draw(st.lists(NEW_NAMES.map(str.upper), max_size=2)):
            each[name] = data.draw(NEW_VALUES)
    message = decode_message(write(changed))
    assert type(message) is type(decode_message(frame))
    assert repr(message)


ENUMS_OF_FRAMES = ("status", "system", "side", "ord_type", "exec_type", "order_status", "order_type", "type", "class")


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
@settings(max_examples=10)
@given(data=st.data())
def test_any_text_in_any_enum_of_a_frame(frame: str, data: st.DataObject) -> None:
    changed = parse(frame)
    for each in list(objects_in(changed.get("data", []))):
        for name in ENUMS_OF_FRAMES:
            if isinstance(each.get(name), str):
                each[name] = data.draw(st.text(max_size=10))
    message = decode_message(write(changed))
    assert not isinstance(message, UnknownFrame)
    assert repr(message)
    assert parse(to_json(message)) == changed
