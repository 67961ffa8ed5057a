"""The exchange of the soak for Spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from kraken.emulator.instruments import Instruments

from .judge import Book, digest
from .world import World

BOOKS = (("book", 10), ("book", 100), ("level3", 10))
ASSETS = {asset.name: asset.symbol for asset in Instruments().assets.values() if asset.of is None}


class SpotWorld(World):
    """Spot, with all its trouble. Of a book of levels a lost frame cannot always be noticed: its checksum covers the ten
    best prices only."""

    product = "spot"
    servers = ("public", "public", "private", "level3", None)
    losable = ("executions", "balances", "level3")
    nonsense = ('{"channel":"book","ty', b"\x00\x01", "null", '{"channel":"news","data":[]}', "{}")
    methods = ("subscribe", "subscribe", "unsubscribe", "add_order")
    operations = ("GetWebSocketsToken", "TradesHistory", "QueryOrders")

    def _traded(self) -> list[str]:
        return [pair.symbol for pair in Instruments().pairs.values()]

    def _addresses(self) -> dict[str, str]:
        emulator = self._emulator
        return {
            "key": emulator.key,
            "secret": emulator.secret,
            "rest_url": emulator.spot_url,
            "ws_url": emulator.spot_ws_url,
            "auth_ws_url": emulator.spot_ws_auth_url,
            "level3_url": emulator.spot_ws_level3_url,
        }

    def _books(self) -> Sequence[tuple[str, int]]:
        return BOOKS

    def _note(self, symbol: str) -> None:
        for kind, depth in BOOKS:
            look: Callable[[str, int], Any] = self._emulator.book if kind == "book" else self._emulator.book_orders
            self._judge.note(Book(kind, symbol, depth), self._now, digest(*look(symbol, depth)))

    def _spoil(self, symbol: str) -> None:
        self._emulator.poison_checksum(symbol, self._random.randint(1, 3))

    def _expire(self) -> None:
        self._emulator.expire_tokens()

    def _move_money(self) -> None:
        self._emulator.deposit("USD", "100")
        self._emulator.settle_deposits()

    def _balances(self) -> dict[str, Decimal]:
        return {ASSETS[name]: amount for name, amount in self._emulator.balances.items() if name in ASSETS}
