"""Futures over HTTP: signatures, where arguments stand, refusals of each service, faults and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

import httpx
import pytest

from kraken.emulator import Emulator
from kraken.emulator.auth import authent_of

from .conftest import Clock
from .futures import HISTORY, V3, FuturesAccount

ORDER = {"orderType": "lmt", "symbol": "PF_XBTUSD", "side": "buy", "size": "0.5", "limitPrice": "60000"}
STRANGE = "a [1]: b&c=d+e/%20ü"


def accepted(answer: httpx.Response) -> bool:
    return bool(answer.status_code == 200 and answer.json()["result"] == "success")


# ---------------------------------------------------------------------- signatures


def test_a_signature_that_was_calculated_elsewhere() -> None:
    secret = bytes(range(64))
    data = b"lastFillTime=2026-11-22T09%3A00%3A00.000Z"
    wanted = b"z1krj7l7Kp3G55Z8U7e1vXbzVFByUc6+Mp3+2/5T6SBb4QuIgPxckeOTLa1wuPXhb6kkoR/OkHLscK0kwUR2DA=="
    assert authent_of(secret, "/derivatives/api/v3/fills", "1795338000000", data) == wanted
    assert authent_of(secret, "/api/v3/fills", "1795338000000", data) == wanted
    inside, short = (authent_of(secret, f"/api{part}/fills", "", b"") for part in ("/derivatives", ""))
    assert inside != short


@pytest.mark.parametrize("encode", [urlencode, lambda pairs: urlencode(pairs, quote_via=quote)])
def test_what_is_signed_is_what_is_sent(futures: FuturesAccount, encode: Any) -> None:
    """A plus sign and %20 mean the same, but only one of them was sent."""
    data = encode({**ORDER, "cliOrdId": STRANGE})
    assert accepted(futures.send("POST", f"{V3}sendorder", data))
    listed = futures.call("GET", "openorders")["openOrders"]
    assert [row["cliOrdId"] for row in listed] == [STRANGE]


def test_decoded_data_is_refused(futures: FuturesAccount) -> None:
    data = urlencode({**ORDER, "cliOrdId": STRANGE})
    path = f"{V3}sendorder"
    decoded = futures.headers(path, unquote_plus(data))
    assert futures.send("POST", path, data, **decoded).json()["error"] == "authenticationError"
    assert futures.open == []


def test_a_query_may_hold_what_belongs_into_the_body(futures: FuturesAccount) -> None:
    path, data = f"{V3}sendorder", urlencode({**ORDER, "cliOrdId": STRANGE})
    answer = futures.http.post(f"{path}?{data}", headers=futures.headers(path, data))
    assert accepted(answer)


def test_history_is_signed_with_its_whole_path(futures: FuturesAccount) -> None:
    path = f"{HISTORY}account-log"
    assert futures.send("GET", path, "info=conversion&info=interest+payment").json()["logs"] == []
    without = futures.headers("/v3/account-log", "")
    assert futures.http.get(path, headers=without).status_code == 401


@pytest.mark.parametrize("missing", ["APIKey", "Authent"])
def test_both_headers_are_needed(futures: FuturesAccount, missing: str) -> None:
    headers = futures.headers(f"{V3}openorders", "")
    del headers[missing]
    assert futures.http.get(f"{V3}openorders", headers=headers).json()["error"] == "authenticationError"


def test_spot_and_futures_have_keys_of_their_own(futures: FuturesAccount, emulator: Emulator) -> None:
    assert emulator.key != emulator.futures_key
    headers = futures.headers(f"{V3}openorders", "", secret=emulator.secret)
    assert futures.http.get(f"{V3}openorders", headers=headers).json()["error"] == "authenticationError"


def test_nonces_may_come_in_any_order_but_once(futures: FuturesAccount) -> None:
    path = f"{V3}openorders"

    def ask(nonce: str) -> Any:
        return futures.http.get(path, headers=futures.headers(path, "", nonce)).json().get("error")

    assert [ask("1795338000002"), ask("1795338000001"), ask("1795338000002")] == [None, None, "nonceDuplicate"]
    assert ask("not a number") == "nonceBelowThreshold"
    headers = {**futures.headers(path, "", "5"), "Nonce": "6"}
    assert futures.http.get(path, headers=headers).json()["error"] == "authenticationError"


# ---------------------------------------------------------------------- arguments


def test_arguments_are_checked(futures: FuturesAccount) -> None:
    assert futures.refused("POST", "sendorder", **ORDER, nope="1") == "invalidArgument: nope"
    assert futures.refused("POST", "sendorder", **{**ORDER, "side": "hold"}) == "invalidArgument: side"
    assert futures.refused("POST", "sendorder", **{**ORDER, "size": "1e3"}) == "invalidArgument: size"
    assert futures.refused("POST", "sendorder", **{**ORDER, "symbol": "PF_NOPE"}) == "invalidArgument: symbol"
    assert futures.refused("POST", "sendorder", symbol="PF_XBTUSD") == "requiredArgumentMissing"
    assert futures.refused("POST", "cancelorder") == "requiredArgumentMissing"
    assert futures.refused("GET", "orderbook", symbol="NOPE") == "invalidArgument: symbol"
    assert futures.refused("GET", "tickers/NOPE") == "contractNotFound"
    assert futures.refused("POST", "batchorder", json='{"batchOrder": [') == "Json Parse Error"
    assert futures.refused("POST", "batchorder", json='{"batchOrder": [{"order": "hold"}]}') == "invalidArgument: json"
    assert futures.refused("GET", "openorders", symbol="PF_XBTUSD") == "invalidArgument: symbol"
    twice = futures.send("POST", f"{V3}sendorder", urlencode(ORDER) + "&size=1")
    assert twice.json()["error"] == "invalidArgument: size"
    assert futures.open == []


def test_symbols_may_be_written_in_any_case(futures: FuturesAccount) -> None:
    assert futures.order(symbol="pf_xbtusd")["orderEvents"][0]["order"]["symbol"] == "PF_XBTUSD"
    assert futures.ticker("pf_xbtusd")["symbol"] == "PF_XBTUSD"
    assert futures.ticker("in_xbtusd")["symbol"] == "in_xbtusd"


def test_lists_are_repeated(futures: FuturesAccount) -> None:
    kinds = ["flexible_futures", "futures_inverse"]
    for wanted in ([kinds[0]], [kinds[1]], kinds):
        rows = futures.call("GET", "instruments", contractType=wanted)["instruments"]
        assert {row["type"] for row in rows} == set(wanted)
    assert futures.refused("GET", "instruments", contractType="flexible_futures,futures_inverse")


def test_unknown_paths(futures: FuturesAccount) -> None:
    for path in (f"{V3}nope", "/0/public/Time", "/v2"):
        assert futures.http.get(path).status_code == 404
    assert futures.http.get(f"{futures.emulator.spot_url}{V3}tickers").status_code == 404


# ---------------------------------------------------------------------- refusals


def test_each_service_refuses_its_own_way(futures: FuturesAccount) -> None:
    anonymous = futures.http.get
    assert anonymous(f"{HISTORY}executions").json()["status"] == "unauthorized"
    checked = anonymous("/api/auth/v1/api-keys/v3/check")
    assert (checked.status_code, set(checked.json())) == (401, {"error", "message", "suberror"})
    statistic = anonymous("/api/charts/v1/analytics/PF_XBTUSD/cvd?since=1&interval=61")
    assert (statistic.status_code, statistic.json()["result"]) == (400, None)
    assert [(each["severity"], each["field"]) for each in statistic.json()["errors"]] == [("E", "interval")]
    assert anonymous("/api/charts/v1/trade/PF_NOPE/1h").status_code == 404
    assert anonymous(f"{HISTORY}market/PF_NOPE/orders").json() == {"error": "invalidArgument: tradeable"}
    assert anonymous(f"{HISTORY}market/PF_XBTUSD/orders?count=0").json() == {"error": "invalidArgument: count"}
    numbered = futures.reply("PUT", f"{V3}leveragepreferences", symbol="PI_XBTUSD", maxLeverage="5")
    assert [each["code"] for each in numbered["errors"]] == [88]


# ---------------------------------------------------------------------- faults


def test_an_order_that_was_accepted_although_the_reply_says_otherwise(futures: FuturesAccount) -> None:
    futures.emulator.faults.add("sendOrder", "accept-then-502")
    answer = futures.send("POST", f"{V3}sendorder", urlencode({**ORDER, "cliOrdId": "lost"}))
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert [row["cliOrdId"] for row in futures.call("GET", "openorders")["openOrders"]] == ["lost"]


@pytest.mark.parametrize(("kind", "carried_out"), [("reset-before", 0), ("accept-then-reset", 1)])
def test_connections_that_are_reset(futures: FuturesAccount, kind: Any, carried_out: int) -> None:
    futures.emulator.faults.add("sendOrder", kind)
    with pytest.raises(httpx.HTTPError):
        futures.send("POST", f"{V3}sendorder", urlencode(ORDER))
    assert len(futures.open) == carried_out


def test_half_an_answer(futures: FuturesAccount) -> None:
    futures.emulator.faults.add("getOpenOrders", "accept-then-garbage")
    text = futures.send("GET", f"{V3}openorders").text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert futures.open == []


def test_an_answer_that_never_comes(futures: FuturesAccount) -> None:
    futures.emulator.faults.add("sendOrder", "accept-then-hang")
    futures.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        futures.send("POST", f"{V3}sendorder", urlencode(ORDER))
    futures.http.timeout = httpx.Timeout(5)
    assert len(futures.open) == 1


# ---------------------------------------------------------------------- limits


@pytest.fixture
def limited(clock: Clock) -> Iterator[FuturesAccount]:
    with Emulator(market_interval=None, clock=clock, futures_limits=True) as running, FuturesAccount(running) as client:
        yield client


def test_calls_may_cost_500_within_10_seconds(limited: FuturesAccount, clock: Clock) -> None:
    for _ in range(50):
        limited.placed(size="0.0001")
    assert limited.emulator.counters["derivatives"] == 500
    assert limited.refused("POST", "sendorder", **ORDER) == "apiLimitExceeded"
    assert limited.refused("GET", "openorders") == "apiLimitExceeded"
    assert limited.http.get(f"{V3}tickers").json()["result"] == "success"
    clock.sleep(10)
    assert len(limited.open) == 50


@pytest.mark.parametrize(
    ("method", "name", "arguments", "cost"),
    [
        ("GET", "fills", {}, 2),
        ("GET", "fills", {"lastFillTime": "2026-11-22T09:00:00.000Z"}, 25),
        ("POST", "orders/status", {"orderIds": ["a", "b"]}, 1),
        ("POST", "cancelallorders", {}, 25),
        ("POST", "batchorder", {"json": '{"batchOrder":[{"order":"cancel","order_id":"a"}]}'}, 10),
        ("POST", "batchorder", {"json": '{"batchOrder":[' + '{"order":"cancel","order_id":"a"},' * 4 + "{}]}"}, 0),
        ("GET", "tickers", {}, 0),
        ("GET", "subaccounts", {}, 0),
    ],
)
def test_what_calls_cost(limited: FuturesAccount, method: str, name: str, arguments: dict[str, Any], cost: int) -> None:
    limited.reply(method, V3 + name, **arguments)
    assert limited.emulator.counters == {"derivatives": cost, "history": 0}


def test_the_pool_of_history(limited: FuturesAccount, clock: Clock) -> None:
    for count, cost in ((None, 3), (25, 1), (26, 2), (1000, 3), (5000, 6), (100_000, 10)):
        before = limited.emulator.counters["history"]
        limited.history("account-log", **({} if count is None else {"count": count}))
        assert limited.emulator.counters["history"] - before == cost
    for _ in range(12):
        limited.send("GET", f"{HISTORY}accountlogcsv")
    refused = limited.send("GET", f"{HISTORY}accountlogcsv")
    assert (refused.status_code, refused.headers["content-type"]) == (429, "text/plain; charset=utf-8")
    assert limited.emulator.counters["derivatives"] == 0
    clock.sleep(int(refused.headers["rate-limit-reset"]))
    assert limited.send("GET", f"{HISTORY}accountlogcsv").status_code == 200


def test_without_limits_everything_goes(futures: FuturesAccount) -> None:
    for _ in range(21):
        futures.call("POST", "cancelallorders")
    assert futures.emulator.counters == {}
