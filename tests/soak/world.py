"""What exchanges of the soak have in common: an emulator in which the market moves, and much goes wrong."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from kraken.emulator import Emulator
from kraken.emulator.orders import BookChanged, Event, Order, OrderChanged

from ..simulated import BEGINNING
from .judge import Book, Judge, Shown

SECOND = 10**9
ACKNOWLEDGEMENTS = (
    "hang-before",
    "reset-before",
    "accept-then-hang",
    "accept-then-reset",
    "accept-then-garbage",
    "accept-then-repeat",
    "accept-then-reverse",
    "accept-then-delay",
)
ATTEMPTS = ("html", "error-500", "reset-before", "hang-before")


class World(ABC):
    """The emulator, its trouble, and the judge of what the client makes of it. It lives in a process of its own.

    Args:
        seed: Makes the market and the trouble repeatable.
    """

    product: ClassVar[Literal["spot", "futures"]]
    every: ClassVar[Mapping[str, float]] = {
        "cut": 5,
        "cut with a code": 40,
        "break off within a frame": 40,
        "silence": 60,
        "spoiled book": 15,
        "lost frame": 30,
        "expired credentials": 90,
        "nonsense": 10,
        "bad acknowledgement": 20,
        "bad connection attempt": 60,
        "bad REST reply": 60,
        "fill": 2,
        "jump of the price": 120,
    }
    """What happens, and how many simulated seconds lie between two of them on average."""
    servers: ClassVar[tuple[str | None, ...]]
    """Where connections break, as often as they stand here; None is everywhere at once."""
    losable: ClassVar[tuple[str, ...]]
    """Channels of which a lost frame can be noticed."""
    nonsense: ClassVar[tuple[str | bytes, ...]]
    methods: ClassVar[tuple[str, ...]]
    """Requests on a WebSocket that fail."""
    operations: ClassVar[tuple[str, ...]]
    """Requests over HTTP that fail."""

    def __init__(self, seed: int) -> None:
        self._now = int(BEGINNING * SECOND)
        self._emulator = Emulator(seed=seed, market_interval=None, clock=lambda: self._now)
        self._random = random.Random(f"soak {seed}")
        self._judge = Judge()
        self._resting: dict[str, Order] = {}
        self._happened: Counter[str] = Counter()
        self._quiet = True
        self._silent_until = 0
        self._symbols = self._traded()

    @abstractmethod
    def _traded(self) -> list[str]:
        """The symbols of the market."""

    @abstractmethod
    def _addresses(self) -> dict[str, str]:
        """Key, secret and addresses."""

    @abstractmethod
    def _books(self) -> Sequence[tuple[str, int]]:
        """Kinds and depths of the books that are kept of each symbol."""

    @abstractmethod
    def _note(self, symbol: str) -> None:
        """Take down what the books of a symbol are from now on."""

    @abstractmethod
    def _spoil(self, symbol: str) -> None:
        """Let something be wrong with the next frames of a book."""

    @abstractmethod
    def _expire(self) -> None:
        """Let credentials expire."""

    @abstractmethod
    def _balances(self) -> Any:
        """Balances in truth."""

    def _move_money(self) -> None:  # noqa: B027 - not every product has something for it
        """Let something happen that balances tell."""

    def start(self) -> dict[str, str]:
        """Open the exchange; returns key, secret and addresses."""
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of frames for connections that are gone
        emulator = self._emulator.start()
        emulator.listen(self._on_event, self.product)
        for symbol in self._symbols:
            self._note(symbol)
        return self._addresses()

    def begin(self) -> None:
        """Let the market move, and things go wrong."""
        self._quiet = False

    def stop(self) -> None:
        """Close the exchange."""
        self._emulator.stop()

    # ------------------------------------------------------------------ what is true

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._note(event.pair.symbol)
        elif isinstance(event, OrderChanged) and not event.order.account.house:
            if event.fill is not None:
                self._judge.fills_done.add(event.fill.id)
            if event.order.alive:
                self._resting[event.order.id] = event.order
            else:
                self._resting.pop(event.order.id, None)

    # ------------------------------------------------------------------ what happens

    def advance(self, now: int, shown: Sequence[Shown], fills: Sequence[tuple[str, bool]]) -> None:
        """Let time pass, and what happens in it happen.

        Args:
            now: Unix nanoseconds.
            shown: States of books that the client has shown since the last call.
            fills: Ids of fills that it has told, and whether as missed ones.
        """
        self.judge(shown, fills)
        passed = (now - self._now) / SECOND
        self._emulator.pass_time(lambda: self._set_clock(now))
        if self._quiet:
            return
        self._tick()
        if self._silent_until and now >= self._silent_until:
            self._silent_until = 0
            # Who has kept something back does not go on as if nothing was missing.
            self._emulator.drop_connections()
            self._emulator.silence(False)
        for what, seconds in self.every.items():
            if self._random.random() < passed / seconds:
                self._let(what)

    def _set_clock(self, now: int) -> None:
        self._now = now

    def judge(self, shown: Sequence[Shown], fills: Sequence[tuple[str, bool]]) -> None:
        """Compare what the client has shown and told with what is true."""
        for state in shown:
            self._judge.look(state)
        for fill, late in fills:
            self._judge.hear(fill, late)

    def _let(self, what: str) -> None:
        emulator, chance = self._emulator, self._random
        server = chance.choice(self.servers)
        if what == "cut":
            emulator.drop_connections(server)
            self._fill(chance.random() < 0.5)
        elif what == "cut with a code":
            emulator.drop_connections(server, code=chance.choice((1000, 1001, 1011, 1012, 1013)))
            self._fill(chance.random() < 0.5)
        elif what == "break off within a frame":
            emulator.break_off(server)
        elif what == "silence":
            emulator.silence()
            self._silent_until = self._now + int(chance.uniform(1, 25) * SECOND)
        elif what == "spoiled book":
            self._spoil(chance.choice(self._symbols))
        elif what == "lost frame":
            emulator.lose_frames(chance.choice(self.losable), product=self.product)
        elif what == "expired credentials":
            self._expire()
        elif what == "nonsense":
            emulator.push(chance.choice(self.nonsense), server)
        elif what == "bad acknowledgement":
            kind: Any = chance.choice(ACKNOWLEDGEMENTS)
            emulator.faults.add(chance.choice(self.methods), kind)
        elif what == "bad connection attempt":
            attempt: Any = chance.choice(ATTEMPTS)
            emulator.faults.add("connect", attempt)
        elif what == "bad REST reply":
            reply: Any = chance.choice(ATTEMPTS)
            emulator.faults.add(chance.choice(self.operations), reply)
        elif what == "fill":
            self._fill(True)
        elif what == "jump of the price":
            symbol = chance.choice(self._symbols)
            bids, asks = emulator.book(symbol, 30)
            emulator.set_price(symbol, chance.choice((bids, asks))[-1][0])
        self._happened[what] += 1

    def _tick(self) -> None:
        """Let the market act."""
        self._emulator.tick(pair=self._random.choice(self._symbols))

    def _fill(self, wanted: bool) -> None:
        orders = [order for order in self._resting.values() if order.resting]
        if wanted and orders:
            order = self._random.choice(orders)
            part = order.remaining if self._random.random() < 0.3 else order.remaining / 3
            self._emulator.fill(order.id, round(part, order.pair.lot_decimals))

    # ------------------------------------------------------------------ the end

    def calm(self) -> None:
        """Let nothing happen any more, after a last change of everything that shows what was lost before."""
        self._quiet = True
        self._emulator.heal()
        for symbol in self._symbols:
            self._emulator.trade_through(symbol, self._emulator.book(symbol, 1).asks[0][0])
        self._move_money()

    def differences(self, books: dict[Book, bytes], open_orders: set[str], balances: Any) -> list[str]:
        """What the client does not have as the exchange has it."""
        found = [f"{book} is wrong" for book, state in books.items() if not self._judge.is_now(book, state)]
        missing = len(self._symbols) * len(self._books()) - len(books)
        found += [f"{missing} books are not valid"] if missing else []
        found += [] if open_orders == self._resting.keys() else ["open orders are wrong"]
        true = self._balances()
        found += [] if balances == true else [f"balances are wrong: {balances}, {true}"]
        judge = self._judge
        found += [f"{judge.fills_lost} fills are lost"] if judge.fills_lost else []
        return found

    def figures(self) -> dict[str, Any]:
        """What there was to see."""
        judge = self._judge
        return {
            "every": dict(self.every),
            "happened": dict(self._happened),
            "true_states": judge.true_states(),
            "states_shown": judge.states_shown,
            "wrong": judge.wrong[:10],
            "wrong_states": len(judge.wrong),
            "fills": len(judge.fills_done),
            "fills_late": judge.fills_late,
            "fills_lost": judge.fills_lost,
            "fills_repeated": judge.fills_repeated,
            "fills_invented": judge.fills_invented,
        }
