"""REST calls as users write them, with the exact types that editors and type checkers see. Read, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, assert_type

from kraken.runtime import Options, Reply, to_json
from kraken.spot import SpotAsyncClient, SpotClient, decode_response
from kraken.spot.models.account_data import OpenOrders, OrderInfo
from kraken.spot.models.market_data import (
    AssetPair,
    BestPrice,
    BookLevel,
    Candle,
    OHLCData,
    OrderBook,
    ServerTime,
    SystemStatus,
    TickerInformation,
    Trade,
)
from kraken.spot.models.trading import AddedOrder, CancelledOrders, WebsocketsToken


def blocking(client: SpotClient) -> None:
    tickers = client.market_data.get_ticker_information(pair=["BTC/USD"])
    assert_type(tickers, dict[str, TickerInformation])
    assert_type(tickers["XXBTZUSD"].a, BestPrice)
    assert_type(tickers["XXBTZUSD"].a.price, Decimal)
    assert_type(tickers["XXBTZUSD"].t.today, int)
    assert_type(client.market_data.get_server_time(), ServerTime)
    assert_type(client.market_data.get_tradable_asset_pairs(), dict[str, AssetPair])
    assert_type(client.market_data.get_order_book(pair="XBTUSD"), dict[str, OrderBook])
    assert_type(client.market_data.get_order_book(pair="XBTUSD")["x"].asks, list[BookLevel])

    status = client.market_data.get_system_status()
    assert_type(status, SystemStatus)
    assert_type(status.status, Literal["online", "maintenance", "cancel_only", "post_only", "limit_only"] | str)

    candles = client.market_data.get_ohlc_data(pair="XBTUSD", interval=60)
    assert_type(candles, OHLCData)
    assert_type(candles["XXBTZUSD"], list[Candle])
    assert_type(candles.last, int | None)
    trade = client.market_data.get_recent_trades(pair="XBTUSD")["XXBTZUSD"][0]
    assert_type(trade, Trade)
    assert_type(trade.price, Decimal)
    assert_type(trade.trade_id, int | None)

    assert_type(client.account_data.get_account_balance(), dict[str, Decimal])
    assert_type(client.account_data.get_open_orders(trades=True), OpenOrders)
    assert_type(client.account_data.get_orders_info(txid=["O1"]), dict[str, OrderInfo])

    order = client.trading.add_order(
        pair="BTC/USD",
        type="buy",
        ordertype="limit",
        volume=Decimal("0.1"),
        price="60000",
        oflags=["post"],
        options=Options(timeout=5),
    )
    assert_type(order, AddedOrder)
    assert_type(order.txid, list[str] | None)
    assert_type(client.trading.cancel_order(txid=7), CancelledOrders)
    assert_type(client.request("GET", "/0/public/Time", auth=False), Any)
    assert_type(to_json(order), str)
    assert_type(decode_response("POST /0/private/Balance", b"{}"), Any)


async def asynchronous(client: SpotAsyncClient) -> None:
    tickers = await client.market_data.get_ticker_information(pair="BTC/USD")
    assert_type(tickers, dict[str, TickerInformation])
    assert_type(await client.account_data.get_account_balance(), dict[str, Decimal])
    assert_type(await client.trading.get_websockets_token(), WebsocketsToken)
    assert_type(await client.request("POST", "/0/private/Balance"), Any)


def context_managers() -> None:
    with SpotClient("key", "secret", "https://host", "http://proxy", timeout=5, retries=0) as client:
        assert_type(client, SpotClient)


async def asynchronous_context_managers() -> None:
    async with SpotAsyncClient(key="key", secret="secret", otp=lambda: "123456", nonce=lambda: 1) as client:
        assert_type(client, SpotAsyncClient)


class MyClient(SpotClient):
    """Users subclass clients."""


def subclass() -> None:
    with MyClient() as client:
        assert_type(client, MyClient)


def raw(reply: Reply) -> bytes:
    return reply.body
