"""The state of a Futures account: orders, positions and balances as they are, every fill once, whatever happens between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.exceptions import InvalidRequest, KrakenError, KrakenPermissionDeniedError, ReplyLost
from kraken.futures import FuturesWSClient
from kraken.futures.messages import AccountBalances, AccountOrder, BalancesMessage, BalancesSnapshotMessage, Fill
from kraken.futures.messages import OpenPosition as Position
from kraken.futures.models.historical_data import Fills as FoundFills
from kraken.futures.models.order_management import OrderStatuses
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
from kraken.runtime.websocket.merging import Margins

from ..runtime.websocket.fake import Impatient, run, until
from .feeds import KEY, SECRET, AccountExchange, client

Kept = DerivativesAccount[AccountOrder, Fill, AccountBalances, Position]
POSITION: dict[str, Any] = {"instrument": "PF_XBTUSD", "balance": 0.25, "pnl": 152.95, "entry_price": 67400.5}


class History:
    """What REST tells: fills the newest first, and how orders stand of which it still knows."""

    def __init__(self, fills: list[dict[str, Any]] | None = None, orders: list[dict[str, Any]] | None = None) -> None:
        self.historical_data = self.order_management = self
        self.fills, self.orders = fills or [], orders or []
        self.error: KrakenError | None = None
        self.asked: list[str] = []
        self.read = 0

    async def iter_fills(self) -> AsyncIterator[Any]:
        self.asked.append("fills")
        if self.error is not None:
            raise self.error
        for row in FoundFills.model_validate({"fills": self.fills}).fills:
            self.read += 1
            yield row

    async def get_order_status(self, *, orderIds: list[str]) -> OrderStatuses:  # noqa: N803
        self.asked.append("orders")
        return OrderStatuses.model_validate(
            {"orders": [row for row in self.orders if row["order"]["orderId"] in orderIds] or None}
        )

    async def close(self) -> None:
        pass


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


def test_what_happens_while_the_connection_is_down() -> None:
    async def scenario() -> None:
        ended = {"order": {"orderId": "O1", "filled": 1.0, "lastUpdateTimestamp": "1970-01-01T00:00:03.500Z"}}
        rest = History([found("F2", "O1"), found("F1", "O1")], [{**ended, "status": "FULLY_EXECUTED"}])
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
                    ("O1", True, Decimal(1)),
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
                assert rest.asked == ["fills", "orders"]

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
        async with AccountExchange() as exchange, keyed(exchange) as ws:
            row = exchange.order("O1")
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
                assert ws._rest.asked.count("orders") == 1  # type: ignore[union-attr]

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
