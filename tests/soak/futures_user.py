"""The user of the soak for Futures: keeps books, trades over REST, and follows the account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from kraken.futures import FuturesAsyncClient, FuturesOrderBookClient, FuturesWSClient

from ..simulated import SimulatedLoop
from .user import User


class FuturesUser(User):
    """Clients of Derivatives WebSocket v1."""

    sizes: ClassVar[Mapping[str, str]] = {"PF_XBTUSD": "0.01", "PF_ETHUSD": "0.1", "PF_SOLUSD": "1", "PI_XBTUSD": "10"}
    fill_id = "fill_id"
    unit = 10**6

    def _connect(self, where: Mapping[str, str], loop: SimulatedLoop) -> None:
        own: dict[str, Any] = {"key": where["key"], "secret": where["secret"]}
        address: dict[str, Any] = {"url": where["ws_url"], "timing": loop.timing(self._random.random)}
        ws = FuturesWSClient(**own, **address, rest_url=where["rest_url"])
        self._ws = ws
        self._rest = FuturesAsyncClient(**own, url=where["rest_url"], clock=loop.time)
        self._books = {("book", 0): FuturesOrderBookClient(**address)}
        # Few enough to be reached soon: what is remembered up to a limit would look like a leak until then.
        self._account = self._futures_account = ws.account(closed_orders=50, remembered_fills=200)
        self._stalled = ws.trade(product_ids=list(self.sizes)).buffer(size=1000)

    async def stop(self) -> None:
        """Close everything."""
        await super().stop()
        await self._rest.close()

    async def _place(self, symbol: str, side: Any, price: Decimal) -> str:
        sent = await self._rest.order_management.send_order(
            orderType="lmt", symbol=symbol, side=side, size=self.sizes[symbol], limitPrice=price
        )
        return str(sent.sendStatus.order_id)

    async def _cancel(self, order_id: str) -> None:
        await self._rest.order_management.cancel_order(order_id=order_id)

    def _balances(self) -> dict[str, dict[str, Decimal | None]]:
        held = self._futures_account.balances
        flex = {} if held.flex_futures is None else held.flex_futures.currencies or {}
        return {
            "cash": dict(held.holding),
            "flex": {name: currency.quantity for name, currency in flex.items()},
            "positions": {name: each.balance for name, each in self._futures_account.positions.items()},
        }

    def _at(self, book: Any) -> int:
        return int(book.timestamp) * self.unit
