"""The exchange of the soak for Spot: an emulator in which the market moves, and much goes wrong."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from kraken.emulator import Emulator
from kraken.emulator.instruments import Instruments
from kraken.emulator.orders import BookChanged, Event, Order, OrderChanged

from ..simulated import BEGINNING
from .judge import Book, Judge, Shown, digest

SECOND = 10**9
BOOKS = (("book", 10), ("book", 100), ("level3", 10))
"""Kinds and depths of the books that are kept of each symbol."""
LOSABLE = ("executions", "balances", "level3")
"""Channels of which a lost frame can be noticed: by its number, or by a checksum over all that is shown. Of a book of
levels the checksum covers the ten best prices only."""
EVERY: dict[str, float] = {
    "cut": 5,
    "cut with a code": 40,
    "break off within a frame": 40,
    "silence": 60,
    "wrong checksum": 15,
    "lost frame": 30,
    "expired token": 90,
    "nonsense": 10,
    "bad acknowledgement": 20,
    "bad connection attempt": 60,
    "bad REST reply": 60,
    "fill": 2,
    "jump of the price": 120,
}
"""What happens, and how many simulated seconds lie between two of them on average."""
NONSENSE: tuple[str | bytes, ...] = ('{"channel":"book","ty', b"\x00\x01", "null", '{"channel":"news","data":[]}', "{}")
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
ASSETS = {asset.name: asset.symbol for asset in Instruments().assets.values() if asset.of is None}
ATTEMPTS = ("html", "error-500", "reset-before", "hang-before")


class SpotWorld:
    """The emulator, its trouble, and the judge of what the client makes of it. It lives in a process of its own.

    Args:
        seed: Makes the market and the trouble repeatable.
    """

    def __init__(self, seed: int) -> None:
        self._now = int(BEGINNING * SECOND)
        self._emulator = Emulator(seed=seed, market_interval=None, clock=lambda: self._now)
        self._random = random.Random(f"soak {seed}")
        self._judge = Judge()
        self._resting: dict[str, Order] = {}
        self._happened: Counter[str] = Counter()
        self._quiet = True
        self._silent_until = 0
        self._symbols = [pair.symbol for pair in Instruments().pairs.values()]

    def start(self) -> dict[str, str]:
        """Open the exchange; returns key, secret and addresses."""
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of frames for connections that are gone
        emulator = self._emulator.start()
        emulator.listen(self._on_event)
        for symbol in self._symbols:
            self._note(symbol)
        return {
            "key": emulator.key,
            "secret": emulator.secret,
            "rest_url": emulator.spot_url,
            "ws_url": emulator.spot_ws_url,
            "auth_ws_url": emulator.spot_ws_auth_url,
            "level3_url": emulator.spot_ws_level3_url,
        }

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

    def _note(self, symbol: str) -> None:
        for kind, depth in BOOKS:
            look: Callable[[str, int], Any] = self._emulator.book if kind == "book" else self._emulator.book_orders
            self._judge.note(Book(kind, symbol, depth), self._now, digest(*look(symbol, depth)))

    # ------------------------------------------------------------------ what happens

    def advance(self, now: int, shown: Sequence[Shown], fills: Sequence[tuple[str, bool]]) -> None:
        """Let time pass, and what happens in it happen.

        Args:
            now: Unix nanoseconds.
            shown: States of books that the client has shown since the last call.
            fills: Ids of fills that it has told, and whether as missed ones.
        """
        self.judge(shown, fills)
        passed, self._now = (now - self._now) / SECOND, now
        self._emulator.pass_time()
        if self._quiet:
            return
        self._emulator.tick()
        if self._silent_until and now >= self._silent_until:
            self._silent_until = 0
            # Who has kept something back does not go on as if nothing was missing.
            self._emulator.drop_connections()
            self._emulator.silence(False)
        for what, seconds in EVERY.items():
            if self._random.random() < passed / seconds:
                self._let(what)

    def judge(self, shown: Sequence[Shown], fills: Sequence[tuple[str, bool]]) -> None:
        """Compare what the client has shown and told with what is true."""
        for state in shown:
            self._judge.look(state)
        for fill, late in fills:
            self._judge.hear(fill, late)

    def _let(self, what: str) -> None:
        emulator, chance = self._emulator, self._random
        server = chance.choice(("public", "public", "private", "level3", None))
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
        elif what == "wrong checksum":
            emulator.poison_checksum(chance.choice(self._symbols), chance.randint(1, 3))
        elif what == "lost frame":
            emulator.lose_frames(chance.choice(LOSABLE))
        elif what == "expired token":
            emulator.expire_tokens()
        elif what == "nonsense":
            emulator.push(chance.choice(NONSENSE), server)
        elif what == "bad acknowledgement":
            kind: Any = chance.choice(ACKNOWLEDGEMENTS)
            emulator.faults.add(chance.choice(("subscribe", "subscribe", "unsubscribe", "add_order")), kind)
        elif what == "bad connection attempt":
            attempt: Any = chance.choice(ATTEMPTS)
            emulator.faults.add("connect", attempt)
        elif what == "bad REST reply":
            reply: Any = chance.choice(ATTEMPTS)
            emulator.faults.add(chance.choice(("GetWebSocketsToken", "TradesHistory", "QueryOrders")), reply)
        elif what == "fill":
            self._fill(True)
        elif what == "jump of the price":
            symbol = chance.choice(self._symbols)
            bids, asks = emulator.book(symbol, 30)
            emulator.set_price(symbol, chance.choice((bids, asks))[-1][0])
        self._happened[what] += 1

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
        self._emulator.deposit("USD", "100")
        self._emulator.settle_deposits()

    def differences(self, books: dict[Book, bytes], open_orders: set[str], balances: dict[str, Decimal]) -> list[str]:
        """What the client does not have as the exchange has it."""
        found = [f"{book} is wrong" for book, state in books.items() if not self._judge.is_now(book, state)]
        missing = len(self._symbols) * len(BOOKS) - len(books)
        found += [f"{missing} books are not valid"] if missing else []
        found += [] if open_orders == self._resting.keys() else ["open orders are wrong"]
        true = {ASSETS[name]: amount for name, amount in self._emulator.balances.items() if name in ASSETS}
        found += [] if balances == true else [f"balances are wrong: {balances}, {true}"]
        judge = self._judge
        found += [f"{judge.fills_lost} fills are lost"] if judge.fills_lost else []
        return found

    def figures(self) -> dict[str, Any]:
        """What there was to see."""
        judge = self._judge
        return {
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
