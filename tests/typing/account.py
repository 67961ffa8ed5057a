"""The state of an account and the dead man's switch as users handle them. Read, never run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_type

from kraken.futures import FuturesWSClient
from kraken.futures.messages import AccountBalances, Fill, OpenPosition
from kraken.futures.messages import AccountOrder as FuturesOrder
from kraken.runtime.websocket.account import (
    AccountCurrent,
    AccountStale,
    BalanceChanged,
    BalancesChanged,
    FillReported,
    OrderChanged,
    PositionChanged,
    Recovered,
    RecoveryFailed,
)
from kraken.spot import SpotWSClient
from kraken.spot.messages import AccountBalance, AccountOrder, Balance, Execution


async def follow(ws: SpotWSClient) -> None:
    async with ws.account() as account, ws.dead_mans_switch(seconds=30) as switch:
        assert_type(account.orders, Mapping[str, AccountOrder])
        assert_type(account.balances["USD"].balance, Decimal | None)
        assert_type(account.order("mine"), AccountOrder | None)
        assert_type(switch.trigger_time, str | None)
        assert_type(switch.armed, bool)
        async for event in account:
            match event:
                case OrderChanged():
                    assert_type(event.order, AccountOrder)
                    assert_type(event.changed, frozenset[str])
                case FillReported():
                    assert_type(event.fill, Execution)
                    assert_type(event.order, AccountOrder | None)
                case BalanceChanged():
                    assert_type(event.balance, AccountBalance | None)
                    assert_type(event.entry, Balance | None)
                case AccountStale():
                    assert_type(event.reason, str)
                case RecoveryFailed():
                    assert_type(event.orders, tuple[str, ...])
                case AccountCurrent() | Recovered():
                    pass


async def follow_futures(ws: FuturesWSClient) -> None:
    async with ws.account() as account:
        assert_type(account.orders, Mapping[str, FuturesOrder])
        assert_type(account.positions, Mapping[str, OpenPosition])
        assert_type(account.balances.holding["USD"], Decimal)
        async for event in account:
            match event:
                case OrderChanged():
                    assert_type(event.order, FuturesOrder)
                case FillReported():
                    assert_type(event.fill, Fill)
                    assert_type(event.order, FuturesOrder | None)
                case PositionChanged():
                    assert_type(event.position, OpenPosition | None)
                case BalancesChanged():
                    assert_type(event.balances, AccountBalances)
                case AccountStale() | RecoveryFailed() | AccountCurrent() | Recovered():
                    pass
