"""Faults on the wire, and the rest of the control API."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from kraken.emulator import Emulator

from .conftest import Account, Socket

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
WS_ORDER: dict[str, Any] = {
    "order_type": "limit",
    "side": "buy",
    "symbol": "BTC/USD",
    "order_qty": 0.01,
    "limit_price": 60000,
}


def arrived(emulator: Emulator, path: str) -> int:
    return sum(each.path == path for each in emulator.requests)


# ---------------------------------------------------------------------- REST


@pytest.mark.parametrize(
    ("kind", "orders"),
    [
        ("reset-before", 0),
        ("hang-before", 0),
        ("accept-then-hang", 1),
        ("accept-then-reset", 1),
    ],
)
def test_replies_that_are_lost(emulator: Emulator, account: Account, kind: Any, orders: int) -> None:
    emulator.faults.add("AddOrder", kind)
    account.http.timeout = httpx.Timeout(5, read=0.1)
    with pytest.raises(httpx.TransportError) as caught:
        account.send("AddOrder", ORDER)
    assert isinstance(caught.value, httpx.ReadTimeout) is kind.endswith(("hang", "hang-before"))
    assert len(emulator.orders) == orders
    assert arrived(emulator, "/0/private/AddOrder") == 1
    account.limit()
    assert len(emulator.orders) == orders + 1


@pytest.mark.parametrize(
    ("kind", "status", "orders"), [("html", 503, 0), ("error-500", 500, 0), ("accept-then-502", 502, 1)]
)
def test_pages_in_place_of_replies(emulator: Emulator, account: Account, kind: Any, status: int, orders: int) -> None:
    emulator.faults.add("AddOrder", kind, times=2)
    for number in (1, 2):
        answer = account.send("AddOrder", {**ORDER, "cl_ord_id": f"mine-{number}"})
        assert answer.status_code == status
        assert answer.text.startswith("<!DOCTYPE html>")
        assert len(emulator.orders) == orders * number
    assert account.send("AddOrder", ORDER).json()["error"] == []


def test_half_a_reply(emulator: Emulator, account: Account) -> None:
    emulator.faults.add("AddOrder", "accept-then-garbage")
    answer = account.send("AddOrder", ORDER)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(emulator.orders) == 1


def test_a_hanging_request_does_not_stop_the_others_nor_the_end(emulator: Emulator, account: Account) -> None:
    emulator.faults.add("AddOrder", "accept-then-hang")
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(account.send, "AddOrder", ORDER)
        with httpx.Client(base_url=emulator.spot_url) as other:
            assert any(other.get("/0/public/Time") and arrived(emulator, "/0/private/AddOrder") for _ in range(2000))
        emulator.stop()
        assert isinstance(hanging.exception(5), httpx.TransportError)


def test_faults_that_make_no_sense(emulator: Emulator) -> None:
    wrong: list[tuple[Any, ...]] = [
        ("AddOrders", "html"),
        ("AddOrder", "explode"),
        ("add_order", "accept-then-502"),
        ("connect", "accept-then-hang"),
    ]
    for operation, kind in wrong:
        with pytest.raises(ValueError):
            emulator.faults.add(operation, kind)


def test_faults_can_be_taken_back(emulator: Emulator, account: Account) -> None:
    emulator.faults.add("Balance", "html", times=3)
    emulator.faults.clear()
    account.call("Balance")


def test_many_threads_with_one_key_need_order(emulator: Emulator) -> None:
    account = Account(emulator)
    with account.http, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: account.reply("Balance")["error"], range(200)))
    nonces = [int(each.arguments["nonce"]) for each in emulator.requests]
    refused = sum(reply == ["EAPI:Invalid nonce"] for reply in replies)
    accepted, last = 0, 0
    for nonce in nonces:
        accepted, last = (accepted + 1, nonce) if nonce > last else (accepted, last)
    assert (accepted, refused) == (replies.count([]), 200 - accepted)


# ---------------------------------------------------------------------- WebSocket


@pytest.fixture
def socket(private: Socket) -> Socket:
    return private


@pytest.mark.parametrize(("kind", "orders"), [("hang-before", 0), ("accept-then-hang", 1)])
def test_a_method_without_reply(emulator: Emulator, socket: Socket, kind: Any, orders: int) -> None:
    emulator.faults.add("add_order", kind)
    number = socket.ask("add_order", **WS_ORDER)
    ping = socket.ask("ping")
    frame = socket.next()
    assert frame["req_id"] == ping != number
    assert len(emulator.orders) == orders
    assert arrived(emulator, "add_order") == 1


@pytest.mark.parametrize(("kind", "orders"), [("reset-before", 0), ("accept-then-reset", 1)])
def test_a_method_that_breaks_the_connection(emulator: Emulator, socket: Socket, kind: Any, orders: int) -> None:
    emulator.faults.add("add_order", kind)
    socket.ask("add_order", **WS_ORDER)
    with pytest.raises(ConnectionClosed):
        socket.next()
    assert len(emulator.orders) == orders


def test_half_a_frame(emulator: Emulator, socket: Socket) -> None:
    emulator.faults.add("add_order", "accept-then-garbage")
    socket.ask("add_order", **WS_ORDER)
    with pytest.raises(json.JSONDecodeError):
        socket.next()
    assert len(emulator.orders) == 1


def test_subscribing_without_ack(emulator: Emulator, public: Socket) -> None:
    emulator.faults.add("subscribe", "accept-then-hang")
    public.ask("subscribe", channel="trade", symbol=["BTC/USD"], snapshot=True)
    assert public.next()["channel"] == "trade"


def test_handshakes_that_fail(emulator: Emulator) -> None:
    url = f"{emulator.spot_ws_url}/v2"
    emulator.faults.add("connect", "html")
    with pytest.raises(InvalidStatus, match="503"):
        connect(url)
    emulator.faults.add("connect", "reset-before")
    with pytest.raises(Exception, match="did not receive a valid HTTP response"):
        connect(url)
    emulator.faults.add("connect", "hang-before")
    with pytest.raises(TimeoutError):
        connect(url, open_timeout=0.1)
    with connect(url) as connection:
        assert Socket(connection).next()["channel"] == "status"


def test_dropped_connections(emulator: Emulator, public: Socket, private: Socket) -> None:
    public.result("subscribe", channel="trade", symbol=["BTC/USD"])
    assert emulator.connections == 2
    assert emulator.drop_connections() == 2
    for each in (public, private):
        with pytest.raises(ConnectionClosed) as caught:
            each.next()
        assert caught.value.rcvd is None  # no closing handshake
    assert wait_until_gone(emulator)
    assert emulator.subscriptions == []


def wait_until_gone(emulator: Emulator) -> bool:
    return any(emulator.connections == 0 for _ in range(1000))


def test_acknowledged_then_silent(emulator: Emulator, public: Socket) -> None:
    emulator.silence()
    public.result("subscribe", channel="book", symbol=["BTC/USD"])
    emulator.tick(20, "BTC/USD")
    assert public.next_after_ping() == []
    with connect(f"{emulator.spot_ws_url}/v2") as connection:
        assert Socket(connection).reply("ping")["method"] == "pong"
    emulator.silence(False)
    emulator.tick(20, "BTC/USD")
    assert public.next_after_ping()


def test_requests_are_recorded_without_the_token(emulator: Emulator, socket: Socket) -> None:
    socket.result("subscribe", channel="balances")
    last = emulator.requests[-1]
    assert (last.method, last.path, dict(last.arguments)) == ("WS", "subscribe", {"channel": "balances"})
    assert str(socket.token) not in repr(emulator.requests)


# ---------------------------------------------------------------------- life


def test_the_life_of_an_emulator() -> None:
    emulator = Emulator(market_interval=None)
    with pytest.raises(RuntimeError, match="not running"):
        emulator.tick()
    emulator.stop()
    with emulator:
        base64.b64decode(emulator.secret, validate=True)
        base64.b64decode(emulator.futures_secret, validate=True)
        addresses = (
            emulator.spot_url,
            emulator.spot_ws_url,
            emulator.spot_ws_auth_url,
            emulator.spot_ws_level3_url,
            emulator.futures_url,
        )
        assert len({*addresses}) == 5
        with pytest.raises(RuntimeError, match="once"):
            emulator.start()
        with pytest.raises(OSError, match="in use"):
            Emulator(port=int(emulator.spot_url.rpartition(":")[2])).start()
        httpx.get(f"{emulator.spot_url}/0/public/Time")
    emulator.stop()
    assert [each.path for each in emulator.requests] == ["/0/public/Time"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(emulator.spot_url)


def test_stopping_ends_connections() -> None:
    with Emulator(market_interval=None) as emulator, connect(f"{emulator.spot_ws_url}/v2") as connection:
        connection.recv()
        emulator.stop()
        with pytest.raises(ConnectionClosed):
            connection.recv(5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_program(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kraken.emulator", "--seed", "3"], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        answers = [
            httpx.get(f"{where['spot_url']}/0/public/Time"),
            httpx.get(f"{where['futures_url']}/derivatives/api/v3/tickers"),
        ]
        process.send_signal(number)
        assert process.wait(5) == 0
        assert process.stdout.read() == ""
    spot = {"spot_url", "spot_ws_url", "spot_ws_auth_url", "spot_ws_level3_url"}
    urls = spot | {"futures_url", "futures_ws_url", "unified_ws_url"}
    assert set(where) == urls | {"key", "secret", "futures_key", "futures_secret"}
    assert answers[0].json()["error"] == []
    assert answers[1].json()["result"] == "success"


def test_nothing_of_the_client_is_imported() -> None:
    code = "import sys, kraken.emulator.__main__; print([m for m in sys.modules if m.startswith('kraken.') ])"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "kraken.emulator" in names
    assert not any(room in names for room in ("runtime", "'kraken.spot", "kraken.cli", "codegen"))
