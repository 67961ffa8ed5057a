"""Unified WebSocket: how its requests and refusals differ from those of Spot's WebSocket v2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.spot_ws import MarketServices, Session, SymbolRefusal
from kraken.emulator.unified_feeds import UnifiedFeeds

if TYPE_CHECKING:
    from kraken.emulator.connection import Link, Params
    from kraken.emulator.feeds import Subscription
    from kraken.emulator.specs import Channel

DERIVATIVES = "derivatives"
"""The one market that there is so far."""
_ONCE = {"positions": Words.POSITIONS_TWICE, "margin": Words.MARGIN_TWICE}
_IN_WORDS_OF_SPOT = ("depth", "interval")


@dataclass(frozen=True, kw_only=True)
class UnifiedServices(MarketServices):
    """What all connections share."""

    feeds: UnifiedFeeds


class UnifiedSession(Session):
    """One connection.

    Args:
        services: What all connections share.
        offers: Names of the servers in the specs whose channels and methods it has.
        link: The connection as it came in.
    """

    per_connection = ("ledgers",)

    def __init__(self, services: UnifiedServices, offers: tuple[str, ...], link: Link) -> None:
        super().__init__(services, offers, link)
        self._feeds = services.feeds

    def _checked(self, asked: Channel, params: Params) -> dict[str, Any]:
        arguments = super()._checked(asked, params)
        if arguments.pop("asset_class", DERIVATIVES) != DERIVATIVES:
            raise Refusal(Words.UNAVAILABLE)
        return arguments

    def _options(self, channel: Channel, given: Params) -> dict[str, Any]:
        beside = {"snapshot": True} if channel.name == "positions" and not given else {}
        return {**super()._options(channel, given), **beside}

    def _register(self, channel: Channel, symbol: str | None, options: Params) -> Subscription:
        if channel.name == "quotes" and self._feeds.warming:
            self._feeds.warming -= 1
            raise Refusal(Words.WARMING_UP)
        return super()._register(channel, symbol, options)

    def _in_own_words(self, refusal: InvalidArgument, params: Params) -> Refusal:
        channel = params.get("channel")
        if channel is None or (refusal.name in _IN_WORDS_OF_SPOT and not refusal.unknown):
            return super()._in_own_words(refusal, params)
        return _ParameterRefusal(refusal, str(channel))

    def _unknown_symbol(self, symbol: str) -> Refusal:
        return SymbolRefusal(Words.UNKNOWN_SYMBOL, symbol)

    def _already_subscribed(self, channel: str, symbol: str | None) -> Refusal:
        words = _ONCE.get(channel)
        return super()._already_subscribed(channel, symbol) if words is None else Refusal(words)


class _ParameterRefusal(Refusal):
    """A parameter that a channel does not take, or takes otherwise, or that is missing."""

    def __init__(self, refusal: InvalidArgument, channel: str) -> None:
        super().__init__(Words.PARAMETER)
        self._name = refusal.name
        self._problem = "required" if refusal.missing else "not valid"
        self._channel = channel

    def __str__(self) -> str:
        return f"{self.words}{self._name}' is {self._problem} for the {self._channel} channel"
