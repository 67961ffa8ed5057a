"""Whatever happens to the connections of Derivatives WebSocket v1, in the end the client has what the exchange has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kraken.emulator.wire import plain
from kraken.futures import FuturesAsyncClient, FuturesOrderBookClient, FuturesWSClient
from kraken.futures.messages import AccountBalances, AccountOrder, Fill, OpenOrder, OpenPosition
from kraken.runtime.websocket import WebSocketClient
from kraken.runtime.websocket.account import DerivativesAccount

from ..derivatives import ASSETS, DerivativesLife, View
from ..lives import Follower, FollowingLife, Orders, ToldFills, Wanted, led, some_symbols

Kept = DerivativesAccount[AccountOrder, Fill, AccountBalances, OpenPosition]
HEARTBEAT: Wanted = ("heartbeat", None, None)
"""What every connection subscribes on which something is subscribed."""


class Fills:
    """The fills that were told."""

    def __init__(self) -> None:
        self.told = ToldFills()

    def take(self, message: Any) -> None:
        self.told.take((fill.fill_id for fill in message.fills), message.snapshot)

    def unlike(self, life: FuturesLife) -> list[str]:
        return self.told.unlike(life.fills)


class OpenOrders:
    """Open orders as they are told."""

    def __init__(self) -> None:
        self.orders: Orders = {}

    def take(self, message: Any) -> None:
        if message.snapshot:
            self.orders.clear()
        for order in message.orders if message.snapshot else filter(None, [message.order]):
            self.orders[order.order_id] = self.row(order)
        if not message.snapshot and message.is_cancel:
            self.orders.pop(message.order_id, None)

    @staticmethod
    def row(order: OpenOrder | AccountOrder) -> tuple[Any, ...]:
        """What is compared of an order."""
        side = "sell" if order.direction else "buy"
        return order.instrument, side, order.qty, order.filled, order.limit_price

    def unlike(self, life: FuturesLife) -> list[str]:
        names = ("symbol", "side", "unfilledSize", "filledSize", "limitPrice")
        true = {name: tuple(order[each] for each in names) for name, order in life.true_orders().items()}
        return [] if self.orders == true else [f"orders are wrong: {self.orders} in place of {true}"]


class Balances:
    """Balances as they are told, part by part."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}

    def take(self, message: Any) -> None:
        parts = {name: getattr(message, name) for name in ("holding", "futures", "flex_futures")}
        self.parts |= {name: part for name, part in parts.items() if part}

    def unlike(self, life: FuturesLife) -> list[str]:
        wallets = life.emulator.futures_balances
        true = {
            "cash": {ASSETS[name].altname: amount for name, amount in wallets.pop("cash").items()},
            "flex": {ASSETS[name].altname: amount for name, amount in wallets.pop("flex").items()},
            "futures": [amount for wallet in wallets.values() for amount in wallet.values()],
        }
        told = {
            "cash": self.parts.get("holding"),
            "flex": {
                name: each.quantity for name, each in getattr(self.parts.get("flex_futures"), "currencies", {}).items()
            },
            "futures": [wallet.balance for wallet in self.parts.get("futures", {}).values()],
        }
        return [] if told == true else [f"balances are wrong: {told} in place of {true}"]


class Positions:
    """Open positions as they are told."""

    def __init__(self) -> None:
        self.sizes: dict[str, Decimal] = {}

    def take(self, message: Any) -> None:
        self.sizes = {position.instrument: position.balance for position in message.positions}

    def unlike(self, life: FuturesLife) -> list[str]:
        true = life.emulator.futures_positions
        return [] if self.sizes == true else [f"positions are wrong: {self.sizes} in place of {true}"]


class FuturesLife(DerivativesLife, FollowingLife):
    """A life with Derivatives WebSocket v1, and with REST for orders."""

    servers = ("futures",)
    private_server = "futures"
    views_of: ClassVar[Mapping[str, type[View]]] = {
        "fills": Fills,
        "open_orders": OpenOrders,
        "balances": Balances,
        "open_positions": Positions,
    }
    each = "product_ids"
    methods = ("subscribe", "subscribe", "unsubscribe", "challenge")
    operations = ("sendOrder", "cancelOrder", "editOrderSpring", "getFills", "getOrderEvents", "getTriggerEvents")
    nonsense_of = (
        '{"feed":"book","product_id":"PF_X',
        "[]",
        "null",
        b"\x00\x01",
        '{"feed":"news","product_id":"PF_XBTUSD"}',
        '{"event":"subscribed","feed":"ticker","product_ids":["PF_ETHUSD"]}',
        '{"event":"unsubscribed","feed":"account_log"}',
        '{"feed":"ticker","product_id":5}',
    )
    lot = Decimal("0.01")
    nobody = "00000000-0000-4000-8000-000000000000"

    ws: FuturesWSClient
    viewer: FuturesWSClient
    """For the private feeds as they are: a stream that joins a live subscription gets no snapshot of its own."""
    follower: Follower[Kept]
    rest: FuturesAsyncClient

    async def arrive(self) -> None:
        emulator, timing = self.emulator, self.loop.timing(self.chance.random)
        own: dict[str, Any] = {"key": emulator.futures_key, "secret": emulator.futures_secret}
        self.rest = FuturesAsyncClient(**own, url=emulator.futures_url, clock=self.loop.time)
        where: dict[str, Any] = {"url": emulator.futures_ws_url, "rest_url": emulator.futures_url, "timing": timing}
        self.ws = FuturesWSClient(**own, **where)
        self.viewer = FuturesWSClient(**own, no_public=True, **where)
        self.books = {"book": FuturesOrderBookClient(url=emulator.futures_ws_url, timing=timing)}
        await asyncio.gather(*(client.start() for client in self.clients))
        self.follower = Follower(await self.ws.account().open(), "fill_id")

    @property
    def clients(self) -> tuple[WebSocketClient, ...]:
        return self.ws, self.viewer, *self.books.values()

    # ------------------------------------------------------------------ what the user does

    async def place(self, side: Any, quantity: Decimal, price: Decimal) -> str:
        sent = await self.rest.order_management.send_order(
            orderType="lmt", symbol=self.symbols[0], side=side, size=quantity, limitPrice=price
        )
        return str(sent.sendStatus.order_id)

    def amend(self, order_id: str, change: Mapping[str, Decimal]) -> Coroutine[Any, Any, Any]:
        names = {"quantity": "size", "price": "limitPrice"}
        given: dict[str, Any] = {names[name]: value for name, value in change.items()}
        return self.rest.order_management.edit_order(orderId=order_id, **given)

    def cancel(self, order_id: str) -> Coroutine[Any, Any, Any]:
        return self.rest.order_management.cancel_order(order_id=order_id)

    # ------------------------------------------------------------------ what the exchange does

    @rule()
    def expire_challenges(self) -> None:
        self.troubled = True
        self.emulator.expire_challenges()
        # A second challenge that is refused at once would be told to the user, and rightly.
        self.turn(1)

    @rule(symbols=some_symbols, times=st.integers(1, 3))
    def poison(self, symbols: list[str], times: int) -> None:
        for symbol in symbols:
            self.emulator.skip_sequence(symbol, times)

    @rule(channel=st.sampled_from(["book", "balances", "ticker", "heartbeat"]), times=st.integers(1, 2))
    def lose_frames(self, channel: str, times: int) -> None:
        self.emulator.lose_frames(channel, times, "futures")

    # ------------------------------------------------------------------ what must be so

    def true_sides(self, symbol: str) -> Any:
        return [[tuple(map(_on_the_wire, level)) for level in side] for side in super().true_sides(symbol)]

    def unclaimed(self) -> Sequence[Wanted]:
        sessions = [session for client in self.clients for session in client._sessions.values()]
        return [HEARTBEAT for session in sessions if any(session.live())]

    def standing(self) -> Sequence[Wanted]:
        return [(feed, None, None) for feed in self.views_of]

    def unlike_account(self) -> list[str]:
        account = self.follower.account
        held, orders, positions = Balances(), OpenOrders(), Positions()
        if account.current:
            held.take(account.balances)
        orders.orders = {name: OpenOrders.row(order) for name, order in account.orders.items()}
        positions.sizes = {name: position.balance for name, position in account.positions.items()}
        views: list[View] = [held, orders, positions]
        followed = self.follower.unlike(self.fills) + [found for view in views for found in view.unlike(self)]
        return followed + super().unlike_account()

    async def leave(self) -> None:
        await super().leave()
        await self.rest.close()


def _on_the_wire(value: Decimal) -> Decimal:
    return Decimal(format(plain(value), "f"))


TestLife = led(FuturesLife)


def test_a_challenge_that_has_expired_parts_nobody() -> None:
    """What is unsubscribed with it is ended all the same, and can be subscribed anew."""
    life = FuturesLife()
    life.turn(1)
    life.expire_challenges()
    life.unsubscribe(number=list(life.views).index("open_positions"))
    life.turn(1)
    life.follow(channel="open_positions")
    life.teardown()
