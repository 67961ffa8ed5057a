"""The Futures exchange: contracts instead of assets, margin instead of payment, triggers and funding."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from kraken.emulator.account_log import AccountLog
from kraken.emulator.errors import Refusal, Words
from kraken.emulator.exchange import OPENING_AGE
from kraken.emulator.ledger import Ledger
from kraken.emulator.margin import margin_of, possible_sizes
from kraken.emulator.orders import RESTING, Account, Fill, NewOrder, Order, OrderChanged, Side, Trade
from kraken.emulator.perpetuals import HOUR, FundingRates
from kraken.emulator.positions import Execution, Position, PositionUpdate
from kraken.emulator.rates import Rates
from kraken.emulator.venue import Venue
from kraken.emulator.wire import WIDE, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.contracts import Contract, Contracts
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset, Pair

Signal = Literal["mark", "spot", "last"]
"""The price that a trigger looks at."""

COLLAR = Decimal("0.2")
"""How far a limit price may be on the wrong side of the mark price, as a part of it."""
SLIPPAGE = Decimal("0.01")
"""How far a market order may go from the best price, as a part of it."""
MAX_CLIENT_ID = 100
_NAMESPACE = uuid.UUID("8b2f6c4e-0000-4000-8000-0000000000f0")


@dataclass(frozen=True, slots=True)
class ContractOrder(NewOrder):
    """An order of the Futures account, as asked for. Its ``type`` is ``limit``, or that of what it waits for."""

    kind: str = "lmt"
    """The order type in Kraken's words: ``lmt``, ``post``, ``ioc``, ``fok``, ``mkt``, ``stp``, ``take_profit`` or
    ``trailing_stop``."""
    reduce_only: bool = False
    signal: Signal = "last"
    above: bool = False
    """Whether a trigger waits for the price to rise."""
    deviation: Decimal | None = None
    """How far a trailing stop stays behind."""
    deviation_unit: str = "PERCENT"


@dataclass(slots=True)
class Preferences:
    """What the account has chosen."""

    leverage: dict[str, Decimal] = field(default_factory=dict)
    """Most leverage, by contract; others have cross margin."""
    currency: dict[str, str] = field(default_factory=dict)
    """In what profits are paid, by contract."""
    self_trade: str = "REJECT_TAKER"
    rfq_leverage: Decimal | None = None


class Derivatives(Venue):
    """The Futures market and the account's wallets.

    Args:
        contracts: What is traded.
        spot: The Spot market, where index prices come from.
        clock: Unix time in nanoseconds.
        seed: Makes the identifiers repeatable.
    """

    def __init__(self, contracts: Contracts, spot: Exchange, clock: Callable[[], int], seed: int) -> None:
        super().__init__(contracts.all, clock)
        self.contracts = contracts
        self.assets: Mapping[str, Asset] = spot.instruments.assets
        self.rates = Rates(spot)
        self.funding = FundingRates(seed)
        self.preferences = Preferences()
        self._ids = random.Random(f"futures ids {seed}")
        self.user = self._account("user")
        self.maker = self._account("maker", house=True)
        self.taker = self._account("taker", house=True)
        self.log = AccountLog(self.new_id)
        self.executions: list[Execution] = []
        """Of the account, oldest first."""
        self.updates: list[PositionUpdate] = []
        """Of the account's positions, oldest first."""
        self.rejected: list[Order] = []
        """Orders of the account that never came to be, oldest first."""
        self._positions: dict[str, Position] = {}
        self.opened = max(0, clock() - OPENING_AGE)
        """When the account was opened, in Unix nanoseconds."""
        self.wallets = {name: self._ledger() for name in contracts.wallets}
        """What the account has, by the name of the wallet."""
        for wallet, amounts in contracts.wallets.items():
            for name, amount in amounts.items():
                self.move(wallet, self.assets[name], Decimal(amount), "cross-exchange transfer", at=self.opened)

    @property
    def account_uid(self) -> str:
        """The id of the account."""
        return self.user.number

    def _account(self, name: str, *, house: bool = False) -> Account:
        return Account(name, self.new_id("A"), self._ledger(), house)

    def _ledger(self) -> Ledger:
        return Ledger(self.new_id, self.now, lambda _entries: None)

    def new_id(self, kind: str) -> str:
        """A UUID, whatever it is for."""
        del kind
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def execution_id(self, trade: Trade) -> str:
        """The id of a trade, the same for everybody who asks."""
        return str(uuid.uuid5(_NAMESPACE, f"{trade.pair.name} {trade.id}"))

    def house_id(self, trade: Trade, part: str) -> str:
        """The id of an order of the house that was in a trade.

        Args:
            trade: The trade.
            part: ``makerOrder`` or ``takerOrder``.
        """
        return str(uuid.uuid5(_NAMESPACE, f"{trade.pair.name} {trade.id} {part}"))

    # ------------------------------------------------------------------ prices

    def mark_price(self, contract: Contract) -> Decimal:
        """The price that positions are valued at: the middle of the book."""
        return self.mid_price(contract)

    def index_price(self, contract: Contract) -> Decimal:
        """What the base currency costs on the Spot market."""
        return self.rates.worth(Decimal(1), contract.base, contract.quote)

    def signal_price(self, contract: Contract, signal: Signal) -> Decimal:
        """The price that a trigger looks at."""
        if signal == "mark":
            return self.mark_price(contract)
        return self.index_price(contract) if signal == "spot" else self.last_price(contract)

    # ------------------------------------------------------------------ the account

    def position(self, contract: Contract) -> Position:
        """The account's position in a contract."""
        return self._positions.get(contract.name) or Position(contract)

    @property
    def positions(self) -> list[Position]:
        """The open positions."""
        return [each for each in self._positions.values() if each.size]

    def unrealized_funding(self, position: Position) -> Decimal:
        """What a position is owed since it was last settled; negative for what it owes."""
        return self.funding.accrued(position.contract, position.size, position.funded, self._clock())

    def move(
        self, wallet: str, asset: Asset, amount: Decimal, kind: str, *, execution: str | None = None, at: int = 0
    ) -> None:
        """Change a balance, with an entry that says why.

        Args:
            wallet: The wallet.
            asset: The currency.
            amount: What is added, negative for what is taken.
            kind: What happened, in the words of the account log.
            execution: Id of the transfer.
            at: When, in Unix nanoseconds; now when left out.
        """
        old = self.wallets[wallet].balances.get(asset.name, ZERO)
        new = self.wallets[wallet].move(asset, amount)
        name = asset.altname.lower()
        self.log.note(kind, wallet, name, at or self.now(), old, new, execution=execution)

    def asked(self, order: Order) -> ContractOrder:
        """What the account asked for with one of its orders."""
        assert isinstance(order.asked, ContractOrder)
        return order.asked

    def contract(self, order: Order) -> Contract:
        """The contract of an order."""
        return self.contracts.all[order.pair.name]

    def reject(self, asked: ContractOrder, error: Words) -> Order:
        """An order that never came to be, for the record.

        Args:
            asked: What was asked for.
            error: Why it was refused.
        """
        order = self._order(self.user, asked, validate=False)
        order.status, order.reason, order.closed = "canceled", error, self.now()
        self.rejected.append(order)
        self._tell(OrderChanged(order, "rejected", order.closed))
        return order

    # ------------------------------------------------------------------ time

    def pass_time(self) -> None:
        """Do what is due: cancel orders, realise funding, look at triggers."""
        super().pass_time()
        now = self._clock()
        for position in self.positions:
            if position.contract.perpetual and position.funded < now // HOUR * HOUR:
                self._realise_funding(position, now // HOUR * HOUR)
        for contract in self.contracts.all.values():
            self._check_triggers(contract)

    def _realise_funding(self, position: Position, at: int) -> None:
        contract = position.contract
        amount = self.funding.accrued(contract, position.size, position.funded, at)
        wallet, asset = contract.wallet, contract.settlement
        old = self.wallets[wallet].balances.get(asset.name, ZERO)
        self.log.note(
            "funding rate change",
            wallet,
            asset.altname.lower(),
            at,
            old,
            self.wallets[wallet].move(asset, amount),
            contract=contract.name.lower(),
            fee=ZERO,
            funding_rate=self.funding.rate(contract, at - 1).absolute,
            realized_funding=amount,
        )
        after = self._positions[contract.name] = replace(position, funded=at)
        self.updates.append(
            PositionUpdate(self.new_id("P"), at, position, after, "noChange", "fundingRealisation", ZERO, ZERO, amount)
        )

    # ------------------------------------------------------------------ rules

    def _check_rules(self, order: Order) -> None:
        contract, asked = self.contract(order), self.asked(order)
        if self.status in ("maintenance", "cancel_only"):
            raise Refusal(Words.MARKET_SUSPENDED)
        if self.status == "post_only" and not asked.post_only:
            raise Refusal(Words.MARKET_POST_ONLY)
        self._check_prices(order)
        if order.volume != asked.volume or order.volume < contract.ordermin:
            raise Refusal(Words.BAD_SIZE)

    def _check_prices(self, order: Order) -> None:
        for price in (order.limit, order.trigger):
            if price is not None and (price <= 0 or not order.pair.on_tick(price)):
                raise Refusal(Words.BAD_PRICE)
        if order.limit is not None and order.trigger is None:
            mark = self.mark_price(self.contract(order))
            if (order.limit / mark - 1) * (1 if order.side == "buy" else -1) > COLLAR:
                raise Refusal(Words.OUTSIDE_COLLAR)

    def _check_standing(self, order: Order, *, instead: Order | None = None) -> None:
        del instead
        asked = self.asked(order)
        if asked.cl_ord_id is not None:
            if len(asked.cl_ord_id) > MAX_CLIENT_ID:
                raise Refusal(Words.CLIENT_ID_TOO_LONG)
            if any(each.asked.cl_ord_id == asked.cl_ord_id for each in self.user.orders.values()):
                raise Refusal(Words.CLIENT_ID_IN_USE)
        if asked.reduce_only:
            self._reduce(order)
        if asked.type in RESTING:
            self._check_match(order)
            self._check_margin(order)

    def _check_amended(self, order: Order, volume: Decimal | None, *, post_only: bool) -> None:
        self._check_prices(order)
        if volume is not None and (order.volume != volume or volume < order.pair.ordermin):
            raise Refusal(Words.BAD_SIZE)
        if order.trigger is None:
            if (post_only or order.asked.post_only) and self._crosses(order):
                raise Refusal(Words.POST_WOULD_EXECUTE)
            self._check_margin(order)

    def _reduce(self, order: Order) -> None:
        """Make a reduce-only order as small as the position that it can close."""
        size = self.position(self.contract(order)).size
        open_size = -size if order.side == "buy" else size
        if open_size <= 0:
            raise Refusal(Words.WOULD_NOT_REDUCE)
        order.volume = min(order.volume, open_size)

    def _check_match(self, order: Order) -> None:
        """Refuse an order that must not trade, or must trade and cannot."""
        asked = self.asked(order)
        if asked.post_only and self._crosses(order):
            raise Refusal(Words.POST_WOULD_EXECUTE)
        if asked.time_in_force != "GTC":
            wanted = order.volume if asked.time_in_force == "FOK" else order.pair.ordermin
            if self._fillable(order) < wanted:
                raise Refusal(Words.IOC_WOULD_NOT_EXECUTE)
        if self.preferences.self_trade == "REJECT_TAKER" and self._meets_itself(order):
            raise Refusal(Words.SELF_FILL)

    def _meets_itself(self, order: Order) -> bool:
        wanted = order.volume
        for resting in self._reachable(order):
            if resting.account is order.account:
                return True
            wanted -= resting.remaining
            if wanted <= 0:
                return False
        return False

    def _check_margin(self, order: Order) -> None:
        """Refuse an order whose position would be too large, or need more margin than there is."""
        if self.asked(order).reduce_only:
            return
        contract = self.contract(order)
        if max(map(abs, possible_sizes(self, contract, order))) > contract.max_position:
            raise Refusal(Words.POSITION_TOO_LARGE)
        if margin_of(self, contract.wallet, order).available < 0:
            raise Refusal(Words.NO_MARGIN_LEFT)

    # ------------------------------------------------------------------ trades

    def _cost(self, maker: Order, taker: Order, volume: Decimal) -> Decimal:
        contract = self.contract(taker)
        assert maker.limit is not None
        return rounded(contract.value(volume, maker.limit), contract.settlement.decimals)

    def _settle(self, order: Order, trade: Trade, cost: Decimal, *, maker: bool) -> Fill:
        contract = self.contract(order)
        fee = rounded(cost * (contract.maker_fee if maker else contract.taker_fee) / 100, contract.settlement.decimals)
        order.fee += fee
        fill = Fill(
            id=self.execution_id(trade),
            order=order,
            trade=trade,
            cost=cost,
            fee=fee,
            fee_taken=fee,
            fee_asset=contract.settlement,
            maker=maker,
            filled=order.filled,
            total_cost=order.cost,
            average=order.average,
            entries=(),
        )
        if not order.account.house:
            self._book_fill(contract, fill)
        return fill

    def _book_fill(self, contract: Contract, fill: Fill) -> None:
        """Change the position and the wallet, and write down why."""
        trade, before = fill.trade, self.position(contract)
        bought = trade.volume if fill.order.side == "buy" else -trade.volume
        size, entry, realized, change = before.after(bought, trade.price)
        funding = self.funding.accrued(contract, before.size, before.funded, trade.at)
        fresh = change in ("open", "reverse")
        after = Position(
            contract,
            size,
            entry,
            uid=self.new_id("P") if fresh else before.uid,
            opened=trade.at if fresh else before.opened,
            funded=trade.at,
        )
        self._positions[contract.name] = after
        mark = self.mark_price(contract)
        asset, wallet = contract.settlement, self.wallets[contract.wallet]
        old = wallet.balances.get(asset.name, ZERO)
        details = {
            "contract": contract.name.lower(),
            "execution": fill.id,
            "trade_price": trade.price,
            "mark_price": mark,
            "position": after.uid,
        }
        self.log.note(
            "futures trade",
            contract.wallet,
            asset.altname.lower(),
            trade.at,
            old,
            wallet.move(asset, realized - fill.fee + funding),
            fee=fill.fee,
            realized_pnl=realized,
            realized_funding=funding,
            funding_rate=self.funding.rate(contract, trade.at).absolute if contract.perpetual else None,
            **details,
        )
        self.log.note(
            "futures trade",
            contract.wallet,
            contract.name.lower(),
            trade.at,
            before.size,
            size,
            old_entry=before.entry if before.size else None,
            new_entry=entry,
            **details,
        )
        self.executions.append(Execution(fill, contract, mark, size, realized))
        self.updates.append(
            PositionUpdate(
                self.new_id("P"), trade.at, before, after, change, "trade", fill.fee, realized, funding, fill
            )
        )

    # ------------------------------------------------------------------ after every change

    def _flush(self, pair: Pair) -> None:
        super()._flush(pair)
        self._trim(self.contracts.all[pair.name])

    def place(self, account: Account, asked: NewOrder, *, validate: bool = False) -> Order:
        """Check an order against the rules and the margin, and execute it."""
        order = super().place(account, asked, validate=validate)
        if not account.house:
            self.settled(order.pair)
        return order

    def settled(self, pair: Pair) -> None:
        """Look at triggers, now that the book is whole."""
        self._check_triggers(self.contracts.all[pair.name])

    def _trim(self, contract: Contract) -> None:
        """Take off reduce-only orders that have nothing to reduce any more, and shrink those that would turn it."""
        size = self.position(contract).size
        for order in list(self.user.open.values()):
            if order.pair is contract and order.alive and self.asked(order).reduce_only:
                open_size = -size if order.side == "buy" else size
                if open_size <= 0:
                    self.cancel(order, "would_not_reduce_position")
                elif order.remaining > open_size:
                    order.volume = order.filled + open_size
                    self._tell(OrderChanged(order, "restated", self.now()))

    def _check_triggers(self, contract: Contract) -> None:
        for order in list(self.user.open.values()):
            if order.pair is contract and order.trigger is not None and order.alive:
                price = self.signal_price(contract, self.asked(order).signal)
                self._follow(order, price)
                assert order.trigger is not None
                if (price >= order.trigger) if self.asked(order).above else (price <= order.trigger):
                    self._trigger(order)

    def _follow(self, order: Order, price: Decimal) -> None:
        """Let the trigger price of a trailing stop follow the market."""
        wanted = trailing_price(self, order.pair, order.side, price, self.asked(order))
        assert order.trigger is not None
        if wanted is not None and (wanted > order.trigger if order.side == "sell" else wanted < order.trigger):
            order.trigger = wanted

    def _trigger(self, order: Order) -> None:
        """Turn an order that waited into the one that it waited for."""
        self._tell(OrderChanged(order, "triggered", self.now()))
        asked, limit = self.asked(order), order.limit
        market = limit is None
        if limit is None:
            limit = market_limit(self, order.pair, order.side)
        order.asked = replace(asked, type="limit", limit=limit, time_in_force="IOC" if market else "GTC")
        order.limit, order.trigger = limit, None
        try:
            self._check_margin(order)
        except Refusal:
            self.cancel(order, "not_enough_margin")
        else:
            self._activate(order)
            self._flush(order.pair)


def market_limit(venue: Derivatives, pair: Pair, side: Side) -> Decimal:
    """The worst price that a market order takes now."""
    others = (each for each in venue.books[pair.name].opposite(side).orders() if each.account.house)
    best = next(others, None)
    price = venue.last_price(pair) if best is None or best.limit is None else best.limit
    return venue.shifted_price(
        pair, price, WIDE.multiply(price, SLIPPAGE if side == "buy" else -SLIPPAGE), percent=False
    )


def trailing_price(venue: Derivatives, pair: Pair, side: Side, price: Decimal, asked: ContractOrder) -> Decimal | None:
    """Where the trigger of a trailing stop stands at a price; None for other orders."""
    if asked.deviation is None:
        return None
    behind = -asked.deviation if side == "sell" else asked.deviation
    return venue.shifted_price(pair, price, behind, percent=asked.deviation_unit == "PERCENT")
