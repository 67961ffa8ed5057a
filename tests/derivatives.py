"""Lives on the derivatives market: the account that both of its WebSockets tell of, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kraken.emulator.instruments import Instruments
from kraken.emulator.orders import Event, OrderChanged

from .lives import Life, Reader, of_life, some_symbols

ASSETS = Instruments().assets


class View(Protocol):
    """What one private channel tells of the account."""

    def take(self, message: Any) -> None:
        """Take a message of the channel."""

    def unlike(self, life: Any) -> list[str]:
        """In what it differs from the truth."""


class DerivativesLife(Life):
    """A life with derivatives, whose account is followed channel by channel."""

    symbols = ("PF_XBTUSD", "PI_XBTUSD", "PF_SOLUSD")
    views_of: ClassVar[Mapping[str, type[View]]]
    """Private channels, and what is made of them."""
    private_server: ClassVar[str]
    """Where they come in."""

    viewer: Any
    """The client that they are subscribed with."""

    def __init__(self) -> None:
        self.views: dict[str, View] = {}
        self.fills: set[str] = set()
        super().__init__()
        self.emulator.listen(self.note_fill, "futures")
        for channel in self.views_of:
            self.follow(channel)

    def note_fill(self, event: Event) -> None:
        if isinstance(event, OrderChanged) and not event.order.account.house and event.fill is not None:
            self.fills.add(event.fill.id)

    # ------------------------------------------------------------------ what the user does

    @rule(channel=of_life(lambda life: st.sampled_from(list(life.views_of))))
    def follow(self, channel: str) -> None:
        if channel not in self.views:
            view = self.views[channel] = self.views_of[channel]()
            stream = getattr(self.viewer, channel)(**self.parameters(channel))
            self.read(stream, [(channel, None, None)], view.take)

    def left(self, reader: Reader) -> None:
        for channel, *_ in reader.wanted:
            self.views.pop(channel, None)

    # ------------------------------------------------------------------ what the exchange does

    @rule(symbols=some_symbols, times=st.integers(1, 60))
    def trade(self, symbols: list[str], times: int) -> None:
        for symbol in symbols:
            self.emulator.tick(times, symbol)
        self.turn()

    def end_silence(self) -> None:
        # Not everything is numbered: who has kept something back does not go on as if nothing was missing.
        if self.silent:
            self.emulator.drop_connections(self.private_server)
        super().end_silence()

    # ------------------------------------------------------------------ what must be so

    def true_orders(self) -> dict[str, Any]:
        """All open orders, as REST shows them."""
        found = self.emulator.futures_orders.items()
        return {name: each["order"] for name, each in found if each["status"] in ("ENTERED_BOOK", "TRIGGER_PLACED")}

    def alive(self) -> Mapping[str, str]:
        return {name: order["side"] for name, order in self.true_orders().items()}

    def unlike_account(self) -> list[str]:
        return [found for view in self.views.values() for found in view.unlike(self)]
