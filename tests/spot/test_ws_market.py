"""Candles and single orders over real sockets."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from kraken.emulator import Emulator
from kraken.exceptions import ExchangeError, InvalidRequest, KrakenError
from kraken.runtime import Level3Book, OrderBook
from kraken.runtime.orderbook import ChecksumReport
from kraken.runtime.orderbook3 import QueuePlace
from kraken.runtime.websocket.events import BookInvalid, BookRestored, Dropped, Event, Restored
from kraken.spot import SpotLevel3BookClient, SpotOrderBookClient, SpotWSClient
from kraken.spot.messages import Level3, Level3Message, Ohlc, OhlcMessage

from .sockets import addresses, client, level3_books, run, until

SYMBOLS = ("BTC/USD", "ETH/USD", "SHIB/USD")


# ---------------------------------------------------------------------- candles


def test_candles(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.ohlc(symbol="BTC/USD", interval=5) as candles:
            first: Ohlc = await anext(candles)
            assert candles.is_snapshot
            message: OhlcMessage | None = candles.message
            assert message is not None
            assert message.timestamp is not None
            past = [first, *[await anext(candles) for _ in message.data[1:]]]
            assert past == message.data
            assert {candle.interval for candle in past} == {5}
            emulator.trade_through("BTC/USD", "99999")
            grown = await anext(candles)
            assert not candles.is_snapshot
            assert isinstance(grown.close, Decimal)
            assert (grown.low or 0) <= (grown.vwap or 0) <= (grown.high or 0) == grown.close

    run(scenario)


def test_candles_of_two_lengths_keep_apart(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            short = ws.ohlc(symbol=["BTC/USD", "ETH/USD"], interval=1, snapshot=False)
            long = ws.ohlc(symbol="BTC/USD", interval=60, snapshot=False)
            async with short, long:
                assert {each.options["interval"] for each in emulator.subscriptions} == {1, 60}
                emulator.trade_through("ETH/USD", "99999")
                emulator.trade_through("BTC/USD", "68012.3")
                assert [(await anext(short)).symbol for _ in range(2)] == ["ETH/USD", "BTC/USD"]
                assert [(await anext(long)).interval] == [60]
            await until(lambda: emulator.subscriptions == [])

    run(scenario)


def test_candles_that_are_not_to_be_had(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            with pytest.raises(ExchangeError, match="Currency pair not supported NO/PE"):
                await ws.ohlc(symbol="NO/PE", interval=1).subscribe()
            with pytest.raises(InvalidRequest, match="interval"):
                ws.ohlc(symbol="BTC/USD", interval=7)  # type: ignore[arg-type]

    run(scenario)


def test_streams_of_one_channel_get_their_own_symbols(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            trades, others = ws.trade(symbol="BTC/USD"), ws.trade(symbol="ETH/USD")
            books, other_books = ws.book(symbol="BTC/USD"), ws.book(symbol="ETH/USD", snapshot=False)
            async with trades, others, books, other_books:
                emulator.trade_through("BTC/USD", "68012.3")
                emulator.trade_through("ETH/USD", "99999")
                assert (await anext(others)).symbol == "ETH/USD"
                assert (await anext(trades)).symbol == "BTC/USD"
                assert (await anext(other_books)).symbol == "ETH/USD"
                assert (await anext(books)).symbol == "BTC/USD"

    run(scenario)


# ---------------------------------------------------------------------- single orders


def test_single_orders(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.level3(symbol=["BTC/USD", "SHIB/USD"], depth=100) as stream:
            books = {symbol: Level3Book(symbol, 100) for symbol in ("BTC/USD", "SHIB/USD")}
            emulator.tick(200)
            order = await ws.add_order(
                order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.01", limit_price="50000"
            )
            message: Level3Message | None
            while "BTC/USD" not in books or books["BTC/USD"].verified < 20 or books["SHIB/USD"].verified < 20:
                item: Level3 = await anext(stream)
                message = stream.message
                assert message is not None
                assert books[item.symbol].apply(item, stream.is_snapshot) is None
            assert {ack.depth for ack in stream.acks} == {100}
            assert order.order_id
            assert all(book.valid for book in books.values())

    run(scenario)


def test_the_socket_of_single_orders_is_opened_on_demand(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            await ws.start()
            assert emulator.connections == 2
            async with ws.level3(symbol="BTC/USD"):
                assert emulator.connections == 3

    run(scenario)


def test_single_orders_that_are_not_to_be_had(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            with pytest.raises(ExchangeError, match="Currency pair not supported XBT/USD"):
                await ws.level3(symbol="XBT/USD").subscribe()
            with pytest.raises(InvalidRequest, match="depth"):
                ws.level3(symbol="BTC/USD", depth=25)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="API key"):
            SpotWSClient().level3(symbol="BTC/USD")
        with pytest.raises(InvalidRequest, match="allowed: public, level3, private"):
            SpotWSClient(socket_urls={"l3": emulator.spot_ws_level3_url})

    run(scenario)


def test_a_token_that_ran_out_is_replaced(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            async with ws.level3(symbol="BTC/USD"):
                emulator.expire_tokens()
                async with ws.level3(symbol="ETH/USD") as stream:
                    assert (await anext(stream)).symbol == "ETH/USD"

    run(scenario)


# ---------------------------------------------------------------------- books of single orders


def test_a_book_of_single_orders_shows_the_place_of_an_own_one(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, level3_books(emulator) as books:
            await books.add_book(["BTC/USD"])
            book: Level3Book = books.book("BTC/USD")
            await until(lambda: book.valid)
            best = book.best_bid
            assert best is not None
            mine = await ws.add_order(
                order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.01", limit_price=best.price
            )
            assert mine.order_id is not None
            await until(lambda: book.place(str(mine.order_id)) is not None)
            place = book.place(mine.order_id)
            queue = book.queue(best.price)
            assert place == QueuePlace("buy", queue[-1], len(queue) - 1, best.qty, 0)
            await ws.cancel_order(order_id=mine.order_id)
            await until(lambda: book.order(str(mine.order_id)) is None)
            assert book.best_bid is not None
            assert book.best_bid.qty == best.qty

    run(scenario)


@pytest.mark.parametrize("depth", [10, 100])
def test_books_of_single_orders_agree_with_books_of_levels(emulator: Emulator, depth: int) -> None:
    async def scenario() -> None:
        plain = SpotOrderBookClient(depth, ws_url=emulator.spot_ws_url)
        async with plain, level3_books(emulator, depth) as books:
            await books.add_book(list(SYMBOLS))
            await plain.add_book(list(SYMBOLS))
            for _ in range(5):
                emulator.tick(300)
                for symbol in SYMBOLS:
                    wanted = depth_of(emulator, symbol, depth)
                    await until(lambda symbol=symbol, wanted=wanted: shown(plain.book(symbol)) == wanted)  # type: ignore[misc]
                    await until(lambda symbol=symbol, wanted=wanted: shown(books.book(symbol)) == wanted)  # type: ignore[misc]
            assert all(books.book(symbol).verified > 50 for symbol in SYMBOLS)

    run(scenario)


def shown(book: OrderBook | Level3Book) -> list[tuple[Decimal, Decimal]]:
    """Prices and quantities, asks before bids."""
    return [(level.price, level.qty) for level in (*book.asks(), *book.bids())]


def depth_of(emulator: Emulator, symbol: str, count: int) -> list[tuple[Decimal, Decimal]]:
    """The same as REST tells it."""
    reply = httpx.get(f"{emulator.spot_url}/0/public/Depth", params={"pair": symbol, "count": count})
    (book,) = reply.json()["result"].values()
    return [(Decimal(price), Decimal(qty)) for price, qty, _ in (*book["asks"], *book["bids"])]


def test_one_wrong_checksum_hurts_one_symbol_only(emulator: Emulator) -> None:
    async def scenario() -> None:
        happened: list[Event] = []
        async with level3_books(emulator) as books:
            books.on_event(happened.append)
            await books.add_book(["BTC/USD", "ETH/USD"])
            await until(lambda: books.book("BTC/USD").valid and books.book("ETH/USD").valid)
            other = books.book("ETH/USD")
            emulator.poison_checksum("BTC/USD")
            emulator.tick(20, "BTC/USD")
            await until(lambda: any(isinstance(event, BookRestored) for event in happened))
            wrong = [event for event in happened if isinstance(event, BookInvalid)]
            assert [event.symbol for event in wrong] == ["BTC/USD"]
            report = wrong[0].report
            assert isinstance(report, ChecksumReport)
            assert report.text.isdigit()
            assert books.book("BTC/USD").valid
            assert other.valid
            subscribed = [each.arguments for each in emulator.requests if each.path == "subscribe"]
            assert [each["symbol"] for each in subscribed] == [["BTC/USD", "ETH/USD"], ["BTC/USD"]]

    run(scenario)


def test_books_of_single_orders_heal_after_a_cut(emulator: Emulator) -> None:
    async def scenario() -> None:
        happened: list[Event] = []
        async with level3_books(emulator) as books:
            books.on_event(happened.append)
            await books.add_book(["BTC/USD"])
            book = books.book("BTC/USD")
            await until(lambda: book.valid)
            emulator.drop_connections()
            await until(lambda: any(isinstance(event, Dropped) for event in happened))
            await until(lambda: any(isinstance(event, Restored) for event in happened))
            await until(lambda: book.valid)
            await books.remove_book(["BTC/USD"])
            await until(lambda: emulator.subscriptions == [])

    run(scenario)


def test_books_of_single_orders_need_a_key(emulator: Emulator) -> None:
    async def scenario() -> None:
        options = {name: value for name, value in addresses(emulator).items() if name not in ("key", "secret")}
        async with SpotLevel3BookClient(**options) as books:
            for attempt in (books.start, lambda: books.add_book(["BTC/USD"])):
                with pytest.raises(InvalidRequest, match="API key"):
                    await attempt()
            with pytest.raises(InvalidRequest, match="add_book"):
                books.book("BTC/USD")
        async with level3_books(emulator, 25) as books:
            with pytest.raises(InvalidRequest, match="depth"):
                await books.add_book(["BTC/USD"])
        async with level3_books(emulator) as books:
            await books.start()
            assert emulator.connections == 1
            with pytest.raises(KrakenError, match="NO/PE"):
                await books.add_book(["NO/PE"])

    run(scenario)
