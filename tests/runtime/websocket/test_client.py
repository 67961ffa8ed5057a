"""Buffers, requests, handlers, and the interface that is lenient on purpose."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from typing import Any
from uuid import UUID

import pytest

from kraken.runtime.errors import ExchangeError, Facts, InvalidRequest, NotSent, OrderStateUnknown, ReplyLost
from kraken.runtime.websocket import Method, PartlyRefused, SlowConsumer
from kraken.runtime.websocket.credentials import TokenSource
from kraken.runtime.websocket.events import Dropped, Event, Gap

from .fake import (
    ADD_ORDER,
    CANCEL_ORDER,
    EXECUTIONS,
    KEY,
    PING,
    SECRET,
    TICKER,
    TRADE,
    Client,
    Exchange,
    FakeTime,
    Impatient,
    Peer,
    client,
    run,
    symbols,
    until,
)


async def settled(ws: Client, peer: Peer) -> None:
    """Return when everything the exchange has sent so far has been read by the client's public socket."""
    seen = ws._sessions["public"]._answers
    await peer.send({"method": "marker"})
    await until(lambda: ws._sessions["public"]._answers > seen)


# ---------------------------------------------------------------------- buffers


def test_keep_latest_gives_a_slow_reader_the_newest_of_each_symbol() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TICKER, {"symbol": ["BTC/USD", "ETH/USD"]}).subscribe()
            peer = exchange.peers[0]
            for price in range(2, 50):
                await peer.tick("BTC/USD", str(price))
                await peer.tick("ETH/USD", str(price * 10))
            await settled(ws, peer)
            got = [await anext(stream) for _ in range(2)]
            assert [(item.symbol, item.last) for item in got] == [("BTC/USD", 49), ("ETH/USD", 490)]
            assert stream.dropped == 0

    run(scenario)


def test_drop_oldest_reports_how_many_are_missing_where_they_are_missing() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            seen: list[Event] = []
            ws.on_event(seen.append)
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).buffer(size=3).subscribe()
            await anext(stream)
            for price in range(10):
                await exchange.peers[0].tick("BTC/USD", str(price), "trade")
            await settled(ws, exchange.peers[0])
            assert [(await anext(stream)).last for _ in range(3)] == [7, 8, 9]
            assert stream.dropped == 7
            await until(lambda: Gap("trade", 7) in seen)

    run(scenario)


def test_a_stream_that_may_lose_nothing_fails_alone_when_it_is_not_read() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            strict = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).buffer(policy="never-drop", size=3).subscribe()
            other = await ws._stream(TRADE, {"symbol": ["ETH/USD"]}).subscribe()
            for price in range(10, 20):
                await exchange.peers[0].tick("BTC/USD", str(price), "trade")
            await exchange.peers[0].tick("ETH/USD", "5", "trade")
            assert [(await anext(other)).last for _ in range(2)] == [1, 5]
            assert [(await anext(strict)).last for _ in range(3)] == [1, 10, 11]
            with pytest.raises(SlowConsumer, match="trade: 3 items wait"):
                await anext(strict)
            assert symbols(await exchange.request("unsubscribe")) == {"BTC/USD"}

    run(scenario)


def test_a_stream_that_was_too_slow_begins_anew_when_it_is_read_again() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = ws._stream(TRADE, {"symbol": ["BTC/USD"]}).buffer(policy="never-drop", size=2)
            await stream.subscribe()
            for price in (1, 2, 3, 4):
                await exchange.peers[0].tick("BTC/USD", str(price), "trade")
            await settled(ws, exchange.peers[0])
            with pytest.raises(SlowConsumer):
                async for _ in stream:
                    pass
            again = asyncio.ensure_future(anext(stream))
            assert symbols(await exchange.request("unsubscribe")) == {"BTC/USD"}
            assert symbols(await exchange.request("subscribe")) == {"BTC/USD"}
            assert symbols(await exchange.request("subscribe")) == {"BTC/USD"}
            await exchange.peers[0].tick("BTC/USD", "7", "trade")
            while (await again).last != 7:
                again = asyncio.ensure_future(anext(stream))
            await stream.aclose()
            assert symbols(await exchange.request("unsubscribe")) == {"BTC/USD"}

    run(scenario)


def test_a_buffer_is_chosen_before_subscribing_and_has_room() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = ws._stream(TRADE, {"symbol": ["BTC/USD"]})
            with pytest.raises(InvalidRequest, match="size: 0"):
                stream.buffer(size=0)
            with pytest.raises(InvalidRequest, match="allowed: keep-latest, drop-oldest, never-drop"):
                stream.buffer(policy="newest")  # type: ignore[arg-type]
            await stream.subscribe()
            with pytest.raises(InvalidRequest, match="before"):
                stream.buffer(size=1)

    run(scenario)


def test_two_tasks_cannot_read_one_stream() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            reader = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(InvalidRequest, match="two tasks"):
                await anext(stream)
            reader.cancel()

    run(scenario)


# ---------------------------------------------------------------------- requests


def test_a_request_is_answered_by_its_own_reply() -> None:
    held: list[dict[str, Any]] = []

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        held.append(request)
        if len(held) == 3:
            for each in reversed(held):
                await peer.reply(each, {"order_id": f"of {each['params']['order_qty']}"})
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            results = await asyncio.gather(*(ws._call(ADD_ORDER, {"order_qty": n, "price": None}) for n in range(3)))
            assert [result["order_id"] for result in results] == ["of 0", "of 1", "of 2"]
            assert all("price" not in request["params"] for request in held)
            assert {request["params"]["token"] for request in held} == {"token-number-1"}

    run(scenario)


def test_a_client_order_id_is_made_unless_the_caller_names_the_order() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            given = {"cl_ord_id": None}
            await ws._call(ADD_ORDER, given)
            await ws._call(ADD_ORDER, {"cl_ord_id": "mine"})
            await ws._call(ADD_ORDER, {"order_userref": 7})
            ids = [request["params"].get("cl_ord_id") for request in exchange.seen("add_order")]
            assert str(UUID(ids[0])) == ids[0]
            assert ids[1:] == ["mine", None]
            assert given == {"cl_ord_id": None}

    run(scenario)


def test_each_order_of_a_batch_gets_an_id_unless_it_has_one() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            batch = ADD_ORDER._replace(client_order_id_rows="orders")
            await ws._call(batch, {"orders": [{"side": "buy"}, {"cl_ord_id": "mine"}, {"order_userref": 7}]})
            (request,) = exchange.seen("add_order")
            ids = [row.get("cl_ord_id") for row in request["params"]["orders"]]
            assert str(UUID(ids[0])) == ids[0]
            assert ids[1:] == ["mine", None]

    run(scenario)


def test_a_reply_without_result_is_given_whole() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            assert (await ws._call(PING, {})).method == "pong"

    run(scenario)


def test_a_refusal_is_the_mapped_error() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="EOrder:Insufficient funds")
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="add_order: EOrder:Insufficient funds") as caught:
                await ws._call(ADD_ORDER, {"cl_ord_id": "mine"})
            assert caught.value.facts.sent
            assert caught.value.cl_ord_id == "mine"
            assert len(exchange.seen("add_order")) == 1

    run(scenario)


def test_one_reply_per_order_is_collected() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            results = await ws._call(CANCEL_ORDER, {"order_id": ["A", "B", "C"]})
            assert [result["order_id"] for result in results] == ["A", "B", "C"]

    run(scenario)


def test_a_part_that_is_refused_does_not_hide_what_was_done() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, {"order_id": "A"})
        await peer.reply(request, error="EOrder:Unknown order")
        await peer.reply(request, {"order_id": "C"})
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(PartlyRefused, match="1 of 3 were refused: EOrder:Unknown order") as caught:
                await ws._call(CANCEL_ORDER, {"order_id": ["A", "B", "C"]})
            error = caught.value
            assert [result["order_id"] for result in error.results] == ["A", "C"]
            assert [each.code for each in error.errors] == ["EOrder:Unknown order"]
            for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
                assert (str(twin), twin.results, len(twin.errors)) == (str(error), error.results, 1)

    run(scenario)


@pytest.mark.parametrize("how", ["cut", "silence", "close"])
def test_a_lost_reply_to_an_order_proves_nothing_and_the_order_is_sent_once(how: str) -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] == "add_order" and how == "cut":
            peer.drop()
        elif request["method"] == "add_order" and how == "close":
            await peer.close(1012)
        return bool(request["method"] == "add_order")

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange, timeout=0.1 if how == "silence" else 10.0) as ws:
            await ws.start()
            with pytest.raises(OrderStateUnknown) as caught:
                await ws._call(ADD_ORDER, {"symbol": "BTC/USD"})
            facts = caught.value.facts
            assert facts.sent
            assert facts.operation == "add_order"
            assert facts.cl_ord_id == exchange.seen("add_order")[0]["params"]["cl_ord_id"]
            assert facts.ids == {"cl_ord_id": facts.cl_ord_id}
            if how != "silence":
                await exchange.peer(2)
                await until(lambda: ws._sessions["private"].state == "open")
            assert (await ws._call(CANCEL_ORDER, {"order_id": ["A"]}))[0]["order_id"] == "A"
            assert len(exchange.seen("add_order")) == 1

    run(scenario)


def test_some_replies_of_several_are_not_enough() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="EOrder:Unknown order")
        peer.drop()
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(OrderStateUnknown, match="1 of 2 replies came: EOrder:Unknown order") as caught:
                await ws._call(CANCEL_ORDER, {"order_id": ["A", "B"]})
            assert caught.value.facts.ids == {"order_id": ["A", "B"]}

    run(scenario)


def test_a_lost_reply_to_what_changes_nothing_is_only_lost() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        peer.drop()
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ReplyLost):
                await ws._call(PING, {})

    run(scenario)


def test_an_order_without_a_connection_was_not_sent() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            exchange.refuse_with = 503
            with pytest.raises(NotSent) as caught:
                await ws._call(ADD_ORDER, {})
            assert caught.value.facts.sent is False
            assert caught.value.cl_ord_id

    run(scenario)


def test_an_order_is_not_kept_for_later_while_the_connection_is_made_anew() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            _kept = await ws._stream(EXECUTIONS, {}).subscribe()
            await ws.start()
            exchange.refuse_with = 503
            for peer in exchange.peers:
                peer.drop()
            await until(lambda: ws._sessions["private"].state == "connecting")
            with pytest.raises(NotSent, match="being made anew"):
                await ws._call(ADD_ORDER, {})
            exchange.refuse_with = None
            await until(lambda: ws._sessions["private"].state == "open")
            assert exchange.seen("add_order") == []

    run(scenario)


def test_an_order_is_not_sent_over_a_connection_that_was_reopened_meanwhile() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws.start()
            session = ws._sessions["private"]
            fetching, go_on = asyncio.Event(), asyncio.Event()

            async def slow() -> tuple[str, float]:
                fetching.set()
                await go_on.wait()
                return "token-late", 900.0

            assert isinstance(session._credentials, TokenSource)
            session._credentials.discard()
            session._credentials._fetch = slow
            order = asyncio.create_task(ws._call(ADD_ORDER, {}))
            await fetching.wait()
            wire = session._wire
            for peer in exchange.peers:
                peer.drop()
            await until(lambda: session._wire is not wire)
            go_on.set()
            with pytest.raises(NotSent, match="changed"):
                await order
            await until(lambda: session.state == "open")
            assert exchange.seen("add_order") == []

    run(scenario)


def test_a_token_that_was_refused_is_renewed_and_the_order_sent_once_more() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["params"]["token"] == "token-number-1":
            await peer.reply(request, error="EAPI:Invalid token")
            return True
        return False

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            await ws._call(ADD_ORDER, {})
            first, second = exchange.seen("add_order")
            assert first["params"]["cl_ord_id"] == second["params"]["cl_ord_id"]
            assert second["params"]["token"] == "token-number-2"

    run(scenario)


def test_a_token_that_stays_refused_is_not_tried_for_ever() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="EAPI:Invalid token")
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            with pytest.raises(ExchangeError, match="Invalid token"):
                await ws._call(ADD_ORDER, {})
            assert len(exchange.seen("add_order")) == 2

    run(scenario)


def test_an_idle_private_socket_that_the_exchange_closes_is_opened_by_the_next_order() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws._call(ADD_ORDER, {})
            await exchange.peers[0].close(1000, "idle")
            await until(lambda: ws._sessions["private"].state == "closed")
            assert exchange.attempts == 1
            await ws._call(ADD_ORDER, {})
            assert exchange.seen("add_order")[1]["params"]["token"] == "token-number-2"

    run(scenario)


def test_parameters_are_checked_before_anything_is_opened() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            with pytest.raises(InvalidRequest, match="nonsense"):
                await ws._call(ADD_ORDER, {"nonsense": 1})
            assert exchange.attempts == 0
            with pytest.raises(InvalidRequest, match="key"):
                await client(exchange, key="", secret="")._call(ADD_ORDER, {})

    run(scenario)


# ---------------------------------------------------------------------- handlers


def test_handlers_get_typed_messages_and_the_callback_plain_ones() -> None:
    async def scenario() -> None:
        plain: list[dict[str, Any]] = []
        typed: list[Any] = []
        async with Exchange() as exchange, client(exchange, callback=plain.append) as ws:
            ws.on("ticker", typed.append)
            await ws.subscribe({"channel": "ticker", "symbol": ["BTC/USD"]}, req_id=77)
            await exchange.peers[0].tick("BTC/USD", "2.5")
            await until(lambda: len(typed) == 2)
            assert str(typed[1].data[0].last) == "2.5"
            assert [m.get("channel", m.get("method")) for m in plain] == ["status", "subscribe", "ticker", "ticker"]
            assert plain[1]["req_id"] == 77
            assert plain[3]["data"][0]["last"] == 2.5

    run(scenario)


def test_on_message_may_be_overridden() -> None:
    got: list[dict[str, Any]] = []

    class Mine(Client):
        async def on_message(self, message: dict[str, Any]) -> None:
            got.append(message)

    async def scenario() -> None:
        async with Exchange() as exchange, Mine(ws_url=exchange.url, timing=Impatient().timing) as ws:
            await ws.start()
            await until(lambda: len(got) == 1)

    run(scenario)


def test_a_slow_handler_holds_up_no_reader_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        time = Impatient()
        release = asyncio.Event()

        async def dawdling(message: Any) -> None:
            time.now += 30
            await release.wait()

        async with Exchange() as exchange, client(exchange, time) as ws:
            ws.on("trade", dawdling)
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            for price in range(50):
                await exchange.peers[0].tick("BTC/USD", str(price), "trade")
            assert [(await anext(stream)).last for _ in range(51)] == [1, *range(50)]
            release.set()
            await until(lambda: "took 30000 ms" in caplog.text)
        assert "dawdling" in caplog.text

    with caplog.at_level(logging.WARNING):
        run(scenario)


def test_a_handler_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        got: list[Any] = []

        def broken(message: Any) -> None:
            raise RuntimeError("my own fault")

        async with Exchange() as exchange, client(exchange) as ws:
            ws.on("ticker", broken)
            ws.on("ticker", got.append)
            await ws.subscribe({"channel": "ticker", "symbol": ["BTC/USD"]})
            await exchange.peers[0].tick("BTC/USD")
            await until(lambda: len(got) == 2)
        assert "broken failed" in caplog.text

    run(scenario)


def test_the_queue_of_handlers_is_bounded() -> None:
    async def scenario() -> None:
        seen: list[Event] = []
        release = asyncio.Event()
        got: list[Any] = []

        async def slow(message: Any) -> None:
            await release.wait()
            got.append(message.data[0].last)

        async with Exchange() as exchange, client(exchange, buffer_size=5) as ws:
            ws.on("trade", slow)
            stream = await ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe()
            await anext(stream)
            for price in range(20):
                await exchange.peers[0].tick("BTC/USD", str(price), "trade")
            await settled(ws, exchange.peers[0])
            ws.on_event(seen.append)
            release.set()
            await until(lambda: got == [1, 15, 16, 17, 18, 19])
            await until(lambda: Gap("handlers", 15) in seen)

    run(scenario)


def test_a_handler_may_use_and_close_its_client() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange:
            ws = client(exchange)
            closed = asyncio.Event()

            async def last(message: Any) -> None:
                await ws.subscribe({"channel": "trade", "symbol": ["ETH/USD"]})
                await ws.close()
                closed.set()

            ws.on("ticker", last)
            await ws.subscribe({"channel": "ticker", "symbol": ["BTC/USD"]})
            await closed.wait()
            assert len(exchange.seen("subscribe")) == 2

    run(scenario)


def test_plain_dicts_are_only_made_when_somebody_takes_them() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            assert ws._sessions["public"].tap is None
            ws.on("ticker", print)
            assert ws._sessions["public"].tap is not None

    run(scenario)


# ---------------------------------------------------------------------- the lenient interface


def test_subscribe_by_dict_comes_back_after_a_drop_as_it_was_sent() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            params = {"channel": "ohlc", "symbol": ["BTC/USD", "ETH/USD"], "interval": 5, "snapshot": False}
            before = copy.deepcopy(params)
            await ws.subscribe(params)
            assert params == before
            assert ws.active_public_subscriptions == [{**params, "symbol": [s]} for s in ("BTC/USD", "ETH/USD")]
            exchange.peers[0].drop()
            again = await exchange.request("subscribe", 2)
            assert again["params"] == params
            await until(lambda: len(ws.active_public_subscriptions) == 2)
            await ws.unsubscribe({"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 5}, req_id=5)
            farewell = await exchange.request("unsubscribe")
            assert farewell["params"] == {"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 5}
            assert farewell["req_id"] == 5
            assert ws.active_public_subscriptions == [{**params, "symbol": ["ETH/USD"]}]

    run(scenario)


def test_a_refusal_of_a_dict_is_logged_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        await peer.reply(request, error="Currency pair not supported X/Y")
        return True

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            await ws.subscribe({"channel": "ticker", "symbol": ["X/Y"]})
            assert ws.active_public_subscriptions == []
        assert "Currency pair not supported X/Y" in caplog.text

    run(scenario)


def test_private_channels_and_methods_get_a_token_and_go_to_the_private_socket() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws.subscribe({"channel": "executions"})
            assert ws.active_private_subscriptions == [{"channel": "executions"}]
            await ws.send_message({"method": "cancel_order", "params": {"order_id": ["A"]}})
            await ws.send_message({"method": "add_order", "params": {"x": 1}, "req_id": 3}, raw=True)
            await ws.send_message({"method": "ping"})
            assert (await exchange.request("cancel_order"))["params"] == {"order_id": ["A"], "token": "token-number-1"}
            raw = await exchange.request("add_order")
            assert raw == {"method": "add_order", "params": {"x": 1}, "req_id": 3}
            await exchange.request("ping", peer=1)
            assert await ws.get_ws_token() == {"token": "token-number-2", "expires": 900.0}

    run(scenario)


def test_channels_that_this_version_does_not_know_can_be_subscribed_by_dict() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws.subscribe({"channel": "novelty", "symbol": ["A/B"]})
            await ws.subscribe({"channel": "novelty", "symbol": ["C/D"]})
            assert len(ws.active_public_subscriptions) == 2
            exchange.peers[0].drop()
            await exchange.request("subscribe", 4)

    run(scenario)


@pytest.mark.parametrize(
    "message",
    ["text", {}, {"method": 1}, {"method": "subscribe"}, {"method": "subscribe", "params": {"symbol": []}}],
)
def test_messages_that_make_no_sense_are_refused(message: Any) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            with pytest.raises(InvalidRequest):
                await ws.send_message(message)

    run(scenario)


def test_without_key_or_public_sockets_there_is_no_list_of_subscriptions() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange:
            async with client(exchange, key="", secret="", no_public=True) as ws:
                with pytest.raises(ConnectionError):
                    _ = ws.active_private_subscriptions
                with pytest.raises(ConnectionError):
                    _ = ws.active_public_subscriptions
                await ws.start()
                assert exchange.attempts == 0
                assert not ws.is_auth
            async with client(exchange, key=KEY, secret=SECRET, no_public=True) as ws:
                await ws.start()
                assert list(ws._sessions) == ["private"]

    run(scenario)


def test_a_ping_on_a_socket_that_is_reopened_waits_for_it() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            seen: list[Event] = []
            ws.on_event(seen.append)
            exchange.peers[0].drop()
            await until(lambda: any(isinstance(event, Dropped) for event in seen))
            assert (await ws._call(PING, {})).method == "pong"

    run(scenario)


def test_what_waits_for_a_lost_connection_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with Exchange() as exchange, client(exchange, time, timeout=0.05) as ws:
            _kept = await ws._stream(TICKER, {"symbol": ["BTC/USD"]}).subscribe()
            exchange.refuse_with = 503
            exchange.peers[0].drop()
            await until(lambda: ws._sessions["public"].state == "connecting")
            for waiting in (
                ws._call(PING, {}),
                ws._stream(TRADE, {"symbol": ["BTC/USD"]}).subscribe(),
                ws.send_message({"method": "ping"}),
            ):
                with pytest.raises(NotSent, match=r"not made anew within 0\.05 s"):
                    await waiting

    run(scenario)


def test_a_token_refusal_speaks_for_all_orders_of_a_request() -> None:
    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        if request["params"]["token"] == "token-number-1":
            await peer.reply(request, error="EAPI:Invalid token")
            return True
        return False

    async def scenario() -> None:
        async with Exchange(script) as exchange, client(exchange) as ws:
            assert len(await ws._call(CANCEL_ORDER, {"order_id": ["A", "B"]})) == 2

    run(scenario)


def test_a_method_without_parameters_sends_none() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws._call(Method("cancel_all", "public"), {})
            assert set(await exchange.request("cancel_all")) == {"method", "req_id"}

    run(scenario)


def test_partly_refused_keeps_its_parts_without_arguments() -> None:
    assert PartlyRefused("x", Facts()).results == ()
