"""Nonces: one key, many threads and tasks, and not one refused."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenInvalidNonceError
from kraken.runtime.async_client import _KeyLock
from kraken.runtime.signing import NonceSource, nonce_source
from kraken.spot import SpotAsyncClient, SpotClient

from ..support import KEY, SECRET, FakeTransport, Opener, field, reply

MANY = 64


def nonces_of(emulator: Emulator) -> list[int]:
    """In the order in which they arrived."""
    return [int(each.arguments["nonce"]) for each in emulator.requests]


def assert_all_accepted(emulator: Emulator, calls: int) -> None:
    arrived = nonces_of(emulator)
    assert len(arrived) == calls
    assert all(earlier < later for earlier, later in itertools.pairwise(arrived))


def in_threads(clients: list[SpotClient], calls: int) -> None:
    """All threads start at once."""
    barrier = threading.Barrier(MANY)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(calls):
            assert clients[number % len(clients)].account_data.get_account_balance()

    with ThreadPoolExecutor(MANY) as pool:
        for each in [pool.submit(work, number) for number in range(MANY)]:
            each.result()


async def in_tasks(clients: list[SpotAsyncClient], calls: int) -> None:
    async def work(number: int) -> None:
        for _ in range(calls):
            assert await clients[number % len(clients)].account_data.get_account_balance()

    await asyncio.gather(*(work(number) for number in range(MANY)))


def test_threads_on_one_key(emulator: Emulator) -> None:
    # Two clients: the nonces belong to the key, not to the client.
    with (
        SpotClient(emulator.key, emulator.secret, emulator.spot_url) as one,
        SpotClient(emulator.key, emulator.secret, emulator.spot_url) as other,
    ):
        in_threads([one, other], 3)
    assert_all_accepted(emulator, MANY * 3)


def test_tasks_on_one_key(emulator: Emulator) -> None:
    async def main() -> None:
        async with (
            SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as one,
            SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as other,
        ):
            await in_tasks([one, other], 3)

    asyncio.run(main())
    assert_all_accepted(emulator, MANY * 3)


def test_threads_and_tasks_on_one_key(emulator: Emulator) -> None:
    async def main() -> None:
        async with SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as tasks:
            with SpotClient(emulator.key, emulator.secret, emulator.spot_url) as threads:
                await asyncio.gather(asyncio.to_thread(in_threads, [threads], 2), in_tasks([tasks], 2))

    asyncio.run(main())
    assert_all_accepted(emulator, MANY * 4)


def test_event_loops_in_several_threads_on_one_key(emulator: Emulator) -> None:
    async def main() -> None:
        async with SpotAsyncClient(emulator.key, emulator.secret, emulator.spot_url) as client:
            await asyncio.gather(*(client.account_data.get_account_balance() for _ in range(8)))

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(asyncio.run, main()) for _ in range(4)]:
            each.result()
    assert_all_accepted(emulator, 32)


def test_a_task_that_gives_up_waiting_for_the_key_does_not_keep_it() -> None:
    key = "a-key-that-only-this-test-uses"
    holding, release = threading.Event(), threading.Event()

    def hold(_request: Any) -> Any:
        holding.set()
        release.wait(10)
        return reply({})

    async def main() -> None:
        async with SpotAsyncClient(key, SECRET, transport=AsyncNothing()) as client:
            for _ in range(3):
                waiting = asyncio.ensure_future(client.account_data.get_account_balance())
                for _ in range(3):
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            release.set()
            await asyncio.wait_for(client.account_data.get_account_balance(), 10)

    with SpotClient(key, SECRET, transport=FakeTransport(hold)) as client, ThreadPoolExecutor(1) as pool:
        blocking = pool.submit(client.account_data.get_account_balance)
        assert holding.wait(10)
        asyncio.run(main())
        blocking.result(10)
        client.account_data.get_account_balance()


class SpyLock:
    """A lock that tells what happened to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.events: list[str] = []

    def acquire(self, blocking: bool = True) -> bool:
        got = self._lock.acquire(blocking)
        if got:
            self.events.append("acquired")
        return got

    def release(self) -> None:
        self.events.append("released")
        self._lock.release()


def test_an_event_loop_that_ends_while_a_task_waits_for_the_key_does_not_free_it_for_another() -> None:
    lock = SpyLock()
    lock.acquire()

    async def main() -> None:
        waiting = asyncio.ensure_future(_KeyLock(lock).__aenter__())  # type: ignore[arg-type]
        for _ in range(3):
            await asyncio.sleep(0)
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
        await asyncio.sleep(0)
        assert waiting.cancelled()
        assert lock.events == ["acquired"]
        lock.release()

    asyncio.run(main())
    assert lock.events == ["acquired", "released", "acquired", "released"]


class AsyncNothing:
    """Answers with no balance at all."""

    async def send(self, _request: Any) -> Any:
        return reply({})

    async def close(self) -> None:
        pass


# ---------------------------------------------------------------------- the source


@given(st.lists(st.integers(0, 2**63), min_size=2, max_size=50))
def test_nonces_increase_whatever_the_clock_does(times: list[int]) -> None:
    clock = iter(times)
    source = NonceSource(lambda: next(clock))
    made = [source() for _ in times]
    assert all(earlier < later for earlier, later in itertools.pairwise(made))
    assert all(nonce >= time for nonce, time in zip(made, times, strict=True))


def test_a_clock_that_stands_still_or_goes_back() -> None:
    times = iter([100, 100, 100, 50, 0, 102, 200])
    source = NonceSource(lambda: next(times))
    assert [source() for _ in range(7)] == [100, 101, 102, 103, 104, 105, 200]


def test_a_source_shared_by_threads_gives_each_nonce_once() -> None:
    chance = random.Random(0)
    source = NonceSource(lambda: chance.randrange(1000))
    with ThreadPoolExecutor(MANY) as pool:
        made = list(pool.map(lambda _: [source() for _ in range(50)], range(MANY)))
    flat = [nonce for each in made for nonce in each]
    assert len(set(flat)) == len(flat) == MANY * 50
    assert all(nonces == sorted(nonces) for nonces in made)


def test_the_source_belongs_to_the_key() -> None:
    assert nonce_source(KEY) is nonce_source(KEY)
    assert nonce_source(KEY) is not nonce_source("another")


def test_nonces_are_nanoseconds(opener: Opener) -> None:
    transport = FakeTransport()
    opener(transport=transport).account_data.get_account_balance()
    assert len(field(transport.last, "nonce")) == 19


# ---------------------------------------------------------------------- nonces of one's own


def test_nonces_of_ones_own(opener: Opener, emulator: Emulator) -> None:
    counter = itertools.count(5)
    client = opener(emulator.key, emulator.secret, emulator.spot_url, nonce=lambda: next(counter))
    client.account_data.get_account_balance()
    client.request("POST", "/0/private/Balance")
    client.prepare("POST", "/0/private/Balance")
    client.trading.get_websockets_token()
    assert nonces_of(emulator) == [5, 6, 8]


def test_a_nonce_that_does_not_increase(opener: Opener, emulator: Emulator) -> None:
    client = opener(emulator.key, emulator.secret, emulator.spot_url, nonce=lambda: 7)
    client.account_data.get_account_balance()
    with pytest.raises(KrakenInvalidNonceError, match=r"EAPI:Invalid nonce .*key of its own"):
        client.account_data.get_account_balance()
    assert nonces_of(emulator) == [7, 7, 7]


@pytest.mark.parametrize("wrong", ["12", 12.5, None])
def test_a_nonce_that_is_no_number(opener: Opener, wrong: Any) -> None:
    transport = FakeTransport()
    with pytest.raises(InvalidRequest, match="nonce: the function gave"):
        opener(transport=transport, nonce=lambda: wrong).account_data.get_account_balance()
    assert transport.requests == []


def test_an_error_in_ones_own_function_is_not_hidden_and_frees_the_key(opener: Opener) -> None:
    def broken() -> int:
        raise LookupError("mine")

    transport = FakeTransport()
    calls: list[Callable[[], Any]] = [
        opener(transport=transport, nonce=broken).account_data.get_account_balance,
        opener(transport=transport, otp=broken).account_data.get_account_balance,
    ]
    for call in calls:
        with pytest.raises(LookupError, match="mine"):
            call()
    assert opener(transport=transport).account_data.get_account_balance() == {}


def test_requests_of_a_key_go_one_after_the_other_unless_switched_off() -> None:
    for serialize, most in ((True, 1), (False, 4)):
        assert at_once(serialize) == most


def at_once(serialize: bool) -> int:
    """The most requests that were on their way at the same time, of four threads that wait for one another."""
    together = threading.Barrier(4 if not serialize else 1)
    lock, now, seen = threading.Lock(), [0], [0]

    def send(_request: Any) -> Any:
        with lock:
            now[0] += 1
            seen[0] = max(seen[0], now[0])
        together.wait(10)
        with lock:
            now[0] -= 1
        return reply({})

    with SpotClient(KEY, SECRET, transport=FakeTransport(send), serialize=serialize) as client:
        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(client.account_data.get_account_balance) for _ in range(4)]:
                each.result()
    return seen[0]
