"""The trading counter is one for REST and WebSocket, and what Kraken tells of it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenError, LimitReached
from kraken.runtime.limits import one_spelling
from kraken.runtime.websocket import Timing
from kraken.spot import SpotAsyncClient, SpotClient, SpotWSClient
from kraken.spot.limits import SYMBOLS, TIERS

from ..support import Clock
from .sockets import client, run, until

ROW: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": "0.01", "limit_price": "60000"}
REST_ROW: dict[str, Any] = {"ordertype": "limit", "type": "buy", "volume": "0.01", "price": "60000"}
MAXIMUM = int(TIERS["starter"].counters["trading"].maximum)


class Ticking(Clock):
    """A clock of which both clients have the same function."""

    def time(self) -> float:
        return self.seconds


def counting(emulator: Emulator, clock: Ticking, tier: str = "starter", **options: Any) -> SpotWSClient:
    """A client that counts, and waits by moving the clock of both sides."""

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    # The watchdog must not wait: its sleeping would move the clock for ever.
    timing = Timing(clock=clock.time, sleep=sleep)
    return client(emulator, tier=tier, timing=timing, silence_timeout=None, **options)


@pytest.mark.parametrize(
    "spellings",
    [
        ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "btc/usd", "BTCUSD"),
        ("XETHXXBT", "ETHXBT", "ETH/XBT", "ETH/BTC"),
        ("XDGUSD", "XDG/USD", "DOGE/USD", "DOGEUSD"),
        ("SOLEUR", "SOL/EUR"),
        ("XRPUSD", "XXRPZUSD", "XRP/USD"),
        ("",),
    ],
)
def test_spellings_of_a_pair_are_one(spellings: tuple[str, ...]) -> None:
    assert len({one_spelling(each, SYMBOLS) for each in spellings}) == 1
    assert one_spelling("XBTUSD", SYMBOLS) != one_spelling("ETHUSD", SYMBOLS)


def test_rest_and_websocket_count_together_and_meet_no_refusal() -> None:
    async def scenario() -> None:
        clock = Ticking()
        with Emulator(market_interval=None, clock=clock, tier="starter") as emulator:
            options: dict[str, Any] = {"tier": "starter", "sleep": clock.sleep, "clock": clock.time}
            # Without a subscription Kraken would close the connection after a minute.
            async with counting(emulator, clock) as ws, ws.balances(snapshot=False):
                begun = clock.seconds
                with SpotClient(emulator.key, emulator.secret, emulator.spot_url, **options) as rest:
                    for _ in range(60):
                        placed = await ws.add_order(symbol="BTC/USD", **ROW)
                        added = rest.trading.add_order(pair="XBTUSD", **REST_ROW)
                        await ws.cancel_order(order_id=[placed.order_id or ""])
                        rest.trading.cancel_order(txid=added.txid[0] if added.txid else "")
                    assert rest.limits is ws.limits
                assert clock.seconds > begun + 60  # the limit was felt

    run(scenario)


def test_clients_of_other_keys_tiers_and_exchanges_count_alone(emulator: Emulator) -> None:
    url, key, secret = emulator.spot_url, emulator.key, emulator.secret
    own = SpotClient(key, secret, url, tier="pro")
    assert SpotAsyncClient(key, secret, url + "/", tier="pro").limits is own.limits
    others = [
        SpotClient(key, secret, url, tier="starter"),
        SpotClient("another-key", secret, url, tier="pro"),
        SpotClient(key, secret, tier="pro"),
        SpotClient(tier="pro", url=url),
        SpotClient(tier="pro", url=url),
    ]
    assert len({id(each.limits) for each in [own, *others]}) == 6


def test_a_client_that_shall_not_wait_raises_before_anything_is_sent(emulator: Emulator) -> None:
    async def scenario() -> None:
        clock = Ticking()
        async with counting(emulator, clock, on_limit="raise") as ws:
            before = len(emulator.orders)
            for _ in range(MAXIMUM - 1):
                await ws.add_order(symbol="BTC/USD", validate=True, **ROW)
            with pytest.raises(LimitReached, match="trading limit is reached") as caught:
                await ws.add_order(symbol="BTC/USD", validate=True, **ROW)
            assert (caught.value.facts.operation, caught.value.facts.sent) == ("add_order", False)
            assert len(emulator.orders) == before

    run(scenario)


def test_mistaken_options_are_refused(emulator: Emulator) -> None:
    with pytest.raises(InvalidRequest, match="tier: 'gold' is unknown; allowed: starter, intermediate, pro"):
        client(emulator, tier="gold")
    with pytest.raises(InvalidRequest, match="on_limit: 'panic' is not allowed; allowed: wait, raise"):
        client(emulator, tier="pro", on_limit="panic")


def test_what_kraken_tells_of_the_counter_is_believed() -> None:
    """Somebody else trades on the account: their orders are in the counter that comes with each event."""

    async def scenario() -> None:
        clock = Ticking()
        with (
            Emulator(market_interval=None, clock=clock, tier="pro") as emulator,
            SpotClient(emulator.key, emulator.secret, emulator.spot_url) as other,
        ):
            async with counting(emulator, clock) as ws:
                events = await ws.executions(ratecounter=True).subscribe()
                assert ws.limits is not None
                # The account is of a higher tier than the client was told; the acknowledgement says so.
                assert ws.limits.trading("BTC/USD").maximum == TIERS["pro"].counters["trading"].maximum
                for _ in range(9):
                    other.trading.add_order(pair="XBTUSD", **REST_ROW)
                async for event in events:
                    if event.ratecount == 9:
                        break
                await until(lambda: ws.limits is not None and ws.limits.trading("BTC/USD").value >= 9)

    run(scenario)


def test_a_refusal_by_kraken_fills_the_counter() -> None:
    async def scenario() -> None:
        clock = Ticking()
        with (
            Emulator(market_interval=None, clock=clock, tier="starter") as emulator,
            SpotClient(emulator.key, emulator.secret, emulator.spot_url) as other,
        ):
            for _ in range(MAXIMUM):
                other.trading.add_order(pair="XBTUSD", **{**REST_ROW, "validate": True})
            async with counting(emulator, clock, on_limit="raise") as ws:
                with pytest.raises(KrakenError, match="Rate limit exceeded"):
                    await ws.add_order(symbol="BTC/USD", **ROW)
                with pytest.raises(LimitReached):
                    await ws.add_order(symbol="BTC/USD", **ROW)

    run(scenario)
