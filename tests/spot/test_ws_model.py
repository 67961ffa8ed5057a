"""Whatever happens to the connections of Spot, in the end the client has what the exchange has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from kraken.emulator.instruments import Instruments
from kraken.runtime.websocket import WebSocketClient
from kraken.runtime.websocket.account import Account
from kraken.spot import SpotLevel3BookClient, SpotOrderBookClient, SpotWSClient
from kraken.spot.messages import AccountBalance, AccountOrder, Balance, Execution

from ..lives import ExecutionsView, Follower, FollowingLife, Orders, Wanted, led, some_symbols
from .sockets import addresses

ASSETS = {asset.name: asset.symbol for asset in Instruments().assets.values() if asset.of is None}
Kept = Account[AccountOrder, Execution, AccountBalance, Balance]
PRIVATE: list[Wanted] = [("executions", None, None), ("balances", None, None)]
"""What an account subscribes."""


class BalancesView:
    """Balances as the channel `balances` tells them."""

    def __init__(self) -> None:
        self.balances: dict[str, Decimal] = {}

    def take(self, message: Any) -> None:
        if message.type == "snapshot":
            self.balances.clear()
        self.balances |= {row.asset: row.balance for row in message.data}


def open_orders(account: Kept) -> Orders:
    """Open orders as the account has them."""
    return {
        order_id: (order.side, order.order_qty, order.cum_qty, order.limit_price)
        for order_id, order in account.orders.items()
    }


class SpotLife(FollowingLife):
    """A life with Spot."""

    symbols = ("BTC/USD", "ETH/USD", "SHIB/USD")
    servers = (None, "public", "private", "level3")
    each = "symbol"
    depth = 10
    kinds = ("book", "level3")
    methods = ("subscribe", "subscribe", "unsubscribe", "add_order", "cancel_order", "amend_order")
    operations = ("GetWebSocketsToken", "TradesHistory", "QueryOrders")
    nonsense_of = (
        '{"channel":"book","type":"upd',
        "[]",
        "null",
        b"\x00\x01",
        '{"channel":"news","data":[{"symbol":"BTC/USD"}]}',
        '{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"},"success":true,"req_id":7}',
        '{"method":"dance","success":false,"error":"Event(s) not found"}',
        '{"channel":"ticker","type":"update","data":[{"symbol":5}]}',
    )
    lot = Decimal("0.01")

    ws: SpotWSClient
    other: SpotWSClient
    """For the private channels as they are: a stream that joins a live subscription gets no snapshot of its own."""
    follower: Follower[Kept]
    private = False

    async def arrive(self) -> None:
        options: dict[str, Any] = {**addresses(self.emulator), "timing": self.loop.timing(self.chance.random)}
        self.ws = SpotWSClient(**options)
        self.other = SpotWSClient(no_public=True, **options)
        self.books = {"book": SpotOrderBookClient(10, **options), "level3": SpotLevel3BookClient(10, **options)}
        self.orders, self.balances = ExecutionsView(), BalancesView()
        await asyncio.gather(*(client.start() for client in self.clients))
        self.follower = Follower(await self.ws.account().open(), "exec_id")

    @property
    def clients(self) -> tuple[WebSocketClient, ...]:
        return self.ws, self.other, *self.books.values()

    # ------------------------------------------------------------------ what the user does

    def parameters(self, channel: str) -> dict[str, Any]:
        return {"depth": self.depth} if channel == "book" else {}

    @rule(symbols=some_symbols, interval=st.sampled_from([1, 60]))
    def subscribe_candles(self, symbols: list[str], interval: int) -> None:
        self.listen_to("ohlc", symbols, {"interval": interval})

    @precondition(lambda self: not self.private)
    @rule()
    def subscribe_private_channels(self) -> None:
        self.private = True
        orders, balances = PRIVATE
        self.read(self.other.executions(snap_trades=True), [orders], self.orders.take)
        self.read(self.other.balances(), [balances], self.balances.take)

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 99))
    def unsubscribe(self, number: int) -> None:
        # What the views have is compared with the truth from then on, so its channels stay.
        if self.readers[number % len(self.readers)].wanted.isdisjoint(PRIVATE):
            super().unsubscribe(number)

    async def place(self, side: Any, quantity: Decimal, price: Decimal) -> str:
        placed = await self.ws.add_order(
            order_type="limit", side=side, symbol=self.symbols[0], order_qty=quantity, limit_price=price
        )
        return str(placed.order_id)

    def amend(self, order_id: str, change: Mapping[str, Decimal]) -> Coroutine[Any, Any, Any]:
        names = {"quantity": "order_qty", "price": "limit_price"}
        given: dict[str, Any] = {names[name]: value for name, value in change.items()}
        return self.ws.amend_order(order_id=order_id, **given)

    def cancel(self, order_id: str) -> Coroutine[Any, Any, Any]:
        return self.ws.cancel_order(order_id=order_id)

    # ------------------------------------------------------------------ what the exchange does

    @rule(times=st.integers(1, 150))
    def trade(self, times: int) -> None:
        self.emulator.tick(times)
        self.turn()

    @rule()
    def expire_tokens(self) -> None:
        self.troubled = True
        self.emulator.expire_tokens()
        # A second token that is refused at once would be told to the user, and rightly.
        self.turn(1)

    @rule(symbol=some_symbols, times=st.integers(1, 3))
    def poison(self, symbol: list[str], times: int) -> None:
        self.emulator.poison_checksum(symbol[0], times)

    @rule(channel=st.sampled_from(["book", "level3", "executions", "balances", "ticker"]), times=st.integers(1, 2))
    def lose_frames(self, channel: str, times: int) -> None:
        self.emulator.lose_frames(channel, times)

    def move_money(self) -> None:
        self.emulator.deposit("USD", "100")
        self.emulator.settle_deposits()

    # ------------------------------------------------------------------ what must be so

    def alive(self) -> Mapping[str, str]:
        return {
            name: order["descr"]["type"]
            for name, order in self.emulator.orders.items()
            if order["status"] in ("open", "pending")
        }

    def standing(self) -> Sequence[Wanted]:
        return PRIVATE

    def unlike_account(self) -> list[str]:
        account = self.follower.account
        balances = {asset: balance.balance for asset, balance in account.balances.items()}
        trades = [trade for order in self.emulator.orders.values() for trade in order.get("trades", ())]
        found = self.follower.unlike(trades) + self.wrong_account(open_orders(account), balances)
        if self.private:
            found += self.wrong_account(self.orders.open_orders(), self.balances.balances)
            found += self.orders.fills.unlike(set(trades))
        return found

    def wrong_account(self, orders: Orders, balances: Mapping[str, Decimal | None]) -> list[str]:
        true_orders = {
            order_id: (
                order["descr"]["type"],
                *(Decimal(text) for text in (order["vol"], order["vol_exec"], order["descr"]["price"])),
            )
            for order_id, order in self.emulator.orders.items()
            if order["status"] in ("open", "pending")
        }
        true_balances = {ASSETS[name]: amount for name, amount in self.emulator.balances.items() if name in ASSETS}
        found = [] if orders == true_orders else [f"orders are wrong: {orders} in place of {true_orders}"]
        if balances != true_balances:
            found.append(f"balances are wrong: {balances} in place of {true_balances}")
        return found


TestLife = led(SpotLife)
