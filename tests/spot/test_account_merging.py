"""Merging what streams tell: however it is cut into updates, the state is that of whole objects."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.runtime.websocket.merging import Balances, Fills, Orders, merged, moment_of
from kraken.spot.messages import (
    AccountBalance,
    AccountOrder,
    Balance,
    BalanceWallet,
    Execution,
    ExecutionFee,
    ExecutionTriggers,
)
from kraken.spot.websocket import ACCOUNT

FINAL = ACCOUNT.orders.closed
BEGUN = datetime(2026, 11, 22, tzinfo=UTC)

texts = st.text(string.ascii_letters, min_size=1, max_size=4)
amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**30, places=12)
flags = st.booleans()
triggers = st.builds(ExecutionTriggers, reference=texts, price=amounts, status=texts, peak_price=amounts)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "exec_type": st.sampled_from(["pending_new", "new", "trade", "amended", "restated", "canceled", "of the future"]),
    "timestamp": texts,
    "order_status": st.sampled_from(["pending_new", "new", "partially_filled", *FINAL]),
    "symbol": texts,
    "order_qty": amounts,
    "limit_price": amounts,
    "cum_qty": amounts,
    "avg_price": amounts,
    "cl_ord_id": texts,
    "post_only": flags,
    "amended": flags,
    "triggers": triggers,
}
OF_FILLS = {
    "exec_id": texts,
    "trade_id": st.integers(),
    "last_qty": amounts,
    "fees": st.lists(st.builds(ExecutionFee, asset=texts, qty=amounts)),
}
REQUIRED = ("exec_type", "timestamp")
ALWAYS = {name: VALUES[name] for name in REQUIRED}
SOMETIMES = {name: values for name, values in VALUES.items() if name not in REQUIRED}


def told(value: Any) -> Any:
    """A struct as a plain dict without what it does not have."""
    if isinstance(value, msgspec.Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: told(each) for name, each in fields if each is not None}
    return value


def part_of(before: dict[str, Any], after: dict[str, Any], keep: st.DataObject) -> dict[str, Any]:
    """What a later update tells: all that changed, and perhaps some of what did not; objects likewise."""
    update = {}
    for name, value in after.items():
        if value != before.get(name) or name in REQUIRED or keep.draw(flags):
            old = before.get(name)
            if isinstance(value, ExecutionTriggers) and isinstance(old, ExecutionTriggers):
                value = ExecutionTriggers(**part_of(told(old), told(value), keep))
            update[name] = value
    return update


@given(st.data())
def test_orders_are_the_same_however_they_are_cut(data: st.DataObject) -> None:
    """Several orders, each a row of whole states of which only the differences are told."""
    orders: Orders[AccountOrder] = Orders(ACCOUNT.orders, AccountOrder, 1000)
    states: dict[str, dict[str, Any]] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        key = data.draw(st.sampled_from("ABC"))
        before = states.get(key, {})
        changed = data.draw(st.fixed_dictionaries(ALWAYS, optional=SOMETIMES))
        after = states[key] = {**before, **changed}
        update: Any = part_of(before, after, data) if before else after
        further: Any = data.draw(st.fixed_dictionaries({}, optional=OF_FILLS))
        change = orders.apply(Execution(order_id=key, **update, **further))
        whole: Any = after
        expected = AccountOrder(order_id=key, **whole)
        assert change.state == expected
        differing = {name for name in after if after[name] != before.get(name)}
        assert change.fields == (differing if before else {*after, "order_id"})
        assert orders.find(key) == expected
    ended = {key for key, state in states.items() if state.get("order_status") in FINAL}
    assert (set(orders.open), set(orders.closed)) == (set(states) - ended, ended)


def execution(key: str, **fields: Any) -> Execution:
    """An event of an order."""
    return Execution(**{"order_id": key, "exec_type": "new", "timestamp": "", "order_status": "new", **fields})


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 4)), max_size=12), st.sets(st.sampled_from("ABCDE")))
def test_a_snapshot_replaces_everything(events: list[tuple[str, int]], shown: set[str]) -> None:
    orders: Orders[AccountOrder] = Orders(ACCOUNT.orders, AccountOrder, 1000)
    for key, qty in events:
        orders.apply(execution(key, cum_qty=Decimal(qty), order_status="filled" if qty == 4 else "new"))
    before, closed = dict(orders.open), set(orders.closed)
    changes = {
        change.state.order_id: change
        for change in orders.replace(execution(key, cum_qty=Decimal(1)) for key in shown)
        if change.state
    }
    assert set(orders.open) == shown
    assert set(orders.vanished) == set(before) - shown
    assert set(orders.closed) == (closed | set(before)) - shown
    for key in shown:
        assert orders.open[key].cum_qty == Decimal(1)
        assert (key in changes) == (key not in before or before[key].cum_qty != Decimal(1))
    for key in orders.vanished:
        assert orders.closed[key].order_status is None
        assert changes[key].fields == {"order_status"}
        assert orders.resolve(key, {"cum_qty": Decimal(3)}) is None
        resolved = orders.resolve(key, {"order_status": "filled", "cum_qty": Decimal(3)})
        assert resolved is not None
        assert resolved.state == orders.closed[key]
        assert orders.closed[key].cum_qty == Decimal(3)
        break


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["new", "filled"])), max_size=60), st.integers(0, 5))
def test_what_is_remembered_is_bounded(events: list[tuple[int, str]], keep: int) -> None:
    orders: Orders[AccountOrder] = Orders(ACCOUNT.orders, AccountOrder, keep)
    for number, status in events:
        orders.apply(execution(f"O{number}", order_status=status, cl_ord_id=f"mine{number}"))
    assert len(orders.closed) <= keep
    assert set(orders._own_ids) == {f"mine{name[1:]}" for name in (*orders.open, *orders.closed)}
    orders.replace([])
    assert len(orders.vanished) <= len(orders.closed) <= keep


def fill(number: int, seconds: float = 0) -> Execution:
    """A fill, and when it was."""
    at = (BEGUN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return Execution(order_id="O", exec_type="trade", timestamp=at, exec_id=f"T{number}")


@given(st.data())
def test_every_fill_once(data: st.DataObject) -> None:
    """Fills arrive live, or late: after a gap, from a snapshot or over REST, with those that are known and in any order."""
    total = data.draw(st.integers(1, 60))
    begin = data.draw(st.integers(0, total))
    fills = Fills(ACCOUNT.orders, ACCOUNT.fills, data.draw(st.integers(1, 60)))
    fills.begin(fill(number, number) for number in range(max(0, begin - 5), begin))
    assert fills.newest == (moment_of(fill(begin - 1, begin - 1).timestamp) if begin else None)
    reported: list[int] = []
    at = begin
    while at < total:
        size = data.draw(st.integers(1, 20))
        now = range(at, min(total, at + size))
        if data.draw(flags):
            reported += [number for number in now if fills.is_new(fill(number, number))]
        else:
            fills.keep_all = True
            for _ in range(data.draw(st.integers(1, 2))):
                since = data.draw(st.integers(0, at))
                again = data.draw(st.permutations([*range(since, at), *now]))
                reported += [number for number in again if fills.is_new(fill(number, number), late=True)]
            fills.keep_all = False
        at = now.stop
    assert sorted(reported) == list(range(begin, total))


def test_fills_before_the_beginning_are_no_news() -> None:
    """What came first is known by the oldest fill of the snapshot: none of those after it is left out."""
    fills = Fills(ACCOUNT.orders, ACCOUNT.fills, 10)
    fills.begin([fill(2, 20), fill(1, 10)])
    assert fills.newest == moment_of(fill(2, 20).timestamp)
    assert [fills.is_new(each, late=True) for each in (fill(3, 5), fill(4, 15), fill(1, 10))] == [False, True, False]
    assert fills.is_new(fill(5, 5))  # live, whatever its time


def test_an_order_that_comes_back() -> None:
    orders: Orders[AccountOrder] = Orders(ACCOUNT.orders, AccountOrder, 10)
    orders.replace([execution("O")])
    orders.replace([])
    assert (list(orders.vanished), list(orders.closed)) == (["O"], ["O"])
    (change,) = orders.replace([execution("O")])
    assert change.fields == {"order_status"}
    assert (list(orders.vanished), list(orders.closed), list(orders.open)) == ([], [], ["O"])
    orders.replace([])
    assert orders.apply(execution("O", order_status="canceled")).fields == {"order_status"}
    assert not orders.vanished


def test_what_is_a_fill() -> None:
    fills = Fills(ACCOUNT.orders, ACCOUNT.fills, 10)
    assert fills.includes(fill(1))
    assert not fills.includes(execution("O", exec_type="filled", exec_id="T1"))
    assert not fills.includes(execution("O", exec_type="trade"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T08:30:02.000188Z", datetime(2026, 11, 22, 8, 30, 2, 188, UTC)),
        ("2026-11-22T08:30:02.000188999Z", datetime(2026, 11, 22, 8, 30, 2, 188, UTC)),
        ("2026-11-22T08:30:02Z", datetime(2026, 11, 22, 8, 30, 2, 0, UTC)),
        ("2026-11-22T08:30:02", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moments(text: Any, moment: datetime | None) -> None:
    assert moment_of(text) == moment


WALLETS = [("spot", "main"), ("earn", "flex"), ("earn", "of the future")]


@given(
    st.dictionaries(st.sampled_from(WALLETS), amounts),
    st.lists(st.tuples(st.sampled_from("XY"), st.sampled_from(WALLETS), amounts), max_size=10),
)
def test_balances(held: dict[tuple[str, str], Decimal], changes: list[tuple[str, tuple[str, str], Decimal]]) -> None:
    balances: Balances[AccountBalance] = Balances(ACCOUNT.balances, AccountBalance, BalanceWallet)
    wallets = [BalanceWallet(type=kind, id=name, balance=amount) for (kind, name), amount in held.items()]
    told = balances.replace([Balance(asset="X", balance=sum(held.values(), Decimal(0)), wallets=wallets)])
    assert set(told) == {"X"}
    model = {"X": dict(held)}
    touched = {asset for asset, _, _ in changes}
    for asset, (kind, name), amount in changes:
        entry = Balance(asset=asset, wallet_type=kind, wallet_id=name, balance=amount, ledger_id="L", type="trade")
        change = balances.apply(entry)
        model.setdefault(asset, {})[kind, name] = amount
        assert change.state == balances.held[asset]
    assert set(balances.held) == set(model)
    for asset, expected in model.items():
        shown = balances.held[asset]
        assert {(wallet.type, wallet.id): wallet.balance for wallet in shown.wallets or ()} == expected
        if asset in touched:
            assert shown.balance is not None
            assert Fraction(shown.balance) == sum(map(Fraction, expected.values()))
    gone = balances.replace([])
    assert {asset: change.state for asset, change in gone.items()} == dict.fromkeys(model)


def test_a_sum_of_more_digits_than_usual() -> None:
    balances: Balances[AccountBalance] = Balances(ACCOUNT.balances, AccountBalance, BalanceWallet)
    for number, amount in enumerate(("123456789012345678901234567890", "0.000000000000000001")):
        balances.apply(Balance(asset="X", wallet_type="spot", wallet_id=str(number), balance=Decimal(amount)))
    assert str(balances.held["X"].balance) == "123456789012345678901234567890.000000000000000001"


def test_merging_keeps_what_is_not_told() -> None:
    first = merged(
        AccountOrder, None, execution("O", triggers=ExecutionTriggers(price=Decimal(5), status="untriggered"))
    )
    second = merged(AccountOrder, first, execution("O", triggers=ExecutionTriggers(status="triggered")))
    assert second.triggers == ExecutionTriggers(price=Decimal(5), status="triggered")
    assert first.triggers == ExecutionTriggers(price=Decimal(5), status="untriggered")
