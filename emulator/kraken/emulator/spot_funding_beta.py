"""Spot REST, Funding (Beta): the same deposits, withdrawals and addresses under ids that do not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.funding import (
    Amounts,
    Deposit,
    DepositAddress,
    Direction,
    Funding,
    Method,
    SavedAddress,
    Usage,
    Withdrawal,
)
from kraken.emulator.handlers import Answer, Arguments, Handlers, bind
from kraken.emulator.pages import Pages
from kraken.emulator.subaccounts import plain
from kraken.emulator.wire import SECOND, fixed, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from kraken.emulator.instruments import Asset
    from kraken.emulator.rates import Rates

T = TypeVar("T")
Row = dict[str, Any]
ScopeKind = Literal["method_id", "network_id", "network_group_id"]
Scope = dict[ScopeKind, str]

PAGE = 100
"""Size of a page when nobody says otherwise."""
DEPOSIT_STATUSES = ("initial", "pending", "settled", "success", "failure")


class SpotFundingBeta:
    """The state behind the operations.

    Args:
        funding: Deposits and withdrawals.
        rates: What assets are worth.
    """

    def __init__(self, funding: Funding, rates: Rates) -> None:
        self.funding = funding
        self.rates = rates
        self.methods = Pages[Row]("methods")
        self.addresses = Pages[SavedAddress]("addresses")
        self.claimed = Pages[Row]("claimed")
        self.deposits = Pages[Deposit]("funding deposits")
        self.withdrawals = Pages[Withdrawal]("funding withdrawals")

    def method(self, method_id: str, name: str, direction: Direction | None = None) -> Method:
        """The method with an id.

        Args:
            method_id: The id.
            name: The argument that it came in.
            direction: Which way the method must go.

        Raises:
            InvalidArgument: there is no such method.
        """
        method = self.funding.methods.get(str(UUID(method_id)))
        if method is None or direction not in (None, method.direction):
            raise InvalidArgument(name)
        return method

    def saved_address(self, address_id: str) -> SavedAddress:
        """The saved address with an id.

        Raises:
            Refusal: there is no such address.
        """
        if address_id not in self.funding.addresses:
            raise Refusal(Words.UNKNOWN_WITHDRAW_KEY)
        return self.funding.addresses[address_id]


HANDLERS: Handlers[SpotFundingBeta] = Handlers()
"""By operation id."""


def answers(beta: SpotFundingBeta) -> dict[str, Answer]:
    """What answers the operations, each of which may name the account's wallet."""

    def checked(answer: Answer) -> Answer:
        def check_and_answer(arguments: Arguments) -> Any:
            number = beta.funding.exchange.user.number
            if plain(arguments.get("account_id", number)) != plain(number):
                raise InvalidArgument("account_id")
            return answer(arguments)

        return check_and_answer

    return {name: checked(answer) for name, answer in bind(HANDLERS, beta).items()}


# ---------------------------------------------------------------------- what several operations share


def _asset(asset: Asset) -> Row:
    return {"class": "currency", "name": asset.symbol}


def _amount(value: Decimal, asset: Asset) -> Row:
    return {"asset": _asset(asset), "amount": fixed(value, asset.decimals)}


def _page(
    arguments: Arguments, pages: Pages[T], items: Callable[[], Sequence[T]], *, beside: str | None = None
) -> tuple[Sequence[T], Row]:
    """A page, and the cursor of the next one as it stands beside the rows.

    Args:
        arguments: The arguments; a cursor among them stands alone.
        pages: The pages of the operation.
        items: Makes the list of which it is the first page.
        beside: An argument in the path, which comes with a cursor too.

    Raises:
        InvalidArgument: the cursor is unknown, or does not stand alone.
    """
    if "cursor" in arguments:
        for name in arguments:
            if name not in ("cursor", beside):
                raise InvalidArgument(name)
        page, further = pages.next(arguments["cursor"])
    else:
        page, further = pages.first(items(), arguments.get("limit", PAGE))
    return page, {} if further is None else {"next_cursor": further}


def _matches_asset(beta: SpotFundingBeta, asset: Asset, wanted: Mapping[str, str] | None) -> bool:
    """Whether an asset is in the class that was asked for, or is the one that was asked for."""
    if wanted is None:
        return True
    if wanted["class"] != "currency":
        return False
    return "name" not in wanted or beta.funding.asset(wanted["name"]) is asset


def _scope(arguments: Arguments) -> Scope | None:
    """The scope that was asked for, its id as ids are written here."""
    given = arguments.get("scope")
    return None if given is None else {kind: str(UUID(place)) for kind, place in given.items()}


def _matches_scope(method: Method, scope: Scope | None) -> bool:
    """Whether a method is in a scope: is the method itself, or on the network, or on one of the group."""
    if scope is None:
        return True
    if "method_id" in scope:
        return scope["method_id"] == method.id
    network = method.network
    return network is not None and scope in ({"network_id": network.id}, {"network_group_id": network.group})


def _in_time(at: int, arguments: Arguments) -> bool:
    """Whether a time is within the range that was asked for, in whole seconds as it is shown."""
    shown = at // SECOND * SECOND
    return bool(arguments.get("start_time", shown) <= shown <= arguments.get("end_time", shown))


# ---------------------------------------------------------------------- fees, assets, methods, networks


@HANDLERS.answers("calculateFundingFeesV1")
def _fees(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    funding = beta.funding
    method = beta.method(arguments["method_id"], "method_id")
    included = arguments.get("fee_included", method.included)
    fee = method.fee
    if "withdrawal_fee_token" in arguments:
        fee = funding.quoted(method, arguments["withdrawal_fee_token"], "withdrawal_fee_token").fee
    amounts = funding.amounts(method, arguments["amount"], included=included, fee=fee)
    token = {"withdrawal_fee_token": funding.quote(method, fee, included=included)}
    return {
        "fee": _amount(amounts.fee, method.asset),
        "gross_amount": _amount(amounts.gross, method.asset),
        "net_amount": _amount(amounts.net, method.asset),
        "fee_details": {
            "base_fee": _amount(fee.base, method.asset),
            "fee_percentage": format(fee.percentage, "f"),
        },
        **(token if method.direction == "withdraw" else {}),
    }


@HANDLERS.answers("listFundingAssetsV1")
def _assets(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    wanted = arguments.get("asset_class", "currency")
    names = dict.fromkeys(each.asset.symbol for each in beta.funding.methods_of(arguments["direction"]))
    return {wanted: [{"name": name} for name in names] if wanted == "currency" else []}


@HANDLERS.answers("listFundingMethodsV1")
def _methods(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    def rows() -> list[Row]:
        wanted = arguments.get("asset")
        methods = beta.funding.methods_of(arguments["direction"])
        return [_method(beta.funding, each) for each in methods if _matches_asset(beta, each.asset, wanted)]

    page, cursor = _page(arguments, beta.methods, rows, beside="direction")
    return {"methods": page, **cursor}


def _method(funding: Funding, method: Method) -> Row:
    fee, asset, network = method.fee, method.asset, method.network
    row: Row = {
        "asset": _asset(asset),
        "method_id": method.id,
        "method_name": method.name,
        "minimum_amount": fixed(method.minimum, asset.decimals),
        **({} if method.maximum is None else {"maximum_amount": fixed(method.maximum, asset.decimals)}),
        "fees": {
            "base": _amount(fee.base, asset),
            **({"percentage": format(fee.percentage, "f")} if fee.percentage else {}),
            "included": method.included,
            **({} if fee.least is None else {"min": _amount(fee.least, asset)}),
            **({} if fee.most is None else {"max": _amount(fee.most, asset)}),
        },
    }
    if network is not None:
        row["network"] = {
            "network_id": network.id,
            "network_name": network.name,
            **({} if method.contract is None else {"contract_address": method.contract}),
            "on_chain_asset_symbol": asset.symbol,
        }
    if method.direction == "withdraw":
        return {**row, "withdrawal": {}}
    return {**row, "deposit": _deposit_facts(funding, method)}


def _deposit_facts(funding: Funding, method: Method) -> Row:
    limit = funding.owner(method).addresses
    generation = {"status": "unsupported"} if limit is None else {"status": "limited", "limit": limit}
    return {
        **({} if method.shares is None else {"shares_addresses_with_method_id": method.shares}),
        **({} if method.setup_fee is None else {"address_setup_fee": _amount(method.setup_fee, method.asset)}),
        "address_generation": generation,
    }


@HANDLERS.answers("listFundingNetworksV1")
def _networks(beta: SpotFundingBeta, _arguments: Arguments) -> Any:
    networks = beta.funding.networks.values()
    return {
        "network_groups": [
            {
                "network_group_id": group.id,
                "name": group.name,
                "network_ids": [each.id for each in networks if each.group == group.id],
            }
            for group in beta.funding.groups.values()
        ],
        "networks": [{"network_id": each.id, "name": each.name} for each in networks],
    }


# ---------------------------------------------------------------------- limits


@HANDLERS.answers("listFundingDepositLimitsV1")
def _deposit_limits(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    rows = []
    for method in _limited_methods(beta, arguments, "deposit"):
        allowed = beta.funding.allowed(method)
        rows.append(
            {
                "method_id": method.id,
                **({} if allowed is None else {"maximum_amount": _amount(allowed, method.asset)}),
                "limits": _limits(beta, method, arguments),
            }
        )
    return {"deposit_limits": rows}


@HANDLERS.answers("listFundingWithdrawalLimitsV1")
def _withdrawal_limits(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    methods = _limited_methods(beta, arguments, "withdraw")
    asset = beta.funding.asset(arguments["asset"])
    rows = []
    for method in methods:
        largest, by_balance = beta.funding.largest(method)
        rows.append(
            {
                "method_id": method.id,
                "maximum_amount": _amount(largest, asset),
                "maximum_reason": "balance" if by_balance else "limits",
                "limits": _limits(beta, method, arguments),
            }
        )
    available = beta.funding.exchange.user.available(asset)
    return {"available_balance": _amount(available, asset), "withdrawal_limits": rows}


def _limited_methods(beta: SpotFundingBeta, arguments: Arguments, direction: Direction) -> list[Method]:
    if arguments["asset_class"] != "currency":
        raise Refusal(Words.UNKNOWN_FUNDING_ASSET)
    return beta.funding.methods_of(direction, beta.funding.asset(arguments["asset"]))


def _limits(beta: SpotFundingBeta, method: Method, arguments: Arguments) -> list[Row]:
    return [
        {"time_window": str(usage.limit.window), "limit": _limit(beta, method, usage, arguments)}
        for usage in beta.funding.usage(method)
    ]


def _limit(beta: SpotFundingBeta, method: Method, usage: Usage, arguments: Arguments) -> Row:
    values = {"remaining": usage.remaining, "maximum": usage.limit.maximum, "used": usage.used}
    if usage.limit.kind != "amount":
        return {"limit_type": usage.limit.kind, **{name: fixed(value, 0) for name, value in values.items()}}
    dollars = beta.funding.asset("USD")
    preferred = arguments.get("preferred_asset")
    if preferred is not None and preferred.get("class", "currency") != "currency":
        raise Refusal(Words.UNKNOWN_FUNDING_ASSET)
    requested = method.asset if preferred is None else beta.funding.asset(preferred["name"])

    def worth(value: Decimal, asset: Asset) -> Row:
        return _amount(beta.rates.worth(value, method.asset, asset), asset)

    return {
        "limit_type": "amount",
        **{
            name: {
                "policy_asset_amount": _amount(value, method.asset),
                "usd_amount": worth(value, dollars),
                "requested_asset_amount": worth(value, requested),
            }
            for name, value in values.items()
        },
    }


# ---------------------------------------------------------------------- saved addresses


@HANDLERS.answers("listFundingAddressesV1")
def _addresses(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    def found() -> list[SavedAddress]:
        scope = _scope(arguments)
        return [each for each in beta.funding.addresses.values() if _usable_in(beta, each, scope)]

    page, cursor = _page(arguments, beta.addresses, found)
    return {"addresses": [_saved(each) for each in page], **cursor}


def _usable_in(beta: SpotFundingBeta, address: SavedAddress, scope: Scope | None) -> bool:
    """Whether an address can be used for everything in a scope."""
    if scope is None:
        return True
    if "method_id" in scope:
        return address.covers(beta.method(scope["method_id"], "scope", "withdraw"))
    if "network_id" in scope:
        network = beta.funding.networks.get(scope["network_id"])
        return network is not None and address.reaches(network)
    return address.place == scope["network_group_id"]


def _saved(address: SavedAddress) -> Row:
    crypto = {"address": address.address, "tag": address.tag, "memo": address.memo}
    details: Row = {"fiat": address.bank}
    if address.bank is None:
        details = {"crypto": {name: value for name, value in crypto.items() if value is not None}}
    row = {
        "address_id": address.id,
        "scope": {address.scope: address.place},
        "address_details": details,
        "name": address.name,
        "description": address.description,
        "modifier": address.modifier,
        "verified": address.verified,
    }
    return {name: value for name, value in row.items() if value is not None}


@HANDLERS.answers("createFundingAddressV1")
def _save_address(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    ((kind, place),) = (_scope(arguments) or {}).items()
    crypto = arguments["address_details"]["crypto"]
    known = {
        "method_id": [each.id for each in beta.funding.methods_of("withdraw") if each.network is not None],
        "network_id": beta.funding.networks,
        "network_group_id": beta.funding.groups,
    }
    if place not in known[kind]:
        raise InvalidArgument("scope")
    if "tag" in crypto and "memo" in crypto:
        raise InvalidArgument("address_details")
    saved = beta.funding.save(
        SavedAddress(
            id=beta.funding.new_address_id(),
            name=arguments["name"].strip(),
            scope=kind,
            place=place,
            address=crypto["address"],
            verified=True,
            description=arguments.get("description"),
            tag=crypto.get("tag"),
            memo=crypto.get("memo"),
        )
    )
    return {"address_id": saved.id, "verified": saved.verified}


@HANDLERS.answers("updateFundingAddressV1")
def _update_address(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    address = beta.saved_address(arguments["id"])
    if "name" in arguments:
        beta.funding.rename(address, arguments["name"].strip())
    address.description = arguments.get("description", address.description)
    return {"verified": address.verified}


@HANDLERS.answers("deleteFundingAddressV1")
def _delete_address(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    del beta.funding.addresses[beta.saved_address(arguments["id"]).id]
    return {"result": True}


# ---------------------------------------------------------------------- deposits


@HANDLERS.answers("claimFundingDepositAddressV1")
def _claim(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    method = beta.method(arguments["method_id"], "method_id", "deposit")
    try:
        return {"address_details": _details(beta.funding.claim(method))}
    except Refusal as refusal:
        if refusal.words != Words.TOO_MANY_ADDRESSES:
            raise
        raise Refusal(Words.TOO_MANY_DEPOSIT_ADDRESSES) from None


def _details(address: DepositAddress) -> Row:
    return {"crypto": {"address": address.address}} if address.bank is None else {"fiat": address.bank}


@HANDLERS.answers("listFundingClaimedAddressesV2")
def _claimed(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    def rows() -> list[Row]:
        scope, asset = _scope(arguments), arguments.get("asset")
        return [
            _claimed_address(method, address)
            for method in beta.funding.methods_of("deposit")
            # An address that is shared is listed once, unless somebody asks for what it can be used with.
            if (method.shares is None or scope is not None or asset is not None)
            and _matches_scope(method, scope)
            and _matches_asset(beta, method.asset, asset)
            for address in beta.funding.addresses_of(method)
        ]

    page, cursor = _page(arguments, beta.claimed, rows)
    return {"addresses": page, **cursor}


def _claimed_address(method: Method, address: DepositAddress) -> Row:
    return {
        "method_id": method.id,
        **({} if method.shares is None else {"shares_addresses_with_method_id": method.shares}),
        "id": address.id,
        **({} if address.last_used is None else {"last_used": rfc3339(address.last_used, 0)}),
        "address_details": _details(address),
    }


@HANDLERS.answers("listFundingDepositsV1")
def _deposits(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    def found() -> list[Deposit]:
        wanted = _wanted_statuses(arguments.get("status"))
        return [
            each
            for each in reversed(beta.funding.deposits.values())
            if each.status in wanted
            and _matches_asset(beta, each.method.asset, arguments.get("asset"))
            and _matches_scope(each.method, _scope(arguments))
            and _in_time(each.at, arguments)
        ]

    page, cursor = _page(arguments, beta.deposits, found)
    return {"deposits": [_deposit(each) for each in page], **cursor}


def _wanted_statuses(asked: Mapping[str, Any] | None) -> Sequence[str]:
    if asked is None:
        return DEPOSIT_STATUSES
    if "list" in asked:
        statuses: list[str] = asked["list"]
        return statuses
    start = DEPOSIT_STATUSES.index(asked["range"].get("start", DEPOSIT_STATUSES[0]))
    end = DEPOSIT_STATUSES.index(asked["range"].get("end", DEPOSIT_STATUSES[-1]))
    return DEPOSIT_STATUSES[start : end + 1]


def _deposit(deposit: Deposit) -> Row:
    method = deposit.method
    return {
        "deposit_id": deposit.id,
        "method_id": method.id,
        **({} if method.network is None else {"network_id": method.network.id}),
        "status": deposit.status,
        "amount": _amount(deposit.amount, method.asset),
        **({"fee": _amount(deposit.fee, method.asset)} if deposit.status == "success" else {}),
        "create_time": rfc3339(deposit.at, 0),
    }


# ---------------------------------------------------------------------- withdrawals


@HANDLERS.answers("listFundingWithdrawalsV1")
def _withdrawals(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    def found() -> list[Withdrawal]:
        return [
            each
            for each in reversed(beta.funding.withdrawals.values())
            if each.method is not None
            and arguments.get("status") in (None, _status(each))
            and _matches_asset(beta, each.asset, arguments.get("asset"))
            and _matches_scope(each.method, _scope(arguments))
            and _in_time(each.at, arguments)
        ]

    page, cursor = _page(arguments, beta.withdrawals, found)
    return {"withdrawals": [_withdrawal(each) for each in page], **cursor}


def _status(withdrawal: Withdrawal) -> str:
    return {"success": "success", "failure": "failed"}.get(withdrawal.status, "pending")


def _withdrawal(withdrawal: Withdrawal) -> Row:
    assert withdrawal.method is not None
    row = {
        "withdrawal_id": withdrawal.id,
        "amount": _amount(withdrawal.net, withdrawal.asset),
        "fee": _amount(withdrawal.fee, withdrawal.asset),
        "method_id": withdrawal.method.id,
        "status": _status(withdrawal),
        "create_time": rfc3339(withdrawal.at, 0),
        "address_id": None if withdrawal.to is None else withdrawal.to.id,
        "onchain_transaction": withdrawal.txid,
        "utxo_vout": withdrawal.output,
    }
    return {name: value for name, value in row.items() if value is not None}


@HANDLERS.answers("createFundingWithdrawalV1")
def _withdraw(beta: SpotFundingBeta, arguments: Arguments) -> Any:
    funding = beta.funding
    asked = arguments["amount"]["asset_amount"]
    method = _method_to_withdraw(beta, _scope(arguments), asked["asset"])
    address = beta.saved_address(arguments["address_id"])
    if not address.verified or not address.covers(method):
        raise Refusal(Words.UNKNOWN_WITHDRAW_KEY)
    if arguments.get("expected_address") not in (None, address.address):
        raise InvalidArgument("expected_address")
    amounts = _amounts_to_pay(beta, method, asked["amount"], arguments.get("fee"))
    withdrawal = funding.withdraw(method, address, amounts)
    return {
        "withdrawal_id": withdrawal.id,
        "net_amount": {"asset_amount": _amount(amounts.net, method.asset)},
        "gross_amount": {"asset_amount": _amount(amounts.gross, method.asset)},
        "fee": {"asset_amount": _amount(amounts.fee, method.asset)},
    }


def _method_to_withdraw(beta: SpotFundingBeta, scope: Scope | None, asset: Mapping[str, str]) -> Method:
    """The one method in a scope for an asset."""
    methods = [
        each
        for each in beta.funding.methods_of("withdraw")
        if _matches_scope(each, scope) and _matches_asset(beta, each.asset, asset)
    ]
    if len(methods) != 1:
        raise Refusal(Words.NO_FUNDING_METHOD)
    return methods[0]


def _amounts_to_pay(beta: SpotFundingBeta, method: Method, amount: Decimal, fee: Mapping[str, Any] | None) -> Amounts:
    """What a withdrawal comes to with the fee that was asked for."""
    if fee is None:
        return beta.funding.amounts(method, amount, included=method.included)
    if "quoted_fee" in fee and "current_fee" in fee:
        raise InvalidArgument("fee")
    included: bool = fee["fee_included"]
    if "quoted_fee" in fee:
        quote = beta.funding.quoted(method, fee["quoted_fee"]["token"], "fee")
        if quote.included is not included:
            raise InvalidArgument("fee")
        return beta.funding.amounts(method, amount, included=included, fee=quote.fee)
    amounts = beta.funding.amounts(method, amount, included=included)
    most = fee.get("current_fee", {}).get("max_fee")
    if most is not None:
        if not _matches_asset(beta, method.asset, most["asset_amount"]["asset"]):
            raise InvalidArgument("fee")
        if amounts.fee > most["asset_amount"]["amount"]:
            raise Refusal(Words.MAX_FEE_EXCEEDED)
    return amounts
