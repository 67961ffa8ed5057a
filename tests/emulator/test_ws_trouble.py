"""WebSocket v2: connections that Kraken ends, limits that it keeps, and what else can go wrong on a wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from kraken.emulator import Emulator
from kraken.emulator.orders import BookChanged, Event

from .conftest import Account, Clock, Socket

HEARTBEAT = {"channel": "heartbeat"}


@contextmanager
def opened(emulator: Emulator, server: str = "public", account: Account | None = None) -> Iterator[Socket]:
    """A connection to one of the servers, with a token from the account where one is needed."""
    urls = {
        "public": emulator.spot_ws_url,
        "private": emulator.spot_ws_auth_url,
        "level3": emulator.spot_ws_level3_url,
    }
    with connect(f"{urls[server]}/v2", compression=None, max_size=None) as connection:
        token = None if account is None else account.call("GetWebSocketsToken")["token"]
        socket = Socket(connection, token)
        assert socket.next()["channel"] == "status"
        yield socket


def pass_time(emulator: Emulator, clock: Clock, seconds: float) -> None:
    clock.sleep(seconds)
    emulator.pass_time()


# ---------------------------------------------------------------------- time


def test_a_clock_is_moved_where_nothing_else_happens(emulator: Emulator) -> None:
    threads: list[str] = []
    emulator.pass_time(lambda: threads.append(threading.current_thread().name))
    assert threads == ["kraken-emulator"]


def test_a_public_connection_is_closed_a_minute_after_its_last_request(timed: Account, clock: Clock) -> None:
    with opened(timed.emulator) as socket:
        pass_time(timed.emulator, clock, 59)
        assert socket.next_after_ping() == []
        pass_time(timed.emulator, clock, 59)
        assert socket.next_after_ping() == []
        pass_time(timed.emulator, clock, 60.001)
        with pytest.raises(ConnectionClosedOK):
            socket.next()


@pytest.mark.parametrize("server", ["private", "level3"])
def test_a_connection_with_a_token_is_kept_open_by_subscriptions_only(
    timed: Account, clock: Clock, server: str
) -> None:
    wanted: dict[str, Any] = {"channel": "balances"}
    if server == "level3":
        wanted = {"channel": "level3", "symbol": ["BTC/USD"]}
    with opened(timed.emulator, server, timed) as socket:
        socket.result("subscribe", **wanted)
        pass_time(timed.emulator, clock, 600)
        assert HEARTBEAT in socket.next_after_ping()
        socket.result("unsubscribe", **wanted)
        pass_time(timed.emulator, clock, 59)
        assert socket.next_after_ping() == []
        pass_time(timed.emulator, clock, 1.001)
        with pytest.raises(ConnectionClosedOK):
            socket.next()


def test_heartbeats_come_by_the_clock_when_nothing_else_does(timed: Account, clock: Clock) -> None:
    with opened(timed.emulator) as socket:
        socket.result("subscribe", channel="trade", symbol=["BTC/USD"])
        pass_time(timed.emulator, clock, 0.9)
        assert socket.next_after_ping() == []
        pass_time(timed.emulator, clock, 0.9)
        assert socket.next_after_ping() == [], "the reply to the ping was a sign of life"
        pass_time(timed.emulator, clock, 1.001)
        assert socket.next_after_ping() == [HEARTBEAT]


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize(("tier", "granted"), [(None, 2), ("pro", 5)])
def test_subscribing_to_single_orders_has_a_price(clock: Clock, tier: str | None, granted: int) -> None:
    symbols = ["BTC/USD", "ETH/USD", "ETH/BTC", "DOT/USD", "SOL/EUR", "SHIB/USD"]
    with Emulator(market_interval=None, clock=clock, tier=tier) as emulator:
        account = Account(emulator)
        with account.http, opened(emulator, "level3", account) as socket:
            number = socket.ask("subscribe", channel="level3", symbol=symbols, depth=1000, snapshot=False)
            replies = [socket.until(req_id=number) for _ in symbols]
            assert [reply["success"] for reply in replies] == [True] * granted + [False] * (6 - granted)
            assert (replies[5]["symbol"], replies[5]["error"]) == ("SHIB/USD", "Exceeded msg rate")
            assert socket.refused("subscribe", channel="level3", symbol=["SHIB/USD"], depth=1000) == "Exceeded msg rate"
            clock.sleep(1)
            socket.result("subscribe", channel="level3", symbol=["SHIB/USD"], depth=1000)
            assert len(emulator.subscriptions) == granted + 1


def test_depths_of_single_orders_have_their_own_prices(timed: Account) -> None:
    with opened(timed.emulator, "level3", timed) as socket:
        for symbol, depth in (
            ("BTC/USD", 1000),
            ("ETH/USD", 100),
            ("ETH/BTC", 100),
            ("DOT/USD", 100),
            ("SOL/EUR", 100),
        ):
            if depth == 100 and symbol == "SOL/EUR":
                socket.result("subscribe", channel="level3", symbol=[symbol], depth=depth)
                assert socket.refused("subscribe", channel="level3", symbol=["SHIB/USD"]) == "Exceeded msg rate"
            else:
                socket.result("subscribe", channel="level3", symbol=[symbol], depth=depth)


def test_too_many_messages(clock: Clock) -> None:
    with Emulator(market_interval=None, clock=clock, message_rate=3) as emulator, opened(emulator) as socket:
        assert [socket.reply("ping").get("error") for _ in range(4)] == [None] * 3 + ["Exceeded msg rate"]
        clock.sleep(1)
        assert socket.result("subscribe", channel="trade", symbol=["BTC/USD"])


def test_too_many_handshakes(clock: Clock) -> None:
    with Emulator(market_interval=None, clock=clock, connection_limit=True) as emulator:
        for _ in range(150):
            with opened(emulator):
                pass
        for seconds in (0.0, 599.0):
            clock.sleep(seconds)
            with pytest.raises(InvalidStatus, match="429"), opened(emulator, "level3"):
                pass
        clock.sleep(1.001)
        with opened(emulator):
            pass


# ---------------------------------------------------------------------- connections that end


@pytest.mark.parametrize("server", ["public", "private", "level3"])
def test_connections_of_one_server_end_with_a_code(emulator: Emulator, server: str) -> None:
    with opened(emulator, "public") as public, opened(emulator, "private") as private:
        with opened(emulator, "level3") as level3:
            sockets = {"public": public, "private": private, "level3": level3}
            assert emulator.drop_connections(server, code=1012, reason="restart") == 1
            with pytest.raises(ConnectionClosedError) as caught:
                sockets.pop(server).next()
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "restart")
            for each in sockets.values():
                assert each.next_after_ping() == []


def test_a_connection_that_ends_within_a_frame(emulator: Emulator) -> None:
    with opened(emulator) as socket:
        assert emulator.break_off("private") == 0
        assert emulator.break_off("public") == 1
        with pytest.raises(ConnectionClosed) as caught:
            socket.next()
        assert caught.value.rcvd is None


# ---------------------------------------------------------------------- frames that are wrong


def test_any_frame_can_be_sent(emulator: Emulator) -> None:
    with opened(emulator) as socket:
        emulator.silence()
        frames: list[str | bytes] = ['{"channel":', b"\x00\xff", '{"method":"subscribe","req_id":99}']
        for frame in frames:
            assert emulator.push(frame) == 1
        assert [socket.connection.recv(5) for _ in frames] == frames


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        ("accept-then-repeat", ["A", "A", "B", "B", "data", "data", "pong"]),
        ("accept-then-reverse", ["data", "data", "B", "A", "pong"]),
        ("accept-then-delay", ["data", "data", "pong", "A", "B"]),
    ],
)
def test_replies_in_disorder(emulator: Emulator, kind: Any, heard: list[str]) -> None:
    names = {"BTC/USD": "A", "ETH/USD": "B"}
    with opened(emulator) as socket:
        emulator.faults.add("subscribe", kind)
        socket.ask("subscribe", channel="ticker", symbol=list(names))
        socket.ask("ping")
        got = []
        for frame in (socket.next() for _ in heard):
            got.append("data" if "channel" in frame else names.get(frame.get("result", {}).get("symbol"), "pong"))
        assert got == heard


def test_disorder_is_for_websockets(emulator: Emulator) -> None:
    for operation in ("AddOrder", "connect"):
        with pytest.raises(ValueError):
            emulator.faults.add(operation, "accept-then-repeat")


def test_frames_that_are_lost_use_their_numbers_up(emulator: Emulator, account: Account) -> None:
    with opened(emulator, "private", account) as socket:
        socket.result("subscribe", channel="executions")
        emulator.lose_frames("executions", 2)
        account.limit()
        account.limit()
        frames = [frame for frame in socket.next_after_ping() if frame.get("channel") == "executions"]
        assert [frame["sequence"] for frame in frames] == [1, 4, 5]


def test_poison_lasts_as_long_as_was_asked(emulator: Emulator) -> None:
    emulator.poison_checksum("BTC/USD", times=2)

    def snapshot(socket: Socket) -> Any:
        socket.result("subscribe", channel="book", symbol=["BTC/USD"])
        checksum = socket.until(channel="book")["data"][0]["checksum"]
        socket.result("unsubscribe", channel="book", symbol=["BTC/USD"])
        return checksum

    with opened(emulator) as socket:
        wrong, again, right = (snapshot(socket) for _ in range(3))
    assert wrong == again == right ^ 1


def test_a_long_list_of_instruments(emulator: Emulator) -> None:
    emulator.pad_instruments(4 * 2**20)
    with opened(emulator) as socket:
        socket.ask("subscribe", channel="instrument")
        socket.next()
        frame = socket.connection.recv(20)
        assert 4 * 2**20 <= len(frame) < 4.1 * 2**20
        pairs = json.loads(frame)["data"]["pairs"]
        assert len({pair["symbol"] for pair in pairs}) == len(pairs)


def test_trouble_can_be_taken_back(emulator: Emulator, account: Account) -> None:
    emulator.silence()
    emulator.faults.add("subscribe", "reset-before")
    emulator.poison_checksum("BTC/USD")
    emulator.lose_frames("book")
    emulator.heal()
    with opened(emulator) as socket:
        socket.result("subscribe", channel="book", symbol=["BTC/USD"])
        first = socket.until(channel="book")["data"][0]
        socket.result("unsubscribe", channel="book", symbol=["BTC/USD"])
        socket.result("subscribe", channel="book", symbol=["BTC/USD"])
        assert socket.until(channel="book")["data"][0]["checksum"] == first["checksum"]


# ---------------------------------------------------------------------- what is true


def test_the_true_book(emulator: Emulator, account: Account) -> None:
    order = account.limit(price="68012.4", volume="0.1", ordertype="iceberg", displayvol="0.02")
    shown = account.public("Depth", pair="XBTUSD", count=10)["XXBTZUSD"]
    book = emulator.book("BTC/USD", 10)
    assert [[str(price), str(volume)] for price, volume in book.bids] == [row[:2] for row in shown["bids"]]
    assert [[str(price), str(volume)] for price, volume in book.asks] == [row[:2] for row in shown["asks"]]
    orders = emulator.book_orders("BTC/USD", 10)
    assert orders.bids[0] == (order, Decimal("68012.4"), Decimal("0.02"))
    assert {price for _, price, _ in orders.asks} == {price for price, _ in book.asks}
    with pytest.raises(ValueError, match="NO/PE"):
        emulator.book("NO/PE")


def test_a_listener_hears_of_a_change_before_subscribers_and_may_look(emulator: Emulator, account: Account) -> None:
    books: list[Any] = []

    def note(event: Event) -> None:
        if isinstance(event, BookChanged):
            books.append(emulator.book(event.pair.symbol, 1))

    emulator.listen(note)
    with opened(emulator) as socket:
        socket.result("subscribe", channel="book", symbol=["BTC/USD"], snapshot=False)
        account.limit(price="68012.4")
        (row,) = socket.until(channel="book")["data"]
        assert books[-1].bids == [(row["bids"][0]["price"], row["bids"][0]["qty"])]
