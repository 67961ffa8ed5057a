"""Names for completion: kept by commands that list them, never fetched while completing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from kraken.cli.main import cli
from kraken.cli.names import cache_file, completions
from kraken.emulator import Emulator

from .conftest import Run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KRAKEN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "names.json"


def complete(*words: str) -> list[str]:
    *before, incomplete = words
    shell = ShellComplete(cli, {}, "kraken", "_KRAKEN_COMPLETE")
    return [each.value for each in shell.get_completions(before, incomplete)]


@pytest.fixture
def names(run: Run, running: Emulator) -> None:
    result = run("completion", "refresh")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"{cache_file()}: 3 lists\n"


def test_groups_commands_options_and_choices() -> None:
    assert complete("spot", "trad") == ["trading"]
    assert complete("spot", "trading", "cancel-o") == ["cancel-order", "cancel-order-batch"]
    assert complete("spot", "trading", "add-order", "--ordert") == ["--ordertype"]
    assert complete("spot", "trading", "add-order", "--ordertype", "stop") == ["stop-loss", "stop-loss-limit"]
    assert complete("bal") == ["balance"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ticker", "xbtu"), "XBTUSD"),
        (("ticker", "ETHUSD", "XBTU"), "XBTUSD"),
        (("spot", "market-data", "get-ticker-information", "--pair", "ETHUSD,XBTU"), "ETHUSD,XBTUSD"),
        (("spot", "stream", "book", "--symbol", "btc/u"), "BTC/USD"),
        (("spot", "funding", "get-deposit-methods", "--asset", "XB"), "XBT"),
        (("futures", "market-data", "get-orderbook", "--symbol", "PF_XB"), "PF_XBTUSD"),
        (("futures", "stream", "ticker", "--product-ids", "pf_xb"), "PF_XBTUSD"),
        (("unified", "stream", "ticker", "--symbol", "PF_XB"), "PF_XBTUSD"),
    ],
)
def test_names_are_completed(names: None, words: tuple[str, ...], expected: str) -> None:
    assert expected in complete(*words)


def test_completing_asks_nobody(names: None, running: Emulator) -> None:
    before = len(running.requests)
    assert complete("ticker", "XBT")
    assert len(running.requests) == before


def test_without_a_list_nothing_is_completed() -> None:
    assert complete("ticker", "XBT") == []


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"pairs": 7}', '{"pairs": [7, null]}'])
def test_a_broken_list_is_none(cache: Path, content: str) -> None:
    cache.parent.mkdir()
    cache.write_text(content)
    assert completions("pairs", "X") == []


def test_a_command_that_lists_all_keeps_the_names(run: Run, kraken: Emulator, cache: Path) -> None:
    assert run("pairs").exit_code == 0
    assert "XBTUSD" in json.loads(cache.read_text())["pairs"]
    assert run("assets").exit_code == 0
    assert json.loads(cache.read_text()).keys() == {"pairs", "symbols", "assets"}


def test_part_of_a_list_is_not_kept(run: Run, kraken: Emulator, cache: Path) -> None:
    assert run("pairs", "BTC/USD").exit_code == 0
    assert not cache.exists()


def test_names_of_an_emulator_are_kept_only_when_asked_for(run: Run, running: Emulator, cache: Path) -> None:
    assert run("pairs").exit_code == 0
    assert not cache.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_disk_that_cannot_be_written_is_no_failure(run: Run, kraken: Emulator, cache: Path) -> None:
    cache.parent.mkdir(mode=0o500)
    assert run("pairs").exit_code == 0


def test_a_folder_that_is_a_file_is_no_failure(run: Run, kraken: Emulator, cache: Path) -> None:
    cache.parent.write_text("")
    assert run("pairs").exit_code == 0


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --no-files --command kraken")]
)
def test_scripts(shell: str, sign: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", staticmethod(lambda: None))
    result = run("completion", shell)
    assert result.exit_code == 0
    assert sign in result.stdout
    assert "_KRAKEN_COMPLETE" in result.stdout


def test_where_names_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KRAKEN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "kraken" / "names.json"
