"""Spot REST: the account's balances, orders, trades, ledger, fees, exports, key and subaccounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.history import PAGE, between, page
from kraken.emulator.records import OwnTrade, amend_row, ledger_row, order_row, own_trades
from kraken.emulator.spot_rest import DAY, Arguments, SpotRest, handles
from kraken.emulator.subaccounts import plain
from kraken.emulator.valuation import Valuation
from kraken.emulator.wire import SECOND, ZERO, fixed, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Account, Order

T = TypeVar("T")

MONTH = 30 * DAY * SECOND
MAX_CURSOR_LIMIT = 100
NO_POSITIONS = ("all", "no position")
"""Types of trades that there are where there is no margin."""
PERMISSIONS = (
    "query-funds",
    "add-funds",
    "withdraw-funds",
    "earn-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "export-data",
    "create-ws-token",
    "add-withdraw-address",
    "update-withdraw-address",
)


def _account(spot: SpotRest, arguments: Arguments) -> Account:
    """The account with the wallet that was asked for; there is one wallet."""
    user = spot.exchange.user
    if plain(arguments.get("account_id", user.number)) != plain(user.number):
        raise InvalidArgument("account_id")
    return user


# ---------------------------------------------------------------------- balances


@handles("getAccountBalance")
def _balance(spot: SpotRest, arguments: Arguments) -> Any:
    return {name: format(amount, "f") for name, amount in _balances(_account(spot, arguments))}


def _balances(account: Account) -> Iterator[tuple[str, Decimal]]:
    """Balances without what is about to be withdrawn."""
    for name, amount in account.balances.items():
        yield name, amount - account.reserved.get(name, ZERO)


@handles("getExtendedBalance")
def _extended_balance(spot: SpotRest, arguments: Arguments) -> Any:
    account = _account(spot, arguments)
    assets = spot.exchange.instruments.assets

    def held(name: str) -> Decimal:
        return sum((order.hold(assets[name]) for order in account.open.values()), ZERO) if name in assets else ZERO

    return {
        name: {"balance": format(amount, "f"), "hold_trade": format(held(name).quantize(amount), "f")}
        for name, amount in _balances(account)
    }


@handles("getCreditLines")
def _credit_lines(spot: SpotRest, arguments: Arguments) -> Any:
    _account(spot, arguments)


@handles("getTradeBalance")
def _trade_balance(spot: SpotRest, arguments: Arguments) -> Any:
    currency = spot.exchange.instruments.asset(arguments.get("asset", "ZUSD"))
    value = Valuation(spot.exchange, _account(spot, arguments), currency)
    nothing = rounded(ZERO, currency.decimals)
    equity, unfilled = value.collateral(), value.unfilled()
    amounts = {
        "eb": value.balances(),
        "tb": equity,
        "m": nothing,
        "uv": unfilled,
        "n": nothing,
        "c": nothing,
        "v": nothing,
        "e": equity,
        "mf": equity,
        "mfo": equity - unfilled,
    }
    return {name: format(amount, "f") for name, amount in amounts.items()}


# ---------------------------------------------------------------------- orders


@handles("getOpenOrders")
def _open_orders(spot: SpotRest, arguments: Arguments) -> Any:
    account = _account(spot, arguments)
    orders = [order for order in reversed(account.open.values()) if _wanted(order, arguments)]
    with_cursor = arguments.get("with_cursor", False)
    if with_cursor and arguments.get("limit", PAGE) > MAX_CURSOR_LIMIT:
        raise InvalidArgument("limit")
    size = arguments.get("limit", PAGE if with_cursor else len(orders))
    shown = page(orders, {**arguments, "limit": size, "without_count": True}, lambda order: order.id)
    return {"open": _order_rows(shown.rows, arguments), **shown.more}


@handles("getClosedOrders")
def _closed_orders(spot: SpotRest, arguments: Arguments) -> Any:
    account = _account(spot, arguments)
    by = arguments.get("closetime", "both")
    orders = [order for order in account.orders.values() if not order.alive and _wanted(order, arguments)]
    orders.sort(key=lambda order: order.opened if by == "open" else order.closed, reverse=True)
    times = {order.id: order.opened for order in account.orders.values()}
    moments = {
        "open": lambda order: (order.opened,),
        "close": lambda order: (order.closed,),
        "both": lambda order: (order.opened, order.closed),
    }
    shown = page(between(orders, arguments, times, moments[by]), arguments, lambda order: order.id)
    return {"closed": _order_rows(shown.rows, arguments), **shown.more}


def _wanted(order: Order, arguments: Arguments) -> bool:
    return arguments.get("userref") in (None, order.asked.userref) and arguments.get("cl_ord_id") in (
        None,
        order.asked.cl_ord_id,
    )


@handles("getOrdersInfo")
def _orders_info(spot: SpotRest, arguments: Arguments) -> Any:
    known = _account(spot, arguments).orders
    for order_id in arguments["txid"]:
        if order_id not in known:
            raise Refusal(Words.INVALID_ORDER)
    return _order_rows([known[each] for each in arguments["txid"] if _wanted(known[each], arguments)], arguments)


def _order_rows(orders: Iterable[Order], arguments: Arguments) -> dict[str, Any]:
    trades, consolidate = arguments.get("trades", False), arguments.get("consolidate_taker", True)
    return {order.id: order_row(order, trades=trades, consolidate=consolidate) for order in orders}


@handles("getOrderAmends")
def _order_amends(spot: SpotRest, arguments: Arguments) -> Any:
    order = _account(spot, arguments).orders.get(arguments["order_id"])
    if order is None:
        raise Refusal(Words.INVALID_ORDER)
    return {"amends": [amend_row(order.pair, each) for each in order.amends], "count": len(order.amends)}


# ---------------------------------------------------------------------- trades


@handles("getTradeHistory")
def _trade_history(spot: SpotRest, arguments: Arguments) -> Any:
    account = _account(spot, arguments)
    trades = own_trades(account.fills, consolidate=arguments.get("consolidate_taker", True))
    if arguments.get("type", "all") not in NO_POSITIONS or arguments.get("aclass", "forex") != "forex":
        trades = []
    if "pair" in arguments:
        pair = spot.pair(arguments)
        trades = [trade for trade in trades if trade.fills[0].order.pair is pair]
    times = {fill.id: fill.trade.at for fill in account.fills}
    found = between(reversed(trades), arguments, times, lambda trade: (trade.at,))
    shown = page(found, arguments, lambda trade: trade.id)
    ledgers = arguments.get("ledgers", False)
    return {"trades": {trade.id: trade.row(ledgers=ledgers) for trade in shown.rows}, **shown.more}


@handles("getTradesInfo")
def _trades_info(spot: SpotRest, arguments: Arguments) -> Any:
    known = {fill.id: OwnTrade((fill,)) for fill in _account(spot, arguments).fills}
    ledgers = arguments.get("ledgers", False)
    return {each: trade.row(ledgers=ledgers) for each, trade in _named(known, arguments, "txid")}


def _named(known: Mapping[str, T], arguments: Arguments, name: str) -> list[tuple[str, T]]:
    """What ids in an argument stand for."""
    if any(each not in known for each in arguments[name]):
        raise InvalidArgument(name)
    return [(each, known[each]) for each in arguments[name]]


@handles("getOpenPositions")
def _open_positions(spot: SpotRest, arguments: Arguments) -> Any:
    _account(spot, arguments)
    return [] if "consolidation" in arguments else {}


# ---------------------------------------------------------------------- ledger


@handles("getLedgers")
def _ledgers(spot: SpotRest, arguments: Arguments) -> Any:
    account = _account(spot, arguments)
    entries = account.ledger.entries
    assets = {_asset_name(spot, account, each) for each in arguments.get("asset", ()) if each != "all"}
    kind, aclass = arguments.get("type", "all"), arguments.get("aclass", "currency")
    found = [
        entry
        for entry in reversed(entries.values())
        if kind in ("all", entry.type)
        and aclass in ("all", entry.aclass)
        and (not assets or entry.asset.name in assets)
    ]
    times = {entry.id: entry.at for entry in entries.values()}
    shown = page(between(found, arguments, times, lambda entry: (entry.at,)), arguments, lambda entry: entry.id)
    return {"ledger": {entry.id: ledger_row(entry) for entry in shown.rows}, **shown.more}


def _asset_name(spot: SpotRest, account: Account, spelling: str) -> str:
    """Kraken's name of an asset; what the account has under a name with a suffix is known by that alone."""
    return spelling if spelling in account.balances else spot.exchange.instruments.asset(spelling).name


@handles("getLedgersInfo")
def _ledgers_info(spot: SpotRest, arguments: Arguments) -> Any:
    entries = _account(spot, arguments).ledger.entries
    return {each: ledger_row(entry) for each, entry in _named(entries, arguments, "id")}


# ---------------------------------------------------------------------- fees


@handles("getTradeVolume")
def _trade_volume(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    dollars = exchange.instruments.asset("ZUSD")
    since = exchange.now() - MONTH
    value = Valuation(exchange, exchange.user, dollars)
    volume = format(value.traded(fill for fill in exchange.user.fills if fill.trade.at > since), "f")
    nothing = fixed(ZERO, dollars.decimals)
    pairs = _fee_pairs(spot, arguments.get("pair", ""))
    result: dict[str, Any] = {
        "currency": dollars.name,
        "asset_class": "currency",
        "volume": volume,
        "inputs": {
            "domain_spot_volume_30d": volume,
            "domain_futures_volume_30d": nothing,
            "domain_assets_on_platform": format(value.balances(), "f"),
        },
        "fees": {pair.name: _fee(pair.taker_fee) for pair in pairs} or None,
        "fees_maker": {pair.name: _fee(pair.maker_fee) for pair in pairs} or None,
    }
    if spot.subaccounts.accounts:
        numbers = [account.number for account in spot.subaccounts.accounts.values()]
        result["volume_subaccounts"] = [{"iiban": number, "volume": nothing} for number in numbers]
    if arguments.get("fee_schedule", False):
        result["schedules"] = [_schedule(pair) for pair in pairs]
    return result


def _fee_pairs(spot: SpotRest, asked: str | Sequence[Mapping[str, str]]) -> list[Pair]:
    if isinstance(asked, str):
        names = [name.strip() for name in asked.split(",")] if asked else []
    else:
        names = [each["asset"] for each in asked]
        if any(each["aclass"] != "forex" for each in asked):
            raise Refusal(Words.UNKNOWN_PAIR)
    return [spot.exchange.instruments.pair(name) for name in names]


def _fee(percent: Decimal) -> dict[str, Any]:
    """A fee that does not depend on the volume."""
    text = fixed(percent, 4)
    return {
        "fee": text,
        "minfee": text,
        "maxfee": text,
        "nextfee": None,
        "tiervolume": fixed(ZERO, 4),
        "nextvolume": None,
    }


def _schedule(pair: Pair) -> dict[str, Any]:
    tier = {
        "maker_fee": fixed(pair.maker_fee, 4),
        "taker_fee": fixed(pair.taker_fee, 4),
        "min_spot_volume": fixed(ZERO, 4),
        "min_futures_volume": None,
        "min_assets_on_platform": None,
        "active": True,
    }
    return {"pair": pair.name, "class": "forex", "tiers": [tier]}


# ---------------------------------------------------------------------- exports


@handles("addExport")
def _add_export(spot: SpotRest, arguments: Arguments) -> Any:
    report = spot.exports.add(
        arguments["report"],
        arguments["description"],
        arguments.get("format", "CSV"),
        arguments.get("fields", ()),
        arguments.get("starttm"),
        arguments.get("endtm"),
    )
    return {"id": report.id}


@handles("exportStatus")
def _export_status(spot: SpotRest, arguments: Arguments) -> Any:
    return spot.exports.status(arguments["report"])


@handles("retrieveExport")
def _retrieve_export(spot: SpotRest, arguments: Arguments) -> Any:
    return spot.exports.fetch(arguments["id"])


@handles("removeExport")
def _remove_export(spot: SpotRest, arguments: Arguments) -> Any:
    spot.exports.remove(arguments["id"], arguments["type"])
    return {arguments["type"]: True}


# ---------------------------------------------------------------------- the key, wallets, subaccounts


@handles("getApiKeyInfo")
def _api_key(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    opened = str(exchange.opened // SECOND)
    return {
        "api_key_name": "emulator",
        "api_key": spot.keys.key,
        "nonce": str(arguments.get("nonce", 0)),
        "nonce_window": "0",
        "permissions": PERMISSIONS,
        "iban": exchange.user.number,
        "valid_until": "0",
        "query_from": "0",
        "query_to": "0",
        "created_time": opened,
        "modified_time": opened,
        "ip_allowlist": [],
        "last_used": str(exchange.now() // SECOND),
    }


@handles("listWalletAccounts")
def _wallets(spot: SpotRest, _arguments: Arguments) -> Any:
    wallet = {
        "account_id": spot.exchange.user.number.replace(" ", "-"),
        "flags": {"active": True, "user_defined": False},
        "status": "active",
        "type": "main",
        "name": None,
    }
    return {"accounts": [wallet], "cursor": {"next": None}}


@handles("createSubaccount")
def _create_subaccount(spot: SpotRest, arguments: Arguments) -> Any:
    spot.subaccounts.create(arguments["username"], arguments["email"])
    return True


@handles("accountTransfer")
def _account_transfer(spot: SpotRest, arguments: Arguments) -> Any:
    asset = spot.exchange.instruments.asset(arguments["asset"])
    transfer = spot.subaccounts.transfer(asset, arguments["amount"], arguments["from"], arguments["to"])
    return {"transfer_id": transfer, "status": "complete"}
