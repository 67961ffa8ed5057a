"""Every command: that it is there, what its help says, what it sends, what it prints, and that an exchange answers it."""

from __future__ import annotations

import csv
import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from kraken.cli.main import cli
from kraken.cli.names import completions
from kraken.cli.settings import Settings
from kraken.cli.tables import print_csv
from kraken.cli.tree import EndpointCommand, all_commands
from kraken.codegen.build import load_products
from kraken.codegen.catalogue import catalogue
from kraken.commands import ALIASES, PRODUCTS
from kraken.emulator import Emulator
from kraken.runtime.command import Argument, Command
from kraken.runtime.transport import Lost, Reply, Request

from ..specs import FOLDER, Exchange, rest_exchanges
from ..support import numbers_as_text, wire_of
from .conftest import PROGRAM, Run, describe

COMMANDS = list(all_commands())
IDS = ["-".join(each.path) for each in COMMANDS]
BY_OPERATION = {(each.product, each.group, each.name): each for each in COMMANDS if each.kind == "rest"}
SILENT = {("spot", "heartbeat"), ("unified", "heartbeat"), ("unified", "ledgers")}
"""Channels that tell nothing while nothing happens."""
KEY = "a-key-of-the-tests/0123456789"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
KEYS = {f"KRAKEN_{product}_{part}": value for product in ("SPOT", "FUTURES") for part, value in (("API_KEY", KEY), ("SECRET_KEY", SECRET))}  # fmt: skip


# ---------------------------------------------------------------------- the tree


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], EndpointCommand]]:
    if isinstance(command, EndpointCommand):
        yield path, command
    elif isinstance(command, click.Group):
        ctx = click.Context(command, info_name=path[-1] if path else "kraken", obj=Settings())
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from leaves(found, (*path, name))


def test_the_tree_has_every_operation_channel_and_method_once(run: Run) -> None:
    wanted = sorted(
        (each["product"], each["kind"], each["group"], each["name"]) for each in catalogue(load_products(FOLDER))
    )
    listed = json.loads(run("catalogue", "-o", "json").stdout)
    assert sorted((each["product"], each["kind"], each["group"], each["name"]) for each in listed) == wanted
    ctx = click.Context(cli, obj=Settings())
    tree = {path: leaf.endpoint for name in PRODUCTS for path, leaf in leaves(cli.get_command(ctx, name), (name,))}  # type: ignore[arg-type]
    assert sorted(" ".join(("kraken", *path)) for path in tree) == sorted(each["command"] for each in listed)
    assert [endpoint.path for endpoint in tree.values()] == list(tree)


def test_an_alias_is_the_command_that_it_stands_for(run: Run) -> None:
    listed = json.loads(run("catalogue", "-o", "json").stdout)
    assert sorted(alias for each in listed for alias in each["aliases"]) == sorted(f"kraken {name}" for name in ALIASES)
    (buying,) = [each for each in listed if "kraken buy" in each["aliases"]]
    assert buying["command"] == "kraken spot trading add-order"


@pytest.mark.parametrize("endpoint", COMMANDS, ids=IDS)
def test_help_tells_everything(run: Run, endpoint: Command) -> None:
    result = run(*endpoint.path, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    words = " ".join(result.stdout.split())
    assert endpoint.summary in words
    assert endpoint.url in words
    assert endpoint.example in result.stdout
    for argument in endpoint.arguments:
        assert f"{argument.option} " in words
        assert not argument.unit or f"Unit: {argument.unit}." in words
        assert all(choice in words for choice in argument.choices)
    assert ("asked before" in words) is (endpoint.danger != "none")
    assert ("--api-key-file" in words) is endpoint.auth


@pytest.mark.parametrize("name", ALIASES)
def test_help_of_an_alias(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    for positional in ALIASES[name].positional:
        assert positional.upper() in result.stdout.splitlines()[0]
    assert ALIASES[name].example in result.stdout
    for preset in ALIASES[name].values:
        assert f"--{preset} " not in result.stdout


# ---------------------------------------------------------------------- what is sent and printed


def words_of(endpoint: Command, arguments: dict[str, Any]) -> list[str]:
    """A command line with some arguments of the Python method."""
    known = {each.name: each for each in endpoint.arguments}
    return [word for name, value in arguments.items() for word in option(known[name], value)]


def option(argument: Argument, value: Any) -> list[str]:
    if argument.kind == "boolean":
        return [argument.option.replace("--", "--" if value else "--no-", 1)]
    several = value if argument.many and isinstance(value, list) else [value]
    return [f"{argument.option}={each if isinstance(each, str) else json.dumps(each)}" for each in several]


class Canned:
    """Answers one call with a canned exchange; looking for a tick finds nobody."""

    exchange: Exchange
    requests: list[Request]

    def __init__(self, url: str, **_options: object) -> None:
        self.url = url

    def send(self, request: Request) -> Reply | Lost:
        path = request.target.partition("?")[0]
        if f"{request.method} {path}" != self.exchange.operation and "{" not in self.exchange.operation:
            return Lost(False, OSError("nobody is there"))
        self.requests.append(request)
        return self.exchange.reply

    def close(self) -> None:
        pass


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> type[Canned]:
    Canned.requests = []
    monkeypatch.setattr("kraken.cli.transport.SingleCallTransport", Canned)
    return Canned


EXCHANGES = [each for product in ("spot", "futures") for each in rest_exchanges(product) if not each.known.binary]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_canned_exchanges(run: Run, canned: type[Canned], exchange: Exchange) -> None:
    canned.exchange = exchange
    group = exchange.known.models.rpartition(".")[2]
    endpoint = BY_OPERATION[exchange.product, group, exchange.known.name]
    further = ["--yes"] if endpoint.danger != "none" else []
    if endpoint.amount:
        amount: Any = exchange.arguments
        for part in endpoint.amount.split("."):
            amount = amount[part]
        further.append(f"--confirm-amount={amount}")
    result = run(*endpoint.path, "-o", "json", *words_of(endpoint, exchange.arguments), *further, **KEYS)
    (request,) = canned.requests
    assert wire_of(request) == exchange.wire
    if exchange.raises:
        assert result.exit_code in (1, 2, 4)
        assert json.loads(result.stdout).keys() >= {"error", "code", "message", "retryable", "hint"}
    else:
        assert result.exit_code == 0, result.stderr
        assert numbers_as_text(result.stdout) == exchange.result(numbers_as_text(exchange.response))


@pytest.mark.parametrize("chosen", ["table", "ndjson", "csv", "yaml"])
@pytest.mark.parametrize("exchange", [each for each in EXCHANGES if not each.raises and each.number == 0], ids=str)
def test_every_result_can_be_printed_in_every_format(
    run: Run, canned: type[Canned], exchange: Exchange, chosen: str
) -> None:
    canned.exchange = exchange
    endpoint = BY_OPERATION[exchange.product, exchange.known.models.rpartition(".")[2], exchange.known.name]
    further = ["--yes"] if endpoint.danger != "none" else []
    if endpoint.amount:
        further += ["--emulator-file", str(Path(__file__))]
    result = run(*endpoint.path, "-o", chosen, *words_of(endpoint, exchange.arguments), *further, **KEYS)
    if endpoint.amount:  # refused: that is no emulator
        assert result.exit_code == 2
        return
    assert result.exit_code == 0, result.stderr
    for digits in amounts(json.loads(exchange.response, parse_float=str, parse_int=str)):
        assert chosen == "csv" or digits in result.stdout


def amounts(value: Any) -> Iterator[str]:
    """The decimal numbers of a reply, which no format may round."""
    if isinstance(value, dict):
        for each in value.values():
            yield from amounts(each)
    elif isinstance(value, list):
        for each in value:
            yield from amounts(each)
    elif (
        isinstance(value, str)
        and value.count(".") == 1
        and value.replace(".", "").isdigit()
        and not value.startswith("179")
    ):  # times are readable
        yield value


# ---------------------------------------------------------------------- against an exchange


@pytest.fixture(scope="module")
def exchange_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, str]]:
    """A running emulator, and the file in which it says where it is."""
    file = tmp_path_factory.mktemp("emulator") / "emulator.json"
    with Emulator(market_interval=None) as running:
        yield running, describe(running, file)


@pytest.mark.parametrize(
    "endpoint", [each for each in COMMANDS if each.kind != "channel"], ids=lambda each: "-".join(each.path)
)
def test_every_call_reaches_the_exchange(
    run: Run, exchange_file: tuple[Emulator, str], tmp_path: Path, endpoint: Command
) -> None:
    """Its example is carried out, or refused by the exchange for what it does not have: an order of that id."""
    emulator, file = exchange_file
    before = len(emulator.requests)
    further = ["--yes"] if endpoint.danger != "none" else []
    further += ["--save", str(tmp_path / "result")] if endpoint.binary else ["-o", "json"]
    result = run(*shlex.split(endpoint.example)[1:], *further, "--emulator-file", file)
    assert result.exit_code in (0, 1), result.stderr
    if result.exit_code == 1:
        assert endpoint.name in (result.stdout + result.stderr)
    if endpoint.kind == "rest":
        assert len(emulator.requests) > before


@pytest.mark.parametrize(
    "endpoint",
    [each for each in COMMANDS if each.kind == "channel" and (each.product, each.name) not in SILENT],
    ids=lambda each: "-".join(each.path),
)
def test_every_channel_streams(run: Run, exchange_file: tuple[Emulator, str], endpoint: Command) -> None:
    _, file = exchange_file
    result = run(*shlex.split(endpoint.example)[1:], "--messages", "1", "--emulator-file", file)
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    message = json.loads(line)
    assert str(message.get("channel", message.get("feed"))).startswith(endpoint.name)


@pytest.mark.parametrize("path", sorted(SILENT))
def test_a_silent_channel_waits_until_it_is_interrupted(
    exchange_file: tuple[Emulator, str], path: tuple[str, str]
) -> None:
    _, file = exchange_file
    (endpoint,) = [each for each in COMMANDS if each.kind == "channel" and (each.product, each.name) == path]
    with subprocess.Popen(
        [*PROGRAM, *shlex.split(endpoint.example)[1:], "-v", "--emulator-file", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stderr is not None
        assert any("Open(" in line for line in running.stderr)
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=30)
    assert (running.returncode, output) == (130, "")
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ALIASES)
def test_examples_of_aliases(run: Run, exchange_file: tuple[Emulator, str], name: str) -> None:
    _, file = exchange_file
    result = run(*shlex.split(ALIASES[name].example)[1:], "--emulator-file", file, "--yes" if "buy" in name else "-v")
    if name in ("sell", "cancel", "cancel-all"):
        assert "nobody to ask" in result.stderr
    else:
        assert result.exit_code == 0, result.stderr


def test_entries_of_all_pages_are_rows(run: Run, exchange_file: tuple[Emulator, str]) -> None:
    _, file = exchange_file
    one = run("ledger", "-o", "csv", "--emulator-file", file)
    every = run("ledger", "--all", "-o", "csv", "--emulator-file", file)
    rows = list(csv.DictReader(every.stdout.splitlines()))
    assert {"", "refid", "amount", "fee"} <= rows[0].keys()
    assert len(rows) > 5
    assert every.stdout == one.stdout
    assert all("." in row["amount"] and "E" not in row["amount"] for row in rows)


def test_json_in_a_cell_has_times_as_they_came_and_no_exponents(capsys: pytest.CaptureFixture[str]) -> None:
    class Fill(BaseModel):
        fee: Decimal
        at: str

        @property
        def at_utc(self) -> datetime:
            return datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)

    print_csv([{"fills": [Fill(fee=Decimal("0E-10"), at="1.50")]}])
    ((cell,),) = list(csv.reader(capsys.readouterr().out.splitlines()))[1:]
    assert json.loads(cell) == [{"fee": "0.0000000000", "at": "1.50"}]


def test_names_that_are_kept_are_those_of_the_calls_that_take_them(
    run: Run, exchange_file: tuple[Emulator, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, file = exchange_file
    monkeypatch.setenv("KRAKEN_CACHE_DIR", str(tmp_path))
    assert run("completion", "refresh", "--emulator-file", file).exit_code == 0
    kept = json.loads((tmp_path / "names.json").read_text())
    assert "XBTUSD" in kept["pairs"]
    assert "BTC/USD" in kept["symbols"]
    assert not any("XBT" in each for each in kept["symbols"])
    offered = [each.value for typed in ("xbt", "BTC", "ETH/U") for each in completions("pairs", typed)]
    assert offered == ["XBTUSD", "BTC/USD", "ETH/USD"]
    assert [each.value for each in completions("symbols", "ETH/USD,btc/u")] == ["ETH/USD,BTC/USD"]


@pytest.mark.parametrize("endpoint", [each for each in COMMANDS if each.ends or each.replaced_by], ids=lambda each: "-".join(each.path))  # fmt: skip
def test_what_ends_is_told_in_help_and_reference(run: Run, endpoint: Command) -> None:
    help_page = " ".join(run(*endpoint.path, "--help").stdout.split())
    reference = run("docs", *endpoint.path).stdout
    for words in (endpoint.ends, f"Deprecated by Kraken: use {endpoint.replaced_by}." * bool(endpoint.replaced_by)):
        assert words in reference
        assert words.replace("-", "") in help_page.replace("- ", "").replace("-", "")
