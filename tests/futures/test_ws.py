"""Derivatives WebSocket v1 over real sockets: feeds, challenges, books, and what happens when something fails."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest

from kraken.exceptions import AuthError, CredentialsError, ExchangeError, InvalidRequest
from kraken.futures import FuturesWSClient
from kraken.futures.messages import BookMessage, BookSnapshotMessage, TickerMessage
from kraken.runtime.websocket.events import BookInvalid, BookRestored, Dropped, Event, Reopened, Restored

from ..runtime.websocket.fake import FakeTime, Peer, run, until
from .feeds import CHALLENGE, KEY, SECRET, SIGNED, FeedExchange, Restless, books, client, signature


def test_feeds_are_typed_streams_with_exact_digits() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            stream = await ws.ticker(product_ids=["PF_XBTUSD", "PF_ETHUSD"]).subscribe()
            assert exchange.seen("subscribe")[0] == {
                "event": "subscribe",
                "feed": "ticker",
                "product_ids": ["PF_XBTUSD", "PF_ETHUSD"],
            }
            await exchange.of().tick_of("PF_XBTUSD", "12345678901234567.120")
            item: TickerMessage = await anext(stream)
            assert str(item.last) == "12345678901234567.120"
            assert item.product_id == "PF_XBTUSD"
            await stream.aclose()
            farewell = await exchange.request("unsubscribe")
            assert farewell == {"event": "unsubscribe", "feed": "ticker", "product_ids": ["PF_XBTUSD", "PF_ETHUSD"]}
            assert ws.counts["public"].unexpected == 0

    run(scenario)


def test_streams_of_one_feed_get_their_own_products() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            one = await ws.ticker(product_ids="PF_XBTUSD").subscribe()
            other = await ws.ticker(product_ids="PF_ETHUSD").subscribe()
            await exchange.of().tick_of("PF_ETHUSD", "2")
            await exchange.of().tick_of("PF_XBTUSD", "1")
            assert (await anext(one)).last == 1
            assert (await anext(other)).last == 2

    run(scenario)


def test_fills_of_some_products_are_one_subscription() -> None:
    some = {"product_ids": ["PF_XBTUSD", "PF_ETHUSD"]}

    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange, KEY, SECRET, timing=Restless().timing) as ws:
            fills = await ws.fills(**some).subscribe()
            alike = await ws.fills(**some).subscribe()
            for other in (ws.fills(product_ids="PF_ETHUSD"), ws.fills()):
                with pytest.raises(InvalidRequest, match="fills is subscribed already with product_ids="):
                    await other.subscribe()
            await fills.aclose()
            exchange.of().drop()
            await exchange.peer(1)
            await until(lambda: exchange.subscribed("fills", 1) == [some["product_ids"]])
            await alike.aclose()
            await until(lambda: not ws.get_active_subscriptions())
            assert exchange.subscribed("fills") == [some["product_ids"]] * 2
            [farewell] = [each for each in exchange.seen("unsubscribe") if each["feed"] == "fills"]
            assert farewell["product_ids"] == some["product_ids"]

    run(scenario)


def test_a_refusal_that_names_nobody_is_settled_one_by_one() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="Invalid product id") as caught:
                await ws.ticker(product_ids=["PF_XBTUSD", "PF_NOPEUSD"]).subscribe()
            assert caught.value.facts.operation == "ticker PF_NOPEUSD"
            good = await ws.ticker(product_ids="PF_XBTUSD").subscribe()
            await exchange.of().tick_of("PF_XBTUSD", "3")
            assert (await anext(good)).last == 3

    run(scenario)


def test_arguments_are_checked_before_anything_is_sent() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            with pytest.raises(InvalidRequest, match="product_ids"):
                ws.ticker(product_ids=[])
            with pytest.raises(InvalidRequest, match="key"):
                ws.fills()
            assert exchange.attempts == 0

    run(scenario)


# ---------------------------------------------------------------------- challenges


def test_the_published_challenge_is_signed() -> None:
    assert signature(CHALLENGE) == SIGNED
    assert FuturesWSClient(KEY, SECRET).get_sign_challenge(CHALLENGE) == SIGNED
    with pytest.raises(CredentialsError):
        FuturesWSClient().get_sign_challenge(CHALLENGE)
    with pytest.raises(CredentialsError):
        FuturesWSClient(KEY, "no base64")


def test_private_feeds_share_the_challenge_of_their_connection() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange, KEY, SECRET, timing=Restless().timing) as ws:
            fills = await ws.fills().subscribe()
            orders = await ws.open_orders().subscribe()
            assert exchange.seen("challenge") == [{"event": "challenge", "api_key": KEY}]
            asked = [each for each in exchange.seen("subscribe") if each["feed"] == "fills"]
            assert asked == [
                {
                    "event": "subscribe",
                    "feed": "fills",
                    "api_key": KEY,
                    "original_challenge": CHALLENGE,
                    "signed_challenge": SIGNED,
                }
            ]
            seen: list[Event] = []
            ws.on_event(seen.append)
            exchange.of().drop()
            await exchange.peer(1)
            await until(lambda: any(isinstance(each, Restored) for each in seen))
            new = exchange.of(1).challenge
            assert new != CHALLENGE
            assert {each["original_challenge"] for each in exchange.seen("subscribe", 1) if "api_key" in each} == {new}
            assert len(exchange.seen("challenge", 1)) == 1
            await orders.aclose()
            farewell = await exchange.request("unsubscribe")
            assert (farewell["feed"], farewell["signed_challenge"]) == ("open_orders", signature(new))
            assert fills.acks

    run(scenario)


def test_a_challenge_that_is_refused_is_an_error_and_no_reason_to_connect_anew() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["event"] != "challenge":
            return False
        await peer.send({"event": "error", "message": "Json Error"})
        return True

    async def scenario() -> None:
        async with FeedExchange(script) as exchange, client(exchange, KEY, SECRET) as ws:
            with pytest.raises(ExchangeError, match="Json Error"):
                await ws.fills().subscribe()
            assert exchange.attempts == 1

    run(scenario)


def test_a_challenge_that_is_stale_is_asked_for_anew() -> None:
    stale = {"subscribe": 1, "unsubscribe": 1}

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if not stale.get(request["event"], 0) or "api_key" not in request:
            return False
        stale[request["event"]] -= 1
        await peer.send({**request, "event": f"{request['event']}d_failed"})
        return True

    async def scenario() -> None:
        async with FeedExchange(script) as exchange, client(exchange, KEY, SECRET) as ws:
            fills = await ws.fills().subscribe()
            assert len(exchange.seen("challenge")) == 2
            await fills.aclose()
            await until(lambda: len(exchange.seen("unsubscribe")) >= 2)
            assert len(exchange.seen("challenge")) == 3
            assert len(exchange.peers) == 1

    run(scenario)


@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
def test_two_challenges_that_are_refused_are_enough(verb: str) -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["event"] != verb or "api_key" not in request:
            return False
        await peer.send({**request, "event": f"{verb}d_failed"})
        return True

    async def scenario() -> None:
        async with FeedExchange(script) as exchange, client(exchange, KEY, SECRET) as ws:
            fills = ws.fills()
            if verb == "subscribe":
                with pytest.raises(AuthError):
                    await fills.subscribe()
            else:
                await fills.subscribe()
                await fills.aclose()
                await until(lambda: not ws.get_active_subscriptions())
            assert len([each for each in exchange.seen(verb) if each["feed"] == "fills"]) == 2
            assert exchange.attempts == 1

    run(scenario)


def test_what_kraken_has_not_ended_is_no_obstacle_to_subscribing_anew() -> None:
    subscribed = False
    stale = 2

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        nonlocal subscribed, stale
        if request.get("feed") != "fills":
            return False
        if request["event"] == "unsubscribe" and stale:
            stale -= 1
            await peer.send({**request, "event": "unsubscribed_failed"})
            return True
        if request["event"] == "subscribe" and subscribed:
            await peer.send({"event": "alert", "message": "Already subscribed to feed, re-requesting"})
        subscribed = request["event"] == "subscribe"
        return False

    async def scenario() -> None:
        async with FeedExchange(script) as exchange, client(exchange, KEY, SECRET) as ws:
            first = await ws.fills().subscribe()
            await first.aclose()
            assert subscribed
            again = await ws.fills().subscribe()
            assert subscribed
            assert again.acks
            assert await anext(again.messages())  # a snapshot
            assert exchange.attempts == 1

    run(scenario)


def test_secrets_are_in_no_log_event_or_representation(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []

    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange, KEY, SECRET, callback=lambda _: None) as ws:
            ws.on_event(lambda event: shown.append(repr(event)))
            stream = await ws.fills().subscribe()
            # An answer to no request: it repeats key and signature, and is told as it came.
            private = next(peer for peer in exchange.peers if any("api_key" in each for each in peer.requests))
            await private.send({"event": "subscribed", "feed": "fills", "api_key": KEY, "signed_challenge": SIGNED})
            await until(lambda: ws.counts["private"].unexpected > 0)
            shown.extend([repr(ws), repr(stream), repr(stream.acks)])

    with caplog.at_level(logging.DEBUG):
        run(scenario)
    logged = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    for secret in (SECRET, SIGNED):
        assert not any(secret in each for each in [*shown, *logged])


# ---------------------------------------------------------------------- signs of life


def test_the_heartbeat_is_wanted_for_as_long_as_anything_else_is() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            await ws.start()
            stream = await ws.trade(product_ids="PF_XBTUSD").subscribe()
            await until(lambda: exchange.subscribed("heartbeat") == [[]])
            assert ws.get_active_subscriptions() == [
                {"event": "subscribe", "feed": "trade", "product_ids": ["PF_XBTUSD"]}
            ]
            await stream.aclose()
            await until(lambda: [each["feed"] for each in exchange.seen("unsubscribe")] == ["trade", "heartbeat"])

    run(scenario)


def test_acknowledged_then_silent_is_noticed() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with FeedExchange() as exchange, client(exchange, timing=time.timing) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            stream = await ws.ticker(product_ids="PF_XBTUSD").subscribe()
            await until(lambda: len(exchange.subscribed("heartbeat")) == 1)
            for _ in range(40):
                time.advance(1.0)
                await asyncio.sleep(0)
                if len(exchange.peers) > 1:
                    break
                await asyncio.sleep(0.002)
            await exchange.peer(1)
            await until(lambda: exchange.subscribed("ticker", 1) == [["PF_XBTUSD"]])
            await until(lambda: any(isinstance(each, Reopened) for each in seen))
            assert any(isinstance(each, Dropped) for each in seen)
            assert await stream.subscribe() is stream

    run(scenario)


def test_no_more_requests_are_sent_than_kraken_takes() -> None:
    """Each of these is refused, and so each product is asked for alone."""

    async def scenario() -> None:
        time = Restless()
        async with FeedExchange() as exchange, client(exchange, timing=time.timing) as ws:
            products = [f"PF_NOPE{number}USD" for number in range(120)]
            with pytest.raises(ExchangeError, match="Invalid product id"):
                await ws.trade(product_ids=products).subscribe()
            assert len(exchange.seen("subscribe")) > 100
            assert 1.0 in time.slept  # until the second is over

    run(scenario)


# ---------------------------------------------------------------------- books


def test_a_book_follows_its_numbers() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, books(exchange) as client:
            await client.add_book(["PF_XBTUSD"])
            book = client.book("PF_XBTUSD")
            await until(lambda: book.valid)
            peer = exchange.of()
            await peer.change("PF_XBTUSD", 99, "buy", "10.0", "0")  # the snapshot has it already
            await peer.change("PF_XBTUSD", 101, "sell", "10.5", "0.50")
            await peer.change("PF_XBTUSD", 102, "buy", "9.5", "0")
            await until(lambda: book.seq == 102)
            assert [(str(level.price), str(level.qty)) for level in book.asks()] == [("10.5", "0.50"), ("11.0", "0.25")]
            assert [str(level.price) for level in book.bids()] == ["10.0"]
            assert book.spread == Decimal("0.5")
            assert client.get("PF_XBTUSD")["bid"] == {"10.0": ("1.50", 1795422600000)}  # type: ignore[index]

    run(scenario)


def test_a_missing_number_hurts_one_contract_only() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, books(exchange) as client:
            seen: list[Event] = []
            client.on_event(seen.append)
            await client.add_book(["PF_XBTUSD", "PF_ETHUSD"])
            one, other = client.book("PF_XBTUSD"), client.book("PF_ETHUSD")
            await until(lambda: one.valid and other.valid)
            await exchange.of().change("PF_ETHUSD", 8, "buy", "8.0", "1")
            await exchange.of().change("PF_XBTUSD", 103, "buy", "8.0", "1")
            await until(lambda: any(isinstance(each, BookRestored) for each in seen))
            (invalid,) = [each for each in seen if isinstance(each, BookInvalid)]
            assert str(invalid.report) == "order book of PF_XBTUSD: frame 103 came, 101 expected"
            assert (one.seq, other.seq) == (100, 8)
            assert [each["product_ids"] for each in exchange.seen("unsubscribe")] == [["PF_XBTUSD"]]
            assert len(exchange.peers) == 1

    run(scenario)


def test_books_are_empty_from_a_drop_until_their_snapshots() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, books(exchange, timing=Restless().timing) as client:
            await client.add_book(["PF_XBTUSD"])
            book = client.book("PF_XBTUSD")
            await until(lambda: book.valid)
            states: list[bool] = []
            client.on_event(lambda _: states.append(book.valid))
            exchange.of().drop()
            await exchange.peer(1)
            await until(lambda: book.valid)
            assert states[0] is False
            assert book.asks()

    run(scenario)


def test_the_book_feed_can_be_read_as_a_stream() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange, client(exchange) as ws:
            stream = await ws.book(product_ids="PI_XBTUSD").subscribe()
            first = await anext(stream)
            assert isinstance(first, BookSnapshotMessage)
            assert stream.is_snapshot
            await exchange.of().change("PI_XBTUSD", 2, "buy", "9.75", "4")
            second = await anext(stream)
            assert isinstance(second, BookMessage)
            assert not stream.is_snapshot
            assert (second.side, second.price) == ("buy", Decimal("9.75"))

    run(scenario)


# ---------------------------------------------------------------------- the interface of old


class Recorder(FuturesWSClient):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.got: list[dict[str, Any]] = []

    async def on_message(self, message: dict[str, Any]) -> None:
        self.got.append(message)


def test_a_feed_that_is_subscribed_as_a_whole_by_name() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange:
            ws = Recorder(KEY, SECRET, exchange.url)
            products = ["PF_XBTUSD", "PF_ETHUSD"]
            await ws.subscribe(feed="fills", products=products)
            assert [each["product_ids"] for each in ws.get_active_subscriptions()] == [products]
            await ws.unsubscribe(feed="fills", products=["PF_ETHUSD"])
            assert len(ws.get_active_subscriptions()) == 1
            await ws.unsubscribe(feed="fills", products=products)
            assert ws.get_active_subscriptions() == []
            assert len(exchange.seen("unsubscribe")) == 1
            await ws.close()

    run(scenario)


def test_feeds_by_name() -> None:
    async def scenario() -> None:
        async with FeedExchange() as exchange:
            ws = Recorder(KEY, SECRET, exchange.url)
            await ws.start()
            assert ws.is_auth
            assert ws.key == KEY
            await ws.subscribe(feed="ticker", products=["PF_XBTUSD", "PF_ETHUSD"])
            await ws.subscribe(feed="fills")
            public = next(peer for peer in exchange.peers if any(r["feed"] == "ticker" for r in peer.requests))
            await public.send('{"feed":"ticker","product_id":"PF_XBTUSD","last":1.5}')
            await until(lambda: {"feed": "ticker", "product_id": "PF_XBTUSD", "last": 1.5} in ws.got)
            assert {"event": "info", "version": 1} in ws.got
            assert sorted(each["feed"] for each in ws.get_active_subscriptions()) == ["fills", "ticker", "ticker"]
            await ws.unsubscribe(feed="ticker", products=["PF_XBTUSD"])
            await ws.unsubscribe(feed="fills")
            assert ws.get_active_subscriptions() == [
                {"event": "subscribe", "feed": "ticker", "product_ids": ["PF_ETHUSD"]}
            ]
            with pytest.raises(TypeError, match="products"):
                await ws.subscribe(feed="ticker", products="PF_XBTUSD")  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="'nope' is unknown; allowed: heartbeat, ticker"):
                await ws.subscribe(feed="nope")
            with pytest.raises(ValueError, match="takes no products"):
                await ws.subscribe(feed="balances", products=["PF_XBTUSD"])
            await ws.close()
            assert not ws.exception_occur

    run(scenario)


def test_the_lists_of_feeds() -> None:
    public, private = (
        FuturesWSClient.get_available_public_subscription_feeds(),
        FuturesWSClient.get_available_private_subscription_feeds(),
    )
    assert sorted(public) == ["book", "heartbeat", "ticker", "ticker_lite", "trade"]
    assert {"fills", "open_positions", "open_orders", "open_orders_verbose", "balances"} < set(private)
    assert {"account_log", "notifications_auth"} < set(private)


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ({}, "wss://futures.kraken.com/ws/v1"),
        ({"sandbox": True}, "wss://demo-futures.kraken.com/ws/v1"),
        ({"url": "futures.example.com/ws/v1"}, "wss://futures.example.com/ws/v1"),
        ({"url": "ws://127.0.0.1:5/"}, "ws://127.0.0.1:5/ws/v1"),
    ],
)
def test_addresses(arguments: dict[str, Any], address: str) -> None:
    async def scenario() -> None:
        ws = FuturesWSClient(KEY, SECRET, **arguments)
        assert {ws._new_session(name)._url for name in ws.sockets} == {address}

    run(scenario)
