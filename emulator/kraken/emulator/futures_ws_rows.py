"""Derivatives WebSocket v1: how what is pushed looks. The Unified WebSocket shows margin the same way."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator.futures_rest import clock_text, milliseconds, ticker_row
from kraken.emulator.margin import CASH, FLEX, Margin, available_of, currency_of, largest, margin_of, needed
from kraken.emulator.perpetuals import HOUR
from kraken.emulator.wire import SECOND, WIDE, ZERO, plain, rounded

if TYPE_CHECKING:
    from kraken.emulator.account_log import LogEntry
    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.orders import Fill, Order, Trade
    from kraken.emulator.positions import Execution, Position

_DAY = 86_400 * SECOND
_KINDS = {"stp": "stop", "take_profit": "take_profit", "trailing_stop": "trailing_stop"}
_FILL_KINDS = {"fok": "fillOrKill", "mkt": "market", "take_profit": "stp", "trailing_stop": "stp"}
_RATIO_DECIMALS = 10

# ---------------------------------------------------------------------- market


def ticker(venue: Derivatives, contract: Contract) -> dict[str, Any]:
    """A contract in the feed ``ticker``."""
    row, now = ticker_row(venue, contract), venue.now()
    lite = ticker_lite(venue, contract)
    figures = {
        "time": milliseconds(now),
        "bid_size": row.get("bidSize"),
        "ask_size": row.get("askSize"),
        "leverage": f"{int(1 / contract.levels[0].initial)}x",
        "index": row["indexPrice"],
        "last": row["last"],
        "suspended": row["suspended"],
        "openInterest": row["openInterest"],
        "markPrice": row["markPrice"],
        "post_only": row["postOnly"],
        "open": row["open24h"],
        "high": row["high24h"],
        "low": row["low24h"],
    }
    if contract.perpetual:
        rates = venue.funding.rate(contract, now), venue.funding.rate(contract, now + HOUR)
        for name, rate in zip(("", "_prediction"), rates, strict=True):
            figures[f"funding_rate{name}"] = plain(rate.absolute) or None
            figures[f"relative_funding_rate{name}"] = plain(rate.relative) or None
        figures["next_funding_rate_time"] = milliseconds(rates[1].at)
    return {**lite, **{name: value for name, value in figures.items() if value is not None}, "feed": "ticker"}


def ticker_lite(venue: Derivatives, contract: Contract) -> dict[str, Any]:
    """A contract in the feed ``ticker_lite``."""
    row = ticker_row(venue, contract)
    left = max(0, contract.last_trading - venue.now())
    best: dict[str, Any] = {name: row[name] for name in ("bid", "ask") if name in row}
    return {
        "feed": "ticker_lite",
        "product_id": contract.name,
        **best,
        "change": row["change24h"],
        "premium": plain(rounded((row["markPrice"] / row["indexPrice"] - 1) * 100, 1)),
        "volume": row["vol24h"],
        "volumeQuote": row["volumeQuote"],
        "tag": row["tag"],
        "pair": row["pair"],
        "dtm": left // _DAY,
        "maturityTime": milliseconds(contract.last_trading),
    }


def trade_row(venue: Derivatives, trade: Trade) -> dict[str, Any]:
    """A trade in the feed ``trade``."""
    return {
        "feed": "trade",
        "product_id": trade.pair.name,
        "uid": venue.execution_id(trade),
        "side": trade.side,
        "type": "fill",
        "seq": trade.id,
        "time": milliseconds(trade.at),
        "qty": plain(trade.volume),
        "price": plain(trade.price),
    }


# ---------------------------------------------------------------------- orders and fills


def order_row(venue: Derivatives, order: Order) -> dict[str, Any]:
    """An open order."""
    asked, waits = venue.asked(order), order.trigger is not None
    row: dict[str, Any] = {
        "instrument": order.pair.name,
        "time": milliseconds(order.opened),
        "last_update_time": milliseconds(order.updated),
        "qty": plain(order.remaining),
        "filled": plain(order.filled),
        **({} if order.limit is None else {"limit_price": plain(order.limit)}),
        "stop_price": ZERO if order.trigger is None else plain(order.trigger),
        "type": _KINDS[asked.kind] if waits else "limit",
        **order_names(order),
        "direction": 0 if order.side == "buy" else 1,
        "reduce_only": asked.reduce_only,
    }
    if waits:
        row["triggerSignal"] = asked.signal
    if waits and asked.deviation is not None:
        row["trailing_stop_options"] = {
            "max_deviation": plain(asked.deviation),
            "unit": asked.deviation_unit.lower(),
        }
    return row


def order_names(order: Order) -> dict[str, str]:
    """What Kraken and the user call an order."""
    own = order.asked.cl_ord_id
    return {"order_id": order.id, **({} if own is None else {"cli_ord_id": own})}


def fill_row(venue: Derivatives, execution: Execution, number: int) -> dict[str, Any]:
    """A fill of the account.

    Args:
        venue: The exchange.
        execution: The fill, and the position after it.
        number: Its number.
    """
    fill = execution.fill
    kind = _fill_kind(venue, fill)
    taker = ("market" if fill.trade.type == "market" else "lmt") if fill.maker else kind
    return {
        "instrument": execution.contract.name,
        "time": milliseconds(fill.trade.at),
        "price": plain(fill.trade.price),
        "seq": number,
        "buy": fill.order.side == "buy",
        "qty": plain(fill.trade.volume),
        "remaining_order_qty": plain(fill.order.volume - fill.filled),
        **order_names(fill.order),
        "fill_id": fill.id,
        "fill_type": "maker" if fill.maker else "taker",
        "fee_paid": plain(fill.fee),
        "fee_currency": fill.fee_asset.symbol,
        "taker_order_type": taker,
        "order_type": kind,
    }


def _fill_kind(venue: Derivatives, fill: Fill) -> str:
    kind = venue.asked(fill.order).kind
    return _FILL_KINDS.get(kind, kind)


# ---------------------------------------------------------------------- positions


def position_row(venue: Derivatives, position: Position) -> dict[str, Any]:
    """An open position."""
    contract = position.contract
    chosen = venue.preferences.leverage.get(contract.name)
    row = {
        "instrument": contract.name,
        "balance": plain(position.size),
        "entry_price": plain(position.entry),
        "mark_price": plain(venue.mark_price(contract)),
        "index_price": plain(venue.index_price(contract)),
        **position_risk(venue, position),
        "initial_margin_with_orders": _shown(contract, needed(venue, contract, largest(venue, contract))),
        "fill_time": clock_text(position.opened),
    }
    if not contract.inverse:
        row["pnl_currency"] = venue.preferences.currency.get(contract.name, "USD")
    return row if chosen is None else {**row, "max_fixed_leverage": plain(chosen)}


def position_risk(venue: Derivatives, position: Position) -> dict[str, Decimal]:
    """What a position has gained, and what it takes as margin."""
    contract, mark = position.contract, venue.mark_price(position.contract)
    margin = margin_of(venue, contract.wallet)
    profit = position.profit(mark)
    initial = needed(venue, contract, abs(position.size))
    return {
        "pnl": plain(profit),
        "liquidation_threshold": plain(_liquidation_price(position, margin, profit)),
        "effective_leverage": _ratio(contract.value(abs(position.size), mark), margin.equity),
        "return_on_equity": _ratio(profit, initial),
        "unrealized_funding": plain(venue.unrealized_funding(position)),
        "initial_margin": _shown(contract, initial),
        "maintenance_margin": _shown(contract, needed(venue, contract, abs(position.size), maintenance=True)),
    }


def _liquidation_price(position: Position, margin: Margin, profit: Decimal) -> Decimal:
    """The price at which the wallet is worth no more than its positions need, all else being equal; 0 if none does."""
    contract, lost = position.contract, profit - (margin.equity - margin.maintenance)
    if contract.inverse:
        inverted = 1 / position.entry - WIDE.divide(lost, position.size)
        price = 1 / inverted if inverted > 0 else ZERO
    else:
        price = position.entry + WIDE.divide(lost, position.size)
    return rounded(max(price, ZERO), contract.pair_decimals)


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return plain(rounded(WIDE.divide(part, whole), _RATIO_DECIMALS)) if whole else ZERO


def _shown(contract: Contract, amount: Decimal) -> Decimal:
    return plain(rounded(amount, contract.settlement.decimals))


# ---------------------------------------------------------------------- balances


def holding(venue: Derivatives) -> dict[str, Decimal]:
    """What the account holds beside what is collateral."""
    return {venue.assets[name].altname: plain(amount) for name, amount in venue.wallets[CASH].balances.items()}


def _single(venue: Derivatives) -> list[str]:
    return [name for name in venue.wallets if name not in (CASH, FLEX)]


def _name_of(venue: Derivatives, wallet: str) -> str:
    contract = next(each for each in venue.contracts.all.values() if each.wallet == wallet)
    return f"{contract.base.altname}:{contract.quote.altname}"


def single_wallets(venue: Derivatives) -> dict[str, dict[str, Any]]:
    """The wallets with a single collateral, by the names that they have here."""
    return {f"F-{_name_of(venue, wallet)}": _single_wallet(venue, wallet) for wallet in _single(venue)}


def _single_wallet(venue: Derivatives, wallet: str) -> dict[str, Any]:
    margin, name = margin_of(venue, wallet), _name_of(venue, wallet)
    return {
        "name": f"F-{name}",
        "pair": name.replace(":", "/"),
        "unit": currency_of(venue, wallet).altname,
        "portfolio_value": plain(margin.portfolio),
        "balance": plain(margin.balance),
        "maintenance_margin": plain(margin.maintenance),
        "initial_margin": plain(margin.with_orders),
        "available": plain(margin.available),
        "unrealized_funding": plain(margin.funding),
        "pnl": plain(margin.profit),
    }


def flex_wallet(venue: Derivatives) -> dict[str, Any]:
    """The wallet with many collaterals."""
    margin, positions = margin_of(venue, FLEX), [each for each in venue.positions if each.contract.wallet == FLEX]
    apart = [each for each in positions if each.contract.name in venue.preferences.leverage]
    figures = _margin(margin)
    whole = {
        "balance_value": plain(margin.balance),
        "portfolio_value": plain(margin.portfolio),
        "collateral_value": plain(margin.collateral),
    }
    equity = {"margin_equity": plain(margin.equity), "available_margin": plain(margin.available)}
    size = sum((each.contract.value(abs(each.size), venue.mark_price(each.contract)) for each in positions), ZERO)
    return {
        "currencies": {
            venue.assets[name].altname: _collateral(venue, name, amount)
            for name, amount in venue.wallets[FLEX].balances.items()
        },
        **whole,
        **figures,
        **equity,
        "isolated": {each.contract.name: _isolated(venue, each) for each in apart},
        "cross": {**whole, **figures, **equity, "effective_leverage": _ratio(size, margin.equity)},
    }


def _collateral(venue: Derivatives, name: str, amount: Decimal) -> dict[str, Decimal]:
    asset = venue.assets[name]
    value, part = venue.rates.worth(amount, asset, currency_of(venue, FLEX)), asset.collateral_value or ZERO
    return {
        "quantity": plain(amount),
        "value": plain(value),
        "collateral_value": plain(value * part),
        "available": plain(available_of(venue, FLEX, asset)),
        "haircut": plain(1 - part),
        "conversion_spread": ZERO,
    }


def _margin(margin: Margin) -> dict[str, Decimal]:
    return {
        "initial_margin": plain(margin.with_orders),
        "initial_margin_without_orders": plain(margin.initial),
        "maintenance_margin": plain(margin.maintenance),
        "pnl": plain(margin.profit),
        "unrealized_funding": plain(margin.funding),
        "total_unrealized": plain(margin.unrealized),
        "total_unrealized_as_margin": plain(margin.unrealized),
    }


def _isolated(venue: Derivatives, position: Position) -> dict[str, Decimal]:
    contract, size = position.contract, abs(position.size)
    profit, funding = position.profit(venue.mark_price(contract)), venue.unrealized_funding(position)
    return {
        "initial_margin": _shown(contract, needed(venue, contract, largest(venue, contract))),
        "initial_margin_without_orders": _shown(contract, needed(venue, contract, size)),
        "maintenance_margin": _shown(contract, needed(venue, contract, size, maintenance=True)),
        "pnl": plain(profit),
        "unrealized_funding": plain(funding),
        "total_unrealized": plain(profit + funding),
        "total_unrealized_as_margin": plain(profit + funding),
    }


def older_wallets(venue: Derivatives) -> list[dict[str, Any]]:
    """All wallets as an older feed shows them."""
    unused = dict.fromkeys(("pnl", "funding", "pv", "am", "im", "mm"), ZERO)
    held = [{"name": name.lower(), "balance": amount, **unused} for name, amount in holding(venue).items()]
    single = [(_name_of(venue, wallet).lower(), margin_of(venue, wallet)) for wallet in _single(venue)]
    return held + [
        {
            "name": f"f-{name}",
            "balance": plain(margin.balance),
            "pnl": plain(margin.profit),
            "funding": plain(margin.funding),
            "pv": plain(margin.portfolio),
            "am": plain(margin.available),
            "im": plain(margin.initial),
            "mm": plain(margin.maintenance),
        }
        for name, margin in single
    ]


# ---------------------------------------------------------------------- the account log


def log_row(entry: LogEntry) -> dict[str, Any]:
    """An entry of the account log; what has nothing to do with it is 0 or empty."""
    row = entry.row(conversions=False)
    del row["position_uid"]
    texts = {name: row[name] or "" for name in ("contract", "execution")}
    collateral = {"collateral": row["asset"] if row["contract"] != row["asset"] else ""}
    numbers = {name: ZERO for name, value in row.items() if value is None}
    return {**row, **numbers, **texts, **collateral}
