"""Programs written for python-kraken-sdk run as they are: its README's samples, with a real key in place of `<your-api-key>`."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken.emulator import Emulator
from kraken.spot import SpotAsyncClient, SpotClient, SpotOrderBookClient, SpotWSClient

from ..coming_over import README, is_like, run_until_seen, samples, with_keys


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(market_interval=0.02) as emulator:
        for client in (SpotClient, SpotAsyncClient):
            monkeypatch.setattr(client, "_product", client._product._replace(url=emulator.spot_url))
        for streaming in (SpotWSClient, SpotOrderBookClient):
            urls = {"public": emulator.spot_ws_url, "private": emulator.spot_ws_auth_url}
            sockets = {name: socket._replace(url=urls.get(name, "")) for name, socket in streaming.sockets.items()}
            monkeypatch.setattr(streaming, "sockets", sockets)
        yield emulator


@pytest.mark.skipif(not README.is_file(), reason="the README of python-kraken-sdk is not beside this checkout")
def test_there_are_samples() -> None:
    assert len(samples("SpotClient(", "SpotAsyncClient(")) == 3
    assert len(samples("(SpotWSClient)")) == 1


# The first sample never closes its client, and leaves that to the end of the program.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("sample", samples("SpotClient(", "SpotAsyncClient("))
def test_samples_run_unchanged(
    sample: str, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "sample.py"
    program.write_text(with_keys(sample, emulator.key, emulator.secret))
    runpy.run_path(str(program), run_name="__main__")
    assert "'ZUSD': '250000.0000'" in capsys.readouterr().out


@pytest.mark.parametrize("sample", samples("(SpotWSClient)"))
def test_streaming_samples_run_unchanged(
    sample: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = run_until_seen(
        with_keys(sample, emulator.key, emulator.secret),
        tmp_path,
        monkeypatch,
        {"channel": "book", "type": "update"},
        {"channel": "balances", "type": "snapshot"},
    )
    assert any(is_like(each, {"channel": "ticker", "type": "snapshot"}) for each in printed)
    acks = [each for each in printed if is_like(each, {"method": "unsubscribe", "success": True})]
    assert {each["result"]["symbol"] for each in acks} == {"BTC/USD", "DOT/USD"}
    assert emulator.connections == 0


# Its documentation has these two programs; they are told here in our own words.
OWN_BOOK = """
import asyncio
from kraken.spot import SpotOrderBookClient

class OrderBook(SpotOrderBookClient):
    async def on_book_update(self, pair, message):
        book = self.get(pair=pair)
        bid, ask = list(book["bid"].items()), list(book["ask"].items())
        print({"depth": len(bid), "crossed": float(bid[0][0]) >= float(ask[0][0]), "qty": bid[0][1][0]})

async def main():
    orderbook = OrderBook(depth=10)
    try:
        await orderbook.start()
        await orderbook.add_book(pairs=["XBT/USD"])
        while not orderbook.exception_occur:
            await asyncio.sleep(10)
    finally:
        await orderbook.close()

asyncio.run(main())
"""
BOOK_CALLBACK = """
import asyncio
from kraken.spot import SpotOrderBookClient

async def my_callback(pair, message):
    print(message, {"pair": pair})

async def main():
    orderbook = SpotOrderBookClient(depth=100, callback=my_callback)
    try:
        await orderbook.start()
        await orderbook.add_book(pairs=["XBT/USD", "ETH/USD"])
        while not orderbook.exception_occur:
            await asyncio.sleep(10)
        await orderbook.remove_book(pairs=["XBT/USD"])
    finally:
        await orderbook.close()

asyncio.run(main())
"""


def test_order_books_of_old(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run_until_seen(OWN_BOOK, tmp_path, monkeypatch, {"depth": 10})
    assert not any(each["crossed"] for each in printed)
    assert isinstance(printed[0]["qty"], str)


def test_order_books_with_a_callback(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"channel": "book", "type": "update"}, {"pair": "ETH/USD"}
    printed = run_until_seen(BOOK_CALLBACK, tmp_path, monkeypatch, *wanted)
    assert {"pair": "BTC/USD"} in printed
