"""What is pushed of a market in the frames of WebSocket v2, first as a snapshot and then whenever something changes."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kraken.emulator.book import Level, ShownBook
from kraken.emulator.feeds import Feeds, Subscription
from kraken.emulator.figures import figures
from kraken.emulator.orders import BookChanged, Event, StatusChanged, Trade, Traded
from kraken.emulator.spot_candles import candles
from kraken.emulator.spot_level3 import ShownOrders
from kraken.emulator.spot_rest import DAY
from kraken.emulator.spot_rows import trade_row
from kraken.emulator.venue import Venue
from kraken.emulator.wire import SECOND, ZERO, dumps, rfc3339, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from kraken.emulator.instruments import Pair

Data = list[dict[str, Any]] | dict[str, Any]
Place = TypeVar("Place", bound=Venue)

SNAPSHOT_TRADES = 50
_WITH_SINGLE_PRICES = ("book", "level3")


class MarketFeeds(Feeds, Generic[Place]):
    """The public channels of a market; subclasses add those of its account.

    Args:
        venue: Whose events are pushed.
    """

    defaults: ClassVar[Mapping[str, Mapping[str, Any]]]
    """By channel, parameters of a subscription that were left out. Channels that are not here push their canned
    messages."""
    numbered: ClassVar[tuple[str, ...]]
    """Channels whose frames are numbered."""

    def __init__(self, venue: Place) -> None:
        super().__init__()
        self.poisoned: Counter[str] = Counter()
        """How many of the next book frames of a symbol carry a wrong checksum."""
        self._venue = venue
        self._shown: dict[tuple[str, int], ShownBook] = {}
        self._orders: dict[tuple[str, int], ShownOrders] = {}
        self._best: dict[str, tuple[list[Level], list[Level]]] = {}
        venue.listeners.append(self._on_event)

    # ------------------------------------------------------------------ what each market does its own way

    @abstractmethod
    def _account_snapshot(self, channel: str, options: Mapping[str, Any]) -> Data:
        """The present state in a channel that has no pairs."""

    @abstractmethod
    def _on_account_event(self, event: Event) -> None:
        """Push what happened to the account."""

    @abstractmethod
    def _instruments(self) -> Data:
        """What can be traded."""

    def ack(self, channel: str) -> dict[str, Any]:
        """What the reply to a subscription tells besides its options."""
        del channel
        return {}

    def _tape(self, pair: Pair, options: Mapping[str, Any]) -> Iterable[Trade]:
        """What candles are made of."""
        del options
        return self._venue.tape[pair.name]

    # ------------------------------------------------------------------ subscriptions

    def add(self, subscription: Subscription) -> None:
        """Send a new subscriber the present state, and everything from now on."""
        self.subscriptions[subscription] = None
        if subscription.channel == "book" and subscription.pair is not None:
            self._shown_book(subscription.pair, subscription.options["depth"])
        elif subscription.channel == "level3" and subscription.pair is not None:
            self._shown_orders(subscription.pair, subscription.options["depth"])
        if subscription.wants_snapshot:
            self._send(subscription, "snapshot", self._snapshot(subscription))

    def remove(self, subscription: Subscription) -> None:
        """Send no more."""
        super().remove(subscription)
        key = self._book_key(subscription)
        if key is not None and not any(self._book_key(each) == key for each in self.subscriptions):
            shown: dict[tuple[str, int], Any] = self._shown if subscription.channel == "book" else self._orders
            shown.pop(key[1:], None)

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet."""
        super().heal()
        self.poisoned.clear()

    # ------------------------------------------------------------------ what is sent

    def _send(self, subscription: Subscription, kind: str, data: Data) -> None:
        frame = self._frame(subscription.channel, kind, data)
        if subscription.channel in self.numbered:
            frame["sequence"] = next(subscription.numbers)
        self._push(subscription, dumps(frame))

    def _broadcast(self, subscriptions: list[Subscription], data: Callable[[], Data]) -> None:
        """The same frame for many, made only if somebody wants it."""
        if subscriptions:
            self._push_all(subscriptions, dumps(self._frame(subscriptions[0].channel, "update", data())))

    def _frame(self, channel: str, kind: str, data: Data) -> dict[str, Any]:
        moment = {"timestamp": rfc3339(self._venue.now(), 9)} if channel == "ohlc" else {}
        return {"channel": channel, "type": kind, **moment, "data": data}

    def _snapshot(self, subscription: Subscription) -> Data:
        pair, options = subscription.pair, subscription.options
        if subscription.channel == "instrument":
            return self._instruments()
        if pair is None:
            return self._account_snapshot(subscription.channel, options)
        if subscription.channel == "ticker":
            return [self._ticker(pair)]
        if subscription.channel == "trade":
            return [trade_row(trade) for trade in list(self._venue.tape[pair.name])[-SNAPSHOT_TRADES:]]
        if subscription.channel == "ohlc":
            return candles(pair, self._tape(pair, options), options["interval"])
        if subscription.channel == "level3":
            orders = self._shown_orders(pair, options["depth"])
            return [self._orders_row(orders, *orders.snapshot(), self._told_checksum(pair, orders))]
        shown = self._shown_book(pair, options["depth"])
        levels = list(shown.bids.items()), list(shown.asks.items())
        return [self._book_row(shown, *levels, self._told_checksum(pair, shown))]

    # ------------------------------------------------------------------ what happens

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._on_book(event.pair)
            self._on_orders(event.pair)
        elif isinstance(event, Traded):
            self._broadcast(self._of("trade", event.pair), lambda: [trade_row(trade) for trade in event.trades])
            self._push_ticker(event.pair, "trades")
            self._push_candles(event)
        elif isinstance(event, StatusChanged):
            self._broadcast(self._of("instrument"), self._instruments)
        self._on_account_event(event)

    def _push_ticker(self, pair: Pair, trigger: str) -> None:
        wanting = [each for each in self._of("ticker", pair) if each.options.get("event_trigger", "trades") == trigger]
        self._broadcast(wanting, lambda: [self._ticker(pair)])

    def _push_candles(self, event: Traded) -> None:
        """Candles that trades changed, the same for all subscriptions with the same options."""
        alike: dict[tuple[Any, ...], list[Subscription]] = {}
        for each in self._of("ohlc", event.pair):
            alike.setdefault((each.options["interval"], each.options.get("tick_type")), []).append(each)
        for wanting in alike.values():
            options = wanting[0].options
            rows = candles(event.pair, self._tape(event.pair, options), options["interval"], event.trades[0].at)
            self._broadcast(wanting, lambda rows=rows: rows)  # type: ignore[misc]

    def _on_orders(self, pair: Pair) -> None:
        for (name, depth), shown in self._orders.items():
            if name != pair.name:
                continue
            bids, asks = shown.changes(self._venue.now())
            wanting = [each for each in self._of("level3", pair) if each.options["depth"] == depth]
            if (bids or asks) and wanting:
                row = self._orders_row(shown, bids, asks, self._told_checksum(pair, shown))
                self._broadcast(wanting, lambda row=row: [row])  # type: ignore[misc]

    def _on_book(self, pair: Pair) -> None:
        book = self._venue.books[pair.name]
        best = (book.bids.levels(1), book.asks.levels(1))
        if self._best.get(pair.name) != best:
            self._best[pair.name] = best
            self._push_ticker(pair, "bbo")
        for (name, depth), shown in self._shown.items():
            if name != pair.name:
                continue
            bids, asks = shown.changes()
            wanting = [each for each in self._of("book", pair) if each.options["depth"] == depth]
            if (bids or asks) and wanting:
                row = self._book_row(shown, bids, asks, self._told_checksum(pair, shown))
                self._broadcast(wanting, lambda row=row: [row])  # type: ignore[misc]

    def _told_checksum(self, pair: Pair, shown: ShownBook | ShownOrders) -> int:
        """The checksum, or a wrong one if that was asked for."""
        if self.poisoned[pair.symbol]:
            self.poisoned[pair.symbol] -= 1
            return shown.checksum() ^ 1
        return shown.checksum()

    # ------------------------------------------------------------------ rows that need the market

    @staticmethod
    def _book_key(subscription: Subscription) -> tuple[str, str, int] | None:
        if subscription.channel not in _WITH_SINGLE_PRICES or subscription.pair is None:
            return None
        return subscription.channel, subscription.pair.name, subscription.options["depth"]

    def _shown_orders(self, pair: Pair, depth: int) -> ShownOrders:
        key = (pair.name, depth)
        if key not in self._orders:
            self._orders[key] = ShownOrders(self._venue.books[pair.name], depth)
        return self._orders[key]

    def _orders_row(
        self, shown: ShownOrders, bids: list[dict[str, Any]], asks: list[dict[str, Any]], crc: int
    ) -> dict[str, Any]:
        return {
            "symbol": shown.book.pair.symbol,
            "bids": bids,
            "asks": asks,
            "checksum": crc,
            "timestamp": rfc3339(self._venue.now(), 9),
        }

    def _shown_book(self, pair: Pair, depth: int) -> ShownBook:
        key = (pair.name, depth)
        if key not in self._shown:
            self._shown[key] = ShownBook(self._venue.books[pair.name], depth)
        return self._shown[key]

    def _book_row(self, shown: ShownBook, bids: list[Level], asks: list[Level], crc: int) -> dict[str, Any]:
        pair = shown.book.pair

        def levels(side: list[Level]) -> list[dict[str, Decimal]]:
            return [
                {"price": rounded(price, pair.pair_decimals), "qty": rounded(volume, pair.lot_decimals)}
                for price, volume in side
            ]

        return {
            "symbol": pair.symbol,
            "bids": levels(bids),
            "asks": levels(asks),
            "checksum": crc,
            "timestamp": rfc3339(self._venue.now()),
        }

    def _ticker(self, pair: Pair) -> dict[str, Any]:
        book = self._venue.books[pair.name]
        now = self._venue.now()
        day = figures(self._venue, pair, now - DAY * SECOND)
        bid, bid_qty = (book.bids.levels(1) or [(ZERO, ZERO)])[0]
        ask, ask_qty = (book.asks.levels(1) or [(ZERO, ZERO)])[0]
        change = day.last - day.first
        return {
            "symbol": pair.symbol,
            "bid": rounded(bid, pair.pair_decimals),
            "bid_qty": rounded(bid_qty, pair.lot_decimals),
            "ask": rounded(ask, pair.pair_decimals),
            "ask_qty": rounded(ask_qty, pair.lot_decimals),
            "last": rounded(day.last, pair.pair_decimals),
            "volume": day.volume,
            "vwap": day.average,
            "low": rounded(day.low, pair.pair_decimals),
            "high": rounded(day.high, pair.pair_decimals),
            "change": rounded(change, pair.pair_decimals),
            "change_pct": rounded(change / day.first * 100, 2),
            "timestamp": rfc3339(now),
        }
