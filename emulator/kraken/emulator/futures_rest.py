"""Futures REST: contracts, tickers, books, trades and funding rates. Only state is written here, routes and arguments come
from the specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kraken.emulator.errors import InvalidArgument, Refusal
from kraken.emulator.figures import figures
from kraken.emulator.handlers import Arguments, Handlers
from kraken.emulator.perpetuals import HOUR
from kraken.emulator.wire import SECOND, ZERO, plain, rfc3339, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from kraken.emulator.book import BookSide
    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.futures_events import FuturesEvents
    from kraken.emulator.futures_history import Histories
    from kraken.emulator.orders import Trade

Item = TypeVar("Item")

DAY = 86_400 * SECOND
MAX_TRADES = 100
RATES = 48
"""Hours of funding rates that are told."""
FEE_SCHEDULE = "5b755fea-c5b0-4307-a66e-b392cd5bd931"
_OPENED = "2022-03-22T10:00:00.000Z"
_INDICES = {"XXBT": "in_xbtusd", "XETH": "in_ethusd"}


class FuturesRest:
    """The state behind the operations.

    Args:
        venue: The Futures exchange.
        spot: The Spot exchange, where withdrawals go and index prices come from.
        events: What happened to the account and on the market.
        histories: The pages of what happened.
        key: The account's public key.
    """

    def __init__(
        self, venue: Derivatives, spot: Exchange, events: FuturesEvents, histories: Histories, key: str
    ) -> None:
        self.venue = venue
        self.spot = spot
        self.events = events
        self.histories = histories
        self.key = key

    def contract(self, arguments: Arguments, name: str = "symbol") -> Contract:
        """The contract that was asked for in an argument.

        Raises:
            InvalidArgument: there is no such contract.
        """
        try:
            return self.venue.contracts.contract(arguments[name])
        except Refusal:
            raise InvalidArgument(name, arguments[name]) from None

    def contracts(self, arguments: Arguments) -> Sequence[Contract]:
        """The contracts of the types that were asked for, or all."""
        kinds = arguments.get("contractType")
        return [each for each in self.venue.contracts.all.values() if kinds is None or each.kind in kinds]


HANDLERS = Handlers[FuturesRest]()
"""By operation id. Operations that are not here answer with their canned example."""


def clock_text(nanoseconds: int) -> str:
    """A time as Futures writes it."""
    return rfc3339(nanoseconds, 3)


def milliseconds(nanoseconds: int) -> int:
    """A time as Futures counts it."""
    return nanoseconds // 1_000_000


# ---------------------------------------------------------------------- contracts


@HANDLERS.answers("getInstruments")
@HANDLERS.answers("getTradingInstruments")
def _instruments(rest: FuturesRest, arguments: Arguments) -> Any:
    return {"instruments": [_instrument(each) for each in rest.contracts(arguments)]}


def _instrument(contract: Contract) -> dict[str, Any]:
    levels = [
        {
            "contracts" if contract.inverse else "numNonContractUnits": plain(each.size),
            "initialMargin": each.initial,
            "maintenanceMargin": each.maintenance,
        }
        for each in contract.levels
    ]
    facts = {
        "symbol": contract.name,
        "pair": f"{contract.base.altname}:{contract.quote.altname}",
        "base": contract.base.altname,
        "quote": contract.quote.altname,
        "type": contract.kind,
        "tickSize": contract.tick_size,
        "contractSize": 1,
        "tradeable": True,
        "impactMidSize": 1,
        "maxPositionSize": contract.max_position,
        "openingDate": _OPENED,
        "marginLevels": levels,
        "retailMarginLevels": levels,
        "contractValueTradePrecision": contract.lot_decimals,
        "postOnly": False,
        "feeScheduleUid": FEE_SCHEDULE,
        "category": "",
        "tags": [],
        "tradfi": False,
        "mtf": False,
    }
    if contract.inverse:
        facts["underlying"] = f"rr_{contract.underlying}"
    if contract.perpetual:
        facts |= {"fundingRateCoefficient": 8, "maxRelativeFundingRate": plain(contract.levels[0].maintenance / 10)}
    else:
        facts["lastTradingTime"] = clock_text(contract.last_trading)
    return facts


@HANDLERS.answers("instrumentsStatus")
def _statuses(rest: FuturesRest, arguments: Arguments) -> Any:
    return {"instrumentStatus": [_status(each) for each in rest.contracts(arguments)]}


@HANDLERS.answers("instrumentStatus")
def _one_status(rest: FuturesRest, arguments: Arguments) -> Any:
    return _status(rest.venue.contracts.contract(arguments["symbol"]))


def _status(contract: Contract) -> dict[str, Any]:
    return {
        "tradeable": contract.name,
        "experiencingDislocation": False,
        "priceDislocationDirection": None,
        "experiencingExtremeVolatility": False,
        "extremeVolatilityInitialMarginMultiplier": 1,
    }


# ---------------------------------------------------------------------- tickers


@HANDLERS.answers("getTickers")
def _tickers(rest: FuturesRest, arguments: Arguments) -> Any:
    indices = [] if "contractType" in arguments else [_index(rest, name) for name in _INDICES]
    return {"tickers": [*(ticker_row(rest.venue, each) for each in rest.contracts(arguments)), *indices]}


@HANDLERS.answers("getTicker")
def _ticker(rest: FuturesRest, arguments: Arguments) -> Any:
    for asset, symbol in _INDICES.items():
        if arguments["symbol"].lower() == symbol:
            return {"ticker": _index(rest, asset)}
    return {"ticker": ticker_row(rest.venue, rest.venue.contracts.contract(arguments["symbol"]))}


def _index(rest: FuturesRest, asset: str) -> dict[str, Any]:
    contract = next(each for each in rest.venue.contracts.all.values() if each.base.name == asset)
    return {
        "symbol": _INDICES[asset],
        "last": plain(rest.venue.index_price(contract)),
        "lastTime": clock_text(rest.venue.now()),
    }


def ticker_row(venue: Derivatives, contract: Contract) -> dict[str, Any]:
    """The ticker of a contract."""
    now = venue.now()
    day = figures(venue, contract, now - DAY)
    last = venue.tape[contract.name][-1]
    book = venue.books[contract.name]
    facts: dict[str, Any] = {
        "symbol": contract.name,
        "tag": "perpetual" if contract.perpetual else "quarter",
        "pair": f"{contract.base.altname}:{contract.quote.altname}",
        "markPrice": plain(venue.mark_price(contract)),
        **_best(book.bids, "bid"),
        **_best(book.asks, "ask"),
        "vol24h": plain(day.volume),
        "volumeQuote": plain(day.volume if contract.inverse else rounded(day.volume * day.average, 4)),
        "openInterest": plain(_open_interest(venue, contract)),
        "open24h": plain(day.first),
        "high24h": plain(day.high),
        "low24h": plain(day.low),
        "last": plain(last.price),
        "lastTime": clock_text(last.at),
        "lastSize": plain(last.volume),
        "change24h": plain(rounded((day.last / day.first - 1) * 100, 2)),
        "suspended": venue.status in ("maintenance", "cancel_only"),
        "postOnly": venue.status == "post_only",
        "indexPrice": plain(venue.index_price(contract)),
    }
    if contract.perpetual:
        facts["fundingRate"] = plain(venue.funding.rate(contract, now).absolute)
        facts["fundingRatePrediction"] = plain(venue.funding.rate(contract, now + HOUR).absolute)
    return facts


def _best(side: BookSide, name: str) -> dict[str, Any]:
    return {
        field: plain(value)
        for level in side.levels(1)
        for field, value in zip((name, f"{name}Size"), level, strict=True)
    }


def _open_interest(venue: Derivatives, contract: Contract) -> Decimal:
    """What other people hold, and the account."""
    others = sum((trade.volume for trade in venue.tape[contract.name]), ZERO)
    return others + abs(venue.position(contract).size)


# ---------------------------------------------------------------------- books and trades


@HANDLERS.answers("getOrderbook")
def _orderbook(rest: FuturesRest, arguments: Arguments) -> Any:
    book = rest.venue.books[rest.contract(arguments).name]

    def rows(side: BookSide) -> list[list[Decimal]]:
        return [[plain(price), plain(size)] for price, size in side.levels()]

    return {"orderBook": {"bids": rows(book.bids), "asks": rows(book.asks)}}


@HANDLERS.answers("getHistory")
def _history(rest: FuturesRest, arguments: Arguments) -> Any:
    asset = next((each for each, symbol in _INDICES.items() if symbol == arguments["symbol"].lower()), None)
    if asset is not None:
        pair = next(each for each in rest.spot.pairs.values() if (each.base.name, each.quote.name) == (asset, "ZUSD"))
        values = before(rest.spot.tape[pair.name], arguments.get("lastTime"), _at)
        return {"history": [{"time": clock_text(each.at), "price": plain(each.price)} for each in values]}
    trades = before(rest.venue.tape[rest.contract(arguments).name], arguments.get("lastTime"), _at)
    return {"history": [_trade(rest.venue, each) for each in trades]}


def before(items: Sequence[Item], moment: int | None, at: Callable[[Item], int]) -> list[Item]:
    """The newest items before a time in Unix nanoseconds, newest first; times count by the millisecond.

    Args:
        items: The items, oldest first.
        moment: The time; None for the newest of all.
        at: When an item was.
    """
    limit = None if moment is None else milliseconds(moment)
    found = [each for each in reversed(items) if limit is None or milliseconds(at(each)) < limit]
    return found[:MAX_TRADES]


def _at(trade: Trade) -> int:
    return trade.at


def _trade(venue: Derivatives, trade: Trade) -> dict[str, Any]:
    return {
        "time": clock_text(trade.at),
        "trade_id": trade.id,
        "price": plain(trade.price),
        "size": plain(trade.volume),
        "side": trade.side,
        "type": "fill",
        "uid": venue.execution_id(trade),
    }


# ---------------------------------------------------------------------- funding rates


@HANDLERS.answers("historicalFundingRates")
@HANDLERS.answers("historicalFundingRatesV4")
def _funding_rates(rest: FuturesRest, arguments: Arguments) -> Any:
    contract, now = rest.contract(arguments), rest.venue.now()
    if not contract.perpetual:
        raise InvalidArgument("symbol", arguments["symbol"])
    return {
        "rates": [
            {
                "timestamp": clock_text(each.at),
                "fundingRate": plain(each.absolute),
                "relativeFundingRate": plain(each.relative),
            }
            for each in rest.venue.funding.between(contract, now - RATES * HOUR, now + 1)
        ]
    }
