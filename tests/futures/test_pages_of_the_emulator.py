"""Every list that has pages, read page by page from a Futures exchange on localhost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.futures import FuturesClient

from ..support import FuturesOpener

SYMBOL: Any = {"symbol": "PF_XBTUSD"}
MARKET: Any = {"tradeable": "PF_XBTUSD"}
CANDLES: Any = {**SYMBOL, "tick_type": "trade", "resolution": "15m"}
ORDERS = 120


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(market_interval=None) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator, opener: FuturesOpener) -> FuturesClient:
    """An account with more fills than a page has, some of them in one millisecond."""
    made = opener(emulator.futures_key, emulator.futures_secret, emulator.futures_url, on_limit="ignore")
    for number in range(0, ORDERS, 20):
        rows = [
            {"order": "send", "order_tag": str(each), "orderType": "lmt", "symbol": "PF_XBTUSD", "side": "buy"}
            | {"size": "0.001", "limitPrice": "67900"}
            for each in range(number, number + 20)
        ]
        made.order_management.send_batch_order(batchOrder=rows)
    emulator.trade_through("PF_XBTUSD", "67900")
    made.order_management.send_order(
        orderType="stp", symbol="PF_XBTUSD", side="sell", size="0.01", stopPrice="1000", triggerSignal="mark"
    )
    return made


PAGES: dict[str, tuple[Callable[[FuturesClient], Any], Callable[[Any], Any], int | None]] = {
    "fills": (lambda client: client.historical_data.iter_fills(), lambda item: item.fill_id, ORDERS),
    "history": (lambda client: client.market_data.iter_history(**SYMBOL), lambda item: item.uid, None),
    "executions": (
        lambda client: client.account_history.iter_execution_events(count=17),
        lambda item: item.uid,
        ORDERS,
    ),
    "orders": (lambda client: client.account_history.iter_order_events(count=50), lambda item: item.uid, 2 * ORDERS),
    "triggers": (lambda client: client.account_history.iter_trigger_events(count=1), lambda item: item.uid, 1),
    "positions": (
        lambda client: client.account_history.iter_position_events(count=50, sort="asc"),
        lambda item: item.uid,
        ORDERS,
    ),
    "log": (lambda client: client.account_history.iter_account_log(count=33), lambda item: item.id, 2 * ORDERS + 7),
    "log, oldest first": (
        lambda client: client.account_history.iter_account_log(count=33, sort="asc"),
        lambda item: item.id,
        2 * ORDERS + 7,
    ),
    "public trades": (
        lambda client: client.market_history.iter_public_execution_events(**MARKET, count=40),
        lambda item: item.uid,
        None,
    ),
    "public orders": (
        lambda client: client.market_history.iter_public_order_events(**MARKET, count=100),
        lambda item: item.uid,
        None,
    ),
    "prices": (
        lambda client: client.market_history.iter_public_price_events(**MARKET, count=1),
        lambda item: None,
        None,
    ),
    "candles": (
        lambda client: client.charts.iter_candles(**CANDLES, from_=1, count=9),
        lambda item: item.time,
        None,
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages(client: FuturesClient, emulator: Emulator, opener: FuturesOpener, name: str) -> None:
    before = len(emulator.requests)
    pages, own, count = PAGES[name]
    items = opener.all(pages(client))
    numbers = [own(item) for item in items]
    if name != "prices":
        assert len(set(numbers)) == len(numbers)
    assert count in (None, len(items))
    assert items
    assert name == "triggers" or len(emulator.requests) - before > 1
    assert name not in ("history", "public trades") or len(items) >= 150 + ORDERS
