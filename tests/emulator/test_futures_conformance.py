"""Futures against the specs: the emulator takes what their examples send, and answers what their schemas say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from kraken.emulator import Emulator
from kraken.emulator.schema import Mode
from kraken.emulator.specs import Operation, load, specs_folder
from kraken.emulator.wire import loads

from .futures import V3, FuturesAccount
from .schemas import FUTURES_RESULTS, check

FUTURES = load(specs_folder(), "futures")
STORY: dict[str, dict[str, Any]] = {
    "accountLog": {"conversion_details": "true"},
    "candles": {"tick_type": "trade", "symbol": "PF_XBTUSD", "resolution": "1h"},
    "cancelAllOrdersAfter": {"timeout": 60},
    "cancelOrder": {"cliOrdId": "limit"},
    "editOrderSpring": {"cliOrdId": "limit", "limitPrice": "59000"},
    "getFills": {},
    "getHistory": {"symbol": "PF_XBTUSD"},
    "getOrderStatus": {"cliOrdIds": ["limit", "stop", "post", "market"]},
    "getOrderbook": {"symbol": "PF_XBTUSD"},
    "getPublicExecutionEvents": {"tradeable": "PF_XBTUSD", "count": 20},
    "getPublicOrderEvents": {"tradeable": "PF_XBTUSD", "count": 50},
    "getPublicPriceEvents": {"tradeable": "PF_XBTUSD", "count": 20},
    "getTicker": {"symbol": "PF_XBTUSD"},
    "historicalFundingRates": {"symbol": "PF_XBTUSD"},
    "historicalFundingRatesV4": {"symbol": "PF_XBTUSD"},
    "instrumentStatus": {"symbol": "PF_XBTUSD"},
    "resolutions": {"tick_type": "spot", "symbol": "PF_XBTUSD"},
    "sendOrder": {"orderType": "mkt", "symbol": "PF_XBTUSD", "side": "buy", "size": "1"},
    "setLeverageSetting": {"symbol": "PF_XBTUSD", "maxLeverage": "10"},
    "setPnlCurrencyPreference": {"symbol": "PF_XBTUSD", "pnlPreference": "EUR"},
    "setRfqAssignmentMaxLeverage": {"maxLeverage": "10"},
    "setSelfTradeStrategy": {"strategy": "CANCEL_MAKER_SELF"},
    "symbols": {"tick_type": "mark"},
    "transfer": {"fromAccount": "cash", "toAccount": "flex", "unit": "usd", "amount": "1"},
    "withdrawal": {"currency": "usd", "amount": "1"},
}
"""What calls are made with after a story in which everything happened once."""

UNKNOWN = "getRecentOrders"
"""What it answers is not known, so the specs name next to nothing of it."""


@pytest.mark.parametrize("operation", FUTURES.operations.values(), ids=lambda each: each.id)
def test_examples_of_requests_are_understood(operation: Operation) -> None:
    for example in operation.examples:
        if "raises" in example:
            continue
        in_path = {name: str(example["arguments"][name]) for name, place in operation.places.items() if place == "path"}
        if example["wire"].startswith("{"):
            operation.shape.check({**loads(example["wire"]), **in_path}, Mode.LENIENT)
        else:
            given = parse_qs(example["wire"], keep_blank_values=True)
            plain = {name: value if name in operation.repeated else value[-1] for name, value in given.items()}
            operation.shape.check({**plain, **in_path}, Mode.TEXT)
    if operation.media == "application/json" and operation.id != UNKNOWN:
        check(FUTURES_RESULTS[operation.id], unwrapped(operation, json.loads(operation.example())))


def unwrapped(operation: Operation, body: Any) -> Any:
    return (
        {name: value for name, value in body.items() if name != "result"} if operation.envelope == "futures" else body
    )


def happens(futures: FuturesAccount, emulator: Emulator) -> None:
    """Orders of all kinds, fills, rejections, changes, triggers and transfers."""
    emulator.tick(20)
    futures.placed(cliOrdId="limit")
    futures.placed(price=None, size="0.25", cliOrdId="market")
    futures.placed("sell", "0.25", None, orderType="stp", stopPrice="50000", reduceOnly="true", cliOrdId="stop")
    futures.placed("sell", "1", None, orderType="trailing_stop", trailingStopMaxDeviation="5", cliOrdId="trail")
    futures.call("POST", "editorder", cliOrdId="limit", size="0.4")
    futures.call("POST", "editorder", cliOrdId="stop", stopPrice="49000")
    assert futures.order(price="90000", orderType="post", cliOrdId="post")["status"] == "outsidePriceCollar"
    assert futures.order(price="70000", orderType="post", cliOrdId="post")["status"] == "postWouldExecute"
    futures.placed("sell", "2500", "69000", symbol="PI_XBTUSD", cliOrdId="inverse")
    emulator.fill("inverse", "500")
    emulator.fill("limit", "0.1")
    futures.call("POST", "cancelorder", cliOrdId="trail")


def can_be_asked(operation: Operation) -> bool:
    """Whether it is known what to ask for; other operations answer with their example."""
    needed = [name for name in operation.shape.required if name not in STORY.get(operation.id, {})]
    chosen = operation.shape.one_of and operation.id not in STORY
    return operation.media == "application/json" and operation.id != UNKNOWN and not needed and not chosen


@pytest.mark.parametrize(
    "operation", [each for each in FUTURES.operations.values() if can_be_asked(each)], ids=lambda each: each.id
)
def test_answers_are_what_the_specs_say(futures: FuturesAccount, emulator: Emulator, operation: Operation) -> None:
    happens(futures, emulator)
    arguments = dict(STORY.get(operation.id, {}))
    path = operation.path
    for name, place in operation.places.items():
        if place == "path":
            path = path.replace(f"{{{name}}}", arguments.pop(name))
    body = futures.reply(operation.method, path, **arguments)
    if operation.envelope == "futures" and "result" in body:
        assert body["result"] == "success", body
    check(FUTURES_RESULTS[operation.id], unwrapped(operation, body))


def test_batches_are_what_the_specs_say(futures: FuturesAccount) -> None:
    order = {"orderType": "lmt", "symbol": "PF_ETHUSD", "side": "sell", "size": 1.5, "limitPrice": 2600}
    instructions = [
        {"order": "send", "order_tag": "a", **order, "cliOrdId": "a"},
        {"order": "send", "order_tag": "b", **order, "limitPrice": 2600.05},
        {"order": "edit", "cliOrdId": "a", "limitPrice": 2610.5},
        {"order": "edit", "cliOrdId": "b"},
        {"order": "cancel", "cliOrdId": "a"},
        {"order": "cancel", "order_id": "b"},
    ]
    body = futures.call("POST", "batchorder", json=json.dumps({"batchOrder": instructions}))
    statuses = [row["status"] for row in body["batchStatus"]]
    assert statuses == ["placed", "invalidPrice", "edited", "orderForEditNotFound", "cancelled", "notFound"]
    check(FUTURES_RESULTS["sendBatchOrder"], {name: value for name, value in body.items() if name != "result"})


def test_numbers_have_all_their_digits(futures: FuturesAccount) -> None:
    text = futures.http.get(f"{V3}tickers/PF_XBTUSD").text
    rate = json.loads(text, parse_float=str)["ticker"]["fundingRate"]
    assert "e" not in rate.lower()
    assert Decimal(rate) == futures.ticker()["fundingRate"]


def test_the_same_seed_gives_the_same_market() -> None:
    def look(seed: int) -> tuple[Any, ...]:
        running = Emulator(market_interval=None, seed=seed, clock=lambda: 1_800_000_000 * 10**9)
        with running as emulator, FuturesAccount(emulator) as account:
            emulator.tick(30)
            return (
                emulator.futures_key,
                account.reply("GET", f"{V3}orderbook", symbol="PF_XBTUSD")["orderBook"],
                account.placed(),
                account.history("orders")["elements"],
                account.reply("GET", f"{V3}historical-funding-rates", symbol="PI_XBTUSD")["rates"],
            )

    assert look(1) == look(1)
    assert look(1)[0] != look(2)[0]
    assert look(1)[1] != look(2)[1]
