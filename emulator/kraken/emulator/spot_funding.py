"""Spot REST, funding in its first version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.funding import Deposit, DepositAddress, Funding, Method, SavedAddress, Withdrawal
from kraken.emulator.handlers import Arguments, Handlers
from kraken.emulator.pages import Pages
from kraken.emulator.wire import SECOND, fixed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from kraken.emulator.instruments import Asset

T = TypeVar("T", Deposit, Withdrawal)

DEPOSITS_PAGE = 25
WITHDRAWALS_PAGE = 500
_FOREVER = 10**18


class SpotFunding:
    """The state behind the operations.

    Args:
        funding: Deposits and withdrawals.
    """

    def __init__(self, funding: Funding) -> None:
        self.funding = funding
        self.deposits = Pages[Deposit]("deposits")
        self.withdrawals = Pages[Withdrawal]("withdrawals")

    def asset(self, arguments: Arguments) -> Asset | None:
        """The asset that was asked for; None for any."""
        return self.funding.asset(arguments["asset"]) if "asset" in arguments else None


HANDLERS: Handlers[SpotFunding] = Handlers()
"""By operation id."""


# ---------------------------------------------------------------------- deposits


@HANDLERS.answers("getDepositMethods")
def _deposit_methods(spot: SpotFunding, arguments: Arguments) -> Any:
    if _other_class(arguments):
        return []
    asset = spot.funding.asset(arguments["asset"])
    return [_deposit_method(spot.funding, method) for method in spot.funding.methods_of("deposit", asset)]


def _deposit_method(funding: Funding, method: Method) -> dict[str, Any]:
    allowed = funding.allowed(method)
    owner = funding.owner(method)
    row: dict[str, Any] = {
        "method": method.name,
        "limit": False if allowed is None else _amount(allowed, method.asset),
        "fee": _amount(method.fee.base, method.asset),
    }
    if method.fee.percentage:
        row["fee-percentage"] = format(method.fee.percentage, "f")
    if method.setup_fee is not None:
        row["address-setup-fee"] = _amount(method.setup_fee, method.asset)
    if owner.addresses is not None:
        row["gen-address"] = True
    return {**row, "minimum": _amount(method.minimum, method.asset)}


@HANDLERS.answers("getDepositAddresses")
def _deposit_addresses(spot: SpotFunding, arguments: Arguments) -> Any:
    funding = spot.funding
    method = funding.method("deposit", funding.asset(arguments["asset"]), arguments["method"])
    if arguments.get("new", False):
        funding.claim(method)
    return [_deposit_address(each) for each in funding.addresses_of(method) if each.address is not None]


def _deposit_address(address: DepositAddress) -> dict[str, Any]:
    return {"address": address.address, "expiretm": "0", **({"new": True} if address.last_used is None else {})}


@HANDLERS.answers("getStatusRecentDeposits")
def _deposit_status(spot: SpotFunding, arguments: Arguments) -> Any:
    cursor, size = arguments.get("cursor", False), arguments.get("limit")
    if isinstance(cursor, str):
        page, further = spot.deposits.next(cursor, size)
    else:
        found = _newest(spot, spot.funding.deposits.values(), arguments)
        page, further = spot.deposits.first(found, size or DEPOSITS_PAGE)
    rows = [_deposit(each) for each in page]
    return rows if cursor is False else {"deposits": rows, "next_cursor": further}


def _newest(spot: SpotFunding, each_of: Iterable[T], arguments: Arguments) -> list[T]:
    """The deposits or withdrawals that were asked for, newest first."""
    asset, method = spot.asset(arguments), arguments.get("method")
    start, end = _moment(arguments, "start", 0), _moment(arguments, "end", _FOREVER)
    found = [
        each
        for each in each_of
        if asset in (None, _asset_of(each))
        and method in (None, _method_name(each))
        and start <= each.at // SECOND <= end
        and not _other_class(arguments)
    ]
    return found[::-1]


def _other_class(arguments: Arguments) -> bool:
    """Whether only assets of a class were asked for that the market does not have."""
    aclass: str = arguments.get("aclass", "currency")
    return aclass != "currency"


def _moment(arguments: Arguments, name: str, otherwise: int) -> int:
    """A time in Unix seconds, which may come as text."""
    text = str(arguments.get(name, otherwise))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidArgument(name)
    return int(text)


def _asset_of(each: Deposit | Withdrawal) -> Asset:
    return each.asset if isinstance(each, Withdrawal) else each.method.asset


def _method_name(each: Deposit | Withdrawal) -> str:
    return "Futures Wallet" if each.method is None else each.method.name


def _deposit(deposit: Deposit) -> dict[str, Any]:
    asset = deposit.method.asset
    return {
        "method": deposit.method.name,
        "aclass": "currency",
        "asset": asset.name,
        "refid": deposit.id,
        "txid": deposit.txid,
        "info": None if deposit.to is None else deposit.to.address,
        "amount": _amount(deposit.amount, asset),
        **({"fee": _amount(deposit.fee, asset)} if deposit.status == "success" else {}),
        "time": deposit.at // SECOND,
        "status": deposit.status.title(),
    }


# ---------------------------------------------------------------------- withdrawals


@HANDLERS.answers("getWithdrawalMethods")
def _withdrawal_methods(spot: SpotFunding, arguments: Arguments) -> Any:
    methods = [] if _other_class(arguments) else spot.funding.methods_of("withdraw", spot.asset(arguments))
    wanted = arguments.get("network")
    return [
        _withdrawal_method(spot.funding, method)
        for method in methods
        if wanted is None or (method.network is not None and method.network.name == wanted)
    ]


def _withdrawal_method(funding: Funding, method: Method) -> dict[str, Any]:
    asset, network = method.asset, method.network
    windows = {
        str(usage.limit.window): {
            "maximum": _amount(usage.limit.maximum, asset),
            "remaining": _amount(usage.remaining, asset),
            "used": _amount(usage.used, asset),
        }
        for usage in funding.usage(method)
        if usage.limit.kind == "amount"
    }
    fee = {"aclass": "currency", "asset": asset.name, "fee": _amount(method.fee.base, asset)}
    if method.fee.percentage:
        fee["fee_percentage"] = format(method.fee.percentage, "f")
    return {
        "asset": asset.name,
        "method": method.name,
        "method_id": method.id,
        **({} if network is None else {"network": network.name, "network_id": network.id}),
        "minimum": _amount(method.minimum, asset),
        "fee": fee,
        "limits": [{"description": "Limit by amount", "limit_type": "amount", "limits": windows}] if windows else [],
    }


@HANDLERS.answers("getWithdrawalAddresses")
def _withdrawal_addresses(spot: SpotFunding, arguments: Arguments) -> Any:
    methods = [] if _other_class(arguments) else spot.funding.methods_of("withdraw", spot.asset(arguments))
    return [
        _withdrawal_address(address, method)
        for address in spot.funding.addresses.values()
        for method in methods
        if address.covers(method)
        and arguments.get("method") in (None, method.name)
        and arguments.get("key") in (None, address.name)
        and arguments.get("verified") in (None, address.verified)
    ]


def _withdrawal_address(address: SavedAddress, method: Method) -> dict[str, Any]:
    extras = {"tag": address.tag, "memo": address.memo}
    return {
        "address": _destination(address),
        "asset": method.asset.altname,
        "method": method.name,
        "key": address.name,
        **{name: value for name, value in extras.items() if value is not None},
        "verified": address.verified,
    }


def _destination(address: SavedAddress) -> str:
    """The address on its blockchain, or what is shown of a bank account."""
    if address.address is not None:
        return address.address
    return (address.bank or {}).get("masked_iban", "")


@HANDLERS.answers("getWithdrawalInformation")
def _withdrawal_information(spot: SpotFunding, arguments: Arguments) -> Any:
    funding = spot.funding
    asset = funding.asset(arguments["asset"])
    _, method = funding.saved(arguments["key"], asset)
    amounts = funding.amounts(method, arguments["amount"], included=True)
    return {
        "method": method.name,
        "limit": _amount(funding.largest(method)[0], asset),
        "amount": _amount(amounts.net, asset),
        "fee": _amount(amounts.fee, asset),
    }


@HANDLERS.answers("withdrawFunds")
def _withdraw(spot: SpotFunding, arguments: Arguments) -> Any:
    if _other_class(arguments):
        raise Refusal(Words.UNKNOWN_FUNDING_ASSET)
    funding = spot.funding
    address, method = funding.saved(arguments["key"], funding.asset(arguments["asset"]))
    if arguments.get("address") not in (None, _destination(address)):
        raise InvalidArgument("address")
    amounts = funding.amounts(method, arguments["amount"], included=True)
    if amounts.fee > arguments.get("max_fee", amounts.fee):
        raise Refusal(Words.MAX_FEE_EXCEEDED)
    return {"refid": funding.withdraw(method, address, amounts).id}


@HANDLERS.answers("getStatusRecentWithdrawals")
def _withdrawal_status(spot: SpotFunding, arguments: Arguments) -> Any:
    cursor, size = arguments.get("cursor", False), arguments.get("limit")
    if isinstance(cursor, str):
        page, further = spot.withdrawals.next(cursor, size)
    else:
        found = _newest(spot, spot.funding.withdrawals.values(), arguments)
        page, further = spot.withdrawals.first(found, size or WITHDRAWALS_PAGE)
    rows = [_withdrawal(each) for each in page]
    return rows if cursor is False else {"withdrawals": rows, "next_cursor": further}


def _withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    network = None if withdrawal.method is None else withdrawal.method.network
    return {
        "method": _method_name(withdrawal),
        **({} if network is None else {"network": network.name}),
        "aclass": "currency",
        "asset": withdrawal.asset.name,
        "refid": withdrawal.id,
        "txid": withdrawal.txid,
        "info": None if withdrawal.to is None else _destination(withdrawal.to),
        "amount": _amount(withdrawal.net, withdrawal.asset),
        "fee": _amount(withdrawal.fee, withdrawal.asset),
        "time": withdrawal.at // SECOND,
        "status": withdrawal.status.title(),
        **({} if withdrawal.prop is None else {"status-prop": withdrawal.prop}),
        **({} if withdrawal.to is None else {"key": withdrawal.to.name}),
    }


@HANDLERS.answers("cancelWithdrawal")
def _cancel_withdrawal(spot: SpotFunding, arguments: Arguments) -> Any:
    withdrawal = spot.funding.withdrawals.get(arguments["refid"])
    if withdrawal is None or withdrawal.asset is not spot.funding.asset(arguments["asset"]):
        raise Refusal(Words.UNKNOWN_REFERENCE)
    spot.funding.cancel(withdrawal)
    return True


@HANDLERS.answers("walletTransfer")
def _wallet_transfer(spot: SpotFunding, arguments: Arguments) -> Any:
    return {"refid": spot.funding.transfer(spot.funding.asset(arguments["asset"]), arguments["amount"]).id}


def _amount(value: Decimal, asset: Asset) -> str:
    return fixed(value, asset.decimals)
