"""A signing Futures client for the tests, with code of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from websockets.sync.client import ClientConnection

from kraken.emulator import Emulator

V3 = "/derivatives/api/v3/"
HISTORY = "/api/history/v3/"
FORM = "application/x-www-form-urlencoded"


class FuturesAccount:
    """Sends requests as they must be, or otherwise where a test says so."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(base_url=emulator.futures_url, timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def headers(self, path: str, data: str, nonce: str = "", secret: str = "") -> dict[str, str]:
        signed = data + nonce + path.removeprefix("/derivatives")
        key = base64.b64decode(secret or self.emulator.futures_secret)
        digest = hmac.new(key, hashlib.sha256(signed.encode()).digest(), hashlib.sha512).digest()
        own = {"Nonce": nonce} if nonce else {}
        return {"APIKey": self.emulator.futures_key, "Authent": base64.b64encode(digest).decode(), **own}

    def send(self, method: str, path: str, data: str = "", **headers: str) -> httpx.Response:
        """A request with encoded ``data``, in the query of GET and DELETE and in the body of POST and PUT."""
        given = {**self.headers(path, data), **headers}
        if method in ("GET", "DELETE"):
            return self.http.request(method, f"{path}?{data}" if data else path, headers=given)
        return self.http.request(method, path, content=data, headers={**given, "Content-Type": FORM})

    def reply(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.send(method, path, urlencode(arguments, doseq=True))
        return json.loads(answer.text, parse_float=Decimal)

    def call(self, method: str, name: str, **arguments: Any) -> Any:
        """The body of a reply that is a success."""
        reply = self.reply(method, V3 + name, **arguments)
        assert reply["result"] == "success", reply
        return reply

    def refused(self, method: str, name: str, **arguments: Any) -> str:
        reply = self.reply(method, V3 + name, **arguments)
        assert reply["result"] == "error", reply
        return str(reply["error"])

    def history(self, name: str, **arguments: Any) -> Any:
        return self.reply("GET", HISTORY + name, **arguments)

    def order(self, side: str = "buy", size: str = "0.5", price: str | None = "60000", **more: Any) -> Any:
        """What became of an order; a market order without a price."""
        given = {"symbol": "PF_XBTUSD", "side": side, "size": size, **({} if price is None else {"limitPrice": price})}
        kind = {"orderType": "mkt" if price is None else "lmt"}
        return self.call("POST", "sendorder", **{**kind, **given, **more})["sendStatus"]

    def placed(self, *arguments: Any, **more: Any) -> str:
        """The id of an order that was taken."""
        status = self.order(*arguments, **more)
        assert status["status"] == "placed", status
        return str(status["order_id"])

    def position(self, symbol: str = "PF_XBTUSD") -> Any:
        rows = self.call("GET", "openpositions")["openPositions"]
        return next((row for row in rows if row["symbol"] == symbol), None)

    @property
    def flex(self) -> Any:
        return self.call("GET", "accounts")["accounts"]["flex"]

    @property
    def open(self) -> list[str]:
        return [row["order_id"] for row in self.call("GET", "openorders")["openOrders"]]

    def ticker(self, symbol: str = "PF_XBTUSD") -> Any:
        return self.call("GET", f"tickers/{symbol}")["ticker"]


class FuturesSocket:
    """A socket of Derivatives WebSocket v1 that proves who it is when it has to."""

    def __init__(self, connection: ClientConnection, emulator: Emulator) -> None:
        self.connection = connection
        self.emulator = emulator
        self.credentials: dict[str, str] = {}

    def next(self, timeout: float = 5) -> Any:
        return json.loads(self.connection.recv(timeout), parse_float=Decimal)

    def until(self, **wanted: Any) -> Any:
        """The next frame with these values, others are skipped."""
        while True:
            frame = self.next()
            if all(frame.get(name) == value for name, value in wanted.items()):
                return frame

    def ask(self, **request: Any) -> None:
        self.connection.send(json.dumps(request))

    def reply(self, **request: Any) -> Any:
        """The next frame that has an event."""
        self.ask(**request)
        while "event" not in (frame := self.next()):
            pass
        return frame

    def prove(self, secret: str = "") -> dict[str, str]:
        """Answer a challenge, with a secret that may be wrong."""
        challenge = self.reply(event="challenge", api_key=self.emulator.futures_key)["message"]
        key = base64.b64decode(secret or self.emulator.futures_secret)
        signed = hmac.new(key, hashlib.sha256(challenge.encode()).digest(), hashlib.sha512).digest()
        self.credentials = {
            "api_key": self.emulator.futures_key,
            "original_challenge": challenge,
            "signed_challenge": base64.b64encode(signed).decode(),
        }
        return self.credentials

    def subscribe(self, feed: str, *products: str, **more: Any) -> Any:
        """The first frame of a feed, once the exchange has said yes."""
        asked = {"feed": feed, **({"product_ids": list(products)} if products else {}), **self.credentials, **more}
        assert self.reply(event="subscribe", **asked) == {"event": "subscribed", **asked}
        return self.next() if feed != "heartbeat" else None

    def so_far(self) -> list[Any]:
        """What had been sent when a request was answered."""
        self.ask(event="nonsense")
        frames = []
        while (frame := self.next()) != {"event": "error", "message": "Json Error"}:
            frames.append(frame)
        return frames
