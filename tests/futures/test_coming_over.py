"""Programs written for python-kraken-sdk run as they are: the samples of its README, with a real key in place of theirs."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken.emulator import Emulator
from kraken.futures import FuturesAsyncClient, FuturesClient, FuturesWSClient

from ..coming_over import README, is_like, run_until_seen, samples, with_keys

pytestmark = pytest.mark.filterwarnings("ignore:Kraken switches:DeprecationWarning")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(market_interval=0.02) as emulator:
        for client in (FuturesClient, FuturesAsyncClient):
            monkeypatch.setattr(client, "_product", client._product._replace(url=emulator.futures_url))
        sockets = {
            name: socket._replace(url=emulator.futures_ws_url) for name, socket in FuturesWSClient.sockets.items()
        }
        monkeypatch.setattr(FuturesWSClient, "sockets", sockets)
        yield emulator


@pytest.mark.skipif(not README.is_file(), reason="the README of python-kraken-sdk is not beside this checkout")
def test_there_are_samples() -> None:
    assert len(samples("FuturesClient(", "FuturesAsyncClient(")) == 3
    assert len(samples("(FuturesWSClient)")) == 1


# The first sample never closes its client, and leaves that to the end of the program.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("sample", samples("FuturesClient(", "FuturesAsyncClient("))
def test_samples_run_unchanged(
    sample: str, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "sample.py"
    program.write_text(with_keys(sample, emulator.futures_key, emulator.futures_secret))
    runpy.run_path(str(program), run_name="__main__")
    printed = capsys.readouterr().out
    assert "'result': 'success'" in printed
    assert "'flex'" in printed


@pytest.mark.parametrize("sample", samples("(FuturesWSClient)"))
def test_streaming_samples_run_unchanged(
    sample: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = run_until_seen(
        with_keys(sample, emulator.futures_key, emulator.futures_secret),
        tmp_path,
        monkeypatch,
        {"feed": "ticker", "product_id": "PI_XBTUSD"},
    )
    feeds = {each.get("feed") for each in printed if "event" not in each}
    assert {"ticker", "open_positions", "open_orders_snapshot", "fills_snapshot"} <= feeds
    assert any(is_like(each, {"event": "unsubscribed", "feed": "fills"}) for each in printed)
    assert emulator.connections == 0
