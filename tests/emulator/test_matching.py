"""Whatever is ordered: nothing is created, nothing is lost, and no book is ever crossed."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.emulator.errors import Refusal
from kraken.emulator.exchange import Exchange
from kraken.emulator.instruments import Instruments
from kraken.emulator.market import Market
from kraken.emulator.orders import Account, Close, NewOrder

INSTRUMENTS = Instruments()
PAIRS = list(INSTRUMENTS.pairs.values())
KINDS = ("limit", "limit", "limit", "market", "iceberg", "stop-loss")

new_order = st.tuples(
    st.just("new"),
    st.sampled_from(PAIRS),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(KINDS),
    st.integers(1, 5000),
    st.integers(-60, 60),
    st.sampled_from(["GTC", "IOC", "FOK"]),
    st.sampled_from(["cancel-newest", "cancel-oldest", "cancel-both"]),
    st.booleans(),
)
other = st.tuples(
    st.sampled_from(["cancel", "amend", "edit", "cancel all", "step", "step", "sweep"]),
    st.integers(0, 1000),
    st.integers(1, 3000),
)
actions = st.lists(st.one_of(new_order, other), max_size=25)


def total(exchange: Exchange) -> dict[str, Decimal]:
    accounts = (exchange.user, exchange.maker, exchange.taker)
    return {name: sum(each.balances[name] for each in accounts) + exchange.fees[name] for name in exchange.fees}


def place(exchange: Exchange, action: Any) -> None:
    _, pair, side, kind, size, ticks, time_in_force, stp, flag = action
    price = pair.opening_price + ticks * pair.tick_size
    asked = NewOrder(
        pair=pair,
        side=side,
        type=kind,
        volume=pair.ordermin * size,
        limit=price if kind in ("limit", "iceberg") else None,
        trigger=price if kind == "stop-loss" else None,
        time_in_force=time_in_force,
        stp=stp,
        fee_in_base=flag,
        post_only=flag and kind == "limit" and time_in_force == "GTC",
        display=pair.ordermin if kind == "iceberg" else None,
        close=Close("limit", price + (40 if side == "buy" else -40) * pair.tick_size) if size % 2 else None,
    )
    exchange.place(exchange.user, asked)


def act(exchange: Exchange, market: Market, action: Any) -> None:
    if action[0] == "new":
        place(exchange, action)
        return
    name, number, size = action
    pair = PAIRS[number % len(PAIRS)]
    mine = list(exchange.user.open.values())
    if name == "step":
        market.step(pair)
    elif name == "sweep":
        best = exchange.books[pair.name].bids.best()
        assert best is not None
        assert best.limit is not None
        market.sweep(pair, "sell", best.limit, best.remaining)
    elif mine and name == "cancel":
        exchange.cancel(mine[number % len(mine)])
    elif name == "cancel all":
        exchange.cancel_all(exchange.user)
        assert not any(exchange.user.held(asset) for asset in INSTRUMENTS.assets.values())
    elif mine and name == "edit":
        order = mine[number % len(mine)]
        successor = exchange.replace(order, replace(order.asked, volume=order.pair.ordermin * size, cl_ord_id=None))
        assert (order.status, successor.alive or successor.closed > 0) == ("canceled", True)
    elif mine and name == "amend":
        order = mine[number % len(mine)]
        limit = None if order.limit is None else order.limit + (size % 7 - 3) * order.pair.tick_size
        exchange.amend(order, volume=order.pair.ordermin * size, limit=limit)


def check_user(user: Account) -> None:
    for name, amount in user.balances.items():
        asset = INSTRUMENTS.assets[name]
        assert amount >= 0
        assert amount == amount.quantize(Decimal(1).scaleb(-asset.decimals))
    for order in user.orders.values():
        assert 0 <= order.filled <= order.volume
        assert order.filled == sum(fill.trade.volume for fill in order.fills)
        assert order.cost == sum(fill.cost for fill in order.fills)
        assert order.alive is (order.id in user.open)
        assert order.alive or not order.resting


def check_ledger(account: Account) -> None:
    """Every balance is the sum of its entries, and every fill has one entry of each of its two assets."""
    entries = list(account.ledger.entries.values())
    running: dict[str, Decimal] = {}
    for entry in entries:
        name = entry.asset.name
        running[name] = running.get(name, Decimal(0)) + entry.amount - entry.fee
        assert entry.balance == running[name]
    assert running == account.balances
    for order in account.orders.values():
        assert order.fee == sum(fill.fee for fill in order.fills)
    for fill in account.fills:
        pair, sign = fill.order.pair, 1 if fill.order.side == "buy" else -1
        own = [entry for entry in entries if entry.reference == fill.id]
        assert [(each.asset, each.amount) for each in own] == [
            (pair.base, sign * fill.trade.volume),
            (pair.quote, -sign * fill.cost),
        ]
        assert {each.asset.name: each.fee for each in own if each.asset is fill.fee_asset} == {
            fill.fee_asset.name: fill.fee_taken
        }


@settings(max_examples=60, deadline=None)
@given(actions)
def test_matching_conserves_assets(steps: list[Any]) -> None:
    clock = itertools.count(1_800_000_000_000_000_000, 1000)
    exchange = Exchange(INSTRUMENTS, lambda: next(clock), 1)
    market = Market(exchange, 1)
    market.open()
    before = total(exchange)
    for step in steps:
        with contextlib.suppress(Refusal):  # much of what chance comes up with is against the rules
            act(exchange, market, step)
        assert total(exchange) == before
        for book in exchange.books.values():
            bid, ask = book.bids.best(), book.asks.best()
            assert bid is not None
            assert ask is not None
            assert bid.limit is not None
            assert ask.limit is not None
            assert bid.limit < ask.limit
    check_user(exchange.user)
    check_ledger(exchange.user)
