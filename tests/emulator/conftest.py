"""Emulators and clients for the tests: plain httpx and websockets, with a signing helper of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from kraken.emulator import Emulator

from .futures import FuturesAccount, FuturesSocket


class Clock:
    """Unix nanoseconds that stand still until they are told to go on."""

    def __init__(self) -> None:
        self.nanoseconds = 1_800_000_000 * 10**9

    def __call__(self) -> int:
        return self.nanoseconds

    def sleep(self, seconds: float) -> None:
        self.nanoseconds += int(seconds * 10**9)


class Account:
    """A signing REST client."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(base_url=emulator.spot_url, timeout=5)
        self.nonces = itertools.count(1)

    def headers(self, path: str, nonce: str, body: str, secret: str | None = None) -> dict[str, str]:
        digest = hashlib.sha256((nonce + body).encode()).digest()
        key = base64.b64decode(secret or self.emulator.secret)
        signature = hmac.new(key, path.encode() + digest, hashlib.sha512).digest()
        return {"API-Key": self.emulator.key, "API-Sign": base64.b64encode(signature).decode()}

    def send(self, name: str, arguments: dict[str, Any], *, as_json: bool = False) -> httpx.Response:
        nonce, path = str(next(self.nonces)), f"/0/private/{name}"
        given = {"nonce": nonce, **arguments}
        body = json.dumps(given) if as_json else urlencode(given)
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        return self.http.post(path, content=body, headers={**self.headers(path, nonce, body), "Content-Type": kind})

    def reply(self, name: str, *, as_json: bool = False, **arguments: Any) -> Any:
        answer = self.send(name, arguments, as_json=as_json)
        assert answer.status_code == 200
        return json.loads(answer.text, parse_float=Decimal)

    def call(self, name: str, **arguments: Any) -> Any:
        reply = self.reply(name, **arguments)
        assert reply["error"] == [], reply
        return reply["result"]

    def refused(self, name: str, **arguments: Any) -> str:
        reply = self.reply(name, **arguments)
        assert "result" not in reply
        (words,) = reply["error"]
        return str(words)

    def public(self, name: str, **arguments: Any) -> Any:
        reply = json.loads(self.http.get(f"/0/public/{name}", params=arguments).text, parse_float=Decimal)
        assert reply["error"] == [], reply
        return reply["result"]

    def limit(self, side: str = "buy", volume: str = "0.01", price: str = "60000.0", **more: Any) -> str:
        order = {"pair": "XBTUSD", "type": side, "ordertype": "limit", "volume": volume, "price": price}
        txid: str = self.call("AddOrder", **{**order, **more})["txid"][0]
        return txid


class Socket:
    """A WebSocket that keeps the digits of numbers as text does."""

    def __init__(self, connection: ClientConnection, token: str | None = None) -> None:
        self.connection = connection
        self.token = token
        self.ids = itertools.count(1)

    def next(self, timeout: float = 5) -> Any:
        return json.loads(self.connection.recv(timeout), parse_float=Decimal)

    def until(self, **wanted: Any) -> Any:
        """The next frame with these values, others are skipped."""
        while True:
            frame = self.next()
            if all(frame.get(name) == value for name, value in wanted.items()):
                return frame

    def ask(self, method: str, **params: Any) -> int:
        number = next(self.ids)
        if self.token is not None and method != "ping":
            params = {"token": self.token, **params}
        self.connection.send(dumps({"method": method, "params": params, "req_id": number}))
        return number

    def reply(self, method: str, **params: Any) -> Any:
        return self.until(req_id=self.ask(method, **params))

    def result(self, method: str, **params: Any) -> Any:
        reply = self.reply(method, **params)
        assert reply["success"] is True, reply
        return reply["result"]

    def next_after_ping(self) -> list[Any]:
        """What had been sent when a ping was answered."""
        number, frames = self.ask("ping"), []
        while (frame := self.next()).get("req_id") != number:
            frames.append(frame)
        return frames

    def refused(self, method: str, **params: Any) -> str:
        reply = self.reply(method, **params)
        assert reply["success"] is False, reply
        return str(reply["error"])


def dumps(value: Any) -> str:
    """JSON with Decimals as numbers: small ones only, so that a float writes them exactly."""
    return json.dumps(value, default=float)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A market that stands still unless it is told to act."""
    with Emulator(market_interval=None) as running:
        yield running


@pytest.fixture
def account(emulator: Emulator) -> Iterator[Account]:
    client = Account(emulator)
    with client.http:
        yield client


@pytest.fixture
def public(emulator: Emulator) -> Iterator[Socket]:
    with connect(f"{emulator.spot_ws_url}/v2", compression=None) as connection:
        socket = Socket(connection)
        assert socket.next()["channel"] == "status"
        yield socket


@pytest.fixture
def level3(emulator: Emulator, account: Account) -> Iterator[Socket]:
    token = account.call("GetWebSocketsToken")["token"]
    with connect(f"{emulator.spot_ws_level3_url}/v2", compression=None) as connection:
        socket = Socket(connection, token)
        assert socket.next()["channel"] == "status"
        yield socket


@pytest.fixture
def private(emulator: Emulator, account: Account) -> Iterator[Socket]:
    token = account.call("GetWebSocketsToken")["token"]
    with connect(f"{emulator.spot_ws_auth_url}/v2", compression=None) as connection:
        socket = Socket(connection, token)
        assert socket.next()["channel"] == "status"
        yield socket


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(clock: Clock) -> Iterator[Account]:
    """An account on an exchange whose clock stands still."""
    with Emulator(market_interval=None, clock=clock) as running:
        client = Account(running)
        with client.http:
            yield client


@pytest.fixture
def futures(emulator: Emulator) -> Iterator[FuturesAccount]:
    with FuturesAccount(emulator) as client:
        yield client


@pytest.fixture
def futures_timed(clock: Clock) -> Iterator[FuturesAccount]:
    """A Futures account on an exchange whose clock stands still."""
    with Emulator(market_interval=None, clock=clock) as running, FuturesAccount(running) as client:
        yield client


@pytest.fixture
def futures_ws(emulator: Emulator) -> Iterator[FuturesSocket]:
    with connect(f"{emulator.futures_ws_url}/ws/v1", compression=None) as connection:
        socket = FuturesSocket(connection, emulator)
        assert socket.next() == {"event": "info", "version": 1}
        yield socket


@pytest.fixture
def futures_private(futures_ws: FuturesSocket) -> FuturesSocket:
    futures_ws.prove()
    return futures_ws


@pytest.fixture
def unified(emulator: Emulator) -> Iterator[Socket]:
    with connect(f"{emulator.unified_ws_url}/v2/public", compression=None) as connection:
        socket = Socket(connection)
        assert socket.next()["channel"] == "status"
        yield socket


@pytest.fixture
def unified_private(emulator: Emulator, account: Account) -> Iterator[Socket]:
    token = account.call("GetWebSocketsToken")["token"]
    with connect(f"{emulator.unified_ws_url}/v2/private", compression=None) as connection:
        socket = Socket(connection, token)
        assert socket.next()["channel"] == "status"
        yield socket
