"""Unified WebSocket: how what is pushed of derivatives looks. What is not known of it is taken from Spot or from v1."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator import spot_rows
from kraken.emulator.futures_events import REASONS
from kraken.emulator.futures_orders import TRIGGERED
from kraken.emulator.futures_ws_rows import log_row, position_risk
from kraken.emulator.wire import ZERO, plain, rfc3339, rounded

if TYPE_CHECKING:
    from kraken.emulator.account_log import LogEntry
    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.instruments import Asset
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.orders import Fill, Order, OrderChanged
    from kraken.emulator.positions import Position

_ORDER_TYPES = {"stp": "stop-loss", "take_profit": "take-profit", "trailing_stop": "trailing-stop"}
_WALLET = "derivatives"


def instrument_row(contract: Contract, status: str) -> dict[str, Any]:
    """A contract in the channel ``instrument``."""
    return {
        "symbol": contract.symbol,
        "base": contract.base.symbol,
        "quote": contract.quote.symbol,
        "status": status,
        "qty_precision": contract.lot_decimals,
        "qty_increment": Decimal(1).scaleb(-contract.lot_decimals),
        "qty_min": rounded(contract.ordermin, contract.lot_decimals),
        "price_precision": contract.pair_decimals,
        "price_increment": contract.tick_size,
    }


# ---------------------------------------------------------------------- executions


def execution_row(venue: Derivatives, event: OrderChanged) -> dict[str, Any] | None:
    """What happened to an order, in the channel ``executions``; None for what is not told.

    An order has no ``pending_new``, and the fill that completes it says so itself.
    """
    order, kind = event.order, event.kind
    if event.fill is not None:
        return fill_row(venue, event.fill)
    triggered = kind == "new" and order.trigger is None and venue.asked(order).kind in TRIGGERED
    if kind in ("pending_new", "filled", "rejected") or triggered:
        return None
    row = order_row(venue, order, event.at)
    if kind == "triggered":
        row["triggers"]["status"] = "triggered"
    ended = {"reason": REASONS.get(str(order.reason), str(order.reason))} if kind in ("canceled", "expired") else {}
    return {**row, "exec_type": "status" if kind == "triggered" else kind, **ended}


def order_row(venue: Derivatives, order: Order, at: int) -> dict[str, Any]:
    """An order with all there is to say about it."""
    contract, asked = venue.contract(order), venue.asked(order)
    row = spot_rows.order_row(order, at)
    del row["fee_ccy_pref"]
    kind = _order_type(venue, order)
    if kind == "market":
        row.pop("limit_price", None)
    if "triggers" in row:
        row["triggers"]["reference"] = "index" if asked.signal == "spot" else asked.signal
    if order.filled:
        row["avg_price"] = _average(contract, order.cost, order.filled)
    return {
        **row,
        "order_type": kind,
        "time_in_force": "GTD" if asked.expires else asked.time_in_force,
        **({"reduce_only": True} if asked.reduce_only else {}),
    }


def fill_row(venue: Derivatives, fill: Fill) -> dict[str, Any]:
    """A trade of one's own, with what became of the order."""
    contract = venue.contract(fill.order)
    return {
        **spot_rows.fill_row(fill),
        "cost": rounded(fill.cost, contract.settlement.decimals),
        "cum_cost": rounded(fill.total_cost, contract.settlement.decimals),
        "avg_price": _average(contract, fill.total_cost, fill.filled),
        "order_type": _order_type(venue, fill.order),
        "order_status": "filled" if fill.filled == fill.order.volume else "partially_filled",
    }


def _average(contract: Contract, cost: Decimal, filled: Decimal) -> Decimal:
    return rounded(filled / cost if contract.inverse else cost / filled, contract.pair_decimals)


def _order_type(venue: Derivatives, order: Order) -> str:
    asked = venue.asked(order)
    # What a trigger without a limit price places is an order that fills at once.
    at_market = order.limit is None or asked.kind == "mkt" or (order.trigger is None and asked.time_in_force == "IOC")
    if asked.kind in _ORDER_TYPES:
        return _ORDER_TYPES[asked.kind] + ("" if at_market else "-limit")
    return "market" if asked.kind == "mkt" else "limit"


# ---------------------------------------------------------------------- positions


def position_row(venue: Derivatives, position: Position, *, with_margin: bool) -> dict[str, Any]:
    """A position.

    Args:
        venue: The exchange.
        position: The position; its size is 0 once it is closed.
        with_margin: Whether to show its margin and what it has gained.
    """
    contract = position.contract
    return {
        "symbol": contract.symbol,
        "size": rounded(position.size, contract.lot_decimals),
        "entry_price": plain(position.entry),
        **(position_risk(venue, position) if with_margin and position.size else {}),
    }


# ---------------------------------------------------------------------- money


def balance_row(row: dict[str, Any], held: dict[str, Decimal]) -> dict[str, Any]:
    """A balance in a snapshot of ``balances``.

    Args:
        row: What Spot tells of it.
        held: What wallets for derivatives hold of it, by their names.
    """
    wallets = [{"type": _WALLET, "id": name, "balance": amount} for name, amount in held.items()]
    total = row["balance"] + sum(held.values(), ZERO)
    return {**row, "balance": total, "wallets": [*row["wallets"], *wallets]}


def balance_change(entry: LogEntry, asset: Asset) -> dict[str, Any]:
    """A change of a wallet for derivatives, in the channel ``balances``."""
    return {
        "ledger_id": entry.uid,
        "ref_id": entry.execution or entry.uid,
        "timestamp": rfc3339(entry.at),
        "type": "transfer" if entry.kind.endswith("transfer") else "trade",
        "asset": asset.symbol,
        "asset_class": "currency",
        "wallet_type": _WALLET,
        "wallet_id": entry.wallet,
        "amount": entry.new - entry.old,
        "fee": entry.fee or ZERO,
        "balance": entry.new,
    }


def ledger_row(entry: LogEntry) -> dict[str, Any]:
    """An entry of the Futures account log, in the channel ``ledgers``."""
    return {"asset_class": "derivatives", **log_row(entry)}


def spot_ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """An entry of the Spot ledger, in the channel ``ledgers``."""
    return {**spot_rows.ledger_row(entry), "asset_class": "spot"}
