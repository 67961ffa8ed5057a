"""What the Unified WebSocket sends decodes, and comes back with the same keys and the same digits."""

from __future__ import annotations

import csv
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kraken.exceptions import DecodeError
from kraken.runtime import to_json
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.unified import decode_message
from kraken.unified.messages import (
    LedgersMessage,
    MarginMessage,
    Message,
    Positions,
    PositionsMessage,
    QuotesMessage,
    TickerMessage,
)

from ..support import numbers_as_text
from .specs import exchanges

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "payloads"
FRAMES = [text for each in exchanges() for text in [*each.responses, *each.messages]]


def payloads() -> list[dict[str, Any]]:
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "index.csv").open(encoding="utf-8") as rows:
        names = [row["file"] for row in csv.DictReader(rows) if row["product"] == "unified"]
    return [json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in names]


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_what_the_specs_show(frame: str) -> None:
    message = decode_message(frame)
    assert not isinstance(message, UnknownFrame)
    assert repr(message)
    assert numbers_as_text(to_json(message)) == numbers_as_text(frame)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_nothing_in_it_is_unknown(frame: str) -> None:
    """The structs alone, without the text that they came in, have every member of the frame."""
    message = decode_message(frame)
    members = msgspec.to_builtins(message, builtin_types=(Decimal,))
    assert sorted(_paths(members)) == sorted(_paths(json.loads(frame)))


def _paths(value: Any, at: str = "") -> list[str]:
    if isinstance(value, dict):
        return [path for name, each in value.items() for path in _paths(each, f"{at}.{name}")]
    if isinstance(value, list):
        return [path for number, each in enumerate(value) for path in _paths(each, f"{at}[{number}]")]
    return [at]


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no {FOLDER}")
def test_published_frames() -> None:
    frames = [each["raw"] for each in payloads() if each["kind"] != "request"]
    assert len(frames) >= 4
    for frame in frames:
        message = decode_message(frame)
        assert not isinstance(message, UnknownFrame)
        assert json.loads(to_json(message)) == json.loads(frame)


def test_margin_has_types_of_its_own_and_an_object_for_data() -> None:
    text = (
        '{"channel":"margin","type":"multi_collateral",'
        '"data":{"flex_futures":{"currencies":{"USD":{"quantity":12345678901234567.12}},"available_margin":0.10}}}'
    )
    message = decode_message(text)
    assert isinstance(message, MarginMessage)
    assert message.type == "multi_collateral"
    flex = message.data.flex_futures
    assert flex is not None
    assert flex.currencies is not None
    assert str(flex.currencies["USD"].quantity) == "12345678901234567.12"
    assert str(flex.available_margin) == "0.10"


def test_ledger_entries_name_their_market() -> None:
    message = decode_message(
        '{"channel":"ledgers","type":"update","sequence":7,"data":[{"asset_class":"derivatives","asset":"PF_XBTUSD"}]}'
    )
    assert isinstance(message, LedgersMessage)
    assert (message.sequence, message.data[0].asset_class) == (7, "derivatives")


def test_positions_that_do_not_fit_into_a_message() -> None:
    for text in (
        '{"channel":"positions","type":"snapshot","data":{"futures":[],"options":[],"error":"snapshot_too_large"}}',
        '{"channel":"positions","type":"snapshot","error":"snapshot_too_large","data":{"futures":[],"options":[]}}',
    ):
        message = decode_message(text)
        assert isinstance(message, PositionsMessage)
        assert "snapshot_too_large" in (message.error, message.data.error)
        assert message.data.time is None


def test_offers_without_a_price() -> None:
    message = decode_message(
        '{"channel":"quotes","type":"update","data":[{"type":"offer","uid":"a","bid":null,"ask":2.50}]}'
    )
    assert isinstance(message, QuotesMessage)
    assert (message.data[0].bid, message.data[0].ask, message.data[0].bestBid) == (None, Decimal("2.50"), msgspec.UNSET)


def test_a_guess_that_proves_wrong_costs_only_its_field(caplog: pytest.LogCaptureFixture) -> None:
    """Names and types of some fields are taken over by analogy; what is certain must survive a wrong guess."""
    text = (
        '{"channel":"positions","type":"snapshot","data":{"time":"2026-11-22T08:30:00.1234567Z","futures":['
        '{"symbol":"PF_XBTUSD","size":0.2500,"pnl":{"USD":1.5}},{"symbol":"PF_ETHUSD","size":-1.0,"pnl":"many"}],"options":[]}}'
    )
    with caplog.at_level(logging.WARNING, "kraken.runtime.websocket"):
        for _ in range(2):
            message = decode_message(text)
            assert isinstance(message, PositionsMessage)
            assert [(each.symbol, str(each.size), each.pnl) for each in message.data.futures or ()] == [
                ("PF_XBTUSD", "0.2500", None),
                ("PF_ETHUSD", "-1.0", None),
            ]
            assert json.loads(to_json(message)) == json.loads(text)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) <= 1  # once per field and process
    assert all("$.data.futures[...].pnl" in words for words in told)


@pytest.mark.parametrize(
    "text",
    [
        '{"channel":"positions","type":"snapshot"}',
        '{"channel":"positions","type":"snapshot","data":7}',
        '{"channel":"ticker","type":"update","data":[{"symbol":5}]}',
        '{"channel":"ticker","type":"update","data":[5]}',
    ],
)
def test_what_a_frame_cannot_do_without(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_message(text)


def test_what_is_new_passes() -> None:
    message = decode_message('{"channel":"ticker","type":"restart","data":[{"symbol":"PF_XBTUSD","mark_price":1.50}]}')
    assert isinstance(message, TickerMessage)
    assert message.type == "restart"
    assert json.loads(message.raw)["data"][0]["mark_price"] == 1.5
    assert isinstance(decode_message('{"channel":"brand_new","data":[1.50]}'), UnknownFrame)


def test_nothing_of_spots_is_shared_at_runtime() -> None:
    """What the specs share with Spot becomes classes of their own: the two may part."""
    assert {struct.__module__ for struct in Message.__args__} == {"kraken.unified.messages"}
    assert Positions.__module__ == "kraken.unified.messages"
