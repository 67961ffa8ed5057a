"""The program in this process and in one of its own, an emulator, and a server that remembers what arrived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import keyring
import pytest
from click.testing import CliRunner, Result
from keyring.core import load_keyring

from kraken.cli.main import cli
from kraken.emulator import Emulator

Run = Callable[..., Result]
PROGRAM = [sys.executable, "-m", "kraken.cli.main"]
VARIABLES = (
    "KRAKEN_EMULATOR",
    "KRAKEN_EMULATOR_FILE",
    "KRAKEN_SANDBOX",
    "KRAKEN_TIMEOUT",
    "KRAKEN_VERBOSE",
    *(f"KRAKEN_SPOT_{name}" for name in ("API_KEY", "SECRET_KEY", "TIMEOUT", "DATA", "X")),
    *(name for word in ("HTTP", "HTTPS", "ALL") for name in (f"{word}_PROXY", f"{word.lower()}_proxy")),
)


class Arrived(NamedTuple):
    """A request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str


class Recorder:
    """An HTTP server that gives the same answer to everything."""

    def __init__(self) -> None:
        self.answer = b'{"error":[],"result":{}}'
        self.requests: list[Arrived] = []
        self.arrived = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                recorder.requests.append(Arrived(self.command, self.path, dict(self.headers), body))
                recorder.arrived.set()
                recorder.may_answer.wait(30)
                self.send_response(200)
                self.send_header("Content-Length", str(len(recorder.answer)))
                self.end_headers()
                self.wfile.write(recorder.answer)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def handle(self) -> None:
                with suppress(ConnectionError):  # the program was interrupted
                    super().handle()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def only(self) -> Arrived:
        (request,) = self.requests
        return request


@pytest.fixture(autouse=True)
def _nothing_of_ours_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of settings, empty: the stored keys of whoever runs the tests are not theirs. No keyring, too."""
    folder = tmp_path / "config"
    monkeypatch.setenv("KRAKEN_CONFIG_DIR", str(folder))
    for name in (
        "KRAKEN_PROFILE",
        "KRAKEN_API_KEY_FILE",
        "KRAKEN_OUTPUT",
        "KRAKEN_FUTURES_API_KEY",
        "KRAKEN_FUTURES_SECRET_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    keyring.set_keyring(load_keyring("keyring.backends.null.Keyring"))
    return folder


@pytest.fixture
def run() -> Run:
    """Runs the program in this process: `run("spot", "/0/public/Time", KRAKEN_SPOT_API_KEY="...")`."""

    def invoke(*arguments: str, stdin: str = "", **environment: str) -> Result:
        result = CliRunner().invoke(cli, arguments, prog_name="kraken", input=stdin, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stdin gives counts as typed."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _stream: True, raising=False)


DESCRIBED = (
    "spot_url",
    "spot_ws_url",
    "spot_ws_auth_url",
    "spot_ws_level3_url",
    "futures_url",
    "futures_ws_url",
    "unified_ws_url",
    "key",
    "secret",
    "futures_key",
    "futures_secret",
)


def describe(emulator: Emulator, file: Path) -> str:
    """Write where an emulator is, as `python -m kraken.emulator` does; returns the path of the file."""
    file.write_text(json.dumps({name: getattr(emulator, name) for name in DESCRIBED}), encoding="utf-8")
    return str(file)


@pytest.fixture
def running(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator that all commands of a test use."""
    monkeypatch.setenv("KRAKEN_EMULATOR_FILE", describe(emulator, tmp_path / "emulator.json"))
    return emulator


@pytest.fixture
def kraken(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator in the place of the real Kraken: commands do not know that it is none."""
    urls = {"spot": emulator.spot_url, "futures": emulator.futures_url}
    monkeypatch.setattr("kraken.cli.session.Session._address", lambda _session, product, _host: urls[product])
    return emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A market that stands still."""
    with Emulator(market_interval=None) as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.may_answer.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [*PROGRAM, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
