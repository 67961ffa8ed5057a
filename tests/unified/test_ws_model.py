"""Whatever happens to the connections of the Unified WebSocket, in the end the client has what the exchange has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from kraken.runtime.websocket import WebSocketClient
from kraken.unified import UnifiedLevel3BookClient, UnifiedOrderBookClient, UnifiedWSClient

from ..derivatives import ASSETS, DerivativesLife, View
from ..lives import ExecutionsView, led, some_symbols
from .exchange import DERIVATIVES

Wallets = dict[tuple[str, str], Decimal]
"""What is in wallets, by asset and name of the wallet; empty ones are left out."""
SPOT_WALLET = "main"
DEPTH = 10
FURTHER: Mapping[str, Mapping[str, Any]] = {"book": {"depth": DEPTH}, "executions": {"snap_trades": True}}
"""What subscriptions say besides the market and the symbols."""


class Executions(ExecutionsView):
    """Orders and fills as they are told."""

    def unlike(self, life: UnifiedLife) -> list[str]:
        found = self.open_orders()
        true = {
            name: (
                order["side"],
                order["unfilledSize"] + order["filledSize"],
                order["filledSize"],
                order["limitPrice"],
            )
            for name, order in life.true_orders().items()
        }
        wrong = [] if found == true else [f"orders are wrong: {found} in place of {true}"]
        return wrong + self.fills.unlike(life.fills)


class Balances:
    """What is in the wallets for Spot and for derivatives, as it is told."""

    def __init__(self) -> None:
        self.wallets: Wallets = {}

    def take(self, message: Any) -> None:
        if message.type == "snapshot":
            self.wallets = {(row.asset, each.id): each.balance for row in message.data for each in row.wallets}
        else:
            self.wallets |= {(row.asset, row.wallet_id): row.balance for row in message.data}

    def unlike(self, life: UnifiedLife) -> list[str]:
        wallets = {SPOT_WALLET: life.emulator.balances, **life.emulator.futures_balances}
        true = {
            (ASSETS[name].symbol, wallet): amount
            for wallet, amounts in wallets.items()
            for name, amount in amounts.items()
            if amount and ASSETS[name].of is None
        }
        told = {name: amount for name, amount in self.wallets.items() if amount}
        return [] if told == true else [f"balances are wrong: {told} in place of {true}"]


class Positions:
    """Open positions as they are told."""

    def __init__(self) -> None:
        self.sizes: dict[str, Decimal] = {}

    def take(self, message: Any) -> None:
        if message.type == "snapshot":
            self.sizes.clear()
        # A list that is none is left out of a message that is known by analogy only.
        self.sizes |= {position.symbol: position.size for position in message.data.futures or ()}

    def unlike(self, life: UnifiedLife) -> list[str]:
        told = {symbol: size for symbol, size in self.sizes.items() if size}
        true = life.emulator.futures_positions
        return [] if told == true else [f"positions are wrong: {told} in place of {true}"]


class UnifiedLife(DerivativesLife):
    """A life with the Unified WebSocket, and with derivatives."""

    servers = (None, "unified_public", "unified_private")
    private_server = "unified_private"
    each = "symbol"
    depth = DEPTH
    kinds = ("book", "level3")
    methods = ("subscribe", "subscribe", "unsubscribe", "add_order", "cancel_order", "amend_order")
    operations = ("GetWebSocketsToken",)
    nonsense_of = (
        '{"channel":"book","type":"upd',
        "[]",
        "null",
        b"\x00\x01",
        '{"channel":"news","data":[{"symbol":"PF_XBTUSD"}]}',
        '{"method":"subscribe","result":{"channel":"ticker","symbol":"PF_XBTUSD"},"success":true,"req_id":7}',
        '{"method":"dance","success":false,"error":"Event(s) not found"}',
        '{"channel":"ticker","type":"update","data":[{"symbol":5}]}',
        '{"channel":"positions","type":"update","data":{"futures":5}}',
    )
    lot = Decimal("0.01")
    views_of: ClassVar[Mapping[str, type[View]]] = {
        "executions": Executions,
        "balances": Balances,
        "positions": Positions,
    }

    ws: UnifiedWSClient

    async def arrive(self) -> None:
        emulator = self.emulator
        options: dict[str, Any] = {
            "key": emulator.key,
            "secret": emulator.secret,
            "rest_url": emulator.spot_url,
            "ws_url": emulator.unified_ws_url,
            "auth_ws_url": emulator.unified_ws_url,
            "socket_urls": {"level3": emulator.unified_ws_url},
            "timing": self.loop.timing(self.chance.random),
        }
        self.ws = self.viewer = UnifiedWSClient(**options)
        self.books = {
            "book": UnifiedOrderBookClient(DEPTH, asset_class=DERIVATIVES, **options),
            "level3": UnifiedLevel3BookClient(DEPTH, asset_class=DERIVATIVES, **options),
        }
        await asyncio.gather(*(client.start() for client in self.clients))

    @property
    def clients(self) -> tuple[WebSocketClient, ...]:
        return self.ws, *self.books.values()

    # ------------------------------------------------------------------ what the user does

    def parameters(self, channel: str) -> dict[str, Any]:
        market = {} if channel == "balances" else {"asset_class": DERIVATIVES}
        return {**market, **FURTHER.get(channel, {})}

    async def place(self, side: Any, quantity: Decimal, price: Decimal) -> str:
        placed = await self.ws.add_order(
            asset_class=DERIVATIVES,
            order_type="limit",
            side=side,
            symbol=self.symbols[0],
            order_qty=quantity,
            limit_price=price,
        )
        return str(placed.order_id)

    def amend(self, order_id: str, change: Mapping[str, Decimal]) -> Coroutine[Any, Any, Any]:
        names = {"quantity": "order_qty", "price": "limit_price"}
        given: dict[str, Any] = {names[name]: value for name, value in change.items()}
        return self.ws.amend_order(asset_class=DERIVATIVES, order_id=order_id, **given)

    def cancel(self, order_id: str) -> Coroutine[Any, Any, Any]:
        return self.ws.cancel_order(asset_class=DERIVATIVES, order_id=order_id)

    # ------------------------------------------------------------------ what the exchange does

    @rule()
    def expire_tokens(self) -> None:
        self.troubled = True
        self.emulator.expire_tokens()
        # A second token that is refused at once would be told to the user, and rightly.
        self.turn(1)

    @rule(symbols=some_symbols, times=st.integers(1, 3))
    def poison(self, symbols: list[str], times: int) -> None:
        for symbol in symbols:
            self.emulator.poison_checksum(symbol, times)

    @rule(channel=st.sampled_from(["book", "level3", "executions", "balances", "ticker"]), times=st.integers(1, 2))
    def lose_frames(self, channel: str, times: int) -> None:
        self.emulator.lose_frames(channel, times, "unified")

    @rule(side=st.sampled_from(["buy", "sell"]), lots=st.integers(1, 5), times=st.integers(1, 2))
    def lose_what_an_order_does(self, side: Any, lots: int, times: int) -> None:
        self.emulator.lose_frames("executions", times, "unified")
        self.place_order(side=side, away=0, lots=lots)

    def move_money(self) -> None:
        self.emulator.deposit("USD", "100")
        self.emulator.settle_deposits()


TestLife = pytest.mark.filterwarnings("ignore::kraken.exceptions.ExperimentalWarning")(led(UnifiedLife))
