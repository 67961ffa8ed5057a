"""What happened on the Futures market, event by event, as its history shows it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kraken.emulator.errors import Words
from kraken.emulator.orders import OrderChanged
from kraken.emulator.wire import plain, rounded

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.orders import Amend, Event, Order, Trade
    from kraken.emulator.positions import Execution, PositionUpdate

Phase = Literal["opened", "changed", "closed"]

REMEMBERED = 2000
"""Public events that are remembered of a contract."""

REASONS = {
    "User requested": "cancelled_by_user",
    "Timer ran out": "dead_man_switch",
    "Order expired": "cancelled_by_admin",
    "Immediate or cancel order could not be filled": "ioc_order_failed_because_it_would_not_be_executed",
    "Fill or kill order could not be filled": "ioc_order_failed_because_it_would_not_be_executed",
    "Self trade prevention": "would_execute_self",
}
"""Why orders end, in the words of Futures; other reasons stand in these words already."""
MATCHING = (Words.POST_WOULD_EXECUTE, Words.IOC_WOULD_NOT_EXECUTE, Words.SELF_FILL)
"""What the matching engine refuses; the rest never gets that far."""
_TYPES = {"lmt": "Limit", "post": "Post", "ioc": "IoC", "fok": "FillOrKill", "mkt": "Market"}
_SIGNALS = {"mark": "MarkPrice", "spot": "SpotPrice", "last": "LastPrice"}
_UNITS = {"PERCENT": "Percent", "QUOTE_CURRENCY": "QuoteCurrency"}


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the account or of the market."""

    uid: str
    at: int
    """Unix nanoseconds."""
    tradeable: str
    body: dict[str, Any]
    phase: Phase = "changed"
    """Whether an order came to be or ended with it."""

    def row(self) -> dict[str, Any]:
        """The event as its history shows it."""
        return {"uid": self.uid, "timestamp": self.at // 1_000_000, "event": self.body}


class FuturesEvents:
    """Everything that happened since the emulator opened.

    Args:
        venue: The exchange.
    """

    def __init__(self, venue: Derivatives) -> None:
        self.orders: list[Happened] = []
        """Of the account's orders, oldest first."""
        self.triggers: list[Happened] = []
        """Of the account's orders that wait for a trigger."""
        self.public = {name: deque[Happened](maxlen=REMEMBERED) for name in venue.pairs}
        """Of all orders, by contract."""
        self._venue = venue
        self._traded: dict[str, dict[str, dict[str, Any]]] = {}
        """The account's orders before each execution, by its id and their part in it."""
        venue.listeners.append(self._on_event)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, OrderChanged):
            return
        order, at = event.order, event.at
        kind = "canceled" if event.kind == "expired" else event.kind
        if order.account.house:
            if kind in ("new", "canceled"):
                self._publish(order, kind, at)
            return
        trigger = order.trigger is not None and kind != "rejected"
        if kind == "trade" and event.fill is not None:
            fill = event.fill
            old, new = (self.order_row(order, filled=size) for size in (fill.filled - fill.trade.volume, fill.filled))
            self._traded.setdefault(fill.id, {})["makerOrder" if fill.maker else "takerOrder"] = old
            done = not order.remaining
            body = {
                "oldOrder": old,
                "newOrder": new,
                "reason": "full_fill" if done else "partial_fill",
                "reducedQuantity": "",
            }
            self._note(order, at, {"OrderUpdated": body}, "closed" if done else "changed")
        elif kind == "amended":
            self._amended(order, at, order.amends[-2], trigger=trigger)
        elif kind == "triggered":
            self._note(order, at, {"OrderTriggerActivated": {"order": self.trigger_row(order)}}, "closed", trigger=True)
        elif kind in ("new", "canceled", "rejected"):
            self._note(order, at, self._body(order, kind, trigger=trigger), _PHASES[kind], trigger=trigger)
            if not trigger and (kind != "rejected" or order.reason in MATCHING):
                self._publish(order, kind, at)

    def _body(self, order: Order, kind: str, *, trigger: bool) -> dict[str, Any]:
        row = self.trigger_row(order) if trigger else self.order_row(order)
        reason = "new_user_order" if order.reason is None else REASONS.get(order.reason, order.reason)
        name = {"new": "Placed", "canceled": "Cancelled", "rejected": "Rejected"}[kind]
        if kind == "rejected":
            return {
                "OrderRejected": {"order": row, "orderError": _snake(str(order.reason)), "reason": "new_user_order"}
            }
        more = {} if trigger or kind != "new" else {"reducedQuantity": ""}
        return {f"Order{'Trigger' if trigger else ''}{name}": {"order": row, "reason": reason, **more}}

    def _amended(self, order: Order, at: int, before: Amend, *, trigger: bool) -> None:
        if trigger:
            old = self.trigger_row(order, volume=before.volume, limit=before.limit, trigger=before.trigger)
            body = {"oldOrderTrigger": old, "newOrderTrigger": self.trigger_row(order), "reason": "edited_by_user"}
            self._note(order, at, {"OrderTriggerUpdated": body}, "changed", trigger=True)
            return
        old = self.order_row(order, volume=before.volume, limit=before.limit)
        body = {"oldOrder": old, "newOrder": self.order_row(order), "reason": "edited_by_user", "reducedQuantity": ""}
        self._note(order, at, {"OrderUpdated": body}, "changed")

    def _note(self, order: Order, at: int, body: dict[str, Any], phase: Phase, *, trigger: bool = False) -> None:
        noted = Happened(self._venue.new_id("E"), at, order.pair.name, body, phase)
        (self.triggers if trigger else self.orders).append(noted)

    def _publish(self, order: Order, kind: str, at: int) -> None:
        row = _sanitized(self.order_row(order))
        if kind == "new":
            body: dict[str, Any] = {"OrderPlaced": {"order": row, "reason": "new_user_order", "reducedQuantity": ""}}
        elif kind == "canceled":
            body = {"OrderCancelled": {"order": row, "reason": "cancelled_by_user"}}
        else:
            body = {
                "OrderRejected": {"order": row, "orderError": _snake(str(order.reason)), "reason": "new_user_order"}
            }
        self.public[order.pair.name].append(Happened(self._venue.new_id("E"), at, order.pair.name, body))

    # ------------------------------------------------------------------ rows

    def order_row(
        self,
        order: Order,
        *,
        filled: Decimal | None = None,
        volume: Decimal | None = None,
        limit: Decimal | None = None,
    ) -> dict[str, Any]:
        """An order as history shows it; with other values where it is shown as it was before.

        Args:
            order: The order.
            filled: What was filled of it.
            volume: Its size.
            limit: Its limit price.
        """
        done = order.filled if filled is None else filled
        price = order.limit if limit is None else limit
        return {
            "uid": order.id,
            "accountUid": order.account.number,
            "tradeable": order.pair.name,
            "direction": order.side.capitalize(),
            "quantity": _text((order.volume if volume is None else volume) - done),
            "filled": _text(done),
            "timestamp": order.opened // 1_000_000,
            "limitPrice": None if price is None else _text(price),
            "orderType": self._type(order),
            "clientId": order.asked.cl_ord_id or "",
            "reduceOnly": not order.account.house and self._venue.asked(order).reduce_only,
            "lastUpdateTimestamp": order.updated // 1_000_000,
            "spotData": None,
        }

    def _type(self, order: Order) -> str:
        if not order.account.house:
            return _TYPES.get(self._venue.asked(order).kind, "Limit")
        if order.asked.type == "market":
            return "Market"
        return "IoC" if order.asked.time_in_force == "IOC" else "Limit"

    def trigger_row(
        self,
        order: Order,
        *,
        volume: Decimal | None = None,
        limit: Decimal | None = None,
        trigger: Decimal | None = None,
    ) -> dict[str, Any]:
        """An order that waits for a trigger as history shows it; with other values as it was before.

        Args:
            order: The order.
            volume: Its size.
            limit: Its limit price.
            trigger: Its trigger price.
        """
        asked = self._venue.asked(order)
        price = order.trigger if trigger is None else trigger
        assert price is not None
        trailing = None
        if asked.deviation is not None:
            trailing = {"maxDeviation": _text(asked.deviation), "unit": _UNITS[asked.deviation_unit]}
        row = self.order_row(order, volume=volume, limit=limit)
        for name in ("filled", "spotData"):
            del row[name]
        return {
            **row,
            "accountId": 4_000_017,
            "orderType": "Market" if order.limit is None else "Limit",
            "triggerOptions": {
                "triggerPrice": _text(price),
                "triggerSignal": _SIGNALS[asked.signal],
                "triggerSide": "Above" if asked.above else "Below",
                "trailingStopOptions": trailing,
                "limitPriceOffset": None,
            },
        }

    def execution(self, execution: Execution) -> Happened:
        """An execution of the account's orders as an event."""
        fill = execution.fill
        part = "makerOrder" if fill.maker else "takerOrder"
        row = {
            "uid": fill.id,
            "order": self._traded[fill.id][part],
            "timestamp": fill.trade.at // 1_000_000,
            "quantity": _text(fill.trade.volume),
            "price": _text(fill.trade.price),
            "markPrice": _text(execution.mark),
            "executionType": "maker" if fill.maker else "taker",
            "limitFilled": fill.maker and fill.filled == fill.order.volume,
            "usdValue": _text(self._dollars(fill.trade)),
            "orderData": {
                "fee": _text(fill.fee),
                "positionSize": _text(execution.size),
                "feeCalculationInfo": {
                    "percentageFee": _text(
                        execution.contract.maker_fee if fill.maker else execution.contract.taker_fee
                    ),
                    "userFeeDiscountApplied": None,
                    "marketShareRebateCredited": None,
                },
                "realizedPnl": _text(execution.realized),
            },
        }
        body = {"execution": {"execution": row, "takerReducedQuantity": ""}}
        return Happened(fill.id, fill.trade.at, execution.contract.name, body)

    def position(self, update: PositionUpdate) -> Happened:
        """A change of a position as an event."""
        contract, fill = update.after.contract, update.fill
        row: dict[str, Any] = {
            "accountUid": self._venue.account_uid,
            "tradeable": contract.name,
            "oldPosition": _text(update.before.size),
            "oldAverageEntryPrice": _text(update.before.entry) if update.before.size else None,
            "newPosition": _text(update.after.size),
            "newAverageEntryPrice": _text(update.after.entry),
            "fillTime": update.after.opened // 1_000_000,
            "fee": _text(update.fee),
            "feeCurrency": contract.settlement.altname,
            "realizedPnL": _text(update.realized),
            "positionChange": update.change,
            "fundingRealizationTime": update.after.funded // 1_000_000,
            "realizedFunding": _text(update.funding),
            "timestamp": update.at // 1_000_000,
            "updateReason": update.reason,
        }
        if fill is not None:
            row |= {
                "executionUid": fill.id,
                "executionPrice": _text(fill.trade.price),
                "executionSize": _text(fill.trade.volume),
                "tradeType": "userExecution",
            }
        return Happened(update.uid, update.at, contract.name, {"PositionUpdate": row})

    def trade(self, trade: Trade) -> Happened:
        """A trade as everybody sees it; of the house's orders only what the trade tells is known."""
        uid = self._venue.execution_id(trade)
        own = self._traded.get(uid, {})
        other = "sell" if trade.side == "buy" else "buy"
        maker, taker = (
            _sanitized(own[name]) if name in own else self._anonymous(trade, side, name)
            for name, side in (("makerOrder", other), ("takerOrder", trade.side))
        )
        row = {
            "uid": uid,
            "makerOrder": maker,
            "takerOrder": taker,
            "timestamp": trade.at // 1_000_000,
            "quantity": _text(trade.volume),
            "price": _text(trade.price),
            "markPrice": _text(trade.price),
            "limitFilled": True,
            "usdValue": _text(self._dollars(trade)),
        }
        body = {"Execution": {"execution": row, "takerReducedQuantity": ""}}
        return Happened(uid, trade.at, trade.pair.name, body)

    def prices(self, contract: Contract) -> list[Happened]:
        """The changes of a contract's mark price, oldest first."""
        return [
            Happened("", at, contract.name, {"MarkPriceChanged": {"price": _text((bid + ask) / 2)}})
            for at, bid, ask in self._venue.spreads[contract.name]
        ]

    def _anonymous(self, trade: Trade, side: str, part: str) -> dict[str, Any]:
        """An order of the house that was in a trade."""
        return {
            "uid": self._venue.house_id(trade, part),
            "tradeable": trade.pair.name,
            "direction": side.capitalize(),
            "quantity": _text(trade.volume),
            "timestamp": trade.at // 1_000_000,
            "limitPrice": _text(trade.price),
            "orderType": "Limit" if part == "makerOrder" or trade.type == "limit" else "Market",
            "reduceOnly": False,
            "lastUpdateTimestamp": trade.at // 1_000_000,
        }

    def _dollars(self, trade: Trade) -> Decimal:
        """What a trade is worth in dollars."""
        contract = self._venue.contracts.all[trade.pair.name]
        return rounded(trade.volume if contract.inverse else trade.volume * trade.price, 2)


_PHASES: dict[str, Phase] = {"new": "opened", "canceled": "closed", "rejected": "closed"}
_HIDDEN = ("accountUid", "filled", "clientId", "spotData")


def _sanitized(row: dict[str, Any]) -> dict[str, Any]:
    """An order as everybody sees it."""
    return {name: value for name, value in row.items() if name not in _HIDDEN}


def _snake(name: str) -> str:
    """``selfFill`` as ``self_fill``."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _text(value: Decimal) -> str:
    return format(plain(value), "f")
