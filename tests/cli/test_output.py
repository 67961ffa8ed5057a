"""What is printed: every digit in every format, tables for people, and errors as one line or one object."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import yaml
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from kraken.cli.output import show
from kraken.cli.settings import Settings
from kraken.cli.tables import print_csv, print_table
from kraken.emulator import Emulator

from .conftest import Recorder, Run

TICKER = '{"error":[],"result":{"XXBTZUSD":{"a":["50000.10000","1","1.000"],"b":["50000.00000","1","0.00000001"],"c":["50000.00000","1.10"],"v":["1.0","12345678901234567.12"],"p":["1.0","1.0"],"t":[1,2],"l":["1.0","1.0"],"h":["1.0","1.0"],"o":"50000.00000"}}}'
BOOK = {
    "result": "success",
    "serverTime": "2026-11-22T15:00:00.000Z",
    "orderBook": {"bids": [[50000.10, 0.00000001]], "asks": [[50000.20, 1]]},
}


@pytest.fixture
def answers(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr("kraken.cli.session.Session._address", lambda *_: recorder.url)
    monkeypatch.delenv("NO_COLOR", raising=False)
    recorder.answer = TICKER.encode()
    return recorder


def ticker(run: Run, *words: str, **environment: str) -> Result:
    result = run("ticker", "XBTUSD", *words, **environment)
    assert (result.exit_code, result.stderr) == (0, "")
    return result


# ---------------------------------------------------------------------- formats


def test_json_has_the_very_digits(run: Run, answers: Recorder) -> None:
    assert json.loads(ticker(run, "-o", "json").stdout) == json.loads(TICKER)["result"]
    assert ticker(run).stdout == ticker(run, "-o", "json").stdout, "JSON where the output is no terminal"
    assert ticker(run, KRAKEN_OUTPUT="json").stdout == ticker(run).stdout


def test_numbers_of_json_keep_their_digits(run: Run, answers: Recorder) -> None:
    answers.answer = b'{"result":"success","serverTime":"2026-11-22T15:00:00.000Z","orderBook":{"bids":[[50000.10,0.00000001]],"asks":[[12345678901234567.120,1]]}}'
    words = ("futures", "market-data", "get-orderbook", "--symbol", "PF_XBTUSD", "-o")
    for chosen in ("json", "ndjson", "yaml", "table"):
        printed = run(*words, chosen).stdout
        for digits in ("50000.10", "0.00000001", "12345678901234567.120"):
            assert digits in printed, (chosen, digits)
    queried = run(*words, "json", "--query", "orderBook.*[0][0]").stdout
    assert queried.split() == ["[", "50000.10,", "12345678901234567.120", "]"]


def test_yaml_tells_text_from_numbers(run: Run, answers: Recorder) -> None:
    found = yaml.safe_load(ticker(run, "-o", "yaml").stdout)
    assert found == json.loads(TICKER)["result"]


def test_ndjson_is_one_object_per_line(run: Run, running: Emulator) -> None:
    lines = run("pairs", "-o", "ndjson").stdout.splitlines()
    assert len(lines) > 3
    assert all(len(json.loads(line)) == 1 for line in lines)


def test_csv_is_csv(run: Run, running: Emulator) -> None:
    result = run("candles", "BTC/USD", "--interval", "60", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert rows[0].keys() == {"time", "open", "high", "low", "close", "vwap", "volume", "trades"}
    assert all(row["time"].isdigit() for row in rows), "programs get the time as it came"
    assert result.stderr == "Warning: left out of the CSV: last; use -o json for all\n"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("XXBTZUSD.o", '"50000.00000"'),
        ("length(@)", "1"),
        ("XXBTZUSD.t[?@ > `1`]", "[\n  2\n]"),
        ("nothing.there", "null"),
        ("keys(@)[0]", '"XXBTZUSD"'),
    ],
)
def test_queries(run: Run, answers: Recorder, query: str, expected: str) -> None:
    assert ticker(run, "--query", query).stdout == expected + "\n"


def test_functions_take_numbers_with_digits(run: Run, answers: Recorder) -> None:
    answers.answer = b'{"error":[],"result":{"a":[1.5,2.25],"b":"x"}}'
    assert run("spot", "/0/public/New", "-o", "json").stdout
    answers.answer = (
        b'{"result":"success","serverTime":"2026-11-22T15:00:00.000Z","orderBook":{"bids":[[1.5,1]],"asks":[[2.25,1]]}}'
    )
    result = run(
        "futures", "market-data", "get-orderbook", "--symbol", "PF_XBTUSD", "--query", "sum(orderBook.*[0][0])"
    )
    assert result.stdout == "3.75\n"


def test_a_broken_query_is_told_before_nothing_else(run: Run, answers: Recorder) -> None:
    result = run("ticker", "XBTUSD", "--query", "a[")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: --query: ")


# ---------------------------------------------------------------------- tables


def table(result: Any, capsys: pytest.CaptureFixture[str], width: int = 80) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        print_table(result)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_numbers_stand_right(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "a", "amount": "1.5", "n": 7}, {"name": "bcd", "amount": "10.25", "n": 10}]
    assert table(rows, capsys) == ["name  amount   n", "a        1.5   7", "bcd    10.25  10"]


def test_rows_that_do_not_fit_stand_below_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{f"field_{index}": f"value {row} {index}" for index in range(9)} for row in range(9)]
    wide, narrow = table(rows, capsys, 200), table(rows, capsys, 40)
    assert len(wide) == 10
    assert len(narrow) == 9 * 9 + 8
    assert narrow[0].split(maxsplit=1) == ["field_0", "value 0 0"]
    for line in (*wide, *narrow):
        assert len(line) <= 200
    assert all(f"value {row} {index}" in "\n".join(narrow) for row in range(9) for index in range(9))


def test_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert table([], capsys) == ["nothing"]
    assert table({"open": {}}, capsys) == ["open  none"]


def test_what_a_terminal_would_obey_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in "\n".join(table([{"na\x1bme": "\x1b[2Jx\r\n"}], capsys))
    assert "[bold]" in "\n".join(table([{"a": "[bold]"}], capsys)), "no mark-up either"


def test_times_are_readable(run: Run, running: Emulator) -> None:
    line = next(line for line in run("time", "-o", "table").stdout.splitlines() if line.startswith("unixtime"))
    day, clock = line.split()[1:]
    assert (len(day.split("-")), len(clock.split(":"))) == (3, 3)


def test_colours_only_at_a_terminal_that_wants_them(run: Run, answers: Recorder) -> None:
    answers.answer = TICKER.replace('"o":"50000.00000"', '"o":"-1"').encode()
    coloured = run("ticker", "XBTUSD", "-o", "table", FORCE_COLOR="1", TERM="xterm").stdout
    assert "\x1b[31m" in coloured
    for environment in ({"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}, {}):
        assert "\x1b[3" not in ticker(run, "-o", "table", **environment).stdout


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_anything_can_be_printed(value: Any) -> None:
    for each in (print_table, print_csv):
        each(value)
    for chosen in ("json", "ndjson", "yaml"):
        show(value, Settings(output=chosen))


# ---------------------------------------------------------------------- errors

ENVIRONMENT = {"KRAKEN_SPOT_API_KEY": "a-key-of-the-tests", "KRAKEN_SPOT_SECRET_KEY": "c2VjcmV0"}


@pytest.mark.parametrize(
    ("code", "exit_code", "error", "retryable"),
    [
        ("EAPI:Rate limit exceeded", 4, "rate_limit", True),
        ("EOrder:Insufficient funds", 1, "order", False),
        ("EAPI:Invalid key", 1, "auth", False),
        ("EWeather:Rain", 1, "exchange", False),
    ],
)
def test_errors_of_krakens(run: Run, answers: Recorder, code: str, exit_code: int, error: str, retryable: bool) -> None:
    answers.answer = json.dumps({"error": [code]}).encode()
    result = run("balance", "-o", "json", **ENVIRONMENT)
    assert (result.exit_code, result.stderr) == (exit_code, "")
    told = json.loads(result.stdout)
    assert (told["error"], told["code"], told["retryable"]) == (error, code, retryable)
    assert code in told["message"]
    plain = run("balance", **ENVIRONMENT)
    assert (plain.exit_code, plain.stdout) == (exit_code, "")
    (line,) = plain.stderr.splitlines()
    assert line.startswith("Error: get_account_balance: ")
    assert code in line
    assert told["hint"] in line


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("spot", "tradng"), "'trading'"),
        (("spot", "trading", "ad-order"), "'add-order'"),
        (("tickr", "BTC/USD"), "'ticker'"),
        (("candles", "BTC/USD", "--intervall", "60"), "'--interval'"),
        (("spot", "trading", "cancel-order", "--txd", "x"), "--txid"),
        (("buy", "BTC/USD", "1", "--ordertype", "limt"), "limit"),
        (("spot", "stream", "tiker"), "'ticker'"),
        (("docs", "ad-order"), "'add-order'"),
    ],
)
def test_the_nearest_right_one_is_suggested(run: Run, words: tuple[str, ...], nearest: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "id you mean" in line
    assert nearest in line


@pytest.mark.parametrize("words", [("-o", "json", "nope"), ("nope", "-o", "json"), ("ticker", "--nope", "-ojson"), ("spot", "nope", "--output=ndjson")])  # fmt: skip
def test_wrong_usage_is_an_object_too(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stderr) == (2, "")
    assert json.loads(result.stdout)["error"] == "request"


def test_arguments_that_do_not_go_together(run: Run, running: Emulator) -> None:
    both = run("spot", "trading", "cancel-order", "--txid", "a", "--cl-ord-id", "b", "--yes")
    assert both.stderr == "Error: --txid and --cl-ord-id do not go together; give one of them\n"
    neither = run("spot", "trading", "cancel-order", "--yes")
    assert neither.stderr == "Error: give one of --txid, --cl-ord-id\n"
    assert running.requests == []


def test_what_the_model_refuses_is_told_in_one_line(run: Run, running: Emulator) -> None:
    result = run("book", "BTC/USD", "--count", "501")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "count" in line
    assert "500" in line
    assert running.requests == []


def test_the_test_environment_is_of_futures_only(run: Run) -> None:
    result = run("--sandbox", "ticker", "BTC/USD")
    assert result.exit_code == 2
    assert "--sandbox: Kraken has a test environment for Futures only" in result.stderr


def test_a_file_that_describes_no_emulator(run: Run) -> None:
    result = run("ticker", "BTC/USD", "--emulator-file", __file__)
    assert result.exit_code == 2
    assert "--emulator-file: " in result.stderr
