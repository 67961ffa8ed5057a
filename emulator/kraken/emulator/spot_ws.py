"""WebSocket v2: requests of a connection and their replies. Spot and the Unified WebSocket both speak it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from kraken.emulator.connection import IDLE_CODE, Connection, Link, Params, Services
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.feeds import Subscription
from kraken.emulator.limits import Window
from kraken.emulator.schema import Mode
from kraken.emulator.wire import SECOND, NotJson, dumps, loads, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken.emulator.auth import Keys
    from kraken.emulator.handlers import Answer
    from kraken.emulator.instruments import Pair
    from kraken.emulator.market_feeds import MarketFeeds
    from kraken.emulator.specs import Channel

LOGGER = logging.getLogger(__name__)

_VERSION = "2.0.10"

_Key = tuple[str, "Pair | None", int | None, str | None]
"""What a connection can have once: a channel, a pair, and for candles their length and the price they are made of."""
Outcome = dict[str, Any] | list[dict[str, Any]] | Refusal
"""What a request led to: its result, or why it was refused."""


@dataclass(frozen=True, kw_only=True)
class MarketServices(Services):
    """What all connections to a market share."""

    feeds: MarketFeeds[Any]
    pairs: Mapping[str, Pair]
    """By symbol."""
    methods: Mapping[str, Answer]
    """What carries out methods and gives their outcomes; the others answer with their canned response."""
    status: Callable[[], str]
    """The mode of the exchange."""
    keys: Keys
    tier: str | None
    """Tier of the account, which some limits depend on."""
    message_rate: int | None
    """Messages per second that a connection may send; None for any number."""


class Session(Connection):
    """One connection.

    Args:
        services: What all connections share.
        offers: Names of the servers in the specs whose channels and methods it has.
        link: The connection as it came in.
    """

    per_connection: ClassVar[tuple[str, ...]] = ()
    """Channels whose frames are numbered through for as long as the connection lasts."""

    def __init__(self, services: MarketServices, offers: tuple[str, ...], link: Link) -> None:
        super().__init__(services, link)
        self._services = services
        self._offers = offers
        self._number = link.number
        self._subscriptions: dict[_Key, Subscription] = {}
        self._paces: dict[str, Window] = {}
        self._numbers: dict[str, Iterator[int]] = {}
        rate = services.message_rate
        self._messages = None if rate is None else Window(rate, 1)
        known = services.specs.servers
        self._facts = next((known[name] for name in offers if name in known), None)

    def _subscribed(self) -> list[Subscription]:
        return list(self._subscriptions.values())

    def _greet(self) -> None:
        self.push_status()

    def pass_time(self) -> None:
        """Send a heartbeat after some silence, and close a connection that is not used."""
        now = self._services.now()
        if self._subscriptions:
            self._used_at = now
            if now - self._sent_at >= self._services.heartbeat:
                self._push(dumps({"channel": "heartbeat"}))
        elif self._facts is not None and self._facts.idle and now - self._used_at >= self._facts.idle * SECOND:
            self.close(IDLE_CODE)

    def pinged(self) -> None:
        """Pings of the WebSocket protocol keep no connection open here."""

    def push_status(self) -> None:
        """Tell the mode of the exchange."""
        row = {
            "api_version": "v2",
            "connection_id": self._number,
            "system": self._services.status(),
            "version": _VERSION,
        }
        self._push(dumps({"channel": "status", "type": "update", "data": [row]}))

    # ------------------------------------------------------------------ requests

    def _handle(self, text: str) -> None:
        arrived = self._services.now()
        if self._facts is not None and self._facts.kept_by_requests:
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

        def act() -> tuple[list[str], Callable[[], None]]:
            outcomes, started = self._carry_out(name, params)
            return [self._answer(arrived, request, each) for each in outcomes], lambda: self._start(started)

        self._perform(name, act)

    def _carry_out(self, name: str, params: Any) -> tuple[list[Outcome], list[Subscription]]:
        try:
            if self._messages is not None and not self._messages.take(1, self._services.now()):
                raise Refusal(Words.MESSAGE_RATE)
            if not isinstance(params, dict):
                raise Refusal(Words.MALFORMED)
            if name == "subscribe":
                return self._subscribe(params)
            if name == "unsubscribe":
                return self._unsubscribe(params), []
            return self._call(name, params), []
        except InvalidArgument as refusal:
            return [self._in_own_words(refusal, params)], []
        except Refusal as refusal:
            return [refusal], []
        except Exception:
            LOGGER.exception("WebSocket method %s failed", name)
            return [Refusal(Words.INTERNAL_ERROR)], []

    def _call(self, name: str, params: Params) -> list[Outcome]:
        method = self._services.specs.methods.get(name)
        if method is None or method.shape is None or not method.offered_on(self._offers):
            raise Refusal(Words.UNKNOWN_EVENT)
        arguments = self._checked(method, params)
        if name == "ping":
            return [{}]
        if name in self._services.methods:
            outcomes: list[Outcome] = self._services.methods[name](arguments)
            return outcomes
        return [method.canned("responses")[0].get("result", {})]

    def _checked(self, asked: Channel, params: Params) -> dict[str, Any]:
        assert asked.shape is not None
        if asked.private:
            self._services.keys.check_token(params.get("token"))
        arguments = asked.shape.check(params, Mode.STRICT)
        if "deadline" in arguments and self._services.now() > arguments["deadline"]:
            raise Refusal(Words.DEADLINE_ELAPSED)
        return {name: value for name, value in arguments.items() if name != "token"}

    def _answer(self, arrived: int, request: Params, outcome: Outcome) -> str:
        name = request.get("method")
        reply: dict[str, Any] = {} if name is None else {"method": "pong" if name == "ping" else name}
        if isinstance(outcome, Refusal):
            reply |= {"error": _text(outcome), "success": False}
            if isinstance(outcome, SymbolRefusal):
                reply["symbol"] = outcome.symbol
        elif name != "ping":
            reply |= {"result": outcome, "success": True}
        if isinstance(request.get("req_id"), int):
            reply["req_id"] = request["req_id"]
        return dumps({**reply, "time_in": rfc3339(arrived), "time_out": rfc3339(self._services.now())})

    # ------------------------------------------------------------------ where others differ

    def _in_own_words(self, refusal: InvalidArgument, params: Params) -> Refusal:
        """The words for a wrong argument, of which the WebSocket API has some of its own."""
        del params
        if refusal.unknown:
            return Refusal(Words.UNSUPPORTED_FIELD, refusal.name)
        if refusal.name == "depth":
            return Refusal(Words.DEPTH_UNSUPPORTED if isinstance(refusal.value, int) else Words.DEPTH_NOT_INTEGER)
        if refusal.name == "interval":
            if refusal.value is None:
                return Refusal(Words.INTERVAL_MISSING)
            return Refusal(Words.INTERVAL_UNSUPPORTED if isinstance(refusal.value, int) else Words.INTERVAL_NOT_INTEGER)
        return refusal

    def _unknown_symbol(self, symbol: str) -> Refusal:
        """The words for a market that there is none of."""
        return SymbolRefusal(Words.UNKNOWN_SYMBOL if "/" in symbol else Words.BAD_SYMBOL, symbol)

    def _already_subscribed(self, channel: str, symbol: str | None) -> Refusal:
        """The words for what a connection has already."""
        del channel
        return _about(symbol, Words.ALREADY_SUBSCRIBED)

    # ------------------------------------------------------------------ subscriptions

    def _channel(self, params: Params) -> tuple[Channel, dict[str, Any]]:
        channel = self._services.specs.channels.get(str(params.get("channel")))
        if channel is None or not channel.offered_on(self._offers):
            raise Refusal(Words.UNKNOWN_CHANNEL)
        if channel.shape is None:
            raise Refusal(Words.SYMBOL_NOT_FOUND)
        return channel, self._checked(channel, {name: value for name, value in params.items() if name != "channel"})

    def _options(self, channel: Channel, given: Params) -> dict[str, Any]:
        """The options of a subscription, with those that were left out."""
        return {**self._services.feeds.defaults.get(channel.name, {}), **given}

    def _subscribe(self, params: Params) -> tuple[list[Outcome], list[Subscription]]:
        channel, given = self._channel(params)
        symbols: list[str | None] = given.pop("symbol", [None])
        options = self._options(channel, given)
        outcomes: list[Outcome] = []
        started: list[Subscription] = []
        for symbol in symbols:
            try:
                started.append(self._register(channel, symbol, options))
            except Refusal as refusal:
                outcomes.append(refusal)
            else:
                about = {} if symbol is None else {"symbol": symbol}
                told = self._services.feeds.ack(channel.name)
                outcomes.append({"channel": channel.name, **about, **options, **told})
        return outcomes, started

    def _register(self, channel: Channel, symbol: str | None, options: Params) -> Subscription:
        pair = self._pair(symbol)
        key = _key(channel.name, pair, options)
        if key in self._subscriptions:
            raise self._already_subscribed(channel.name, symbol)
        if channel.pace is not None and not self._in_pace(channel.name, channel.pace, options):
            raise _about(symbol, Words.MESSAGE_RATE)
        subscription = self._subscriptions[key] = Subscription(channel.name, pair, options, self._push)
        if channel.name in self.per_connection:
            subscription.numbers = self._numbers.setdefault(channel.name, itertools.count(1))
        return subscription

    def _in_pace(self, channel: str, pace: Mapping[str, Any], options: Params) -> bool:
        """Charge a subscription to the counter of its channel, if there is room."""
        allowed = pace.get("tiers", {}).get(self._services.tier, pace["per_second"])
        window = self._paces.setdefault(channel, Window(allowed, 1))
        return window.take(
            pace["costs"].get(str(options.get(pace["parameter"])), pace["unless_given"]), self._services.now()
        )

    def _pair(self, symbol: str | None) -> Pair | None:
        if symbol is None:
            return None
        pair = self._services.pairs.get(symbol)
        if pair is None:
            raise self._unknown_symbol(symbol)
        return pair

    def _start(self, subscriptions: list[Subscription]) -> None:
        for subscription in subscriptions:
            if subscription.channel in self._services.feeds.defaults:
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
        wanted = self._options(channel, repeated)
        key = _key(channel.name, self._pair(symbol), wanted)
        subscription = self._subscriptions.get(key)
        names = [name for name in channel.repeated if name != "symbol"]
        if subscription is None or any(subscription.options.get(name) != wanted.get(name) for name in names):
            raise _about(symbol, Words.SYMBOL_NOT_FOUND)
        del self._subscriptions[key]
        self._services.feeds.remove(subscription)


def _key(channel: str, pair: Pair | None, options: Params) -> _Key:
    return channel, pair, options.get("interval"), options.get("tick_type")


class SymbolRefusal(Refusal):
    """A refusal that concerns one of several symbols."""

    def __init__(self, words: Words, symbol: str) -> None:
        super().__init__(words)
        self.symbol = symbol


def _about(symbol: str | None, words: Words) -> Refusal:
    return Refusal(words) if symbol is None else SymbolRefusal(words, symbol)


def _text(refusal: Refusal) -> str:
    if refusal.words is Words.UNKNOWN_SYMBOL and isinstance(refusal, SymbolRefusal):
        return f"{refusal.words} {refusal.symbol}"
    if refusal.words is Words.UNSUPPORTED_FIELD:
        return f"{refusal.words}: '{refusal.detail}'"
    return str(refusal)
