"""The dead man's switch over real sockets: it keeps itself alive, survives a reconnect, and is off when its block ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenError, NotSent
from kraken.runtime.websocket.events import Event, SwitchFired, SwitchLeftOn, SwitchNotRenewed
from kraken.runtime.websocket.switch import SwitchStillOn
from kraken.spot import SpotWSClient

from ..support import Clock
from .clock import FakeTime
from .sockets import client, run, until
from .test_ws_account import QUICK

METHOD = "cancel_all_orders_after"
ROW: dict[str, Any] = {
    "symbol": "BTC/USD",
    "order_type": "limit",
    "side": "buy",
    "limit_price": "60000",
    "order_qty": "0.01",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exchange(clock: Clock) -> Iterator[Emulator]:
    """An exchange whose clock is moved by hand."""
    with Emulator(market_interval=None, clock=clock) as running:
        yield running


def calls(emulator: Emulator) -> list[int]:
    """What the timer was set to so far."""
    return [request.arguments["timeout"] for request in emulator.requests if request.path == METHOD]


def open_orders(emulator: Emulator) -> int:
    return sum(order["status"] == "open" for order in emulator.orders.values())


def heard(ws: SpotWSClient) -> list[Event]:
    """Events of the switch from now on."""
    found: list[Event] = []

    def hear(event: Event) -> None:
        if isinstance(event, (SwitchFired, SwitchLeftOn, SwitchNotRenewed)):
            found.append(event)

    ws.on_event(hear)
    return found


def test_it_keeps_itself_alive_and_ends(exchange: Emulator, clock: Clock) -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with client(exchange, timing=time.timing, silence_timeout=None) as ws:
            await ws.add_order(**ROW)
            switch = ws.dead_mans_switch(seconds=60)
            assert switch.trigger_time is None
            assert (switch.armed, switch.remaining) == (False, 0)
            async with switch:
                assert (switch.armed, switch.remaining) == (True, 60)
                first = switch.trigger_time
                assert first is not None
                for count in range(2, 8):
                    await time.pass_(20)
                    clock.pass_(20)
                    await until(lambda count=count: len(calls(exchange)) == count and switch.remaining == 60)
                assert switch.trigger_time is not None
                assert switch.trigger_time > first
                assert open_orders(exchange) == 1
            assert switch.trigger_time is None
            assert not switch.armed
            assert calls(exchange) == [60] * 7 + [0]
            clock.pass_(120)
            assert open_orders(exchange) == 1

    run(scenario)


def test_the_orders_of_a_dead_program_are_cancelled(exchange: Emulator, clock: Clock) -> None:
    async def scenario() -> None:
        async with client(exchange, timing=FakeTime().timing, silence_timeout=None) as ws:
            # Something is subscribed, or the exchange would close the connection after a minute, too.
            await ws.account().open()
            await ws.add_order(**ROW)
            async with ws.dead_mans_switch():
                clock.pass_(61)
                await until(lambda: open_orders(exchange) == 0)

    run(scenario)


def test_a_reconnect(exchange: Emulator) -> None:
    """The timer is set anew at once, long before its turn; whether or not something else keeps the connection."""

    async def scenario(subscribed: bool) -> None:
        time = FakeTime()
        async with client(exchange, timing=time.timing, silence_timeout=None) as ws:
            before = len(calls(exchange))
            if subscribed:
                await ws.account().open()
            events = heard(ws)
            async with ws.dead_mans_switch() as switch:
                for count in range(2, 5):
                    exchange.drop_connections()
                    await until(lambda count=count: len(calls(exchange)) - before == count)  # type: ignore[misc]
                await until(lambda: switch.error is None)
                assert time.now == 1000
                assert switch.armed
            assert calls(exchange)[before:] == [60] * 4 + [0]
            assert events == []

    for subscribed in (False, True):
        run(lambda subscribed=subscribed: scenario(subscribed))  # type: ignore[misc]


def test_it_cannot_be_renewed(exchange: Emulator) -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with client(exchange, timing=time.timing, silence_timeout=None, timeout=1) as ws:
            events = heard(ws)
            async with ws.dead_mans_switch(seconds=9) as switch:
                promised = switch.trigger_time
                exchange.faults.add(METHOD, "reset-before", 99)
                await time.pass_(3)
                await until(lambda: len(events) == 1)
                assert isinstance(events[0], SwitchNotRenewed)
                assert events[0].trigger_time == promised
                assert 0 < events[0].remaining <= 6
                assert switch.error is events[0].error
                assert switch.armed
                while switch.armed:
                    await time.pass_(1)
                await until(lambda: len(events) == 2)
                assert events[1] == SwitchFired(promised)
                assert switch.remaining == 0
                await time.asleep(1)
                exchange.faults.clear()
                await time.pass_(1)
                await until(lambda: switch.armed)
                assert switch.error is None

    run(scenario)


def test_a_reconnect_ends_the_waiting(exchange: Emulator) -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with client(exchange, timing=time.timing, silence_timeout=None) as ws:
            await ws.account().open()
            events = heard(ws)
            async with ws.dead_mans_switch(seconds=9) as switch:
                exchange.faults.add(METHOD, "reset-before")
                await time.pass_(3)
                await until(lambda: len(events) == 1 and switch.error is None)
                assert (time.now, switch.remaining) == (1003, 9)

    run(scenario)


def test_a_program_that_was_held_up(exchange: Emulator) -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with client(exchange, timing=time.timing, silence_timeout=None) as ws:
            events = heard(ws)
            async with ws.dead_mans_switch(seconds=9) as switch:
                promised = switch.trigger_time
                await time.pass_(3, more=6)
                await until(lambda: events == [SwitchFired(promised)])
                await until(lambda: switch.armed)

    run(scenario)


def test_a_block_that_fails(exchange: Emulator, clock: Clock) -> None:
    async def scenario() -> None:
        async with client(exchange, timing=FakeTime().timing, silence_timeout=None) as ws:
            events = heard(ws)
            await ws.add_order(**ROW)
            with pytest.raises(ZeroDivisionError):
                async with ws.dead_mans_switch(seconds=30) as switch:
                    raise ZeroDivisionError
            assert calls(exchange) == [30]
            assert switch.armed
            await until(lambda: events == [SwitchLeftOn(switch.trigger_time)])
            with pytest.raises(ZeroDivisionError):
                async with ws.dead_mans_switch(seconds=30, disarm_on_error=True) as switch:
                    raise ZeroDivisionError
            assert calls(exchange) == [30, 30, 0]
            assert not switch.armed
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), ws.dead_mans_switch():
                    await asyncio.Event().wait()
            assert calls(exchange)[3:] == [60]
            clock.pass_(61)
            await until(lambda: open_orders(exchange) == 0)

    run(scenario)


def test_it_cannot_be_switched_off(exchange: Emulator) -> None:
    async def scenario() -> None:
        async with client(exchange, timeout=0.3, timing=QUICK["timing"], silence_timeout=None) as ws:
            switch = ws.dead_mans_switch(seconds=300)
            with pytest.raises(SwitchStillOn) as caught:
                async with switch:
                    exchange.faults.add(METHOD, "hang-before", 99)
            assert str(switch.trigger_time) in str(caught.value)
            assert "cancelled" in str(caught.value)
            assert isinstance(caught.value.__cause__, KrakenError)
            assert switch.armed
            exchange.faults.clear()
            with pytest.raises(ZeroDivisionError) as failed:
                await doomed(ws, exchange)
            assert "will be cancelled" in failed.value.__notes__[0]

    run(scenario)


async def doomed(ws: SpotWSClient, exchange: Emulator) -> None:
    async with ws.dead_mans_switch(disarm_on_error=True):
        exchange.faults.add(METHOD, "hang-before", 99)
        raise ZeroDivisionError


def test_switching_off_waits_for_the_connection(exchange: Emulator) -> None:
    async def scenario() -> None:
        async with client(exchange, **QUICK) as ws:
            async with ws.account(), ws.dead_mans_switch(seconds=300) as switch:
                exchange.faults.add("connect", "reset-before", 3)
                exchange.drop_connections()
            assert not switch.armed
            assert calls(exchange)[-1] == 0

    run(scenario)


def test_a_client_that_was_closed(exchange: Emulator) -> None:
    async def scenario() -> None:
        async with client(exchange, **QUICK) as ws:
            with pytest.raises(SwitchStillOn):
                async with ws.dead_mans_switch(seconds=300):
                    await ws.close()

    run(scenario)


def test_what_is_refused(exchange: Emulator) -> None:
    async def scenario() -> None:
        async with client(exchange, key="", secret="") as public:
            with pytest.raises(InvalidRequest, match="API key"):
                public.dead_mans_switch()
        async with client(exchange) as ws:
            for seconds in (0, 2, True, "60"):
                with pytest.raises(InvalidRequest, match="seconds"):
                    ws.dead_mans_switch(seconds=seconds)  # type: ignore[arg-type]
            with pytest.raises(InvalidRequest, match="seconds"):
                async with ws.dead_mans_switch(seconds=86_400):
                    pass
            switch = ws.dead_mans_switch()
            async with switch:
                assert "on, 60 s left" in repr(switch)
                with pytest.raises(InvalidRequest, match="on already"):
                    await switch.__aenter__()
            assert "off" in repr(switch)
        async with client(exchange, auth_ws_url="ws://127.0.0.1:1", **QUICK) as lost:
            with pytest.raises(NotSent):
                async with lost.dead_mans_switch():
                    pass

    run(scenario)
