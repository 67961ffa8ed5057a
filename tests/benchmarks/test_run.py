"""The benchmark suite works, and notices a client that is wrong. How fast anything is, is not looked at."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "benchmarks"
OURS = "kraken-typed-sdk"


def python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SUITE / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def page(cache: Path) -> str:
    """The report of a short run of our own client."""
    scenarios = "import_ws,cli_version,cli_help,cli_call,sign,rest_order_sync,rest_ticker_async,rest_ticker_at_once,ws_ticker,ws_book10,book100"
    sizes = ["--rounds", "1", "--scale", "0.005", "--cache", str(cache), "--output", str(cache / "page.md")]
    done = python("run.py", "--contenders", OURS, "--scenarios", scenarios, *sizes)
    assert done.returncode == 0, done.stderr
    return (cache / "page.md").read_text()


@pytest.fixture(scope="module")
def folder(cache: Path, page: str) -> Path:
    """The data of that run."""
    return next((cache / "data").iterdir())


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table below a title, without its header."""
    section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_scenario_is_measured(page: str) -> None:
    titles = {
        "Signing an order": 1,
        "Placing an order over REST, blocking": 1,
        "Ticker over REST, asyncio": 1,
        "Fifty tickers at once over REST, asyncio": 1,
        "Ticker stream": 1,
        "Order book of 10 levels, streamed": 1,
        "Order book of 100 levels": 1,
        "Import, WebSocket client": 4,
        "Command line, version": 2,
        "Command line, help": 2,
        "Command line, a call": 3,
    }
    found = {title: len(rows(page, title)) for title in titles}
    assert found == titles
    assert "Not measured" not in page


def test_all_messages_and_checksums_are_counted(page: str) -> None:
    [streamed] = rows(page, "Ticker stream")
    [book] = rows(page, "Order book of 100 levels")
    assert "100" in streamed
    assert "40 of 40" in book


def test_where_the_time_goes_adds_up(page: str) -> None:
    table = rows(page, "Where our time goes")
    assert {"decoding into typed messages", "keeping and verifying the book"} <= {step for step, *_ in table}
    for column in (1, 2):
        assert 95 <= sum(int(cells[column].rstrip("%")) for cells in table) <= 105


def test_report_names_versions_but_no_places(page: str, cache: Path) -> None:
    versions = {cells[0]: cells[1] for cells in rows(page, "Where")}
    assert "msgspec" in versions[OURS]
    assert str(ROOT) not in page
    assert str(cache) not in page


def test_a_command_line_is_compared_with_the_bare_line_beside_it(page: str) -> None:
    for title in ("Command line, version", "Command line, help"):
        ours, bare = sorted(rows(page, title), key=lambda cells: "bare interpreter" in cells[0])
        assert bare[0] == f"*bare interpreter*: `import click`, beside {OURS}"
        ratio = float(ours[1]) / float(bare[1])
        assert float(ours[4]) == pytest.approx(ratio, abs=0.02)
        word = "reached" if float(ours[4]) <= 1.5 else "**missed**"
        assert f"Aimed at: at most 1.5 of the bare line: {ours[4]}, {word}." in page.partition(f"\n## {title}\n")[2]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('1.2.3')", ""),
        ("print('Usage: kraken')", "WrongReply"),
        ("print('1.2.3'); raise SystemExit(1)", "WrongReply"),
    ],
)
def test_a_command_line_that_prints_something_else_is_a_failure(program: str, told: str, tmp_path: Path) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import run, report, scenarios\n" + MEASURE
    (tmp_path / "kraken").write_text(f"#!{sys.executable}\n{program}\n")
    (tmp_path / "kraken").chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, SUITE, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (f"failed with {told}" if told else "1 sample")


MEASURE = """
from pathlib import Path
folder = Path(sys.argv[2])
bench = run.Bench([run.OURS], 1, folder, run.Peers(Path(), frozenset()), folder / "python")
[scenario] = [each for each in scenarios.SCENARIOS if each.name == "cli_version"]
(folder / "python").symlink_to(sys.executable)
row = bench.measure(scenario, run.Addresses()).rows[0]
print(row.missing or f"{len(row.samples)} sample")
"""


def test_wrong_checksum_is_a_failure(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    stream = tmp_path / "v2-book10.txt"
    first, second, *rest = stream.read_text().split("\n")
    message = json.loads(second)
    message["data"][0]["checksum"] ^= 1
    stream.write_text("\n".join([first, json.dumps(message), *rest]))

    assert "cost" in measure_book(folder)
    assert "checksums" in measure_book(tmp_path)["failed"]


def measure_book(folder: Path) -> dict[str, Any]:
    places = {"folder": str(folder), "http": "", "ws": ""}
    job = {"contender": OURS, "function": "book", "target": "10", "count": 20, **places}
    sample: dict[str, Any] = json.loads(python("worker.py", json.dumps(job)).stdout.splitlines()[-1])
    return sample


def test_server_refuses_a_wrong_signature_and_ends_with_its_parent(folder: Path) -> None:
    command = [sys.executable, str(SUITE / "server.py"), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        port = int(server.stdout.readline().split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"API-Key": "benchmark-key", "API-Sign": "AAAA"}
        connection.request("POST", "/0/private/AddOrder", "nonce=1&pair=XBTUSD", headers)
        reply = json.loads(connection.getresponse().read())
        connection.close()
        server.stdin.close()
        assert server.wait(10) == 0
    assert reply == {"error": ["EAPI:Invalid signature"]}
