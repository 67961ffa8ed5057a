"""The user of the soak for Spot: keeps books, trades, and follows the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from kraken.runtime import Level3Book
from kraken.spot import SpotLevel3BookClient, SpotOrderBookClient, SpotWSClient

from ..simulated import SimulatedLoop
from .judge import digest
from .user import User


class SpotUser(User):
    """Clients of Spot."""

    sizes: ClassVar[Mapping[str, str]] = {
        "BTC/USD": "0.01",
        "ETH/USD": "0.1",
        "ETH/BTC": "0.1",
        "DOT/USD": "10",
        "SOL/EUR": "1",
        "SHIB/USD": "1000000",
    }
    fill_id = "exec_id"
    unit = 1_000

    _ws: SpotWSClient

    def _connect(self, where: Mapping[str, str], loop: SimulatedLoop) -> None:
        addresses = {name: value for name, value in where.items() if name != "level3_url"}
        options: dict[str, Any] = {
            **addresses,
            "socket_urls": {"level3": where["level3_url"]},
            "timing": loop.timing(self._random.random),
        }
        self._ws = SpotWSClient(**options)
        self._books = {
            ("book", 10): SpotOrderBookClient(10, **options),
            ("book", 100): SpotOrderBookClient(100, **options),
            ("level3", 10): SpotLevel3BookClient(10, **options),
        }
        # Few enough to be reached soon: what is remembered up to a limit would look like a leak until then.
        self._account = self._spot_account = self._ws.account(closed_orders=50, remembered_fills=200)
        self._stalled = self._ws.trade(symbol=list(self.sizes)).buffer(size=1000)

    async def _place(self, symbol: str, side: Any, price: Decimal) -> str:
        placed = await self._ws.add_order(
            order_type="limit", side=side, symbol=symbol, order_qty=self.sizes[symbol], limit_price=price
        )
        return str(placed.order_id)

    async def _cancel(self, order_id: str) -> None:
        await self._ws.cancel_order(order_id=order_id)

    def _balances(self) -> dict[str, Decimal | None]:
        return {asset: balance.balance for asset, balance in self._spot_account.balances.items()}

    def _at(self, book: Any) -> int:
        return _nanoseconds(book.timestamp)

    def _digest(self, book: Any) -> bytes:
        if isinstance(book, Level3Book):
            return digest(*([order[:3] for order in side] for side in (book.bid_orders(), book.ask_orders())))
        return super()._digest(book)


def _nanoseconds(text: str) -> int:
    """Unix nanoseconds of a time in text, with up to nine decimals."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
