"""Signatures: vectors made with OpenSSL, and that what is signed is what goes out, encoded as it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from kraken.exceptions import CredentialsError
from kraken.futures import FuturesClient
from kraken.runtime.signing import FuturesSigner
from kraken.runtime.transport import Request

from ..support import KEY, SECRET, FakeTransport, FuturesOpener
from .replies import ORDER, reply, sent

V3 = "/derivatives/api/v3"
VECTORS = {
    "nothing": (
        f"{V3}/accounts",
        "",
        "",
        "nJH9pTKkNbq08nxmP9E1eRLJOXsXZEQWSB4zXBICD91l16ZzyGddRkBKrB55ZwPEwFQy+iSRX9DQMNlD5OmKEA==",
    ),
    "a nonce": (
        f"{V3}/accounts",
        "",
        "1415957147987",
        "8tF4rG/kgDk1Jf8T93Zcx3cVtTY5RA34HJcf4jQu3cLpPjTh+MiDP/JOx7wat+PMl6cm26572HKtjsyIbMkJ9g==",
    ),
    "blanks, brackets and colons in a form": (
        f"{V3}/sendorder",
        "orderType=lmt&symbol=PF_XBTUSD&side=buy&size=0.4&limitPrice=67500&cliOrdId=stop+%5B4%5D%3A+a",
        "",
        "yjvTh/4rLLEcLQ5qNh9nnsbzRWb0Xr5d3Y/tajJFMup+hVUHHY2WA5O35ctKYWvoke0BLdtpf1aJ6vdTsAx+ig==",
    ),
    "JSON in a form": (
        f"{V3}/batchorder",
        "json=%7B%22batchOrder%22%3A%5B%7B%22order%22%3A%22cancel%22%2C%22cliOrdId%22%3A%22a+b%22%7D%5D%7D",
        "",
        "PVgKgbTudlY4epzPWA+KLm6BJMsQaHfp30UvcPTsC4aSxg6edTvLlsV6LugKAmBPgbpXJYTgt3NNz9dn3SWmMg==",
    ),
    "colons in a query": (
        f"{V3}/fills?lastFillTime=2026-11-20T07%3A30%3A11.004Z",
        "",
        "",
        "3EmR4sRfDqNg85wjHfacCh0arpuzKkJNZTVao3ByEe20wSEqHdDPBauL8YHX8CVPtP5h0pI62rvCaJQTo1mjUg==",
    ),
    "another family of paths": (
        "/api/history/v3/orders?since=1795338000000&tradeable=PF_XBTUSD",
        "",
        "",
        "1KSp1gHkBh8m9Bn5jgfjzUNmw6IKYLh7bBTaPQyP8+mZpX1cAsF+jIgVIjGc6l/m+FwX3W++IRyGTuTZGUnzXw==",
    ),
    "a list in a form": (
        f"{V3}/orders/status",
        "orderIds=a%3Ab&orderIds=c",
        "",
        "LeRX8WBzpRWKGRfOih1ZgChNrC6raAITvawbuM9ZCSrcxNcxxXgbNAYUaKFO+QTobtWAlqnZ9hU+wCAYiCKvAg==",
    ),
}
CALLS: dict[str, Callable[[FuturesClient], Any]] = {
    "nothing": lambda client: client.account_information.get_accounts(),
    "blanks, brackets and colons in a form": lambda client: client.order_management.send_order(
        **ORDER, cliOrdId="stop [4]: a"
    ),
    "JSON in a form": lambda client: client.order_management.send_batch_order(
        batchOrder=[{"order": "cancel", "cliOrdId": "a b"}]
    ),
    "colons in a query": lambda client: client.historical_data.get_fills(lastFillTime="2026-11-20T07:30:11.004Z"),
    "another family of paths": lambda client: client.account_history.get_order_events(
        since=1795338000000, tradeable="PF_XBTUSD"
    ),
    "a list in a form": lambda client: client.order_management.get_order_status(orderIds=["a:b", "c"]),
}
ANSWER = reply(
    accounts={},
    sendStatus={"status": "placed"},
    batchStatus=[],
    fills=[],
    accountUid="a",
    len=0,
    elements=[],
    orders=[],
)


def signature(request: Request) -> str:
    """Made from what went out, with code of the test's own."""
    path, _, query = request.target.partition("?")
    data = query.encode() + request.body + request.headers.get("Nonce", "").encode()
    data += path[len("/derivatives") :].encode() if path.startswith("/derivatives/") else path.encode()
    made = hmac.new(base64.b64decode(SECRET), hashlib.sha256(data).digest(), hashlib.sha512)
    return base64.b64encode(made.digest()).decode()


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str) -> None:
    target, body, nonce, expected = VECTORS[name]
    assert FuturesSigner(KEY, SECRET).headers(target, nonce, body.encode()) == {"APIKey": KEY, "Authent": expected}


@pytest.mark.parametrize("name", CALLS)
def test_vectors_through_typed_calls(name: str, opener: FuturesOpener) -> None:
    target, body, _, expected = VECTORS[name]
    transport = FakeTransport(ANSWER)
    CALLS[name](opener(transport=transport))
    assert (transport.last.target, transport.last.body.decode()) == (target, body)
    assert transport.last.headers["APIKey"] == KEY
    assert transport.last.headers["Authent"] == expected
    assert "Nonce" not in transport.last.headers


def test_encoded_and_decoded_forms_differ() -> None:
    """The vectors would not tell which of them is signed otherwise."""
    awkward = [f"{target}{body}" for target, body, _, _ in VECTORS.values() if "%" in target + body]
    assert len(awkward) == 4
    assert all(text != unquote_plus(text) for text in awkward)


VALUES = ["a b", "a+b", "a:b", "[1]", "a&b=c", "50%", "äöü", '"', "a/b?c#d", "~-._"]


@pytest.mark.parametrize("value", VALUES)
def test_every_kind_of_value(value: str, opener: FuturesOpener) -> None:
    """In a form, in JSON inside of a form, in a query and in a path; as typed calls and as generic ones send them."""
    transport = FakeTransport(ANSWER)
    client = opener(transport=transport)
    client.order_management.send_order(**ORDER, cliOrdId=value)
    client.order_management.send_batch_order(batchOrder=[{"order": "cancel", "cliOrdId": value}])
    client.order_management.get_order_status(cliOrdIds=[value, "x"])
    client.account_history.get_order_events(tradeable=value)
    client.request("POST", f"{V3}/sendorder", {"cliOrdId": value, "list": [value, 1]})
    client.request("GET", f"{V3}/fills", query_params={"a": value, "b": [value, 0.1]})
    client.request("PUT", f"{V3}/leveragepreferences", {"symbol": value}, {"more": value})
    for request in transport.requests:
        assert request.headers["Authent"] == signature(request)
        request.target.encode("ascii")


def test_json_bodies_are_signed_as_they_are(opener: FuturesOpener) -> None:
    transport = FakeTransport(reply(offerUid="a"))
    client = opener(transport=transport)
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        client.rfq.place_rfq_offer_legacy_path(rfqUid="5e1f0c2a-0001-4d7b-9a31-0c4d5e6f7a81", bid="100.50", ask=None)
    assert transport.last.body == b'{"bid":100.50}'
    assert transport.last.headers["Content-Type"] == "application/json"
    assert transport.last.headers["Authent"] == signature(transport.last)


def test_nonces_of_ones_own(opener: FuturesOpener) -> None:
    transport, nonces = FakeTransport(ANSWER), iter([7, 8])
    client = opener(transport=transport, nonce=lambda: next(nonces))
    client.account_information.get_accounts()
    client.order_management.send_order(**ORDER)
    assert [request.headers["Nonce"] for request in transport.requests] == ["7", "8"]
    assert b"once" not in transport.last.body
    assert all(request.headers["Authent"] == signature(request) for request in transport.requests)


def test_public_calls_are_not_signed(opener: FuturesOpener) -> None:
    transport = FakeTransport(reply(tickers=[]))
    opener(transport=transport).market_data.get_tickers(contractType=["futures_inverse", "flexible_futures"])
    assert not {"APIKey", "Authent", "Nonce"} & set(transport.last.headers)
    assert transport.last.target == f"{V3}/tickers?contractType=futures_inverse&contractType=flexible_futures"


def test_preparing_is_what_requesting_sends(opener: FuturesOpener) -> None:
    transport = FakeTransport(sent())
    client = opener(transport=transport)
    prepared = client.prepare("POST", f"{V3}/sendorder", {"size": 1}, {"processBefore": "a b"})
    client.request("POST", f"{V3}/sendorder", {"size": 1}, {"processBefore": "a b"})
    assert prepared == transport.last
    assert (prepared.target, prepared.body) == (f"{V3}/sendorder?processBefore=a+b", b"size=1")


def test_private_calls_without_credentials(opener: FuturesOpener) -> None:
    transport = FakeTransport()
    client = opener("", "", transport=transport)
    for call in (client.account_information.get_accounts, lambda: client.request("GET", f"{V3}/accounts")):
        with pytest.raises(CredentialsError, match="needs an API key and its secret"):
            call()
    assert transport.requests == []
