"""Spot WebSocket v2: how what is pushed looks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator.wire import rfc3339, rounded

if TYPE_CHECKING:
    from kraken.emulator.instruments import Asset, Pair
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.orders import Close, Fill, Order, OrderChanged, Trade


def instrument_asset_row(asset: Asset) -> dict[str, Any]:
    """An asset in the channel ``instrument``."""
    collateral = {} if asset.collateral_value is None else {"collateral_value": rounded(asset.collateral_value, 2)}
    return {
        "id": asset.symbol,
        "status": "enabled",
        "precision": asset.decimals,
        "precision_display": asset.display_decimals,
        "borrowable": False,
        **collateral,
        "class": "currency",
    }


def instrument_pair_row(pair: Pair, status: str) -> dict[str, Any]:
    """A pair in the channel ``instrument``."""
    return {
        "symbol": pair.symbol,
        "base": pair.base.symbol,
        "quote": pair.quote.symbol,
        "status": status,
        "qty_precision": pair.lot_decimals,
        "qty_increment": Decimal(1).scaleb(-pair.lot_decimals),
        "price_precision": pair.pair_decimals,
        "cost_precision": pair.cost_decimals,
        "marginable": False,
        "has_index": False,
        "ws_display_price_precision": pair.pair_decimals,
        "cost_min": pair.costmin,
        "tick_size": pair.tick_size,
        "price_increment": pair.tick_size,
        "qty_min": rounded(pair.ordermin, pair.lot_decimals),
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """A trade in the channel ``trade``."""
    return {
        "symbol": trade.pair.symbol,
        "side": trade.side,
        "price": rounded(trade.price, trade.pair.pair_decimals),
        "qty": rounded(trade.volume, trade.pair.lot_decimals),
        "ord_type": trade.type,
        "trade_id": trade.id,
        "timestamp": rfc3339(trade.at),
    }


def balance_row(asset: Asset, amount: Decimal, earning: Decimal) -> dict[str, Any]:
    """A balance in a snapshot of the channel ``balances``.

    Args:
        asset: The asset.
        amount: What is at hand of it.
        earning: What is allocated in Earn.
    """
    wallets = [{"type": "spot", "id": "main", "balance": amount}]
    if earning:
        wallets.append({"type": "earn", "id": "flex", "balance": earning})
    return {"asset": asset.symbol, "asset_class": "currency", "balance": amount + earning, "wallets": wallets}


_CATEGORIES = {"staking": "staking-rewards"}
"""Categories that are not called like the type of the entry; transfers have none."""


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """A change in the channel ``balances``."""
    asset = entry.asset.of or entry.asset
    category = {} if entry.type == "transfer" else {"category": _CATEGORIES.get(entry.type, entry.type)}
    return {
        "ledger_id": entry.id,
        "ref_id": entry.reference,
        "timestamp": rfc3339(entry.at),
        "type": entry.type,
        **({"subtype": entry.subtype} if entry.subtype else {}),
        "asset": asset.symbol,
        "asset_class": "currency",
        **category,
        "wallet_type": "spot" if asset is entry.asset else "earn",
        "wallet_id": "main" if asset is entry.asset else "flex",
        "amount": entry.amount,
        "fee": entry.fee,
        "balance": entry.balance,
    }


def execution_row(event: OrderChanged) -> dict[str, Any]:
    """What happened to an order, in the channel ``executions``: complete at first, then only what changed."""
    order = event.order
    if event.fill is not None:
        return fill_row(event.fill)
    if event.kind in ("pending_new", "amended"):
        return {**order_row(order, event.at), "exec_type": event.kind}
    row: dict[str, Any] = {
        **_identity(order),
        "exec_type": event.kind,
        "order_status": order.ws_status,
        "timestamp": rfc3339(event.at),
    }
    if event.kind == "new":
        return row
    reason = {} if order.reason is None else {"reason": order.reason}
    return {**row, **_totals(order), "fee_ccy_pref": _fee_preference(order), **reason}


def order_row(order: Order, at: int) -> dict[str, Any]:
    """An order with all there is to say about it."""
    pair, asked = order.pair, order.asked
    row: dict[str, Any] = {
        **_identity(order),
        "symbol": pair.symbol,
        "order_qty": rounded(order.volume, pair.lot_decimals),
        **_totals(order),
        "time_in_force": asked.time_in_force,
        "exec_type": "new",
        "side": order.side,
        "order_type": asked.type,
        "limit_price_type": "static",
        "order_status": order.ws_status,
        "fee_ccy_pref": _fee_preference(order),
        "timestamp": rfc3339(at),
    }
    if order.limit is not None:
        row["limit_price"] = rounded(order.limit, pair.pair_decimals)
    if order.display is not None:
        row["display_qty"] = rounded(order.display, pair.lot_decimals)
    if order.trigger is not None:
        trigger = rounded(order.trigger, pair.pair_decimals)
        row["triggers"] = {
            "reference": asked.trigger_by,
            "price": trigger,
            "price_type": "static",
            "actual_price": trigger,
            "status": "untriggered",
        }
    if asked.post_only:
        row["post_only"] = True
    if asked.starts:
        row["effective_time"] = rfc3339(asked.starts)
    if asked.expires:
        row["expire_time"] = rfc3339(asked.expires)
    if order.amended:
        row["amended"] = True
    if asked.sender is not None:
        row["sender_sub_id"] = asked.sender
    if asked.parent is not None or asked.replaces is not None:
        row["ord_ref_id"] = asked.parent or asked.replaces
    if asked.close is not None:
        row["contingent"] = contingent_row(pair, asked.close)
    return row


def contingent_row(pair: Pair, close: Close) -> dict[str, Any]:
    """The conditional close order of an order."""
    prices = {"trigger": close.trigger, "limit": close.limit}
    row: dict[str, Any] = {"order_type": close.type}
    for name, price in prices.items():
        if price is not None:
            row |= {f"{name}_price": rounded(price, pair.pair_decimals), f"{name}_price_type": "static"}
    return row


def fill_row(fill: Fill) -> dict[str, Any]:
    """A trade of one's own."""
    order, trade, pair = fill.order, fill.trade, fill.order.pair
    in_dollars = {"fee_usd_equiv": rounded(fill.fee, 4)} if pair.quote.symbol == "USD" else {}
    return {
        **_identity(order),
        "exec_id": fill.id,
        "exec_type": "trade",
        "trade_id": trade.id,
        "symbol": pair.symbol,
        "side": order.side,
        "last_qty": rounded(trade.volume, pair.lot_decimals),
        "last_price": rounded(trade.price, pair.pair_decimals),
        "liquidity_ind": "m" if fill.maker else "t",
        "cost": rounded(fill.cost, pair.cost_decimals),
        "order_type": order.asked.type,
        "timestamp": rfc3339(trade.at),
        "order_status": "partially_filled",
        "cum_qty": rounded(fill.filled, pair.lot_decimals),
        "cum_cost": rounded(fill.total_cost, pair.cost_decimals),
        "avg_price": fill.average,
        **in_dollars,
        "fees": [{"asset": fill.fee_asset.symbol, "qty": rounded(fill.fee_taken, fill.fee_asset.decimals)}],
    }


def _identity(order: Order) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order.id}
    if order.asked.cl_ord_id is not None:
        row["cl_ord_id"] = order.asked.cl_ord_id
    if order.asked.userref is not None:
        row["order_userref"] = order.asked.userref
    return row


def _totals(order: Order) -> dict[str, Decimal]:
    pair = order.pair
    totals = {
        "cum_qty": rounded(order.filled, pair.lot_decimals),
        "cum_cost": rounded(order.cost, pair.cost_decimals),
    }
    if order.filled:
        totals["avg_price"] = order.average
    return totals


def _fee_preference(order: Order) -> str:
    return "fcib" if order.asked.fee_in_base else "fciq"
