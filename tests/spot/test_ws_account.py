"""The state of an account over real sockets: orders and balances as they are, every fill once, whatever happens between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenError, KrakenPermissionDeniedError, NotSent
from kraken.runtime.websocket import SlowConsumer, Timing
from kraken.runtime.websocket.account import (
    Account,
    AccountCurrent,
    AccountEvents,
    AccountStale,
    BalanceChanged,
    FillReported,
    OrderChanged,
    Recovered,
    RecoveryFailed,
)
from kraken.spot import SpotAsyncClient, SpotWSClient
from kraken.spot.messages import AccountBalance, AccountOrder, Balance, Execution

from .sockets import addresses, client, run, until

ROW: dict[str, Any] = {"symbol": "BTC/USD", "order_type": "limit", "side": "buy", "limit_price": "60000"}
TIMEOUT = 10.0
"""A client's, when no other is chosen."""


async def hurry(seconds: float) -> None:
    """Sleep for no time, save where something is given time to arrive."""
    await asyncio.sleep(seconds if seconds == TIMEOUT else 0)


QUICK: dict[str, Any] = {"timing": Timing(sleep=hurry), "silence_timeout": None}
"""Options of a client that does not wait before it tries again."""
Kept = Account[AccountOrder, Execution, AccountBalance, Balance]


async def placed(ws: SpotWSClient, account: Kept, qty: str = "0.01", **more: Any) -> str:
    """The id of a new order, as soon as the account knows it."""
    order = (await ws.add_order(**{**ROW, "order_qty": qty, **more})).order_id
    assert order is not None
    await until(lambda: order in account.orders and account.orders[order].order_status == "new")
    return order


async def told(events: AccountEvents[Any, Any, Any, Any], last: Callable[[Any], bool]) -> list[Any]:
    """Events up to one."""
    found = [await anext(events)]
    while not last(found[-1]):
        found.append(await anext(events))
    return found


def is_a(kind: type) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, kind)


def fills(events: list[Any]) -> list[tuple[str, bool]]:
    """Ids of the fills that were reported, and whether late."""
    return [(event.fill.exec_id, event.missed) for event in events if isinstance(event, FillReported)]


def balances(emulator: Emulator) -> dict[str, Decimal]:
    """What the exchange says about assets that have one spelling only."""
    return {name: amount for name, amount in emulator.balances.items() if name in ("SOL", "DOT")}


def agrees(account: Kept, emulator: Emulator) -> None:
    """What the account shows is what the exchange has."""
    open_orders = {name: row for name, row in emulator.orders.items() if row["status"] == "open"}
    assert set(account.orders) == set(open_orders)
    for name, row in emulator.orders.items():
        order = account.order(name)
        assert order is not None
        assert (order.cum_qty, order.cum_cost) == (Decimal(row["vol_exec"]), Decimal(row["cost"]))
        final = {"closed": "filled", "canceled": "canceled", "expired": "expired"}
        assert row["status"] == "open" or order.order_status == final[row["status"]]
    held = {asset: balance.balance for asset, balance in account.balances.items()}
    assert held["BTC"] == emulator.balances["XXBT"]
    assert held["USD"] == emulator.balances["ZUSD"]
    assert account.current


def settled(account: Kept) -> Callable[[], bool]:
    return lambda: account.current and not account.recovering


def test_the_state_at_the_beginning(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            order = (await ws.add_order(**ROW, order_qty="0.01", cl_ord_id="mine")).order_id
            assert order is not None
            emulator.fill(order, "0.004")
            async with ws.account() as account:
                assert set(account.orders) == {order}
                known = account.order("mine")
                assert known is account.orders[order]
                assert (known.symbol, known.limit_price, known.cum_qty) == (
                    "BTC/USD",
                    Decimal("60000.0"),
                    Decimal("0.00400000"),
                )
                agrees(account, emulator)
                seen = await told(aiter(account), is_a(AccountCurrent))
                assert [event.order for event in seen if isinstance(event, OrderChanged)] == [known]
                assert {event.asset for event in seen if isinstance(event, BalanceChanged)} == set(account.balances)
                assert all(event.is_snapshot and not event.missed for event in seen[:-1])
                assert fills(seen) == []
                emulator.fill(order)
                seen = await told(aiter(account), is_a(FillReported))
                assert fills(seen) == [(emulator.orders[order]["trades"][1], False)]

    run(scenario)


def test_the_life_of_an_order(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            events = aiter(account)
            await told(events, is_a(AccountCurrent))
            order = await placed(ws, account, cl_ord_id="mine")
            emulator.fill(order, "0.004")
            emulator.fill(order)
            await until(lambda: not account.orders and account.balances["USD"].balance == emulator.balances["ZUSD"])
            agrees(account, emulator)
            assert list(account.closed_orders) == [order]
            assert account.order("mine") is account.closed_orders[order]
            seen = await told(
                events, lambda event: isinstance(event, OrderChanged) and event.order.order_status == "filled"
            )
            changes = [event for event in seen if isinstance(event, OrderChanged)]
            assert [event.order.exec_type for event in changes] == ["pending_new", "new", "trade", "trade", "filled"]
            assert changes[0].changed >= {"order_id", "symbol", "limit_price"}
            assert changes[1].changed == {"exec_type", "order_status", "timestamp"}
            assert changes[2].changed >= {"cum_qty", "avg_price"}
            assert all(event.order.limit_price == Decimal("60000.0") for event in changes)
            assert not any(event.is_snapshot or event.missed for event in changes)
            assert fills(seen) == [(fill, False) for fill in emulator.orders[order]["trades"]]
            (first, _) = [event for event in seen if isinstance(event, FillReported)]
            assert (first.fill.last_qty, first.fill.last_price) == (Decimal("0.00400000"), Decimal("60000.0"))
            assert first.order is not None
            assert first.order.cl_ord_id == "mine"
            entries = [event for event in seen if isinstance(event, BalanceChanged)]
            assert {event.asset for event in entries} == {"BTC", "USD"}
            assert all(event.entry is not None and event.entry.type == "trade" for event in entries)

    run(scenario)


def test_a_cancelled_order_and_what_is_forgotten(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account(closed_orders=1) as account:
            first = await placed(ws, account, cl_ord_id="a")
            second = await placed(ws, account, cl_ord_id="b")
            await ws.cancel_order(order_id=[first])
            await ws.cancel_order(order_id=[second])
            await until(lambda: not account.orders)
            assert list(account.closed_orders) == [second]
            assert account.closed_orders[second].order_status == "canceled"
            assert account.closed_orders[second].reason is not None
            assert account.order(first) is account.order("a") is None
            with pytest.raises(TypeError):
                account.closed_orders[first] = account.closed_orders[second]  # type: ignore[index]

    run(scenario)


def test_what_happens_while_the_connection_is_down(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator, **QUICK) as ws, ws.account() as account:
            events = aiter(account)
            filled, partly, cancelled, untouched = [await placed(ws, account) for _ in range(4)]
            emulator.fill(filled, "0.001")
            await until(lambda: account.orders[filled].cum_qty == Decimal("0.001"))
            async with SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as rest:
                emulator.faults.add("connect", "reset-before", 2)
                emulator.drop_connections()
                await until(lambda: not account.current)
                assert set(account.orders) == {filled, partly, cancelled, untouched}
                emulator.fill(filled)
                emulator.fill(partly, "0.002")
                await rest.trading.cancel_order(txid=cancelled)
                added = await rest.trading.add_order(
                    pair="XBTUSD", type="buy", ordertype="limit", volume="0.03", price="59000"
                )
            await until(settled(account))
            agrees(account, emulator)
            (new,) = added.txid or []
            assert set(account.orders) == {partly, untouched, new}
            assert account.closed_orders[filled].cum_qty == Decimal("0.01000000")
            assert account.closed_orders[cancelled].reason == emulator.orders[cancelled]["reason"]
            seen = await told(events, is_a(Recovered))
            of_gap = seen[[isinstance(event, AccountStale) for event in seen].index(True) :]
            missed = [emulator.orders[filled]["trades"][1], *emulator.orders[partly]["trades"]]
            assert fills(of_gap) == [(fill, True) for fill in missed]
            changes = [event for event in of_gap if isinstance(event, OrderChanged)]
            assert {event.order.order_id for event in changes} == {filled, partly, cancelled, new}
            assert all(event.missed for event in changes)
            how = {event.order.order_id: event.order.order_status for event in changes}
            assert (how[filled], how[cancelled]) == ("filled", "canceled")
            assert {event.asset for event in of_gap if isinstance(event, BalanceChanged)} == {"BTC", "USD"}
            asked = [request.path for request in emulator.requests if request.method == "POST"]
            assert asked.count("/0/private/TradesHistory") == asked.count("/0/private/QueryOrders") == 1

    run(scenario)


def test_more_fills_than_a_snapshot_holds(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account(remembered_fills=20) as account:
            order = await placed(ws, account, qty="1", cl_ord_id="mine")
            emulator.fill(order, "0.01")
            await until(lambda: account.orders[order].cum_qty == Decimal("0.01"))
            emulator.drop_connections()
            for _ in range(70):
                emulator.fill(order, "0.001")
            await until(lambda: not account.current)
            await until(settled(account))
            emulator.fill(order, "0.001")
            trades = emulator.orders[order]["trades"]
            seen = await told(
                aiter(account), lambda event: isinstance(event, FillReported) and event.fill.exec_id == trades[-1]
            )
            assert sorted(name for name, _ in fills(seen)) == sorted(trades)
            late = [event for event in seen if isinstance(event, FillReported) and event.missed]
            assert len(late) == 70
            (oldest, *_) = [event for event in late if event.found is not None]
            assert oldest.fill.exec_id == trades[1]
            fill = oldest.fill
            assert (fill.order_id, fill.symbol, fill.side, fill.liquidity_ind) == (order, "BTC/USD", "buy", "m")
            assert (fill.last_qty, fill.last_price, fill.exec_type) == (
                Decimal("0.00100000"),
                Decimal("60000.00000"),
                "trade",
            )
            assert (fill.cost, oldest.found.fee) == (Decimal("60.00000"), oldest.found.fee)
            assert fill.timestamp.endswith("Z")
            assert oldest.order is not None
            assert oldest.order.cl_ord_id == "mine"
            agrees(account, emulator)

    run(scenario)


def test_no_fill_comes_twice(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with (
            client(emulator, **QUICK) as ws,
            ws.account() as account,
        ):
            order = await placed(ws, account, qty="1")
            for _ in range(5):
                emulator.fill(order, "0.01")
                emulator.drop_connections()
                emulator.fill(order, "0.01")
                await until(lambda: not account.current)
                await until(settled(account))
            await ws.cancel_all()
            seen = await told(
                aiter(account), lambda event: isinstance(event, OrderChanged) and event.order.order_status == "canceled"
            )
            assert [name for name, _ in fills(seen)] == emulator.orders[order]["trades"]

    run(scenario)


@pytest.mark.parametrize("channel", ["executions", "balances"])
def test_a_lost_frame(emulator: Emulator, channel: str) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            order = await placed(ws, account)
            emulator.lose_frames(channel)
            emulator.fill(order, "0.002")
            emulator.fill(order, "0.003")
            seen = await told(aiter(account), is_a(AccountStale))
            assert seen[-1].reason == f"a frame of {channel} is missing"
            await until(settled(account))
            agrees(account, emulator)
            seen += await told(aiter(account), is_a(AccountCurrent))
            trades = emulator.orders[order]["trades"]
            assert sorted(name for name, _ in fills(seen)) == sorted(trades)
            assert dict(fills(seen))[trades[0]] is (channel == "executions")

    run(scenario)


def test_a_snapshot_between(emulator: Emulator) -> None:
    """Somebody had the channel subscribed anew: between the two subscriptions something may have happened."""

    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            await placed(ws, account)
            session = ws._sessions["private"]
            (subscription,) = session.owned(account._order_feed)
            session.refresh(subscription)
            seen = await told(aiter(account), is_a(Recovered))
            assert AccountStale("executions was subscribed anew") in seen
            assert [request.path for request in emulator.requests].count("/0/private/TradesHistory") == 1

    run(scenario)


def test_closing_while_something_is_looked_for(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator, **QUICK) as ws:
            async with ws.account() as account:
                emulator.faults.add("TradesHistory", "hang-before")
                emulator.drop_connections()
                await until(lambda: "/0/private/TradesHistory" in [request.path for request in emulator.requests])
                assert account.recovering
                recovery = account._recovery
            assert recovery is not None
            await until(recovery.done)
            assert recovery.cancelled()

    run(scenario)


def test_a_frame_that_nobody_understands(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            order = await placed(ws, account)
            kept, failed = account._balances.apply, []

            def broken(item: Any) -> Any:
                failed.append(item)
                raise ValueError

            monkeypatch.setattr(account._balances, "apply", broken)
            emulator.fill(order, "0.002")
            await until(lambda: bool(failed))
            monkeypatch.setattr(account._balances, "apply", kept)
            await until(settled(account))
            agrees(account, emulator)

    run(scenario)


class Denied:
    """A REST client whose key may not look into the past."""

    def __init__(self, client: SpotAsyncClient, error: Exception) -> None:
        self.trading = client.trading
        self.account_data = self
        self.error = error

    async def iter_trade_history(self, **arguments: Any) -> Any:
        raise self.error
        yield

    async def get_orders_info(self, **arguments: Any) -> Any:
        raise self.error


def test_a_gap_that_rest_says_nothing_about(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = KrakenPermissionDeniedError("EGeneral:Permission denied")

    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            events = aiter(account)
            first, second = await placed(ws, account), await placed(ws, account, side="sell", limit_price="90000")
            emulator.fill(first, "0.001")
            await until(lambda: account.orders[first].cum_qty == Decimal("0.001"))
            rest = Denied(ws._rest_client(), denied)
            monkeypatch.setattr(ws, "_rest_client", lambda: rest)
            emulator.drop_connections()
            emulator.fill(first, "0.001")
            await until(lambda: not account.current)
            await until(settled(account))
            # The snapshot went back to what was known: nothing is missing.
            seen = await told(events, is_a(Recovered))
            assert fills(seen) == [
                (emulator.orders[first]["trades"][0], False),
                (emulator.orders[first]["trades"][1], True),
            ]
            emulator.drop_connections()
            emulator.fill(second)
            await until(lambda: not account.current)
            await until(settled(account))
            seen = await told(events, is_a(RecoveryFailed))
            failed = seen[-1]
            assert (failed.error, failed.fills, failed.since, failed.orders) == (denied, False, None, (second,))
            assert account.closed_orders[second].order_status is None
            assert set(account.orders) == {first}
            assert fills(seen) == [(emulator.orders[second]["trades"][0], True)]

    run(scenario)


@pytest.mark.parametrize(("failures", "outcome"), [(2, Recovered), (12, RecoveryFailed)])
def test_rest_is_asked_again(emulator: Emulator, failures: int, outcome: type) -> None:
    class Impatient(SpotWSClient):
        def _rest_client(self) -> SpotAsyncClient:
            if self._rest is None:
                self._rest = SpotAsyncClient(self._key, self._secret, self._rest_url or "", retries=0)
            return self._rest

    async def scenario() -> None:
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            await hurry(seconds)

        options = addresses(emulator)
        async with Impatient(**options, timing=Timing(sleep=sleep, random=lambda: 0.999), silence_timeout=None) as ws:
            async with ws.account() as account:
                order = await placed(ws, account)
                emulator.faults.add("QueryOrders", "error-500", failures)
                emulator.drop_connections()
                emulator.fill(order)
                seen = await told(aiter(account), lambda event: isinstance(event, (Recovered, RecoveryFailed)))
                assert isinstance(seen[-1], outcome)
                assert not account.recovering
                ended = account.closed_orders[order]
                assert ended.order_status == ("filled" if outcome is Recovered else None)
                assert len([wait for wait in waits if wait]) >= min(failures, 11)

    run(scenario)


def test_a_reader_that_is_too_slow(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account(buffer_size=3) as account:
            events = aiter(account)
            first = await told(events, is_a(AccountCurrent))
            order = await placed(ws, account)
            emulator.fill(order)
            await until(lambda: account.balances["USD"].balance == emulator.balances["ZUSD"] and not account.orders)
            agrees(account, emulator)
            assert first
            for _ in range(3):
                await anext(events)
            with pytest.raises(SlowConsumer, match="3 events"):
                await anext(events)
            again = await told(events, is_a(AccountCurrent))
            shown = {event.asset: event.balance for event in again if isinstance(event, BalanceChanged)}
            assert shown == account.balances
            await placed(ws, account)
            assert isinstance(await anext(events), OrderChanged)

    run(scenario)


def test_a_reader_that_never_reads_costs_no_memory(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account(buffer_size=5) as account:
            held = len(account._events._events)
            for _ in range(10):
                await placed(ws, account)
            assert len(account._events._events) <= held + 5

    run(scenario)


def test_several_readers(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            order = await placed(ws, account)
            late = account.updates(buffer_size=50)
            seen = await told(late, is_a(AccountCurrent))
            assert [event.order for event in seen if isinstance(event, OrderChanged)] == [account.orders[order]]
            emulator.fill(order)
            for events in (late, aiter(account)):
                assert len(fills(await told(events, is_a(FillReported)))) == 1
            with pytest.raises(InvalidRequest, match="buffer_size: 0"):
                account.updates(buffer_size=0)
            quiet = account.updates()
            await told(quiet, is_a(AccountCurrent))
            waiting = asyncio.ensure_future(anext(quiet))
            await asyncio.sleep(0)
            with pytest.raises(InvalidRequest, match="two tasks"):
                await anext(quiet)
            waiting.cancel()

    run(scenario)


def test_a_subscription_that_is_lost(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws, ws.account() as account:
            await told(aiter(account), is_a(AccountCurrent))
            session = ws._sessions["private"]
            (subscription,) = session.owned(account._order_feed)
            session._refuse(subscription, "EGeneral:Permission denied")
            assert not account.current
            for events in (aiter(account), account.updates()):
                with pytest.raises(KrakenPermissionDeniedError):
                    await told(events, lambda _: False)
            with pytest.raises(KrakenPermissionDeniedError):
                await account.ready()

    run(scenario)


def test_a_stream_beside_it(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            order = (await ws.add_order(**ROW, order_qty="0.01")).order_id
            assert order is not None
            async with ws.executions(snap_orders=False, snap_trades=False) as stream, ws.account() as account:
                assert set(account.orders) == {order}
                emulator.fill(order)
                async for item in stream:
                    if item.exec_type == "filled":
                        break
                await until(lambda: not account.orders)
                agrees(account, emulator)

    run(scenario)


def test_the_end(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            account = ws.account()
            assert not account.current
            assert "not current" in repr(account)
            events = [event async for event in only_the_first(account)]
            assert len(events) == 1
            assert account.current
            await account.aclose()
            await account.aclose()
            assert emulator.subscriptions == []
            assert not account.current
            with pytest.raises(InvalidRequest, match="closed"):
                await account.open()
            with pytest.raises(NotSent, match="closed"):
                await account.ready()
            assert [event async for event in account.updates() if isinstance(event, AccountCurrent)] == []
            second = await ws.account().open()
        assert len([event async for event in second if isinstance(event, AccountCurrent)]) == 1
        assert not second.current

    run(scenario)


async def only_the_first(account: Kept) -> Any:
    async for event in account:
        yield event
        return


def test_what_is_refused(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator, key="", secret="") as public:
            with pytest.raises(InvalidRequest, match="API key"):
                public.account()
        async with client(emulator, timeout=0.5) as ws:
            for name in ("buffer_size", "remembered_fills"):
                with pytest.raises(InvalidRequest, match=f"{name}: 0"):
                    ws.account(**{name: 0})
            with pytest.raises(InvalidRequest, match="closed_orders: -1"):
                ws.account(closed_orders=-1)
            emulator.silence()
            account = ws.account()
            with pytest.raises(KrakenError, match="snapshot"):
                await account.open()
            emulator.silence(False)
            assert (await account.open()).current

    run(scenario)
