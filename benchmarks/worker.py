"""One sample: one client, one scenario, one process. Prints a JSON object as its last line.

    python worker.py '{"contender": "krakenex", "function": "sign", "count": 1000, ...}'

The only import of a client happens in here, and nothing but the standard library is needed besides.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data
from contenders.base import Clock, Contender, Unsupported
from where import sampled

OURS = "kraken-typed-sdk"
PLAIN = "kraken-typed-sdk without aiohttp"
"""The same as it is installed without extras; only its client for asyncio differs."""
MILLI, MICRO = 1e3, 1e6
AT_ONCE = 50
"""Calls that are made at the same time."""
PASSES = 20
"""How often a stream is watched for a profile."""
STREAM_LIMIT = 90.0
"""Seconds for a whole stream; far more than any client needs."""

Sample = dict[str, Any]
"""`cost` in the unit of the scenario, `rate` per second of elapsed time, and notes."""


@dataclass(frozen=True)
class Job:
    """What to measure."""

    contender: str
    function: str
    target: str
    """The call, channel or depth; for an import the statement."""
    count: int
    folder: str
    http: str
    ws: str


class WrongReply(Exception):
    """A client gave something else than what the server had sent."""


def load(name: str) -> Contender:
    """The adapter of a client."""
    module = importlib.import_module("contender" if name in (OURS, PLAIN) else f"contenders.{name.replace('-', '_')}")
    adapter: Contender = (module.WithoutAiohttp if name == PLAIN else module.Adapter)()
    return adapter


def _check(call: str, result: Any) -> None:
    text = str(result)
    right = {
        "ticker": "108359.9" in text and "2158.32346723" in text,
        "add_order": "OBENCH-MARKS-ORDER1" in text,
        "asset_pairs": call == "asset_pairs" and len(result) == data.PAIRS,
    }
    if not right[call]:
        raise WrongReply(f"{call}: {text[:200]}")


def _per_call(clock: Clock, count: int) -> Sample:
    return {"cost": clock.cpu / count * MICRO, "rate": count / clock.wall}


def rest_sync(adapter: Contender, job: Job) -> Sample:
    """Processor time of a call, blocking."""
    client = adapter.rest_sync(job.http, data.KEY, data.SECRET)
    call, clock = getattr(client, job.target), Clock()
    for _ in range(1 + job.count // 20):
        _check(job.target, call())
    clock.start()
    for _ in range(job.count):
        result = call()
    clock.stop()
    _check(job.target, result)
    client.close()
    return _per_call(clock, job.count)


def rest_async(adapter: Contender, job: Job) -> Sample:
    """Processor time of a call, one after the other in an event loop."""

    async def run() -> Sample:
        client = await adapter.rest_async(job.http, data.KEY, data.SECRET)
        call, clock = getattr(client, job.target), Clock()
        for _ in range(1 + job.count // 20):
            _check(job.target, await call())
        clock.start()
        for _ in range(job.count):
            result = await call()
        clock.stop()
        _check(job.target, result)
        await client.close()
        return _per_call(clock, job.count)

    return asyncio.run(run())


def rest_at_once(adapter: Contender, job: Job) -> Sample:
    """Processor time of a call when many are made at once in an event loop."""

    async def run() -> Sample:
        client = await adapter.rest_async(job.http, data.KEY, data.SECRET)
        call, clock = getattr(client, job.target), Clock()
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        rounds = max(1, job.count // AT_ONCE)
        clock.start()
        for _ in range(rounds):
            results = await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        clock.stop()
        for result in results:
            _check(job.target, result)
        await client.close()
        return _per_call(clock, rounds * AT_ONCE)

    return asyncio.run(run())


def first_call(adapter: Contender, job: Job) -> Sample:
    """Processor time of this whole process up to its first reply: start, imports, connection, one call."""
    client = adapter.rest_sync(job.http, data.KEY, data.SECRET)
    result = client.ticker()
    cost = time.process_time() * MILLI
    _check("ticker", result)
    return {"cost": cost}


def sign(adapter: Contender, job: Job) -> Sample:
    """Processor time of nonce, body and signature of an order."""
    prepare, clock = adapter.signer(data.KEY, data.SECRET), Clock()
    for _ in range(1 + job.count // 20):
        prepare()
    clock.start()
    for _ in range(job.count):
        prepare()
    clock.stop()
    return {"cost": clock.cpu / job.count * MICRO}


async def _watch(adapter: Contender, job: Job, clock: Clock) -> Sample:
    folder = Path(job.folder)
    meta = data.meta(folder)
    if job.count == 1:
        meta["last"] = meta["first"]
    base = f"{job.ws}/{job.count}"
    return await asyncio.wait_for(adapter.ws(base, job.http, job.target, job.count, clock, meta), STREAM_LIMIT)


def stream(adapter: Contender, job: Job) -> Sample:
    """Processor time per message, from the subscription to the reader's last message."""

    async def run() -> Sample:
        clock = Clock()
        seen = await _watch(adapter, job, clock)
        if seen.get("mismatches"):
            raise WrongReply(f"{seen['mismatches']} checksums did not match")
        return {**_per_call(clock, job.count), **seen}

    return asyncio.run(run())


def profile(adapter: Contender, job: Job) -> Sample:
    """The steps that the processor time of a stream goes to, as parts of 1."""

    async def run() -> Sample:
        await _watch(adapter, job, Clock())  # loads what is loaded lazily
        with sampled() as counts:
            for _ in range(PASSES):
                await _watch(adapter, job, Clock())
        return {"cost": 0.0, "steps": {step: count / counts.total() for step, count in counts.items()}}

    return asyncio.run(run())


def first_message(adapter: Contender, job: Job) -> Sample:
    """Elapsed time from making a client to its first message; what can be imported before has been."""
    for statement in adapter.imports.values():
        exec(statement, {})

    async def run() -> Sample:
        clock, begun = Clock(), time.perf_counter()
        seen = await _watch(adapter, job, clock)
        return {"cost": (clock.stopped_at - begun) * MILLI, **seen}

    return asyncio.run(run())


def first_stream(adapter: Contender, job: Job) -> Sample:
    """Processor time of this whole process up to the first message of a stream."""

    async def run() -> Sample:
        seen = await _watch(adapter, job, Clock())
        return {"cost": time.process_time() * MILLI, **seen}

    return asyncio.run(run())


def book(adapter: Contender, job: Job) -> Sample:
    """Processor time to decode an update, apply it and verify its checksum; there is no socket."""
    lines = data.messages(Path(job.folder), adapter.book_api, f"book{job.target}", job.count + 1)
    kept = adapter.book(int(job.target), data.SYMBOL, data.PRICE_DECIMALS, data.QTY_DECIMALS)
    decode, apply, clock = kept.decode, kept.apply, Clock()
    apply(decode(lines[0]))
    clock.start()
    for line in lines[1:]:
        apply(decode(line))
    clock.stop()
    kept.finish()
    if kept.mismatches:
        raise WrongReply(f"{kept.mismatches} checksums did not match")
    _check_top(kept.top(), json.loads(data.messages(Path(job.folder), "top", f"book{job.target}")[job.count]))
    notes = {"note": kept.note} if hasattr(kept, "note") else {}
    return {"cost": clock.cpu / job.count * MICRO, "verified": min(kept.verified, job.count), **notes}


def _check_top(given: Any, right: list[str]) -> None:
    if [float(price) for price in given] != [float(price) for price in right]:
        raise WrongReply(f"best ask and bid are {given}, not {right}")


FUNCTIONS = {
    function.__name__: function
    for function in (
        rest_sync,
        rest_async,
        rest_at_once,
        first_call,
        first_stream,
        sign,
        stream,
        profile,
        first_message,
        book,
    )
}


def main(argument: str) -> None:
    """Measure, and print what came of it."""
    job = Job(**json.loads(argument))
    try:
        sample = FUNCTIONS[job.function](load(job.contender), job)
    except Unsupported as reason:
        sample = {"unsupported": str(reason)}
    except (Exception, asyncio.CancelledError) as error:
        traceback.print_exc()
        sample = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
    print(json.dumps(sample), flush=True)
    # Some clients leave threads and sessions behind that would hold up the end.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
