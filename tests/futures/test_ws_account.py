"""The state of a Futures account: orders, positions and balances as they are, every fill once, whatever happens between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenError, KrakenPermissionDeniedError, ReplyLost
from kraken.futures import FuturesAsyncClient, FuturesWSClient
from kraken.futures.messages import AccountBalances, AccountOrder, BalancesMessage, BalancesSnapshotMessage, Fill
from kraken.futures.messages import OpenPosition as Position
from kraken.futures.models.account_history import OrderElement, TriggerElement
from kraken.futures.models.historical_data import Fills as FoundFills
from kraken.futures.websocket import ACCOUNT
from kraken.runtime.websocket.account import (
    AccountCurrent,
    AccountStale,
    BalancesChanged,
    DerivativesAccount,
    DerivativesEvents,
    FillReported,
    OrderChanged,
    PositionChanged,
    Recovered,
    RecoveryFailed,
)
from kraken.runtime.websocket.events import SequenceGap
from kraken.runtime.websocket.merging import Margins

from ..runtime.websocket.fake import Impatient, Peer, run, until
from .feeds import KEY, SECRET, AccountExchange, client

Kept = DerivativesAccount[AccountOrder, Fill, AccountBalances, Position]
POSITION: dict[str, Any] = {"instrument": "PF_XBTUSD", "balance": 0.25, "pnl": 152.95, "entry_price": 67400.5}


class History:
    """What REST tells, the newest first: fills, and what happened to orders."""

    def __init__(
        self,
        fills: list[dict[str, Any]] | None = None,
        orders: list[dict[str, Any]] | None = None,
        triggers: list[dict[str, Any]] | None = None,
    ) -> None:
        self.historical_data = self.account_history = self
        self.fills, self.orders, self.triggers = fills or [], orders or [], triggers or []
        self.error: KrakenError | None = None
        self.asked: list[Any] = []
        self.read = 0

    async def iter_fills(self) -> AsyncIterator[Any]:
        self.asked.append("fills")
        if self.error is not None:
            raise self.error
        for row in FoundFills.model_validate({"fills": self.fills}).fills:
            self.read += 1
            yield row

    async def iter_order_events(self, *, since: int, closed: bool) -> AsyncIterator[Any]:
        assert closed
        self.asked.append(("orders", since))
        for row in self.orders:
            yield OrderElement.model_validate(row)

    async def iter_trigger_events(self, *, since: int) -> AsyncIterator[Any]:
        self.asked.append(("triggers", since))
        for row in self.triggers:
            yield TriggerElement.model_validate(row)

    async def close(self) -> None:
        pass


def ended(order: str, kind: str, reason: str, filled: str = "0") -> dict[str, Any]:
    """An event of an order's history."""
    row = {
        "uid": order,
        "tradeable": "PF_XBTUSD",
        "direction": "Buy",
        "quantity": "0",
        "filled": filled,
        "timestamp": 1,
    }
    row |= {"orderType": "Limit", "reduceOnly": False, "lastUpdateTimestamp": 1, "triggerOptions": {}}
    orders = {"oldOrder": row, "newOrder": row} if kind == "OrderUpdated" else {"order": row}
    return {"uid": f"{order} {kind}", "timestamp": 3500, "event": {kind: {**orders, "reason": reason}}}


def found(fill: str, order: str, at: str = "1970-01-01T00:00:03.000Z", size: float = 0.1) -> dict[str, Any]:
    row = {"fill_id": fill, "symbol": "PF_XBTUSD", "side": "buy", "order_id": order, "size": size, "price": 68012.0}
    return {**row, "fillTime": at, "fillType": "maker"}


def keyed(exchange: AccountExchange, rest: History | None = None, **options: Any) -> FuturesWSClient:
    ws = client(exchange, KEY, SECRET, timing=Impatient().timing, **options)
    ws._rest = rest or History()  # type: ignore[assignment]
    return ws


async def told(events: DerivativesEvents[Any, Any, Any, Any], last: Callable[[Any], bool]) -> list[Any]:
    """Events up to one."""
    seen = [await anext(events)]
    while not last(seen[-1]):
        seen.append(await anext(events))
    return seen


async def waiting(events: DerivativesEvents[Any, Any, Any, Any]) -> list[Any]:
    """What can be read without waiting."""
    return [await anext(events) for _ in range(len(events._events))]


def is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, kinds)


def fills(events: list[Any]) -> list[tuple[str, bool]]:
    return [(event.fill.fill_id, event.missed) for event in events if isinstance(event, FillReported)]


def settled(account: Kept) -> Callable[[], bool]:
    return lambda: account.current and not account.recovering


async def gap(exchange: AccountExchange, account: Kept) -> None:
    """Lose the connection, and be back; what happened meanwhile has been arranged."""
    exchange.peers[-1].drop()
    await until(lambda: not account.current)
    await until(settled(account))


def test_the_state_at_the_beginning() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws:
            exchange.order("O1", cli_ord_id="mine")
            exchange.fill("F1", "O1")
            exchange.positions = [POSITION]
            async with ws.account() as account:
                known = account.order("mine")
                assert known is not None
                assert account.orders == {"O1": known}
                assert (known.limit_price, known.is_cancel, known.reason) == (Decimal("68012.0"), False, None)
                assert account.positions["PF_XBTUSD"].balance == Decimal("0.25")
                assert account.balances.holding == {"USD": Decimal("5000.0"), "XBT": Decimal("0.1285")}
                assert "1 open orders, 1 positions" in repr(account)
                seen = await told(aiter(account), is_a(AccountCurrent))
                assert {type(event) for event in seen} == {
                    OrderChanged,
                    PositionChanged,
                    BalancesChanged,
                    AccountCurrent,
                }
                assert all(event.is_snapshot and not event.missed for event in seen[:-1])
                assert seen[:-1] == [event for event in account._present() if not is_a(AccountCurrent)(event)]
            assert [each["feed"] for each in exchange.seen("unsubscribe") if each["feed"] != "heartbeat"] == [
                "open_orders",
                "fills",
                "open_positions",
                "balances",
            ]

    run(scenario)


def test_the_life_of_an_order() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws, ws.account() as account:
            events = aiter(account)
            await told(events, is_a(AccountCurrent))
            row = exchange.order("O1", cli_ord_id="mine", qty=1.0)
            await exchange.tell_order(row, "new_placed_order_by_user")
            await exchange.tell_order(
                {"order_id": "O1", "filled": 0.4, "qty": 0.6, "last_update_time": 2000}, "partial_fill"
            )
            await until(lambda: "O1" in account.orders and account.orders["O1"].reason == "partial_fill")
            order = account.orders["O1"]
            assert (order.filled, order.qty, order.limit_price, order.cli_ord_id) == (
                Decimal("0.4"),
                Decimal("0.6"),
                Decimal("68012.0"),
                "mine",
            )
            await exchange.tell_fill(exchange.fill("F1", "O1", 0.4))
            await exchange.tell_removal("O1", "full_fill")
            seen = await told(events, lambda event: isinstance(event, OrderChanged) and event.order.is_cancel)
            assert not account.orders
            assert account.order("mine") is account.closed_orders["O1"] is seen[-1].order
            assert (seen[-1].order.reason, seen[-1].order.limit_price) == ("full_fill", Decimal("68012.0"))
            changes = [event for event in seen if isinstance(event, OrderChanged)]
            assert changes[0].changed >= {"order_id", "qty", "limit_price", "is_cancel", "reason"}
            assert [event.changed for event in changes[1:]] == [
                {"filled", "qty", "last_update_time", "reason"},
                {"is_cancel", "reason"},
            ]
            assert not any(event.missed or event.is_snapshot for event in changes)
            assert fills(seen) == [("F1", False)]
            (fill,) = [event for event in seen if isinstance(event, FillReported)]
            assert fill.order is changes[1].order

    run(scenario)


def test_the_removal_of_an_order_that_was_never_shown() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws, ws.account() as account:
            events = aiter(account)
            await told(events, is_a(AccountCurrent))
            await exchange.tell_removal("O9", "ioc_order_failed_because_it_would_not_be_executed")
            (event,) = await told(events, is_a(OrderChanged))
            assert event.order.is_cancel
            assert (event.order.order_id, event.order.instrument) == ("O9", None)
            assert list(account.closed_orders) == ["O9"]
            assert not account.orders

    run(scenario)


def test_positions_are_replaced() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws, ws.account() as account:
            events = aiter(account)
            await told(events, is_a(AccountCurrent))
            other = {"instrument": "PI_XBTUSD", "balance": -3.0}
            await exchange.tell_positions(POSITION, other)
            await exchange.tell_positions(POSITION, other)
            await exchange.tell_positions({**POSITION, "pnl": 1.5})
            seen = await told(events, lambda event: isinstance(event, PositionChanged) and "pnl" in event.changed)
            seen += await told(events, lambda event: isinstance(event, PositionChanged) and event.changed == {"pnl"})
            shown = [(event.instrument, event.position is None, sorted(event.changed)) for event in seen]
            assert shown == [
                ("PF_XBTUSD", False, ["balance", "entry_price", "instrument", "pnl"]),
                ("PI_XBTUSD", False, ["balance", "instrument"]),
                ("PI_XBTUSD", True, []),
                ("PF_XBTUSD", False, ["pnl"]),
            ]
            assert not any(event.is_snapshot or event.missed for event in seen)
            assert list(account.positions) == ["PF_XBTUSD"]
            assert account.positions["PF_XBTUSD"].pnl == Decimal("1.5")

    run(scenario)


def test_balances_are_merged() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws:
            exchange.balances["flex_futures"] = {
                "currencies": {"USD": {"quantity": 1.0, "value": 1.0}, "EUR": {"quantity": 2.0}},
                "pnl": 0.5,
                "cross": {"pnl": 3.0, "balance_value": 4.0},
            }
            async with ws.account() as account:
                events = aiter(account)
                await told(events, is_a(AccountCurrent))
                await exchange.tell_balances(holding={"USD": 4900.0}, futures={})
                await exchange.tell_balances(futures={"F-XBT:USD": {"name": "F-XBT:USD", "balance": 0.5}})
                await exchange.tell_balances(
                    flex_futures={"currencies": {"USD": {"quantity": 7.0}}, "cross": {"pnl": -1.0}}
                )
                await exchange.tell_balances()
                await exchange.tell_balances(holding={"ETH": 2.0})
                seen = await told(
                    events, lambda event: isinstance(event, BalancesChanged) and "holding.ETH" in event.changed
                )
                assert [event.changed for event in seen] == [
                    {"holding.USD"},
                    {"futures.F-XBT:USD.name", "futures.F-XBT:USD.balance"},
                    {"flex_futures.currencies.USD.quantity", "flex_futures.cross.pnl"},
                    {"holding.ETH"},
                ]
                held = account.balances
                assert held is seen[-1].balances
                assert held.holding == {"USD": Decimal("4900.0"), "XBT": Decimal("0.1285"), "ETH": Decimal("2.0")}
                assert held.futures["F-XBT:USD"].balance == Decimal("0.5")
                flex = held.flex_futures
                assert flex is not None
                assert flex.currencies is not None
                assert flex.cross is not None
                assert (flex.currencies["USD"].quantity, flex.currencies["USD"].value) == (Decimal(7), Decimal(1))
                assert flex.currencies["EUR"].quantity == Decimal("2.0")
                assert (flex.cross.pnl, flex.cross.balance_value, flex.pnl) == (Decimal(-1), Decimal(4), Decimal("0.5"))

    run(scenario)


def test_a_balance_that_was_missed() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws, ws.account() as account:
            events = aiter(account)
            await told(events, is_a(AccountCurrent))
            exchange.seq += 1
            exchange.balances["holding"] = {"USD": 1.0}
            await exchange.tell_balances(holding={"XBT": 9.0})
            seen = await told(events, is_a(AccountCurrent))
            assert AccountStale("a frame of balances is missing") in seen
            assert account.balances.holding == {"USD": Decimal("1.0")}
            last = [event for event in seen if isinstance(event, BalancesChanged)][-1]
            assert last.changed == {"holding.USD", "holding.XBT"}
            assert (last.is_snapshot, last.missed) == (True, True)

    run(scenario)


class Forgetful(AccountExchange):
    """It does not send the snapshots of one feed."""

    forgotten = ""

    async def snapshot(self, peer: Peer, channel: str, symbol: str | None) -> None:
        if channel != self.forgotten:
            await super().snapshot(peer, channel, symbol)


@pytest.mark.parametrize("feed", ["open_orders", "fills", "open_positions", "balances"])
def test_a_snapshot_that_does_not_come_is_asked_for_again(feed: str) -> None:
    async def scenario() -> None:
        time = Impatient()
        options: dict[str, Any] = {"timing": time.timing, "silence_timeout": None}
        async with Forgetful() as exchange, client(exchange, KEY, SECRET, **options) as ws:
            ws._rest = History()  # type: ignore[assignment]
            async with ws.account() as account:
                exchange.forgotten = feed
                exchange.peers[-1].drop()
                await exchange.peer(1)
                missing = [each for each in account._feeds if each.channel.name == feed]
                await until(lambda: [each for each in account._feeds if not each.current] == missing)
                await until(lambda: bool(time._sleepers))
                exchange.forgotten = ""
                time.advance(10.0)
                await until(settled(account))
                assert len(exchange.subscribed(feed, 1)) == 2
                await until(lambda: not time._sleepers)

    run(scenario)


def test_a_first_snapshot_of_balances_that_is_lost_is_noticed() -> None:
    async def scenario() -> None:
        async with Forgetful() as exchange, keyed(exchange) as ws:
            gaps: list[SequenceGap] = []
            ws.on_event(lambda event: gaps.append(event) if isinstance(event, SequenceGap) else None)
            exchange.forgotten = "balances"
            stream = await ws.balances().subscribe()
            exchange.forgotten = ""
            await exchange.tell_balances(holding={"USD": 1.0})
            frames = stream.messages()
            while not isinstance(await anext(frames), BalancesSnapshotMessage):
                pass
            assert gaps == [SequenceGap("balances", 0, 1)]

    run(scenario)


def test_what_happens_while_the_connection_is_down() -> None:
    async def scenario() -> None:
        ends = [ended("O1", "OrderUpdated", "full_fill", "1.0"), ended("O1", "OrderUpdated", "partial_fill")]
        rest = History(
            [found("F2", "O1"), found("F1", "O1")], [ended("O9", "OrderCancelled", "cancelled_by_user"), *ends]
        )
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            exchange.order("O1", cli_ord_id="mine")
            exchange.order("O2")
            exchange.fill("F1", "O1", time=3000)
            exchange.positions = [POSITION]
            async with ws.account() as account:
                events = aiter(account)
                await told(events, is_a(AccountCurrent))
                del exchange.orders["O1"]
                exchange.order("O3")
                exchange.order("O2", qty=0.5)
                exchange.fill("F2", "O1", time=3001)
                exchange.positions = []
                exchange.balances["holding"] = {"USD": 4000.0}
                await gap(exchange, account)
                assert set(account.orders) == {"O2", "O3"}
                assert account.positions == {}
                closed = account.closed_orders["O1"]
                assert closed is account.order("mine")
                assert (closed.is_cancel, closed.reason, closed.filled) == (True, "full_fill", Decimal("1.0"))
                assert closed.last_update_time == 3500
                seen = await waiting(events)
                assert Recovered() in seen
                assert fills(seen) == [("F2", True)]
                changes = [event for event in seen if isinstance(event, OrderChanged)]
                assert all(event.missed for event in changes)
                shown = [(event.order.order_id, event.order.is_cancel, event.order.qty) for event in changes]
                assert shown == [
                    ("O1", None, Decimal(1)),
                    ("O2", False, Decimal("0.5")),
                    ("O3", False, Decimal(1)),
                    ("O1", True, Decimal(0)),
                ]
                (gone,) = [event for event in seen if isinstance(event, PositionChanged)]
                assert (gone.instrument, gone.position, gone.is_snapshot, gone.missed) == (
                    "PF_XBTUSD",
                    None,
                    True,
                    True,
                )
                (balances,) = [event for event in seen if isinstance(event, BalancesChanged)]
                assert balances.missed
                assert rest.asked == ["fills", ("orders", -9000)]

    run(scenario)


def test_fills_that_only_rest_tells_come_once_and_oldest_first() -> None:
    async def scenario() -> None:
        times = [f"1970-01-01T00:01:{second:02}.000Z" for second in (40, 30, 20)]
        older = [found(f"A{number}", "O1", "1970-01-01T00:00:01.000Z") for number in range(50)]
        rest = History([found(name, "O1", at) for name, at in zip(("F4", "F3", "F2"), times, strict=True)])
        rest.fills += [found("F1", "O1", "1970-01-01T00:01:10.000Z"), *older]
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            exchange.order("O1", cli_ord_id="mine")
            exchange.fill("F1", "O1", time=70_000)
            async with ws.account() as account:
                events = aiter(account)
                await told(events, is_a(AccountCurrent))
                exchange.fills.clear()
                exchange.fill("F4", "O1", time=100_000)
                await gap(exchange, account)
                seen = await told(events, is_a(Recovered))
                assert fills(seen) == [("F4", True), ("F2", True), ("F3", True)]
                second = next(event for event in seen if isinstance(event, FillReported) and event.found is not None)
                fill = second.fill
                assert (fill.instrument, fill.order_id, fill.qty, fill.price) == (
                    "PF_XBTUSD",
                    "O1",
                    Decimal("0.1"),
                    Decimal("68012.0"),
                )
                assert (fill.buy, fill.time, fill.fill_type) == (True, 80_000, "maker")
                assert second.order is account.orders["O1"]
                assert rest.read == 5  # up to the first that is too old to be missed
                await gap(exchange, account)
                assert fills(await told(events, is_a(Recovered))) == []

    run(scenario)


def test_an_end_that_nobody_knows() -> None:
    async def scenario() -> None:
        rest = History(orders=[ended("O1", "OrderUpdated", "partial_fill")])
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            row = exchange.order("O1", last_update_time=100_000)
            async with ws.account() as account:
                events = aiter(account)
                await exchange.tell_order(row, "partial_fill")
                await until(lambda: account.orders["O1"].reason == "partial_fill")
                exchange.orders.clear()
                await gap(exchange, account)
                seen = await told(events, is_a(Recovered, RecoveryFailed))
                failed = seen[-1]
                assert isinstance(failed, RecoveryFailed)
                assert (failed.fills, failed.orders) == (False, ("O1",))
                closed = account.closed_orders["O1"]
                assert (closed.is_cancel, closed.reason, closed.qty) == (None, None, Decimal(1))
                assert rest.asked == ["fills", *[("orders", 90_000), ("orders", 90_000), ("triggers", 90_000)] * 12]

    run(scenario)


@pytest.mark.parametrize(
    ("orders", "triggers", "reason"),
    [
        ([ended("O1", "OrderCancelled", "dead_man_switch")], [], "dead_man_switch"),
        ([], [ended("O1", "OrderTriggerCancelled", "cancelled_by_user")], "cancelled_by_user"),
    ],
)
def test_orders_that_were_cancelled_meanwhile(
    orders: list[dict[str, Any]], triggers: list[dict[str, Any]], reason: str
) -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange, History([], orders, triggers)) as ws:
            exchange.order("O1")
            async with ws.account() as account:
                exchange.orders.clear()
                await gap(exchange, account)
                seen = await waiting(aiter(account))
                last = [event for event in seen if isinstance(event, OrderChanged)][-1]
                assert last.order is account.closed_orders["O1"]
                assert (last.order.is_cancel, last.order.reason, last.order.last_update_time) == (True, reason, 3500)
                assert last.missed
                assert Recovered() in seen

    run(scenario)


@pytest.mark.parametrize(
    ("error", "asked"), [(KrakenPermissionDeniedError("permissionDenied"), 1), (ReplyLost("lost"), 12)]
)
def test_a_gap_that_rest_says_nothing_about(error: KrakenError, asked: int) -> None:
    async def scenario() -> None:
        rest = History()
        rest.error = error
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            exchange.fill("F1", "O1", time=70_000)
            async with ws.account() as account:
                events = aiter(account)
                exchange.fills = []
                exchange.fill("F9", "O1", time=90_000)
                await gap(exchange, account)
                seen = await told(events, is_a(Recovered, RecoveryFailed))
                assert fills(seen) == [("F9", True)]
                failed = seen[-1]
                assert failed == RecoveryFailed(error, True, datetime.fromtimestamp(70, UTC), ())
                assert rest.asked.count("fills") == asked

    run(scenario)


def test_an_end_may_be_unknown_where_no_fill_is() -> None:
    async def scenario() -> None:
        rest = History()
        rest.error = denied = KrakenPermissionDeniedError("permissionDenied")
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            exchange.order("O1")
            exchange.fill("F1", "O1")
            async with ws.account() as account:
                exchange.orders.clear()
                exchange.fill("F2", "O1", time=3000)
                await gap(exchange, account)
                seen = await told(aiter(account), is_a(Recovered, RecoveryFailed))
                assert fills(seen) == [("F2", True)]
                assert seen[-1] == RecoveryFailed(denied, False, None, ("O1",))

    run(scenario)


def test_a_gap_during_the_last_try_for_another_has_tries_of_its_own() -> None:
    class Troubled(History):
        async def iter_trigger_events(self, *, since: int) -> AsyncIterator[Any]:
            async for each in super().iter_trigger_events(since=since):
                yield each
            if self.asked.count(("triggers", since)) == 12:
                del exchange.orders["O2"]
                exchange.fills = []
                exchange.fill("F9", "O2", time=90_000)
                self.fills = [found("F5", "O2", at="1970-01-01T00:01:20.000Z")]
                self.orders = [ended("O2", "OrderCancelled", "cancelled_by_user")]
                exchange.peers[-1].drop()
                await until(lambda: not account.current)
                await until(lambda: account.current)

    exchange = AccountExchange()
    account: Kept

    async def scenario() -> None:
        nonlocal account
        rest = Troubled()
        async with exchange, keyed(exchange, rest) as ws:
            exchange.order("O1")
            exchange.order("O2")
            exchange.fill("F1", "O1", time=70_000)
            async with ws.account() as account:
                events = aiter(account)
                del exchange.orders["O1"]
                await gap(exchange, account)
                failed = (await told(events, is_a(RecoveryFailed)))[-1]
                assert (failed.fills, failed.since, failed.orders) == (False, None, ("O1",))
                seen = await told(events, is_a(Recovered, RecoveryFailed))
                assert seen[-1] == Recovered()
                assert fills(seen) == [("F5", True)]
                assert account.closed_orders["O2"].reason == "cancelled_by_user"

    run(scenario)


def test_a_snapshot_that_reaches_back_far_enough_needs_no_rest() -> None:
    async def scenario() -> None:
        rest = History()
        rest.error = KrakenPermissionDeniedError("permissionDenied")
        async with AccountExchange() as exchange, keyed(exchange, rest) as ws:
            exchange.fill("F1", "O1")
            async with ws.account() as account:
                exchange.fill("F2", "O1", time=3000)
                await gap(exchange, account)
                assert fills(await told(aiter(account), is_a(Recovered))) == [("F2", True)]

    run(scenario)


def test_no_fill_comes_twice() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, keyed(exchange) as ws, ws.account() as account:
            names = [f"F{number}" for number in range(6)]
            for number, name in enumerate(names):
                fill = exchange.fill(name, "O1", time=1000 * number + 1)
                if number % 2:
                    await exchange.tell_fill(fill)
                    await exchange.tell_fill(fill)
                else:
                    await gap(exchange, account)
            await exchange.tell_fill(exchange.fill("last", "O1", time=9000))
            seen = await told(
                aiter(account), lambda event: isinstance(event, FillReported) and event.fill.fill_id == "last"
            )
            assert [name for name, _ in fills(seen)] == [*names, "last"]

    run(scenario)


def test_a_refused_feed_and_what_needs_a_key() -> None:
    async def scenario() -> None:
        async with AccountExchange() as exchange, client(exchange) as public:
            with pytest.raises(InvalidRequest, match="key"):
                public.account()
            async with keyed(exchange) as ws:
                with pytest.raises(InvalidRequest, match="remembered_fills: 0"):
                    ws.account(remembered_fills=0)
                account = ws.account()
                assert not account.current
                assert [*account.balances.holding, *account.positions, *account.orders] == []

    run(scenario)


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://futures.kraken.com"),
        ({"sandbox": True}, "https://demo-futures.kraken.com"),
        ({"url": "ws://127.0.0.1:80/ws/v1"}, "http://127.0.0.1:80"),
        ({"url": "demo-futures.kraken.com"}, "https://demo-futures.kraken.com"),
        ({"url": "wss://elsewhere", "rest_url": "https://here"}, "https://here"),
    ],
)
def test_where_rest_is(options: dict[str, Any], address: str) -> None:
    assert FuturesWSClient(KEY, SECRET, **options)._rest_url == address


# ---------------------------------------------------------------------- the emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A market that stands still."""
    with Emulator(market_interval=None) as running:
        yield running


def emulated(emulator: Emulator) -> FuturesWSClient:
    return FuturesWSClient(
        emulator.futures_key, emulator.futures_secret, emulator.futures_ws_url, timing=Impatient().timing
    )


async def placed(rest: FuturesAsyncClient, price: str, size: str = "0.5") -> str:
    """The id of an order to buy."""
    sent = await rest.order_management.send_order(
        orderType="lmt", symbol="PF_XBTUSD", side="buy", size=size, limitPrice=price
    )
    assert sent.sendStatus.order_id is not None
    return sent.sendStatus.order_id


def agrees(account: Kept, emulator: Emulator) -> bool:
    """Whether what the account shows is what the exchange has."""
    rows = {name: row["order"] for name, row in emulator.futures_orders.items() if row["status"] == "ENTERED_BOOK"}
    orders = {name: order.filled for name, order in account.orders.items()}
    positions = {name: position.balance for name, position in account.positions.items()}
    there = {name: row["filledSize"] for name, row in rows.items()}
    return account.current and (orders, positions) == (there, emulator.futures_positions)


def test_the_emulator_and_the_account_agree_through_cuts(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with (
            emulated(emulator) as ws,
            FuturesAsyncClient(emulator.futures_key, emulator.futures_secret, emulator.futures_url) as rest,
            ws.account() as account,
        ):
            events = aiter(account)
            filled, partly, cancelled = [await placed(rest, price) for price in ("62000", "61000", "60000")]
            emulator.fill(filled, "0.1")
            await until(lambda: filled in account.orders and account.orders[filled].filled == Decimal("0.1"))
            for order, size in ((filled, "0.2"), (filled, None), (partly, "0.1"), (cancelled, "")):
                emulator.drop_connections()
                if order == cancelled:
                    await rest.order_management.cancel_order(order_id=order)
                else:
                    emulator.fill(order, size)
                await until(lambda: not account.current)
                await until(settled(account))
                await until(lambda: agrees(account, emulator))
            assert (account.closed_orders[filled].is_cancel, account.closed_orders[filled].reason) == (
                True,
                "full_fill",
            )
            assert account.closed_orders[cancelled].reason == "cancelled_by_user"
            seen = await waiting(events)
            told_fills = [event.fill for event in seen if isinstance(event, FillReported)]
            assert len({fill.fill_id for fill in told_fills}) == len(told_fills) == 4
            assert sum(fill.qty for fill in told_fills if fill.order_id == filled) == Decimal("0.5")
            assert not any(isinstance(event, RecoveryFailed) for event in seen)

    run(scenario)


# ---------------------------------------------------------------------- merging

NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=2, allow_nan=False).map(str)
NAMES = st.sampled_from(["USD", "XBT", "ETH"])
WALLETS = st.fixed_dictionaries({}, optional={"balance": NUMBERS, "pnl": NUMBERS, "unit": NAMES})
FLEX = st.fixed_dictionaries(
    {},
    optional={
        "currencies": st.dictionaries(
            NAMES, st.fixed_dictionaries({}, optional={"quantity": NUMBERS, "value": NUMBERS})
        ),
        "pnl": NUMBERS,
        "isolated": st.dictionaries(NAMES, st.fixed_dictionaries({}, optional={"pnl": NUMBERS})),
        "cross": st.fixed_dictionaries({}, optional={"pnl": NUMBERS, "balance_value": NUMBERS}),
    },
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "holding": st.dictionaries(NAMES, NUMBERS),
        "futures": st.dictionaries(NAMES, WALLETS),
        "flex_futures": FLEX,
    },
)


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """Every figure of a message or a state by its path."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in leaves(each, f"{path}.{name}".strip(".")).items()}
    return {path: str(value)}


def shown(state: AccountBalances) -> dict[str, str]:
    """The figures of a state, without those of which nothing was told."""
    plain = msgspec.to_builtins(state, builtin_types=(Decimal,))
    return {path: text for path, text in leaves(plain).items() if text != "None"}


@settings(max_examples=150, deadline=None)
@given(snapshot=PARTS, deltas=st.lists(PARTS, max_size=6))
def test_deltas_add_up(snapshot: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
    """Each figure is the one that was told last, nothing that was told is lost, and changes name what changed."""
    margins: Margins[AccountBalances] = Margins(ACCOUNT.balances, AccountBalances)
    margins.replace(msgspec.convert(snapshot, BalancesSnapshotMessage, strict=False))
    expected = leaves(snapshot)
    assert shown(margins.held) == expected
    for delta in deltas:
        before = expected
        change = margins.apply(msgspec.convert(delta, BalancesMessage, strict=False))
        expected = {**before, **leaves(delta)}
        assert shown(margins.held) == expected
        assert change.fields == {path for path in expected if before.get(path) != expected[path]}
