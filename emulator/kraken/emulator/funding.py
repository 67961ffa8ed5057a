"""Money that comes and goes: networks, methods, addresses, deposits and withdrawals, one state for both funding APIs."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.specs import read
from kraken.emulator.wire import SECOND, WIDE, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset

SEED = Path(__file__).with_name("funding.yaml")

Direction = Literal["deposit", "withdraw"]
Status = Literal["initial", "pending", "settled", "success", "failure"]
LimitKind = Literal["attempt", "success", "amount"]

_MIXED = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits
_ALPHABETS = {
    "bech32": "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
    "hex": "0123456789abcdef",
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
}


@dataclass(frozen=True, slots=True)
class Network:
    """A blockchain."""

    id: str
    name: str
    group: str | None
    """Id of the group of networks that share a form of address."""
    form: Mapping[str, Any]
    """What its addresses look like."""
    outputs: bool
    """Whether a transaction has several numbered outputs."""


@dataclass(frozen=True, slots=True)
class Group:
    """Networks that share a form of address."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Fee:
    """What a transaction costs, in its asset."""

    base: Decimal
    percentage: Decimal
    least: Decimal | None
    most: Decimal | None

    def of(self, amount: Decimal, decimals: int) -> Decimal:
        """The fee of an amount, with ``decimals`` decimals."""
        fee = self.base + WIDE.divide(WIDE.multiply(amount, self.percentage), Decimal(100))
        if self.least is not None:
            fee = max(fee, self.least)
        if self.most is not None:
            fee = min(fee, self.most)
        return rounded(fee, decimals)


class Limit(NamedTuple):
    """How much or how often within a time window."""

    window: int
    """Seconds."""
    kind: LimitKind
    maximum: Decimal
    """Amount of the asset, or how often."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to deposit or to withdraw an asset."""

    id: str
    direction: Direction
    asset: Asset
    name: str
    network: Network | None
    """None for banks and cards."""
    minimum: Decimal
    maximum: Decimal | None
    fee: Fee
    limits: tuple[Limit, ...]
    contract: str | None
    """Contract of the token on its network."""
    addresses: int | None
    """How many unused deposit addresses there may be; None where none are made."""
    shares: str | None
    """Id of the method whose deposit addresses it uses."""
    setup_fee: Decimal | None
    bank: Mapping[str, str] | None
    """Where to deposit to, if that is a bank."""

    @property
    def included(self) -> bool:
        """Whether the fee is taken out of the amount, unless somebody says otherwise."""
        return self.direction == "deposit"


@dataclass(slots=True)
class DepositAddress:
    """An address of the account on a blockchain, or a bank account."""

    id: str
    address: str | None
    bank: Mapping[str, str] | None = None
    last_used: int | None = None
    """Unix nanoseconds."""


@dataclass(slots=True)
class SavedAddress:
    """An address to withdraw to."""

    id: str
    name: str
    scope: Literal["method_id", "network_id", "network_group_id"]
    place: str
    """Id of the method, network or group of networks that it can be used for."""
    address: str | None
    verified: bool
    description: str | None = None
    tag: str | None = None
    memo: str | None = None
    bank: Mapping[str, str] | None = None
    modifier: str | None = None

    def covers(self, method: Method) -> bool:
        """Whether it can be used for withdrawals by ``method``."""
        if self.scope == "method_id":
            return method.id == self.place
        return method.network is not None and self.reaches(method.network)

    def reaches(self, network: Network) -> bool:
        """Whether it can be used for any withdrawal on ``network``."""
        return self.place in (network.id, network.group) and self.scope != "method_id"


@dataclass(slots=True)
class Deposit:
    """Money that comes."""

    id: str
    method: Method
    amount: Decimal
    """With the fee."""
    fee: Decimal
    at: int
    """Unix nanoseconds."""
    to: DepositAddress | None
    txid: str
    status: Status = "initial"


@dataclass(slots=True)
class Withdrawal:
    """Money that goes."""

    id: str
    method: Method | None
    """None for a transfer to another wallet of the same user."""
    asset: Asset
    net: Decimal
    fee: Decimal
    at: int
    """Unix nanoseconds."""
    to: SavedAddress | None
    status: Status = "initial"
    prop: str | None = None
    """More about the status."""
    txid: str | None = None
    output: int | None = None

    @property
    def gross(self) -> Decimal:
        """What is taken from the balance."""
        return self.net + self.fee


class Amounts(NamedTuple):
    """What an amount comes to with its fee."""

    gross: Decimal
    net: Decimal
    fee: Decimal


class Quote(NamedTuple):
    """A fee that holds for a while."""

    method: Method
    fee: Fee
    included: bool
    until: int
    """Unix nanoseconds."""


@dataclass(slots=True)
class Usage:
    """A limit and what is used of it."""

    limit: Limit
    used: Decimal

    @property
    def remaining(self) -> Decimal:
        """What is left."""
        return max(ZERO, self.limit.maximum - self.used)


@dataclass(slots=True)
class _Delays:
    """Seconds until a status is reached."""

    deposit: Mapping[Status, int]
    withdrawal: Mapping[Status, int]
    quote: int


class Funding:
    """Deposits and withdrawals of the account.

    Args:
        exchange: Whose user the account belongs to.
        seed: Makes identifiers and addresses repeatable.
        path: A file like ``funding.yaml``.
    """

    def __init__(self, exchange: Exchange, seed: int, path: Path = SEED) -> None:
        facts: Mapping[str, Any] = read(path)
        self.exchange = exchange
        self._random = random.Random(f"funding {seed}")
        self._delays = _Delays(**facts["delays"])
        self.groups = {each["id"]: Group(each["id"], each["name"]) for each in facts["groups"].values()}
        by_name = {name: _network(each, facts["groups"]) for name, each in facts["networks"].items()}
        self.networks = {each.id: each for each in by_name.values()}
        self.methods: dict[str, Method] = {}
        """By id."""
        self._add_methods("deposit", facts["deposits"], by_name)
        self._add_methods("withdraw", facts["withdrawals"], by_name)
        self.addresses = {each["id"]: _saved_address(each, facts) for each in facts["addresses"]}
        """Saved withdrawal addresses by id."""
        self.claimed = {each.id: self._opening_addresses(each) for each in self.methods.values() if not each.shares}
        """Deposit addresses by the id of the method that they belong to, newest first."""
        self.deposits: dict[str, Deposit] = {}
        """By id, oldest first."""
        self.withdrawals: dict[str, Withdrawal] = {}
        """By id, oldest first."""
        self.quotes: dict[str, Quote] = {}
        """By token."""
        self._coming: dict[str, Deposit] = {}
        self._going: dict[str, Withdrawal] = {}
        self._note_opening_deposits()

    # ------------------------------------------------------------------ opening

    def _add_methods(self, direction: Direction, facts: Iterable[Any], networks: Mapping[str, Network]) -> None:
        for each in facts:
            asset = self.exchange.instruments.assets[each["asset"]]
            method = _method(direction, asset, networks.get(each.get("network", "")), each)
            self.methods[method.id] = method

    def _opening_addresses(self, method: Method) -> list[DepositAddress]:
        if method.direction == "withdraw":
            return []
        if method.bank is not None:
            return [DepositAddress(self._reference(), None, method.bank)]
        return [self._new_address(method)] if method.network is not None else []

    def _note_opening_deposits(self) -> None:
        """What the account opened with was deposited too."""
        for entry in self.exchange.user.ledger.entries.values():
            method = next(iter(self.methods_of("deposit", entry.asset)), None)
            if entry.type == "deposit" and entry.amount and method is not None:
                deposit = Deposit(
                    id=entry.reference,
                    method=method,
                    amount=entry.amount,
                    fee=entry.fee,
                    at=entry.at,
                    to=self._used_address(method, entry.at),
                    txid=self._transaction(),
                    status="success",
                )
                self.deposits[deposit.id] = deposit

    # ------------------------------------------------------------------ identifiers

    def _letters(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def _reference(self) -> str:
        return f"FT{self._letters(_MIXED, 5)}-{self._letters(_MIXED, 22)}"

    def _transaction(self) -> str:
        return self._letters(_ALPHABETS["hex"], 64)

    def _new_address(self, method: Method) -> DepositAddress:
        assert method.network is not None
        form = method.network.form
        text = form["prefix"] + self._letters(_ALPHABETS[form["of"]], form["length"])
        return DepositAddress(self._reference(), text)

    # ------------------------------------------------------------------ names

    def asset(self, spelling: str) -> Asset:
        """The asset of any spelling.

        Raises:
            Refusal: there is no such asset.
        """
        try:
            return self.exchange.instruments.asset(spelling)
        except Refusal:
            raise Refusal(Words.UNKNOWN_FUNDING_ASSET) from None

    def methods_of(self, direction: Direction, asset: Asset | None = None) -> list[Method]:
        """The methods of a direction, and of an asset if one is given."""
        found = [each for each in self.methods.values() if each.direction == direction]
        return found if asset is None else [each for each in found if each.asset is asset]

    def method(self, direction: Direction, asset: Asset, name: str) -> Method:
        """The method with a name.

        Raises:
            Refusal: the asset has no such method.
        """
        for method in self.methods_of(direction, asset):
            if method.name == name:
                return method
        raise Refusal(Words.NO_FUNDING_METHOD)

    # ------------------------------------------------------------------ amounts

    def amounts(self, method: Method, amount: Decimal, *, included: bool, fee: Fee | None = None) -> Amounts:
        """What an amount comes to.

        Args:
            method: The method.
            amount: The amount, in its asset.
            included: Whether the fee is in the amount.
            fee: Another fee than the current one.

        Raises:
            Refusal: the amount is too small, or has more digits than the asset.
        """
        decimals = method.asset.decimals
        if amount <= 0 or amount != rounded(amount, decimals):
            raise Refusal(Words.INVALID_AMOUNT)
        amount = rounded(amount, decimals)
        charged = (fee or method.fee).of(amount, decimals)
        found = Amounts(amount, amount - charged, charged) if included else Amounts(amount + charged, amount, charged)
        if found.net <= 0:
            raise Refusal(Words.INVALID_AMOUNT)
        return found

    def quote(self, method: Method, fee: Fee, *, included: bool) -> str:
        """A token with which a fee can be had for a while."""
        token = self._letters(_MIXED, 24)
        self.quotes[token] = Quote(method, fee, included, self.exchange.now() + self._delays.quote * SECOND)
        return token

    def quoted(self, method: Method, token: str, name: str) -> Quote:
        """The quote behind a token.

        Args:
            method: The method to use it for.
            token: The token.
            name: The argument that it came in.

        Raises:
            InvalidArgument: the token is unknown, too old, or another method's.
        """
        quote = self.quotes.get(token)
        if quote is None or quote.method is not method or quote.until <= self.exchange.now():
            raise InvalidArgument(name)
        return quote

    def usage(self, method: Method) -> list[Usage]:
        """The limits of a method and what is used of them."""
        now = self.exchange.now()
        found = []
        for limit in method.limits:
            past: list[tuple[Decimal, Status]]
            if method.direction == "deposit":
                past = [
                    (d.amount, d.status)
                    for d in self.deposits.values()
                    if d.method is method and _within(d, limit, now)
                ]
            else:
                past = [
                    (w.net, w.status)
                    for w in self.withdrawals.values()
                    if w.method is method and _within(w, limit, now)
                ]
            counted = [amount for amount, status in past if limit.kind == "attempt" or status != "failure"]
            found.append(Usage(limit, sum(counted, ZERO) if limit.kind == "amount" else Decimal(len(counted))))
        return found

    def allowed(self, method: Method) -> Decimal | None:
        """What the limits on amounts leave; None without such a limit."""
        left = [each.remaining for each in self.usage(method) if each.limit.kind == "amount"]
        return min(left, default=None)

    # ------------------------------------------------------------------ deposits

    def owner(self, method: Method) -> Method:
        """The method that the deposit addresses of ``method`` belong to."""
        return method if method.shares is None else self.methods[method.shares]

    def addresses_of(self, method: Method) -> list[DepositAddress]:
        """Deposit addresses that ``method`` can be used with, newest first."""
        return self.claimed[self.owner(method).id]

    def claim(self, method: Method) -> DepositAddress:
        """Make a deposit address; a bank account is always the same.

        Raises:
            Refusal: the method has no addresses, or enough unused ones.
        """
        owner = self.owner(method)
        existing = self.claimed[owner.id]
        if owner.bank is not None:
            return existing[0]
        if owner.addresses is None:
            raise Refusal(Words.NO_FUNDING_METHOD)
        if sum(each.last_used is None for each in existing) >= owner.addresses:
            raise Refusal(Words.TOO_MANY_ADDRESSES)
        address = self._new_address(owner)
        existing.insert(0, address)
        return address

    def deposit(self, asset: Asset, amount: Decimal, name: str | None = None, address: str | None = None) -> Deposit:
        """Money arrives; it is credited when the deposit succeeds.

        Args:
            asset: What arrives.
            amount: How much.
            name: Name of the method; the asset's first one when left out.
            address: One of the account's addresses; the newest one when left out.

        Raises:
            Refusal: there is no such method, or the amount is not allowed.
            ValueError: there is no such address.
        """
        methods = [each for each in self.methods_of("deposit", asset) if name in (None, each.name)]
        if not methods:
            raise Refusal(Words.NO_FUNDING_METHOD)
        amounts = self.amounts(methods[0], amount, included=True)
        if amount < methods[0].minimum:
            raise Refusal(Words.INVALID_AMOUNT)
        now = self.exchange.now()
        deposit = Deposit(
            id=self._reference(),
            method=methods[0],
            amount=amounts.gross,
            fee=amounts.fee,
            at=now,
            to=self._used_address(methods[0], now, address),
            txid=self._transaction(),
        )
        self.deposits[deposit.id] = self._coming[deposit.id] = deposit
        return deposit

    def _used_address(self, method: Method, at: int, text: str | None = None) -> DepositAddress | None:
        """The address that a deposit goes to, which is used from then on."""
        found = [each for each in self.addresses_of(method) if text in (None, each.address)]
        if text is not None and not found:
            raise ValueError(f"no deposit address {text!r}")
        if not found:
            return None
        found[0].last_used = at
        return found[0]

    def settle_deposits(self) -> None:
        """Let all deposits succeed that are under way."""
        for deposit in list(self._coming.values()):
            self._advance_deposit(deposit, "success")

    def _advance_deposit(self, deposit: Deposit, status: Status) -> None:
        deposit.status = status
        if status == "success":
            del self._coming[deposit.id]
            ledger = self.exchange.user.ledger
            ledger.add("deposit", deposit.method.asset, deposit.amount, deposit.fee, refid=deposit.id)

    # ------------------------------------------------------------------ withdrawals

    def saved(self, key: str, asset: Asset) -> tuple[SavedAddress, Method]:
        """The saved address with a name, and the method by which it is reached.

        Raises:
            Refusal: there is no such address for the asset, or it may not be used yet.
        """
        for address in self.addresses.values():
            if address.name == key and address.verified:
                for method in self.methods_of("withdraw", asset):
                    if address.covers(method):
                        return address, method
        raise Refusal(Words.UNKNOWN_WITHDRAW_KEY)

    def save(self, address: SavedAddress) -> SavedAddress:
        """Remember an address to withdraw to.

        Raises:
            Refusal: another one has its name.
        """
        self.rename(address, address.name)
        self.addresses[address.id] = address
        return address

    def rename(self, address: SavedAddress, name: str) -> None:
        """Give an address a name.

        Raises:
            Refusal: another one has it.
        """
        if any(each.name == name and each is not address for each in self.addresses.values()):
            raise Refusal(Words.DUPLICATE_WITHDRAW_KEY)
        address.name = name

    def new_address_id(self) -> str:
        """An id for an address to withdraw to."""
        return "AB" + "-".join(self._letters(_UPPER, length) for length in (5, 5, 6))

    def largest(self, method: Method) -> tuple[Decimal, bool]:
        """The largest net amount that can be withdrawn now, and whether it is the balance that limits it."""
        available = self.exchange.user.available(method.asset)
        net = max(ZERO, available - method.fee.of(max(ZERO, available), method.asset.decimals))
        allowed = self.allowed(method)
        return (net, True) if allowed is None or net <= allowed else (allowed, False)

    def withdraw(self, method: Method, to: SavedAddress, amounts: Amounts) -> Withdrawal:
        """Take a withdrawal on: the money is put aside until it is sent.

        Args:
            method: The method.
            to: Where to.
            amounts: How much.

        Raises:
            Refusal: the amount is not allowed, or not there.
        """
        if amounts.net < method.minimum or (method.maximum is not None and amounts.net > method.maximum):
            raise Refusal(Words.INVALID_AMOUNT)
        if amounts.gross > self.exchange.user.available(method.asset):
            raise Refusal(Words.INVALID_AMOUNT)
        for usage in self.usage(method):
            if (amounts.net if usage.limit.kind == "amount" else 1) > usage.remaining:
                raise Refusal(Words.INVALID_AMOUNT)
        withdrawal = Withdrawal(
            id=self._reference(),
            method=method,
            asset=method.asset,
            net=amounts.net,
            fee=amounts.fee,
            at=self.exchange.now(),
            to=to,
        )
        self.withdrawals[withdrawal.id] = self._going[withdrawal.id] = withdrawal
        self._put_aside(method.asset, amounts.gross)
        return withdrawal

    def transfer(self, asset: Asset, amount: Decimal) -> Withdrawal:
        """Move money to the Futures wallet, at once.

        Raises:
            Refusal: the amount is not there, or has more digits than the asset.
        """
        if amount <= 0 or amount != rounded(amount, asset.decimals) or amount > self.exchange.user.available(asset):
            raise Refusal(Words.INVALID_AMOUNT)
        transfer = Withdrawal(
            id=self._reference(),
            method=None,
            asset=asset,
            net=rounded(amount, asset.decimals),
            fee=rounded(ZERO, asset.decimals),
            at=self.exchange.now(),
            to=None,
            status="success",
        )
        self.withdrawals[transfer.id] = transfer
        self.exchange.user.ledger.add("transfer", asset, -amount, subtype="spottofutures", refid=transfer.id)
        return transfer

    def cancel(self, withdrawal: Withdrawal) -> None:
        """Stop a withdrawal, if that is still possible."""
        if self._going.pop(withdrawal.id, None) is not None:
            self._put_aside(withdrawal.asset, -withdrawal.gross)
            withdrawal.status, withdrawal.prop = "failure", "canceled"
        elif withdrawal.prop is None:
            withdrawal.prop = "cancel-denied"

    def settle_withdrawals(self) -> None:
        """Let all withdrawals be sent that are under way."""
        for withdrawal in list(self._going.values()):
            self._advance_withdrawal(withdrawal, "success")

    def _put_aside(self, asset: Asset, amount: Decimal) -> None:
        reserved = self.exchange.user.reserved
        reserved[asset.name] = reserved.get(asset.name, ZERO) + amount

    def _advance_withdrawal(self, withdrawal: Withdrawal, status: Status) -> None:
        withdrawal.status = status
        if status == "success":
            del self._going[withdrawal.id]
            assert withdrawal.method is not None
            withdrawal.txid = self._transaction()
            network = withdrawal.method.network
            withdrawal.output = self._random.randint(0, 1) if network is not None and network.outputs else None
            self._put_aside(withdrawal.asset, -withdrawal.gross)
            ledger = self.exchange.user.ledger
            ledger.add("withdrawal", withdrawal.asset, -withdrawal.net, withdrawal.fee, refid=withdrawal.id)

    # ------------------------------------------------------------------ time

    def pass_time(self) -> None:
        """Let deposits and withdrawals come as far as they are due."""
        now = self.exchange.now()
        for deposit in list(self._coming.values()):
            self._advance_deposit(deposit, _due(self._delays.deposit, now - deposit.at) or deposit.status)
        for withdrawal in list(self._going.values()):
            self._advance_withdrawal(
                withdrawal, _due(self._delays.withdrawal, now - withdrawal.at) or withdrawal.status
            )


def _due(delays: Mapping[Status, int], age: int) -> Status | None:
    reached = [status for status, seconds in delays.items() if age >= seconds * SECOND]
    return reached[-1] if reached else None


def _within(each: Deposit | Withdrawal, limit: Limit, now: int) -> bool:
    return each.at > now - limit.window * SECOND


def _network(facts: Mapping[str, Any], groups: Mapping[str, Any]) -> Network:
    return Network(
        id=facts["id"],
        name=facts["name"],
        group=groups[facts["group"]]["id"] if "group" in facts else None,
        form=facts["address"],
        outputs=facts.get("outputs", False),
    )


def _method(direction: Direction, asset: Asset, network: Network | None, facts: Mapping[str, Any]) -> Method:
    def amount(name: str) -> Decimal | None:
        return rounded(Decimal(facts[name]), asset.decimals) if name in facts else None

    return Method(
        id=facts["id"],
        direction=direction,
        asset=asset,
        name=facts["name"],
        network=network,
        minimum=amount("minimum") or ZERO,
        maximum=amount("maximum"),
        fee=Fee(
            base=amount("fee") or rounded(ZERO, asset.decimals),
            percentage=Decimal(facts.get("percentage", "0")),
            least=amount("least"),
            most=amount("most"),
        ),
        limits=tuple(_limit(each) for each in facts.get("limits", ())),
        contract=facts.get("contract"),
        addresses=facts.get("addresses"),
        shares=facts.get("shares"),
        setup_fee=amount("setup_fee"),
        bank=facts.get("bank"),
    )


def _limit(facts: Mapping[str, Any]) -> Limit:
    kinds: tuple[tuple[str, LimitKind], ...] = (("amount", "amount"), ("attempts", "attempt"), ("successes", "success"))
    name, kind = next(each for each in kinds if each[0] in facts)
    return Limit(facts["window"], kind, Decimal(facts[name]))


def _saved_address(facts: Mapping[str, Any], seed: Mapping[str, Any]) -> SavedAddress:
    common = {
        "id": facts["id"],
        "name": facts["name"],
        "address": facts.get("address"),
        "verified": facts["verified"],
        "description": facts.get("description"),
        "bank": facts.get("bank"),
        "modifier": facts.get("modifier"),
    }
    if "method" in facts:
        return SavedAddress(scope="method_id", place=facts["method"], **common)
    if "network" in facts:
        return SavedAddress(scope="network_id", place=seed["networks"][facts["network"]]["id"], **common)
    return SavedAddress(scope="network_group_id", place=seed["groups"][facts["group"]]["id"], **common)
