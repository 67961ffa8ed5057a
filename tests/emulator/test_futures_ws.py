"""Derivatives WebSocket v1: public feeds, the challenge, private feeds, and trouble."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from kraken.emulator import Emulator
from kraken.emulator.auth import answer_of
from kraken.emulator.specs import load, specs_folder

from .conftest import Clock
from .futures import FuturesAccount, FuturesSocket
from .schemas import FUTURES_MESSAGES, check

if TYPE_CHECKING:
    from kraken.emulator.specs import Channel

SPECS = load(specs_folder(), "futures")
XBT, INVERSE = "PF_XBTUSD", "PI_XBTUSD"


def checked(frame: Any) -> Any:
    """A frame that is what the specs say of its feed, with nothing in it that is not named there."""
    name = "".join(part.capitalize() for part in frame["feed"].split("_"))
    check(FUTURES_MESSAGES[f"{name}Message"], frame)
    return frame


class Book:
    """A book kept as a client keeps it."""

    def __init__(self, snapshot: Any) -> None:
        self.number = snapshot["seq"]
        self.sides = {
            name: {level["price"]: level["qty"] for level in snapshot[part]}
            for name, part in (("buy", "bids"), ("sell", "asks"))
        }

    def apply(self, frame: Any) -> None:
        assert frame["seq"] == self.number + 1
        self.number = frame["seq"]
        levels = self.sides[frame["side"]]
        if frame["qty"]:
            levels[frame["price"]] = frame["qty"]
        else:
            del levels[frame["price"]]

    @property
    def shown(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        return sorted(self.sides["buy"].items(), reverse=True), sorted(self.sides["sell"].items())


# ---------------------------------------------------------------------- requests


@pytest.mark.parametrize("channel", [*SPECS.channels.values(), *SPECS.methods.values()], ids=lambda each: each.name)
def test_examples_of_requests_are_understood(futures_private: FuturesSocket, channel: Channel) -> None:
    proof = futures_private.credentials
    for example in channel.examples:
        if "request" not in example:
            continue
        given = json.loads(example["request"])
        request = {name: proof.get(name, value) for name, value in given.items()}
        (expected,) = example["responses"]
        wanted = json.loads(expected)
        if wanted["event"] == "subscribed_failed":
            request["signed_challenge"] = "c2lnbmVk"
        answer = futures_private.reply(**request)
        assert answer["event"] == wanted["event"]
        if wanted["event"] == "error":
            assert answer == wanted
        elif wanted["event"] != "challenge":
            assert answer == {**request, "event": wanted["event"]}
        if wanted["event"] == "subscribed" and channel.name != "heartbeat":
            checked(futures_private.next())
            assert futures_private.reply(**{**request, "event": "unsubscribe"})["event"] == "unsubscribed"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("{", "Json Error"),
        ('"subscribe"', "Json Error"),
        ('{"feed":"ticker"}', "Json Error"),
        ('{"event":"subscribe"}', "Invalid feed"),
        ('{"event":"subscribe","feed":"nope"}', "Invalid feed"),
        ('{"event":"subscribe","feed":"challenge"}', "Invalid feed"),
        ('{"event":"subscribe","feed":"ticker"}', "Invalid product id"),
        ('{"event":"subscribe","feed":"ticker","product_ids":[]}', "Invalid product id"),
        ('{"event":"subscribe","feed":"ticker","product_ids":["PF_XBTUSD","PF_NOPE"]}', "Invalid product id"),
        ('{"event":"subscribe","feed":"ticker","product_ids":["PF_XBTUSD"],"depth":10}', "Json Error"),
        ('{"event":"challenge"}', "Json Error"),
        ('{"event":"ping"}', "Json Error"),
    ],
)
def test_errors(futures_ws: FuturesSocket, request_: str, words: str) -> None:
    futures_ws.connection.send(request_)
    assert futures_ws.next() == {"event": "error", "message": words}


def test_what_is_refused_changes_nothing(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    futures_ws.reply(event="subscribe", feed="ticker", product_ids=[XBT, "PF_NOPE"])
    assert emulator.subscriptions == []


def test_a_second_subscription_sends_the_snapshot_again(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    first = futures_ws.subscribe("book", XBT)
    alert = futures_ws.reply(event="subscribe", feed="book", product_ids=[XBT])
    assert alert == {"event": "alert", "message": "Already subscribed to feed, re-requesting"}
    assert futures_ws.next()["event"] == "subscribed"
    assert futures_ws.next() | {"timestamp": 0} == first | {"timestamp": 0}
    assert [(each.channel, each.symbol) for each in emulator.subscriptions] == [("book", XBT)]


def test_unsubscribing(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    futures_ws.subscribe("trade", XBT)
    asked = {"feed": "trade", "product_ids": [XBT]}
    assert futures_ws.reply(event="unsubscribe", **asked) == {"event": "unsubscribed", **asked}
    assert futures_ws.reply(event="unsubscribe", **asked) == {"event": "unsubscribed_failed", **asked}
    emulator.tick(60, XBT)
    assert futures_ws.so_far() == []


# ---------------------------------------------------------------------- public feeds


@pytest.mark.parametrize("product", [XBT, INVERSE, "FI_XBTUSD_271231"])
@pytest.mark.parametrize("feed", ["ticker", "ticker_lite"])
def test_tickers(futures: FuturesAccount, futures_ws: FuturesSocket, feed: str, product: str) -> None:
    frame = checked(futures_ws.subscribe(feed, product))
    told = futures.ticker(product)
    names = {"bid": "bid", "ask": "ask", "change": "change24h", "volume": "vol24h", "tag": "tag", "pair": "pair"}
    if feed == "ticker":
        names |= {"markPrice": "markPrice", "index": "indexPrice", "last": "last", "openInterest": "openInterest"}
        names |= {"funding_rate": "fundingRate"} if product.startswith("P") else {}
    assert {name: frame[name] for name in names} == {name: told[other] for name, other in names.items()}
    assert (frame["maturityTime"] == 0) is product.startswith("P")


def test_a_ticker_comes_once_per_second(futures_timed: FuturesAccount, clock: Clock) -> None:
    emulator = futures_timed.emulator
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        socket = FuturesSocket(connection, emulator)
        socket.next()
        before = socket.subscribe("ticker", XBT)
        emulator.set_price(XBT, "70000")
        assert socket.so_far() == []
        clock.sleep(1.1)  # times in the emulator run ahead of a clock that stands still
        emulator.pass_time()
        after = socket.next()
        assert before["markPrice"] < 69000 < after["markPrice"]
        assert after["time"] == before["time"] + 1100
        clock.sleep(5)
        emulator.pass_time()
        assert socket.so_far() == []
        emulator.tick(60, XBT)
        assert checked(socket.next())["feed"] == "ticker"
        assert socket.so_far() == []


@pytest.mark.parametrize("product", [XBT, INVERSE])
def test_a_book_followed_level_by_level(
    emulator: Emulator, futures: FuturesAccount, futures_ws: FuturesSocket, product: str
) -> None:
    snapshot = checked(futures_ws.subscribe("book", product))
    book = Book(snapshot)
    emulator.tick(100, product)
    emulator.set_price(product, "71000")
    emulator.tick(5, "PF_ETHUSD")
    frames = futures_ws.so_far()
    for frame in frames:
        book.apply(checked(frame))
    assert len(frames) > 200
    shown = futures.call("GET", "orderbook", symbol=product)["orderBook"]
    assert book.shown == tuple([tuple(level) for level in shown[side]] for side in ("bids", "asks"))
    assert book.shown == tuple(emulator.book(product))


def test_numbers_go_on_while_nobody_looks(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    first = futures_ws.subscribe("book", XBT)
    futures_ws.reply(event="unsubscribe", feed="book", product_ids=[XBT])
    emulator.tick(20, XBT)
    assert futures_ws.subscribe("book", XBT)["seq"] > first["seq"]


def test_trades(emulator: Emulator, futures: FuturesAccount, futures_ws: FuturesSocket) -> None:
    snapshot = checked(futures_ws.subscribe("trade", XBT))
    numbers = [trade["seq"] for trade in snapshot["trades"]]
    assert numbers == list(range(numbers[0], numbers[0] - 100, -1))
    emulator.tick(60, XBT)
    trades = [checked(frame) for frame in futures_ws.so_far()]
    assert [trade["seq"] for trade in trades] == list(range(numbers[0] + 1, numbers[0] + 1 + len(trades)))
    history = futures.call("GET", "history", symbol=XBT)["history"]
    assert trades
    assert [each["uid"] for each in trades][::-1] == [each["uid"] for each in history[: len(trades)]]


def test_heartbeats_come_only_when_asked_for(futures_timed: FuturesAccount, clock: Clock) -> None:
    emulator = futures_timed.emulator
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        socket = FuturesSocket(connection, emulator)
        socket.next()
        clock.sleep(2)
        emulator.pass_time()
        assert socket.so_far() == []
        socket.subscribe("heartbeat")
        clock.sleep(2)
        emulator.pass_time()
        assert checked(socket.next())["time"] == clock.nanoseconds // 10**6


# ---------------------------------------------------------------------- the challenge


def test_published_vector() -> None:
    secret = "7zxMEF5p/Z8l2p2U7Ghv6x14Af+Fx+92tPgUdVQ748FOIrEoT9bgT+bTRfXc5pz8na+hL/QdrCVG7bh9KpT0eMTm"
    signed = answer_of(base64.b64decode(secret), "c100b894-1729-464d-ace1-52dbce11db42")
    expected = "4JEpF3ix66GA2B+ooK128Ift4XQVtc137N9yeg4Kqsn9PI0Kpzbysl9M1IeCEdjg0zl00wkVqcsnG4bmnlMb3A=="
    assert signed.decode() == expected


@pytest.mark.parametrize(
    "change",
    [
        {"api_key": "somebody else"},
        {"original_challenge": "c100b894-1729-464d-ace1-52dbce11db42"},
        {"signed_challenge": "c2lnbmVk"},
        {"signed_challenge": 1},
    ],
)
def test_wrong_proof(emulator: Emulator, futures_private: FuturesSocket, change: dict[str, Any]) -> None:
    asked = {"feed": "fills", **futures_private.credentials, **change}
    for event in ("subscribe", "unsubscribe"):
        assert futures_private.reply(event=event, **asked) == {"event": f"{event}d_failed", **asked}
    assert emulator.subscriptions == []


def test_no_proof(futures_ws: FuturesSocket) -> None:
    assert futures_ws.reply(event="subscribe", feed="fills") == {"event": "subscribed_failed", "feed": "fills"}


def test_a_wrong_secret(futures_ws: FuturesSocket) -> None:
    proof = futures_ws.prove(base64.b64encode(b"another").decode())
    assert futures_ws.reply(event="subscribe", feed="balances", **proof)["event"] == "subscribed_failed"


def test_a_challenge_belongs_to_its_connection(emulator: Emulator, futures_private: FuturesSocket) -> None:
    futures_private.subscribe("open_orders")
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        other = FuturesSocket(connection, emulator)
        other.next()
        answer = other.reply(event="subscribe", feed="fills", **futures_private.credentials)
        assert answer["event"] == "subscribed_failed"


def test_challenges_can_be_taken_back(emulator: Emulator, futures_private: FuturesSocket) -> None:
    futures_private.subscribe("open_orders")
    emulator.expire_challenges()
    proof = futures_private.credentials
    assert futures_private.reply(event="subscribe", feed="fills", **proof)["event"] == "subscribed_failed"
    futures_private.prove()
    futures_private.subscribe("fills")


def test_secrets_are_not_recorded(emulator: Emulator, futures_private: FuturesSocket) -> None:
    futures_private.subscribe("fills")
    shown = str(emulator.requests)
    assert not [value for value in futures_private.credentials.values() if value in shown]
    assert ("WS", "subscribe", {"feed": "fills"}) in emulator.requests
