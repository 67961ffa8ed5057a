"""Tables that are left as text until somebody looks at them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.runtime import Reply, to_json
from kraken.runtime.errors import DecodeError
from kraken.runtime.json import decode
from kraken.runtime.tables import Tables, lift
from kraken.spot import SpotClient
from kraken.spot.models.market_data import FeeTier

from ..support import FakeTransport

NAMES = ("fees", "fees_maker")

numbers = st.lists(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3), max_size=4)
texts = st.text() | st.sampled_from(['"fees":[[1]]', 'fees":[[1]]', "\\", '\\"fees":[[', "]]"])
values = st.recursive(
    texts | st.integers() | st.none() | numbers, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)
)
bodies = st.dictionaries(texts | st.sampled_from(NAMES), values | numbers)


def put_back(value: Any, tables: Tables) -> Any:
    """The document that a lifted text stands for."""
    text = tables.get(value)
    if text is not None:
        return decode(text)
    if isinstance(value, dict):
        return {name: put_back(item, tables) for name, item in value.items()}
    return [put_back(item, tables) for item in value] if isinstance(value, list) else value


@given(bodies, st.booleans())
def test_what_is_lifted_comes_back(document: dict[str, Any], compact: bool) -> None:
    body = json.dumps(document, separators=(",", ":") if compact else None).encode()
    shorter, tables = lift(body, NAMES)
    assert put_back(decode(shorter), tables) == decode(body)


def test_tables_of_numbers_are_lifted() -> None:
    body = b'{"a":{"fees":[[0,0.40],[1e3,-2]],"fees_maker":[[0,0.25]]},"text":"\\"fees\\":[[7]]","fees":[["x"]]}'
    shorter, tables = lift(body, NAMES)
    document = decode(shorter)
    assert tables.get(document["a"]["fees"]) == b"[[0,0.40],[1e3,-2]]"
    assert tables.get(document["a"]["fees_maker"]) == b"[[0,0.25]]"
    assert (document["text"], document["fees"]) == ('"fees":[[7]]', [["x"]])


def test_a_number_that_was_sent_stands_for_no_table() -> None:
    body = pairs(2000).replace(b'"fees_maker":[[0,0.25]]', b'"fees_maker":0', 1)
    client = SpotClient(transport=FakeTransport(Reply(200, {}, body)))
    with pytest.raises(DecodeError):
        client.market_data.get_tradable_asset_pairs()


def pairs(count: int) -> bytes:
    row = b'"altname":"A","fees":[[0,0.40],[10000,0.350]],"fees_maker":[[0,0.25]],"new":[[1,2.50]]'
    return b'{"error":[],"result":{' + b",".join(b'"P%d":{%b}' % (index, row) for index in range(count)) + b"}}"


def test_a_large_reply_reads_like_a_small_one() -> None:
    for count in (1, 2000):
        body = pairs(count)
        client = SpotClient(transport=FakeTransport(Reply(200, {}, body)))
        result = client.market_data.get_tradable_asset_pairs()
        pair = result[f"P{count - 1}"]
        assert pair.fees is not None
        assert list(pair.fees) == [FeeTier(Decimal(0), Decimal("0.40")), FeeTier(Decimal(10000), Decimal("0.350"))]
        assert len(pair.fees) == 2
        assert pair.fees[0].fee == Decimal("0.40")
        assert json.loads(to_json(result), parse_float=str) == json.loads(body, parse_float=str)["result"]
