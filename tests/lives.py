"""What happens between a user, an exchange and the connections between them, whatever is spoken on these.

A machine subscribes, unsubscribes, trades, and lets connections break in every way that the emulator knows. After each
quiet period what is subscribed, every level of every book, every order and every balance must be the exchange's, and
every fill must have been told, by an account exactly once. Time is simulated: it passes only while nobody has anything to
do. `KRAKEN_MODEL_EXAMPLES` says how many such lives are led.
"""

from __future__ import annotations

import asyncio
import os
import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kraken.emulator import Emulator
from kraken.exceptions import KrakenError
from kraken.runtime import Level3Book
from kraken.runtime.errors import ConnectionLost, ExchangeError, NotSent, ReplyLost
from kraken.runtime.websocket import Stream, WebSocketClient
from kraken.runtime.websocket.account import FillReported, KeptAccount, RecoveryFailed
from kraken.runtime.websocket.books import BooksClient
from kraken.runtime.websocket.stream import SlowConsumer

from .simulated import SimulatedLoop

K = TypeVar("K", bound=KeptAccount[Any, Any, Any])

SMALL = 40
"""Items that may wait in a stream that is read too slowly."""
PATIENCE = 200
"""Simulated seconds after which everything must be well again."""
HEALABLE = (NotSent, ReplyLost, ConnectionLost, SlowConsumer)
"""What a stream may end with while there is trouble."""
BEFORE = ("reset-before", "hang-before")
AFTER = (
    "accept-then-hang",
    "accept-then-garbage",
    "accept-then-reset",
    "accept-then-repeat",
    "accept-then-reverse",
    "accept-then-delay",
)
CONNECTING = ("html", "error-500", *BEFORE)
"""What may go wrong with requests over HTTP before they are carried out, and with handshakes."""

Wanted = tuple[str, str | None, int | None]
"""Channel, symbol, and the length of candles or the depth of a book."""
Orders = dict[str, tuple[Any, ...]]
"""Side, quantities and price of open orders."""


def of_life(choose: Callable[[Any], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Something that depends on what kind of life is led."""
    return st.runner().flatmap(choose)


some_symbols = of_life(lambda life: st.lists(st.sampled_from(life.symbols), min_size=1, unique=True))
some_server = of_life(lambda life: st.sampled_from(life.servers))


def option_of(parameters: Mapping[str, Any]) -> int | None:
    """The length of candles or the depth of a book, if there is one."""
    option: int | None = parameters.get("interval", parameters.get("depth"))
    return option


def led(life: type[Life]) -> Any:
    """A test that leads such lives."""
    test = life.TestCase
    test.settings = settings(
        max_examples=int(os.environ.get("KRAKEN_MODEL_EXAMPLES", "20")), stateful_step_count=30, deadline=None
    )
    return test


class ToldFills:
    """The ids of the fills that a channel told, in snapshots any number of times, and otherwise once."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._repeated: set[str] = set()

    def take(self, fills: Iterable[str], is_snapshot: bool) -> None:
        """Take those of a message."""
        told = set(fills)
        if not is_snapshot:
            self._repeated |= self._told & told
        self._told |= told

    def unlike(self, done: set[str]) -> list[str]:
        """In what they differ from those that were done."""
        wrong = {"lost": done - self._told, "invented": self._told - done, "told anew": self._repeated}
        return [f"fills are {how}: {fills}" for how, fills in wrong.items() if fills]


class ExecutionsView:
    """Orders and fills as the channel `executions` tells them."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills = ToldFills()

    def take(self, message: Any) -> None:
        is_snapshot = message.type == "snapshot"
        if is_snapshot:
            self.orders.clear()
        self.fills.take((row.exec_id for row in message.data if row.exec_type == "trade"), is_snapshot)
        for row in message.data:
            # A fill in a snapshot is of the past: how its order stands now is told by the order's own row.
            if not (is_snapshot and row.exec_type == "trade"):
                told = {name: value for name, value in msgspec.structs.asdict(row).items() if value is not None}
                self.orders.setdefault(row.order_id, {}).update(told)

    def open_orders(self) -> Orders:
        live = ("pending_new", "new", "partially_filled")
        return {
            order_id: (order["side"], order["order_qty"], order["cum_qty"], order["limit_price"])
            for order_id, order in self.orders.items()
            if order["order_status"] in live
        }


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

    def check(self) -> None:
        """Raise what has ended it: nothing may."""
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._stream.aclose()


class Follower(Generic[K]):
    """Follows an account, and counts the fills that it tells.

    Args:
        account: The account.
        fill_id: Where a fill has its id.
    """

    def __init__(self, account: K, fill_id: str) -> None:
        self.account = account
        self.fills: Counter[str] = Counter()
        self.failures: list[RecoveryFailed] = []
        self._fill_id = fill_id
        self._task = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        while True:
            with suppress(SlowConsumer):
                async for event in self.account:
                    if isinstance(event, FillReported):
                        self.fills[getattr(event.fill, self._fill_id)] += 1
                    elif isinstance(event, RecoveryFailed):
                        self.failures.append(event)

    def unlike(self, fills: Iterable[str]) -> list[str]:
        """What is not as it must be when these fills were done."""
        found = []
        if not self.account.current or self.account.recovering:
            found.append(f"the account is not up to date: {self.account}")
        done = Counter(fills)
        return found if self.fills == done else [*found, f"fills told and done: {self.fills}, {done}"]

    async def close(self) -> None:
        """Follow it no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Life(RuleBasedStateMachine):
    """A user, an exchange, and what happens between them."""

    symbols: ClassVar[tuple[str, ...]]
    """What is traded; orders are placed in the first."""
    servers: ClassVar[tuple[str | None, ...]] = (None,)
    """Where connections come in that can break; None stands for all at once."""
    each: ClassVar[str]
    """What a subscription names its symbols with."""
    depth: ClassVar[int | None] = None
    """How many prices of each side a book has; None for all."""
    kinds: ClassVar[tuple[str, ...]] = ("book",)
    """The kinds of books that are kept."""
    methods: ClassVar[tuple[str, ...]]
    """Requests on a WebSocket that can fail."""
    operations: ClassVar[tuple[str, ...]]
    """Requests over HTTP that can fail."""
    nonsense_of: ClassVar[tuple[str | bytes, ...]]
    """Frames that make no sense."""
    lot: ClassVar[Decimal]
    """The unit in which orders are placed."""

    nobody: ClassVar[str] = ""
    """Id of an order that is not there."""

    ws: Any
    """The client that public channels are subscribed with."""
    books: Mapping[str, BooksClient[Any]]
    """The clients that keep books, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(0)
        self.loop = SimulatedLoop(lambda _now: self.emulator.pass_time())
        self.emulator = Emulator(market_interval=None, clock=lambda: self.loop.nanoseconds)
        self.emulator.start()
        self.readers: list[Reader] = []
        self.kept: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.tasks: list[asyncio.Task[Any]] = []
        self.troubled = False
        self.connect_fault = False
        self.silent = False
        self.failed = False
        self.run(self.arrive())

    # ------------------------------------------------------------------ what each kind of life does its own way

    @abstractmethod
    async def arrive(self) -> None:
        """Make the clients, and follow the account."""

    @property
    @abstractmethod
    def clients(self) -> tuple[WebSocketClient, ...]:
        """All clients that have connections."""

    @abstractmethod
    def place(self, side: Any, quantity: Decimal, price: Decimal) -> Coroutine[Any, Any, str]:
        """Place a limit order; gives its id."""

    @abstractmethod
    def amend(self, order_id: str, change: Mapping[str, Decimal]) -> Coroutine[Any, Any, Any]:
        """Change the `quantity` or the `price` of an order."""

    @abstractmethod
    def cancel(self, order_id: str) -> Coroutine[Any, Any, Any]:
        """Cancel an order."""

    @abstractmethod
    def alive(self) -> Mapping[str, str]:
        """The side of each order that is open in truth."""

    def standing(self) -> Sequence[Wanted]:
        """What is subscribed besides what readers and books want."""
        return ()

    @abstractmethod
    def unlike_account(self) -> list[str]:
        """In what the account as the client has it differs from the truth."""

    def left(self, reader: Reader) -> None:
        """A stream is not read any more."""

    def parameters(self, channel: str) -> dict[str, Any]:
        """What a subscription says besides its symbols."""
        return {}

    def move_money(self) -> None:
        """Let something happen that balances tell."""

    def end_silence(self) -> None:
        """Let data through again."""
        self.silent = False
        self.emulator.silence(False)

    def true_sides(self, symbol: str) -> Any:
        """The levels of a book in truth."""
        return self.emulator.book(symbol, self.depth)

    # ------------------------------------------------------------------ plumbing

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let time pass until something is done."""
        self.loop.run_until_complete(coroutine)

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Begin something, without waiting for it."""
        self.tasks.append(self.loop.create_task(coroutine))
        self.turn()

    def turn(self, seconds: float = 0.01) -> None:
        self.run(asyncio.sleep(seconds))

    # ------------------------------------------------------------------ what the user does

    def read(self, stream: Stream[Any, Any], wanted: Iterable[Wanted], take: Callable[[Any], None]) -> Reader:
        async def begin() -> Reader:
            return Reader(stream, wanted, take)

        reader = self.loop.run_until_complete(begin())
        self.readers.append(reader)
        self.turn()
        return reader

    def listen_to(self, channel: str, symbols: list[str], parameters: Mapping[str, Any]) -> None:
        stream = getattr(self.ws, channel)(**{self.each: symbols}, **parameters).buffer(size=SMALL)
        self.read(stream, {(channel, symbol, option_of(parameters)) for symbol in symbols}, lambda _message: None)

    @rule(symbols=some_symbols, channel=st.sampled_from(["ticker", "trade", "book"]))
    def subscribe(self, symbols: list[str], channel: str) -> None:
        self.listen_to(channel, symbols, self.parameters(channel))

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 99))
    def unsubscribe(self, number: int) -> None:
        chosen = self.readers[number % len(self.readers)]
        self.readers.remove(chosen)
        self.left(chosen)
        self.begin(chosen.close())

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 99), awake=st.booleans())
    def read_slowly(self, number: int, awake: bool) -> None:
        chosen = self.readers[number % len(self.readers)]
        chosen.awake.set() if awake else chosen.awake.clear()

    @rule(kind=of_life(lambda life: st.sampled_from(life.kinds)), symbols=some_symbols)
    def keep_books(self, kind: str, symbols: list[str]) -> None:
        async def keep(symbol: str) -> None:
            while True:
                try:
                    await self.books[kind].add_book([symbol])
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
        self.begin(self.books[kind].remove_book([symbol]))

    # ------------------------------------------------------------------ orders

    async def attempt(self, request: Coroutine[Any, Any, Any]) -> None:
        """A request that may fail: what it did to the account is seen in the end."""
        try:
            await request
        except KrakenError as error:
            if not self.troubled and not isinstance(error, ExchangeError):
                raise

    def price(self, side: str, away: int) -> Decimal:
        bids, asks = self.emulator.book(self.symbols[0], 4)
        return (bids if side == "buy" else asks)[away][0]

    @rule(side=st.sampled_from(["buy", "sell"]), away=st.integers(0, 3), lots=st.integers(1, 5))
    def place_order(self, side: Any, away: int, lots: int) -> None:
        self.begin(self.attempt(self.place(side, lots * self.lot, self.price(side, away))))

    def open_order(self, number: int) -> tuple[str, str]:
        """One of the open orders, and its side; where there is none, one that is unknown."""
        found = list(self.alive().items())
        return found[number % len(found)] if found else (self.nobody, "")

    @rule(number=st.integers(0, 99), lots=st.integers(1, 9), moved=st.booleans())
    def amend_order(self, number: int, lots: int, moved: bool) -> None:
        order_id, side = self.open_order(number)
        change = {"price": self.price(side, lots % 4)} if moved and side else {"quantity": lots * self.lot}
        self.begin(self.attempt(self.amend(order_id, change)))

    @rule(number=st.integers(0, 99))
    def cancel_order(self, number: int) -> None:
        self.begin(self.attempt(self.cancel(self.open_order(number)[0])))

    @rule(number=st.integers(0, 99))
    def fill_order(self, number: int) -> None:
        order_id, side = self.open_order(number)
        if side:
            self.emulator.fill(order_id, self.lot)
            self.turn()

    # ------------------------------------------------------------------ what the exchange does

    @rule(seconds=st.sampled_from([0.3, 3.0, 12.0, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.turn(seconds)

    @rule(server=some_server, code=st.sampled_from([None, None, 1000, 1001, 1011, 1012, 1013]))
    def cut(self, server: str | None, code: int | None) -> None:
        self.troubled = True
        self.emulator.drop_connections(server, code=code)

    @rule(server=some_server)
    def break_off(self, server: str | None) -> None:
        self.troubled = True
        self.emulator.break_off(server)

    @rule(silent=st.booleans())
    def silence(self, silent: bool) -> None:
        self.troubled = True
        if silent:
            self.silent = True
            self.emulator.silence()
        else:
            self.end_silence()

    @rule(method=of_life(lambda life: st.sampled_from(life.methods)), kind=st.sampled_from([*BEFORE, *AFTER]))
    def fault(self, method: str, kind: Any) -> None:
        self.troubled = True
        self.emulator.faults.add(method, kind)

    @rule(operation=of_life(lambda life: st.sampled_from(life.operations)), kind=st.sampled_from(CONNECTING))
    def rest_fault(self, operation: str, kind: Any) -> None:
        self.troubled = True
        self.emulator.faults.add(operation, kind)

    @precondition(lambda self: not self.connect_fault)
    @rule(kind=st.sampled_from(CONNECTING))
    def connect_fault_once(self, kind: Any) -> None:
        self.troubled = self.connect_fault = True
        self.emulator.faults.add("connect", kind)

    @rule(server=some_server, frame=of_life(lambda life: st.sampled_from(life.nonsense_of)))
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
        self.end_silence()
        self.emulator.heal()
        for reader in self.readers:
            reader.awake.set()
        await self.touch()
        await asyncio.wait_for(asyncio.gather(*self.tasks), PATIENCE)
        self.tasks.clear()
        end = self.loop.time() + PATIENCE
        while found := self.differences():
            for reader in self.readers:
                reader.check()
            assert self.loop.time() < end, "\n".join(found)
            await asyncio.sleep(0.25)
        errors = [error for reader in self.readers for error in reader.errors if not isinstance(error, HEALABLE)]
        assert errors == []
        self.troubled = self.connect_fault = False

    @initialize()
    def begin_with_a_past(self) -> None:
        """What has been told before is not to be told anew."""
        self.run(self.touch())

    async def touch(self) -> None:
        """Let something happen on every channel: a loss is only noticed when the next message comes."""
        for symbol in self.symbols:
            side = self.chance.choice([0, 1])
            self.emulator.trade_through(symbol, self.emulator.book(symbol, 1)[side][0][0])
        self.move_money()
        end = self.loop.time() + PATIENCE
        while True:
            try:
                order_id = await self.place("buy", 2 * self.lot, self.price("buy", 0))
                self.emulator.fill(order_id, self.lot)
                await self.cancel(order_id)
                return
            except KrakenError:
                assert self.loop.time() < end, "no order could be placed and cancelled any more"
                await asyncio.sleep(1)

    def differences(self) -> list[str]:
        """What is not as it must be."""
        streams = frozenset[Wanted]().union(*(reader.wanted for reader in self.readers))
        wanted = Counter[Wanted]([*streams, *((kind, symbol, self.depth) for kind, symbol in self.kept)])
        wanted.update(self.standing())
        live = Counter((each.channel, each.symbol, option_of(each.options)) for each in self.emulator.subscriptions)
        claimed = Counter(
            (each["channel"], symbol, option_of(each))
            for client in self.clients
            for session in client._sessions.values()
            for each in session.live()
            for symbol in each.get(self.each, [None])
        )
        claimed.update(self.unclaimed())
        wanted.update(self.unclaimed())
        found = [f"wanted but not live: {key}" for key in (wanted - live).elements()]
        found += [f"live but not wanted: {key}" for key in (live - wanted).elements()]
        found += [f"live but not in the client's list: {key}" for key in (live - claimed).elements()]
        found += [f"in the client's list but not live: {key}" for key in (claimed - live).elements()]
        for kind, symbol in self.kept:
            found += self.unlike_book(kind, symbol)
        return found + self.unlike_account()

    def unclaimed(self) -> Sequence[Wanted]:
        """What clients subscribe without a word."""
        return ()

    def unlike_book(self, kind: str, symbol: str) -> list[str]:
        if symbol not in self.books[kind]._keeper.books:
            return [f"{kind} of {symbol} is not kept"]
        book = self.books[kind].book(symbol)
        if not book.valid:
            return [f"{kind} of {symbol} is invalid"]
        return [] if self.is_true(book, symbol) else [f"{kind} of {symbol} is wrong"]

    def is_true(self, book: Any, symbol: str) -> bool:
        """Whether a book is right, digit for digit."""
        levels = [[(level.price, level.qty) for level in side] for side in (book.bids(), book.asks())]
        right = str(levels) == str([*self.true_sides(symbol)])
        if right and isinstance(book, Level3Book):
            orders = self.emulator.book_orders(symbol, self.depth)
            shown = [[tuple(each[:3]) for each in side] for side in (book.bid_orders(), book.ask_orders())]
            right = str(shown) == str([[tuple(each) for each in side] for side in orders])
        return right

    # ------------------------------------------------------------------ the end

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.quiet()
        finally:
            self.run(self.leave())
            self.emulator.stop()
            self.loop.close()

    async def leave(self) -> None:
        """End everything."""
        tasks = [*self.tasks, *self.kept.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(reader.close() for reader in self.readers))
        await asyncio.gather(*(client.close() for client in self.clients))


class FollowingLife(Life):
    """A life whose account is followed by the client itself, from the beginning to the end."""

    follower: Follower[Any]

    async def become_quiet(self) -> None:
        await super().become_quiet()
        assert self.follower.failures == []

    async def leave(self) -> None:
        await self.follower.close()
        await super().leave()
