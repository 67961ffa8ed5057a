"""The exchange of the soak for Futures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from kraken.emulator.instruments import Instruments
from kraken.emulator.wire import plain

from .futures_user import FuturesUser
from .judge import Book, digest
from .world import World

ASSETS = Instruments().assets
Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


class FuturesWorld(World):
    """Derivatives WebSocket v1, with all its trouble. Orders and fills are not numbered, so their frames are lost with
    their connection only."""

    product = "futures"
    # All connections come in at one door, so each of these hits all of them.
    every: ClassVar[Mapping[str, float]] = {**World.every, "cut": 12}
    servers = ("futures",)
    losable = ("book", "balances", "heartbeat")
    nonsense = ('{"feed":"book","prod', b"\x00\x01", "null", '{"feed":"news","data":[]}', "{}")
    methods = ("subscribe", "subscribe", "unsubscribe", "challenge")
    operations = ("getFills", "getOrderStatus", "sendOrder")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._sides: dict[str, Sides] = {}

    def _traded(self) -> list[str]:
        return list(FuturesUser.sizes)

    def _addresses(self) -> dict[str, str]:
        emulator = self._emulator
        return {
            "key": emulator.futures_key,
            "secret": emulator.futures_secret,
            "rest_url": emulator.futures_url,
            "ws_url": emulator.futures_ws_url,
        }

    def _books(self) -> Sequence[tuple[str, int]]:
        return (("book", 0),)

    def _note(self, symbol: str) -> None:
        """Each message changes one level, and every state between two messages is one that is shown."""
        if symbol not in self._symbols:
            return
        book = self._emulator.book(symbol)
        now: Sides = (dict(book.bids), dict(book.asks))
        sides = self._sides.setdefault(symbol, now)
        for side, wanted in zip(sides, now, strict=True):
            for price, quantity in list(_changes(side, wanted)):
                if quantity:
                    side[price] = quantity
                else:
                    del side[price]
                self._take_down(symbol)
        self._take_down(symbol)
        # Levels that go are told in the order of the book, which changing the old one does not keep.
        self._sides[symbol] = now

    def _take_down(self, symbol: str) -> None:
        bids, asks = self._sides[symbol]
        sides = sorted(bids.items(), reverse=True), sorted(asks.items())
        told = ([(_on_the_wire(price), _on_the_wire(quantity)) for price, quantity in side] for side in sides)
        self._judge.note(Book("book", symbol, 0), self._now, digest(*told))

    def _spoil(self, symbol: str) -> None:
        self._emulator.skip_sequence(symbol, self._random.randint(1, 3))

    def _expire(self) -> None:
        self._emulator.expire_challenges()

    def _balances(self) -> dict[str, dict[str, Decimal]]:
        wallets = self._emulator.futures_balances
        held = {
            name: {ASSETS[each].altname: amount for each, amount in wallets[name].items()} for name in ("cash", "flex")
        }
        return {**held, "positions": self._emulator.futures_positions}


def _changes(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal]) -> Iterator[tuple[Decimal, Decimal]]:
    """The levels that are different, in the order in which they are told."""
    yield from ((price, Decimal(0)) for price in old if price not in new)
    yield from ((price, quantity) for price, quantity in new.items() if old.get(price) != quantity)


def _on_the_wire(value: Decimal) -> Decimal:
    return Decimal(format(plain(value), "f"))
