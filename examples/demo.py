"""The SDK's main job, end to end, on this machine: an embedded emulator stands in for Kraken, and every step is checked.

Run it with `make demo`. It exits with 0 only if every check held.
"""

from __future__ import annotations

import asyncio
import sys
import time
from decimal import Decimal

from kraken.emulator import Emulator
from kraken.exceptions import ExchangeError, InvalidRequest
from kraken.runtime.websocket.events import BookInvalid, BookRestored
from kraken.spot import SpotClient, SpotOrderBookClient, SpotWSClient

PAIR = "BTC/USD"
BOOK_SECONDS = 3.0

failures = 0


def title(text: str) -> None:
    print(f"\n{text}")


def check(held: bool, text: str) -> None:
    """Print one verified fact."""
    global failures
    failures += not held
    print(f"  {'ok  ' if held else 'FAIL'}  {text}")


def typed_calls(client: SpotClient) -> None:
    title("REST: typed calls")
    now = client.market_data.get_server_time()
    check(abs(now.unixtime - time.time()) < 5, f"server time {now.rfc1123}")
    tickers = client.market_data.get_ticker_information(pair=["BTC/USD", "ETH/USD"])
    for name, ticker in tickers.items():
        check(
            isinstance(ticker.a.price, Decimal) and ticker.b.price < ticker.a.price,
            f"{name}: bid {ticker.b.price}, ask {ticker.a.price}",
        )
    candles = client.market_data.get_ohlc_data(pair=PAIR, interval=60).candles
    newest = candles["XXBTZUSD"][-1]
    check(
        newest.low <= newest.close <= newest.high,
        f"newest hourly candle closes at {newest.close} after {newest.trades} trades",
    )


async def live_book(emulator: Emulator) -> None:
    title(f"WebSocket: the order book of {PAIR}, {BOOK_SECONDS:g} seconds, every checksum verified")
    updates = 0
    trouble: list[object] = []

    async with SpotOrderBookClient(depth=10, ws_url=emulator.spot_ws_url) as client:
        client.on_event(lambda event: trouble.append(event) if isinstance(event, BookInvalid | BookRestored) else None)
        await client.add_book([PAIR])
        end = time.monotonic() + BOOK_SECONDS
        async for book in client.updates(PAIR):
            updates += 1
            if updates % 20 == 1:
                bid, ask = book.best_bid, book.best_ask
                assert bid is not None
                assert ask is not None
                print(f"        {bid.qty:>12} @ {bid.price}  |  {ask.price} @ {ask.qty:<12}  spread {book.spread}")
            if time.monotonic() > end:
                break
    check(updates > 10, f"{updates} updates")
    check(not trouble, "no checksum differed")


async def an_order_filled(emulator: Emulator, client: SpotClient) -> None:
    title("WebSocket: a limit order, from placing to the last digit of the balances")
    before = client.account_data.get_account_balance()
    async with SpotWSClient(
        emulator.key,
        emulator.secret,
        rest_url=emulator.spot_url,
        ws_url=emulator.spot_ws_url,
        auth_ws_url=emulator.spot_ws_auth_url,
    ) as ws:
        executions = ws.executions()
        await executions.subscribe()
        bid = client.market_data.get_ticker_information(pair=PAIR)["XXBTZUSD"].b.price
        placed = await ws.add_order(
            order_type="limit",
            side="buy",
            symbol=PAIR,
            order_qty="0.01000000",
            limit_price=f"{bid - 100:.1f}",
            post_only=True,
        )
        check(bool(placed.order_id), f"placed as {placed.order_id}, client order id {placed.cl_ord_id}")
        quantity = cost = fees = Decimal(0)
        async for execution in executions:
            if execution.order_id != placed.order_id:
                continue
            if execution.exec_type == "new":
                check(True, "seen as new in the executions channel; now the market trades against it")
                assert placed.order_id
                emulator.fill(placed.order_id)
            if execution.exec_type == "trade":
                assert execution.last_qty is not None
                assert execution.cost is not None
                quantity += execution.last_qty
                cost += execution.cost
                fees += sum((fee.qty for fee in execution.fees or []), Decimal(0))
                print(f"        trade of {execution.last_qty} at {execution.last_price}, fee {fees}")
            if execution.exec_type in ("filled", "canceled", "expired"):
                check(execution.order_status == "filled", f"the order is {execution.order_status}")
                break
    after = client.account_data.get_account_balance()
    gained, paid = after["XXBT"] - before["XXBT"], before["ZUSD"] - after["ZUSD"]
    check(gained == quantity == Decimal("0.01"), f"bitcoin: {before['XXBT']} + {quantity} = {after['XXBT']}")
    check(paid == cost + fees, f"dollars: {before['ZUSD']} - {cost} - {fees} = {after['ZUSD']}")


def an_order_cancelled(client: SpotClient) -> None:
    title("REST: an order cancelled")
    placed = client.trading.add_order(pair=PAIR, type="sell", ordertype="limit", volume="0.5", price="99999.9")
    assert placed.txid
    order = placed.txid[0]
    check(order in client.account_data.get_open_orders().open, f"{placed.descr.order}, open as {order}")
    client.trading.cancel_order(txid=order)
    check(order not in client.account_data.get_open_orders().open, "cancelled, and no longer among the open orders")
    closed = client.account_data.get_orders_info(txid=order)[order]
    check(closed.status == "canceled", f"its status is {closed.status}")


def bad_orders_refused(client: SpotClient) -> None:
    title("Bad orders are refused, with words")
    try:
        client.trading.add_order(pair=PAIR, type="buy", ordertype="limit", volume=0.1, price="60000")  # type: ignore[arg-type]
        check(False, "a float was taken for an amount")
    except InvalidRequest as error:
        check(error.facts.sent is False, f"before sending: {error}")
    try:
        client.trading.add_order(pair=PAIR, type="buy", ordertype="limit", volume="1000", price="60000")
        check(False, "an order beyond the balance was taken")
    except ExchangeError as error:
        check(True, f"by the exchange: {error}")


def main() -> int:
    print(
        "kraken-typed-sdk: everything below runs against an emulator of Kraken on this machine; no account, no network."
    )
    with (
        Emulator(market_interval=0.005) as emulator,
        SpotClient(emulator.key, emulator.secret, emulator.spot_url) as client,
    ):
        typed_calls(client)
        asyncio.run(live_book(emulator))
        asyncio.run(an_order_filled(emulator, client))
        an_order_cancelled(client)
        bad_orders_refused(client)
    print(f"\n{'all checks passed' if not failures else f'{failures} checks FAILED'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
