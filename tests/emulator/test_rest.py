"""Routes, arguments, signatures and market data over HTTP."""

from __future__ import annotations

import base64
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from kraken.emulator import Emulator
from kraken.emulator.auth import signature_of
from kraken.emulator.errors import Words
from kraken.emulator.specs import error_words, load, specs_folder
from kraken.emulator.spot_rest import HANDLERS
from kraken.emulator.spot_ws_orders import METHODS

from .conftest import Account

SPELLINGS = ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTCUSD")


# ---------------------------------------------------------------------- routes and arguments


def test_unknown_route(account: Account) -> None:
    assert account.http.get("/0/public/Nothing").json() == {"error": ["EGeneral:Unknown method"]}
    assert account.refused("Nothing") == "EGeneral:Unknown method"


def test_public_is_get_only(account: Account) -> None:
    assert account.http.post("/0/public/Time").json() == {"error": ["EGeneral:Unknown method"]}
    assert account.http.get("/0/private/Balance").json() == {"error": ["EGeneral:Unknown method"]}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("pair=XBTUSD&colour=red", "colour"),
        ("", "pair"),
        ("pair=XBTUSD&interval=abc", "interval"),
        ("pair=XBTUSD&interval=2", "interval"),
        ("pair=XBTUSD&since=1.5", "since"),
        ("pair=XBTUSD&pair=ETHUSD", "pair"),
    ],
)
def test_wrong_arguments_are_named(account: Account, query: str, name: str) -> None:
    assert account.http.get(f"/0/public/OHLC?{query}").json() == {"error": [f"EGeneral:Invalid arguments:{name}"]}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"validate": "True"}, "validate"),
        ({"validate": "1"}, "validate"),
        ({"type": "BUY"}, "type"),
        ({"volume": "1e-3"}, "volume"),
        ({"volume": ""}, "volume"),
        ({"price": "1,5"}, "price"),
        ({"oflags": "post,nice"}, "oflags"),
        ({"stp_type": "cancel-newest"}, "stp_type"),
        ({"deadline": "tomorrow"}, "deadline"),
        ({"cl_ord_id": "much-too-long-for-a-free-id"}, "cl_ord_id"),
        ({"cl_ord_id": "a", "userref": "1"}, "userref"),
        ({"timeinforce": "GTD"}, "expiretm"),
    ],
)
def test_wrong_order_arguments_are_named(account: Account, arguments: dict[str, str], name: str) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    assert account.refused("AddOrder", **{**order, **arguments}) == f"EGeneral:Invalid arguments:{name}"
    assert account.emulator.orders == {}


def test_form_and_json_bodies(account: Account) -> None:
    order: dict[str, Any] = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    assert account.reply("AddOrder", as_json=True, **order, validate=True)["error"] == []
    assert account.reply("AddOrder", as_json=True, **{**order, "volume": 1}, validate="true")["error"] == []
    wrong = account.reply("AddOrder", as_json=True, **order, validate="True")
    assert wrong["error"] == ["EGeneral:Invalid arguments:validate"]
    nested = account.reply("AddOrder", as_json=True, **order, close={"ordertype": "stop-loss", "price": "50000"})
    assert nested["result"]["descr"]["close"] == "close position @ stop loss 50000.0"
    form = account.call("AddOrder", **order, **{"close[ordertype]": "stop-loss", "close[price]": "50000"})
    assert form["descr"]["close"] == "close position @ stop loss 50000.0"


def test_body_that_is_not_json(account: Account) -> None:
    headers = {"Content-Type": "application/json"}
    reply = account.http.post("/0/private/Balance", content=b'{"nonce":', headers=headers)
    assert reply.json() == {"error": ["EAPI:Bad request"]}


def test_a_parameter_added_to_the_spec_is_accepted_and_checked(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    shutil.copytree(specs_folder(), specs)
    path = specs / "spot" / "rest" / "market_data.yaml"
    document = yaml.safe_load(path.read_text("utf-8"))
    document["paths"]["/0/public/Time"]["get"]["parameters"] = [
        {"name": "colour", "in": "query", "schema": {"type": "string", "enum": ["red"]}}
    ]
    path.write_text(yaml.safe_dump(document), "utf-8")
    with Emulator(specs=specs, market_interval=None) as emulator, httpx.Client(base_url=emulator.spot_url) as http:
        assert http.get("/0/public/Time?colour=red").json()["error"] == []
        assert http.get("/0/public/Time?colour=blue").json()["error"] == ["EGeneral:Invalid arguments:colour"]


def test_operation_without_state_answers_its_example(account: Account) -> None:
    assert account.public("MaintenanceSchedule")["events"]


def test_all_operations_of_the_specs_answer(account: Account) -> None:
    for name, operation in load(specs_folder(), "spot").operations.items():
        answer = account.http.request(operation.method, operation.path.replace("{", "").replace("}", "")).json()
        words = answer["title"] if operation.envelope == "bare" else str(answer["error"])
        assert "Internal error" not in words, name
        assert "Unknown method" not in words, name


def test_handlers_belong_to_operations_of_the_specs() -> None:
    spot = load(specs_folder(), "spot")
    assert set(HANDLERS) <= {each.id for each in spot.operations.values()}
    assert set(METHODS) <= set(spot.methods)


def test_words_stand_in_the_error_table() -> None:
    rows = error_words(specs_folder())
    exact = {row["code"] for row in rows}
    prefixes = tuple(row["code"] for row in rows if row["match"] == "prefix")
    with_detail = {Words.INVALID_ARGUMENTS, Words.UNKNOWN_SYMBOL, Words.UNSUPPORTED_FIELD}
    for words in Words:
        assert words in exact or words.startswith(prefixes), words
    for words in with_detail:
        assert f"{words}:detail".startswith(prefixes), words


# ---------------------------------------------------------------------- signatures


def test_published_signature() -> None:
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    signature = signature_of(base64.b64decode(secret), "/0/private/AddOrder", "1616492376594", body)
    expected = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    assert signature.decode() == expected


def test_keys_and_signatures(account: Account) -> None:
    path, body = "/0/private/Balance", "nonce=5"
    good = account.headers(path, "5", body)

    def errors(headers: dict[str, str], sent: str = body) -> list[str]:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return list(account.http.post(path, content=sent, headers={**headers, **form}).json()["error"])

    assert errors({}) == ["EAPI:Invalid key"]
    assert errors({**good, "API-Key": "x"}) == ["EAPI:Invalid key"]
    assert errors({"API-Key": good["API-Key"]}) == ["EAPI:Invalid signature"]
    assert errors(account.headers(path, "5", body, base64.b64encode(b"x" * 64).decode())) == ["EAPI:Invalid signature"]
    assert errors(account.headers("/0/private/Other", "5", body)) == ["EAPI:Invalid signature"]
    assert errors(good, "nonce=5&otp=1") == ["EAPI:Invalid signature"]
    assert errors(account.headers(path, "", ""), "") == ["EAPI:Invalid nonce"]
    assert errors(account.headers(path, "abc", "nonce=abc"), "nonce=abc") == ["EAPI:Invalid nonce"]
    assert errors(good) == []
    assert errors(good) == ["EAPI:Invalid nonce"]
    assert errors(account.headers(path, "4", "nonce=4"), "nonce=4") == ["EAPI:Invalid nonce"]


def test_a_query_is_part_of_what_is_signed(account: Account) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def errors(path: str, signed: str, nonce: str) -> list[str]:
        body = f"nonce={nonce}"
        headers = {**account.headers(signed, nonce, body), **form}
        return list(account.http.post(path, content=body, headers=headers).json()["error"])

    path = "/0/private/Balance"
    assert errors(f"{path}?a=b", path, "1") == ["EAPI:Invalid signature"]
    assert errors(f"{path}?a=b", f"{path}?a=b", "1") == ["EGeneral:Invalid arguments:a"]
    assert errors(f"{path}?nonce=2", f"{path}?nonce=2", "2") == ["EGeneral:Invalid arguments:nonce"]


def test_requests_are_recorded_without_secrets(account: Account) -> None:
    account.call("Balance", otp="123456")
    last = account.emulator.requests[-1]
    assert (last.method, last.path, dict(last.arguments)) == ("POST", "/0/private/Balance", {"nonce": "1"})
    assert account.emulator.secret not in repr(account.emulator)


# ---------------------------------------------------------------------- market data


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", ["Ticker", "OHLC", "Depth", "Trades", "Spread", "AssetPairs"])
def test_pairs_have_many_spellings_and_one_name(account: Account, name: str, spelling: str) -> None:
    assert set(account.public(name, pair=spelling)) - {"last"} == {"XXBTZUSD"}


def test_unknown_names(account: Account) -> None:
    for name in ("Ticker", "OHLC", "Depth", "Trades", "Spread", "AssetPairs", "GroupedBook"):
        reply = account.http.get(f"/0/public/{name}", params={"pair": "NOPE"}).json()
        assert reply == {"error": ["EQuery:Unknown asset pair"]}
    assert account.http.get("/0/public/Assets?asset=NOPE").json() == {"error": ["EQuery:Unknown asset"]}


def test_assets_and_pairs_agree(account: Account) -> None:
    assets, pairs = account.public("Assets"), account.public("AssetPairs")
    assert {"XXBT", "ZUSD", "XETH"} <= set(assets)
    for pair in pairs.values():
        assert {pair["base"], pair["quote"]} <= set(assets)
        assert Decimal(pair["tick_size"]) == Decimal(1).scaleb(-pair["pair_decimals"])
    assert max(pair["pair_decimals"] for pair in pairs.values()) >= 8
    assert account.public("AssetPairs", pair="XBTUSD", info="margin") == {
        "XXBTZUSD": {"margin_call": 80, "margin_stop": 40}
    }


def test_ticker_book_and_grouped_book_agree(account: Account) -> None:
    account.emulator.tick(50)
    for name, pair in account.public("AssetPairs").items():
        book = account.public("Depth", pair=name, count=500)[name]
        ticker = account.public("Ticker", pair=name)[name]
        assert Decimal(ticker["a"][0]) == Decimal(book["asks"][0][0])
        assert Decimal(ticker["b"][0]) == Decimal(book["bids"][0][0])
        asks = [Decimal(row[0]) for row in book["asks"]]
        bids = [Decimal(row[0]) for row in book["bids"]]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert len(asks) >= 100
        grouped = account.public("GroupedBook", pair=name, depth=1000, grouping=1000)
        assert grouped["pair"] == f"{pair['wsname']}".replace("XBT", "BTC")
        for side in ("bids", "asks"):
            total = sum(Decimal(row["qty"]) for row in grouped[side])
            assert total == sum(Decimal(row[1]) for row in book[side])


def test_trades_page_by_page(account: Account) -> None:
    everything = account.public("Trades", pair="XBTUSD")["XXBTZUSD"]
    found: list[Any] = []
    since = "0"
    for _ in range(len(everything) // 40 + 1):
        page = account.public("Trades", pair="XBTUSD", since=since, count=40)
        found += page["XXBTZUSD"]
        since = page["last"]
    assert found == everything
    assert len({row[6] for row in found}) == len(found) > 100


def test_trades_of_the_market_are_seen_everywhere(account: Account) -> None:
    before = account.public("Trades", pair="XBTUSD")["last"]
    best = account.public("Depth", pair="XBTUSD", count=1)["XXBTZUSD"]["asks"][0]
    account.emulator.trade_through("BTC/USD", best[0])
    (trade,) = account.public("Trades", pair="XBTUSD", since=before)["XXBTZUSD"]
    assert [Decimal(trade[0]), trade[1], trade[3], trade[4]] == [Decimal(best[0]), best[1], "b", "l"]
    assert Decimal(account.public("Ticker", pair="XBTUSD")["XXBTZUSD"]["c"][0]) == Decimal(best[0])
    assert Decimal(account.public("OHLC", pair="XBTUSD")["XXBTZUSD"][-1][4]) == Decimal(best[0])
    assert account.public("Spread", pair="XBTUSD")["XXBTZUSD"][-1][2] != best[0]


def test_the_same_seed_gives_the_same_market() -> None:
    def depth(seed: int) -> str:
        with Emulator(seed=seed, market_interval=None) as emulator, httpx.Client(base_url=emulator.spot_url) as http:
            emulator.tick(100)
            book = json.loads(http.get("/0/public/Depth?pair=ETH/BTC&count=500").text)["result"]["XETHXXBT"]
            return f"{emulator.key} {[row[:2] for row in book['asks'] + book['bids']]}"

    assert depth(1) == depth(1)
    assert depth(1) != depth(2)


def test_the_market_acts_by_itself() -> None:
    with Emulator(market_interval=0.001) as emulator, httpx.Client(base_url=emulator.spot_url) as http:

        def book() -> str:
            return http.get("/0/public/Depth?pair=BTC/USD").text

        before = book()
        assert any(book() != before for _ in range(2000))


def test_level3_is_what_the_book_is_made_of(account: Account) -> None:
    order = account.limit(price="68000.0")
    book = account.public("Depth", pair="XBTUSD", count=500)["XXBTZUSD"]
    level3 = account.call("Level3", pair="BTC/USD", depth="0")
    assert order in [row["order_id"] for row in level3["bids"]]
    for side in ("bids", "asks"):
        volumes: dict[str, Decimal] = {}
        for row in level3[side]:
            volumes[row["price"]] = volumes.get(row["price"], Decimal(0)) + Decimal(row["qty"])
        assert list(volumes.items()) == [(row[0], Decimal(row[1])) for row in book[side]]
