"""What is measured, and the words that the report says about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILED", "SCENARIOS", "STREAM_COUNT", "Scenario"]

STREAM_COUNT = 20_000
"""Messages of a stream."""

_BOOK = """A stored stream of book updates: each is decoded and applied, and its checksum compared. The socket is left
out. The best prices at the end are compared with the generator's."""

_CLI = """Whole processes, from start to end. Each client's command line is installed from a wheel, as
users have it. The rows in italics import click, on which both stand, in the same environments, and nothing else."""


@dataclass(frozen=True)
class Scenario:
    """One table of the report."""

    name: str
    title: str
    unit: str
    """Of a sample's cost."""
    function: str
    """Of the worker; `import` starts a bare interpreter instead, and `cli` the command line."""
    target: str
    count: int
    text: str
    most_of_peer: float = 0.0
    """The ratio to the best peer that is aimed at; 0 for none."""
    most_of_bare: float = 0.0
    """The same, to the bare line beside it."""


SCENARIOS = (
    Scenario(
        "import_rest",
        "Import, REST client",
        "ms CPU",
        "import",
        "sync",
        1,
        "A fresh interpreter that does nothing but import; its own start is included, and is the row in italics.",
    ),
    Scenario(
        "import_ws",
        "Import, WebSocket client",
        "ms CPU",
        "import",
        "ws",
        1,
        """The same for the modules of the socket. Ours loads the socket library and the message types with the first
connection; the row with `preload` has loaded them as well.""",
    ),
    Scenario(
        "first_call",
        "First REST call of a process",
        "ms CPU",
        "first_call",
        "ticker",
        1,
        """A whole process from its start to the first ticker: what lazy imports put off is included, and so is a little
of the harness.""",
    ),
    Scenario(
        "first_stream",
        "First message of a process",
        "ms CPU",
        "first_stream",
        "ticker",
        1,
        "A whole process from its start to the first message of the ticker stream, likewise.",
    ),
    Scenario(
        "cli_version",
        "Command line, version",
        "ms CPU",
        "cli",
        "--version",
        1,
        f"`kraken --version`. {_CLI}",
        0.6,
        1.5,
    ),
    Scenario("cli_help", "Command line, help", "ms CPU", "cli", "--help", 1, f"`kraken --help`. {_CLI}", 0.6, 1.5),
    Scenario(
        "cli_call",
        "Command line, a call",
        "ms CPU",
        "cli",
        "call",
        1,
        f"""The server's time, asked for with its address, and with the command that is generated for it, which gives a
validated result. {_CLI}""",
        0.6,
    ),
    Scenario("sign", "Signing an order", "µs CPU", "sign", "", 5000, "Nonce, body and signature of an order; no I/O."),
    Scenario(
        "rest_ticker_sync",
        "Ticker over REST, blocking",
        "µs CPU",
        "rest_sync",
        "ticker",
        400,
        "One call after the other over one connection.",
    ),
    Scenario(
        "rest_ticker_async",
        "Ticker over REST, asyncio",
        "µs CPU",
        "rest_async",
        "ticker",
        400,
        "The same calls, each awaited before the next.",
    ),
    Scenario(
        "rest_ticker_at_once",
        "Fifty tickers at once over REST, asyncio",
        "µs CPU",
        "rest_at_once",
        "ticker",
        1000,
        "The same calls, fifty at a time.",
    ),
    Scenario(
        "rest_order_sync",
        "Placing an order over REST, blocking",
        "µs CPU",
        "rest_sync",
        "add_order",
        400,
        "The server checks key, signature and every field. Ours validates the order before it signs it.",
    ),
    Scenario(
        "rest_order_async",
        "Placing an order over REST, asyncio",
        "µs CPU",
        "rest_async",
        "add_order",
        400,
        "The same orders, each awaited before the next.",
    ),
    Scenario(
        "rest_pairs_sync",
        "All 1,850 asset pairs over REST, blocking",
        "µs CPU",
        "rest_sync",
        "asset_pairs",
        6,
        """A body of 1.4 MB. Ours gives 1,850 validated models with exact decimals, whose 37,000 fee rows become objects when
they are looked at; the others give plain dicts of floats.""",
    ),
    Scenario(
        "rest_pairs_async",
        "All 1,850 asset pairs over REST, asyncio",
        "µs CPU",
        "rest_async",
        "asset_pairs",
        6,
        "The same body.",
    ),
    Scenario(
        "ws_ticker",
        "Ticker stream",
        "µs CPU per message",
        "stream",
        "ticker",
        STREAM_COUNT,
        """The server sends as fast as the client reads, and every message is to reach the reader. What is loaded lazily
has been loaded before.""",
    ),
    Scenario("ws_trade", "Trade stream", "µs CPU per message", "stream", "trade", STREAM_COUNT, "As before."),
    Scenario(
        "ws_book10",
        "Order book of 10 levels, streamed",
        "µs CPU per message",
        "stream",
        "book10",
        STREAM_COUNT,
        "As before, with a book that is kept and, where the client does so, verified.",
    ),
    Scenario(
        "ws_first_message",
        "Time to the first message",
        "ms elapsed",
        "first_message",
        "ticker",
        1,
        "From making a client to its first ticker message. Imports are done before.",
    ),
    Scenario("book10", "Order book of 10 levels", "µs CPU per update", "book", "10", 15_000, _BOOK),
    Scenario("book100", "Order book of 100 levels", "µs CPU per update", "book", "100", 8_000, _BOOK),
    Scenario("book1000", "Order book of 1,000 levels", "µs CPU per update", "book", "1000", 2_000, _BOOK),
)

PROFILED = ("ws_ticker", "ws_trade", "ws_book10")
"""Scenarios of which the report shows where our time goes."""
