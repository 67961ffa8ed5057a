"""A fact that is added to a spec is everywhere at once: both clients, the wire and the emulator, without touching Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kraken.codegen.build import build

from .support import SPECS, python

PARAMETER = """\
        - name: colour
          in: query
          schema: {type: string, enum: [red, green], x-kraken-enum: closed}
          description: A made-up parameter.
"""

PROGRAM = """
import asyncio, inspect, json, sys
from pathlib import Path
from kraken.emulator import Emulator
from kraken.spot import SpotAsyncClient, SpotClient

edited, original = map(Path, json.load(sys.stdin))
client, coroutines = SpotClient(), SpotAsyncClient()

def signature(owner):
    parameter = inspect.signature(owner.market_data.get_order_book).parameters["colour"]
    return [parameter.kind.name, parameter.annotation, parameter.default]

def books(url):
    with SpotClient(url=url) as client:
        return sorted(client.market_data.get_order_book(pair="XBTUSD", count=1, colour="red"))

async def books_async(url):
    async with SpotAsyncClient(url=url) as client:
        return sorted(await client.market_data.get_order_book(pair="XBTUSD", count=1, colour="red"))

def error(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

with Emulator(specs=edited, market_interval=None) as knows, Emulator(specs=original, market_interval=None) as not_yet:
    accepted = [books(knows.spot_url), asyncio.run(books_async(knows.spot_url))]
    refused = [error(lambda: books(not_yet.spot_url)), error(lambda: asyncio.run(books_async(not_yet.spot_url)))]
    wrong = error(lambda: client.market_data.get_order_book(pair="XBTUSD", colour="blue"))
    received = [request.arguments for request in knows.requests]
print(json.dumps({
    "signatures": [signature(client), signature(coroutines)],
    "docs": [
        "colour: A made-up parameter." in inspect.getdoc(owner.market_data.get_order_book)
        for owner in (client, coroutines)
    ],
    "accepted": accepted, "refused": refused, "wrong": wrong, "received": received,
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("edited")
    specs = folder / "specs"
    shutil.copytree(SPECS, specs)
    _insert(specs / "spot/rest/market_data.yaml", after=("operationId: getOrderBook", "parameters:"))
    assert "kraken/spot/rest/market_data.py" in build(specs, folder / "generated")
    output = python(PROGRAM, folder / "generated", text=json.dumps([str(specs), str(SPECS)]))
    found: dict[str, Any] = json.loads(output)
    return found


def _insert(file: Path, after: tuple[str, ...]) -> None:
    lines = file.read_text("utf-8").splitlines(keepends=True)
    at = 0
    for text in after:
        at = next(index for index in range(at, len(lines)) if text in lines[index]) + 1
    file.write_text("".join([*lines[:at], PARAMETER, *lines[at:]]), encoding="utf-8")


def test_both_signatures_and_docstrings_have_it(seen: dict[str, Any]) -> None:
    assert seen["signatures"] == [["KEYWORD_ONLY", "Literal['red', 'green'] | None", None]] * 2
    assert seen["docs"] == [True, True]


def test_it_goes_over_the_wire_and_the_emulator_takes_it(seen: dict[str, Any]) -> None:
    assert seen["accepted"] == [["XXBTZUSD"], ["XXBTZUSD"]]
    assert seen["received"] == [{"pair": "XBTUSD", "count": "1", "colour": "red"}] * 2


def test_an_emulator_that_does_not_know_it_refuses_it(seen: dict[str, Any]) -> None:
    assert len(seen["refused"]) == 2
    for words in seen["refused"]:
        assert "EGeneral:Invalid arguments:colour" in words


def test_values_are_checked_before_sending(seen: dict[str, Any]) -> None:
    assert seen["wrong"].startswith("InvalidRequest: ")
    assert "colour: 'blue': allowed: 'red' or 'green'" in seen["wrong"]
