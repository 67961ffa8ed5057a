"""Programs written for python-kraken-sdk run as they are: its README's samples, with a real key in place of `<your-api-key>`."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken.emulator import Emulator
from kraken.spot import SpotAsyncClient, SpotClient

README = Path(__file__).resolve().parents[3] / "shared" / "reference" / "python-kraken-sdk-readme.md"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(market_interval=None) as emulator:
        for client in (SpotClient, SpotAsyncClient):
            monkeypatch.setattr(client, "_product", client._product._replace(url=emulator.spot_url))
        yield emulator


def samples() -> list[str]:
    if not README.is_file():
        return []
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if "SpotClient(" in block or "SpotAsyncClient(" in block]


@pytest.mark.skipif(not README.is_file(), reason="the README of python-kraken-sdk is not beside this checkout")
def test_there_are_samples() -> None:
    assert len(samples()) == 3


# The first sample never closes its client, and leaves that to the end of the program.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("sample", samples())
def test_samples_run_unchanged(
    sample: str, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "sample.py"
    program.write_text(sample.replace("<your-api-key>", emulator.key).replace("<your-secret-key>", emulator.secret))
    runpy.run_path(str(program), run_name="__main__")
    assert "'ZUSD': '250000.0000'" in capsys.readouterr().out
