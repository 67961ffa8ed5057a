"""Whatever is asked of funding and earn, there is an answer or words of refusal, and money is neither made nor lost."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.emulator import spot_earn, spot_funding, spot_funding_beta
from kraken.emulator.earn import Earn
from kraken.emulator.errors import Refusal
from kraken.emulator.exchange import Exchange
from kraken.emulator.funding import Funding
from kraken.emulator.handlers import Answer, bind
from kraken.emulator.instruments import Instruments
from kraken.emulator.rates import Rates
from kraken.emulator.schema import Mode, Schema
from kraken.emulator.specs import Operation, load, specs_folder
from kraken.emulator.spot_earn import SpotEarn
from kraken.emulator.spot_funding import SpotFunding
from kraken.emulator.spot_funding_beta import SpotFundingBeta
from kraken.emulator.wire import dumps

from .beta import Clock

SPOT = load(specs_folder(), "spot")
HANDLERS = {**spot_funding.HANDLERS, **spot_earn.HANDLERS, **spot_funding_beta.HANDLERS}


class World:
    """The state behind all operations, without a server."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.exchange = Exchange(Instruments(), self.clock, 1)
        self.funding = Funding(self.exchange, 1)
        self.earn = Earn(self.exchange)
        beta = SpotFundingBeta(self.funding, Rates(self.exchange))
        self.answers: dict[str, Answer] = {
            **bind(spot_funding.HANDLERS, SpotFunding(self.funding)),
            **bind(spot_earn.HANDLERS, SpotEarn(self.earn)),
            **spot_funding_beta.answers(beta),
        }

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_(seconds)
        self.funding.pass_time()
        self.earn.pass_time()

    def ask(self, operation_id: str, arguments: dict[str, Any]) -> Any:
        """The answer, or None for a refusal."""
        with contextlib.suppress(Refusal):
            checked = SPOT.operations[operation_id].shape.check(arguments, Mode.LENIENT)
            answer = self.answers[operation_id](checked)
            dumps(answer)
            return answer

    def check(self) -> None:
        """What is put aside is what is under way, and every balance is the sum of its entries."""
        user = self.exchange.user
        under_way: dict[str, Decimal] = {}
        for each in self.funding.withdrawals.values():
            if each.status in ("initial", "pending"):
                under_way[each.asset.name] = under_way.get(each.asset.name, Decimal(0)) + each.gross
        assert {name: amount for name, amount in user.reserved.items() if amount} == under_way
        sums: dict[str, Decimal] = {}
        for entry in user.ledger.entries.values():
            sums[entry.asset.name] = sums.get(entry.asset.name, Decimal(0)) + entry.amount - entry.fee
        assert sums == {name: amount for name, amount in user.balances.items() if name in sums}
        assert all(amount >= 0 for amount in user.balances.values())
        held: dict[str, Decimal] = {}
        for holding in self.earn.holdings.values():
            name = holding.strategy.held.name
            held[name] = held.get(name, Decimal(0)) + holding.total
        assert {name: amount for name, amount in user.balances.items() if name.endswith(".B") and amount} == {
            name: amount for name, amount in held.items() if amount
        }


WORLD = World()
KNOWN = st.sampled_from(
    [
        *WORLD.funding.methods,
        *WORLD.funding.networks,
        *WORLD.funding.groups,
        *WORLD.funding.addresses,
        *(each.name for each in WORLD.funding.methods.values()),
        *(each.name for each in WORLD.funding.addresses.values()),
        *WORLD.earn.strategies,
        *("XBT", "BTC", "ETH", "DOT", "USD", "NOPE", "DOT.B"),
        *("0", "0.5", "1", "25", "-1", "1e3", "9" * 20, "0." + "1" * 20, "1800000000", "2027-01-15T08:00:00Z"),
        *("true", "false", "", " ", "x"),
    ]
)


def fitting(schema: Schema) -> st.SearchStrategy[Any]:
    """Values, many of which fit the schema."""
    if "anyOf" in schema:
        return st.one_of([fitting(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), KNOWN)
    kind = schema.get("type")
    if kind == "boolean":
        return st.one_of(st.booleans(), KNOWN)
    if kind == "integer":
        return st.one_of(st.integers(0, 600), st.integers())
    if kind == "array":
        return st.lists(fitting(schema["items"]), max_size=3)
    if kind == "object":
        required = schema.get("required", ())
        fields = {each: fitting(inner) for each, inner in schema.get("properties", {}).items()}
        optional = {each: inner for each, inner in fields.items() if each not in required}
        return st.fixed_dictionaries({each: fields[each] for each in required}, optional=optional)
    return KNOWN


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, Any]]:
    operation = SPOT.operations[draw(st.sampled_from(sorted(HANDLERS)))]
    names = [name for name in operation.shape.fields if name not in ("nonce", "otp", "account_id")]
    optional = [name for name in names if name not in operation.shape.required]
    more = st.lists(st.sampled_from(optional), max_size=2, unique=True) if optional else st.just([])
    chosen = [*operation.shape.required, *draw(more)]
    return operation, {name: draw(fitting(operation.shape.fields[name])) for name in chosen}


@settings(max_examples=300)
@given(requests())
def test_there_is_always_an_answer(request: tuple[Operation, dict[str, Any]]) -> None:
    operation, arguments = request
    WORLD.ask(operation.id, arguments)


AMOUNTS = st.sampled_from(["0.01", "0.4", "1", "15", "39.5", "300"])
ASSETS = st.sampled_from(["XBT", "ETH", "DOT", "SOL", "EUR"])
SAVED = {"XBT": "cold-storage", "ETH": "hardware", "EUR": "bank"}
MOVES = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 30, 86_400, 3_000_000])),
    st.tuples(st.just("deposit"), ASSETS, AMOUNTS),
    st.tuples(st.just("withdraw"), ASSETS, AMOUNTS),
    st.tuples(st.just("withdraw beta"), AMOUNTS, st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("settle")),
    st.tuples(st.just("transfer"), ASSETS, AMOUNTS),
    st.tuples(st.sampled_from(["allocate", "deallocate"]), st.sampled_from(sorted(WORLD.earn.strategies)), AMOUNTS),
)


def move(world: World, name: str, *details: Any) -> None:
    """One thing that happens."""
    if name == "wait":
        world.pass_time(details[0])
    elif name == "deposit":
        with contextlib.suppress(Refusal):
            world.funding.deposit(world.funding.asset(details[0]), Decimal(details[1]))
    elif name == "withdraw":
        arguments = {"asset": details[0], "key": SAVED.get(details[0], "hardware"), "amount": details[1]}
        world.ask("withdrawFunds", arguments)
    elif name == "withdraw beta":
        method = next(each for each in world.funding.methods_of("withdraw") if each.name == "Ether")
        asked = {"asset_amount": {"asset": {"class": "currency", "name": "ETH"}, "amount": details[0]}}
        body = {"scope": {"method_id": method.id}, "address_id": "ABEMU03-HWEVM-WALLT1", "amount": asked}
        world.ask("createFundingWithdrawalV1", {**body, "fee": {"fee_included": details[1]}})
    elif name == "cancel":
        for each in list(world.funding.withdrawals.values())[details[0] : details[0] + 1]:
            assert world.ask("cancelWithdrawal", {"asset": each.asset.name, "refid": each.id}) is True
    elif name == "settle":
        world.funding.settle_withdrawals()
        world.funding.settle_deposits()
    elif name == "transfer":
        wallets = {"from": "Spot Wallet", "to": "Futures Wallet"}
        world.ask("walletTransfer", {**wallets, "asset": details[0], "amount": details[1]})
    else:
        world.ask(f"{name}Strategy", {"strategy_id": details[0], "amount": details[1]})


@settings(max_examples=150)
@given(st.lists(MOVES, min_size=10, max_size=30))
def test_money_is_neither_made_nor_lost(story: list[tuple[Any, ...]]) -> None:
    world = World()
    for each in story:
        move(world, *each)
        world.check()


def test_every_operation_of_the_groups_has_a_handler() -> None:
    groups = {each.id for each in SPOT.operations.values() if each.envelope == "bare" or "/Earn/" in each.path}
    assert groups <= set(HANDLERS) <= set(SPOT.operations)
    assert len(HANDLERS) == 31
