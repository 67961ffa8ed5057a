"""The life of a client: nothing before the first call, an orderly end, no foreign event loop, no leaks."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import KrakenError
from kraken.runtime.encoding import codec
from kraken.spot import SpotAsyncClient, SpotClient

from ..support import ADDED, KEY, ORDER, SECRET, AsyncFakeTransport, FakeTransport, Opener, reply

TIME = reply({"unixtime": 1, "rfc1123": "x"})


def test_closing_twice(opener: Opener) -> None:
    transport = FakeTransport(TIME)
    client = opener(transport=transport)
    client.market_data.get_server_time()
    client.close()
    client.close()
    assert transport.closed == 1


def test_closing_what_was_never_used(opener: Opener) -> None:
    opener().close()


def test_calls_after_the_end(opener: Opener) -> None:
    transport = FakeTransport(TIME)
    client = opener(transport=transport)
    client.close()
    for call in (client.market_data.get_server_time, lambda: client.request("GET", "/0/public/Time", auth=False)):
        with pytest.raises(KrakenError, match=r"the client is closed \(make a new one\)"):
            call()
    assert transport.requests == []


def test_with_blocks() -> None:
    transport = FakeTransport(TIME)
    with SpotClient(transport=transport) as client:
        assert isinstance(client, SpotClient)
        client.market_data.get_server_time()
    assert transport.closed == 1

    async def main() -> None:
        async with SpotAsyncClient(transport=AsyncFakeTransport(transport)) as client:
            assert isinstance(client, SpotAsyncClient)
            await client.market_data.get_server_time()

    asyncio.run(main())
    assert transport.closed == 2


def test_connections_are_given_back(emulator: Emulator) -> None:
    def blocking() -> None:
        with SpotClient(emulator.key, emulator.secret, emulator.spot_url) as client:
            client.account_data.get_account_balance()

    async def main() -> None:
        async with SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as client:
            await client.account_data.get_account_balance()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        blocking()
        asyncio.run(main())
        gc.collect()
    assert [str(each.message) for each in caught] == []


def test_nothing_happens_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    before = threading.active_count()
    assert repr(SpotClient(KEY, SECRET)) == "SpotClient('https://api.kraken.com', signed)"
    assert repr(SpotAsyncClient()) == "SpotAsyncClient('https://api.kraken.com', public only)"
    assert repr(SpotClient().market_data) == "<MarketData of SpotClient('https://api.kraken.com', public only)>"
    assert threading.active_count() == before


def test_another_event_loop_is_refused_with_a_sentence() -> None:
    client = SpotAsyncClient(transport=AsyncFakeTransport(FakeTransport(TIME)))
    asyncio.run(client.market_data.get_server_time())
    with pytest.raises(KrakenError, match=r"belongs to another event loop.*one client per event loop"):
        asyncio.run(client.market_data.get_server_time())


def test_a_client_can_be_made_outside_of_the_event_loop_that_uses_it(emulator: Emulator) -> None:
    client = SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url)

    async def main() -> None:
        async with client:
            assert await client.market_data.get_server_time()

    asyncio.run(main())


def test_one_client_for_many_threads(emulator: Emulator) -> None:
    with SpotClient(url=emulator.spot_url) as client, ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(client.market_data.get_ticker_information, pair="XBTUSD") for _ in range(64)]
        assert {str(call.result()["XXBTZUSD"].a.price) for call in calls} == {"68012.80000"}


def test_public_calls_do_not_wait_for_one_another() -> None:
    together = threading.Barrier(4)

    def send(_request: Any) -> Any:
        together.wait(10)
        return TIME

    with SpotClient(KEY, SECRET, transport=FakeTransport(send)) as client, ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(client.market_data.get_server_time) for _ in range(4)]:
            assert call.result().unixtime == 1


WITHOUT_WAITING = ("prepare", "preload", "limits")


def test_both_colours_have_the_same_methods() -> None:
    blocking, other = SpotClient(), SpotAsyncClient()
    groups = [name for name in SpotClient._product.groups if isinstance(vars(SpotClient)[name], property)]
    assert groups == sorted(
        ["account_data", "earn", "funding", "funding_beta", "market_data", "subaccounts", "trading", "transparency"]
    )
    pairs: list[tuple[type, type]] = [(type(getattr(blocking, name)), type(getattr(other, name))) for name in groups]
    for one, two in [*pairs, (SpotClient, SpotAsyncClient)]:
        names = {name for name in dir(one) if not name.startswith("_")}
        assert names == {name for name in dir(two) if not name.startswith("_")}
        for name in names - {*groups, "limits"}:
            first, second = getattr(one, name), getattr(two, name)
            assert inspect.signature(first).parameters == inspect.signature(second).parameters
            assert first.__doc__ == second.__doc__
            waits = name not in WITHOUT_WAITING and not name.startswith("iter_")
            assert inspect.iscoroutinefunction(second) is waits


@pytest.mark.parametrize("calls", ["typed", "generic"])
def test_many_calls_leave_no_memory_behind(calls: str) -> None:
    transport = FakeTransport(ADDED)
    with SpotClient(KEY, SECRET, transport=transport) as client:

        def call(times: int) -> None:
            for number in range(times):
                if calls == "typed":
                    client.trading.add_order(**ORDER)
                else:
                    client.request("POST", f"/0/private/New/{number}", {f"a{number}": "1"})
                transport.requests.clear()

        call(1100)
        validators, before = codec.cache_info().currsize, blocks()
        call(5000)
        assert codec.cache_info().currsize == validators
        assert blocks() - before < 500


def blocks() -> int:
    """Memory blocks in use; one that each call leaves behind would show."""
    gc.collect()
    return sys.getallocatedblocks()
