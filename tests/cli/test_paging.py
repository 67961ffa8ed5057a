"""All pages: printed, or written to a file that goes on where it was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.runtime.pagination import Paging

from .conftest import Run

ALL = ("ledger", "--all")


@pytest.fixture
def ledger(running: Emulator, run: Run) -> list[str]:
    """The entries of an account with more than one page of them, as JSON lines."""
    for _ in range(30):
        assert run("buy", "BTC/USD", "0.0001", "--ordertype", "market", "--yes").exit_code == 0
    lines = run(*ALL, "-o", "ndjson").stdout.splitlines()
    assert len(lines) > 60
    return lines


def test_all_pages_have_every_entry_once(run: Run, ledger: list[str]) -> None:
    first = json.loads(run("ledger", "-o", "json").stdout)
    assert len(first["ledger"]) == 50 < first["count"] == len(ledger) == len(set(ledger))
    assert len(json.loads(run(*ALL, "-o", "json").stdout)) == len(ledger)


def test_so_many_and_no_more(run: Run, ledger: list[str]) -> None:
    assert run(*ALL, "--max-items", "53", "-o", "ndjson").stdout.splitlines() == ledger[:53]


def test_csv_and_tables_have_the_fields_of_all(run: Run, ledger: list[str]) -> None:
    rows = run(*ALL, "-o", "csv").stdout.splitlines()
    assert len(rows) == len(ledger) + 1
    assert "refid" in rows[0]


def test_a_file_has_all_entries(run: Run, ledger: list[str], tmp_path: Path) -> None:
    file = tmp_path / "ledger.ndjson"
    result = run(*ALL, "--save", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{file}: {len(ledger)} items\n"
    assert file.read_text().splitlines() == ledger
    assert list(tmp_path.glob("*.cursor*")) == []


def test_an_interrupted_file_goes_on(run: Run, running: Emulator, ledger: list[str], tmp_path: Path) -> None:
    file, note = tmp_path / "ledger.ndjson", tmp_path / "ledger.ndjson.cursor"
    interrupt(run, file)
    assert note.exists()
    kept = json.loads(note.read_text())
    assert (kept["items"], kept["command"]) == (50, "spot account-data get-ledgers")
    with file.open("a") as half:
        # What had been written behind the last whole page, and more of it than comes.
        half.write('{"half of a line' + "\n" * 100_000)
    before = len(running.requests)
    result = run(*ALL, "--save", str(file))
    assert f"{file}: going on after 50 items\n" in result.stderr
    assert file.read_text().splitlines() == ledger
    assert not note.exists()
    assert len(running.requests) - before == 1, "the first page is not fetched again"


def interrupt(run: Run, file: Path) -> None:
    """Ctrl-C while the second page is on its way."""
    take = Paging.take
    with pytest.MonkeyPatch.context() as patch:

        def take_one(paging: Paging, result: Any) -> Any:
            if paging.pages:
                raise KeyboardInterrupt
            return take(paging, result)

        patch.setattr(Paging, "take", take_one)
        assert run(*ALL, "--save", str(file)).exit_code == 130


def test_a_file_of_another_command_is_not_touched(
    run: Run, running: Emulator, ledger: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "ledger.ndjson"
    interrupt(run, file)
    before = file.read_bytes()
    for words in (("fills", "--all"), ("ledger", "--asset", "XBT", "--all")):
        result = run(*words, "--save", str(file))
        assert result.exit_code == 2
        assert "belongs to another command: spot account-data get-ledgers" in result.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("note", ["", "{", '{"command": 1}', "[]"])
def test_a_note_that_cannot_be_understood(run: Run, running: Emulator, tmp_path: Path, note: str) -> None:
    (tmp_path / "ledger.cursor").write_text(note)
    result = run(*ALL, "--save", str(tmp_path / "ledger"))
    assert result.exit_code == 2
    assert "cannot be understood" in result.stderr


def test_a_file_that_is_there_already_is_not_overwritten(run: Run, running: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_text("mine")
    result = run(*ALL, "--save", str(file))
    assert result.exit_code == 2
    assert file.read_text() == "mine"


def test_a_file_that_became_shorter_is_told(run: Run, running: Emulator, ledger: list[str], tmp_path: Path) -> None:
    file = tmp_path / "ledger.ndjson"
    interrupt(run, file)
    file.write_text("")
    result = run(*ALL, "--save", str(file))
    assert result.exit_code == 2
    assert "is shorter than" in result.stderr


@pytest.mark.parametrize(
    "words", [("--save", "x"), ("--all", "--save", "x", "-o", "csv"), ("--all", "--save", "x", "--query", "a")]
)
def test_what_does_not_go_together(run: Run, running: Emulator, words: tuple[str, ...]) -> None:
    result = run("ledger", *words)
    assert result.exit_code == 2
    assert "--save: " in result.stderr


def test_a_folder_that_is_not_there(run: Run, running: Emulator, tmp_path: Path) -> None:
    result = run(*ALL, "--save", str(tmp_path / "no" / "ledger"))
    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr


def test_a_download_is_a_file(run: Run, running: Emulator, tmp_path: Path) -> None:
    words = ("spot", "account-data")
    asked: Any = json.loads(run(*words, "add-export", "--report", "trades", "--description", "x", "-o", "json").stdout)
    file = tmp_path / "export.zip"
    get = (*words, "retrieve-export", "--id", asked["id"])
    for _ in range(3):  # the exchange prepares it
        run(*words, "export-status", "--report", "trades")
    result = run(*get, "--save", str(file))
    assert result.exit_code == 0, result.stderr
    assert file.read_bytes().startswith(b"PK")
    assert result.stderr == f"{file}: {file.stat().st_size} bytes\n"
    assert run(*get).stdout_bytes == file.read_bytes(), "a pipe gets the bytes"
