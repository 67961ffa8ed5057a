"""Spot REST: books and trades in the form that European market rules ask for."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from kraken.emulator.spot_rest import MAX_TRADES, Arguments, SpotRest, handles
from kraken.emulator.wire import ZERO, fixed, rfc3339

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.book import BookSide
    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Trade

DEPTH = 10
VENUE = "PGSL"
SYSTEM = "CLOB"
_MONEY = ("USD", "EUR")


@handles("getPreTradeData")
def _pre_trade(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    pair = exchange.instruments.pair(arguments["symbol"])
    book, published = exchange.books[pair.name], rfc3339(exchange.now())

    def levels(side: BookSide, name: str) -> list[dict[str, Any]]:
        return [
            {
                "side": name,
                "price": _price(pair, queue[0].limit or ZERO),
                "qty": fixed(sum((order.visible for order in queue), ZERO), pair.lot_decimals),
                "count": len(queue),
                "submission_ts": rfc3339(max(order.opened for order in queue)),
                "publication_ts": published,
            }
            for queue in list(side.queues())[:DEPTH]
        ]

    return {
        **_instrument(pair),
        "venue": VENUE,
        "system": SYSTEM,
        "bids": levels(book.bids, "BUY"),
        "asks": levels(book.asks, "SELL"),
    }


@handles("getPostTradeData")
def _post_trade(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    names = [exchange.instruments.pair(arguments["symbol"]).name] if "symbol" in arguments else list(exchange.tape)
    start, end = arguments.get("from_ts", 0), arguments.get("to_ts", exchange.now())
    trades = sorted(
        (trade for name in names for trade in exchange.tape[name] if start < trade.at <= end),
        key=lambda trade: trade.at,
    )
    count = arguments.get("count", MAX_TRADES)
    shown = trades[:count] if "from_ts" in arguments else trades[-count:]
    last = {"last_ts": rfc3339(shown[-1].at, 9)} if shown else {}
    return {**last, "count": len(shown), "trades": [_trade(trade) for trade in shown]}


def _trade(trade: Trade) -> dict[str, Any]:
    pair, at = trade.pair, rfc3339(trade.at, 9)
    return {
        "trade_id": _trade_id(trade),
        "price": _price(pair, trade.price),
        "quantity": fixed(trade.volume, pair.lot_decimals),
        **_instrument(pair),
        "trade_venue": VENUE,
        "trade_ts": at,
        "publication_venue": VENUE,
        "publication_ts": at,
    }


def _trade_id(trade: Trade) -> str:
    """The same for the same trade, and for no other."""
    digest = hashlib.sha256(f"{trade.pair.name} {trade.id}".encode()).digest()
    letters = base64.b32encode(digest).decode()
    return f"T{letters[:5]}-{letters[5:10]}-{letters[10:16]}"


def _price(pair: Pair, price: Decimal) -> str:
    return fixed(price, max(5, pair.pair_decimals))


def _instrument(pair: Pair) -> dict[str, str]:
    """The pair and its assets, which are in no register."""
    return {
        "symbol": pair.symbol,
        "description": f"{pair.base.symbol} / {pair.quote.symbol}",
        "base_asset": pair.base.altname,
        "base_notation": "UNIT",
        "base_dti_code": "",
        "base_dti_short_name": "",
        "quote_asset": pair.quote.altname,
        "quote_notation": "MONE" if pair.quote.altname in _MONEY else "UNIT",
        "quote_dti_code": "",
        "quote_dti_short_name": "",
    }
