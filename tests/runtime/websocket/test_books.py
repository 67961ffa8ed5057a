"""Order books over a socket: never an old one, and one bad symbol hurts no other."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from kraken.runtime.errors import ConnectionLost, ExchangeError, InvalidRequest, NotSent
from kraken.runtime.orderbook import OrderBook
from kraken.runtime.websocket.events import BookInvalid, BookRestored, Event, SubscriptionLost

from .fake import (
    BookClient,
    BookItem,
    Exchange,
    FakeTime,
    Impatient,
    Level,
    Peer,
    run,
    symbols,
    until,
)


class Market(Exchange):
    """An exchange whose books have one level on each side, at prices that a test sets."""

    def __init__(self, script: Any = None) -> None:
        super().__init__(script)
        self.bad_snapshots = 0
        self.books: dict[str, OrderBook] = {}

    def frame(self, kind: str, symbol: str, bid: str, ask: str, bad: bool = False) -> str:
        bids, asks = [Level(Decimal(bid), Decimal("1.50"))], [Level(Decimal(ask), Decimal("2.50"))]
        if kind == "snapshot" or symbol not in self.books:
            self.books[symbol] = OrderBook(symbol, 10, verify=False)
        book = self.books[symbol]
        book.apply(BookItem(symbol, 0, bids, asks), kind == "snapshot")
        checksum = book.checksum() ^ bad
        sides = (
            f'"bids":[{{"price":{bid},"qty":1.50}}],"asks":[{{"price":{ask},"qty":2.50}}],'
            f'"checksum":{checksum},"timestamp":"T"'
        )
        return f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}",{sides}}}]}}'

    async def snapshot(self, peer: Peer, channel: str, symbol: str | None) -> None:
        if channel == "book" and symbol is not None:
            bad = self.bad_snapshots > 0
            self.bad_snapshots -= bad
            await peer.send(self.frame("snapshot", symbol, "10.0", "11.0", bad))


def books(market: Market, time: FakeTime | None = None, **options: Any) -> BookClient:
    return BookClient(ws_url=market.url, timing=(time or Impatient()).timing, **options)


def test_books_are_kept_and_read_as_typed_levels_and_as_plain_dicts() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            assert client.depth == 10
            assert client.get("BTC/USD") is None
            with pytest.raises(InvalidRequest, match="add_book"):
                client.book("BTC/USD")
            await client.add_book(["BTC/USD", "ETH/USD"])
            request = await market.request("subscribe")
            assert request["params"] == {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 10}
            book = client.book("BTC/USD")
            await until(lambda: book.valid)
            await market.peers[0].send(market.frame("update", "BTC/USD", "10.5", "11.5"))
            await until(lambda: len(book.bids()) == 2)
            assert client.get("BTC/USD") == {
                "bid": {"10.5": ("1.50", "T"), "10.0": ("1.50", "T")},
                "ask": {"11.0": ("2.50", "T"), "11.5": ("2.50", "T")},
                "valid": True,
            }
            assert BookClient.get_first(("10.5", ("1.50", "T"))) == 10.5
            await client.add_book(["BTC/USD"])
            assert len(market.seen("subscribe")) == 1
            await client.remove_book(["BTC/USD", "unknown"])
            farewell = await market.request("unsubscribe")
            assert farewell["params"] == {"channel": "book", "symbol": ["BTC/USD"], "depth": 10}
            assert client.get("BTC/USD") is None
            assert not book.valid
            await client.add_book(["BTC/USD"])
            await until(lambda: client.book("BTC/USD").valid)

    run(scenario)


def test_without_a_connection_adding_a_book_raises_what_it_says() -> None:
    async def scenario() -> None:
        async with Market() as market:
            client = books(market)
        async with client:
            with pytest.raises(NotSent):
                await client.add_book(["BTC/USD", "ETH/USD"])
            assert client.get("BTC/USD") is None

    run(scenario)


def test_a_poisoned_symbol_is_withheld_and_recovers_alone() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            seen: list[Event] = []
            client.on_event(seen.append)
            await client.add_book(["BTC/USD", "ETH/USD"])
            bad, good = client.book("BTC/USD"), client.book("ETH/USD")
            await until(lambda: bad.valid and good.valid)
            peer = market.peers[0]
            held = asyncio.Event()

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                await held.wait()
                return False

            market.script = script
            await peer.send(market.frame("update", "BTC/USD", "10.5", "11.5", bad=True))
            await peer.send(market.frame("update", "BTC/USD", "10.6", "11.6"))
            await peer.send(market.frame("update", "ETH/USD", "10.5", "11.5"))
            await until(lambda: len(good.bids()) == 2)
            assert not bad.valid
            assert client.get("BTC/USD") == {"bid": {}, "ask": {}, "valid": False}
            assert good.valid
            held.set()
            await until(lambda: bad.valid)
            assert len(good.bids()) == 2
            assert symbols(await market.request("unsubscribe")) == {"BTC/USD"}
            assert symbols(await market.request("subscribe", 2)) == {"BTC/USD"}
            await until(lambda: BookRestored("BTC/USD") in seen)
            assert [event.symbol for event in seen if isinstance(event, BookInvalid)] == ["BTC/USD"]

    run(scenario)


def test_a_book_that_keeps_failing_is_asked_for_at_growing_intervals() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Market() as market, books(market, time) as client:
            market.bad_snapshots = 4
            await client.add_book(["BTC/USD"])
            await time.pass_sleep(0.5)
            await time.pass_sleep(1.0)
            await time.pass_sleep(2.0)
            await until(lambda: client.book("BTC/USD").valid)
            assert len(market.seen("subscribe")) == 5

    run(scenario)


def test_a_book_whose_snapshot_never_comes_is_asked_for_again() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Market() as market, books(market, time, silence_timeout=None) as client:
            lost = [True, False, False]

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                if request["method"] == "subscribe" and lost.pop(0):
                    await peer.reply(request, {"channel": "book", "symbol": "BTC/USD"})
                    return True
                return False

            market.script = script
            await client.add_book(["BTC/USD"])
            await market.peers[0].send('{"channel":"status","type":"update","data":[]}')
            await time.pass_sleep(10.0)
            book = client.book("BTC/USD")
            await until(lambda: book.valid)
            assert len(market.seen("unsubscribe")) == 1
            time.advance(1000)
            await client.add_book(["ETH/USD"])
            await until(lambda: client.book("ETH/USD").valid)
            assert len(market.seen("subscribe")) == 3, "nothing is asked for again whose snapshot has come"

    run(scenario)


def test_a_book_whose_snapshot_comes_late_but_in_time_is_left_alone() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Market() as market, books(market, time, silence_timeout=None) as client:

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                if request["method"] == "subscribe" and "BTC/USD" in symbols(request):
                    await peer.reply(request, {"channel": "book", "symbol": "BTC/USD"})
                    return True
                return False

            market.script = script
            await client.add_book(["BTC/USD"])
            book = client.book("BTC/USD")
            assert not book.valid
            await market.peers[0].send(market.frame("snapshot", "BTC/USD", "10.0", "11.0"))
            await until(lambda: book.valid)
            time.advance(1000)
            await client.add_book(["ETH/USD"])
            assert len(market.seen("subscribe")) == 2

    run(scenario)


def test_no_book_is_valid_from_the_drop_until_its_next_snapshot() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            await client.add_book(["BTC/USD"])
            book = client.book("BTC/USD")
            await until(lambda: book.valid)
            held = asyncio.Event()

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                if not held.is_set():
                    await peer.reply(request, {"channel": "book", "symbol": "BTC/USD"})
                    await held.wait()
                    await market.snapshot(peer, "book", "BTC/USD")
                    return True
                return False

            market.script = script
            market.peers[0].drop()
            await until(lambda: not book.valid)
            assert book.bids() == []
            assert client.get("BTC/USD") == {"bid": {}, "ask": {}, "valid": False}
            await until(lambda: bool(client.active_public_subscriptions))
            assert not book.valid
            held.set()
            await until(lambda: book.valid)
            assert client.book("BTC/USD") is book

    run(scenario)


def test_updates_adds_the_book_and_gives_each_valid_state() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            states = client.updates("BTC/USD")
            book = await anext(states)
            assert book.best_bid is not None
            assert book.best_bid.price == 10
            for price in ("10.1", "10.2", "10.3"):
                await market.peers[0].send(market.frame("update", "BTC/USD", price, "11.0"))
            while book.best_bid is None or book.best_bid.price != Decimal("10.3"):
                assert await anext(states) is book
            waiting = asyncio.ensure_future(anext(states))
            await asyncio.sleep(0)
            await client.remove_book(["BTC/USD"])
            with pytest.raises(StopAsyncIteration):
                await waiting

    run(scenario)


def test_updates_raises_what_ended_the_connection() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            states = client.updates("BTC/USD")
            await anext(states)
            waiting = asyncio.ensure_future(anext(states))
            await asyncio.sleep(0)
            await market.peers[0].close(1008, "policy")
            with pytest.raises(ConnectionLost, match="policy"):
                await waiting
            assert client.exception_occur

    run(scenario)


def test_a_refused_symbol_is_an_error_and_leaves_no_book() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] != "subscribe" or request["params"]["symbol"] != ["NO/PE"]:
            return False
        await peer.reply(request, error="Currency pair not supported NO/PE")
        return True

    async def scenario() -> None:
        async with Market(script) as market, books(market) as client:
            await client.add_book(["BTC/USD"])
            with pytest.raises(ExchangeError, match="NO/PE"):
                await client.add_book(["NO/PE"])
            assert client.get("NO/PE") is None
            await until(lambda: client.book("BTC/USD").valid)

    run(scenario)


def test_a_symbol_that_is_refused_after_a_drop_ends_its_updates_only() -> None:
    async def scenario() -> None:
        async with Market() as market, books(market) as client:
            seen: list[Event] = []
            client.on_event(seen.append)
            await client.add_book(["OLD/USD", "BTC/USD"])
            old = client.updates("OLD/USD")
            await anext(old)

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                for symbol in request["params"]["symbol"]:
                    if symbol == "OLD/USD":
                        await peer.reply(request, error="Currency pair not supported OLD/USD")
                    else:
                        await peer.reply(request, {"channel": "book", "symbol": symbol})
                        await market.snapshot(peer, "book", symbol)
                return True

            market.script = script
            market.peers[0].drop()
            with pytest.raises(ExchangeError, match="OLD/USD"):
                await anext(old)
            await until(lambda: client.book("BTC/USD").valid)
            assert not client.book("OLD/USD").valid
            await until(lambda: any(isinstance(event, SubscriptionLost) for event in seen))

    run(scenario)


def test_the_callback_gets_pair_and_message_and_is_told_of_a_mismatch() -> None:
    async def scenario() -> None:
        calls: list[tuple[str, dict[str, Any]]] = []

        async def callback(pair: str, message: dict[str, Any]) -> None:
            calls.append((pair, message))

        async with Market() as market, books(market, callback=callback) as client:
            await client.add_book(["BTC/USD"])
            await until(lambda: len(calls) == 1)
            frame = market.frame("update", "BTC/USD", "10.5", "11.5")
            await market.peers[0].send(frame)
            await until(lambda: len(calls) == 2)
            assert calls[1] == ("BTC/USD", json.loads(frame))
            await market.peers[0].send(market.frame("update", "BTC/USD", "10.6", "11.6", bad=True))
            await until(lambda: len(calls) == 4)
            assert set(calls[2][1]) == {"error"}

    run(scenario)


def test_on_book_update_may_be_overridden_and_close_forgets() -> None:
    class Mine(BookClient):
        seen = 0

        async def on_book_update(self, pair: str, message: dict[str, Any]) -> None:
            self.seen += 1

    async def scenario() -> None:
        async with Market() as market:
            client = Mine(depth=10, ws_url=market.url, timing=Impatient().timing)
            await client.start()
            await client.add_book(["BTC/USD"])
            await until(lambda: client.seen == 1)
            await client.close()
            await client.close()
            assert client.get("BTC/USD") is None

    run(scenario)


def test_an_impossible_depth_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="depth: 0"):
        BookClient(depth=0)
