"""Signatures: Kraken's worked example, and that what is signed is what goes out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import CredentialsError
from kraken.runtime.signing import SpotSigner
from kraken.runtime.transport import Request

from ..support import ADDED, KEY, ORDER, SECRET, FakeTransport, Opener, field, pairs_of, reply

NONCE = 1616492376594
BODY = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
SIGNATURE = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
PUBLISHED = {"ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"}


def signature(request: Request, nonce: str) -> str:
    """Made from what went out, with code of the test's own."""
    digest = hashlib.sha256(nonce.encode() + request.body).digest()
    made = hmac.new(base64.b64decode(SECRET), request.target.encode() + digest, hashlib.sha512)
    return base64.b64encode(made.digest()).decode()


def test_the_published_example() -> None:
    headers = SpotSigner(KEY, SECRET).headers("/0/private/AddOrder", NONCE, BODY.encode())
    assert headers == {"API-Key": KEY, "API-Sign": SIGNATURE}


def test_the_published_example_through_a_client(opener: Opener) -> None:
    transport = FakeTransport()
    client = opener(transport=transport, nonce=lambda: NONCE)
    prepared = client.prepare("POST", "/0/private/AddOrder", PUBLISHED)
    client.request("POST", "/0/private/AddOrder", PUBLISHED)
    assert prepared == transport.last
    assert prepared.body.decode() == BODY
    assert prepared.headers["API-Sign"] == SIGNATURE
    assert prepared.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_typed_calls_sign_what_they_send(opener: Opener) -> None:
    transport = FakeTransport(ADDED, ADDED, reply({}))
    client = opener(transport=transport, nonce=itertools.count(NONCE).__next__)
    awkward: dict[str, Any] = {**ORDER, "cl_ord_id": "a&b=c%+~"}
    client.trading.add_order(**awkward)
    client.trading.add_order(**awkward, oflags=["post", "fciq"], close_ordertype="limit", close_price="#5%")
    client.account_data.get_account_balance()
    for nonce, request in zip(itertools.count(NONCE), transport.requests, strict=False):
        assert field(request, "nonce") == str(nonce)
        assert request.headers["API-Sign"] == signature(request, str(nonce))
    assert field(transport.requests[0], "cl_ord_id") == "a%26b%3Dc%25%2B~"
    assert field(transport.requests[1], "close%5Bprice%5D") == "%235%25"
    assert field(transport.requests[1], "oflags") == "post%2Cfciq"


def test_json_bodies_and_queries_are_signed_as_they_are(opener: Opener) -> None:
    transport = FakeTransport()
    client = opener(transport=transport, nonce=lambda: NONCE)
    client.request("POST", "/0/private/AddOrderBatch", {"orders": [{"volume": 0.1}]}, do_json=True)
    assert transport.last.body == b'{"nonce":1616492376594,"orders":[{"volume":0.1}]}'
    assert transport.last.headers["Content-Type"] == "application/json"
    assert transport.last.headers["API-Sign"] == signature(transport.last, str(NONCE))
    client.request("POST", "/0/private/Balance", {"a": "1"}, query_str="account_id=x%2Fy")
    assert transport.last.target == "/0/private/Balance?account_id=x%2Fy"
    assert transport.last.headers["API-Sign"] == signature(transport.last, str(NONCE))


@pytest.mark.parametrize("as_json", [False, True])
def test_one_time_passwords_are_part_of_the_signed_body(opener: Opener, as_json: bool) -> None:
    transport, passwords = FakeTransport(), iter(["first &", "second"])
    client = opener(transport=transport, nonce=lambda: NONCE, otp=lambda: next(passwords))
    client.request("POST", "/0/private/Balance", {"asset": "XBT"}, do_json=as_json)
    client.request("POST", "/0/private/GetWebSocketsToken", do_json=as_json)
    first, second = transport.requests
    if as_json:
        assert first.body == b'{"nonce":1616492376594,"otp":"first &","asset":"XBT"}'
        assert second.body == b'{"nonce":1616492376594,"otp":"second"}'
    else:
        assert pairs_of(first) == [("nonce", str(NONCE)), ("otp", "first+%26"), ("asset", "XBT")]
        assert pairs_of(second) == [("nonce", str(NONCE)), ("otp", "second")]
    for request in transport.requests:
        assert request.headers["API-Sign"] == signature(request, str(NONCE))


def test_one_time_passwords_that_stay_the_same(opener: Opener, emulator: Emulator) -> None:
    client = opener(emulator.key, emulator.secret, emulator.spot_url, otp="static")
    assert client.trading.get_websockets_token().token
    assert client.account_data.get_account_balance()
    transport = FakeTransport()
    opener(transport=transport, otp="static").account_data.get_account_balance()
    assert field(transport.last, "otp") == "static"


def test_public_calls_are_not_signed(opener: Opener) -> None:
    transport = FakeTransport()
    opener(transport=transport).market_data.get_ticker_information(pair="XBTUSD")
    assert transport.last.body == b""
    assert not {"API-Key", "API-Sign"} & set(transport.last.headers)
    assert transport.last.target == "/0/public/Ticker?pair=XBTUSD"


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        (KEY, "not-base64!", "secret is not base64"),
        (KEY, SECRET[:-1], "secret is not base64"),
        (KEY, f"{SECRET} ", "secret has white space"),
        (KEY, SECRET.replace("/", "\n"), "secret has white space"),
        (f"{KEY}\n", SECRET, "key has white space"),
        ("kéy", SECRET, "key has white space or other characters"),
        (KEY, "", "secret is empty"),
        ("", SECRET, "key is empty"),
    ],
)
def test_bad_credentials_are_refused_at_construction(opener: Opener, key: str, secret: str, words: str) -> None:
    with pytest.raises(CredentialsError, match=words) as caught:
        opener(key, secret)
    shown = f"{caught.value!r} {caught.value}"
    assert not any(each in shown for each in (key, secret) if each)


def test_private_calls_without_credentials(opener: Opener) -> None:
    transport = FakeTransport()
    client = opener("", "", transport=transport)
    for call in (client.account_data.get_account_balance, lambda: client.request("POST", "/0/private/Balance")):
        with pytest.raises(CredentialsError, match="needs an API key and its secret"):
            call()
    assert transport.requests == []
