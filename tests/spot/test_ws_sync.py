"""The WebSocket client without coroutines, over real sockets."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import CredentialsError, InvalidRequest, SubscribeError
from kraken.spot import SpotSyncWSClient, SpotWSClient
from kraken.spot.messages import AddOrderResult, Ticker

from .sockets import addresses


def client(emulator: Emulator) -> SpotSyncWSClient:
    return SpotWSClient.sync(**addresses(emulator))


def test_streams_and_calls(emulator: Emulator) -> None:
    with client(emulator) as ws:
        ticks = ws.ticker(symbol=["BTC/USD", "ETH/USD"])
        first: Ticker = next(ticks)
        second = next(iter(ticks))
        assert {first.symbol, second.symbol} == {"BTC/USD", "ETH/USD"}
        assert isinstance(first.last, Decimal)
        assert ticks.is_snapshot
        assert b'"channel":"ticker"' in ticks.raw
        ticks.close()
        assert list(ticks) == []

        placed: AddOrderResult = ws.add_order(
            order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.01", limit_price="60000"
        )
        assert placed.order_id in emulator.orders
        with ws.executions() as events:
            assert next(events.messages()).type == "snapshot"
        for event in ws.executions():
            assert event.order_id == placed.order_id
            break


def test_errors_are_those_of_the_asynchronous_client(emulator: Emulator) -> None:
    with client(emulator) as ws:
        with pytest.raises(InvalidRequest, match="depth"):
            ws.book(symbol="BTC/USD", depth=11)  # type: ignore[arg-type]
        with pytest.raises(SubscribeError, match="NO/PE"):
            next(ws.ticker(symbol="NO/PE"))
        with pytest.raises(CredentialsError):
            SpotWSClient.sync("key", "no base64")
    with pytest.raises(InvalidRequest, match="closed"):
        ws.ping()
    ws.close()


def test_an_item_can_be_waited_for_with_an_end(emulator: Emulator) -> None:
    with client(emulator) as ws:
        trades = ws.trade(symbol="BTC/USD").subscribe()
        with pytest.raises(TimeoutError):
            trades.get(timeout=0.01)
        assert ws.ping().time_out


def test_nothing_is_left_running(emulator: Emulator) -> None:
    before = threading.active_count()
    with client(emulator) as ws:
        next(ws.ticker(symbol="BTC/USD"))
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    with pytest.raises(CredentialsError):
        SpotWSClient.sync("key", "no base64")
    assert threading.active_count() == before


def test_a_stream_goes_on_after_a_cut(emulator: Emulator) -> None:
    with client(emulator) as ws:
        ticks = ws.ticker(symbol="BTC/USD")
        next(ticks)
        emulator.drop_connections()
        assert next(ticks).symbol == "BTC/USD"
        assert ticks.is_snapshot
