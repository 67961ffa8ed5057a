"""How orders, trades and ledger entries are shown, in replies and in exports."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken.emulator.exports import Table
from kraken.emulator.wire import SECOND, ZERO, fixed, rfc3339, unix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from kraken.emulator.instruments import Pair
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.orders import Account, Amend, Fill, Order

POSITION = "TKH2SE-M7IF5-CFI7LT"
"""The id of a position that trades without margin all have."""


def order_row(order: Order, *, trades: bool, consolidate: bool = False) -> dict[str, Any]:
    """An order as account data shows it.

    Args:
        order: The order.
        trades: Whether to list its trades.
        consolidate: Whether what it took at once counts as one trade.
    """
    pair, asked = order.pair, order.asked
    trigger_first = order.trigger if order.trigger is not None else order.limit
    limit_second = order.limit if order.trigger is not None else None
    flags = [*(["post"] if asked.post_only else []), "fcib" if asked.fee_in_base else "fciq", *asked.oflags]
    partial = ["partial"] if order.alive and order.filled else []

    def price(value: Decimal | None) -> str:
        return "0" if value is None else fixed(value, pair.pair_decimals)

    def cost(value: Decimal) -> str:
        return fixed(value, pair.cost_decimals)

    row: dict[str, Any] = {
        "refid": asked.parent,
        "userref": 0 if asked.userref is None else asked.userref,
        **({} if asked.cl_ord_id is None else {"cl_ord_id": asked.cl_ord_id}),
        **({} if asked.sender is None else {"sender_sub_id": asked.sender}),
        **({} if asked.replaces is None else {"link_id": asked.replaces}),
        "status": order.status,
        "opentm": unix(order.opened),
        "starttm": asked.starts // SECOND,
        "expiretm": asked.expires // SECOND,
        "descr": {
            "pair": pair.altname,
            "aclass": "forex",
            "type": order.side,
            "ordertype": asked.type,
            "price": price(trigger_first),
            "price2": price(limit_second),
            "leverage": "none",
            "order": order.description(),
            "close": "" if asked.close is None else asked.close.description(pair),
        },
        "vol": fixed(order.volume, pair.lot_decimals),
        "vol_exec": fixed(order.filled, pair.lot_decimals),
        "cost": cost(order.cost),
        "fee": cost(order.fee),
        "price": price(order.average) if order.filled else fixed(ZERO, 5),
        "stopprice": fixed(ZERO, 5) if order.trigger is None else price(order.trigger),
        "limitprice": fixed(ZERO, 5) if limit_second is None else price(limit_second),
        "misc": ",".join([*partial, *(["amended"] if order.amended else [])]),
        "oflags": ",".join(flags),
    }
    if order.display is not None:
        row["displayvol"] = fixed(order.display, pair.lot_decimals)
        row["displayvolremain"] = fixed(order.visible, pair.lot_decimals)
    if trades and order.fills:
        row["trades"] = [trade.id for trade in own_trades(order.fills, consolidate=consolidate)]
    if not order.alive:
        row |= {"closetm": unix(order.closed), "reason": order.reason}
    if order.trigger is not None:
        row["trigger"] = asked.trigger_by
    return row


def amend_row(pair: Pair, amend: Amend) -> dict[str, Any]:
    """A change of an order of ``pair`` as account data shows it."""
    row: dict[str, Any] = {
        "amend_id": amend.id,
        "amend_type": amend.kind,
        "order_qty": fixed(amend.volume, pair.lot_decimals),
        "remaining_qty": fixed(amend.remaining, pair.lot_decimals),
        "post_only": amend.post_only,
        "timestamp": amend.at // 1_000_000,
    }
    if amend.display is not None:
        row["display_qty"] = fixed(amend.display, pair.lot_decimals)
    if amend.limit is not None:
        row["limit_price"] = fixed(amend.limit, pair.pair_decimals)
    if amend.trigger is not None:
        row["trigger_price"] = fixed(amend.trigger, pair.pair_decimals)
    return row


@dataclass(frozen=True, slots=True)
class OwnTrade:
    """A trade of the account: one fill, or all that an order took at once."""

    fills: tuple[Fill, ...]

    @property
    def id(self) -> str:
        """Id of the first fill."""
        return self.fills[0].id

    @property
    def at(self) -> int:
        """When, in Unix nanoseconds."""
        return self.fills[0].trade.at

    def row(self, *, ledgers: bool) -> dict[str, Any]:
        """The trade as account data shows it.

        Args:
            ledgers: Whether to list the ids of its ledger entries.
        """
        first = self.fills[0]
        order, pair = first.order, first.order.pair
        volume = sum((fill.trade.volume for fill in self.fills), ZERO)
        cost = sum((fill.cost for fill in self.fills), ZERO)
        price = first.trade.price if len(self.fills) == 1 else cost / volume
        row = {
            "ordertxid": order.id,
            "postxid": POSITION,
            "pair": pair.name,
            "aclass": "forex",
            "time": unix(self.at),
            "type": order.side,
            "ordertype": order.asked.type,
            "price": fixed(price, max(pair.cost_decimals, pair.pair_decimals)),
            "cost": fixed(cost, pair.cost_decimals),
            "fee": fixed(sum((fill.fee for fill in self.fills), ZERO), pair.cost_decimals),
            "vol": fixed(volume, pair.lot_decimals),
            "margin": fixed(ZERO, pair.cost_decimals),
            "leverage": "0",
            "misc": "",
            "trade_id": first.trade.id,
            "maker": first.maker,
        }
        return {**row, "ledgers": [entry.id for fill in self.fills for entry in fill.entries]} if ledgers else row


def own_trades(fills: Iterable[Fill], *, consolidate: bool) -> list[OwnTrade]:
    """The trades that fills make.

    Args:
        fills: Fills, oldest first.
        consolidate: Whether what an order took at once counts as one trade.
    """

    def key(fill: Fill) -> str:
        return fill.id if fill.maker or not consolidate else fill.order.id

    return [OwnTrade(tuple(group)) for _, group in itertools.groupby(fills, key)]


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """A ledger entry as account data shows it."""
    return {
        "refid": entry.reference,
        "time": unix(entry.at),
        "type": entry.type,
        "subtype": entry.subtype,
        "aclass": entry.aclass,
        "asset": entry.asset.name,
        "amount": format(entry.amount, "f"),
        "fee": format(entry.fee, "f"),
        "balance": format(entry.balance, "f"),
    }


# ---------------------------------------------------------------------- exports


TRADE_FIELDS = (
    "ordertxid",
    "pair",
    "time",
    "type",
    "ordertype",
    "price",
    "cost",
    "fee",
    "vol",
    "margin",
    "misc",
    "ledgers",
)
LEDGER_FIELDS = ("refid", "time", "type", "subtype", "aclass", "asset", "amount", "fee", "balance", "wallet")


def tables(account: Account) -> dict[str, Table]:
    """What can be exported of an account."""

    def trades(start: int, end: int) -> list[Mapping[str, Any]]:
        return [
            {"txid": trade.id, **row, "time": _moment(trade.at), "ledgers": ",".join(row["ledgers"])}
            for trade in own_trades(account.fills, consolidate=False)
            if start <= trade.at // SECOND <= end
            for row in (trade.row(ledgers=True),)
        ]

    def ledgers(start: int, end: int) -> list[Mapping[str, Any]]:
        return [
            {"txid": entry.id, **ledger_row(entry), "time": _moment(entry.at), "wallet": "spot / main"}
            for entry in account.ledger.entries.values()
            if start <= entry.at // SECOND <= end
        ]

    return {"trades": Table(TRADE_FIELDS, "forex", trades), "ledgers": Table(LEDGER_FIELDS, "currency", ledgers)}


def _moment(nanoseconds: int) -> str:
    return rfc3339(nanoseconds).replace("T", " ").removesuffix("Z")
