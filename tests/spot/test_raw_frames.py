"""Frames keep what this version does not know; results hide what must not be seen."""

from __future__ import annotations

import json

from kraken.runtime import to_json
from kraken.spot import decode_message, decode_response
from kraken.spot.messages import SubscribeReply, TickerMessage

TICKER = (
    '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1.10,"bid_qty":2.00,"ask":1.20,"ask_qty":3.00,'
    '"last":1.10,"volume":4.0,"vwap":1.15,"low":1.0,"high":1.3,"change":0.10,"change_pct":9.90,"mood":"calm"}],"nested":{"a":[1.50]}}'
)


def test_unknown_members_of_a_frame_are_given_back() -> None:
    frame = decode_message(TICKER)
    assert isinstance(frame, TickerMessage)
    assert frame.raw == TICKER.encode()
    assert json.loads(to_json(frame), parse_float=str) == json.loads(TICKER, parse_float=str)


def test_unknown_members_of_a_reply_are_given_back() -> None:
    text = '{"method":"subscribe","success":true,"result":{"channel":"ticker","symbol":"BTC/USD","grade":7}}'
    reply = decode_message(text)
    assert isinstance(reply, SubscribeReply)
    assert json.loads(to_json(reply)) == json.loads(text)


def test_a_frame_made_by_hand_has_its_fields_only() -> None:
    frame = TickerMessage(type="update", data=[])
    assert frame.raw == b""
    assert json.loads(to_json(frame)) == {"channel": "ticker", "type": "update", "data": []}


def test_a_token_is_not_shown() -> None:
    granted = decode_response("get_websockets_token", '{"error":[],"result":{"token":"c2VjcmV0","expires":900}}')
    assert granted.token == "c2VjcmV0"
    assert "c2VjcmV0" not in repr(granted) + str(granted)
