"""The program as a process: what it imports, how it ends, and what it does with pipes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from ast import literal_eval
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from kraken.runtime._version import __version__

from .conftest import PROGRAM, Recorder, Run, process

HEAVY = (
    "asyncio",
    *("httpx", "pydantic", "msgspec", "websockets", "uvicorn", "starlette", "yaml", "rich", "jmespath", "tqdm"),
    *("keyring", "kraken.spot", "kraken.futures", "kraken.unified", "kraken.emulator"),
)
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("kraken ")]
IMPORTED = f"""
import sys
from kraken.cli.main import main
try:
    main()
finally:
    print("heavy:", *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)
    print("tables:", *sorted(name for name in sys.modules if name.startswith("kraken.commands.")), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--version"], ["spot", "--help"], ["--emulator", "spot", "-h"]]
)
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "heavy:\ntables:\n")
    assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "tables"),
    [
        ("spot trading --help", "spot spot.trading"),
        ("spot trading add-order --help", "spot spot.trading"),
        ("futures order-management send-order --help", "futures futures.order_management"),
        ("unified stream ticker --help", "unified unified.stream"),
        ("buy --help", "spot spot.trading"),
        ("ticker --help", "spot spot.market_data"),
    ],
)
def test_help_of_a_command_imports_the_table_of_its_group_alone(arguments: str, tables: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments.split()], capture_output=True, text=True, timeout=60
    )
    names = [f"kraken.commands.{name}" for name in tables.split()]
    assert (done.returncode, done.stderr.splitlines()) == (0, ["heavy:", " ".join(["tables:", *names])])
    assert "Usage: kraken " in done.stdout


@pytest.mark.parametrize(
    ("typed", "completed", "tables"),
    [
        ("", "spot futures unified ticker buy orders auth watch catalogue completion", ""),
        ("tick", "ticker", ""),
        ("spot ", "trading funding stream ws", ""),
        ("spot tr", "trading transparency", ""),
        ("spot trading add", "add-order add-order-batch", "spot spot.trading"),
        ("spot trading add-order --ordert", "--ordertype", "spot spot.trading"),
        ("spot trading add-order --ordertype stop", "stop-loss stop-loss-limit", "spot spot.trading"),
        ("ticker BTC/", "BTC/USD", "spot spot.market_data"),
    ],
)
def test_completion_imports_the_table_of_the_group_alone(
    typed: str, completed: str, tables: str, tmp_path: Path
) -> None:
    (tmp_path / "names.json").write_text('{"pairs": ["ETH/USD", "BTC/USD"]}')
    words = {"COMP_WORDS": f"kraken {typed}", "COMP_CWORD": str(1 + typed.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env={**os.environ, "_KRAKEN_COMPLETE": "bash_complete", "KRAKEN_CACHE_DIR": str(tmp_path), **words},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    names = [f"kraken.commands.{name}" for name in tables.split()]
    assert (done.returncode, done.stderr.splitlines()) == (0, ["heavy:", " ".join(["tables:", *names])])
    offered = {line.removeprefix("plain,") for line in done.stdout.splitlines()}
    begun = typed.rpartition(" ")[2]
    assert set(completed.split()) <= offered
    assert all(each.startswith(begun) for each in offered)


def test_a_call_imports_nothing_for_streams_or_tables(recorder: Recorder, tmp_path: Path) -> None:
    recorder.answer = b'{"error":[],"result":{"unixtime":1777852800,"rfc1123":"Mon,  4 May 26 00:00:00 +0000"}}'
    file = tmp_path / "emulator.json"
    file.write_text(json.dumps({"spot_url": recorder.url}))
    arguments = ["--emulator-file", str(file), "spot", "market-data", "get-server-time"]
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["unixtime"] == 1777852800
    heavy, tables = (line.split()[1:] for line in done.stderr.splitlines())
    assert heavy == ["kraken.spot", "msgspec", "pydantic"]
    assert tables == ["kraken.commands.spot", "kraken.commands.spot.market_data"]


def test_the_check_of_imports_sees_them() -> None:
    arguments = ["--emulator", "spot", "/0/public/Time"]
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, timeout=60)
    assert {"msgspec", "kraken.emulator", "kraken.spot"} <= set(done.stderr.split())


def test_the_version_is_all_that_is_printed(run: Run) -> None:
    assert run("--version").output == f"{__version__}\n"
    assert run("--version", KRAKEN_VERSION="0").output == f"{__version__}\n"


def test_a_version_in_the_environment_changes_nothing(run: Run) -> None:
    assert "unixtime" in run("--emulator", "spot", "/0/public/Time", KRAKEN_VERSION="1").stdout


def test_help_lists_the_commands_and_the_exit_codes(run: Run) -> None:
    text = run("--help").output
    assert "spot     Everything of Kraken Spot." in text
    assert "130 interrupted" in " ".join(text.split())


@pytest.mark.parametrize("arguments", [["futur"], ["spot"], ["spot", "--no-such", "/x"], ["spot", "-X", "FOO", "/x"]])
def test_wrong_usage_ends_with_2_and_prints_no_data(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_a_process_prints_the_result_on_stdout_and_nothing_else() -> None:
    done = process("--emulator", "spot", "-X", "POST", "/0/private/Balance")
    assert (done.returncode, done.stderr) == (0, "")
    assert literal_eval(done.stdout)["ZUSD"] == "250000.0000"


def test_the_entry_point_of_the_package_is_this_program() -> None:
    (entry,) = entry_points(group="console_scripts", name="kraken")
    assert entry.value == "kraken.cli.main:main"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_tells(recorder: Recorder, code: int) -> None:
    recorder.answer = b'{"error":[],"result":{}}' if code == 0 else b'{"error":["EGeneral:Unknown method"]}'
    arguments = ("-d", "{") if code == 2 else ()
    assert process("spot", *arguments, f"{recorder.url}/0/public/New").returncode == code


def test_an_interrupted_command_ends_with_130_and_says_nothing(recorder: Recorder) -> None:
    recorder.may_answer.clear()
    with subprocess.Popen(
        [*PROGRAM, "spot", "--timeout", "60", f"{recorder.url}/0/public/New"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that were started in the background are deaf to it, and so were what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert recorder.arrived.wait(30)
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=30) == ("", "")
    assert running.returncode == 130


@pytest.mark.parametrize("arguments", ["--help", "--emulator spot /0/public/AssetPairs", "--emulator orders"])
def test_a_closed_pipe_is_no_matter_for_words(arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [*PROGRAM, *arguments.split()],
            stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["uvicorn", "starlette", "yaml"])
def test_a_missing_emulator_is_told_with_the_way_to_install_it(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None\nfrom kraken.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--emulator", "spot", "/0/public/Time"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert missing in line
    assert "pip install 'kraken-typed-sdk[emulator]'" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_run(run: Run, command: str) -> None:
    _, *arguments = shlex.split(command, comments=True)
    result = run(*arguments, KRAKEN_EMULATOR="1")
    assert result.exit_code == 0, result.stderr
    assert result.stdout


def test_the_page_names_every_option_and_variable(run: Run) -> None:
    help_pages = run("--help").output + run("spot", "--help").output
    names = set(re.findall(r"--[a-z-]+|KRAKEN_[A-Z_]+", help_pages))
    assert len(names) > 8
    assert {name for name in names if name not in PAGE} == set()
