"""Derivatives WebSocket v1: requests of a connection and their answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken.emulator.connection import IDLE_CODE, Connection, Link, Params, Services
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.feeds import Subscription
from kraken.emulator.futures_rest import milliseconds
from kraken.emulator.limits import Window
from kraken.emulator.schema import Mode
from kraken.emulator.wire import SECOND, NotJson, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.auth import FuturesKeys
    from kraken.emulator.contracts import Contract
    from kraken.emulator.specs import Channel

LOGGER = logging.getLogger(__name__)

_Key = tuple[str, "Contract | None"]
_CREDENTIALS = ("api_key", "original_challenge", "signed_challenge")
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FuturesServices(Services):
    """What all connections share."""

    contracts: Mapping[str, Contract]
    keys: FuturesKeys
    limited: bool
    """Whether requests on a connection are limited."""


class FuturesConnection(Connection):
    """One connection, for public and private feeds.

    Args:
        services: What all connections share.
        link: The connection as it came in.
    """

    def __init__(self, services: FuturesServices, link: Link) -> None:
        super().__init__(services, link)
        self._services = services
        self._subscriptions: dict[_Key, Subscription] = {}
        self._challenge: str | None = None
        self._beaten_at = services.now()
        limits = services.specs.dialect["limits"]
        self._requests = Window(limits["requests"], limits["seconds"]) if services.limited else None

    def _subscribed(self) -> list[Subscription]:
        if self._challenge is not None:
            self._services.keys.expire_challenges(self._challenge)
        return list(self._subscriptions.values())

    def _greet(self) -> None:
        self._push(dumps({"event": "info", "version": _VERSION}))

    def push_status(self) -> None:
        """The mode of the exchange is in the feed ``ticker`` here."""

    def pass_time(self) -> None:
        """Send a heartbeat to who wants one, and close a connection without a sign of life."""
        now = self._services.now()
        if ("heartbeat", None) in self._subscriptions and now - self._beaten_at >= self._services.heartbeat:
            self._beaten_at = now
            self._push(dumps({"feed": "heartbeat", "time": milliseconds(now)}))
        if now - self._used_at > self._services.specs.dialect["keepalive"] * SECOND:
            self.close(IDLE_CODE)

    # ------------------------------------------------------------------ requests

    def _handle(self, text: str) -> None:
        self._used_at = self._services.now()
        try:
            request = loads(text)
        except NotJson:
            request = None
        if not isinstance(request, dict) or not isinstance(request.get("event"), str):
            self._send(_error(Words.JSON_ERROR))
            return
        event = request["event"]
        arguments = {name: value for name, value in request.items() if name != "event"}
        self._services.record("WS", event, {name: arguments[name] for name in arguments if name not in _CREDENTIALS})
        self._perform(event, lambda: self._carry_out(event, arguments))

    def _carry_out(self, event: str, arguments: Params) -> tuple[list[str], Callable[[], None]]:
        started: list[Subscription] = []
        try:
            if self._requests is not None and not self._requests.take(1, self._services.now()):
                return [_error(Words.TOO_MANY_REQUESTS, "alert")], _nothing
            if event == "challenge":
                return [self._challenged(arguments)], _nothing
            if event not in ("subscribe", "unsubscribe"):
                raise Refusal(Words.JSON_ERROR)
            channel = self._services.specs.channels.get(str(arguments.get("feed")))
            if channel is None:
                raise Refusal(Words.INVALID_FEED)
            replies = self._change(event, channel, arguments, started)
        except Refusal as refusal:
            return [_error(refusal.words)], _nothing
        except Exception:
            LOGGER.exception("WebSocket event %s failed", event)
            return [_error(Words.JSON_ERROR)], _nothing
        return replies, lambda: self._start(started)

    def _challenged(self, arguments: Params) -> str:
        if arguments.keys() != {"api_key"} or not isinstance(arguments["api_key"], str):
            raise Refusal(Words.JSON_ERROR)
        if self._challenge is not None:
            self._services.keys.expire_challenges(self._challenge)
        self._challenge = self._services.keys.new_challenge()
        return dumps({"event": "challenge", "message": self._challenge})

    def _change(self, event: str, channel: Channel, arguments: Params, started: list[Subscription]) -> list[str]:
        """Subscribe or unsubscribe, and answer.

        Args:
            event: Which of both.
            channel: What is asked for.
            arguments: The request.
            started: Takes what is to be sent from now on.
        """
        failed = dumps({"event": f"{event}d_failed", **arguments})
        if channel.private:
            try:
                self._services.keys.check_challenge(
                    arguments.get("api_key"),
                    self._challenge,
                    arguments.get("original_challenge"),
                    arguments.get("signed_challenge"),
                )
            except Refusal:
                return [failed]
        keys, options = self._wanted(channel, arguments)
        known = [key for key in keys if key in self._subscriptions]
        done = dumps({"event": f"{event}d", **arguments})
        if event == "unsubscribe":
            if not known:
                return [failed]
            for key in known:
                self._services.feeds.remove(self._subscriptions.pop(key))
            return [done]
        for key in keys:
            if key in known:
                self._services.feeds.remove(self._subscriptions[key])
            self._subscriptions[key] = Subscription(*key, options, self._push)
            started.append(self._subscriptions[key])
        return [_error(Words.RE_REQUESTING, "alert"), done] if known else [done]

    def _wanted(self, channel: Channel, arguments: Params) -> tuple[list[_Key], dict[str, Any]]:
        """What a request is about, and its options.

        Raises:
            Refusal: it is not as it must be.
        """
        assert channel.shape is not None
        beside = {"feed", *(_CREDENTIALS if channel.private else ())}
        try:
            given = channel.shape.check(
                {name: value for name, value in arguments.items() if name not in beside}, Mode.STRICT
            )
        except InvalidArgument as refusal:
            wrong = Words.INVALID_PRODUCT if refusal.name == "product_ids" else Words.JSON_ERROR
            raise Refusal(wrong) from None
        products: list[str] = given.get("product_ids", [])
        if any(name not in self._services.contracts for name in products):
            raise Refusal(Words.INVALID_PRODUCT)
        if "product_ids" in channel.shape.required:
            return [(channel.name, self._services.contracts[name]) for name in products], {}
        return [(channel.name, None)], given

    def _start(self, subscriptions: list[Subscription]) -> None:
        for subscription in subscriptions:
            self._services.feeds.add(subscription)


def _error(words: Words, event: str = "error") -> str:
    return dumps({"event": event, "message": str(words)})


def _nothing() -> None:
    """Nothing comes behind the replies."""
