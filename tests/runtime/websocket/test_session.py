"""Connections that break in every state, and what is subscribed afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kraken.runtime.errors import ConnectionLost, ExchangeError, InvalidRequest, NotSent, ReplyLost
from kraken.runtime.websocket import Channel
from kraken.runtime.websocket.events import (
    Connecting,
    Dropped,
    Event,
    Failed,
    Malformed,
    Open,
    Reopened,
    Restored,
    SequenceGap,
    SubscriptionLost,
    Unexpected,
)
from kraken.runtime.websocket.pacing import Budget
from kraken.runtime.websocket.protocol import Pace
from kraken.runtime.websocket.session import TRIES

from .fake import (
    ADD_ORDER,
    EXECUTIONS,
    KEY,
    OHLC,
    SECRET,
    STATUS,
    TICKER,
    TRADE,
    Client,
    Exchange,
    FakeTime,
    Impatient,
    Peer,
    client,
    drain,
    run,
    symbols,
    until,
)


def test_a_stream_subscribes_when_it_is_first_read_and_unsubscribes_when_it_is_closed() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"], "snapshot": None})
            assert exchange.attempts == 0
            async with stream:
                request = await exchange.request("subscribe")
                assert request["params"] == {"channel": "ticker", "symbol": ["BTC/USD", "ETH/USD"]}
                assert [ack["symbol"] for ack in stream.acks] == ["BTC/USD", "ETH/USD"]
                await exchange.peers[0].tick("BTC/USD", "2.50")
                seen = [await anext(stream) for _ in range(2)]
                assert {item.symbol for item in seen} == {"BTC/USD", "ETH/USD"}
            request = await exchange.request("unsubscribe")
            assert request["params"] == {"channel": "ticker", "symbol": ["BTC/USD", "ETH/USD"]}
            assert ws.active_public_subscriptions == []

    run(scenario)


def test_the_exact_bytes_of_a_message_stay_within_reach() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            assert (await anext(stream)).last == 1
            assert stream.is_snapshot
            text = '{"channel":"trade","data":[{"symbol":"BTC/USD","last":1.10}],  "type":"update","new":[1]}'
            await exchange.peers[0].send(text)
            assert str((await anext(stream)).last) == "1.10"
            assert stream.raw == text.encode()
            assert not stream.is_snapshot
            assert stream.message is not None

    run(scenario)


def test_messages_gives_whole_frames_once_also_empty_ones() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(EXECUTIONS, {}).subscribe()
            peer = exchange.peers[0]
            await peer.send({"channel": "executions", "type": "snapshot", "sequence": 1, "data": []})
            await peer.send({"channel": "executions", "sequence": 2, "data": [{"order_id": "A"}, {"order_id": "B"}]})
            await peer.send({"channel": "executions", "sequence": 3, "data": [{"order_id": "C"}]})
            frames = stream.messages()
            got = [await anext(frames) for _ in range(3)]
            assert [(f.sequence, len(f.data)) for f in got] == [(1, 0), (2, 2), (3, 1)]

    run(scenario)


async def _cut(exchange: Exchange, when: str) -> Callable[[], bool]:
    """Make the exchange cut its first connection at some point; the function tells whether it has."""
    cut = False

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        nonlocal cut
        if cut or request["method"] != "subscribe":
            return False
        params = request["params"]
        if when == "before the acknowledgement":
            cut = True
        elif when == "between two acknowledgements":
            cut = True
            await peer.reply(request, {"channel": params["channel"], "symbol": params["symbol"][0]})
        elif when == "between acknowledgement and snapshot":
            cut = True
            for symbol in params["symbol"]:
                await peer.reply(request, {"channel": params["channel"], "symbol": symbol})
        elif when == "after the snapshot":
            cut = True
            await peer.answer(request)
        if cut:
            await peer.socket.ping()
            peer.drop()
        return cut

    exchange.script = script
    return lambda: cut


@pytest.mark.parametrize(
    "when",
    [
        "before the acknowledgement",
        "between two acknowledgements",
        "between acknowledgement and snapshot",
        "after the snapshot",
    ],
)
def test_the_same_subscriptions_come_back_whenever_the_connection_is_cut(when: str) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            was_cut = await _cut(exchange, when)
            tickers = ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"]})
            await tickers.subscribe()
            trades = await ws._stream(TRADE, {"symbol": ["BTC/USD"], "snapshot": False}).subscribe()
            assert was_cut()
            peer = await exchange.peer(1)
            await exchange.request("subscribe", 2, peer=1)
            wanted = {("ticker", "BTC/USD"), ("ticker", "ETH/USD"), ("trade", "BTC/USD")}
            await until(lambda: {(s["channel"], *s["symbol"]) for s in ws.active_public_subscriptions} == wanted)
            requests = exchange.seen("subscribe", peer=1)
            assert {(r["params"]["channel"], s) for r in requests for s in symbols(r)} == wanted
            assert [r["params"]["snapshot"] for r in requests if r["params"]["channel"] == "trade"] == [False]
            await peer.tick("ETH/USD", "7.25")
            await peer.tick("BTC/USD", "8.25", "trade")
            while (await anext(tickers)).last != 7.25:
                pass
            while (await anext(trades)).last != 8.25:
                pass

    run(scenario)


def test_private_streams_come_back_with_a_fresh_token() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            _kept = await ws._stream(EXECUTIONS, {"snap_orders": True}).subscribe()
            exchange.peers[0].drop()
            again = await exchange.request("subscribe", peer=1) if await exchange.peer(1) else None
            assert again is not None
            first = exchange.seen("subscribe", peer=0)[0]
            assert first["params"] == {"channel": "executions", "snap_orders": True, "token": "token-number-1"}
            assert again["params"] == {"channel": "executions", "snap_orders": True, "token": "token-number-2"}

    run(scenario)


def test_connection_changes_are_events_with_reason_and_gap() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            events = ws.events()
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            time.now += 60
            exchange.refuse_with = 503
            await exchange.peers[0].close(1012, "restarting")
            await time.pass_sleep(0.5)
            exchange.refuse_with = None
            await exchange.peer(1)
            await until(lambda: any(isinstance(event, Restored) for event in seen))
            assert seen == [
                Connecting("public", 1),
                Open("public"),
                Dropped("public", 1012, "restarting"),
                Connecting("public", 1),
                Connecting("public", 2),
                Reopened("public", 0.5),
                Restored("public", 0.5),
            ]
            assert [await anext(events) for _ in seen] == seen
        assert [event async for event in events] == []

    run(scenario)


def test_a_connection_that_never_lasts_is_tried_less_and_less_often() -> None:
    async def scenario() -> None:
        time = Impatient()
        async with Exchange() as exchange, client(exchange, time) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            for number in range(8):
                (await exchange.peer(number)).drop()
            await exchange.peer(8)
            waits = [seconds for seconds in time.slept if seconds < 5 or seconds == 8 or seconds > 15]
            assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]

    run(scenario)


def test_waits_between_attempts_double_and_start_over_after_a_lasting_connection() -> None:
    async def scenario() -> None:
        time = Impatient()
        async with Exchange() as exchange, client(exchange, time) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            time.now += 60
            exchange.refuse_with = 503
            exchange.peers[0].drop()
            await until(lambda: exchange.attempts >= 6)
            exchange.refuse_with = None
            assert [seconds for seconds in time.slept if seconds < 5][:4] == [0.5, 1.0, 2.0, 4.0]

    run(scenario)


def test_connection_attempts_stay_within_the_budget() -> None:
    async def scenario() -> None:
        time = Impatient()
        async with Exchange() as exchange, client(exchange, time, silence_timeout=None) as ws:
            ws._budget._limit = 2
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            exchange.peers[0].drop()
            await exchange.peer(1)
            exchange.peers[1].drop()
            await until(lambda: any(seconds > 590 for seconds in time.slept))
            assert exchange.attempts == 2
            time.advance(600.0)
            await exchange.peer(2)
            assert exchange.attempts == 3

    run(scenario)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_upgrade_that_is_refused_for_good_is_not_tried_again(status: int) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            exchange.refuse_with = status
            with pytest.raises(NotSent, match=str(status)):
                await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            assert exchange.attempts == 1
            assert ws.exception_occur

    run(scenario)


def test_a_first_connection_is_tried_three_times_then_the_caller_is_told() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            exchange.refuse_with = 503
            with pytest.raises(NotSent) as caught:
                await ws.start()
            assert caught.value.__cause__ is not None
            await until(lambda: exchange.attempts == 6)
            exchange.refuse_with = None
            await ws.start()
            assert not ws.exception_occur

    run(scenario)


def test_a_refusal_for_good_while_reconnecting_ends_all_streams() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            exchange.refuse_with = 403
            exchange.peers[0].drop()
            with pytest.raises(ConnectionLost, match="403"):
                await drain(stream)
            assert ws.exception_occur

    run(scenario)


@pytest.mark.parametrize("code", [1008])
def test_close_codes_that_are_final_end_all_streams(code: int) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            one = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            two = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await exchange.peers[0].close(code, "go away")
            for stream in (one, two):
                with pytest.raises(ConnectionLost, match="go away"):
                    await drain(stream)
            await until(lambda: any(isinstance(event, Failed) for event in seen))
            assert exchange.attempts == 1

    run(scenario)


def test_a_mistake_in_this_package_ends_streams_instead_of_leaving_them_waiting() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()

            def mistake(code: int, reason: str) -> None:
                raise ZeroDivisionError

            ws._sessions["public"]._raise_if_fatal = mistake  # type: ignore[method-assign]
            exchange.peers[0].drop()
            with pytest.raises(ConnectionLost, match="unexpected ZeroDivisionError"):
                await drain(stream)

    run(scenario)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4000])
def test_other_close_codes_heal(code: int) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            await exchange.peers[0].close(code)
            assert symbols(await exchange.request("subscribe", 2)) == {"BTC/USD"}

    run(scenario)


def test_a_message_above_max_size_is_a_matter_of_configuration() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange, max_size=2000) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            await exchange.peers[0].send(" " * 3000 + "{}")
            with pytest.raises(ConnectionLost, match="max_size"):
                await anext(stream)

    run(scenario)


def test_large_and_fragmented_messages_and_many_in_one_read_arrive_whole_and_in_order() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            peer = exchange.peers[0]
            big = '{"channel":"trade","data":[' + ",".join(f'{{"symbol":"BTC/USD","last":{n}}}' for n in range(5000))
            whole = big + " " * 400_000 + "]}"
            await peer.send(whole)
            assert [(await anext(stream)).last for _ in range(5000)] == list(range(5000))
            assert stream.raw == whole.encode()

            async def parts() -> Any:
                yield '{"channel":"trade","da'
                await peer.socket.ping()
                yield 'ta":[{"symbol":"BTC/USD",'
                yield '"last":42}]}'

            await peer.socket.send(parts())
            assert (await anext(stream)).last == 42
            for n in range(300):
                peer.socket.protocol.send_text(
                    b'{"channel":"trade","data":[{"symbol":"BTC/USD","last":%d}]%s}' % (n, b" " * (n % 200))
                )
            chunks = b"".join(peer.socket.protocol.data_to_send())
            for start in range(0, len(chunks), 1777):
                peer.socket.transport.write(chunks[start : start + 1777])
                await asyncio.sleep(0)
            assert [(await anext(stream)).last for _ in range(300)] == list(range(300))

    run(scenario)


def test_silence_is_questioned_and_then_the_connection_is_made_anew() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            exchange.peers[0].silent = True
            await time.pass_sleep(10.0)
            await time.pass_sleep(10.0)
            await exchange.request("ping")
            await time.pass_sleep(5.0)
            assert symbols(await exchange.request("subscribe", 2)) == {"BTC/USD"}

    run(scenario)


def test_acknowledged_then_silent_is_noticed_although_pings_are_answered() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            await time.pass_sleep(10.0)
            await time.pass_sleep(10.0)
            await exchange.request("ping")
            await until(lambda: ws._sessions["public"]._answers > 1)
            await time.pass_sleep(5.0)
            assert symbols(await exchange.request("subscribe", 2)) == {"BTC/USD"}

    run(scenario)


def _answered(ws: Client, count: int) -> bool:
    return ws._sessions["private"]._answers >= count


def test_a_quiet_connection_without_subscriptions_stays_as_long_as_pings_are_answered() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time, no_public=True) as ws:
            await ws.start()
            for count in range(1, 4):
                await time.pass_sleep(10.0)
                await exchange.request("ping", count)
                await until(partial(_answered, ws, count))
                await time.pass_sleep(5.0)
            assert exchange.attempts == 1

    run(scenario)


def test_streams_share_a_subscription_until_the_last_is_closed() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            one = await ws._stream(TRADE, {"symbol": ["BTC/USD", "ETH/USD"]}).subscribe()
            two = await ws._stream(TRADE, {"symbol": ["ETH/USD", "SOL/USD"]}).subscribe()
            assert [symbols(r) for r in exchange.seen("subscribe")] == [{"BTC/USD", "ETH/USD"}, {"SOL/USD"}]
            assert {ack["symbol"] for ack in two.acks} == {"ETH/USD", "SOL/USD"}
            for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
                await exchange.peers[0].tick(symbol, "5", "trade")
            assert [(await anext(one)).symbol for _ in range(4)][2:] == ["BTC/USD", "ETH/USD"]
            assert [(await anext(two)).symbol for _ in range(3)] == ["SOL/USD", "ETH/USD", "SOL/USD"]
            await one.aclose()
            assert [symbols(r) for r in exchange.seen("unsubscribe")] == [{"BTC/USD"}]
            await two.aclose()
            assert [symbols(r) for r in exchange.seen("unsubscribe")][1:] == [{"ETH/USD", "SOL/USD"}]
            with pytest.raises(StopAsyncIteration):
                await anext(two)

    run(scenario)


def test_a_stream_that_is_left_early_is_unsubscribed_by_the_garbage_collector() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            async for _ in ws._stream(TICKER, {"symbol": ["BTC/USD"]}):
                break
            assert symbols(await exchange.request("unsubscribe")) == {"BTC/USD"}
            await until(lambda: not ws._sessions["public"]._routes["ticker"].sinks)

    run(scenario)


def test_leaving_and_coming_back_at_once_gives_a_new_snapshot() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            for _ in range(2):
                stream = ws._stream(TRADE, {"symbol": ["BTC/USD"]})
                await anext(stream)
                assert stream.is_snapshot
                assert stream._inbox is not None
                ws._sessions["public"].detach(stream._inbox)
            assert len(exchange.seen("subscribe")) == 2

    run(scenario)


def test_parameters_that_items_show_are_told_apart_and_others_refused() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            one = await ws._stream(OHLC, {"symbol": ["BTC/USD"], "interval": 1}).subscribe()
            five = await ws._stream(OHLC, {"symbol": ["BTC/USD"], "interval": 5}).subscribe()
            candle = '{"channel":"ohlc","data":[{"symbol":"BTC/USD","interval":%d,"close":%d}]}'
            await exchange.peers[0].send(candle % (5, 50))
            await exchange.peers[0].send(candle % (1, 10))
            assert (await anext(one)).close == 10
            assert (await anext(five)).close == 50
            channel = Channel("book", "public", each="symbol", unsubscribe=("symbol", "depth"), key=("symbol",))
            _kept = await ws._stream(channel, {"symbol": ["BTC/USD", "ETH/USD"], "depth": 10}).subscribe()
            with pytest.raises(InvalidRequest, match="book ETH/USD is subscribed already with depth=10"):
                await ws._stream(channel, {"symbol": ["ETH/USD"], "depth": 25}).subscribe()

    run(scenario)


def test_a_refused_symbol_is_named_and_the_others_are_given_back() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] != "subscribe":
            return False
        for symbol in request["params"]["symbol"]:
            if symbol == "XBT/USD":
                await peer.reply(request, error="Currency pair not supported XBT/USD", symbol=symbol)
            else:
                await peer.reply(request, {"channel": "ticker", "symbol": symbol})
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="XBT/USD") as caught:
                await ws._stream(TICKER, {"symbol": ["ETH/USD", "XBT/USD"]}).subscribe()
            assert caught.value.code == "Currency pair not supported XBT/USD"
            assert symbols(await exchange.request("unsubscribe")) == {"ETH/USD"}

    run(scenario)


def test_a_refusal_that_names_nobody_is_settled_by_asking_one_by_one() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] == "subscribe" and "BAD/USD" in request["params"]["symbol"]:
            await peer.reply(request, error="Symbol(s) not found")
            return True
        return False

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="ticker BAD/USD: Symbol"):
                await ws._stream(TICKER, {"symbol": ["BTC/USD", "BAD/USD", "ETH/USD"]}).subscribe()

    run(scenario)


def test_a_symbol_that_is_refused_after_a_reconnect_ends_alone() -> None:
    gone = False

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if gone and request["method"] == "subscribe" and "OLD/USD" in request["params"]["symbol"]:
            for symbol in request["params"]["symbol"]:
                if symbol == "OLD/USD":
                    await peer.reply(request, error="Currency pair not supported OLD/USD")
                else:
                    await peer.reply(request, {"channel": "ticker", "symbol": symbol})
            return True
        return False

    async def scenario() -> None:
        nonlocal gone
        async with Exchange(script) as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            both = await ws._stream(TRADE, {"symbol": ["BTC/USD", "OLD/USD"]}).subscribe()
            alone = await ws._stream(TICKER, {"symbol": ["OLD/USD"]}).subscribe()
            gone = True
            exchange.peers[0].drop()
            peer = await exchange.peer(1)
            await until(lambda: sum(isinstance(event, SubscriptionLost) for event in seen) == 2)
            await peer.tick("BTC/USD", "9", "trade")
            while (await anext(both)).last != 9:
                pass
            with pytest.raises(ExchangeError, match="OLD/USD"):
                await drain(alone)

    run(scenario)


@pytest.mark.parametrize("names_it", [True, False])
def test_what_the_exchange_has_already_is_ended_and_begun_anew(names_it: bool) -> None:
    had = {"BTC/USD"}

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] == "unsubscribe":
            had.difference_update(symbols(request))
        if request["method"] != "subscribe" or had.isdisjoint(symbols(request)):
            return False
        for symbol in request["params"]["symbol"]:
            if symbol in had:
                await peer.reply(request, error="Already subscribed", **({"symbol": symbol} if names_it else {}))
            else:
                await peer.reply(request, {"channel": "ticker", "symbol": symbol})
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"]}).subscribe()
            assert {ack["symbol"] for ack in stream.acks} == {"BTC/USD", "ETH/USD"}
            assert (await anext(stream)).symbol == "BTC/USD"
            [farewell] = exchange.seen("unsubscribe")
            assert symbols(farewell) == ({"BTC/USD"} if names_it else {"BTC/USD", "ETH/USD"})

    run(scenario)


def test_an_exchange_that_insists_on_having_something_already_is_believed() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="Already subscribed")
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="Already subscribed"):
                await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            assert len(exchange.seen("subscribe")) == TRIES

    run(scenario)


def test_an_expired_token_is_renewed_once_and_the_subscription_sent_again() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["params"].get("token") in ("token-number-1", "token-number-3"):
            await peer.reply(request, error="EAPI:Invalid token")
            return True
        return False

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            _kept = await ws._stream(EXECUTIONS, {}).subscribe()
            assert [r["params"]["token"] for r in exchange.seen("subscribe")] == ["token-number-1", "token-number-2"]

    run(scenario)


def test_a_token_that_stays_refused_is_an_error() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="EAPI:Invalid token")
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="Invalid token"):
                await ws._stream(EXECUTIONS, {}).subscribe()
            assert len(exchange.seen("subscribe")) == 2

    run(scenario)


def test_a_token_is_replaced_before_its_life_ends() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time, silence_timeout=None) as ws:
            _kept = await ws._stream(EXECUTIONS, {}).subscribe()
            time.now += 839
            await ws.send_message({"method": "add_order", "params": {}})
            time.now += 2
            await ws.send_message({"method": "add_order", "params": {}})
            await exchange.request("add_order", 2)
            tokens = [r["params"]["token"] for r in exchange.seen("add_order")]
            assert tokens == ["token-number-1", "token-number-2"]

    run(scenario)


def test_too_many_messages_are_answered_with_patience() -> None:
    refusals = 2

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        nonlocal refusals
        if request["method"] == "subscribe" and refusals:
            refusals -= 1
            await peer.reply(request, error="Exceeded msg rate")
            return True
        return False

    async def scenario() -> None:
        time = FakeTime()
        async with Exchange(script) as exchange, client(exchange, time) as ws:
            task = asyncio.create_task(ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"]}).subscribe())
            await time.pass_sleep(0.5)
            await time.pass_sleep(1.0)
            await task
            assert len(exchange.seen("subscribe")) == 3

    run(scenario)


def test_resubscribing_is_paced_by_acknowledgements() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            for interval in (1, 5, 15, 30):
                stream = ws._stream(OHLC, {"symbol": ["BTC/USD"], "interval": interval})
                setattr(ws, f"kept_{interval}", await stream.subscribe())
            held: list[dict[str, Any]] = []

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                held.append(request)
                return True

            exchange.script = script
            exchange.peers[0].drop()
            peer = await exchange.peer(1)
            for count in range(1, 5):
                await exchange.request("subscribe", count, peer=1)
                assert len(held) == count
                await peer.answer(held[-1])

    run(scenario)


def test_a_channel_with_a_pace_is_subscribed_no_faster_also_after_a_cut() -> None:
    async def scenario() -> None:
        time = Impatient()
        paced = TICKER._replace(pace=Pace("depth", {"1000": 100}, 5, 200))
        names = [f"C{number}/USD" for number in range(5)]
        async with Exchange() as exchange, client(exchange, time) as ws:
            async with ws._stream(paced, {"symbol": names, "depth": 1000}):
                asked = [len(request["params"]["symbol"]) for request in exchange.seen("subscribe")]
                assert asked == [2, 2, 1]
                assert time.slept.count(1.0) == 2
                exchange.peers[0].drop()
                await until(lambda: len(exchange.seen("subscribe", 1)) == 3)
            async with ws._stream(paced, {"symbol": [f"D{number}/USD" for number in range(45)]}):
                asked = [len(request["params"]["symbol"]) for request in exchange.seen("subscribe")][6:]
                assert asked == [40, 5]

    run(scenario)


def test_a_budget_counts_costs_within_its_window() -> None:
    async def scenario() -> None:
        time = FakeTime()
        budget = Budget(10, 1.0)
        await budget.take(time.timing, 6)
        await budget.take(time.timing, 4)
        waiting = asyncio.ensure_future(budget.take(time.timing, 5))
        await time.pass_sleep(1.0)
        await waiting
        alone = asyncio.ensure_future(budget.take(time.timing, 99))
        await time.pass_sleep(1.0)
        await alone

    run(scenario)


def test_each_socket_can_have_an_address_of_its_own() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, Exchange() as other:
            urls = {"private": other.url}
            async with client(exchange, socket_urls=urls) as ws:
                await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
                await ws._stream(EXECUTIONS, {}).subscribe()
                assert (exchange.attempts, other.attempts) == (1, 1)
            with pytest.raises(InvalidRequest, match="'secret' is not allowed; allowed: public, private"):
                client(exchange, socket_urls={"secret": other.url})

    run(scenario)


def test_a_missing_acknowledgement_is_an_error_that_names_the_symbol() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] != "subscribe":
            return False
        await peer.reply(request, {"channel": "ticker", "symbol": "BTC/USD"})
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange, timeout=0.1) as ws:
            with pytest.raises(ReplyLost, match=r"no acknowledgement for ETH/USD within 0\.1 s"):
                await ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"]}).subscribe()

    run(scenario)


def test_a_subscription_that_is_never_acknowledged_after_a_reconnect_makes_the_connection_anew() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange, timeout=0.05) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()

            async def script(peer: Peer, request: dict[str, Any]) -> bool:
                return peer is exchange.peers[1] and request["method"] == "subscribe"

            exchange.script = script
            exchange.peers[0].drop()
            await exchange.peer(2)
            assert len(exchange.seen("subscribe", peer=1)) == 3
            assert symbols(await exchange.request("subscribe", peer=2)) == {"BTC/USD"}

    run(scenario)


def test_a_hole_in_a_numbered_channel_is_reported_and_subscribed_anew() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            _kept = await ws._stream(EXECUTIONS, {}).subscribe()
            for sequence in (1, 2, 4, 5):
                await exchange.peers[0].send({"channel": "executions", "sequence": sequence, "data": []})
            await exchange.request("unsubscribe")
            await exchange.request("subscribe", 2)
            await exchange.peers[0].send({"channel": "executions", "type": "snapshot", "sequence": 1, "data": []})
            await until(lambda: SequenceGap("executions", 3, 4) in seen)
            assert sum(isinstance(event, SequenceGap) for event in seen) == 1

    run(scenario)


def test_a_numbered_channel_that_lacks_its_first_frame_is_subscribed_anew_once() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            kept = await ws._stream(EXECUTIONS, {}).subscribe()
            peer = exchange.peers[0]
            await peer.send({"channel": "executions", "sequence": 2, "data": []})
            await exchange.request("subscribe", 2)
            await until(lambda: bool(ws.active_private_subscriptions))
            for sequence in (120, 121):
                await peer.send({"channel": "executions", "sequence": sequence, "data": []})
            frames = kept.messages()
            while (await anext(frames)).sequence != 121:
                pass
            await until(lambda: SequenceGap("executions", 1, 2) in seen)
            assert sum(isinstance(event, SequenceGap) for event in seen) == 1
            assert len(exchange.seen("subscribe")) == 2

    run(scenario)


def test_a_numbered_channel_may_lack_its_first_frame_again_after_a_snapshot() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            kept = await ws._stream(EXECUTIONS, {}).subscribe()
            peer = exchange.peers[0]
            await peer.send({"channel": "executions", "sequence": 2, "data": []})
            await exchange.request("subscribe", 2)
            await until(lambda: bool(ws.active_private_subscriptions))
            await peer.send({"channel": "executions", "type": "snapshot", "sequence": 1, "data": []})
            await peer.send({"channel": "executions", "sequence": 3, "data": []})
            await exchange.request("subscribe", 3)
            await until(lambda: bool(ws.active_private_subscriptions))
            await peer.send({"channel": "executions", "sequence": 4, "data": []})
            await exchange.request("subscribe", 4)
            gaps = [(event.expected, event.received) for event in seen if isinstance(event, SequenceGap)]
            assert gaps == [(1, 2), (2, 3), (1, 4)]
            await kept.aclose()

    run(scenario)


def test_numbers_begin_anew_with_each_subscription() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            kept = await ws._stream(EXECUTIONS, {"snap_orders": False}).subscribe()
            for sequence in (1, 2, 4):
                await exchange.peers[0].send({"channel": "executions", "sequence": sequence, "data": []})
            await exchange.request("subscribe", 2)
            await until(lambda: bool(ws.active_private_subscriptions))
            for sequence in (1, 2, 3):
                await exchange.peers[0].send({"channel": "executions", "sequence": sequence, "data": []})
            frames = kept.messages()
            while (await anext(frames)).sequence != 3:
                pass
            await until(lambda: SequenceGap("executions", 3, 4) in seen)
            assert sum(isinstance(event, SequenceGap) for event in seen) == 1

    run(scenario)


def test_an_unsubscribe_with_a_dead_token_is_sent_again_with_a_fresh_one() -> None:
    async def scenario() -> None:
        dead: set[str] = set()

        async def script(peer: Peer, request: dict[str, Any]) -> bool:
            if request.get("params", {}).get("token") in dead:
                await peer.reply(request, error="EAPI:Invalid token")
                return True
            return False

        async with Exchange(script) as exchange, client(exchange) as ws:
            stream = await ws._stream(EXECUTIONS, {}).subscribe()
            dead.add("token-number-1")
            await stream.aclose()
            tokens = [request["params"]["token"] for request in exchange.seen("unsubscribe")]
            assert tokens == ["token-number-1", "token-number-2"]

    run(scenario)


@pytest.mark.parametrize("again", [{}, {"warnings": ["old"]}])
def test_acknowledgements_that_come_twice_count_once(again: dict[str, Any]) -> None:
    async def scenario() -> None:
        async def script(peer: Peer, request: dict[str, Any]) -> bool:
            if request["method"] != "subscribe":
                return False
            first, second = request["params"]["symbol"]
            for more in ({}, again):
                await peer.reply(request, {"channel": "ticker", "symbol": first, **more}, time_out=str(more))
            await peer.reply(request, error=f"Currency pair not supported {second}", symbol=second)
            return True

        async with Exchange(script) as exchange, client(exchange) as ws:
            stream = ws._stream(TICKER, {"symbol": ["BTC/USD", "NO/PE"]})
            with pytest.raises(ExchangeError, match="NO/PE"):
                await stream.subscribe()
            assert ws.counts["public"].unexpected == (not again)

    run(scenario)


def test_an_unsubscribe_that_is_not_answered_is_sent_again_before_anything_else() -> None:
    async def scenario() -> None:
        async def script(peer: Peer, request: dict[str, Any]) -> bool:
            return request["method"] == "unsubscribe" and len(exchange.seen("unsubscribe")) == 1

        async with Exchange(script) as exchange, client(exchange, timeout=0.05) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await stream.aclose()
            again = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(again)
            methods = [request["method"] for request in exchange.peers[0].requests]
            assert methods == ["subscribe", "unsubscribe", "unsubscribe", "subscribe"]

    run(scenario)


def test_pushed_channels_are_not_asked_for() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = ws._stream(STATUS, {})
            assert (await anext(stream))["system"] == "online"
            assert exchange.seen("subscribe") == []
            await stream.aclose()
            assert exchange.seen("unsubscribe") == []

    run(scenario)


def test_unknown_channels_fields_and_frames_are_no_error() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            for message in (
                {"channel": "novelty", "data": [{"a": 1}]},
                {"method": "novelty", "req_id": "text"},
                {"something": "else"},
                [1, 2],
                7,
            ):
                await exchange.peers[0].send(message)
            await exchange.peers[0].send('{"channel":"trade","data":[{"symbol":"BTC/USD","last":3,"more":{}}],"x":0}')
            assert (await anext(stream)).last == 3

    run(scenario)


def test_bytes_that_are_not_json_are_reported_and_skipped() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await exchange.peers[0].send('{"channel":"trade","data":[')
            await exchange.peers[0].tick("BTC/USD", "3", "trade")
            while (await anext(stream)).last != 3:
                pass
            await until(lambda: Malformed("public", b'{"channel":"trade","data":[') in seen)

    run(scenario)


def test_what_nobody_waits_for_is_told_and_counted() -> None:
    unasked = (
        '{"method":"subscribe","req_id":4294967999,"success":true,"result":{"channel":"trade","symbol":"BTC/USD"}}',
        '{"method":"subscribe","success":true,"result":{"channel":"trade","symbol":"ETH/USD"}}',
        '{"channel":"weather","type":"update","data":[{"sky":1.5}]}',
        '{"method":"forecast","req_id":1,"success":true}',
        "[1,2]",
    )

    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            peer = exchange.peers[0]
            for text in unasked:
                await peer.send(text)
            await peer.send('{"channel":')
            await peer.tick("BTC/USD", "3", "trade")
            while (await anext(stream)).last != 3:
                pass
            await until(lambda: any(isinstance(each, Malformed) for each in seen))
            told = [event.raw.decode() for event in seen if isinstance(event, Unexpected)]
            assert told == list(unasked)
            counts = ws.counts["public"]
            assert (counts.malformed, counts.unexpected, counts.connections) == (1, len(unasked), 1)
            assert counts.messages >= len(unasked) + 2

    run(scenario)


def test_replies_to_raw_messages_are_not_unexpected() -> None:
    async def scenario() -> None:
        got: list[dict[str, Any]] = []
        async with Exchange() as exchange, client(exchange, callback=got.append) as ws:
            await ws.send_message({"method": "ping", "req_id": 5}, raw=True)
            await until(lambda: any(each.get("req_id") == 5 for each in got))
            assert ws.counts["public"].unexpected == 0

    run(scenario)


def test_a_broken_source_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            for _ in range(20):
                await exchange.peers[0].send("{")
            await until(lambda: ws.counts["public"].malformed == 20)

    with caplog.at_level("INFO"):
        run(scenario)
    assert sum("could not be processed" in record.message for record in caplog.records) == 1


def test_close_is_idempotent_and_ends_streams() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange:
            ws = client(exchange)
            await ws.close()
            await ws.start()
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            reader = asyncio.create_task(anext(stream, None))
            await asyncio.sleep(0)
            await ws.close()
            await ws.close()
            assert await reader is None
            with pytest.raises(InvalidRequest, match="closed"):
                await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await ws.start()
            assert ws._sessions["public"].state == "open"
            await ws.close()

    run(scenario)


def test_another_event_loop_is_refused_with_a_sentence() -> None:
    async def make() -> Any:
        async with Exchange() as exchange:
            ws = client(exchange)
            await ws.start()
            return ws

    async def use() -> None:
        with pytest.raises(InvalidRequest, match="another event loop"):
            await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()

    loop = asyncio.new_event_loop()
    ws = loop.run_until_complete(make())
    run(use)
    loop.run_until_complete(ws.close())
    loop.close()


def test_nothing_starts_in_the_constructor_and_credentials_are_checked() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange:
            client(exchange)
            assert exchange.attempts == 0
            with pytest.raises(ValueError, match="secret"):
                client(exchange, secret="not base64!")
            with pytest.raises(InvalidRequest, match="key"):
                client(exchange, key="", secret="")._stream(EXECUTIONS, {})
            with pytest.raises(InvalidRequest, match="nonsense"):
                client(exchange)._stream(Channel("x", "public", parameters="X"), {"nonsense": 1})
            with pytest.raises(InvalidRequest, match="buffer_size"):
                client(exchange, buffer_size=0)

    run(scenario)


def test_secrets_and_tokens_appear_in_no_log_event_or_representation(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def script(peer: Peer, request: dict[str, Any]) -> bool:
            if request["method"] == "add_order":
                peer.drop()
                return True
            return False

        async with Exchange(script) as exchange, client(exchange, callback=lambda message: None) as ws:
            texts: list[Any] = []
            ws.on_event(lambda event: texts.append(repr(event)))
            stream = await ws._stream(EXECUTIONS, {}).subscribe()
            await ws.start()
            with pytest.raises(Exception) as caught:
                await ws._call(ADD_ORDER, {"symbol": "BTC/USD"})
            texts += [repr(ws), repr(stream), repr(caught.value), str(caught.value), repr(ws._sessions)]
            texts.append(repr(ws.active_private_subscriptions))
            await exchange.request("subscribe", 2)
        everything = "\n".join([*texts, caplog.text, *(repr(record.args) for record in caplog.records)])
        assert "connection" in caplog.text
        for secret in (SECRET, KEY, "token-number"):
            assert secret not in everything

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("websockets").setLevel(logging.DEBUG)
        # What the fake exchange itself logs is not the client's.
        logging.getLogger("websockets.server").setLevel(logging.WARNING)
        run(scenario)
