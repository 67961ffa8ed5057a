"""Spot WebSocket v2: one connection, its requests and their replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.websockets import WebSocket, WebSocketDisconnect

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.limits import Window
from kraken.emulator.orders import Close, NewOrder, Order, Side
from kraken.emulator.schema import Mode
from kraken.emulator.spot_feeds import DEFAULTS, MAX_RATE_COUNT, Feeds, Subscription
from kraken.emulator.wire import SECOND, NotJson, dumps, loads, rfc3339

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.auth import Keys
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.faults import Faults, Kind
    from kraken.emulator.instruments import Pair
    from kraken.emulator.specs import Channel, Specs

LOGGER = logging.getLogger(__name__)

IDLE_CODE = 1000
"""Close code of a connection that nobody used; Kraken does not document it."""

MAX_WAITING = 50_000
"""Frames that may wait for a slow reader before the connection is cut."""

_VERSION = "2.0.10"
_HALF_A_FRAME = b'\x81\x7e\x01\x00{"channel":"heart'
"""A text frame that says 256 bytes and has fewer."""

Params = Mapping[str, Any]
Method = Callable[["Session", Params], list["Outcome"]]
_Key = tuple[str, "Pair | None", int | None]
"""What a connection can have once: a channel, a pair, and for candles their length."""
Outcome = dict[str, Any] | list[dict[str, Any]] | Refusal
"""What a request led to: its result, or why it was refused."""

METHODS: dict[str, Method] = {}
"""By name. Methods that are not here answer with their canned response."""


def answers(name: str) -> Callable[[Method], Method]:
    """Register the function that carries out a method."""

    def register(method: Method) -> Method:
        METHODS[name] = method
        return method

    return register


@dataclass(frozen=True)
class Services:
    """What all connections share."""

    specs: Specs
    exchange: Exchange
    feeds: Feeds
    keys: Keys
    faults: Faults
    record: Callable[[str, str, Mapping[str, Any]], None]
    """Notes a request: transport, name, arguments."""
    heartbeat: int
    """Nanoseconds of silence before a heartbeat."""
    tier: str | None
    """Tier of the account, which some limits depend on."""
    message_rate: int | None
    """Messages per second that a connection may send; None for any number."""


class _Goodbye(NamedTuple):
    """A closing handshake, in the place of a frame."""

    code: int
    reason: str


class Session:
    """One connection.

    Args:
        services: What all connections share.
        websocket: The connection, accepted.
        server: ``public``, ``private`` or ``level3``.
        number: Its connection id.
        abort: Resets the connection, or ends it in an orderly way behind the bytes that it is given.
    """

    def __init__(
        self, services: Services, websocket: WebSocket, server: str, number: int, abort: Callable[[bytes], None]
    ) -> None:
        self.exchange = services.exchange
        self.silent = False
        """Whether nothing but replies is sent."""
        self.server = server
        self._abort = abort
        self._services = services
        self._websocket = websocket
        self._number = number
        self._outbox: asyncio.Queue[str | bytes | _Goodbye] = asyncio.Queue(MAX_WAITING)
        self._subscriptions: dict[_Key, Subscription] = {}
        self._paces: dict[str, Window] = {}
        rate = services.message_rate
        self._messages = None if rate is None else Window(rate, 1)
        self._delayed: list[str] = []
        self._sent_at = self._used_at = self.exchange.now()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self.push_status()
        writer = asyncio.ensure_future(self._write())
        try:
            while True:
                self._handle(await self._websocket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: the frame was binary
            return
        finally:
            writer.cancel()
            for subscription in self._subscriptions.values():
                self._services.feeds.remove(subscription)

    async def _write(self) -> None:
        while True:
            frame = await self._outbox.get()
            try:
                if isinstance(frame, _Goodbye):
                    await self._websocket.close(*frame)
                elif isinstance(frame, bytes):
                    await self._websocket.send_bytes(frame)
                else:
                    await self._websocket.send_text(frame)
            except (RuntimeError, WebSocketDisconnect):  # it has been closed meanwhile
                return

    def pass_time(self) -> None:
        """Send a heartbeat after some silence, and close a connection that is not used."""
        now, server = self.exchange.now(), self._services.specs.servers[self.server]
        if self._subscriptions:
            self._used_at = now
            if now - self._sent_at >= self._services.heartbeat:
                self._push(dumps({"channel": "heartbeat"}))
        elif now - self._used_at >= server.idle * SECOND:
            self.close(IDLE_CODE)

    def abort(self) -> None:
        """Reset the connection."""
        self._abort(b"")

    def break_off(self) -> None:
        """End the connection in the middle of a frame."""
        self._abort(_HALF_A_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection with a closing handshake, behind what is still to be sent."""
        self._send(_Goodbye(code, reason))

    def send(self, frame: str | bytes) -> None:
        """Send a frame, whatever it says: a text or a binary one."""
        self._send(frame)

    def _send(self, frame: str | bytes | _Goodbye) -> None:
        self._sent_at = self.exchange.now()
        try:
            self._outbox.put_nowait(frame)
        except asyncio.QueueFull:
            self.abort()

    def _push(self, frame: str) -> None:
        if not self.silent:
            self._send(frame)

    def push_status(self) -> None:
        """Tell the mode of the exchange."""
        row = {
            "api_version": "v2",
            "connection_id": self._number,
            "system": self.exchange.status,
            "version": _VERSION,
        }
        self._push(dumps({"channel": "status", "type": "update", "data": [row]}))

    # ------------------------------------------------------------------ requests

    def _handle(self, text: str) -> None:
        arrived = self.exchange.now()
        if self._services.specs.servers[self.server].kept_by_requests:
            self._used_at = arrived
        try:
            request = loads(text)
        except NotJson:
            request = None
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            self._send(self._answer(arrived, {}, Refusal(Words.MALFORMED)))
            return
        name, params = request["method"], request.get("params", {})
        self._services.record("WS", name, params if isinstance(params, dict) else {})
        fault = self._services.faults.take(name)
        if fault == "reset-before":
            self.abort()
        elif fault != "hang-before":
            outcomes, started = self._carry_out(name, params)
            if fault == "accept-then-reset":
                self.abort()
            replies = [self._answer(arrived, request, outcome) for outcome in outcomes]
            if fault == "accept-then-reverse":
                self._start(started)
                self._send_replies(fault, replies)
            else:
                self._send_replies(fault, replies)
                self._start(started)

    def _send_replies(self, fault: Kind | None, replies: list[str]) -> None:
        delayed, self._delayed = self._delayed, replies if fault == "accept-then-delay" else []
        if fault == "accept-then-garbage":
            replies = [reply[: len(reply) // 2] for reply in replies]
        elif fault == "accept-then-repeat":
            replies = [reply for reply in replies for _ in range(2)]
        elif fault == "accept-then-reverse":
            replies = replies[::-1]
        elif fault is not None:
            replies = []
        for reply in (*replies, *delayed):
            self._send(reply)

    def _carry_out(self, name: str, params: Any) -> tuple[list[Outcome], list[Subscription]]:
        try:
            if self._messages is not None and not self._messages.take(1, self.exchange.now()):
                raise Refusal(Words.MESSAGE_RATE)
            if not isinstance(params, dict):
                raise Refusal(Words.MALFORMED)
            if name == "subscribe":
                return self._subscribe(params)
            if name == "unsubscribe":
                return self._unsubscribe(params), []
            return self._call(name, params), []
        except InvalidArgument as refusal:
            return [_in_own_words(refusal)], []
        except Refusal as refusal:
            return [refusal], []
        except Exception:
            LOGGER.exception("WebSocket method %s failed", name)
            return [Refusal(Words.INTERNAL_ERROR)], []

    def _call(self, name: str, params: Params) -> list[Outcome]:
        method = self._services.specs.methods.get(name)
        if method is None or method.shape is None or not method.offered_on(self.server):
            raise Refusal(Words.UNKNOWN_EVENT)
        arguments = self._checked(method, params)
        if name in METHODS:
            return METHODS[name](self, arguments)
        return [method.canned("responses")[0].get("result", {})]

    def _checked(self, asked: Channel, params: Params) -> dict[str, Any]:
        assert asked.shape is not None
        if asked.private:
            self._services.keys.check_token(params.get("token"))
        arguments = asked.shape.check(params, Mode.STRICT)
        if "deadline" in arguments and self.exchange.now() > arguments["deadline"]:
            raise Refusal(Words.DEADLINE_ELAPSED)
        return {name: value for name, value in arguments.items() if name != "token"}

    def _answer(self, arrived: int, request: Params, outcome: Outcome) -> str:
        name = request.get("method")
        reply: dict[str, Any] = {} if name is None else {"method": "pong" if name == "ping" else name}
        if isinstance(outcome, Refusal):
            reply |= {"error": _text(outcome), "success": False}
            if isinstance(outcome, _SymbolRefusal):
                reply["symbol"] = outcome.symbol
        elif name != "ping":
            reply |= {"result": outcome, "success": True}
        if isinstance(request.get("req_id"), int):
            reply["req_id"] = request["req_id"]
        return dumps({**reply, "time_in": rfc3339(arrived), "time_out": rfc3339(self.exchange.now())})

    # ------------------------------------------------------------------ subscriptions

    def _channel(self, params: Params) -> tuple[Channel, dict[str, Any]]:
        channel = self._services.specs.channels.get(str(params.get("channel")))
        if channel is None or not channel.offered_on(self.server):
            raise Refusal(Words.UNKNOWN_CHANNEL)
        if channel.shape is None:
            raise Refusal(Words.SYMBOL_NOT_FOUND)
        return channel, self._checked(channel, {name: value for name, value in params.items() if name != "channel"})

    def _subscribe(self, params: Params) -> tuple[list[Outcome], list[Subscription]]:
        channel, given = self._channel(params)
        symbols: list[str | None] = given.pop("symbol", [None])
        options = {**DEFAULTS.get(channel.name, {}), **given}
        outcomes: list[Outcome] = []
        started: list[Subscription] = []
        for symbol in symbols:
            try:
                started.append(self._register(channel, symbol, options))
            except Refusal as refusal:
                outcomes.append(refusal)
            else:
                outcomes.append(self._granted(channel.name, symbol, options))
        return outcomes, started

    def _register(self, channel: Channel, symbol: str | None, options: Params) -> Subscription:
        pair = self._pair(symbol)
        key = _key(channel.name, pair, options)
        if key in self._subscriptions:
            raise _about(symbol, Words.ALREADY_SUBSCRIBED)
        if channel.pace is not None and not self._in_pace(channel.name, channel.pace, options):
            raise _about(symbol, Words.MESSAGE_RATE)
        subscription = self._subscriptions[key] = Subscription(channel.name, pair, options, self._push)
        return subscription

    def _in_pace(self, channel: str, pace: Mapping[str, Any], options: Params) -> bool:
        """Charge a subscription to the counter of its channel, if there is room."""
        allowed = pace.get("tiers", {}).get(self._services.tier, pace["per_second"])
        window = self._paces.setdefault(channel, Window(allowed, 1))
        return window.take(
            pace["costs"].get(str(options.get(pace["parameter"])), pace["unless_given"]), self.exchange.now()
        )

    def _granted(self, channel: str, symbol: str | None, options: Params) -> dict[str, Any]:
        granted = {"channel": channel, **({} if symbol is None else {"symbol": symbol}), **options}
        limits = self.exchange.limits
        maximum = MAX_RATE_COUNT if limits is None else limits.maximum
        return {**granted, "maxratecount": maximum} if channel == "executions" else granted

    def _pair(self, symbol: str | None) -> Pair | None:
        if symbol is None:
            return None
        pair = self.exchange.instruments.by_symbol.get(symbol)
        if pair is None:
            raise _SymbolRefusal(Words.UNKNOWN_SYMBOL if "/" in symbol else Words.BAD_SYMBOL, symbol)
        return pair

    def _start(self, subscriptions: list[Subscription]) -> None:
        for subscription in subscriptions:
            if subscription.channel in DEFAULTS:
                self._services.feeds.add(subscription)
                continue
            for message in self._services.specs.channels[subscription.channel].canned("messages"):
                self._push(dumps(message))

    def _unsubscribe(self, params: Params) -> list[Outcome]:
        channel, given = self._channel(params)
        symbols: list[str | None] = given.pop("symbol", [None])
        outcomes: list[Outcome] = []
        for symbol in symbols:
            repeated = {name: given[name] for name in channel.repeated if name in given}
            try:
                self._end(channel, symbol, repeated)
            except Refusal as refusal:
                outcomes.append(refusal)
            else:
                outcomes.append({"channel": channel.name, **({"symbol": symbol} if symbol else {}), **repeated})
        return outcomes

    def _end(self, channel: Channel, symbol: str | None, repeated: Params) -> None:
        key = _key(channel.name, self._pair(symbol), repeated)
        subscription = self._subscriptions.get(key)
        if subscription is None or not _repeats(channel, subscription, repeated):
            raise _about(symbol, Words.SYMBOL_NOT_FOUND)
        del self._subscriptions[key]
        self._services.feeds.remove(subscription)


def _key(channel: str, pair: Pair | None, options: Params) -> _Key:
    return channel, pair, options.get("interval")


class _SymbolRefusal(Refusal):
    """A refusal that concerns one of several symbols."""

    def __init__(self, words: Words, symbol: str) -> None:
        super().__init__(words)
        self.symbol = symbol


def _about(symbol: str | None, words: Words) -> Refusal:
    return Refusal(words) if symbol is None else _SymbolRefusal(words, symbol)


def _text(refusal: Refusal) -> str:
    if refusal.words is Words.UNKNOWN_SYMBOL and isinstance(refusal, _SymbolRefusal):
        return f"{refusal.words} {refusal.symbol}"
    if refusal.words is Words.UNSUPPORTED_FIELD:
        return f"{refusal.words}: '{refusal.detail}'"
    return str(refusal)


def _in_own_words(refusal: InvalidArgument) -> Refusal:
    """The WebSocket API has words of its own for some wrong arguments."""
    if refusal.unknown:
        return Refusal(Words.UNSUPPORTED_FIELD, refusal.name)
    if refusal.name == "depth":
        return Refusal(Words.DEPTH_UNSUPPORTED if isinstance(refusal.value, int) else Words.DEPTH_NOT_INTEGER)
    if refusal.name == "interval":
        if refusal.value is None:
            return Refusal(Words.INTERVAL_MISSING)
        return Refusal(Words.INTERVAL_UNSUPPORTED if isinstance(refusal.value, int) else Words.INTERVAL_NOT_INTEGER)
    return refusal


def _repeats(channel: Channel, subscription: Subscription, repeated: Params) -> bool:
    defaults = DEFAULTS.get(channel.name, {})
    names = [name for name in channel.repeated if name != "symbol"]
    return all(subscription.options.get(name) == repeated.get(name, defaults.get(name)) for name in names)


# ---------------------------------------------------------------------- methods


@answers("ping")
def _ping(_session: Session, _params: Params) -> list[Outcome]:
    return [{}]


@answers("add_order")
def _add_order(session: Session, params: Params) -> list[Outcome]:
    exchange, pair = session.exchange, known_pair(session, params)
    exchange.charge("addOrder", pair)
    validate = params.get("validate", False)
    order = exchange.place(exchange.user, new_order(exchange, pair, params), validate=validate)
    return [{"order_id": order.id, **own_names(order)}]


def own_names(order: Order) -> dict[str, Any]:
    """What the user calls an order."""
    names: dict[str, Any] = {}
    if order.asked.cl_ord_id is not None:
        names["cl_ord_id"] = order.asked.cl_ord_id
    if order.asked.userref is not None:
        names["order_userref"] = order.asked.userref
    return names


def known_pair(session: Session, params: Params) -> Pair:
    """The pair that a request names."""
    pair = session.exchange.instruments.by_symbol.get(params["symbol"])
    if pair is None:
        raise Refusal(Words.UNKNOWN_PAIR)
    return pair


def new_order(exchange: Exchange, pair: Pair, params: Params) -> NewOrder:
    """An order in the exchange's own terms."""
    side: Side = "buy" if params["side"] == "buy" else "sell"
    kind = params["order_type"]
    if params.get("margin", False):
        raise Refusal(Words.NO_MARGIN)
    if params.get("reduce_only", False):
        raise Refusal(Words.NO_POSITION)
    if kind == "settle-position":
        raise Refusal(Words.UNKNOWN_POSITION)
    trigger = trigger_price(exchange, pair, side, kind, params)
    time_in_force = params.get("time_in_force", "gtc").upper()
    if time_in_force == "GTD" and "expire_time" not in params:
        raise InvalidArgument("expire_time")
    return NewOrder(
        pair=pair,
        side=side,
        type=kind,
        volume=_volume(exchange, pair, side, kind, params),
        limit=limit_price(exchange, pair, kind, trigger, params),
        trigger=trigger,
        time_in_force=time_in_force,
        post_only=params.get("post_only", False),
        fee_in_base=params.get("fee_preference", "quote" if side == "buy" else "base") == "base",
        stp=params.get("stp_type", "cancel_newest").replace("_", "-"),
        display=params.get("display_qty"),
        userref=params.get("order_userref"),
        cl_ord_id=params.get("cl_ord_id"),
        sender=params.get("sender_sub_id"),
        starts=params.get("effective_time", 0),
        expires=params.get("expire_time", 0),
        trigger_by=params.get("triggers", {}).get("reference", params.get("trigger", "last")),
        close=_close(exchange, pair, "sell" if side == "buy" else "buy", params),
    )


def _close(exchange: Exchange, pair: Pair, side: Side, params: Params) -> Close | None:
    conditional = params.get("conditional")
    if conditional is None:
        return None
    kind = conditional["order_type"]
    triggers: dict[str, Any] = {}
    if "trigger_price" in conditional:
        kind_of_price = conditional.get("trigger_price_type", "static")
        triggers = {"triggers": {"price": conditional["trigger_price"], "price_type": kind_of_price}}
    trigger = trigger_price(exchange, pair, side, kind, {**conditional, **triggers})
    return Close(kind, limit_price(exchange, pair, kind, trigger, conditional), trigger)


def _volume(exchange: Exchange, pair: Pair, side: Side, kind: str, params: Params) -> Decimal:
    cash = params.get("cash_order_qty")
    if cash is None:
        volume: Decimal = params["order_qty"]
        return volume
    if kind != "market" or side != "buy":
        raise InvalidArgument("cash_order_qty")
    return exchange.volume_for(pair, cash)


def trigger_price(exchange: Exchange, pair: Pair, side: Side, kind: str, params: Params) -> Decimal | None:
    """The trigger price of an order; None for a type that has none."""
    if kind in ("market", "limit", "iceberg"):
        return None
    triggers = params.get("triggers", {"price": params["stop_price"]} if "stop_price" in params else None)
    if triggers is None:
        raise InvalidArgument("triggers")
    price: Decimal = triggers["price"]
    price_type = triggers.get("price_type", "static")
    if kind.startswith("trailing"):
        if price_type == "static" or price <= 0:
            raise InvalidArgument("triggers")
        price = price if side == "buy" else -price
    if price_type == "static":
        return price
    return exchange.shifted_price(pair, exchange.last_price(pair), price, percent=price_type == "pct")


def limit_price(exchange: Exchange, pair: Pair, kind: str, trigger: Decimal | None, params: Params) -> Decimal | None:
    """The limit price of an order; None for a type that has none."""
    if kind not in ("limit", "iceberg") and not kind.endswith("-limit"):
        return None
    if "limit_price" not in params:
        raise InvalidArgument("limit_price")
    price: Decimal = params["limit_price"]
    price_type = params.get("limit_price_type", "quote")
    if kind != "trailing-stop-limit" or trigger is None or price_type == "static":
        return price
    return exchange.shifted_price(pair, trigger, price, percent=price_type == "pct")


@answers("amend_order")
def _amend_order(session: Session, params: Params) -> list[Outcome]:
    exchange = session.exchange
    order = exchange.find(exchange.user, order_id=params.get("order_id"), cl_ord_id=params.get("cl_ord_id"))
    exchange.charge("amendOrder", order.pair, [order])

    def price(name: str) -> Decimal | None:
        given: Decimal | None = params.get(f"{name}_price")
        kind = params.get(f"{name}_price_type", "static")
        if given is None or kind == "static":
            return given
        return exchange.shifted_price(order.pair, exchange.last_price(order.pair), given, percent=kind == "pct")

    amend_id = exchange.amend(
        order,
        volume=params.get("order_qty"),
        display=params.get("display_qty"),
        limit=price("limit"),
        trigger=price("trigger"),
        post_only=params.get("post_only", False),
    )
    return [{"amend_id": amend_id, **{name: params[name] for name in ("order_id", "cl_ord_id") if name in params}}]


@answers("cancel_order")
def _cancel_order(session: Session, params: Params) -> list[Outcome]:
    outcomes = [_cancelled(session, order_id=each) for each in params.get("order_id", ())]
    outcomes += [_cancelled(session, cl_ord_id=each) for each in params.get("cl_ord_id", ())]
    for userref in params.get("order_userref", ()):
        orders = [each for each in session.exchange.user.open.values() if each.asked.userref == userref]
        outcomes += [_cancelled(session, order_id=each.id) for each in orders] or [Refusal(Words.UNKNOWN_ORDER)]
    return outcomes


def _cancelled(session: Session, *, order_id: str | None = None, cl_ord_id: str | None = None) -> Outcome:
    exchange = session.exchange
    try:
        order = exchange.find(exchange.user, order_id=order_id, cl_ord_id=cl_ord_id)
        exchange.charge("cancelOrder", order.pair, [order])
    except Refusal as refusal:
        return refusal
    exchange.cancel(order)
    client_id = {} if order.asked.cl_ord_id is None else {"cl_ord_id": order.asked.cl_ord_id}
    return {"order_id": order.id, **client_id}
