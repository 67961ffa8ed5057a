"""Orders, trades, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Literal

from kraken.emulator.wire import ZERO, fixed, rounded

if TYPE_CHECKING:
    from kraken.emulator.instruments import Asset, Pair
    from kraken.emulator.ledger import Ledger, LedgerEntry

Side = Literal["buy", "sell"]

RESTING = ("limit", "iceberg")
"""Order types that go into the book; the others, except market orders, wait for a trigger."""


@dataclass(slots=True, eq=False)
class Account:
    """Whose orders and balances they are."""

    name: str
    number: str
    """The number that funds are moved with: four groups of four characters."""
    ledger: Ledger
    house: bool = False
    """Whether it belongs to the emulator: its orders are not checked against rules and funds."""
    orders: dict[str, Order] = field(default_factory=dict)
    """All orders ever accepted, by id."""
    open: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    """What withdrawals have put aside, by Kraken's asset name."""

    @property
    def balances(self) -> dict[str, Decimal]:
        """By Kraken's asset name."""
        return self.ledger.balances

    def held(self, asset: Asset) -> Decimal:
        """What open orders and withdrawals have put aside of ``asset``."""
        return sum((order.hold(asset) for order in self.open.values()), self.reserved.get(asset.name, ZERO))

    def available(self, asset: Asset) -> Decimal:
        """What a new order, a withdrawal or a transfer can spend of ``asset``."""
        return self.balances.get(asset.name, ZERO) - self.held(asset)


@dataclass(frozen=True, slots=True)
class Close:
    """An order that each fill of another one brings into being, on the other side and with the volume of the fill."""

    type: str
    limit: Decimal | None = None
    trigger: Decimal | None = None

    def description(self, pair: Pair) -> str:
        """Kraken's one-line description."""
        return f"close position @ {_in_words(pair, self.type, self.trigger, self.limit)}"


def _in_words(pair: Pair, kind: str, trigger: Decimal | None, limit: Decimal | None) -> str:
    words = kind.removesuffix("-limit").replace("-", " ")
    prices = [fixed(each, pair.pair_decimals) for each in (trigger, limit) if each is not None]
    return " -> limit ".join([f"{words} {prices[0]}" if prices else words, *prices[1:]])


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as asked for, in the exchange's own terms."""

    pair: Pair
    side: Side
    type: str
    volume: Decimal
    limit: Decimal | None = None
    """Limit price."""
    trigger: Decimal | None = None
    """Trigger price."""
    time_in_force: str = "GTC"
    post_only: bool = False
    fee_in_base: bool = False
    stp: str = "cancel-newest"
    display: Decimal | None = None
    userref: int | None = None
    cl_ord_id: str | None = None
    sender: str | None = None
    starts: int = 0
    """Unix nanoseconds; 0 is at once."""
    expires: int = 0
    """Unix nanoseconds; 0 is never."""
    trigger_by: str = "last"
    close: Close | None = None
    """The conditional close order."""
    parent: str | None = None
    """Id of the order that brought this one into being."""
    replaces: str | None = None
    """Id of the order whose place it takes."""
    oflags: tuple[str, ...] = ()
    """Flags beside those that have a field of their own."""


@dataclass(frozen=True, slots=True)
class Amend:
    """An order as it was after a change, or when it was placed."""

    id: str
    kind: Literal["original", "user"]
    at: int
    volume: Decimal
    remaining: Decimal
    limit: Decimal | None
    trigger: Decimal | None
    display: Decimal | None
    post_only: bool


@dataclass(slots=True, eq=False)
class Order:
    """An order that was accepted."""

    id: str
    account: Account
    asked: NewOrder
    opened: int
    """Unix nanoseconds."""
    volume: Decimal
    limit: Decimal | None
    trigger: Decimal | None
    display: Decimal | None
    status: Literal["pending", "open", "closed", "canceled", "expired"] = "pending"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    """In the quote asset."""
    closed: int = 0
    reason: str | None = None
    resting: bool = False
    """Whether it is in the book."""
    queued: int = 0
    """Since when it has its place in the book, in Unix nanoseconds."""
    fills: list[Fill] = field(default_factory=list)
    amends: list[Amend] = field(default_factory=list)
    """Its history, beginning with what was placed; the house's orders have none."""

    @property
    def pair(self) -> Pair:
        """The pair."""
        return self.asked.pair

    @property
    def side(self) -> Side:
        """``buy`` or ``sell``."""
        return self.asked.side

    @property
    def amended(self) -> bool:
        """Whether it was ever changed."""
        return len(self.amends) > 1

    @property
    def changed(self) -> int:
        """When it was placed or last amended, in Unix nanoseconds."""
        return self.amends[-1].at if self.amends else self.opened

    @property
    def updated(self) -> int:
        """When it was placed, last amended or last filled, in Unix nanoseconds."""
        return max(self.changed, self.fills[-1].trade.at if self.fills else 0)

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled."""
        return self.volume - self.filled

    @property
    def visible(self) -> Decimal:
        """What the book shows of it."""
        return self.remaining if self.display is None else min(self.display, self.remaining)

    @property
    def alive(self) -> bool:
        """Whether it can still be filled, amended or cancelled."""
        return self.status in ("pending", "open")

    @property
    def average(self) -> Decimal:
        """Average price of what was filled; 0 before that."""
        return rounded(self.cost / self.filled if self.filled else ZERO, self.pair.pair_decimals)

    @property
    def ws_status(self) -> str:
        """The status in the words of the WebSocket API."""
        if self.status == "pending":
            return "pending_new"
        if self.status == "open":
            return "partially_filled" if self.filled else "new"
        return "filled" if self.status == "closed" else self.status

    def hold(self, asset: Asset) -> Decimal:
        """What the order puts aside of ``asset`` while it is open."""
        price = self.limit if self.limit is not None else self.trigger
        fee = self.pair.taker_fee / 100
        if self.side == "sell" and asset is self.pair.base:
            return self.remaining
        if self.side == "buy" and asset is self.pair.quote and price is not None:
            return rounded(price * self.remaining * (1 + fee), self.pair.money_decimals, ROUND_UP)
        return ZERO

    def description(self) -> str:
        """Kraken's one-line description."""
        words = _in_words(self.pair, self.asked.type, self.trigger, self.limit)
        return f"{self.side} {fixed(self.volume, self.pair.lot_decimals)} {self.pair.altname} @ {words}"


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as the public sees it."""

    pair: Pair
    id: int
    """Sequence number in the pair."""
    price: Decimal
    volume: Decimal
    side: Side
    """The taker's side."""
    type: str
    """The taker's order type: ``limit`` or ``market``."""
    at: int
    """Unix nanoseconds."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade as one of its two sides sees it."""

    id: str
    order: Order
    trade: Trade
    cost: Decimal
    fee: Decimal
    """In the quote asset, whatever it was taken from."""
    fee_taken: Decimal
    """In ``fee_asset``."""
    fee_asset: Asset
    maker: bool
    filled: Decimal
    """What was filled of the order up to and with this trade."""
    total_cost: Decimal
    average: Decimal
    entries: tuple[LedgerEntry, ...]
    """What it did to the account's balances."""


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """Something happened to an order; ``kind`` is one of the WebSocket API's execution types."""

    order: Order
    kind: str
    at: int
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """Balances of an account changed."""

    account: Account
    entries: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True)
class Traded:
    """One request caused these trades."""

    pair: Pair
    trades: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class BookChanged:
    """The book of a pair is not what it was."""

    pair: Pair


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The exchange's mode changed."""

    status: str


Event = OrderChanged | BalancesChanged | Traded | BookChanged | StatusChanged
