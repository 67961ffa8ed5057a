"""The wire of Funding (Beta): headers, signed queries, names with brackets, bare results and problem objects."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from kraken.emulator import Emulator
from kraken.emulator.auth import Keys, signature_of
from kraken.emulator.errors import Refusal, Words
from kraken.emulator.problems import problem
from kraken.emulator.schema import Mode
from kraken.emulator.specs import error_words, load, specs_folder

from .beta import Beta
from .conftest import Account

SPOT = load(specs_folder(), "spot")
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
NETWORKS = "v1/networks"


@pytest.fixture
def beta(account: Account) -> Beta:
    return Beta(account)


# ---------------------------------------------------------------------- signatures


def test_signature_of_a_query_and_an_empty_body() -> None:
    target = "/funding/v1/fees/d4ec4d52-b159-428e-ba64-f45455a978a1?amount=5&fee_included=true"
    signature = signature_of(base64.b64decode(SECRET), target, "1616492376594", b"")
    expected = "+EH4mm7c+g2d6XOdsx+0rElDQTXFVxuzLIYLgZJwEe80Wi1TMWKDRoQA1dIXD/QFCGEwtvrp32APAoXMXT2k3w=="
    assert signature.decode() == expected


def test_nonces_come_in_a_header(beta: Beta) -> None:
    path = f"/funding/{NETWORKS}"
    http = beta.account.http

    def title(headers: dict[str, str], target: str = path) -> str:
        answer = http.get(target, headers=headers)
        return str(answer.json().get("title", answer.status_code))

    good = beta.headers(path, "", "5")
    assert title({}) == "API: Invalid key"
    assert title({**good, "API-Key": "x"}) == "API: Invalid key"
    assert title({**good, "API-Nonce": "6"}) == "API: Invalid signature"
    assert title({**good, "API-Nonce": "x"}) == "API: Invalid nonce"
    assert title({name: value for name, value in good.items() if name != "API-Nonce"}) == "API: Invalid nonce"
    assert title(good, f"{path}?account_id=x") == "API: Invalid signature"
    assert title(beta.headers(f"{path}?nonce=6", "", "6"), f"{path}?nonce=6") == "General: Invalid arguments:nonce"
    assert title(beta.headers(path, "", "7")) == "200"
    assert title(beta.headers(path, "", "7")) == "API: Invalid nonce"
    assert http.get(path).status_code == 401


def test_what_is_encoded_is_signed_as_it_is_sent(beta: Beta) -> None:
    target = f"/funding/v1/limits/deposit/currency/{quote('BTC', safe='')}?preferred_asset%5Bname%5D=USD"
    assert beta.account.http.get(target, headers=beta.headers(target, "", "1")).status_code == 200
    literal = target.replace("%5B", "[").replace("%5D", "]")
    answer = beta.account.http.get(target, headers=beta.headers(literal, "", "2"))
    assert answer.json()["title"] == "API: Invalid signature"


def test_a_wrong_request_uses_no_nonce_up(beta: Beta) -> None:
    path = f"/funding/{NETWORKS}"
    beta.account.http.get(path, headers={**beta.headers(path, "", "90"), "API-Sign": "x"})
    assert beta.account.http.get(path, headers=beta.headers(path, "", "8")).status_code == 200


# ---------------------------------------------------------------------- one-time passwords


@pytest.fixture
def guarded() -> Iterator[Account]:
    with Emulator(market_interval=None, otp="123456") as emulator:
        client = Account(emulator)
        with client.http:
            yield client


def test_a_key_with_one_time_passwords_needs_one(guarded: Account) -> None:
    assert guarded.refused("Balance") == "EAPI:Invalid signature"
    assert guarded.refused("Balance", otp="654321") == "EAPI:Invalid signature"
    assert guarded.call("Balance", otp="123456")
    assert guarded.reply("Balance", as_json=True, otp="123456")["error"] == []
    assert guarded.call("GetWebSocketsToken", otp="123456")["token"]
    assert guarded.public("Time")
    path = f"/funding/{NETWORKS}"
    beta = Beta(guarded)
    assert guarded.http.get(path, headers=beta.headers(path, "", "90")).status_code == 401
    headers = {**beta.headers(path, "", "90"), "API-OTP": "123456"}
    assert guarded.http.get(path, headers=headers).status_code == 200
    assert all("otp" not in each.arguments for each in guarded.emulator.requests)


def test_a_wrong_password_uses_no_nonce_up() -> None:
    keys = Keys(1, lambda: 0, 900, "1")
    signature = signature_of(base64.b64decode(keys.secret), "/x", "5", b"").decode()
    with pytest.raises(Refusal, match="Invalid signature"):
        keys.check(keys.key, signature, "5", "/x", b"", "2")
    keys.check(keys.key, signature, "5", "/x", b"", "1")


# ---------------------------------------------------------------------- routes


@pytest.mark.parametrize(
    ("method", "path", "operation", "arguments"),
    [
        ("GET", "/0/private/Balance", None, {}),
        ("POST", "/0/private/Balance", "getAccountBalance", {}),
        ("POST", "/0/private/Earn/Allocate", "allocateStrategy", {}),
        ("POST", "/0/private/Earn%2FAllocate", None, {}),
        ("GET", "/funding/v1/addresses", "listFundingAddressesV1", {}),
        ("POST", "/funding/v1/addresses", "createFundingAddressV1", {}),
        ("PUT", "/funding/v1/addresses/AB1", "updateFundingAddressV1", {"id": "AB1"}),
        ("DELETE", "/funding/v1/addresses/AB1", "deleteFundingAddressV1", {"id": "AB1"}),
        ("DELETE", "/funding/v1/addresses/", None, {}),
        ("GET", "/funding/v1/addresses/AB1/x", None, {}),
        (
            "GET",
            "/funding/v1/limits/deposit/currency/a%2Fb",
            "listFundingDepositLimitsV1",
            {"asset_class": "currency", "asset": "a/b"},
        ),
    ],
)
def test_routes(method: str, path: str, operation: str | None, arguments: dict[str, str]) -> None:
    found = SPOT.route(method, path)
    assert (None if found is None else found[0].id) == operation
    assert (found or (None, {}))[1] == arguments


def test_an_unknown_path_is_answered_like_the_rest_of_spot(account: Account) -> None:
    answer = account.http.get("/funding/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": ["EGeneral:Unknown method"]})


def test_faults_by_operation_id(beta: Beta) -> None:
    beta.account.emulator.faults.add("listFundingNetworksV1", "accept-then-502")
    assert beta.send("GET", NETWORKS).status_code == 502
    assert beta.send("GET", NETWORKS).status_code == 200


def test_operations_have_one_name_each() -> None:
    names = [each.name for each in SPOT.operations.values()]
    assert len(set(names)) == len(names)
    assert {"AddOrder", "Earn/Allocate", "createFundingWithdrawalV1"} <= set(names)


# ---------------------------------------------------------------------- arguments

DEPOSITS = SPOT.operations["listFundingDepositsV1"].shape


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"asset[class]": "currency"}, {"asset": {"class": "currency"}}),
        ({"status[list][0]": "pending", "status[list][1]": "success"}, {"status": {"list": ["pending", "success"]}}),
        ({"status[range][end]": "settled"}, {"status": {"range": {"end": "settled"}}}),
        ({"limit": "2"}, {"limit": 2}),
    ],
)
def test_names_with_brackets(given: dict[str, str], expected: dict[str, Any]) -> None:
    assert DEPOSITS.check(given, Mode.TEXT) == expected


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"asset": "BTC"}, "asset"),
        ({"asset[name]": "BTC"}, "asset"),
        ({"asset[class]": "gold"}, "asset"),
        ({"asset[class]": "currency", "asset[colour]": "red"}, "asset"),
        ({"asset[class]": "currency", "asset": "BTC"}, "asset"),
        ({"asset": "BTC", "asset[class]": "currency"}, "asset[class]"),
        ({"asset[]": "BTC"}, "asset[]"),
        ({"asset[class": "currency"}, "asset[class"),
        ({"a" + "[b]" * 9: "c"}, "a" + "[b]" * 9),
        ({"status[list]": "pending,success"}, "status"),
        ({"status[list]": "pending"}, "status"),
        ({"status[list][1]": "pending"}, "status"),
        ({"status[list][0]": "lost"}, "status"),
        ({"status[list][0]": "pending", "status[range][start]": "initial"}, "status"),
        ({"scope[method_id]": "x"}, "scope"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_names_with_brackets(given: dict[str, str], name: str) -> None:
    with pytest.raises(Refusal) as caught:
        DEPOSITS.check(given, Mode.TEXT)
    assert str(caught.value) == f"EGeneral:Invalid arguments:{name}"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "scope"),
        ({"colour": "red"}, "colour"),
        ({"scope": {}}, "scope"),
        ({"scope": {"network_id": 1}}, "scope"),
        ({"address_details": {"crypto": {}}}, "address_details"),
        ({"address_details": {"crypto": {"address": "0xAA"}, "fiat": {}}}, "address_details"),
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"nonce": 1}, "nonce"),
        ({"otp": "1"}, "otp"),
    ],
)
def test_bodies_are_checked_to_the_last_key(beta: Beta, body: dict[str, Any], name: str) -> None:
    good = {
        "scope": {"network_id": next(iter(networks(beta).values()))},
        "address_details": {"crypto": {"address": "0xAA"}},
        "name": "new",
    }
    sent = {**good, **body} if body else {}
    assert beta.problem("POST", "v1/addresses", sent) == (400, f"General: Invalid arguments:{name}")
    assert len(beta.call("listFundingAddressesV1", "GET", "v1/addresses")["addresses"]) == 4


def networks(beta: Beta) -> dict[str, str]:
    found = beta.call("listFundingNetworksV1", "GET", NETWORKS)["networks"]
    return {each["name"]: each["network_id"] for each in found}


def test_arguments_belong_in_one_place(beta: Beta) -> None:
    status, title = beta.problem("POST", "v1/addresses", {}, name="x")
    assert (status, title) == (400, "General: Invalid arguments:name")
    assert beta.problem("PUT", "v1/addresses/AB12345-12345-123456", {"id": "AB12345-12345-123456", "name": "x"}) == (
        400,
        "General: Invalid arguments:id",
    )


@pytest.mark.parametrize(
    ("method", "body", "kind", "title"),
    [
        ("POST", "name=x", "application/x-www-form-urlencoded", "API: Bad request"),
        ("POST", "", "application/x-www-form-urlencoded", "API: Bad request"),
        ("POST", "{", "application/json", "API: Bad request"),
        ("POST", "[]", "application/json", "API: Bad request"),
        ("GET", "{}", "application/json", "API: Bad request"),
        ("POST", "{}", "application/json", "General: Invalid arguments:scope"),
    ],
)
def test_bodies_are_json_or_empty(beta: Beta, method: str, body: str, kind: str, title: str) -> None:
    path = "/funding/v1/addresses"
    headers = {**beta.headers(path, body, "1"), "Content-Type": kind}
    answer = beta.account.http.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (400, title)


def test_binary_examples_are_bytes() -> None:
    operation = SPOT.operations["retrieveExport"]
    assert operation.media == "application/octet-stream"
    with zipfile.ZipFile(io.BytesIO(operation.example())) as archive:
        assert archive.testzip() is None
        assert archive.read("trades.csv").startswith(b'"txid"')


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "status", "kind", "title", "source"),
    [
        (Words.INVALID_KEY, 401, "InvalidKey", "API: Invalid key", "Gateway"),
        (Words.MAX_FEE_EXCEEDED, 400, "MaxFeeExceeded", "Funding: Max fee exceeded", "Funding"),
        (Words.UNKNOWN_WITHDRAW_KEY, 404, "UnknownWithdrawKey", "Funding: Unknown withdraw key", "Funding"),
        (
            Words.TOO_MANY_DEPOSIT_ADDRESSES,
            409,
            "TooManyDepositAddresses",
            "Too many deposit addresses",
            "Funding",
        ),
    ],
)
def test_problem_objects(words: Words, status: int, kind: str, title: str, source: str) -> None:
    assert problem(Refusal(words)) == {
        "type": f"tag:kraken.com,2025:{kind}",
        "status": status,
        "title": title,
        "data": None,
        "source": source,
    }


@pytest.mark.parametrize("words", [each for each in Words if each.startswith(("EAPI:", "EFunding:", "TooMany"))])
def test_problems_lead_back_to_the_error_table(words: Words) -> None:
    found = problem(Refusal(words))
    codes = {row["code"] for row in error_words(specs_folder())}
    named = found["type"].rpartition(":")[2]
    assert (named if named in codes else f"E{found['title'].replace(': ', ':')}") == words
    assert words in codes


def test_problems_are_those_of_the_examples() -> None:
    examples = [
        json.loads(example["response"])
        for operation in SPOT.operations.values()
        for example in operation.examples
        if operation.envelope == "bare" and "raises" in example
    ]
    known = [problem(Refusal(words)) for words in Words]
    assert len(examples) >= 5
    assert [each for each in examples if each not in known] == []
