"""Whatever happens to the connections, in the end the client has what the exchange has.

A machine subscribes, unsubscribes, trades, and lets connections break in every way that the emulator knows. After each
quiet period what is subscribed, every level of every book, every order and every balance must be the exchange's, and
every fill must have been told once. Time is simulated: it passes only while nobody has anything to do.
`KRAKEN_MODEL_EXAMPLES` says how many such lives are led.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from kraken.emulator import Emulator
from kraken.emulator.instruments import Instruments
from kraken.exceptions import KrakenError
from kraken.runtime.errors import ConnectionLost, ExchangeError, NotSent, ReplyLost
from kraken.runtime.websocket import OrderBookClient, Stream, WebSocketClient
from kraken.runtime.websocket.account import Account, FillReported, RecoveryFailed
from kraken.runtime.websocket.stream import SlowConsumer
from kraken.spot import SpotLevel3BookClient, SpotOrderBookClient, SpotWSClient
from kraken.spot.messages import AccountBalance, AccountOrder, Balance, Execution

from ..simulated import SimulatedLoop
from .sockets import addresses

SYMBOLS = ("BTC/USD", "ETH/USD", "SHIB/USD")
SERVERS = (None, "public", "private", "level3")
DEPTH: Literal[10] = 10
SMALL = 40
"""Items that may wait in a stream that is read too slowly."""
PATIENCE = 200
"""Simulated seconds after which everything must be well again."""
HEALABLE = (NotSent, ReplyLost, ConnectionLost, SlowConsumer)
"""What a stream may end with while there is trouble."""
ASSETS = {asset.name: asset.symbol for asset in Instruments().assets.values() if asset.of is None}

some_symbols = st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True)
servers = st.sampled_from(SERVERS)

Wanted = tuple[str, str | None, int | None]
"""Channel, symbol, and the length of candles or the depth of a book."""
PRIVATE: list[Wanted] = [("executions", None, None), ("balances", None, None)]
"""What an account subscribes."""


class Reader:
    """Reads the messages of a stream for ever; when it ends with an error it is read anew, as the documentation says."""

    def __init__(self, stream: Stream[Any, Any], wanted: Iterable[Wanted], take: Callable[[Any], None]) -> None:
        self.wanted = frozenset(wanted)
        self.awake = asyncio.Event()
        self.awake.set()
        self.errors: list[KrakenError] = []
        self._stream = stream
        self._take = take
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while True:
            try:
                async for message in self._stream.messages():
                    self._take(message)
                    await self.awake.wait()
            except KrakenError as error:
                self.errors.append(error)
                await asyncio.sleep(1)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._stream.aclose()


Orders = dict[str, tuple[Any, ...]]
"""Side, quantity, filled quantity and price of open orders."""


class AccountView:
    """Orders and balances as the two private channels tell them."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.balances: dict[str, Decimal] = {}

    def take_executions(self, message: Any) -> None:
        if message.type == "snapshot":
            self.orders.clear()
        for row in message.data:
            told = {name: value for name, value in msgspec.structs.asdict(row).items() if value is not None}
            self.orders.setdefault(row.order_id, {}).update(told)

    def take_balances(self, message: Any) -> None:
        if message.type == "snapshot":
            self.balances = {row.asset: row.balance for row in message.data}
        else:
            self.balances |= {row.asset: row.balance for row in message.data}

    def open_orders(self) -> Orders:
        live = ("pending_new", "new", "partially_filled")
        return {
            order_id: (order["side"], order["order_qty"], order["cum_qty"], order["limit_price"])
            for order_id, order in self.orders.items()
            if order["order_status"] in live
        }


class Follower:
    """Follows an account, and counts the fills that it tells."""

    def __init__(self, account: Account[AccountOrder, Execution, AccountBalance, Balance]) -> None:
        self.account = account
        self.fills: Counter[str | None] = Counter()
        self.failures: list[RecoveryFailed] = []
        self.task = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        while True:
            with suppress(SlowConsumer):
                async for event in self.account:
                    if isinstance(event, FillReported):
                        self.fills[event.fill.exec_id] += 1
                    elif isinstance(event, RecoveryFailed):
                        self.failures.append(event)

    def open_orders(self) -> Orders:
        return {
            order_id: (order.side, order.order_qty, order.cum_qty, order.limit_price)
            for order_id, order in self.account.orders.items()
        }

    @property
    def balances(self) -> dict[str, Decimal | None]:
        return {asset: balance.balance for asset, balance in self.account.balances.items()}


class Life(RuleBasedStateMachine):
    """A user, an exchange, and what happens between them."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(0)
        self.loop = SimulatedLoop(lambda _now: self.emulator.pass_time())
        self.emulator = Emulator(market_interval=None, clock=lambda: self.loop.nanoseconds)
        self.emulator.start()
        options: dict[str, Any] = {
            **addresses(self.emulator),
            "timing": self.loop.timing(self.chance.random),
        }
        self.ws = SpotWSClient(**options)
        self.other = SpotWSClient(no_public=True, **options)
        """For the private channels as they are: a stream that joins a live subscription gets no snapshot of its own."""
        self.books = SpotOrderBookClient(DEPTH, **options)
        self.orders = SpotLevel3BookClient(DEPTH, **options)
        self.view = AccountView()
        self.follower: Follower
        self.readers: list[Reader] = []
        self.kept: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.tasks: list[asyncio.Task[Any]] = []
        self.private = False
        self.troubled = False
        self.connect_fault = False
        self.failed = False
        self.run(self.arrive())

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let time pass until something is done."""
        self.loop.run_until_complete(coroutine)

    @property
    def clients(self) -> tuple[WebSocketClient, ...]:
        return self.ws, self.other, self.books, self.orders

    async def arrive(self) -> None:
        await asyncio.gather(*(client.start() for client in self.clients))
        self.follower = Follower(await self.ws.account().open())

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Begin something, without waiting for it."""
        self.tasks.append(self.loop.create_task(coroutine))
        self.turn()

    def turn(self, seconds: float = 0.01) -> None:
        self.run(asyncio.sleep(seconds))

    # ------------------------------------------------------------------ what the user does

    def read(self, stream: Stream[Any, Any], wanted: Iterable[Wanted], take: Callable[[Any], None]) -> None:
        async def begin() -> None:
            self.readers.append(Reader(stream, wanted, take))

        self.run(begin())
        self.turn()

    @rule(symbols=some_symbols, channel=st.sampled_from(["ticker", "trade"]))
    def subscribe(self, symbols: list[str], channel: str) -> None:
        stream = getattr(self.ws, channel)(symbol=symbols).buffer(size=SMALL)
        self.read(stream, {(channel, symbol, None) for symbol in symbols}, lambda _message: None)

    @rule(symbols=some_symbols, interval=st.sampled_from([1, 60]))
    def subscribe_candles(self, symbols: list[str], interval: Any) -> None:
        stream = self.ws.ohlc(symbol=symbols, interval=interval)
        self.read(stream, {("ohlc", symbol, interval) for symbol in symbols}, lambda _message: None)

    @rule(symbols=some_symbols)
    def subscribe_frames_of_books(self, symbols: list[str]) -> None:
        stream = self.ws.book(symbol=symbols, depth=DEPTH).buffer(size=SMALL)
        self.read(stream, {("book", symbol, DEPTH) for symbol in symbols}, lambda _message: None)

    @precondition(lambda self: not self.private)
    @rule()
    def subscribe_private_channels(self) -> None:
        self.private = True
        self.read(self.other.executions(), [("executions", None, None)], self.view.take_executions)
        self.read(self.other.balances(), [("balances", None, None)], self.view.take_balances)

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 99))
    def unsubscribe(self, number: int) -> None:
        chosen = self.readers[number % len(self.readers)]
        if not any(channel in ("executions", "balances") for channel, *_ in chosen.wanted):
            self.readers.remove(chosen)
            self.begin(chosen.close())

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 99), awake=st.booleans())
    def read_slowly(self, number: int, awake: bool) -> None:
        chosen = self.readers[number % len(self.readers)]
        chosen.awake.set() if awake else chosen.awake.clear()

    def client_of(self, kind: str) -> OrderBookClient[Any]:
        return self.books if kind == "book" else self.orders

    @rule(kind=st.sampled_from(["book", "level3"]), symbols=some_symbols)
    def keep_books(self, kind: str, symbols: list[str]) -> None:
        async def keep(symbol: str) -> None:
            while True:
                try:
                    await self.client_of(kind).add_book([symbol])
                    return
                except HEALABLE:
                    await asyncio.sleep(1)

        for symbol in symbols:
            if (kind, symbol) not in self.kept:
                self.kept[kind, symbol] = self.loop.create_task(keep(symbol))
        self.turn()

    @precondition(lambda self: self.kept)
    @rule(number=st.integers(0, 99))
    def forget_book(self, number: int) -> None:
        kind, symbol = list(self.kept)[number % len(self.kept)]
        self.kept.pop((kind, symbol)).cancel()
        self.begin(self.client_of(kind).remove_book([symbol]))

    # ------------------------------------------------------------------ orders

    async def attempt(self, request: Coroutine[Any, Any, Any]) -> None:
        """A request that may fail: what it did to the account is seen in the end."""
        try:
            await request
        except KrakenError as error:
            if not self.troubled and not isinstance(error, ExchangeError):
                raise

    @rule(side=st.sampled_from(["buy", "sell"]), away=st.integers(0, 3), lots=st.integers(1, 5))
    def place_order(self, side: Any, away: int, lots: int) -> None:
        bids, asks = self.emulator.book("BTC/USD", 4)
        price = (bids if side == "buy" else asks)[away][0]
        self.begin(
            self.attempt(
                self.ws.add_order(
                    order_type="limit", side=side, symbol="BTC/USD", order_qty=Decimal(lots) / 100, limit_price=price
                )
            )
        )

    def open_order(self, number: int) -> str:
        """One of the open orders; where there is none, one that is unknown."""
        found = [name for name, order in self.emulator.orders.items() if order["status"] in ("open", "pending")]
        return found[number % len(found)] if found else ""

    @rule(number=st.integers(0, 99), lots=st.integers(1, 9), moved=st.booleans())
    def amend_order(self, number: int, lots: int, moved: bool) -> None:
        order_id = self.open_order(number)
        change: dict[str, Any]
        if moved and order_id:
            side = self.emulator.orders[order_id]["descr"]["type"]
            bids, asks = self.emulator.book("BTC/USD", 4)
            change = {"limit_price": (bids if side == "buy" else asks)[lots % 4][0]}
        else:
            change = {"order_qty": Decimal(lots) / 100}
        self.begin(self.attempt(self.ws.amend_order(order_id=order_id, **change)))

    @rule(number=st.integers(0, 99))
    def cancel_order(self, number: int) -> None:
        self.begin(self.attempt(self.ws.cancel_order(order_id=self.open_order(number))))

    @rule(number=st.integers(0, 99))
    def fill_order(self, number: int) -> None:
        order_id = self.open_order(number)
        if order_id:
            self.emulator.fill(order_id, "0.01")
            self.turn()

    # ------------------------------------------------------------------ what the exchange does

    @rule(times=st.integers(1, 150))
    def trade(self, times: int) -> None:
        self.emulator.tick(times)
        self.turn()

    @rule(seconds=st.sampled_from([0.3, 3.0, 12.0, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.turn(seconds)

    @rule(server=servers, code=st.sampled_from([None, None, 1000, 1001, 1011, 1012, 1013]))
    def cut(self, server: str | None, code: int | None) -> None:
        self.troubled = True
        self.emulator.drop_connections(server, code=code)

    @rule(server=servers)
    def break_off(self, server: str | None) -> None:
        self.troubled = True
        self.emulator.break_off(server)

    @rule(silent=st.booleans())
    def silence(self, silent: bool) -> None:
        self.troubled = True
        self.emulator.silence(silent)

    @rule()
    def expire_tokens(self) -> None:
        self.troubled = True
        self.emulator.expire_tokens()
        # A second token that is refused at once would be told to the user, and rightly.
        self.turn(1)

    @rule(symbol=st.sampled_from(SYMBOLS), times=st.integers(1, 3))
    def poison(self, symbol: str, times: int) -> None:
        self.emulator.poison_checksum(symbol, times)

    @rule(channel=st.sampled_from(["book", "level3", "executions", "balances", "ticker"]), times=st.integers(1, 2))
    def lose_frames(self, channel: str, times: int) -> None:
        self.emulator.lose_frames(channel, times)

    @rule(
        method=st.sampled_from(["subscribe", "subscribe", "unsubscribe", "add_order", "cancel_order", "amend_order"]),
        kind=st.sampled_from(
            [
                "reset-before",
                "hang-before",
                "accept-then-hang",
                "accept-then-garbage",
                "accept-then-reset",
                "accept-then-repeat",
                "accept-then-reverse",
                "accept-then-delay",
            ]
        ),
    )
    def fault(self, method: str, kind: Any) -> None:
        self.troubled = True
        self.emulator.faults.add(method, kind)

    @rule(
        operation=st.sampled_from(["GetWebSocketsToken", "TradesHistory", "QueryOrders"]),
        kind=st.sampled_from(["html", "error-500", "reset-before", "hang-before"]),
    )
    def rest_fault(self, operation: str, kind: Any) -> None:
        self.troubled = True
        self.emulator.faults.add(operation, kind)

    @precondition(lambda self: not self.connect_fault)
    @rule(kind=st.sampled_from(["html", "error-500", "reset-before", "hang-before"]))
    def connect_fault_once(self, kind: Any) -> None:
        self.troubled = self.connect_fault = True
        self.emulator.faults.add("connect", kind)

    @rule(
        server=servers,
        frame=st.sampled_from(
            [
                '{"channel":"book","type":"upd',
                "[]",
                "null",
                b"\x00\x01",
                '{"channel":"news","data":[{"symbol":"BTC/USD"}]}',
                '{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"},"success":true,"req_id":7}',
                '{"method":"dance","success":false,"error":"Event(s) not found"}',
                '{"channel":"ticker","type":"update","data":[{"symbol":5}]}',
            ]
        ),
    )
    def nonsense(self, server: str | None, frame: str | bytes) -> None:
        self.emulator.push(frame, server)
        self.turn()

    # ------------------------------------------------------------------ what must be so

    @rule()
    def quiet(self) -> None:
        try:
            self.run(self.become_quiet())
        except BaseException:
            self.failed = True
            raise

    async def become_quiet(self) -> None:
        self.emulator.heal()
        for reader in self.readers:
            reader.awake.set()
        await self.touch()
        await asyncio.wait_for(asyncio.gather(*self.tasks), PATIENCE)
        self.tasks.clear()
        end = self.loop.time() + PATIENCE
        while found := self.differences():
            assert self.loop.time() < end, "\n".join(found)
            await asyncio.sleep(0.25)
        errors = [error for reader in self.readers for error in reader.errors if not isinstance(error, HEALABLE)]
        assert errors == []
        assert self.follower.failures == []
        self.troubled = self.connect_fault = False

    async def touch(self) -> None:
        """Let something happen on every channel: a loss is only noticed when the next message comes."""
        for symbol in SYMBOLS:
            side = self.chance.choice([0, 1])
            self.emulator.trade_through(symbol, self.emulator.book(symbol, 1)[side][0][0])
        self.emulator.deposit("USD", "100")
        self.emulator.settle_deposits()
        end = self.loop.time() + PATIENCE
        while True:
            try:
                placed = await self.ws.add_order(
                    order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.001", limit_price="50000"
                )
                await self.ws.cancel_order(order_id=str(placed.order_id))
                return
            except KrakenError:
                assert self.loop.time() < end, "no order could be placed and cancelled any more"
                await asyncio.sleep(1)

    def differences(self) -> list[str]:
        emulator = self.emulator
        streams = frozenset[Wanted]().union(*(reader.wanted for reader in self.readers))
        kept = [(kind, symbol, DEPTH) for kind, symbol in self.kept]
        wanted = Counter[Wanted]([*streams, *kept, *PRIVATE])
        live = Counter(
            (each.channel, each.symbol, each.options.get("interval", each.options.get("depth")))
            for each in emulator.subscriptions
        )
        claimed = Counter(
            (each["channel"], symbol, each.get("interval", each.get("depth")))
            for client in self.clients
            for session in client._sessions.values()
            for each in session.live()
            for symbol in each.get("symbol", [None])
        )
        found = [f"wanted but not live: {key}" for key in (wanted - live).elements()]
        found += [f"live but not wanted: {key}" for key in (live - wanted).elements()]
        found += [f"live but not in the client's list: {key}" for key in (live - claimed).elements()]
        found += [f"in the client's list but not live: {key}" for key in (claimed - live).elements()]
        for kind, symbol in self.kept:
            found += self.wrong_book(kind, symbol)
        follower = self.follower
        if not follower.account.current or follower.account.recovering:
            found.append(f"the account is not up to date: {follower.account}")
        found += self.wrong_account(follower.open_orders(), follower.balances)
        trades = Counter(trade for order in emulator.orders.values() for trade in order.get("trades", ()))
        if follower.fills != trades:
            found.append(f"fills told and done: {follower.fills}, {trades}")
        if self.private:
            found += self.wrong_account(self.view.open_orders(), self.view.balances)
        return found

    def wrong_book(self, kind: str, symbol: str) -> list[str]:
        if symbol not in self.client_of(kind)._keeper.books:
            return [f"{kind} of {symbol} is not kept"]
        book = self.client_of(kind).book(symbol)
        if not book.valid:
            return [f"{kind} of {symbol} is invalid"]
        depth = self.emulator.book(symbol, DEPTH)
        levels = [[(level.price, level.qty) for level in side] for side in (book.bids(), book.asks())]
        right = str(levels) == str([*depth])
        if kind == "level3" and right:
            orders = self.emulator.book_orders(symbol, DEPTH)
            shown = [[tuple(each[:3]) for each in side] for side in (book.bid_orders(), book.ask_orders())]
            right = str(shown) == str([[tuple(each) for each in side] for side in orders])
        return [] if right else [f"{kind} of {symbol} is wrong"]

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

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.quiet()
        finally:
            self.run(self.leave())
            self.emulator.stop()
            self.loop.close()

    async def leave(self) -> None:
        tasks = [*self.tasks, *self.kept.values(), self.follower.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(reader.close() for reader in self.readers))
        await asyncio.gather(*(client.close() for client in self.clients))


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=int(os.environ.get("KRAKEN_MODEL_EXAMPLES", "20")), stateful_step_count=30, deadline=None
)
