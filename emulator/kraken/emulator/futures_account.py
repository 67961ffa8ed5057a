"""Futures REST: wallets, positions, preferences and transfers."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import Numbered, Refusal, Words
from kraken.emulator.futures_rest import HANDLERS, FuturesRest, before, clock_text
from kraken.emulator.margin import CASH, FLEX, available_of, currency_of, margin_of
from kraken.emulator.wire import ZERO, plain, rounded

if TYPE_CHECKING:
    from kraken.emulator.account_log import LogEntry
    from kraken.emulator.contracts import Contract
    from kraken.emulator.handlers import Arguments
    from kraken.emulator.instruments import Asset

CURRENCIES = ("USD", "EUR", "GBP", "USDC", "USDT", "BTC", "ETH")
"""In what profits can be paid."""
_OPENED = "2026-01-05T09:00:00.000Z"


# ---------------------------------------------------------------------- wallets


@HANDLERS.answers("getAccounts")
def _accounts(rest: FuturesRest, _arguments: Arguments) -> Any:
    wallets = {name: _margin_account(rest, name) for name in rest.venue.wallets if name not in (CASH, FLEX)}
    return {"accounts": {CASH: _cash(rest), **wallets, FLEX: _flex(rest)}}


def _cash(rest: FuturesRest) -> dict[str, Any]:
    return {"type": "cashAccount", "balances": _balances(rest, CASH)}


def _balances(rest: FuturesRest, wallet: str) -> dict[str, Decimal]:
    venue = rest.venue
    held = venue.wallets[wallet].balances
    return {venue.assets[name].altname.lower(): plain(amount) for name, amount in held.items()}


def _margin_account(rest: FuturesRest, wallet: str) -> dict[str, Any]:
    venue, margin = rest.venue, margin_of(rest.venue, wallet)
    positions = {each.contract.name: plain(each.size) for each in venue.positions if each.contract.wallet == wallet}
    return {
        "type": "marginAccount",
        "currency": currency_of(venue, wallet).altname.lower(),
        "balances": {**_balances(rest, wallet), **positions},
        "auxiliary": {
            "usd": 0,
            "pv": plain(margin.portfolio),
            "pnl": plain(margin.profit),
            "af": plain(margin.available),
            "funding": plain(margin.funding),
        },
        "marginRequirements": {
            "im": plain(margin.initial),
            "mm": plain(margin.maintenance),
            "lt": plain(margin.maintenance * Decimal("0.75")),
            "tt": plain(margin.maintenance / 2),
        },
        "triggerEstimates": {"im": 0, "mm": 0, "lt": 0, "tt": 0},
    }


def _flex(rest: FuturesRest) -> dict[str, Any]:
    venue, margin = rest.venue, margin_of(rest.venue, FLEX)
    return {
        "type": "multiCollateralMarginAccount",
        "currencies": {
            asset.altname: _collateral(rest, asset, amount)
            for asset, amount in ((venue.assets[name], amount) for name, amount in venue.wallets[FLEX].balances.items())
        },
        "initialMargin": plain(margin.initial),
        "initialMarginWithOrders": plain(margin.with_orders),
        "maintenanceMargin": plain(margin.maintenance),
        "balanceValue": plain(margin.balance),
        "portfolioValue": plain(margin.portfolio),
        "collateralValue": plain(margin.collateral),
        "pnl": plain(margin.profit),
        "unrealizedFunding": plain(margin.funding),
        "totalUnrealized": plain(margin.unrealized),
        "totalUnrealizedAsMargin": plain(margin.unrealized),
        "availableMargin": plain(margin.available),
        "marginEquity": plain(margin.equity),
    }


def _collateral(rest: FuturesRest, asset: Asset, amount: Decimal) -> dict[str, Decimal]:
    value = rest.venue.rates.worth(amount, asset, currency_of(rest.venue, FLEX))
    return {
        "quantity": plain(amount),
        "value": plain(value),
        "collateral": plain(value * (asset.collateral_value or ZERO)),
        "available": plain(available_of(rest.venue, FLEX, asset)),
    }


# ---------------------------------------------------------------------- positions


@HANDLERS.answers("getOpenPositions")
def _open_positions(rest: FuturesRest, _arguments: Arguments) -> Any:
    venue = rest.venue
    rows = []
    for position in sorted(venue.positions, key=lambda each: each.opened, reverse=True):
        contract = position.contract
        row: dict[str, Any] = {
            "side": "long" if position.size > 0 else "short",
            "symbol": contract.name,
            "price": plain(position.entry),
            "fillTime": clock_text(position.opened),
            "size": plain(abs(position.size)),
            "unrealizedFunding": plain(venue.unrealized_funding(position)) if contract.perpetual else None,
        }
        if not contract.inverse:
            row["pnlCurrency"] = venue.preferences.currency.get(contract.name, "USD")
        if contract.name in venue.preferences.leverage:
            row["maxFixedLeverage"] = plain(venue.preferences.leverage[contract.name])
        rows.append(row)
    return {"openPositions": rows}


@HANDLERS.answers("getUnwindQueue")
def _unwind_queue(rest: FuturesRest, _arguments: Arguments) -> Any:
    queue = [{"symbol": each.contract.name, "percentile": 100} for each in rest.venue.positions]
    return {"queue": queue}


# ---------------------------------------------------------------------- preferences


def _linear(rest: FuturesRest, arguments: Arguments) -> Contract:
    """The multi-collateral contract that was asked for."""
    try:
        contract = rest.venue.contracts.contract(arguments["symbol"])
    except Refusal:
        raise Numbered(87, "Contract does not exist") from None
    if contract.inverse:
        raise Numbered(88, "Contract is not a multi-collateral futures contract")
    return contract


@HANDLERS.answers("getLeverageSetting")
def _leverage(rest: FuturesRest, _arguments: Arguments) -> Any:
    chosen = rest.venue.preferences.leverage
    return {"leveragePreferences": [{"symbol": name, "maxLeverage": plain(each)} for name, each in chosen.items()]}


@HANDLERS.answers("setLeverageSetting")
def _set_leverage(rest: FuturesRest, arguments: Arguments) -> Any:
    contract, chosen = _linear(rest, arguments), rest.venue.preferences.leverage
    before = chosen.pop(contract.name, None)
    if "maxLeverage" in arguments:
        if arguments["maxLeverage"] <= 0:
            raise Refusal(Words.ARGUMENT_INVALID, "maxLeverage")
        chosen[contract.name] = arguments["maxLeverage"]
    if margin_of(rest.venue, FLEX).available < 0:
        del chosen[contract.name]
        if before is not None:
            chosen[contract.name] = before
        raise Numbered(92, "INSUFFICIENT_MARGIN")
    return {}


@HANDLERS.answers("getPnlCurrencyPreference")
def _currencies(rest: FuturesRest, _arguments: Arguments) -> Any:
    chosen = rest.venue.preferences.currency
    return {"preferences": [{"symbol": name, "pnlCurrency": each} for name, each in chosen.items()]}


@HANDLERS.answers("setPnlCurrencyPreference")
def _set_currency(rest: FuturesRest, arguments: Arguments) -> Any:
    contract, currency = _linear(rest, arguments), arguments["pnlPreference"].upper()
    if currency not in CURRENCIES:
        raise Numbered(89, "Currency does not exist")
    rest.venue.preferences.currency[contract.name] = currency
    return {}


@HANDLERS.answers("getSelfTradeStrategy")
def _self_trade(rest: FuturesRest, _arguments: Arguments) -> Any:
    return {"strategy": rest.venue.preferences.self_trade}


@HANDLERS.answers("setSelfTradeStrategy")
def _set_self_trade(rest: FuturesRest, arguments: Arguments) -> Any:
    rest.venue.preferences.self_trade = arguments["strategy"]
    return _self_trade(rest, arguments)


@HANDLERS.answers("getRfqAssignmentMaxLeverage")
def _rfq_leverage(rest: FuturesRest, _arguments: Arguments) -> Any:
    chosen = rest.venue.preferences.rfq_leverage
    return {"maxLeverage": None if chosen is None else plain(chosen)}


@HANDLERS.answers("setRfqAssignmentMaxLeverage")
def _set_rfq_leverage(rest: FuturesRest, arguments: Arguments) -> Any:
    chosen: Decimal = arguments["maxLeverage"]
    if not 0 < chosen <= 100 or chosen != rounded(chosen, 2):
        raise Refusal(Words.LEVERAGE_CAP)
    rest.venue.preferences.rfq_leverage = chosen
    return _rfq_leverage(rest, arguments)


@HANDLERS.answers("clearRfqAssignmentMaxLeverage")
def _clear_rfq_leverage(rest: FuturesRest, _arguments: Arguments) -> Any:
    rest.venue.preferences.rfq_leverage = None
    return {}


# ---------------------------------------------------------------------- transfers


def _taken(rest: FuturesRest, wallet: str, unit: str, amount: Decimal) -> Asset:
    """The currency of a transfer that can be made."""
    if wallet not in rest.venue.wallets:
        raise Refusal(Words.INVALID_ACCOUNT)
    try:
        asset = rest.spot.instruments.asset(unit)
    except Refusal:
        raise Refusal(Words.INVALID_UNIT) from None
    if amount <= 0 or amount != rounded(amount, asset.decimals):
        raise Refusal(Words.INVALID_TRANSFER)
    if amount > available_of(rest.venue, wallet, asset):
        raise Refusal(Words.TRANSFER_FUNDS)
    return asset


@HANDLERS.answers("transfer")
def _transfer(rest: FuturesRest, arguments: Arguments) -> Any:
    source, target = (arguments[name].lower() for name in ("fromAccount", "toAccount"))
    asset = _taken(rest, source, arguments["unit"], arguments["amount"])
    venue = rest.venue
    if target not in venue.wallets or target == source:
        raise Refusal(Words.INVALID_ACCOUNT)
    if target not in (CASH, FLEX) and asset is not currency_of(venue, target):
        raise Refusal(Words.INVALID_UNIT)
    number = venue.new_id("T")
    venue.move(source, asset, -arguments["amount"], "transfer", execution=number)
    venue.move(target, asset, arguments["amount"], "transfer", execution=number)
    return {}


@HANDLERS.answers("withdrawal")
def _withdrawal(rest: FuturesRest, arguments: Arguments) -> Any:
    wallet = arguments.get("sourceWallet", CASH).lower()
    asset = _taken(rest, wallet, arguments["currency"], arguments["amount"])
    number = rest.venue.new_id("T")
    rest.venue.move(wallet, asset, -arguments["amount"], "cross-exchange transfer", execution=number)
    rest.spot.user.ledger.add("transfer", asset, arguments["amount"], subtype="spotfromfutures", refid=number)
    return {"uid": number}


@HANDLERS.answers("getTransfers")
def _transfers(rest: FuturesRest, arguments: Arguments) -> Any:
    moved = [each for each in rest.venue.log.entries if each.kind == "cross-exchange transfer"]
    return {
        "transfers": [_moved(each) for each in before(moved, arguments.get("lastTransferTime"), lambda each: each.at)]
    }


def _moved(entry: LogEntry) -> dict[str, Any]:
    """What came from the Spot wallet or went there."""
    amount = entry.new - entry.old
    return {
        "transfer_id": entry.execution or entry.uid,
        "transferType": "deposit" if amount > 0 else "withdrawal",
        "status": "processed",
        "currency": entry.asset,
        "amount": plain(amount),
        "receivedTime": clock_text(entry.at),
        "completedTime": clock_text(entry.at),
    }


# ---------------------------------------------------------------------- the key


@HANDLERS.answers("checkV3ApiKey")
def _check_key(rest: FuturesRest, _arguments: Arguments) -> Any:
    return {
        "apiKey": rest.key,
        "accountUid": rest.venue.account_uid,
        "iiban": rest.spot.user.number,
        "createdAt": _OPENED,
        "permissions": {"general": "FULL_ACCESS", "transfer": "FULL_ACCESS"},
    }
