"""What the client of the Unified WebSocket sends, refuses, and makes of the answers."""

from __future__ import annotations

import asyncio
import json
import warnings
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import (
    ExchangeError,
    ExperimentalWarning,
    InvalidRequest,
    KrakenUnknownOrderError,
    OrderStateUnknown,
    SubscribeError,
)
from kraken.runtime.websocket.events import SequenceGap
from kraken.runtime.websocket.session import TRIES
from kraken.unified import UnifiedLevel3BookClient, UnifiedOrderBookClient, UnifiedWSClient

from ..runtime.websocket.fake import Exchange, Impatient, Peer, run, until
from .exchange import DERIVATIVES, Client, addresses, books, client
from .specs import Exchange as Canned
from .specs import channels, exchanges

pytestmark = pytest.mark.filterwarnings("ignore::kraken.exceptions.ExperimentalWarning")

CANNED = [each for each in exchanges() if each.arguments is not None and each.request]
PRIVATE = {name for name, facts in channels().items() if facts["x-kraken-auth"] == "required"}


def without_token(request: dict[str, Any]) -> dict[str, Any]:
    params = {name: value for name, value in request.get("params", {}).items() if name != "token"}
    return {"method": request["method"], **({"params": params} if params else {})}


@pytest.mark.parametrize("canned", CANNED, ids=str)
def test_requests_are_those_of_the_specs(canned: Canned) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            method = getattr(ws, canned.name)
            verb = "subscribe" if canned.kind == "channel" else canned.name
            if canned.kind == "channel":
                asked = asyncio.ensure_future(method(**canned.arguments or {}).subscribe())
            else:
                asked = asyncio.ensure_future(method(**canned.arguments or {}))
            sent = await exchange.request(verb)
            assert without_token(sent) == without_token(json.loads(canned.request, parse_float=Decimal))
            assert ("token" in sent.get("params", {})) is (canned.name in PRIVATE)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    run(scenario)


# ---------------------------------------------------------------------------- asset_class

NEEDED = [
    "ticker", "book", "level3", "trade", "ohlc", "instrument", "rfqs", "executions", "positions", "margin", "quotes",
    "add_order", "amend_order", "cancel_order", "cancel_all", "batch_add", "batch_cancel",
]  # fmt: skip
ONLY_DERIVATIVES = ["rfqs", "positions", "margin", "quotes"]
NOT_TAKEN = ["balances", "ledgers", "ping"]


def arguments_of(name: str) -> dict[str, Any]:
    """The arguments of a canned request."""
    return dict(next(each.arguments or {} for each in CANNED if each.name == name))


def use(ws: UnifiedWSClient, name: str, arguments: dict[str, Any]) -> Any:
    """Call a channel or a method without waiting."""
    made = getattr(ws, name)(**arguments)
    if asyncio.iscoroutine(made):
        with pytest.raises(InvalidRequest) as caught:
            made.send(None)
        made.close()
        raise caught.value
    return made


def test_the_lists_of_these_tests_are_complete() -> None:
    pushed = {"status", "heartbeat"}
    assert {*NEEDED, *NOT_TAKEN, "cancel_all_orders_after"} == channels().keys() - pushed


@pytest.mark.parametrize("name", NEEDED)
def test_asset_class_is_needed(name: str) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            arguments = arguments_of(name) | {"asset_class": None}
            with pytest.raises(InvalidRequest, match="asset_class: missing"):
                use(ws, name, arguments)
            with pytest.raises(InvalidRequest, match=r"asset_class.*allowed: .*derivatives"):
                use(ws, name, arguments | {"asset_class": "futures"})
            assert exchange.peers == [] or exchange.peers[0].requests == []

    run(scenario)


@pytest.mark.parametrize("name", ONLY_DERIVATIVES)
def test_some_channels_are_of_derivatives_only(name: str) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            with pytest.raises(InvalidRequest, match="asset_class: 'spot': allowed: 'derivatives'"):
                use(ws, name, arguments_of(name) | {"asset_class": "spot"})

    run(scenario)


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_some_take_none(name: str) -> None:
    with pytest.raises(TypeError, match="asset_class"):
        getattr(Client("key", "c2VjcmV0"), name)(asset_class="derivatives")


@pytest.mark.parametrize("name", [*ONLY_DERIVATIVES, "ticker", "executions"])
def test_asset_class_is_repeated_when_unsubscribing(name: str) -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            async with getattr(ws, name)(**arguments_of(name)):
                pass
            sent = await exchange.request("unsubscribe")
            assert sent["params"]["asset_class"] == DERIVATIVES
            assert sent["params"]["channel"] == name

    run(scenario)


def test_ledgers_are_unsubscribed_without_it() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            async with ws.ledgers():
                pass
            assert (await exchange.request("subscribe"))["params"].keys() == {"channel", "token"}
            assert (await exchange.request("unsubscribe"))["params"].keys() == {"channel", "token"}

    run(scenario)


def test_one_client_has_executions_of_one_market() -> None:
    """Their frames do not tell for certain which market they belong to."""

    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            async with ws.executions(asset_class="derivatives"):
                with pytest.raises(InvalidRequest, match=r"asset_class='derivatives'.*a second client"):
                    await ws.executions(asset_class="spot").subscribe()

    run(scenario)


# ---------------------------------------------------------------------------- further rules


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("positions", {"snapshot": True, "with_margin": True}, "snapshot.*with_margin"),
        ("book", {"symbol": "PF_XBTUSD", "depth": 11}, "depth"),
        ("ohlc", {"symbol": "PF_XBTUSD", "tick_type": "index"}, "tick_type"),
        ("level3", {"symbol": ["X"] * 201}, "symbol"),
    ],
)
def test_subscriptions_that_cannot_be(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        getattr(Client("key", "c2VjcmV0"), name)(asset_class="derivatives", **arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("add_order", {"order_type": "iceberg"}, "order_type"),
        ("add_order", {"order_type": "settle-position"}, "order_type"),
        ("add_order", {"limit_price_type": "pct"}, "limit_price_type"),
        ("add_order", {"triggers": {"price": "1", "reference": "mark"}}, "triggers.*reference"),
        ("add_order", {"order_qty": 0.5}, "order_qty"),
        ("batch_cancel", {"orders": ["a", 7]}, "orders"),
        ("batch_cancel", {"orders": ["a"] * 51}, "orders"),
        ("amend_order", {"order_id": "a", "cl_ord_id": "b"}, "order_id.*cl_ord_id"),
        ("cancel_order", {"order_id": ["a"], "cl_ord_id": ["b"]}, "order_id.*cl_ord_id"),
    ],
)
def test_requests_that_cannot_be(name: str, arguments: dict[str, Any], words: str) -> None:
    async def scenario() -> None:
        with pytest.raises(InvalidRequest, match=words):
            await getattr(Client("key", "c2VjcmV0"), name)(**(arguments_of(name) | arguments))

    run(scenario)


def test_a_batch_may_cancel_by_both_kinds_of_ids() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            await ws.batch_cancel(asset_class="derivatives", orders=["a", "b"], cl_ord_id="c")
            sent = (await exchange.request("batch_cancel"))["params"]
            assert (sent["orders"], sent["cl_ord_id"]) == (["a", "b"], ["c"])

    run(scenario)


def test_an_order_has_a_client_order_id_before_it_is_sent() -> None:
    async def lose(peer: Peer, request: dict[str, Any]) -> bool:
        if request["method"] == "add_order":
            peer.drop()
        return bool(request["method"] == "add_order")

    async def scenario() -> None:
        async with Exchange(lose) as exchange, client(exchange) as ws:
            with pytest.raises(OrderStateUnknown) as caught:
                await ws.add_order(
                    asset_class="derivatives", order_type="market", side="buy", symbol="PF_XBTUSD", order_qty="0.01"
                )
            (sent,) = exchange.seen("add_order")
            assert caught.value.cl_ord_id == sent["params"]["cl_ord_id"] != ""

    run(scenario)


# ---------------------------------------------------------------------------- refusals


def refusing(words: str, times: int = 1) -> Any:
    """Refuses so many requests that need a token, other than unsubscribes."""
    left = times

    async def script(peer: Peer, request: dict[str, Any]) -> bool:
        nonlocal left
        if request["method"] in ("unsubscribe", "ping") or not left:
            return False
        left -= 1
        await peer.reply(request, error=words)
        return True

    return script


@pytest.mark.parametrize("name", ["positions", "margin"])
def test_a_channel_that_the_connection_has_already(name: str) -> None:
    async def scenario() -> None:
        words = f"Already subscribed to {name} channel"
        async with Exchange(refusing(words)) as exchange, client(exchange) as ws:
            await getattr(ws, name)(asset_class="derivatives").subscribe()
            asked = [request["method"] for peer in exchange.peers for request in peer.requests]
            assert asked == ["subscribe", "unsubscribe", "subscribe"]
        async with Exchange(refusing(words, TRIES)) as exchange, client(exchange) as ws:
            with pytest.raises(SubscribeError, match=words):
                await getattr(ws, name)(asset_class="derivatives").subscribe()

    run(scenario)


def test_parameters_that_the_exchange_refuses() -> None:
    async def scenario() -> None:
        words = "'params.asset_class' is not valid for the ledgers channel"
        async with Exchange(refusing(words)) as exchange, client(exchange) as ws:
            with pytest.raises(SubscribeError) as caught:
                await ws.ledgers().subscribe()
            assert caught.value.code == words
            assert "Leave `asset_class` out" in str(caught.value.facts.hint)
        async with Exchange(refusing("'params.mood' is not valid for the quotes channel")) as exchange:
            async with client(exchange) as ws:
                with pytest.raises(SubscribeError, match="mood"):
                    await ws.quotes(asset_class="derivatives").subscribe()

    run(scenario)


def test_quotes_are_asked_for_again_while_the_service_warms_up() -> None:
    async def scenario() -> None:
        time = Impatient()
        async with Exchange(refusing("RFQ feed warming up, please retry", 3)) as exchange, client(exchange, time) as ws:
            await ws.quotes(asset_class="derivatives").subscribe()
            assert len(exchange.seen("subscribe")) == 4
            assert len([seconds for seconds in time.slept if seconds]) >= 3

    run(scenario)


def test_orders_that_the_exchange_refuses() -> None:
    async def scenario() -> None:
        async with Exchange(refusing("EOrder:Unknown order")) as exchange, client(exchange) as ws:
            with pytest.raises(KrakenUnknownOrderError):
                await ws.amend_order(asset_class="derivatives", order_id="a", limit_price="1")

    run(scenario)


# ---------------------------------------------------------------------------- frames


def ledger(number: int) -> dict[str, Any]:
    entry = {"asset_class": "derivatives", "asset": "PF_XBTUSD", "id": number}
    return {"channel": "ledgers", "type": "update", "data": [entry], "sequence": number}


def test_a_gap_in_the_ledgers_is_told_and_nothing_is_subscribed_anew() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            gaps: list[Any] = []
            ws.on_event(lambda event: gaps.append(event) if isinstance(event, SequenceGap) else None)
            stream = await ws.ledgers().subscribe()
            peer = exchange.peers[-1]
            for number in (5, 6, 9, 10):  # on a connection that the count began on long ago
                await peer.send(ledger(number))
            assert [(await anext(stream)).id for _ in range(4)] == [5, 6, 9, 10]
            await until(lambda: len(gaps) == 1)
            assert gaps == [SequenceGap("ledgers", 7, 9)]
            peer.drop()  # each connection counts anew
            fresh = await exchange.peer(len(exchange.peers))
            await until(lambda: bool(exchange.seen("subscribe", exchange.peers.index(fresh))))
            await fresh.send(ledger(1))
            await fresh.send(ledger(2))
            assert [(await anext(stream)).id for _ in range(2)] == [1, 2]
            assert len(gaps) == 1
            assert len(exchange.seen("subscribe")) == 2

    run(scenario)


def test_each_margin_message_replaces_a_part() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws.margin(asset_class="derivatives").subscribe()
            messages = stream.messages()
            for kind, part in (("multi_collateral", "flex_futures"), ("single_collateral", "futures")):
                await exchange.peers[-1].send({"channel": "margin", "type": kind, "data": {part: {}}})
                message = await anext(messages)
                assert message.type == kind
                assert getattr(message.data, part) == ({} if part == "futures" else message.data.flex_futures)
                assert not stream.is_snapshot

    run(scenario)


def test_positions_come_as_one_object() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            stream = await ws.positions(asset_class="derivatives").subscribe()
            await exchange.peers[-1].send(
                '{"channel":"positions","type":"snapshot","data":{"futures":[{"symbol":"PF_XBTUSD","size":-0.2500}],'
                '"options":[],"time":"2026-11-22T08:30:00Z"}}'
            )
            positions = await anext(stream)
            assert [str(each.size) for each in positions.futures or ()] == ["-0.2500"]
            assert stream.is_snapshot

    run(scenario)


# ---------------------------------------------------------------------------- books

BOOK = (
    '{"channel":"book","type":"snapshot","data":[{"symbol":"PF_XBTUSD","bids":[{"price":68012.2,"qty":3.00000000},'
    '{"price":68011.5,"qty":0.25000000},{"price":68010.1,"qty":0.80000000}],"asks":[{"price":68012.3,"qty":1.50000000},'
    '{"price":68013.0,"qty":0.04412000},{"price":68014.9,"qty":2.10000000}],"checksum":3460704835}]}'
)


def test_books_of_derivatives() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, books(exchange) as ws:
            await ws.add_book(["PF_XBTUSD"])
            sent = (await exchange.request("subscribe"))["params"]
            assert sent == {"channel": "book", "asset_class": DERIVATIVES, "symbol": ["PF_XBTUSD"], "depth": 10}
            await exchange.peers[-1].send(BOOK)
            await until(lambda: ws.book("PF_XBTUSD").valid)
            assert str(ws.book("PF_XBTUSD").bids()[0].price) == "68012.2"
            await ws.remove_book(["PF_XBTUSD"])
            assert (await exchange.request("unsubscribe"))["params"]["asset_class"] == DERIVATIVES

    run(scenario)


def test_books_need_to_know_the_market() -> None:
    with pytest.raises(TypeError, match="asset_class"):
        UnifiedOrderBookClient(10)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="asset_class"):
        UnifiedLevel3BookClient(10)  # type: ignore[call-arg]


def test_single_orders_need_a_token_on_a_public_address() -> None:
    async def scenario() -> None:
        class Books(UnifiedLevel3BookClient):
            async def _fetch_token(self) -> tuple[str, float]:
                return "token", 900.0

        async with Exchange() as exchange:
            async with Books(10, asset_class="derivatives", **addresses(exchange)) as ws:
                await ws.add_book(["PF_XBTUSD"])
                assert (await exchange.request("subscribe"))["params"]["token"] == "token"

    assert UnifiedWSClient.sockets["level3"].path == "/v2/public"
    run(scenario)


# ---------------------------------------------------------------------------- keys and warnings


def test_the_token_comes_from_spots_rest(emulator: Emulator) -> None:
    """A Kraken key of Spot, and the same call that Spot's own client makes."""

    async def scenario() -> None:
        async with Exchange() as exchange:
            options: dict[str, Any] = {
                "ws_url": exchange.url,
                "auth_ws_url": exchange.url,
                "rest_url": emulator.spot_url,
            }
            async with UnifiedWSClient(emulator.key, emulator.secret, **options) as ws:
                await ws.cancel_all(asset_class="derivatives")
                token = (await exchange.request("cancel_all"))["params"]["token"]
                assert token
                assert token not in repr(ws)

    run(scenario)


def test_private_channels_need_a_key() -> None:
    ws = UnifiedWSClient()
    for name in sorted(PRIVATE - {"cancel_all_orders_after"}):
        if channels()[name]["x-kraken-kind"] == "channel":
            with pytest.raises((InvalidRequest, ExchangeError), match="API key"):
                getattr(ws, name)(**arguments_of(name))


@pytest.mark.filterwarnings("default::kraken.exceptions.ExperimentalWarning")
def test_what_is_only_implied_warns_where_it_is_used() -> None:
    async def scenario() -> None:
        async with Exchange() as exchange, client(exchange) as ws:
            with pytest.warns(ExperimentalWarning, match="ticker is experimental: its messages") as told:
                ws.ticker(asset_class="derivatives", symbol="PF_XBTUSD")
            with pytest.warns(ExperimentalWarning, match="cancel_order is experimental: its reply") as further:
                await ws.cancel_order(asset_class="derivatives", order_id=["a"])
            assert {warning.filename for warning in [*told, *further]} == {__file__}
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                await ws.cancel_all(asset_class="derivatives")  # documented from end to end
                await ws.batch_cancel(asset_class="derivatives", orders=["a", "b"])
                ws.status()

    run(scenario)


@pytest.mark.parametrize("name", sorted(channels()))
def test_docstrings_say_what_is_experimental(name: str) -> None:
    facts = channels()[name]
    implied = "implied" in facts["x-kraken-certainty"].values()
    text = getattr(UnifiedWSClient, name).__doc__
    assert ("Experimental: Kraken documents it, but its" in text) is implied
    if facts["x-kraken-auth"] == "required":
        assert "Access WebSocket API" in text
