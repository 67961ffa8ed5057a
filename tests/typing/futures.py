"""Futures calls as users write them, with the exact types that editors and type checkers see. Read, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, assert_type

from kraken.exceptions import ExchangeError
from kraken.futures import FuturesAsyncClient, FuturesClient, decode_response
from kraken.futures.models.account_history import OrderElement, TriggerElement
from kraken.futures.models.historical_data import Fill
from kraken.futures.models.market_data import BookLevel, Ticker
from kraken.futures.models.order_management import BatchCancel, BatchStatus, OpenOrder, OrderStatus, SentOrder


def blocking(client: FuturesClient) -> None:
    tickers = client.market_data.get_tickers(contractType=["flexible_futures"])
    assert_type(tickers.tickers, list[Ticker])
    assert_type(tickers.tickers[0].markPrice, Decimal | None)
    assert_type(client.market_data.get_orderbook(symbol="PF_XBTUSD").orderBook.bids, list[BookLevel])

    sent = client.order_management.send_order(
        orderType="lmt", symbol="PF_XBTUSD", side="buy", size="0.1", limitPrice=Decimal("60000")
    )
    assert_type(sent, SentOrder)
    assert_type(sent.sendStatus.status, Literal["placed", "partiallyFilled", "filled"] | str)
    rows = client.order_management.send_batch_order(
        batchOrder=[{"order": "cancel", "cliOrdId": "a"}, BatchCancel(order="cancel", order_id="b")]
    ).batchStatus
    assert_type(rows, list[BatchStatus])
    assert_type(rows[0].exception, ExchangeError | None)

    for fill in client.historical_data.iter_fills(max_items=7):
        assert_type(fill, Fill)
        assert_type(fill.price, Decimal)
    found = client.reconcile("mine")
    assert_type(found, tuple[str, OrderStatus | OpenOrder | OrderElement | TriggerElement] | None)
    assert_type(client.account_history.account_log_csv(), bytes)
    assert_type(client.request("GET", "/derivatives/api/v3/accounts"), Any)
    assert_type(decode_response("GET /derivatives/api/v3/tickers", "{}"), Any)


async def asynchronous(client: FuturesAsyncClient) -> None:
    sent = await client.order_management.send_order(orderType="mkt", symbol="PF_XBTUSD", side="sell", size=1)
    assert_type(sent, SentOrder)
    async for fill in client.historical_data.iter_fills():
        assert_type(fill, Fill)
