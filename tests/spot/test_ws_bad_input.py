"""What no exchange should send, over real sockets: nothing breaks, no subscription is lost, and all of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.runtime.websocket import Stream
from kraken.runtime.websocket.events import Dropped, Event, Malformed, Restored, Unexpected
from kraken.spot import SpotWSClient
from kraken.spot.messages import Trade

from .sockets import client, level3_books, run, until

MALFORMED: list[str | bytes] = [
    "",
    " ",
    "{",
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","pri',
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD"}]}',
    '{"channel":"trade"}',
    '{"channel":"trade","type":"update","data":{"symbol":5}}',
    '{"channel":"trade","type":"update","data":[null]}',
    "[]",
    "null",
    "5",
    '"trade"',
    "NaN",
    '{"channel":"trade","type":"update","data":[]} trailing',
    "[" * 100_000,
    b"\x00\x01\x02",
    b"\xff\xfe\xfd",
    b"",
]
UNEXPECTED: list[str] = [
    '{"channel":"news","type":"update","data":[{"symbol":"BTC/USD"}]}',
    '{"channel":"news"}',
    '{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true,"req_id":7}',
    '{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true}',
    '{"method":"unsubscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true,"req_id":4294967296}',
    '{"method":"dance","success":false,"error":"Event(s) not found","req_id":8}',
    '{"method":"pong","req_id":9}',
    '{"error":"Exceeded msg rate","success":false}',
    "{}",
]


@asynccontextmanager
async def trading(emulator: Emulator) -> AsyncIterator[tuple[SpotWSClient, Any, list[Event]]]:
    """A client with a live stream of trades, and what is told of its connections."""
    seen: list[Event] = []
    async with client(emulator) as ws, ws.trade(symbol="BTC/USD") as trades:
        ws.on_event(seen.append)
        yield ws, trades, seen


async def next_trade(emulator: Emulator, trades: Any) -> Trade:
    """The trade that a subscription which is still live must bring."""
    emulator.trade_through("BTC/USD", emulator.book("BTC/USD", 1).asks[0][0])
    trade: Trade = await anext(trades)
    return trade


def subscribing(emulator: Emulator) -> int:
    return sum(each.path == "subscribe" for each in emulator.requests)


@pytest.mark.parametrize("frame", MALFORMED, ids=range(len(MALFORMED)))
def test_frames_that_make_no_sense(emulator: Emulator, frame: str | bytes) -> None:
    async def scenario() -> None:
        async with trading(emulator) as (ws, trades, seen):
            emulator.push(frame, "public")
            await next_trade(emulator, trades)
            raw = frame.encode() if isinstance(frame, str) else frame
            await until(lambda: Malformed("public", raw) in seen)
            counts = ws.counts["public"]
            assert (counts.malformed, counts.unexpected, counts.connections) == (1, 0, 1)
            assert len(seen) == 1
            assert subscribing(emulator) == 1

    run(scenario)


@pytest.mark.parametrize("frame", UNEXPECTED, ids=range(len(UNEXPECTED)))
def test_frames_that_nobody_asked_for(emulator: Emulator, frame: str) -> None:
    async def scenario() -> None:
        async with trading(emulator) as (ws, trades, seen):
            emulator.push(frame, "public")
            await next_trade(emulator, trades)
            await until(lambda: bool(seen))
            (event,) = seen
            assert isinstance(event, Unexpected)
            assert (event.socket, event.raw) == ("public", frame.encode())
            counts = ws.counts["public"]
            assert (counts.malformed, counts.unexpected, counts.connections) == (0, 1, 1)
            assert subscribing(emulator) == 1

    run(scenario)


def test_a_flood_of_nonsense_hides_no_trade(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with trading(emulator) as (ws, trades, _seen):
            for _ in range(30):
                for frame in (*MALFORMED[:14], *UNEXPECTED):
                    emulator.push(frame, "public")
                await next_trade(emulator, trades)
            counts = ws.counts["public"]
            assert (counts.malformed, counts.unexpected) == (30 * 14, 30 * len(UNEXPECTED))

    run(scenario)


@pytest.mark.parametrize("server", ["public", "private", "level3"])
def test_a_connection_that_ends_within_a_frame_is_made_anew(emulator: Emulator, server: str) -> None:
    async def scenario() -> None:
        seen: list[Event] = []
        async with client(emulator) as ws:
            streams: dict[str, Stream[Any, Any]] = {
                "public": ws.ticker(symbol="BTC/USD"),
                "private": ws.balances(),
                "level3": ws.level3(symbol="BTC/USD"),
            }
            async with streams[server] as stream:
                assert await anext(stream)
                ws.on_event(seen.append)
                assert emulator.break_off(server) == 1
                await until(lambda: any(isinstance(event, Restored) for event in seen))
                assert [event.code for event in seen if isinstance(event, Dropped)] == [1006]
                assert ws.counts[server].malformed == 0
                await anext(stream)
                assert stream.is_snapshot

    run(scenario)


def test_a_list_of_instruments_of_four_mebibytes(emulator: Emulator) -> None:
    emulator.pad_instruments(4 * 2**20)

    async def scenario() -> None:
        async with client(emulator) as ws, ws.trade(symbol="BTC/USD") as trades, ws.instrument() as instruments:
            everything = await anext(instruments)
            assert len(instruments.raw) >= 4 * 2**20
            assert everything.pairs is not None
            assert len(everything.pairs) > 5000
            assert everything.pairs[0].symbol == "BTC/USD"
            await next_trade(emulator, trades)
            assert ws.counts["public"].connections == 1

    run(scenario)


def test_a_frame_above_the_limit_ends_the_connection_for_good(emulator: Emulator) -> None:
    emulator.pad_instruments(2**20)

    async def scenario() -> None:
        async with client(emulator, max_size=2**20) as ws:
            with pytest.raises(Exception, match="max_size"):
                async for _ in ws.instrument():
                    pass

    run(scenario)


# ---------------------------------------------------------------------- replies


@pytest.mark.parametrize("kind", ["accept-then-repeat", "accept-then-reverse"])
@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_acknowledgements_that_come_twice_or_in_reverse_order(emulator: Emulator, method: str, kind: Any) -> None:
    async def scenario() -> None:
        symbols = ["BTC/USD", "ETH/USD", "SHIB/USD"]
        async with client(emulator) as ws:
            emulator.faults.add(method, kind)
            async with ws.ticker(symbol=symbols) as tickers:
                assert {ack.symbol for ack in tickers.acks} == set(symbols)
                assert {(await anext(tickers)).symbol for _ in symbols} == set(symbols)
            async with ws.trade(symbol=symbols) as trades:
                await next_trade(emulator, trades)
                assert {each.symbol for each in emulator.subscriptions} == set(symbols)
                told = sum(count.unexpected for count in ws.counts.values())
                assert told == (3 if kind == "accept-then-repeat" else 0)

    run(scenario)


def test_acknowledgements_that_come_behind_later_replies(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            emulator.faults.add("subscribe", "accept-then-delay")
            subscribing = asyncio.ensure_future(ws.ticker(symbol=["BTC/USD", "ETH/USD"]).subscribe())
            await until(lambda: len(emulator.subscriptions) == 2)
            assert not subscribing.done()
            await ws.ping()
            tickers = await subscribing
            assert {ack.symbol for ack in tickers.acks} == {"BTC/USD", "ETH/USD"}
            assert ws.counts["public"].unexpected == 0

    run(scenario)


@pytest.mark.parametrize("kind", ["accept-then-repeat", "accept-then-reverse", "accept-then-delay"])
def test_orders_keep_to_their_own_replies(emulator: Emulator, kind: Any) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            await ws.start()

            async def place(price: str) -> str:
                order = await ws.add_order(
                    order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.01", limit_price=price
                )
                return str(order.order_id)

            emulator.faults.add("add_order", kind)
            prices = ["60001.0", "60002.0", "60003.0"]
            placed = await asyncio.gather(*map(place, prices))
            assert [emulator.orders[order]["descr"]["price"] for order in placed] == prices
            emulator.faults.add("cancel_order", kind)
            cancelling = asyncio.ensure_future(ws.cancel_order(order_id=placed))
            await until(lambda: not any(order["status"] == "open" for order in emulator.orders.values()))
            await ws.ping()
            await ws.cancel_all()
            results = await cancelling
            assert sorted(str(result.order_id) for result in results) == sorted(placed)

    run(scenario)


def test_books_survive_nonsense(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with level3_books(emulator) as books:
            await books.add_book(["BTC/USD"])
            book = books.book("BTC/USD")
            await until(lambda: book.valid)
            for frame in (*MALFORMED, *UNEXPECTED):
                emulator.push(frame)
            emulator.push(
                '{"channel":"level3","type":"update","data":[{"symbol":"NO/PE","bids":[],"asks":[],"checksum":1}]}'
            )
            emulator.tick(100, "BTC/USD")
            wanted = emulator.book("BTC/USD", 10)
            await until(lambda: [(level.price, level.qty) for level in book.bids()] == wanted.bids)
            assert book.valid
            assert subscribing(emulator) == 1

    run(scenario)
