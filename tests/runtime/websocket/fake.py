"""A scripted exchange on localhost, a clock that is moved by hand, and a client that speaks the exchange's tongue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, ClassVar, Self

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from kraken.runtime.errors import ErrorRow, ErrorTable, ExchangeError, InvalidRequest
from kraken.runtime.orderbook import OrderBook
from kraken.runtime.websocket import Channel, Method, OrderBookClient, ParamsClient, Socket, Stream, Timing

SECRET = "a2V5LXNlY3JldC10aGF0LW5vYm9keS1tYXktc2Vl"
KEY = "public-half-of-the-key"


class Tick(msgspec.Struct, frozen=True):
    symbol: str
    last: Decimal


class Report(msgspec.Struct, frozen=True):
    order_id: str = ""


class Candle(msgspec.Struct, frozen=True):
    symbol: str
    interval: int
    close: Decimal


class Level(msgspec.Struct, frozen=True):
    price: Decimal
    qty: Decimal


class BookItem(msgspec.Struct, frozen=True):
    symbol: str
    checksum: int
    bids: list[Level] = []
    asks: list[Level] = []
    timestamp: str = ""


class TickFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="ticker"):
    channel: ClassVar[str] = "ticker"
    data: list[Tick]
    type: str = "update"


class TradeFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="trade"):
    channel: ClassVar[str] = "trade"
    data: list[Tick]
    type: str = "update"


class CandleFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="ohlc"):
    channel: ClassVar[str] = "ohlc"
    data: list[Candle]
    type: str = "update"


class ReportFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="executions"):
    channel: ClassVar[str] = "executions"
    data: list[Report]
    type: str = "update"
    sequence: int = 0


class BookFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="book"):
    channel: ClassVar[str] = "book"
    data: list[BookItem]
    type: str = "update"


class StatusFrame(msgspec.Struct, frozen=True, tag_field="channel", tag="status"):
    channel: ClassVar[str] = "status"
    data: list[dict[str, Any]]
    type: str = "update"


class Reply(msgspec.Struct, frozen=True):
    method: str
    req_id: int | None = None
    success: bool | None = None
    result: Any = None
    error: str | None = None
    symbol: str | None = None


_frames = msgspec.json.Decoder(TickFrame | TradeFrame | CandleFrame | ReportFrame | BookFrame | StatusFrame)
_replies = msgspec.json.Decoder(Reply)


def decode(raw: bytes) -> Any:
    try:
        return _frames.decode(raw)
    except msgspec.ValidationError:
        try:
            return _replies.decode(raw)
        except msgspec.ValidationError:
            return msgspec.json.decode(raw)


def encode(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if "nonsense" in parameters:
        raise InvalidRequest(f"{name}: nonsense is not a parameter")
    return parameters


class TokenError(ExchangeError):
    pass


class RateError(ExchangeError):
    pass


TABLE = ErrorTable(
    {
        "EAPI:Invalid token": ErrorRow(TokenError, "fresh-token"),
        "Exceeded msg rate": ErrorRow(RateError, "after-wait"),
        "Already subscribed": ErrorRow(ExchangeError, "unsubscribe"),
    },
    {},
)

TICKER = Channel("ticker", "public", each="symbol", unsubscribe=("symbol",), policy="keep-latest", key=("symbol",))
TRADE = Channel("trade", "public", each="symbol", unsubscribe=("symbol",), policy="drop-oldest", key=("symbol",))
OHLC = Channel(
    "ohlc",
    "public",
    each="symbol",
    unsubscribe=("symbol", "interval"),
    policy="drop-oldest",
    key=("symbol", "interval"),
)
BOOK = Channel("book", "public", each="symbol", unsubscribe=("symbol", "depth"), policy="never-drop", key=("symbol",))
EXECUTIONS = Channel("executions", "private", auth=True, policy="never-drop", sequence="sequence")
STATUS = Channel("status", "public", pushed=True, policy="never-drop")

ADD_ORDER = Method(
    "add_order",
    "private",
    auth=True,
    parameters="AddOrder",
    danger="trades",
    client_order_id="cl_ord_id",
    client_order_id_unless=("order_userref",),
    order_ids=("cl_ord_id", "order_userref"),
)
CANCEL_ORDER = Method(
    "cancel_order",
    "private",
    auth=True,
    parameters="CancelOrder",
    danger="cancels",
    order_ids=("order_id", "cl_ord_id"),
    replies_per=("order_id", "cl_ord_id"),
)
PING = Method("ping", "public", reply="pong", unwrap=False)


class FakeTime:
    """A clock that stands still until it is moved; whoever sleeps is woken by moving it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: 1.0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.now + seconds, future)
        self._sleepers.append(entry)
        self._changed.set()
        try:
            await future
        finally:
            self._sleepers.remove(entry)

    async def pass_sleep(self, seconds: float) -> None:
        """Wait until somebody sleeps for so long, then move the clock to the end of that sleep."""
        while not (due := [d for d, _ in self._sleepers if abs(d - self.now - seconds) < 1e-6]):
            self._changed.clear()
            await self._changed.wait()
        self.advance(due[0] - self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, future in list(self._sleepers):
            if due <= self.now + 1e-9 and not future.done():
                future.set_result(None)


class Impatient(FakeTime):
    """Waits between attempts take no time; only what sleeps for as long as a watchdog or a budget waits to be moved."""

    async def sleep(self, seconds: float) -> None:
        if seconds in (5.0, 10.0) or seconds > 60:
            await super().sleep(seconds)
        else:
            self.slept.append(seconds)
            self.now += seconds
            await asyncio.sleep(0)


class Peer:
    """The exchange's end of one connection."""

    def __init__(self, exchange: Exchange, socket: ServerConnection) -> None:
        self.exchange = exchange
        self.socket = socket
        self.requests: list[dict[str, Any]] = []
        self.silent = False

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    async def greet(self) -> None:
        await self.send({"channel": "status", "type": "update", "data": [{"system": "online"}]})

    async def reply(self, request: dict[str, Any], result: Any = None, error: str | None = None, **extra: Any) -> None:
        head = {"method": request["method"], "req_id": request.get("req_id"), **extra}
        await self.send(
            {**head, "success": True, "result": result} if error is None else {**head, "success": False, "error": error}
        )

    async def tick(self, symbol: str, last: str = "1.50", channel: str = "ticker") -> None:
        item = f'{{"symbol":"{symbol}","last":{last}}}'
        await self.send(f'{{"channel":"{channel}","type":"update","data":[{item}]}}')

    def drop(self) -> None:
        self.socket.transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        await self.socket.close(code, reason)

    async def answer(self, request: dict[str, Any]) -> None:
        """What a well-behaved exchange answers."""
        params = request.get("params", {})
        if request["method"] in ("subscribe", "unsubscribe"):
            shared = {key: value for key, value in params.items() if key not in ("symbol", "token")}
            for symbol in params.get("symbol", [None]):
                await self.reply(request, {**shared, **({"symbol": symbol} if symbol else {})})
                if request["method"] == "subscribe":
                    await self.exchange.snapshot(self, params["channel"], symbol)
        elif request["method"] == "ping":
            await self.send({"method": "pong", "req_id": request.get("req_id")})
        elif request["method"] == "cancel_order":
            for order in params["order_id"]:
                await self.reply(request, {"order_id": order})
        else:
            await self.reply(request, {"order_id": "O1", "cl_ord_id": params.get("cl_ord_id")})


Script = Callable[[Peer, dict[str, Any]], Any]


class Exchange:
    """A WebSocket server. `script` may handle a request and return True, else the well-behaved answer is given."""

    peer_type: ClassVar[type[Peer]] = Peer
    verb: ClassVar[str] = "method"
    """The member of a request that says what is wanted."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.attempts = 0
        self.refuse_with: int | None = None
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await serve(self._handle, "127.0.0.1", 0, process_request=self._upgrade, compression=None)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        return connection.respond(self.refuse_with, "no") if self.refuse_with else None

    async def _handle(self, socket: ServerConnection) -> None:
        peer = self.peer_type(self, socket)
        self.peers.append(peer)
        await self._notify()
        try:
            await peer.greet()
            async for text in socket:
                request = json.loads(text, parse_float=Decimal)
                peer.requests.append(request)
                await self._notify()
                if peer.silent or (self.script is not None and await self.script(peer, request)):
                    continue
                await peer.answer(request)
        except ConnectionClosed:
            pass

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def snapshot(self, peer: Peer, channel: str, symbol: str | None) -> None:
        """Sent after an acknowledgement; scenarios override it."""
        if channel in ("ticker", "trade"):
            await peer.send({"channel": channel, "type": "snapshot", "data": [{"symbol": symbol, "last": 1}]})

    async def peer(self, number: int) -> Peer:
        """The connection with this number, counting from 0, as soon as there is one."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.peers) > number)
        return self.peers[number]

    async def request(self, method: str, count: int = 1, peer: int | None = None) -> dict[str, Any]:
        """The request of this name with this number, counting from 1, as soon as it has arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.seen(method, peer)) >= count)
        return self.seen(method, peer)[count - 1]

    def seen(self, method: str, peer: int | None = None) -> list[dict[str, Any]]:
        """The requests of this name so far."""
        peers = self.peers if peer is None else self.peers[peer : peer + 1]
        return [request for p in peers for request in p.requests if request[self.verb] == method]


class Hooks:
    sockets: ClassVar[dict[str, Socket]] = {
        "public": Socket("ws://nowhere.invalid", "/v2"),
        "private": Socket("ws://nowhere.invalid", "/v2", auth=True),
    }
    channels: ClassVar[dict[str, Channel]] = {c.name: c for c in (TICKER, TRADE, OHLC, BOOK, EXECUTIONS, STATUS)}
    methods: ClassVar[dict[str, Method]] = {m.name: m for m in (ADD_ORDER, CANCEL_ORDER, PING)}
    decoder = f"{__name__}:decode"
    encoder = f"{__name__}:encode"
    error_table = f"{__name__}:TABLE"


class Client(Hooks, ParamsClient):  # type: ignore[misc]
    tokens = 0
    lifetime = 900.0

    async def _fetch_token(self) -> tuple[str, float]:
        self.tokens += 1
        return f"token-number-{self.tokens}", self.lifetime


class BookClient(Hooks, ParamsClient, OrderBookClient[OrderBook]):  # type: ignore[misc]
    book_channel = BOOK
    book_type = OrderBook


def client(exchange: Exchange, time: FakeTime | None = None, **options: Any) -> Client:
    """A client with a key, whose sockets all lead to the exchange."""
    options = {"key": KEY, "secret": SECRET, "timing": (time or Impatient()).timing, **options}
    return Client(ws_url=exchange.url, auth_ws_url=exchange.url, **options)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    """Give other tasks their turn until something is so."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def drain(stream: Stream[Any, Any]) -> None:
    """Read a stream to its end."""
    async for _ in stream:
        pass


def symbols(request: dict[str, Any]) -> set[str]:
    """The symbols that a request names."""
    return set(request["params"]["symbol"])
